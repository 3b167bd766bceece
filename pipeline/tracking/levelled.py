"""Turns a reference into one that stands on flat soles: ankles level the feet that carry, the root keeps them down.

A light repair. A plan (:mod:`~pipeline.tracking.plan`) stands still and is balanced too, but moves the body far more;
whoever balances by looking ahead needs only soles that can push. Human feet roll over heel and toe, those of robots
that copy them end up on an edge, and on an edge nothing stands.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Int
from scipy.ndimage import binary_dilation, gaussian_filter1d
from scipy.spatial.transform import Rotation

from pipeline.tracking.reference import Feet, Reference
from robots.arrays import check_settings
from robots.kinematics import link_poses
from robots.model import RobotModel


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelConfig:
    """How gently soles are levelled and put on the floor."""

    blend_s: float = 0.06
    """Spread of the Gaussian over which a foot becomes level before it carries and stops being so after [s]."""
    early_s: float = 0.0
    """Time before and after a stance in which the foot is already, or still, level [s]."""
    calm_s: float = 0.02
    """Spread of the Gaussian that smooths what the ankles change, whose limits would leave kinks [s]."""
    ground_s: float = 0.08
    """Spread of the Gaussian that smooths what the root's height changes [s]."""

    def __post_init__(self) -> None:
        """Check the ranges."""
        check_settings(self)


def levelled(reference: Reference, robot: RobotModel, config: LevelConfig | None = None) -> Reference:
    """Level the soles that carry by the joints of the ankles, then put the lowest of them on the floor.

    Only the ankles and the root's height change; in flight the height is led over from stance to stance. An ankle at
    its limit leaves the rest of a tilt. A reference without contact, or with flat soles on the floor, is returned as
    it is.

    Args:
        reference: What to stay near.
        robot: Its ankles pitch about the shin's y axis and then roll about the foot's length, as the G1's do.
        config: Settings; defaults when left out.
    """
    config = config or LevelConfig()
    if not reference.contact.any():
        return reference
    hz = reference.hz
    ankles = ankle_joints(robot)
    turn = _ankle_changes(reference, robot, ankles, config)
    qpos = reference.qpos.copy()
    qpos[:, 7 + ankles] += turn
    rise = _rise(Feet.of(robot, qpos), reference, config.ground_s * hz)
    qpos[:, 2] += rise
    # Both changes are of coordinates whose rate is the velocity itself, so the reference's own derivatives stay exact.
    changed, change = np.concatenate([[2], 6 + ankles.ravel()]), np.column_stack([rise, turn.reshape(len(turn), -1)])
    qvel, qacc = reference.qvel.copy(), reference.qacc.copy()
    rate = np.gradient(change, 1 / hz, axis=0)
    qvel[:, changed] += rate
    qacc[:, changed] += np.gradient(rate, 1 / hz, axis=0)
    feet = Feet.of(robot, qpos)
    return replace(
        reference,
        qpos=qpos,
        qvel=qvel,
        qacc=qacc,
        sole_pos_w=feet.sole_pos_w,
        foot_pos_w=feet.pos_w,
        foot_rot_w=feet.rot_w,
        com_pos_w=feet.com_pos_w,
    )


def ankle_joints(robot: RobotModel) -> Int[np.ndarray, "2 2"]:
    """Return the columns of pitch and roll, of the left and of the right ankle, among the joints."""
    model = robot.mj_model()
    roll = np.array([model.body(name).id for name in robot.foot_body_names])
    joint = np.stack([model.body_jntadr[model.body_parentid[roll]], model.body_jntadr[roll]], axis=1)
    return model.jnt_qposadr[joint] - 7


def _ankle_changes(
    reference: Reference, robot: RobotModel, ankles: Int[np.ndarray, "2 2"], config: LevelConfig
) -> Float[np.ndarray, "n 2 2"]:
    """What pitch and roll of both ankles have to change [rad]."""
    hz, now = reference.hz, reference.qpos[:, 7 + ankles]
    wanted = np.clip(_level_angles(reference, robot), robot.joint_lower[ankles], robot.joint_upper[ankles])
    early = round(config.early_s * hz)
    carries = binary_dilation(reference.contact, np.ones((2 * early + 1, 1))) if early else reference.contact
    share = gaussian_filter1d(carries.astype(float), config.blend_s * hz, axis=0, mode="nearest")
    turn = gaussian_filter1d(share[..., None] * (wanted - now), config.calm_s * hz, axis=0, mode="nearest")
    return np.clip(now + turn, robot.joint_lower[ankles], robot.joint_upper[ankles]) - now


def _level_angles(reference: Reference, robot: RobotModel) -> Float[np.ndarray, "n 2 2"]:
    """Pitch and roll of both ankles that would turn the soles' normals upright [rad].

    With the vertical v in the shin's axes, R_y(pitch) R_x(roll) e_z = v.
    """
    model = robot.mj_model()
    shins = [
        model.body_parentid[model.body_parentid[model.body(name).id]] - 1  # poses leave the world out
        for name in robot.foot_body_names
    ]
    quat = link_poses(robot, reference.qpos)[1][:, shins]
    shin = Rotation.from_quat(quat.reshape(-1, 4), scalar_first=True).as_matrix().reshape(-1, 2, 3, 3)
    x, y, z = np.moveaxis(shin[..., 2, :], -1, 0)
    return np.stack([np.arctan2(x, z), -np.arcsin(np.clip(y, -1.0, 1.0))], axis=-1)


def _rise(feet: Feet, reference: Reference, width: float) -> Float[np.ndarray, " n"]:
    """What the root's height has to change for the lowest sole that carries to be on the floor [m]."""
    lowest = np.where(reference.contact, feet.height, np.inf).min(axis=1)
    stood = np.flatnonzero(np.isfinite(lowest))
    height = np.interp(np.arange(len(lowest)), stood, lowest[stood])
    return -gaussian_filter1d(height, width, mode="nearest")
