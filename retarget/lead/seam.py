"""Turns the first frames of a clip into what a lead has to meet there, or into the reason why none can."""

from __future__ import annotations

from typing import NamedTuple

import mujoco
import numpy as np
from jaxtyping import Float, Int
from scipy.spatial.transform import Rotation

from retarget.clip_cost import GRAVITY
from retarget.lead.check import hull_margin
from retarget.lead.config import LeadConfig
from retarget.lead.curves import Ends, ends_of
from retarget.lead.exceptions import NoLead
from retarget.lead.standing_robot import FootPoses, StandingRobot, to_mujoco

FRAMES = 3
"""Frames that tell place, speed and acceleration."""

SIDES = ("left", "right")
_LYING_RAD = np.deg2rad(60.0)
"""Lean of the base beyond which a robot does not stand."""
_RESTING_HEIGHT_M, _RESTING_SPEED = 0.025, 0.05
"""A foot so low and still stands there, whatever its label; where it hovers, it leaves the floor last of all [m, m/s].
"""
_RESTING_BEARS_M = 0.005
"""Below this one that is labelled otherwise bears weight [m]."""
_UNKNOWN_HEIGHT_M = 0.03
"""A foot of unknown label stands if it is this low, and as slow as a foot that bears weight may be [m]."""
_BEYOND_STANCE_M = 0.03
"""How far beyond the stance a capture point may lie; retargeted motion is not exact [m]."""
_AT_REST_SPEED = 0.1
"""A centre of mass that is slower is not refused for its speed [m/s]."""
_SLIDING_SPEED = 0.15
"""A foot that bears weight and moves faster is not standing [m/s]."""


class SeamFoot(NamedTuple):
    """One foot where the clip begins."""

    down: bool
    """It bears weight, or hovers so low and still that it stands."""
    bears: bool
    """It bears weight in the clip's own frames."""
    yaw: float
    """Heading of its footprint [rad]."""
    pivot_b: Float[np.ndarray, " 3"]
    """What is lowest of it, in the link's frame [m]."""
    tilt: Ends
    """Rotation vector from the flat foot of that heading, in its axes [rad]."""
    rot: Float[np.ndarray, "3 3 3"]
    """Orientation of the link in the first frames."""
    pos: Float[np.ndarray, "3 3"]
    """Origin of the link in the first frames [m]."""
    fps: float

    def held_place(self, point_b: Float[np.ndarray, " 3"]) -> Ends:
        """Where a point of the link is, at rest: a foot that bears weight stands, though the clip's may creep [m]."""
        return Ends(self.pos[0] + self.rot[0] @ point_b, np.zeros(3), np.zeros(3))

    @property
    def pivot(self) -> Ends:
        """Where the pivot is [m]; it rests if the foot is down."""
        moving = ends_of(self.pos + self.rot @ self.pivot_b, self.fps)
        return self.held_place(self.pivot_b) if self.down else moving


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

    def joints(self, columns: Int[np.ndarray, " n"]) -> Ends:
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
    feet = [_foot(standing, poses, side, float(foot_contact[0, side]), fps, config) for side in (0, 1)]
    if part := _other_part_on_floor(standing, first[0]):
        raise NoLead(f"'{part}' touches the floor there")
    if not any(foot.down for foot in feet):
        raise NoLead("neither foot bears weight there")
    com = ends_of(np.array([standing.com(row) for row in first]), fps)
    _check_from_rest(standing, poses[0], [foot.down for foot in feet], com)
    return Seam(first, fps, com, (feet[0], feet[1]))


def _check_from_rest(standing: StandingRobot, feet: FootPoses, down: list[bool], com: Ends) -> None:
    """Make sure that a robot at rest in this stance could have come to move like this without another step.

    Run backwards, it has to come to rest: its capture point, which is where it would have to step to stop (Pratt et
    al., "Capture Point", 2006), must lie on what bears weight.

    Raises:
        NoLead: It could not.
    """
    soles = [standing.robot.sole_points_b @ feet.rot[side].T + feet.pos[side] for side in (0, 1) if down[side]]
    backwards = com.pos - com.vel * np.sqrt(com.pos[2] / GRAVITY)
    if hull_margin(np.concatenate(soles)[:, :2], backwards[:2]) < -_BEYOND_STANCE_M:
        speed = float(np.linalg.norm(com.vel[:2]))
        raise NoLead(
            f"the centre of mass moves at {speed:.2f} m/s there, more than it could have from rest on that stance"
            if speed > _AT_REST_SPEED
            else "the centre of mass is not over what bears weight there"
        )


def _foot(
    standing: StandingRobot,
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
    pivot_b = lowest_corner(corners, rot[0])
    yaw = _flat_heading(rot[0])
    pivot = ends_of(pos + rot @ pivot_b, fps)
    height, speed = float(pivot.pos[2]), float(np.linalg.norm(pivot.vel))
    resting = abs(height) < _RESTING_HEIGHT_M and speed < _RESTING_SPEED
    low = height < _UNKNOWN_HEIGHT_M and speed < _SLIDING_SPEED
    down = label > 0.5 or resting or (label == 0.5 and low)
    if down and abs(height) > config.max_penetration_m:
        where = "under" if height < 0 else "above"
        raise NoLead(f"the {SIDES[side]} foot bears weight {1e3 * abs(height):.0f} mm {where} the floor there")
    if down and speed > _SLIDING_SPEED:
        raise NoLead(f"the {SIDES[side]} foot slides at {speed:.2f} m/s there while it bears weight")
    tilt = ends_of(_rotation_vectors(Rotation.from_euler("z", yaw), Rotation.from_matrix(rot)), fps)
    if down:  # it does not turn on the floor either
        tilt = Ends(tilt.pos, tilt.vel * [1.0, 1.0, 0.0], tilt.acc * [1.0, 1.0, 0.0])
    bears = label > 0.5 or (down and height < _RESTING_BEARS_M)
    return SeamFoot(down, bears, yaw, pivot_b, tilt, rot, pos, fps)


def _flat_heading(rot: Float[np.ndarray, "3 3"]) -> float:
    """Heading of a foot that is laid flat by the shortest turn, so that it does not spin on the floor [rad]."""
    normal = rot[:, 2]
    axis = np.cross(normal, [0.0, 0.0, 1.0])
    sine = np.linalg.norm(axis)
    angle = np.arctan2(sine, normal[2])
    flat = Rotation.from_rotvec(axis / max(sine, 1e-12) * angle).apply(rot[:, 0])
    return float(np.arctan2(flat[1], flat[0]))


def lowest_corner(corners_b: Float[np.ndarray, "points 3"], rot: Float[np.ndarray, "3 3"]) -> Float[np.ndarray, " 3"]:
    """Return the point of a turned sole that is nearest to the floor, in its link's frame [m]."""
    heights = np.round(
        (corners_b @ rot.T)[:, 2], 5
    )  # of corners as low as each other the first, come what rounding may
    return corners_b[int(heights.argmin())].copy()


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
    model = standing.mj_model
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
