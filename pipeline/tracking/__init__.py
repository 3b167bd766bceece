"""Lets the simulated robot follow a motion, with and without help at its root; measures, judges nothing."""
