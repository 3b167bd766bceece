"""Turns a motion into one that begins and ends at rest in the robot's standing pose, its own frames untouched.

A lead-out is the lead-in of the motion run backwards: standing, stepping slowly and meeting a pose with its speed and
acceleration look the same in both directions of time.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float
from scipy.spatial.transform import Rotation

from retarget.lead.config import LeadConfig
from retarget.lead.exceptions import NoLead
from retarget.lead.seam import FRAMES, read_seam
from retarget.lead.search import find_lead
from retarget.lead.standing_robot import StandingRobot, to_mujoco, to_pin
from robots.kinematics import qpos_in_order
from robots.model import RobotModel
from robots.motion import RobotMotion

_ROUNDING = 1e-9
_SAME_POSE_RAD, _SAME_HEIGHT_M, _STILL = 0.01, 1e-3, 0.02
"""A motion that begins so near the standing pose, and so still, is led by nobody [rad, m, m/s and rad/s]."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LedMotion:
    """A motion with leads."""

    motion: RobotMotion
    """Lead-in, the motion as it was given, lead-out."""
    n_lead_in: int
    """Frames before the motion."""
    n_lead_out: int
    """Frames after it."""
    notes: tuple[str, ...]
    """Why there is no lead where one was wanted, in sentences."""

    def frames_at(self, fps: float) -> tuple[int, int]:
        """Return how many frames lead in and out once the whole is resampled to another rate."""
        ratio = fps / self.motion.fps
        last = len(self.motion) - 1
        after = int(np.floor(last * ratio + _ROUNDING)) - int(np.floor((last - self.n_lead_out) * ratio + _ROUNDING))
        return int(np.ceil(self.n_lead_in * ratio - _ROUNDING)), after


class _Lead(NamedTuple):
    """Frames that end one frame before the clip."""

    qpos: Float[np.ndarray, "frames nq"]
    contact: Bool[np.ndarray, "frames 2"]


def with_leads(motion: RobotMotion, robot: RobotModel, config: LeadConfig | None = None) -> LedMotion:
    """Put a lead-in before a motion and a lead-out after it.

    A lead begins at rest in the robot's standing pose, soles on the floor. The standing pose is placed and turned so
    that one of its feet stands where the clip's first stance has it. The weight goes over that foot, slowly enough that
    the zero-moment point stays on it; the other foot is lifted and put down, or raised to where the clip has it; and
    the clip's first pose is met with its speed and acceleration. Feet that bear weight stay where they are. Where that
    cannot be done, there is no lead, and a sentence says why.

    Args:
        motion: Of this robot.
        robot: The robot.
        config: Settings; defaults when left out.

    Raises:
        JointsDoNotMatch: The motion moves other joints than the robot has.
    """
    config = config or LeadConfig()
    qpos = qpos_in_order(robot, motion)
    standing = StandingRobot(robot)
    before, notes_in = _lead(standing, qpos, motion, config, wanted=config.lead_in, name="lead-in")
    backwards = replace(
        motion,
        root_pos_w=motion.root_pos_w[::-1],
        root_quat_wxyz=motion.root_quat_wxyz[::-1],
        joint_pos=motion.joint_pos[::-1],
        foot_contact=motion.foot_contact[::-1],
    )
    after, notes_out = _lead(standing, qpos[::-1], backwards, config, wanted=config.lead_out, name="lead-out")
    columns = [robot.joint_names.index(name) for name in motion.joint_names]
    rows = [before.qpos, qpos, after.qpos[::-1]]
    whole = np.concatenate(rows)
    contact = [before.contact.astype(float), motion.foot_contact, after.contact[::-1].astype(float)]
    led = replace(
        motion,
        root_pos_w=whole[:, :3],
        root_quat_wxyz=whole[:, 3:7],
        joint_pos=whole[:, 7:][:, columns],
        foot_contact=np.concatenate(contact),
    )
    return LedMotion(motion=led, n_lead_in=len(before.qpos), n_lead_out=len(after.qpos), notes=(*notes_in, *notes_out))


def _lead(
    standing: StandingRobot,
    qpos: Float[np.ndarray, "frames nq"],
    motion: RobotMotion,
    config: LeadConfig,
    *,
    wanted: bool,
    name: str,
) -> tuple[_Lead, tuple[str, ...]]:
    """Make one lead-in, or say why not."""
    nothing = _Lead(np.zeros((0, qpos.shape[1])), np.zeros((0, 2), dtype=bool))
    if not wanted:
        return nothing, ()
    try:
        if _at_rest(standing, qpos, motion.fps):
            return nothing, ()
        seam = read_seam(standing, to_pin(qpos), motion.foot_contact, motion.fps, config)
        q, contact = find_lead(standing, seam, config)
    except NoLead as error:
        where = "begins" if name == "lead-in" else "ends"
        return nothing, (f"no {name} from where the clip {where}: {error}",)
    rows = to_mujoco(q)
    # The clip's quaternions stay as they are; those before it come over to their hemisphere.
    for t in range(len(rows) - 1, -1, -1):
        following = rows[t + 1, 3:7] if t + 1 < len(rows) else qpos[0, 3:7]
        rows[t, 3:7] *= 1.0 if rows[t, 3:7] @ following >= 0 else -1.0
    return _Lead(rows, contact), ()


def _at_rest(standing: StandingRobot, qpos: Float[np.ndarray, "frames nq"], fps: float) -> bool:
    """Tell whether a motion begins in the standing pose, and still."""
    first = qpos[:FRAMES]
    upright = Rotation.from_quat(first[0, 3:7], scalar_first=True).apply([0.0, 0.0, 1.0])[2]
    off = np.abs(first[0, 7:] - standing.robot.default_joint_pos).max()
    moved = np.abs(np.diff(first, axis=0)).max() * fps if len(first) > 1 else 0.0
    sunk = abs(first[0, 2] - standing.robot.default_root_height)
    return bool(max(off, np.arccos(min(upright, 1.0))) < _SAME_POSE_RAD and sunk < _SAME_HEIGHT_M and moved < _STILL)
