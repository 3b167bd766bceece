"""Turns authored arm directions into SMPL rotations of collar, shoulder, elbow and wrist."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import Rotation

from pipeline.kfbench.choreography import Arm, Foot
from pipeline.kfbench.tracks import rotation_track, value_track

ARM_JOINTS = ("collar", "shoulder", "elbow", "wrist")
"""Joints that :func:`arm_rotations` returns, in this order."""

_COLLAR_UP, _COLLAR_FORWARD = 0.22, 0.15  # share of the upper arm's elevation that the shoulder girdle takes
_MIRROR = np.array([1.0, -1.0, -1.0])  # of a rotation vector, through the sagittal plane


def arm_rotations(
    key_times: Float[np.ndarray, " keys"],
    arms: list[Arm],
    times: Float[np.ndarray, " samples"],
    *,
    side: Foot,
    lag_s: float,
) -> Float[np.ndarray, "samples 4 3 3"]:
    """Interpolate keyed arms and return the parent-relative rotations of :data:`ARM_JOINTS`.

    The elbow only bends and turns about the forearm, as an elbow does; half of the turn is the wrist's, as in the
    captured motions that SMPL poses come from.
    """
    upper = np.stack([_upper_arm(arm) for arm in arms])
    whole = rotation_track(key_times, upper, times)
    collar = _collar(whole[:, :, 0])
    bend = value_track(key_times + lag_s, np.array([_bend(arm) for arm in arms]), times)
    # Supination, the palm forward and up, is a negative turn about the left arm's axis.
    twist, wrist = np.radians(
        value_track(key_times + lag_s, np.array([(-arm.twist, arm.wrist) for arm in arms]), times)
    ).T
    rotations = np.stack(
        [
            collar,
            np.swapaxes(collar, 1, 2) @ whole,
            Rotation.from_euler("YX", np.stack([-bend, twist / 2.0], axis=1)).as_matrix(),
            Rotation.from_euler("XZ", np.stack([twist / 2.0, wrist], axis=1)).as_matrix(),
        ],
        axis=1,
    )
    if side == "left":
        return rotations
    vectors = Rotation.from_matrix(rotations.reshape(-1, 3, 3)).as_rotvec() * _MIRROR
    return Rotation.from_rotvec(vectors).as_matrix().reshape(rotations.shape)


def _unit(vector: tuple[float, float, float]) -> Float[np.ndarray, " 3"]:
    return np.array(vector) / np.linalg.norm(vector)


def _bend(arm: Arm) -> float:
    return float(np.arccos(np.clip(_unit(arm.upper) @ _unit(arm.fore), -1.0, 1.0)))


def _upper_arm(arm: Arm) -> Float[np.ndarray, "3 3"]:
    """Left upper arm in the chest's axes: x along the arm, z to where the forearm folds."""
    along, fore = _unit(arm.upper), _unit(arm.fore)
    fold = fore - (fore @ along) * along
    fold /= np.linalg.norm(fold)
    return np.stack([along, np.cross(fold, along), fold], axis=1)


def _collar(direction: Float[np.ndarray, "samples 3"]) -> Float[np.ndarray, "samples 3 3"]:
    up, forward = np.arcsin(np.clip(direction[:, 1], -1, 1)), np.arcsin(np.clip(direction[:, 2], -1, 1))
    # tanh: a hanging arm lets the girdle sink a little, not by a share of a right angle.
    lift = _COLLAR_UP * np.where(up > 0, up, np.tanh(up * 2.0) / 4.0)
    return Rotation.from_euler("ZY", np.stack([lift, -_COLLAR_FORWARD * forward], axis=1)).as_matrix()
