"""Faults of known place put into good motion, and how well the checks find them."""
