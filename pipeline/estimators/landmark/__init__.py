"""Estimator ``landmark``: one body with fixed bones, fitted to a whole clip of keypoints and landmarks."""

from pipeline.estimators.landmark.config import LandmarkConfig
from pipeline.estimators.landmark.landmark_estimator import LandmarkEstimator

__all__ = ["LandmarkConfig", "LandmarkEstimator"]
