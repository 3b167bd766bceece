"""Turns the camera's rotation over time into where it was jolted, so that a rolling shutter bends the picture.

A phone reads a picture row by row within 1/60 to 1/30 s, which at 30 Hz is half of the time to the next picture, or
all of it. While the camera turns by an angle w from picture to picture, the lowest row is taken up to w later than the
topmost, and shifted by w times the focal length: the picture is sheared or stretched by that much across its height,
and a person in it leans. What a steady pan does so is the same in every picture; a jolt's comes and goes.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float
from scipy.ndimage import median_filter
from scipy.spatial.transform import Rotation

MAX_JOLT = 0.01
"""Shift between the topmost and the lowest row that comes and goes, as a share of the picture's height, up to which a
camera is not shaken: 7 px of 720 with a readout of 1/30 s at 30 Hz, 3.6 px with 1/60 s; a person leans by 0.6 deg."""

MAX_TURN = 0.05
"""The same for a shift that stays: 36 px of 720 at 1/30 s; a person leans by 2.9 deg. At 30 Hz this is a pan of about
50 deg/s with a phone's usual lens."""

_CALM = 15
"""A change of speed that lasts longer than half of this many pictures is a pan that starts or ends, no jolt."""


def find_shaken(
    R_w2c: Float[np.ndarray, "pictures 3 3"],
    measured: Bool[np.ndarray, " pictures"],
    *,
    focal_per_height: Float[np.ndarray, " pictures"],
    bend: Float[np.ndarray, " pictures"],
    times: Float[np.ndarray, " pictures"] | None = None,
) -> Bool[np.ndarray, " pictures"]:
    """Return the pictures before or after which the camera is jolted, or that are seen to be bent by it.

    Args:
        R_w2c: Rotations.
        measured: Where they are known; elsewhere nothing is said.
        focal_per_height: Focal length in units of the picture's height.
        bend: Shift of the lowest row against the topmost, unlike the neighbouring pictures', that was seen, as a
            share of the picture's height.
        times: Time of each picture [s]; evenly spaced if not given.
    """
    n = len(R_w2c)
    shaken = np.zeros(n, dtype=bool)
    if n < 3:
        return shaken
    step = _turns(R_w2c, times) * 0.5 * (focal_per_height[1:] + focal_per_height[:-1])[:, None]
    usual = median_filter(step, size=(_CALM, 1), mode="nearest")
    size = np.linalg.norm(step, axis=1)
    # A picture that is repeated makes a step of nothing, and one that was left out doubles the next step.
    left_out = np.linalg.norm(0.5 * step - usual, axis=1) < 0.25 * size
    jolted = (np.linalg.norm(step - usual, axis=1) > MAX_JOLT) & (size > MAX_JOLT) & ~left_out
    rough = jolted | (size > MAX_TURN)
    rough &= measured[1:] & measured[:-1]
    shaken[1:] |= rough
    shaken[:-1] |= rough
    return shaken | ((np.abs(bend) > MAX_JOLT) & measured)


def _turns(
    R_w2c: Float[np.ndarray, "pictures 3 3"], times: Float[np.ndarray, " pictures"] | None
) -> Float[np.ndarray, "steps 3"]:
    """Turn from picture to picture as a rotation vector, over the time that usually passes between them [rad]."""
    turn = Rotation.from_matrix(R_w2c[1:] @ np.swapaxes(R_w2c[:-1], 1, 2)).as_rotvec()
    if times is None:
        return turn
    passed = np.diff(times)
    return turn * (np.median(passed) / np.maximum(passed, 1e-9))[:, None]
