"""Turns a motion's lowest points into whether anything holds still on the floor; labels have no say in it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.spatial.transform import Rotation

from pipeline.measurement import Measurement, largest, share, spans_where
from pipeline.validation.body_geometry import CHUNK, BodyGeometry
from pipeline.validation.feet import sole_plate
from robots.contact_points import ContactRules, contact_points
from robots.differences import derivative
from robots.kinematics import link_poses
from robots.model import RobotModel

USUAL_PERCENTILE = 25
"""Height of the lowest point that stands for the floor: a run is in the air for more than half of its time."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Footing:
    """How fast the stillest of the points moves on which a robot on the floor might stand."""

    fps: float
    speed: Float[np.ndarray, " frames"]
    """Horizontal speed of that point, this frame to the next, NaN where the robot is not on the floor [m/s]."""

    @classmethod
    def of(
        cls,
        robot: RobotModel,
        qpos: Float[np.ndarray, "frames nq"],
        geometry: BodyGeometry,
        flying: Bool[np.ndarray, " frames"],
        *,
        fps: float,
        near: float,
        still_speed: float,
    ) -> Footing:
        """Look at every point of the soles that is low, and where none is still, at the rest of the robot.

        Args:
            robot: Whose motion.
            qpos: In the robot's order of joints.
            geometry: Of the same.
            flying: Frames of free flight, in which nothing holds the robot.
            fps: Frames per second [1/s].
            near: A robot whose lowest point is lower than this over its usual height is on the floor, and stands on
                points that are lower than this over the lowest [m].
            still_speed: A point that is slower holds still [m/s].
        """
        lowest = geometry.lowest_height
        floor = float(np.percentile(lowest, USUAL_PERCENTILE))
        down = (lowest < floor + near) & ~flying
        speed = _of_soles(geometry, sole_plate(robot.sole_points_b), near, fps)
        asked = np.flatnonzero(down & (speed >= still_speed) & (geometry.other_height < lowest + near))
        asked = asked[asked < len(qpos) - 1]
        for start in range(0, len(asked), CHUNK):
            frames = asked[start : start + CHUNK]
            others = _of_others(robot, qpos, frames, lowest[frames], near, fps)
            speed[frames] = np.minimum(speed[frames], others)
        speed[-1] = speed[-2] if len(speed) > 1 else 0.0  # there is no next frame
        return cls(fps=fps, speed=np.where(down, speed, np.nan))


def measure_footing(footing: Footing, *, still_speed: float) -> tuple[Measurement, ...]:
    """Measure how much, how long and how far a robot on the floor slides with everything that touches it.

    A foot that rolls, pivots or stands on its toes keeps a point still, and so does a knee or a hand that carries.

    Args:
        footing: Of the motion.
        still_speed: A point that is slower holds still [m/s].
    """
    moving = np.nan_to_num(footing.speed) > still_speed
    duration, way = np.zeros(len(moving)), np.zeros(len(moving))
    for start, stop in spans_where(moving):
        duration[start:stop] = (stop - start) / footing.fps
        way[start:stop] = footing.speed[start:stop].sum() / footing.fps
    return (
        share(
            "unheld_share", moving, "Share of frames in which the robot is on the floor and nothing there holds still"
        ),
        largest("unheld_duration", duration, "s", "Longest time on the floor in which nothing there holds still"),
        largest("unheld_way", way, "m", "Longest way along the floor in which nothing there holds still"),
    )


def _of_soles(
    geometry: BodyGeometry, plate_b: Float[np.ndarray, "points 3"], near: float, fps: float
) -> Float[np.ndarray, " frames"]:
    """Speed of the slowest low point of both soles, infinite where none is low [m/s]."""
    speed = np.empty(len(geometry.lowest_height))
    for start in range(0, max(len(speed) - 1, 1), CHUNK):
        part = slice(start, start + CHUNK + 1)  # one frame more, for the step into the next part
        rot_w, pos_w = geometry.foot_rot_w[part], geometry.foot_pos_w[part]
        places_w = np.einsum("fsij,pj->fspi", rot_w, plate_b) + pos_w[:, :, None]
        below = geometry.lowest_height[part, None, None] + near
        low = places_w[..., 2] < below
        low |= (geometry.foot_height[part, :, None] < below) & ~low.any(axis=2, keepdims=True)  # of a foot upside down
        moves = np.linalg.norm(derivative(places_w[..., :2], fps), axis=-1)
        slowest = np.where(low, moves, np.inf).min(axis=(1, 2))
        speed[start : start + len(slowest)] = slowest
    return speed


def _of_others(
    robot: RobotModel,
    qpos: Float[np.ndarray, "frames nq"],
    frames: Int[np.ndarray, " chosen"],
    lowest: Float[np.ndarray, " chosen"],
    near: float,
    fps: float,
) -> Float[np.ndarray, " chosen"]:
    """Speed of the slowest low point of all parts but the feet in some frames, infinite where none is low [m/s]."""
    rules = ContactRules(feet="labels", body_near=near)
    points = contact_points(robot, qpos[frames], np.zeros((len(frames), 2)), rules, float(lowest.max()))
    frame, body = points.frame, points.body
    pos_w, quat_w = link_poses(robot, qpos[frames])
    next_pos_w, next_quat_w = link_poses(robot, qpos[frames + 1])
    here = Rotation.from_quat(quat_w[frame, body], scalar_first=True)
    there = Rotation.from_quat(next_quat_w[frame, body], scalar_first=True)
    moved = there.apply(here.inv().apply(points.pos_w - pos_w[frame, body])) + next_pos_w[frame, body] - points.pos_w
    speed = np.full(len(frames), np.inf)
    low = points.pos_w[:, 2] < lowest[frame] + near
    np.minimum.at(speed, frame[low], np.linalg.norm(moved[low, :2], axis=1) * fps)
    return speed
