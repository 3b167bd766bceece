"""Turns the raw output of BlazePose's single-shot detector into a few people with box and alignment points.

Anchors and decoding follow the published graph: 2254 anchors of unit size on grids of stride 8, 16 and 32 (2, 2 and 6
to a cell) over 224 x 224 pixels, and a non-maximum suppression that averages overlapping candidates weighted by score
instead of keeping one (Bazarevsky et al., "BlazeFace", 2019).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

INPUT_SIZE = 224
"""Side of the square the detector looks at [px]."""

_GRIDS = ((8, 2), (16, 2), (32, 6))  # stride [px], anchors per cell
_SAME_PERSON_IOU = 0.3


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Detection:
    """One person as the detector sees it, in whichever pixels the caller works."""

    score: float
    """Confidence in [0, 1]."""
    box: Float[np.ndarray, " 4"]
    """x0, y0, x1, y1: the face rather than the body."""
    points: Float[np.ndarray, "4 2"]
    """Alignment points: hip centre, whole-body radius, shoulder centre, upper-body radius."""


def anchor_centers() -> Float[np.ndarray, "2254 2"]:
    """Return the anchors' centres as fractions of the input, in the order of the network's rows."""
    layers = []
    for stride, per_cell in _GRIDS:
        cells = INPUT_SIZE // stride
        along = (np.arange(cells) + 0.5) / cells
        yy, xx = np.meshgrid(along, along, indexing="ij")
        layers.append(np.repeat(np.stack([xx.ravel(), yy.ravel()], axis=1), per_cell, axis=0))
    return np.concatenate(layers)


def decode_detections(
    raw_boxes: Float[np.ndarray, "2254 12"],
    raw_scores: Float[np.ndarray, " 2254"],
    anchors: Float[np.ndarray, "2254 2"],
    min_score: float,
) -> list[Detection]:
    """Return the people found, best first, in pixels of the 224 x 224 input.

    In float64 throughout: the first square decides those of all later frames, so a rounding here is seen clip-wide.
    """
    scores = sigmoid(raw_scores)
    keep = np.flatnonzero(scores >= min_score)
    keep = keep[np.argsort(-scores[keep], kind="stable")]
    raw = raw_boxes[keep].astype(np.float64) / INPUT_SIZE
    center, size = raw[:, :2] + anchors[keep], raw[:, 2:4]
    points = raw[:, 4:].reshape(-1, 4, 2) + anchors[keep, None]
    rows = np.concatenate([center - size / 2, center + size / 2, points.reshape(-1, 8)], axis=1) * INPUT_SIZE
    return _merge_overlapping(rows, scores[keep])


def _merge_overlapping(rows: Float[np.ndarray, "n 12"], scores: Float[np.ndarray, " n"]) -> list[Detection]:
    """Average each best candidate with all that overlap it, weighted by score; rows come best first."""
    found = []
    left = np.ones(len(rows), dtype=bool)
    while left.any():
        best = int(np.argmax(left))
        same = left & (box_iou(rows[:, :4], rows[best, :4]) > _SAME_PERSON_IOU)
        same[best] = True
        mean = np.average(rows[same], axis=0, weights=scores[same])
        found.append(Detection(score=float(scores[best]), box=mean[:4], points=mean[4:].reshape(4, 2)))
        left &= ~same
    return found


def box_iou(boxes: Float[np.ndarray, "*n 4"], box: Float[np.ndarray, " 4"]) -> Float[np.ndarray, "*n"]:
    """Return intersection over union of boxes x0, y0, x1, y1 with one box; empty boxes overlap nothing."""
    low = np.maximum(boxes[..., :2], box[:2])
    high = np.minimum(boxes[..., 2:], box[2:])
    shared = np.prod(np.clip(high - low, 0.0, None), axis=-1)
    area = np.prod(np.clip(boxes[..., 2:] - boxes[..., :2], 0.0, None), axis=-1)
    area_one = float(np.prod(np.clip(box[2:] - box[:2], 0.0, None)))
    return shared / np.maximum(area + area_one - shared, 1e-12)


def covered_share(boxes: Float[np.ndarray, "*n 4"], box: Float[np.ndarray, "*n 4"]) -> Float[np.ndarray, "*n"]:
    """Return the share of each of some boxes x0, y0, x1, y1 that one box, or one for each, covers; 0 of empty ones."""
    low = np.maximum(boxes[..., :2], box[..., :2])
    high = np.minimum(boxes[..., 2:], box[..., 2:])
    shared = np.prod(np.clip(high - low, 0.0, None), axis=-1)
    return shared / np.maximum(np.prod(np.clip(boxes[..., 2:] - boxes[..., :2], 0.0, None), axis=-1), 1e-12)


def sigmoid(logits: Float[np.ndarray, "*n"]) -> Float[np.ndarray, "*n"]:
    """Return 1 / (1 + exp(-x)) in float64, safe for any x."""
    return 1.0 / (1.0 + np.exp(-np.clip(np.asarray(logits, dtype=np.float64), -100.0, 100.0)))
