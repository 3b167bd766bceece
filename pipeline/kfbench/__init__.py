"""Demo videos whose truth is known, and how far the pipeline is from it."""

from pipeline.kfbench.demo import PIECES, DemoClip, render_clip, render_demo, stage_piece
from pipeline.kfbench.performance import perform
from pipeline.kfbench.score import EvidenceScore, MotionScore, score_evidence, score_motion
from pipeline.kfbench.truth import InvalidTruth, Truth, load_truth, save_truth

__all__ = [
    "PIECES",
    "DemoClip",
    "EvidenceScore",
    "InvalidTruth",
    "MotionScore",
    "Truth",
    "load_truth",
    "perform",
    "render_clip",
    "render_demo",
    "save_truth",
    "score_evidence",
    "score_motion",
    "stage_piece",
]
