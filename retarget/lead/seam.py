"""Turns the first frames of a clip into what a lead has to meet there, or into the reason why none can."""

from __future__ import annotations

from typing import NamedTuple

import mujoco
import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import Rotation

from retarget.lead.config import LeadConfig
from retarget.lead.curves import Ends, ends_of
from retarget.lead.exceptions import NoLead
from retarget.lead.standing_robot import FootPoses, StandingRobot, to_mujoco

FRAMES = 3
"""Frames that tell place, speed and acceleration."""

SIDES = ("left", "right")
_LYING_RAD = np.deg2rad(60.0)
"""Lean of the base beyond which a robot does not stand."""
_RESTING_HEIGHT_M, _RESTING_TILT_RAD, _RESTING_SPEED = 0.008, np.deg2rad(5.0), 0.03
"""A foot that lies on the floor so flat and still stands there, whatever its label [m, rad, m/s]."""
_UNKNOWN_HEIGHT_M = 0.03
"""A foot of unknown label stands if it is this low, and as slow as a foot that bears weight may be [m]."""
_SLIDING_SPEED = 0.15
"""A foot that bears weight and moves faster is not standing [m/s]."""


class SeamFoot(NamedTuple):
    """One foot where the clip begins."""

    down: bool
    """It bears weight."""
    yaw: float
    """Heading of its footprint [rad]."""
    pivot_b: Float[np.ndarray, " 3"]
    """What it stands on, or the link's origin, in the link's frame [m]."""
    pivot: Ends
    """Where that is [m]."""
    tilt: Ends
    """Rotation vector from the flat foot of that heading, in its axes [rad]."""
    turn: Ends
    """Rotation vector from the base, in its axes [rad]."""


class Seam(NamedTuple):
    """The first frames of a clip."""

    q: Float[np.ndarray, "3 nq"]
    """Pinocchio's configurations."""
    fps: float
    com: Ends
    """Centre of mass [m]."""
    feet: tuple[SeamFoot, SeamFoot]

    @property
    def height(self) -> Ends:
        """Height of the base [m]."""
        return ends_of(self.q[:, 2:3], self.fps)

    def joints(self, columns: np.ndarray) -> Ends:
        """Angles of some joints [rad]."""
        return ends_of(self.q[:, 7 + columns], self.fps)

    def lean(self, yaw: float) -> Ends:
        """Rotation vector of the base from upright with that heading, in its axes [rad]."""
        return ends_of(_rotation_vectors(Rotation.from_euler("z", yaw), Rotation.from_quat(self.q[:, 3:7])), self.fps)


def read_seam(
    standing: StandingRobot,
    q: Float[np.ndarray, "frames nq"],
    foot_contact: Float[np.ndarray, "frames 2"],
    fps: float,
    config: LeadConfig,
) -> Seam:
    """Read what a lead has to meet.

    Args:
        standing: The robot.
        q: Pinocchio's configurations of the clip.
        foot_contact: Probability that each foot bears weight.
        fps: Frames per second [1/s].
        config: Settings.

    Raises:
        NoLead: The clip begins in no stance.
    """
    if len(q) < FRAMES:
        raise NoLead(f"the clip has {len(q)} frames; {FRAMES} tell how it begins")
    first = q[:FRAMES]
    lean = np.arccos(np.clip(Rotation.from_quat(first[0, 3:7]).as_matrix()[2, 2], -1, 1))
    if lean > _LYING_RAD:
        raise NoLead(f"the base leans by {np.rad2deg(lean):.0f} degrees: the robot is not upright there")
    poses = [standing.feet(row) for row in first]
    base = Rotation.from_quat(first[:, 3:7])
    feet = [_foot(standing, base, poses, side, float(foot_contact[0, side]), fps, config) for side in (0, 1)]
    if part := _other_part_on_floor(standing, first[0]):
        raise NoLead(f"'{part}' touches the floor there")
    if not any(foot.down for foot in feet):
        raise NoLead("neither foot bears weight there")
    com = ends_of(np.array([standing.com(row) for row in first]), fps)
    return Seam(first, fps, com, (feet[0], feet[1]))


def _foot(
    standing: StandingRobot,
    base: Rotation,
    poses: list[FootPoses],
    side: int,
    label: float,
    fps: float,
    config: LeadConfig,
) -> SeamFoot:
    """Read one foot.

    Raises:
        NoLead: It is said to bear weight, and cannot.
    """
    rot, pos = np.array([pose.rot[side] for pose in poses]), np.array([pose.pos[side] for pose in poses])
    corners = standing.robot.sole_points_b
    pivot_b = corners[int((corners @ rot[0].T)[:, 2].argmin())].copy()
    yaw = float(np.arctan2(rot[0, 1, 0], rot[0, 0, 0]))
    pivot = ends_of(pos + rot @ pivot_b, fps)
    height, speed = float(pivot.pos[2]), float(np.linalg.norm(pivot.vel))
    tilt = float(np.arccos(np.clip(rot[0, 2, 2], -1, 1)))
    flat = abs(height) < _RESTING_HEIGHT_M and tilt < _RESTING_TILT_RAD and speed < _RESTING_SPEED
    low = height < _UNKNOWN_HEIGHT_M and speed < _SLIDING_SPEED
    down = label > 0.5 or flat or (label == 0.5 and low)
    if down and abs(height) > config.max_penetration_m:
        where = "under" if height < 0 else "above"
        raise NoLead(f"the {SIDES[side]} foot bears weight {1e3 * abs(height):.0f} mm {where} the floor there")
    if down and speed > _SLIDING_SPEED:
        raise NoLead(f"the {SIDES[side]} foot slides at {speed:.2f} m/s there while it bears weight")
    if not down:
        pivot_b, pivot = np.zeros(3), ends_of(pos, fps)
    tilts, turns = (
        ends_of(_rotation_vectors(origin, Rotation.from_matrix(rot)), fps)
        for origin in (Rotation.from_euler("z", yaw), base)
    )
    return SeamFoot(down, yaw, pivot_b, pivot, tilts, turns)


def _rotation_vectors(origin: Rotation, rotation: Rotation) -> Float[np.ndarray, "frames 3"]:
    """From one rotation to others, in the axes of the first; neighbours on one branch of the logarithm."""
    vectors = (origin.inv() * rotation).as_rotvec()
    for i in range(1, len(vectors)):
        angle = np.linalg.norm(vectors[i])
        if angle > 0 and vectors[i] @ vectors[i - 1] < 0 and angle > np.pi / 2:
            vectors[i] *= 1.0 - 2.0 * np.pi / angle
    return vectors


def _other_part_on_floor(standing: StandingRobot, q: Float[np.ndarray, " nq"]) -> str | None:
    """Name a link, other than the feet, that touches the floor."""
    model = standing.robot.mj_model()
    data = mujoco.MjData(model)
    data.qpos[:] = to_mujoco(q[None])[0]
    mujoco.mj_kinematics(model, data)
    mujoco.mj_comPos(model, data)
    mujoco.mj_collision(model, data)
    for contact in data.contact[: data.ncon]:
        bodies = sorted(int(model.geom_bodyid[geom]) for geom in contact.geom)
        name = model.body(bodies[1]).name
        if bodies[0] == 0 and name not in standing.robot.foot_body_names:
            return name
    return None
