"""Measured figures: `python -m benchmarks.NAME` from the root prints them with machine, versions and date."""
