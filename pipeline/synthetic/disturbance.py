"""What goes wrong in a clip, drawn once, so that keypoints and landmarks fail together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from pipeline.synthetic.point_sets import KEYPOINTS, LIMBS
from pipeline.synthetic.processes import spells, wandering
from pipeline.synthetic.tables import DetectorTables

_DRAG_S = 0.5  # a lost limb is put on one wrong thing, and stays there for about as long as it is lost


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Disturbance:
    """The chance part of a detector's errors over one or many clips, before it is given a size."""

    bias: Float[np.ndarray, "*batch 1 21 2"]
    """Constant part, variance 1."""
    unrest: Float[np.ndarray, "*batch frames 21"]
    """How much larger errors are than usual, variance 1."""
    wander: Float[np.ndarray, "*batch frames 21 2"]
    """Error with and without memory together, variance 1."""
    swapped: Bool[np.ndarray, "*batch frames 2"]
    """Where left and right arm, left and right leg are exchanged."""
    drag: Float[np.ndarray, "*batch frames 4 3"]
    """Where each of ``LIMBS`` is dragged to while it is lost, variance 1 per axis; 0 otherwise."""
    hidden: Bool[np.ndarray, "*batch frames 21"]
    """Which keypoints something hides."""


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
    n, table, faults = len(KEYPOINTS.names), tables.keypoints, tables.faults
    shape = (*batch, n_frames, n)
    of_limbs = (*batch, n_frames, len(LIMBS))
    lost = spells(of_limbs, per_s=faults.lost_per_s, lasting_s=faults.lost_s, fps=fps, rng=rng)
    whither = wandering((*batch, n_frames, 3 * len(LIMBS)), lasting_s=_DRAG_S, fps=fps, rng=rng)
    return Disturbance(
        bias=rng.standard_normal((*batch, 1, n, 2)),
        unrest=wandering(shape, lasting_s=tables.unrest_s, fps=fps, rng=rng),
        wander=wander(table.correlation, table.slow_share, shape, 2, lasting_s=table.slow_s, fps=fps, rng=rng),
        swapped=spells((*batch, n_frames, 2), per_s=faults.swap_per_s, lasting_s=faults.swap_s, fps=fps, rng=rng),
        drag=lost[..., None] * whither.reshape(*of_limbs, 3),
        hidden=np.zeros(shape, dtype=bool) if hidden is None else np.broadcast_to(hidden, shape),
    )


def wander(
    correlation: Float[np.ndarray, "points points"],
    slow_share: Float[np.ndarray, " points"],
    shape: tuple[int, ...],
    axes: int,
    *,
    lasting_s: float,
    fps: float,
    rng: np.random.Generator,
) -> Float[np.ndarray, "*batch frames points axes"]:
    """Draw errors of variance 1: a share with a memory, correlated between points, and a white rest."""
    *batch, n_frames, n = shape
    slow = wandering((*batch, n_frames, axes * n), lasting_s=lasting_s, fps=fps, rng=rng)
    mixed = slow.reshape(*batch, n_frames, axes, n) @ _root(correlation).T
    white = rng.standard_normal((*batch, n_frames, axes, n))
    both = np.sqrt(slow_share) * mixed + np.sqrt(1.0 - slow_share) * white
    return np.swapaxes(both, -1, -2)


def _root(correlation: np.ndarray) -> np.ndarray:
    """Return L with L L^T the correlation, made positive where rounding left it not quite so."""
    values, vectors = np.linalg.eigh(correlation)
    root = vectors * np.sqrt(np.maximum(values, 0.0))
    return root / np.maximum(np.linalg.norm(root, axis=1, keepdims=True), 1e-9)
