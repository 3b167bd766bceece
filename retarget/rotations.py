"""Small batched rotation maths that SciPy's objects are too slow for, inside a loop over frames."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import Rotation


def rotation_log(matrices: Float[np.ndarray, "n 3 3"]) -> Float[np.ndarray, "n 3"]:
    """Rotation vectors [rad] of rotation matrices."""
    sine = 0.5 * np.stack(
        [
            matrices[:, 2, 1] - matrices[:, 1, 2],
            matrices[:, 0, 2] - matrices[:, 2, 0],
            matrices[:, 1, 0] - matrices[:, 0, 1],
        ],
        axis=1,
    )
    length = np.sqrt((sine * sine).sum(axis=1))
    cosine = 0.5 * (matrices[:, 0, 0] + matrices[:, 1, 1] + matrices[:, 2, 2] - 1.0)
    if cosine.min() < -0.99:  # near half a turn the antisymmetric part vanishes and says nothing of the axis
        return Rotation.from_matrix(matrices).as_rotvec()
    small = length < 1e-9
    scale = np.where(small, 1.0, np.arctan2(length, cosine) / np.where(small, 1.0, length))
    return sine * scale[:, None]
