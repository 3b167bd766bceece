"""Turns a robot motion, frame by frame, into heights, overlaps and the centre of mass (MuJoCo's kinematics).

Heights come from the collision geometry, never from body origins: a sole lies 35 mm under its ankle.
"""

from __future__ import annotations

from dataclasses import dataclass

import mujoco
import numpy as np
from jaxtyping import Float, Int

from robots.model import RobotModel

CHUNK = 2048
"""Frames whose geometry is held at once: bounds the memory for motions of any length."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CollidingPair:
    """Two bodies that interpenetrate somewhere in the motion."""

    bodies: tuple[str, str]
    n_frames: int
    """Frames in which they do."""
    depth: float
    """Deepest overlap [m]."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BodyGeometry:
    """Where the robot's collision geometry is, in each frame of a motion."""

    lowest_height: Float[np.ndarray, " frames"]
    """Height of the robot's lowest point over the floor [m]."""
    foot_height: Float[np.ndarray, "frames 2"]
    """Height of the lowest point of the left and right foot [m]."""
    other_height: Float[np.ndarray, " frames"]
    """Height of the lowest point of all the rest [m]."""
    foot_pos_w: Float[np.ndarray, "frames 2 3"]
    """Origins of the links that carry the soles [m]."""
    foot_rot_w: Float[np.ndarray, "frames 2 3 3"]
    """Orientations of these links."""
    com_pos_w: Float[np.ndarray, "frames 3"]
    """Centre of mass of the whole robot [m]."""
    self_collision_depth: Float[np.ndarray, " frames"]
    """Deepest overlap of two bodies [m], 0 without one."""
    pairs: tuple[CollidingPair, ...]
    """The colliding pairs, deepest first."""


def body_geometry(robot: RobotModel, qpos: Float[np.ndarray, "frames nq"]) -> BodyGeometry:
    """Compute the geometry of every frame. Pairs that the model excludes from collision are not looked at."""
    model = robot.mj_model()
    data = mujoco.MjData(model)
    feet = np.array([model.body(name).id for name in robot.foot_body_names])
    solid = np.flatnonzero((model.geom_bodyid > 0) & ((model.geom_contype | model.geom_conaffinity) > 0))
    on_foot = [np.flatnonzero(model.geom_bodyid[solid] == foot) for foot in feet]
    elsewhere = np.flatnonzero(~np.isin(model.geom_bodyid[solid], feet))
    n = len(qpos)
    other_height = np.empty(n)
    lowest, foot_height, depth = np.empty(n), np.empty((n, 2)), np.zeros(n)
    foot_pos, foot_rot, com_pos = np.empty((n, 2, 3)), np.empty((n, 2, 3, 3)), np.empty((n, 3))
    root = model.body(robot.body_names[0]).id
    overlaps: dict[tuple[int, int], list[float]] = {}
    for start in range(0, n, CHUNK):
        rows = range(start, min(start + CHUNK, n))
        geom_z = np.empty((len(rows), len(solid)))
        geom_down = np.empty((len(rows), len(solid), 3))
        for row, frame in enumerate(rows):
            data.qpos[:] = qpos[frame]
            mujoco.mj_kinematics(model, data)
            mujoco.mj_comPos(model, data)
            mujoco.mj_collision(model, data)
            com_pos[frame] = data.subtree_com[root]
            geom_z[row] = data.geom_xpos[solid, 2]
            geom_down[row] = -data.geom_xmat[solid, 6:9]
            foot_pos[frame], foot_rot[frame] = data.xpos[feet], data.xmat[feet].reshape(2, 3, 3)
            depth[frame] = _collect_overlaps(model, data, overlaps)
        reach = [_extent(model, geom, geom_down[:, k]) for k, geom in enumerate(solid.tolist())]
        lows = geom_z - np.column_stack(reach)
        lowest[rows.start : rows.stop] = lows.min(axis=1)
        other_height[rows.start : rows.stop] = lows[:, elsewhere].min(axis=1)
        for side, geoms in enumerate(on_foot):
            foot_height[rows.start : rows.stop, side] = lows[:, geoms].min(axis=1)
    return BodyGeometry(
        lowest_height=lowest,
        foot_height=foot_height,
        other_height=other_height,
        foot_pos_w=foot_pos,
        foot_rot_w=foot_rot,
        com_pos_w=com_pos,
        self_collision_depth=depth,
        pairs=_named_pairs(model, overlaps),
    )


def _collect_overlaps(
    model: mujoco.MjModel, data: mujoco.MjData, overlaps: dict[tuple[int, int], list[float]]
) -> float:
    """Add this frame's depth of every overlapping pair of bodies to its list; return the deepest [m]."""
    bodies: Int[np.ndarray, "contacts 2"] = model.geom_bodyid[data.contact.geom]
    depths: dict[tuple[int, int], float] = {}
    for pair, distance in zip(np.sort(bodies, axis=1).tolist(), data.contact.dist.tolist(), strict=True):
        if pair[0] > 0 and distance < 0:  # body 0 is the world: that is the floor
            key = (pair[0], pair[1])
            depths[key] = max(depths.get(key, 0.0), -distance)
    for key, deepest in depths.items():
        overlaps.setdefault(key, []).append(deepest)
    return max(depths.values(), default=0.0)


def _named_pairs(model: mujoco.MjModel, overlaps: dict[tuple[int, int], list[float]]) -> tuple[CollidingPair, ...]:
    pairs = (
        CollidingPair(bodies=(model.body(a).name, model.body(b).name), n_frames=len(depths), depth=max(depths))
        for (a, b), depths in overlaps.items()
    )
    return tuple(sorted(pairs, key=lambda pair: -pair.depth))


def _extent(model: mujoco.MjModel, geom: int, direction: Float[np.ndarray, "frames 3"]) -> Float[np.ndarray, " frames"]:
    """How far a geom reaches from its centre along a unit vector of its own frame (its support function) [m]."""
    kind, size = model.geom_type[geom], model.geom_size[geom]
    along = np.abs(direction)
    if kind == mujoco.mjtGeom.mjGEOM_SPHERE:
        return np.full(len(direction), size[0])
    if kind == mujoco.mjtGeom.mjGEOM_CAPSULE:
        return size[0] + size[1] * along[:, 2]
    if kind == mujoco.mjtGeom.mjGEOM_CYLINDER:
        return size[0] * np.hypot(along[:, 0], along[:, 1]) + size[1] * along[:, 2]
    if kind == mujoco.mjtGeom.mjGEOM_BOX:
        return along @ size
    if kind == mujoco.mjtGeom.mjGEOM_ELLIPSOID:
        return np.linalg.norm(along * size, axis=1)
    if kind == mujoco.mjtGeom.mjGEOM_MESH:
        mesh = model.geom_dataid[geom]
        first, count = model.mesh_vertadr[mesh], model.mesh_vertnum[mesh]
        return (direction @ model.mesh_vert[first : first + count].T).max(axis=1)
    raise ValueError(f"geom type {kind} of '{model.geom(geom).name}' has no support function here")
