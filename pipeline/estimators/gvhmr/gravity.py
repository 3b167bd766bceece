"""Turns predictions in cameras and gravity views into the pelvis' rotation in one z-up world.

The camera's rotation against its first frame is known, so down in the first camera's axes is one direction for a whole
clip; no yaw has to be chained from frame to frame, and nothing drifts.
"""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Bool, Float

from pipeline.estimators.gvhmr.camera import camera_turn
from pipeline.estimators.gvhmr.config import GvhmrConfig
from pipeline.estimators.gvhmr.gravity_view import world_from_view
from pipeline.estimators.gvhmr.prediction import Prediction
from pipeline.estimators.landmark.so3 import rotation_between
from pipeline.evidence import Evidence
from robots.exceptions import InvalidArray

Y_UP_TO_Z_UP = np.array([[-1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, 1.0, 0.0]])
"""From the original's world (x the camera's left, z its view) to ours (x its right, y its view)."""
_VIEW_SHARE = 0.4
"""Share of the gravity view in where the pelvis sees up: its errors are as large as the camera's, and only
half of them are the same."""
_UNSEEN = 1e-3
"""Say of a frame in which nobody is seen, in those of others."""
STILL_CAMERA_RAD = np.deg2rad(0.5)
"""Turn below which a camera is said not to turn at all."""
_ROUNDS = 12
_OUTLIER = 0.10
"""Distance from the clip's direction beyond which a frame's own is doubted [rad]."""
_ROLLED = 0.1
"""Length of the horizontal part of the picture's x axis below which the view itself tells the heading."""


def root_in_world(
    prediction: Prediction, shown: Evidence, usable: Bool[np.ndarray, " frames"], config: GvhmrConfig
) -> tuple[Float[np.ndarray, "frames 3 3"], Float[np.ndarray, "frames 3 3"]]:
    """Return the pelvis' rotation and that of camera axes, both into the world.

    Raises:
        InvalidArray: The evidence brings a gravity without a direction.
    """
    if shown.gravity_c0 is not None:
        down = given_down(shown.gravity_c0)
    else:
        down = down_of_clip(down_of_frames(prediction, shown.R_w2c), usable + _UNSEEN)
    R_c2w = axes_of_world(down) @ shown.R_w2c.swapaxes(-1, -2)
    if config.gravity == "clip":
        root = R_c2w @ prediction.root_camera
        return (_tilted(root, prediction) if config.tilt == "both" else root), R_c2w
    root = _chained(prediction, shown, config)
    return root, root @ prediction.root_camera.swapaxes(-1, -2)


def _tilted(root: Float[np.ndarray, "frames 3 3"], prediction: Prediction) -> Float[np.ndarray, "frames 3 3"]:
    """Turn the pelvis, by the least angle, until up lies between where camera and gravity view have it."""
    by_camera, by_view = root[:, 2], -prediction.root_view[:, 1]
    up = (1.0 - _VIEW_SHARE) * by_camera + _VIEW_SHARE * by_view
    length = np.linalg.norm(up, axis=-1, keepdims=True)
    up = np.where(length > 1e-3, up / np.maximum(length, 1e-3), by_camera)
    return root @ rotation_between(up, by_camera)


def _chained(prediction: Prediction, shown: Evidence, config: GvhmrConfig) -> Float[np.ndarray, "frames 3 3"]:
    """Level each frame by itself and chain yaws, as the original does, right or shifted as shipped."""
    tensors = (torch.from_numpy(a) for a in (prediction.root_view, prediction.root_camera, shown.R_w2c.copy()))
    root_view, root_camera, R_w2c = tensors
    root, _ = world_from_view(
        root_view,
        root_camera,
        camera_turn(R_w2c),
        torch.zeros(len(root_view), 3, dtype=root_view.dtype),
        yaw_chain_shift=config.yaw_chain == "shipped",
    )
    return Y_UP_TO_Z_UP @ root.numpy()


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


def turn_of_camera(R_w2c: Float[np.ndarray, "frames 3 3"]) -> float:
    """Return how far the camera turns at most from its first frame [rad]."""
    cosine = 0.5 * (np.einsum("tij,ij->t", R_w2c, R_w2c[0]) - 1.0)
    return float(np.arccos(np.clip(cosine, -1.0, 1.0)).max())


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
