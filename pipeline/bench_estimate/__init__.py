"""Turns motions that are known into figures for every estimator: KF-Bench, on the level of keypoints or of pixels."""

from pipeline.bench_estimate.config import BenchConfig, StepListener
from pipeline.bench_estimate.keypoint_level import bench_estimators, bench_these
from pipeline.bench_estimate.pixel_level import bench_pixels, bench_watched

__all__ = ["BenchConfig", "StepListener", "bench_estimators", "bench_pixels", "bench_these", "bench_watched"]
