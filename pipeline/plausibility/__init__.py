"""Measures whether a human motion could have happened: balance, ground, feet, speeds. Judges nothing."""

from pipeline.plausibility.measure import PlausibilityConfig, measure_human

__all__ = ["PlausibilityConfig", "measure_human"]
