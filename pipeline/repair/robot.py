"""Judges robot motions and proposes edits of them: other axes, another speed, level ground, other labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from jaxtyping import Bool, Float
from scipy.spatial.transform import Rotation

from pipeline.repair.search import Diagnosis, Edit
from pipeline.validation import ValidationConfig, measure_robot
from pipeline.verdict import Limits, judge
from robots.model import RobotModel
from robots.motion import RobotMotion
from robots.soles import Soles
from robots.trajectory import low_passed

_SMOOTH_HZ = 6.0
"""What a human moves faster than this is mostly noise of the estimate [Hz]."""
_LEVEL_RAD = (np.radians(0.5), np.radians(45))
"""Soles that lean less on the whole stand level; those that lean more stand in a world of other axes."""
_ALIKE_RAD = np.radians(2)
"""Soles that stand on one floor lie within this of each other, whatever way the feet point."""
_WRONG_SPEED = 0.03
"""A speed nearer to one than this is not worth a new rate."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RobotMender:
    """Mends a motion of a robot that is all there is: a file from elsewhere, without the human behind it."""

    robot: RobotModel
    validation: ValidationConfig
    limits: Limits

    def diagnose(self, motion: RobotMotion) -> Diagnosis[RobotMotion]:
        """See :meth:`pipeline.repair.search.Mender.diagnose`."""
        measured = (measure_robot(motion, self.robot, self.validation),)
        verdict = judge(measured, self.limits)
        return Diagnosis(motion=motion, robot_motion=motion, measurements=measured, verdict=verdict)

    def part(self, motion: RobotMotion, start: int, stop: int) -> RobotMotion:
        """See :meth:`pipeline.repair.search.Mender.part`."""
        return motion.frames(start, stop)

    def can_end(self, diagnosis: Diagnosis[RobotMotion]) -> Bool[np.ndarray, " frames"]:
        """See :meth:`pipeline.repair.search.Mender.can_end`: both feet bear weight."""
        bears = diagnosis.robot_motion.foot_contact >= self.validation.contact_prob
        return bears[:, 0] & bears[:, 1]

    def edits(self, diagnosis: Diagnosis[RobotMotion]) -> Sequence[Edit[RobotMotion]]:
        """See :meth:`pipeline.repair.search.Mender.edits`.

        Axes first, because nothing else means anything in a world that lies on its side; then speed, on which all
        forces depend; then labels, because the floor is where they say that a foot stands; smoothing last.
        """
        motion = diagnosis.motion
        soles = Soles.of(motion, self.robot)
        labelled = motion.foot_contact > self.validation.contact_prob
        return [
            *self._other_axes(motion, soles, labelled),
            *_another_speed(diagnosis),
            *_other_labels(soles, labelled),
            *_level_ground(soles, labelled | soles.standing()),
            *_height(soles, labelled),
            *_smoothing(diagnosis),
        ]

    def _other_axes(
        self, motion: RobotMotion, soles: Soles, labelled: Bool[np.ndarray, "frames 2"]
    ) -> list[Edit[RobotMotion]]:
        """Where soles that should stand do not look down, take the file for y up, or its quaternions for x, y, z, w."""
        contact = labelled if labelled.any() else np.ones_like(labelled)
        if _looks_up(soles.mean_up(contact)):
            return []
        readings = (
            ("y up", "The world is y up: turn it by a quarter about x.", _from_y_up),
            ("quaternion", "Read the root's quaternion as x, y, z, w.", _from_xyzw),
            ("quaternion back", "The root's quaternion was read as w, x, y, z once too often: undo it.", _from_zwxy),
        )
        return [
            Edit(kind=kind, sentence=sentence, apply=apply)
            for kind, sentence, apply in readings
            if _looks_up(Soles.of(apply(motion), self.robot).mean_up(contact))
        ]


def turned(motion: RobotMotion, turn: Rotation) -> RobotMotion:
    """Turn the world that a motion is given in."""
    root = turn * Rotation.from_quat(motion.root_quat_wxyz.copy(), scalar_first=True)
    return replace(
        motion, root_pos_w=turn.apply(motion.root_pos_w.copy()), root_quat_wxyz=root.as_quat(scalar_first=True)
    )


def raised(motion: RobotMotion, height: Float[np.ndarray, " frames"]) -> RobotMotion:
    """Add a height to every frame [m]."""
    return replace(motion, root_pos_w=motion.root_pos_w + np.outer(height, [0.0, 0.0, 1.0]))


def at_speed(motion: RobotMotion, speed: float) -> RobotMotion:
    """Play a motion this many times as fast, at the same frame rate."""
    return replace(motion, fps=motion.fps * speed).resampled(motion.fps)


def _from_y_up(motion: RobotMotion) -> RobotMotion:
    return turned(motion, Rotation.from_euler("x", 90, degrees=True))


def _from_xyzw(motion: RobotMotion) -> RobotMotion:
    return replace(motion, root_quat_wxyz=motion.root_quat_wxyz[:, [3, 0, 1, 2]])


def _from_zwxy(motion: RobotMotion) -> RobotMotion:
    return replace(motion, root_quat_wxyz=motion.root_quat_wxyz[:, [1, 2, 3, 0]])


def _looks_up(up: Float[np.ndarray, " 3"] | None) -> bool:
    return up is not None and up[2] > np.cos(_LEVEL_RAD[1])


def _another_speed(diagnosis: Diagnosis[RobotMotion]) -> list[Edit[RobotMotion]]:
    """Undo the speed that free flight tells."""
    speed = diagnosis.value("validation", "playback_speed")
    if speed is None or abs(speed - 1) < _WRONG_SPEED:
        return []
    sentence = f"Play at {1 / speed:.2f} times the speed, so that bodies fall with g."
    return [Edit(kind="speed", sentence=sentence, apply=partial(at_speed, speed=1 / speed))]


def _other_labels(soles: Soles, labelled: Bool[np.ndarray, "frames 2"]) -> list[Edit[RobotMotion]]:
    found = soles.standing()
    if (found == labelled).all():
        return []
    sentence = "Take the contacts from the robot's own feet: what is low and slow bears weight."
    apply = partial(replace, foot_contact=found.astype(float))
    return [Edit(kind="labels", sentence=sentence, apply=apply)]


def _level_ground(soles: Soles, contact: Bool[np.ndarray, "frames 2"]) -> list[Edit[RobotMotion]]:
    """Turn the world so that standing soles lie level."""
    up = soles.common_up(contact, _ALIKE_RAD)
    if up is None:
        return []
    axis = np.cross(up, [0.0, 0.0, 1.0])
    angle = float(np.arctan2(np.linalg.norm(axis), up[2]))
    if not _LEVEL_RAD[0] < angle < _LEVEL_RAD[1]:
        return []
    turn = Rotation.from_rotvec(axis / np.linalg.norm(axis) * angle)
    sentence = f"Turn the world by {np.degrees(angle):.1f} deg, so that standing soles lie level."
    return [Edit(kind="level", sentence=sentence, apply=partial(turned, turn=turn))]


def _height(soles: Soles, labelled: Bool[np.ndarray, "frames 2"]) -> list[Edit[RobotMotion]]:
    """Shift by one height, or, where the soles' height changes, follow it."""
    height = soles.stance_height(labelled)
    if height is None:
        return []
    middle = float(np.median(height))
    one = np.full(len(height), -middle)
    shift = f"Shift the motion vertically by {-100 * middle:+.1f} cm."
    follow = f"Let the floor follow the standing soles, which change their height by {100 * np.ptp(height):.1f} cm."
    return [
        Edit(kind="shift", sentence=shift, apply=partial(raised, height=one)),
        Edit(kind="follow", sentence=follow, apply=partial(raised, height=-height)),
    ]


def _smoothing(diagnosis: Diagnosis[RobotMotion]) -> list[Edit[RobotMotion]]:
    if not diagnosis.fails("validation", "joint_jerk_median", "joint_acc", "joint_acc_p99", "joint_speed_ratio"):
        return []
    sentence = f"Take out what moves faster than {_SMOOTH_HZ:g} Hz."
    return [Edit(kind="smooth", sentence=sentence, apply=partial(low_passed, cutoff_hz=_SMOOTH_HZ))]
