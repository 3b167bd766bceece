"""From noisy rotations and paths to smooth ones, without taking anything from motion of a few cycles a second.

A Gaussian that halves the noise of a detector also takes a fifth off a movement of 2 Hz. The kernel here is of fourth
order, (3/2 - t^2 / 2 s^2) times the Gaussian: its response is flat at zero frequency, 1 + O(f^4) (Wand and Schucany,
"Gaussian-based kernels", Canadian Journal of Statistics 18, 1990).
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from scipy.ndimage import correlate1d
from scipy.spatial.transform import Rotation


def kernel(sigma: float) -> Float[np.ndarray, " taps"]:
    """Return the kernel of fourth order for a width in frames; one tap where the width is (nearly) none."""
    reach = int(4.0 * sigma + 0.5)
    t = np.arange(-reach, reach + 1) / max(sigma, 1e-9)
    weights = (1.5 - 0.5 * t**2) * np.exp(-0.5 * t**2)
    return weights / weights.sum()


def smooth_path(path: Float[np.ndarray, "frames ..."], sigma: float) -> Float[np.ndarray, "frames ..."]:
    """Return a path smoothed over time; beyond its ends it goes on as it came, mirrored in its last point."""
    weights = kernel(sigma)
    reach = min(len(weights) // 2, len(path) - 1)
    if reach == 0:
        return path
    before, after = 2 * path[:1] - path[reach:0:-1], 2 * path[-1:] - path[-2 : -reach - 2 : -1]
    padded = np.concatenate([before, path, after])
    return correlate1d(padded, weights, axis=0, mode="nearest")[reach : reach + len(path)]


def smooth_rotations(
    rotation: Float[np.ndarray, "frames *joints 3 3"], sigma: float
) -> Float[np.ndarray, "frames *joints 3 3"]:
    """Return rotations smoothed over time: the means, in the chordal metric, of their neighbours.

    Quaternions of neighbours are brought to one sign, averaged and made unit again (Markley et al., "Averaging
    quaternions", Journal of Guidance, Control and Dynamics 30, 2007, for quaternions that are close to one another).
    """
    if len(kernel(sigma)) == 1 or len(rotation) < 2:
        return rotation
    quat = continuous_quats(rotation)
    smooth = smooth_path(quat.reshape(len(quat), -1), sigma).reshape(quat.shape)
    return matrices_of_quats(smooth)


def continuous_quats(rotation: Float[np.ndarray, "frames *joints 3 3"]) -> Float[np.ndarray, "frames *joints 4"]:
    """Return unit quaternions (wxyz) that never change sign from one frame to the next."""
    quat = quats_of_matrices(rotation)
    flips = np.where((quat[1:] * quat[:-1]).sum(axis=-1, keepdims=True) < 0.0, -1.0, 1.0)
    quat[1:] *= np.cumprod(flips, axis=0)
    return quat


def quats_of_matrices(rotation: Float[np.ndarray, "*batch 3 3"]) -> Float[np.ndarray, "*batch 4"]:
    """Return unit quaternions (wxyz)."""
    quat = Rotation.from_matrix(rotation.reshape(-1, 3, 3)).as_quat(scalar_first=True)
    return quat.reshape(*rotation.shape[:-2], 4)


def matrices_of_quats(quat_wxyz: Float[np.ndarray, "*batch 4"]) -> Float[np.ndarray, "*batch 3 3"]:
    """Return the rotations of quaternions of any length but zero."""
    matrix = Rotation.from_quat(quat_wxyz.reshape(-1, 4), scalar_first=True).as_matrix()
    return matrix.reshape(*quat_wxyz.shape[:-1], 3, 3)
