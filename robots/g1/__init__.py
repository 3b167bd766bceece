"""The Unitree G1, with all 29 joints or with the wrists locked (23)."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Literal, get_args

import mujoco
import numpy as np
from jaxtyping import Float

from robots.exceptions import UnknownName
from robots.g1.meshes import mesh_shapes
from robots.g1.mjcf import lock_joints, write_mjcf
from robots.g1.shapes import SHAPES
from robots.g1.table import (
    DEFAULT_JOINT_POS,
    FOOT_BODY_NAMES,
    LINKS,
    SOLE_CORNERS,
    SOLE_ENDS,
    SOLE_HEIGHT,
    WRIST_JOINTS,
    Link,
)
from robots.model import RobotModel

Variant = Literal["29dof", "23dof"]

__all__ = ["Variant", "load_g1"]


@cache
def load_g1(variant: Variant = "29dof", mesh_dir: Path | None = None) -> RobotModel:
    """Return the G1, made of primitives or dressed in Unitree's meshes; both collide alike.

    Args:
        variant: ``29dof``, or ``23dof`` with the wrists welded at zero (their mass stays).
        mesh_dir: Folder that :func:`robots.meshes.fetch_g1_meshes` filled; None for primitives.

    Raises:
        UnknownName: There is no such variant.
        MeshesMissing: Mesh files are not in ``mesh_dir``.
    """
    if variant not in get_args(Variant):
        raise UnknownName("G1 variant", variant, get_args(Variant))
    worn = {} if mesh_dir is None else mesh_shapes(mesh_dir)
    dressed = {link.name: SHAPES.get(link.name, ()) + worn.get(link.name, ()) for link in LINKS}
    links, shapes = lock_joints(LINKS, dressed, WRIST_JOINTS if variant == "23dof" else ())
    hinges = [link.hinge for link in links if link.hinge is not None]
    joint_pos = np.array([_default_angle(hinge.name) for hinge in hinges])
    soles = np.array([(x, y, SOLE_HEIGHT) for x, y in SOLE_CORNERS + SOLE_ENDS])
    height = _standing_height(links, joint_pos, soles)
    name = f"g1_{variant}"
    return RobotModel(
        name=name,
        mjcf=write_mjcf(name, links, shapes, _standing_qpos(height, joint_pos)),
        mesh_dir=mesh_dir,
        joint_names=tuple(hinge.name for hinge in hinges),
        body_names=tuple(link.name for link in links),
        joint_lower=np.array([hinge.range[0] for hinge in hinges]),
        joint_upper=np.array([hinge.range[1] for hinge in hinges]),
        velocity_limit=np.array([hinge.motor.velocity_limit for hinge in hinges]),
        velocity_limit_soft=np.array([hinge.motor.velocity_limit_soft for hinge in hinges]),
        effort_limit=np.array([hinge.motor.effort_limit for hinge in hinges]),
        effort_limit_soft=np.array([hinge.motor.effort_limit_soft for hinge in hinges]),
        default_joint_pos=joint_pos,
        default_root_height=height,
        foot_body_names=FOOT_BODY_NAMES,
        sole_points_b=soles,
    )


def _default_angle(joint: str) -> float:
    return next((angle for name, angle in DEFAULT_JOINT_POS.items() if joint.endswith(f"{name}_joint")), 0.0)


def _standing_qpos(height: float, joint_pos: Float[np.ndarray, " joints"]) -> Float[np.ndarray, " 7+joints"]:
    return np.concatenate([[0, 0, height, 1, 0, 0, 0], joint_pos])


def _standing_height(
    links: tuple[Link, ...], joint_pos: Float[np.ndarray, " joints"], soles: Float[np.ndarray, "points 3"]
) -> float:
    """Return how far the lowest sole point of the standing pose lies under the root [m]."""
    model = mujoco.MjModel.from_xml_string(write_mjcf("height", links, {}, _standing_qpos(0.0, joint_pos)))
    data = mujoco.MjData(model)
    mujoco.mj_resetDataKeyframe(model, data, model.key("default").id)
    mujoco.mj_kinematics(model, data)
    feet = [data.body(name) for name in FOOT_BODY_NAMES]
    return -min((soles @ foot.xmat.reshape(3, 3).T + foot.xpos)[:, 2].min() for foot in feet)
