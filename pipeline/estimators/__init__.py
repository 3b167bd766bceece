"""Estimators: from :class:`Evidence` to :class:`SmplMotion`, all behind one door."""

from pipeline.estimators.estimator import ESTIMATORS, Estimator
from pipeline.estimators.exceptions import TooLittleEvidence
from pipeline.estimators.gvhmr.config import GvhmrConfig
from pipeline.estimators.image_features import FeatureConfig, ImageFeatures
from pipeline.estimators.landmark import LandmarkConfig, LandmarkEstimator

__all__ = [
    "ESTIMATORS",
    "Estimator",
    "FeatureConfig",
    "GvhmrConfig",
    "ImageFeatures",
    "LandmarkConfig",
    "LandmarkEstimator",
    "TooLittleEvidence",
]
