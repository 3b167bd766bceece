"""The Unitree G1, with all 29 joints or with the wrists locked (23)."""

from __future__ import annotations

from functools import cache
from typing import Literal, get_args

import mujoco
import numpy as np
from jaxtyping import Float

from robots.exceptions import UnknownName
from robots.g1.mjcf import lock_joints, write_mjcf
from robots.g1.table import (
    DEFAULT_JOINT_POS,
    FOOT_BODY_NAMES,
    LINKS,
    SOLE_CORNERS,
    SOLE_ENDS,
    SOLE_HEIGHT,
    WRIST_JOINTS,
)
from robots.model import RobotModel

Variant = Literal["29dof", "23dof"]

__all__ = ["Variant", "load_g1"]


@cache
def load_g1(variant: Variant = "29dof") -> RobotModel:
    """Return the G1 made of primitives.

    Args:
        variant: ``29dof``, or ``23dof`` with the wrists welded at zero (their mass stays).

    Raises:
        UnknownName: There is no such variant.
    """
    if variant not in get_args(Variant):
        raise UnknownName("G1 variant", variant, get_args(Variant))
    links, shapes = lock_joints(LINKS, WRIST_JOINTS if variant == "23dof" else ())
    hinges = [link.hinge for link in links if link.hinge is not None]
    joint_pos = np.array([_default_angle(hinge.name) for hinge in hinges])
    name = f"g1_{variant}"
    soles = np.array([(x, y, SOLE_HEIGHT) for x, y in SOLE_CORNERS + SOLE_ENDS])
    height = _standing_height(write_mjcf(name, links, shapes, _standing_qpos(0.0, joint_pos)), soles)
    return RobotModel(
        name=name,
        mjcf=write_mjcf(name, links, shapes, _standing_qpos(height, joint_pos)),
        joint_names=tuple(hinge.name for hinge in hinges),
        body_names=tuple(link.name for link in links),
        default_joint_pos=joint_pos,
        default_root_height=height,
        foot_body_names=FOOT_BODY_NAMES,
        sole_points_b=soles,
        joint_lower=np.array([hinge.range[0] for hinge in hinges]),
        joint_upper=np.array([hinge.range[1] for hinge in hinges]),
        velocity_limit=np.array([hinge.motor.velocity_limit for hinge in hinges]),
        velocity_limit_soft=np.array([hinge.motor.velocity_limit_soft for hinge in hinges]),
        effort_limit=np.array([hinge.motor.effort_limit for hinge in hinges]),
        effort_limit_soft=np.array([hinge.motor.effort_limit_soft for hinge in hinges]),
    )


def _default_angle(joint: str) -> float:
    return next((angle for name, angle in DEFAULT_JOINT_POS.items() if joint.endswith(f"{name}_joint")), 0.0)


def _standing_qpos(height: float, joint_pos: Float[np.ndarray, "joints"]) -> Float[np.ndarray, "7+joints"]:
    return np.concatenate([[0, 0, height, 1, 0, 0, 0], joint_pos])


def _standing_height(mjcf: str, soles: Float[np.ndarray, "points 3"]) -> float:
    """Return how far the lowest sole point of the keyframe lies under the root [m]."""
    model = mujoco.MjModel.from_xml_string(mjcf)
    data = mujoco.MjData(model)
    mujoco.mj_resetDataKeyframe(model, data, model.key("default").id)
    mujoco.mj_kinematics(model, data)
    feet = [data.body(name) for name in FOOT_BODY_NAMES]
    return -min((soles @ foot.xmat.reshape(3, 3).T + foot.xpos)[:, 2].min() for foot in feet)
