"""The robot for a free view: its shapes as triangles in the frames of its links, and where the links are, by frame."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import mujoco
import numpy as np
from jaxtyping import Float, Int

from robots.g1 import Variant, load_g1
from robots.kinematics import link_poses, qpos_in_order
from robots.motion import RobotMotion

_ROUND = 20
"""Corners of a circle."""
_HIDDEN_GROUP = 3
"""MuJoCo's viewers show no geoms of this group or higher."""

Surface = tuple[Float[np.ndarray, "corners 3"], Int[np.ndarray, "triangles 3"]]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ShapeItem:
    """A shape of a link; triangles are seen from outside with their corners counter-clockwise."""

    vertices: Float[np.ndarray, " numbers"]
    """x, y, z of one corner after the other, in the frame of the link [m]."""
    triangles: Int[np.ndarray, " numbers"]
    """Three corners a triangle."""
    rgba: tuple[float, float, float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkItem:
    """A link of the robot."""

    name: str
    geoms: tuple[ShapeItem, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RobotItem:
    """A robot, to be drawn anywhere."""

    variant: Variant
    bodies: tuple[LinkItem, ...]
    """In the order of the poses."""


@cache
def robot_item(variant: Variant, mesh_dir: Path | None = None) -> RobotItem:
    """Return the shapes that MuJoCo's viewers show of a G1.

    Args:
        variant: Which.
        mesh_dir: Folder of Unitree's meshes; None for primitives.

    Raises:
        UnknownName: There is no such variant.
        MeshesMissing: Mesh files are not in ``mesh_dir``.
    """
    robot = load_g1(variant, mesh_dir)
    model = robot.mj_model()
    links = []
    for name in robot.body_names:
        body = model.body(name)
        geoms = range(int(body.geomadr[0]), int(body.geomadr[0]) + int(body.geomnum[0]))
        shown = tuple(_shape(model, geom) for geom in geoms if model.geom_group[geom] < _HIDDEN_GROUP)
        links.append(LinkItem(name=name, geoms=shown))
    return RobotItem(variant=variant, bodies=tuple(links))


def poses(motion: RobotMotion, variant: Variant) -> Float[np.ndarray, "frames bodies 7"]:
    """Return where every link is (x, y, z in m) and how it is turned (w, x, y, z), as little-endian float32.

    Raises:
        JointsDoNotMatch: The motion is another robot's.
    """
    robot = load_g1(variant)
    pos_w, quat_w = link_poses(robot, qpos_in_order(robot, motion))
    return np.concatenate([pos_w, quat_w], axis=-1).astype("<f4")


def _shape(model: mujoco.MjModel, geom: int) -> ShapeItem:
    points, triangles = _surface(model, geom)
    turn = np.empty(9)
    mujoco.mju_quat2Mat(turn, model.geom_quat[geom])
    placed = points @ turn.reshape(3, 3).T + model.geom_pos[geom]
    material = int(model.geom_matid[geom])
    rgba = model.geom_rgba[geom] if material < 0 else model.mat_rgba[material]
    red, green, blue, alpha = (round(float(part), 3) for part in rgba)
    return ShapeItem(vertices=placed.ravel(), triangles=triangles.ravel(), rgba=(red, green, blue, alpha))


def _surface(model: mujoco.MjModel, geom: int) -> Surface:
    """Return the surface of a geom in its own frame."""
    size, kind = model.geom_size[geom], model.geom_type[geom]
    if kind == mujoco.mjtGeom.mjGEOM_MESH:
        mesh = int(model.geom_dataid[geom])
        corners = slice(model.mesh_vertadr[mesh], model.mesh_vertadr[mesh] + model.mesh_vertnum[mesh])
        faces = slice(model.mesh_faceadr[mesh], model.mesh_faceadr[mesh] + model.mesh_facenum[mesh])
        return model.mesh_vert[corners].astype(float), model.mesh_face[faces].astype(int)
    if kind == mujoco.mjtGeom.mjGEOM_BOX:
        return _box(size)
    if kind == mujoco.mjtGeom.mjGEOM_CYLINDER:
        return _lathe(np.array([[0, -size[1]], [size[0], -size[1]], [size[0], size[1]], [0, size[1]]]))
    angle = np.linspace(-np.pi / 2, np.pi / 2, _ROUND // 2 + 1)
    arc = np.column_stack([np.cos(angle), np.sin(angle)])
    if kind == mujoco.mjtGeom.mjGEOM_SPHERE:
        return _lathe(arc * size[0])
    if kind == mujoco.mjtGeom.mjGEOM_CAPSULE:
        half = len(arc) // 2 + 1
        caps = [arc[:half] * size[0] - [0, size[1]], arc[half - 1 :] * size[0] + [0, size[1]]]
        return _lathe(np.concatenate(caps))
    if kind == mujoco.mjtGeom.mjGEOM_ELLIPSOID:
        points, triangles = _lathe(arc)
        return points * size, triangles
    raise NotImplementedError(f"no surface for MuJoCo's geom type {kind}: the G1 has none")


def _box(half: Float[np.ndarray, " 3"]) -> Surface:
    """Four corners a side, so that its edges stay sharp."""
    square = np.array([[-1, -1, 1], [1, -1, 1], [1, 1, 1], [-1, 1, 1]], dtype=float)
    points, triangles = [], []
    for axis in range(3):
        for sign in (1.0, -1.0):
            side = np.roll(square * [sign, 1, sign], axis + 1, axis=1)  # turned half about its own second axis
            triangles.append(np.array([[0, 1, 2], [0, 2, 3]]) + 4 * len(points))
            points.append(side * half)
    return np.concatenate(points), np.concatenate(triangles)


def _lathe(profile: Float[np.ndarray, "rings 2"]) -> Surface:
    """Turn a line of (radius, z), from below to above, about z."""
    angle = np.arange(_ROUND) * (2 * np.pi / _ROUND)
    radius, z = np.maximum(profile[:, 0], 0.0), profile[:, 1]
    rings = np.stack([radius[:, None] * np.cos(angle), radius[:, None] * np.sin(angle)], axis=-1)
    points = np.concatenate([rings, np.broadcast_to(z[:, None, None], (*rings.shape[:2], 1))], axis=-1)
    lower, here = np.meshgrid(np.arange(len(profile) - 1) * _ROUND, np.arange(_ROUND), indexing="ij")
    beside = (here + 1) % _ROUND
    a, b, c, d = lower + here, lower + beside, lower + _ROUND + beside, lower + _ROUND + here
    return points.reshape(-1, 3), np.concatenate(
        [np.stack([a, b, c], axis=-1).reshape(-1, 3), np.stack([a, c, d], axis=-1).reshape(-1, 3)]
    )
