"""Turns the frames of a lead into what is wrong with them: feet, floor, balance, limits, the robot's own parts."""

from __future__ import annotations

from typing import NamedTuple

import mujoco
import numpy as np
from jaxtyping import Bool, Float
from scipy.spatial import ConvexHull, QhullError

from retarget.clip_cost import GRAVITY
from retarget.lead.standing_robot import StandingRobot, to_mujoco

ARM_PARTS = ("shoulder", "elbow", "wrist")
"""What the names of an arm's links contain."""
ON_FLOOR_M = 0.005
"""A point of a sole no higher than this bears weight [m]."""


class LeadFigures(NamedTuple):
    """What was measured on frames; all of stances is of the frames in which a foot's label is 1."""

    skate: Float[np.ndarray, " frames"]
    """Speed along the floor of the fastest point of a sole that is on it in this frame and the next [m/s]."""
    sole_low_m: Float[np.ndarray, " frames"]
    """Height of the lowest point of both soles [m]."""
    sole_float_m: Float[np.ndarray, " frames"]
    """Height of the lowest point of the higher sole that bears weight [m]."""
    com_margin_m: Float[np.ndarray, " frames"]
    """Distance of the centre of mass from the rim of what bears weight, negative outside [m]."""
    zmp_margin_m: Float[np.ndarray, " frames"]
    """The same for the zero-moment point of a point mass there [m]."""


def lead_figures(
    standing: StandingRobot, q: Float[np.ndarray, "frames nq"], contact: Bool[np.ndarray, "frames 2"], fps: float
) -> LeadFigures:
    """Measure frames.

    Args:
        standing: The robot.
        q: Pinocchio's configurations.
        contact: Which feet bear weight.
        fps: Frames per second [1/s].
    """
    poses = [standing.feet(row) for row in q]
    points_b = standing.robot.sole_points_b
    points = np.array([points_b @ pose.rot.transpose(0, 2, 1) + pose.pos[:, None] for pose in poses])
    com = np.array([standing.com(row) for row in q])
    loaded = contact[:, :, None] & (points[..., 2] < ON_FLOOR_M)
    speed = np.linalg.norm(np.diff(points[..., :2], axis=0), axis=-1) * fps
    skate = np.where(loaded[:-1] & loaded[1:], speed, 0.0).max(axis=(1, 2), initial=0.0)
    low = points[..., 2].min(axis=2)
    acc = np.zeros_like(com)
    if len(com) > 2:
        acc[1:-1] = np.diff(com, n=2, axis=0) * fps**2
    zmp = com[:, :2] - com[:, 2:] * acc[:, :2] / (GRAVITY + acc[:, 2:])
    return LeadFigures(
        skate=np.append(skate, skate[-1:]),
        sole_low_m=low.min(axis=1),
        sole_float_m=np.where(contact, low, -np.inf).max(axis=1),
        com_margin_m=np.array([hull_margin(points[t][loaded[t]][:, :2], com[t, :2]) for t in range(len(q))]),
        zmp_margin_m=np.array([hull_margin(points[t][loaded[t]][:, :2], zmp[t]) for t in range(len(q))]),
    )


def hull_margin(points: Float[np.ndarray, "points _"], place: Float[np.ndarray, " 2"]) -> float:
    """Distance of a place from the rim of the hull of points on the floor, negative outside [m]."""
    return float(hull_margins(points, place[None])[0])


def hull_margins(
    points: Float[np.ndarray, "points _"], places: Float[np.ndarray, "places 2"]
) -> Float[np.ndarray, " places"]:
    """The same for many places over the same points."""
    nothing = np.full(len(places), -np.inf)
    if len(points) < 3:
        return nothing
    try:
        hull = ConvexHull(points)
    except QhullError:  # points on one line
        return nothing
    return -(places @ hull.equations[:, :2].T + hull.equations[:, 2]).max(axis=1)


class Collisions(NamedTuple):
    """Overlaps of the robot's own parts, or of any but a foot with the floor."""

    depth: Float[np.ndarray, " frames"]
    """Deepest in every frame [m]."""
    of_arms: Bool[np.ndarray, " frames"]
    """An arm is part of the deepest."""


def collisions(standing: StandingRobot, q: Float[np.ndarray, "frames nq"]) -> Collisions:
    """Find where the robot runs into itself."""
    model = standing.mj_model
    data = mujoco.MjData(model)
    feet = [model.body(name).id for name in standing.robot.foot_body_names]
    arms = {model.body(name).id for name in standing.robot.body_names if any(part in name for part in ARM_PARTS)}
    depth, of_arms = np.zeros(len(q)), np.zeros(len(q), dtype=bool)
    for t, row in enumerate(to_mujoco(q)):
        data.qpos[:] = row
        mujoco.mj_kinematics(model, data)
        mujoco.mj_comPos(model, data)
        mujoco.mj_collision(model, data)
        for contact in data.contact[: data.ncon]:
            bodies = [int(model.geom_bodyid[geom]) for geom in contact.geom]
            on_floor = 0 in bodies and set(bodies) & set(feet)
            if -contact.dist > depth[t] and not on_floor:
                depth[t], of_arms[t] = -contact.dist, bool(arms & set(bodies))
    return Collisions(depth, of_arms)
