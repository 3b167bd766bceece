"""What goes wrong in a clip, drawn once, so that keypoints and landmarks fail together."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from jaxtyping import Bool, Float

from pipeline.synthetic.point_sets import KEYPOINTS, LIMBS
from pipeline.synthetic.processes import wandering
from pipeline.synthetic.tables import DetectorTables, ErrorTable

_DRAG_S = 0.5  # a lost limb is put on one wrong thing, and stays there for about as long as it is lost


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Disturbance:
    """All chance in a detector's errors over one or many clips, before it is given a size."""

    bias: Float[np.ndarray, "*batch 1 21 2"]
    """Constant part of the keypoints' errors, variance 1."""
    unrest: Float[np.ndarray, "*batch frames 21"]
    """How much larger errors are than usual, variance 1."""
    wander: Float[np.ndarray, "*batch frames 21 2"]
    """Error with and without memory together, variance 1."""
    landmark_bias: Float[np.ndarray, "*batch 1 33 3"]
    """Constant part of the landmarks' errors, variance 1."""
    landmark_wander: Float[np.ndarray, "*batch frames 33 3"]
    """The landmarks' own error, variance 1."""
    landmark_size: Float[np.ndarray, "*batch 1 1"]
    """How large the landmarks' body is taken to be, variance 1."""
    confidence: Float[np.ndarray, "*batch frames 21"]
    """How sure the detector happens to be, variance 1."""
    trust: Float[np.ndarray, "*batch frames 21"]
    """How much the keypoints happen to be trusted, variance 1."""
    swap: Float[np.ndarray, "*batch frames 2"]
    """Low where left and right arm, left and right leg may be exchanged, variance 1."""
    loss: Float[np.ndarray, "*batch frames 4"]
    """Low where each of ``LIMBS`` may be lost, variance 1."""
    drag: Float[np.ndarray, "*batch frames 4 3"]
    """Where each of ``LIMBS`` is dragged to while it is lost, variance 1 per axis."""
    hidden: Bool[np.ndarray, "*batch frames 21"]
    """Which keypoints something hides."""

    def __getitem__(self, clips: int | slice | tuple[int | slice, ...]) -> Disturbance:
        """Return what goes wrong in some of the clips."""
        return Disturbance(**{field.name: getattr(self, field.name)[clips] for field in fields(self)})


def draw_disturbance(
    tables: DetectorTables,
    batch: tuple[int, ...],
    n_frames: int,
    *,
    fps: float,
    rng: np.random.Generator,
    hidden: Bool[np.ndarray, "*batch frames 21"] | None = None,
) -> Disturbance:
    """Draw what goes wrong in clips.

    Args:
        tables: How often and how long.
        batch: Number of clips, in as many dimensions as one likes.
        n_frames: Length of each.
        fps: Frames a second [1/s].
        rng: Source of chance.
        hidden: Keypoints that something hides; see :mod:`pipeline.synthetic.occlusion`.
    """
    n, faults = len(KEYPOINTS.names), tables.faults
    clips, shape = (*batch, n_frames), (*batch, n_frames, n)
    limbs = len(LIMBS)
    return Disturbance(
        bias=_constant(tables.keypoints, batch, rng),
        unrest=wandering(shape, lasting_s=tables.unrest_s, fps=fps, rng=rng, smooth_s=tables.unrest_smooth_s),
        wander=_wander(tables.keypoints, clips, fps, rng),
        landmark_bias=_constant(tables.landmarks, batch, rng),
        landmark_wander=_wander(tables.landmarks, clips, fps, rng),
        landmark_size=rng.standard_normal((*batch, 1, 1)),
        confidence=wandering(shape, lasting_s=tables.confidence.spread_s, fps=fps, rng=rng),
        trust=wandering(shape, lasting_s=tables.trust.spread_s, fps=fps, rng=rng),
        swap=wandering((*clips, 2), lasting_s=faults.swap_s, fps=fps, rng=rng, smooth_s=faults.swap_s / 2),
        loss=wandering((*clips, limbs), lasting_s=faults.lost_s, fps=fps, rng=rng, smooth_s=faults.lost_s / 2),
        drag=wandering((*clips, 3 * limbs), lasting_s=_DRAG_S, fps=fps, rng=rng).reshape(*clips, limbs, 3),
        hidden=np.zeros(shape, dtype=bool) if hidden is None else np.broadcast_to(hidden, shape),
    )


def _wander(
    table: ErrorTable, clips: tuple[int, ...], fps: float, rng: np.random.Generator
) -> Float[np.ndarray, "*batch frames points axes"]:
    """Draw errors of variance 1: a share with a long memory, correlated between points, and a rest."""
    points, axes = table.bias.shape
    shape = (*clips, axes * points)
    slow = wandering(shape, lasting_s=table.slow_s, fps=fps, rng=rng, smooth_s=table.smooth_s)
    mixed = _mixed(slow.reshape(*clips, axes, points), table, np.sqrt(table.slow_share))
    rest = wandering(shape, lasting_s=table.quick_s, fps=fps, rng=rng).reshape(mixed.shape)
    mixed += rest * np.sqrt(1.0 - table.slow_share).astype(np.float32)
    return np.ascontiguousarray(np.swapaxes(mixed, -1, -2))


def _constant(
    table: ErrorTable, batch: tuple[int, ...], rng: np.random.Generator
) -> Float[np.ndarray, "*batch 1 points axes"]:
    points, axes = table.bias.shape
    drawn = rng.standard_normal((*batch, 1, axes, points), dtype=np.float32)
    return np.swapaxes(_mixed(drawn, table, np.ones(points)), -1, -2)


def _mixed(
    values: Float[np.ndarray, "*batch axes points"], table: ErrorTable, size: Float[np.ndarray, " points"]
) -> Float[np.ndarray, "*batch axes points"]:
    """Correlate points and give each its size, axis by axis."""
    root = (table.root * size[:, None]).astype(np.float32)
    return np.stack([values[..., axis, :] @ root[axis].T for axis in range(len(root))], axis=-2)
