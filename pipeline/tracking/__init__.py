"""Lets the simulated robot follow a motion, with and without help at its root; measures, judges nothing."""

from pipeline.tracking.follow import FollowConfig, Followed, follow

__all__ = ["FollowConfig", "Followed", "follow"]
