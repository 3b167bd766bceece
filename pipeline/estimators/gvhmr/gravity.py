"""Turns predictions in cameras and gravity views into the pelvis' rotation in one z-up world.

The camera's rotation against its first frame is known, so down in the first camera's axes is one direction for a whole
clip; no yaw has to be chained from frame to frame, and nothing drifts.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from pipeline.estimators.gvhmr.prediction import Prediction
from robots.exceptions import InvalidArray

_ROUNDS = 12
_OUTLIER = 0.10
"""Distance from the clip's direction beyond which a frame's own is doubted [rad]."""
_ROLLED = 0.1
"""Length of the horizontal part of the picture's x axis below which the view itself tells the heading."""


def down_of_frames(prediction: Prediction, R_w2c: Float[np.ndarray, "frames 3 3"]) -> Float[np.ndarray, "frames 3"]:
    """Return where each frame sees down, in the first camera's axes."""
    # The view's y axis is down: in the pelvis' axes the second row of root_view, then into the camera.
    down_c = np.einsum("tij,tj->ti", prediction.root_camera, prediction.root_view[:, 1])
    return np.einsum("tji,tj->ti", R_w2c, down_c)


def down_of_clip(down: Float[np.ndarray, "frames 3"], weight: Float[np.ndarray, " frames"]) -> Float[np.ndarray, " 3"]:
    """Return the one direction that most frames agree with: a weighted mean that doubts outliers (Cauchy's weights)."""
    mean = _unit(weight @ down)
    for _ in range(_ROUNDS):
        apart = np.linalg.norm(down - mean, axis=-1)
        mean = _unit((weight / (1.0 + (apart / _OUTLIER) ** 2)) @ down)
    return mean


def axes_of_world(down_c0: Float[np.ndarray, " 3"]) -> Float[np.ndarray, "3 3"]:
    """Return the rotation from the first camera's axes to the z-up world whose x axis is the picture's, levelled.

    The y axis is then where the camera looks. A picture that is rolled by a right angle has no such x axis; its view
    tells the heading instead.
    """
    up = -down_c0
    right = np.array([1.0, 0.0, 0.0]) - up[0] * up
    if np.linalg.norm(right) < _ROLLED:
        right = np.cross([0.0, 0.0, 1.0], up)
    right = right / np.linalg.norm(right)
    return np.stack([right, np.cross(up, right), up])


def given_down(gravity_c0: Float[np.ndarray, " 3"]) -> Float[np.ndarray, " 3"]:
    """Return a direction of gravity that the evidence brings, as a unit vector.

    Raises:
        InvalidArray: It is zero.
    """
    if np.linalg.norm(gravity_c0) < 1e-6:
        raise InvalidArray("gravity_c0", problem="is zero and names no direction")
    return _unit(gravity_c0)


def _unit(vector: Float[np.ndarray, " 3"]) -> Float[np.ndarray, " 3"]:
    length = float(np.linalg.norm(vector))
    # Directions that cancel out say nothing; cameras are held upright.
    return vector / length if length > 1e-9 else np.array([0.0, 1.0, 0.0])
