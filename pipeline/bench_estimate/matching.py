"""Matches what the front end says of a video with who was filmed, in time and in the picture, and measures it.

A video may come back in parts, late, as somebody else, or not at all: each is found here, counted and said.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from pipeline.bench_estimate.views import View
from pipeline.camera import CameraPath
from pipeline.evidence import COCO17_NAMES, Evidence, FrameFlag
from pipeline.kfbench.bench_score import Tally

OVERLAP = 0.3
"""Two boxes are of one person from this quotient of intersection and union on."""

_MOST = 0.5  # share of a piece's frames that must be of the person
_TOLD_MISSING = 0.1  # share of frames from which on it is told that some are missing
_N_COCO = len(COCO17_NAMES)
_LIMBS = np.arange(5, _N_COCO)  # shoulders to ankles, left before right
_OTHER_SIDE = np.array([i + 1 if i % 2 else i - 1 for i in _LIMBS])
_SWAP_GAIN = 0.5  # left and right are exchanged where that halves the error ...
_SWAP_SHARE = 0.05  # ... which is this much of the person's height at least


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Piece:
    """A clip that the front end made of the person who was filmed."""

    evidence: Evidence
    frames: Int[np.ndarray, " frames"]
    """The truth's frame of each of its frames; outside of the truth where the video is longer."""
    right: Bool[np.ndarray, " frames"]
    """Where it shows that person."""

    @property
    def inside(self) -> slice:
        """Its frames that the truth has."""
        return slice(max(0, -int(self.frames[0])), len(self.frames))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Match:
    """What became of a view."""

    pieces: tuple[Piece, ...]
    """What is of the person, in order of time; none where the view is lost."""
    tally: dict[str, Tally]
    """By the keys of ``STAGE_METRICS``."""
    lost: tuple[str, ...]
    """What was lost, in sentences without the view's name."""
    whole: bool
    """Whether one piece holds nearly all of the view."""


def match(
    view: View, found: Sequence[Evidence], points_px: Float[np.ndarray, "frames 21 2"], *, known: bool = False
) -> Match:
    """Hold the clips that the front end made of a view against who was filmed.

    Args:
        view: What was filmed.
        found: The front end's clips, in pixels of the truth.
        points_px: The person's keypoints in each picture, COCO-17 then feet.
        known: All of it is of the person, wherever it lies: it was made from the truth.
    """
    n = len(points_px)
    pieces, wrong = [], np.zeros(n, dtype=bool)
    for evidence in found:
        piece = _piece(evidence, points_px, known=known)
        shown = _shown(evidence) & (piece.frames >= 0) & (piece.frames < n)
        if known or (shown.any() and piece.right.sum() >= _MOST * shown.sum()):
            pieces.append(piece)
        wrong[piece.frames[shown & ~piece.right]] = True
    pieces = pieces if known else _disjoint(pieces, n)
    seen = np.zeros(n, dtype=bool)
    for piece in pieces:
        seen[piece.frames[piece.right]] = True
    wrong &= ~seen
    tally = {
        "missed_pct": Tally(total=100.0 * float((~seen & ~wrong).sum()), weight=float(n)),
        "wrong_pct": Tally(total=100.0 * float(wrong.sum()), weight=float(n)),
        "lost_pct": Tally(total=100.0 * (not pieces), weight=1.0),
        **_errors(view, pieces, points_px),
    }
    whole = len(pieces) == 1 and float(seen.mean()) >= 1.0 - _TOLD_MISSING
    lost = _told(view, found, pieces, seen, wrong)
    return Match(pieces=tuple(pieces), tally=tally, lost=lost, whole=whole)


def boxes_of(points_px: Float[np.ndarray, "frames points 2"]) -> Float[np.ndarray, "frames 4"]:
    """Tight boxes round points: x0, y0, x1, y1."""
    return np.concatenate([points_px.min(axis=1), points_px.max(axis=1)], axis=1)


def overlap(a: Float[np.ndarray, "frames 4"], b: Float[np.ndarray, "frames 4"]) -> Float[np.ndarray, " frames"]:
    """Intersection over union of boxes."""
    sides = np.maximum(np.minimum(a[:, 2:], b[:, 2:]) - np.maximum(a[:, :2], b[:, :2]), 0.0)
    both = sides.prod(axis=1)
    areas = (a[:, 2:] - a[:, :2]).prod(axis=1) + (b[:, 2:] - b[:, :2]).prod(axis=1)
    return both / np.maximum(areas - both, 1e-9)


def _points(evidence: Evidence) -> Float[np.ndarray, "frames 21 2"]:
    return np.concatenate([evidence.kp2d[..., :2], evidence.foot_kp2d[..., :2]], axis=1)


def _shown(evidence: Evidence) -> Bool[np.ndarray, " frames"]:
    return (evidence.flags & FrameFlag.NO_PERSON) == 0


def _piece(evidence: Evidence, points_px: Float[np.ndarray, "frames 21 2"], *, known: bool) -> Piece:
    first = round(float(evidence.timestamps[0]) * evidence.fps)
    frames = first + np.arange(len(evidence))
    inside = (frames >= 0) & (frames < len(points_px))
    true = points_px[np.clip(frames, 0, len(points_px) - 1)]
    same = known | (overlap(boxes_of(_points(evidence)), boxes_of(true)) >= OVERLAP)
    return Piece(evidence=evidence, frames=frames, right=inside & _shown(evidence) & same)


def _disjoint(pieces: list[Piece], n: int) -> list[Piece]:
    """Of pieces at the same time keep the one that shows the person in more frames."""
    taken, kept = np.zeros(n, dtype=bool), []
    for piece in sorted(pieces, key=lambda piece: -int(piece.right.sum())):
        own = piece.frames[piece.right]
        if taken[own].mean() <= _MOST:
            kept.append(piece)
            taken[own] = True
    return sorted(kept, key=lambda piece: int(piece.frames[0]))


def _errors(view: View, pieces: Sequence[Piece], points_px: Float[np.ndarray, "frames 21 2"]) -> dict[str, Tally]:
    """Distances in the picture and of the camera's rotation, over the frames with the person."""
    sums = dict.fromkeys(("kp_px", "kp_pct", "swapped_pct", "camera_deg"), 0.0)
    weight = 0.0
    for piece in pieces:
        at = piece.frames[piece.right]
        true = points_px[at][:, :_N_COCO]
        kp = piece.evidence.kp2d[piece.right][..., :2]
        error = np.linalg.norm(kp - true, axis=-1)
        height = np.ptp(points_px[at][..., 1], axis=1)
        limbs = error[:, _LIMBS].mean(axis=1)
        exchanged = np.linalg.norm(kp[:, _OTHER_SIDE] - true[:, _LIMBS], axis=-1).mean(axis=1)
        swapped = (exchanged < _SWAP_GAIN * limbs) & (limbs > _SWAP_SHARE * height)
        sums["kp_px"] += float(error.mean(axis=1).sum())
        sums["kp_pct"] += float((100.0 * error.mean(axis=1) / height).sum())
        sums["swapped_pct"] += 100.0 * float(swapped.sum())
        sums["camera_deg"] += float(_turned_deg(piece, view.cameras).sum())
        weight += len(at)
    return {key: Tally(total=total, weight=weight) for key, total in sums.items()} if weight else {}


def _turned_deg(piece: Piece, camera: CameraPath) -> Float[np.ndarray, " right"]:
    """Angle between the measured and the true rotation of the camera, both since the piece's first good frame."""
    measured, true = piece.evidence.R_w2c[piece.right], camera.R_w2c[piece.frames[piece.right]]
    apart = (measured @ measured[0].T) @ np.swapaxes(true @ true[0].T, 1, 2)
    # From the sine of half the angle: the cosine of the whole cannot tell small ones apart.
    half = np.linalg.norm(apart - np.eye(3), axis=(1, 2)) / np.sqrt(8.0)
    return np.degrees(2.0 * np.arcsin(np.clip(half, 0.0, 1.0)))


def _told(
    view: View, found: Sequence[Evidence], pieces: Sequence[Piece], seen: np.ndarray, wrong: np.ndarray
) -> tuple[str, ...]:
    fps = view.clip.motion.fps
    told = []
    if not found:
        told.append("nobody was found")
    elif not pieces:
        told.append("only somebody else was followed, or the person's box was elsewhere")
    elif len(pieces) > len(view.shots):
        told.append(f"came back in {len(pieces)} parts, of {len(view.shots)} filmed")
    elif len(pieces) < len(view.shots):
        told.append(f"{len(view.shots)} shots were filmed, {len(pieces)} came back: one was lost, or a cut not seen")
    if wrong.any() and pieces:
        told.append(f"somebody else, or another place, for {wrong.sum() / fps:.1f} s of {len(seen) / fps:.1f} s")
    missing = float((~seen & ~wrong).mean())
    if pieces and missing > _TOLD_MISSING:
        told.append(f"the person is missing in {missing:.0%} of the frames")
    return tuple(told)
