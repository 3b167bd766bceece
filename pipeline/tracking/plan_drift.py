"""Turns stances that slide into a slow shift of the whole body, so that its feet can stay where they are.

A body whose feet stand still moves otherwise than one whose feet slide along: footholds and shift are found together,
as the least-squares answer to feet that should be at ``place + shift`` and may not move within a stance.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from scipy.sparse import block_array, coo_array, diags_array, eye_array
from scipy.sparse.linalg import splu

from retarget.spans import Span


def body_shift(
    stances: Sequence[Sequence[Span]],
    centre_w: Float[np.ndarray, "frames feet 2"],
    hz: float,
    *,
    price: float,
    time_s: float,
) -> Float[np.ndarray, "frames 2"]:
    """Return the horizontal shift of the body [m].

    Args:
        stances: Of each foot.
        centre_w: Where the feet are without a shift [m].
        hz: Frames per second [1/s].
        price: Of a shift against a foot that is as far off its foothold.
        time_s: How slowly the shift changes [s]: an acceleration costs what it moves in that time, squared.
    """
    n = len(centre_w)
    if n < 3:
        return np.zeros((n, 2))
    stiff = (time_s * hz) ** 4
    bend = eye_array(n - 2, n) - 2.0 * eye_array(n - 2, n, k=1) + eye_array(n - 2, n, k=2)
    diagonal, pull = np.full(n, price**2), np.zeros((n, 2))
    frames, holds, means = [], [], []
    for foot, spans in enumerate(stances):
        for span in spans:
            part = slice(*span)
            diagonal[part] += 1.0
            pull[part] -= centre_w[part, foot]
            frames.append(np.arange(*span))
            holds.append(np.full(span[1] - span[0], len(means)))
            means.append((span[1] - span[0], centre_w[part, foot].sum(axis=0)))
    if not means:
        return np.zeros((n, 2))
    row, column = np.concatenate(frames), np.concatenate(holds)
    cross = coo_array((-np.ones(len(row)), (row, column)), shape=(n, len(means)))
    counts = diags_array(np.array([count for count, _ in means], dtype=float))
    top = diags_array(diagonal) + stiff * (bend.T @ bend)
    matrix = block_array([[top, cross], [cross.T, counts]], format="csc")
    right = np.vstack([pull, [total for _, total in means]])
    return splu(matrix).solve(right)[:n]
