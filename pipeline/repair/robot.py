"""Judges robot motions and proposes edits of them: axes, labels, sides, gaps, level ground, height, speed, jitter."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.spatial.transform import Rotation

from pipeline.repair import limb_edits, world_edits
from pipeline.repair.search import Diagnosis, Edit
from pipeline.repair.stances import Stances
from pipeline.validation import ValidationConfig, measure_robot
from pipeline.verdict import Limits, judge
from robots.differences import derivative
from robots.model import RobotModel
from robots.motion import RobotMotion
from robots.soles import Soles

_UPRIGHT_RAD = np.radians(25)
"""Soles that lean more may stand in a world of other axes, if in another reading they lean half as much."""
_TURNED_RAD = np.radians(45)
"""Soles that lean more than this look aside, whatever the reading."""
_USUAL_SPEEDS = (1 / 3, 0.4, 0.5, 2 / 3, 0.8, 1.25, 1.5, 2.0, 2.5, 3.0)
"""Speeds at which files are played by mistake: one usual frame rate taken for another, slow motion."""
_TOLD_SPEED = (0.85, 1.05)
"""What flights tell as a share of the true speed: the jump of a smaller body is scaled, not timed anew, and falls with
less than g."""
_OFF_BALANCE_M = 0.1
"""A clip does not begin or end with the centre of mass further outside the feet than this [m]."""
_AT_REST_M_S = 0.25
"""A pelvis that is slower than this is at rest."""
_LABEL_CHECKS = (
    *("contact_share", "contact_unlabelled_share", "contact_wrong_share", "contact_floating_share"),
    *("contact_swapped_share", "contact_height_p95", "stance_float_p95", "stance_height_std"),
)
"""What labels that contradict the feet's heights break."""
_SKATE_CHECKS = ("skate_mean", "skate_p95")
"""What they may break as well; but right labels of feet that slide do so too, and must stay to show it."""
_DENIED = 0.1
"""Share of frames in which a foot rests but is denied, from which on labels are taken to be wrong."""


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

    def can_end(self, diagnosis: Diagnosis[RobotMotion]) -> Int[np.ndarray, " frames"]:
        """See :meth:`pipeline.repair.search.Mender.can_end`: the feet that bear weight, under the centre of mass."""
        grade = stance_grade(diagnosis.robot_motion, self.validation.contact_prob)
        outside = diagnosis.series("validation", "com_outside_p95")
        balanced = grade if outside is None else np.where(np.nan_to_num(outside) < _OFF_BALANCE_M, grade, 0)
        return balanced if balanced.any() else grade

    def edits(self, diagnosis: Diagnosis[RobotMotion]) -> Iterator[Edit[RobotMotion]]:
        """See :meth:`pipeline.repair.search.Mender.edits`.

        Axes first, because nothing else means anything in a world that lies on its side. Then what is wrong between
        two frames, the floor on which everything stands, and the speed, on which forces depend; what changes each
        frame in its own way comes last.
        """
        motion, robot = diagnosis.motion, self.robot
        soles = Soles.of(motion, robot)
        labelled = motion.foot_contact > self.validation.contact_prob
        axes = self._other_axes(motion, soles, labelled)
        if axes:
            yield from axes
            return
        stances = Stances.of(motion, robot, labelled if labelled.any() else soles.standing(), soles)
        if not labelled.any():
            yield from self._other_labels(soles, labelled, diagnosis)
        yield from limb_edits.swap_back(robot, self.validation.swap_jump, diagnosis)
        yield from world_edits.close_gaps(stances, diagnosis)
        yield from self._straightened(stances, diagnosis)
        yield from world_edits.stop_slide(stances, diagnosis)
        yield from world_edits.height(stances, diagnosis)
        if labelled.any():
            yield from self._other_labels(soles, labelled, diagnosis)
        yield from _another_speed(diagnosis)
        yield from limb_edits.hold_limits(robot, diagnosis)
        if diagnosis.fails("validation", "freeze_duration"):
            return  # what was missed while the picture stood still can only be cut out
        yield from limb_edits.fill_gaps(diagnosis)
        yield from world_edits.bring_down(robot, diagnosis)
        yield from world_edits.lock(stances, diagnosis)
        yield from limb_edits.smooth(robot, diagnosis)

    def _other_labels(
        self, soles: Soles, labelled: Bool[np.ndarray, "frames 2"], diagnosis: Diagnosis[RobotMotion]
    ) -> list[Edit[RobotMotion]]:
        """Take the contacts from the feet, but believe a label that a foot on the floor stands although it slides.

        While the other foot holds still, a foot that moves low over the floor swings; while none does, it slides.
        """
        standing = soles.standing()
        lower = np.where(standing, soles.height, np.inf).min(axis=1)
        known = np.isfinite(lower)
        floor = np.median(lower[known] if known.any() else soles.height.min(axis=1))
        slides = ~standing.any(axis=1, keepdims=True) & (soles.height < floor + self.validation.touch_height)
        found = standing | (labelled & slides)
        denied = diagnosis.value("validation", "contact_unlabelled_share") or 0.0
        checks = (*_LABEL_CHECKS, *_SKATE_CHECKS) if denied > _DENIED else _LABEL_CHECKS
        if (found == labelled).all() or not diagnosis.fails("validation", *checks):
            return []
        sentence = "Take the contacts from the robot's own feet: what is low and slow bears weight."
        apply = partial(replace, foot_contact=found.astype(float))
        return [Edit(kind="labels", sentence=sentence, apply=apply)]

    def _straightened(self, stances: Stances, diagnosis: Diagnosis[RobotMotion]) -> list[Edit[RobotMotion]]:
        """Soles that lean all alike: the world leans, or the hips are bent; first what leaves the trunk upright."""
        robot = self.robot
        edits = [
            *world_edits.level(stances, robot, diagnosis),
            *limb_edits.unbend_hips(stances, robot, diagnosis),
        ]
        if len(edits) < 2:
            return edits
        return sorted(edits, key=lambda e: Stances.of(e.apply(diagnosis.motion), robot, stances.contact).trunk_lean)

    def _other_axes(
        self, motion: RobotMotion, soles: Soles, labelled: Bool[np.ndarray, "frames 2"]
    ) -> list[Edit[RobotMotion]]:
        """Where soles that should stand do not look down, take the file for y up, or its quaternions for x, y, z, w.

        Of the readings in which they do, the one first in which feet that stand hold still and at one height.
        """
        contact = labelled if labelled.any() else np.ones_like(labelled)
        lean = _lean(soles.mean_up(contact))
        if lean < _UPRIGHT_RAD:
            return []
        readings = (
            ("y up", "The world is y up: turn it by a quarter about x.", _from_y_up),
            ("quaternion", "Read the root's quaternion as x, y, z, w.", _from_xyzw),
            ("quaternion back", "The root's quaternion was read as w, x, y, z once too often: undo it.", _from_zwxy),
        )
        edits = [
            (Stances.of(read, self.robot, contact, soles).unrest, Edit(kind=kind, sentence=sentence, apply=apply))
            for kind, sentence, apply in readings
            if _lean((soles := Soles.of(read := apply(motion), self.robot)).mean_up(contact))
            < min(lean / 2, _TURNED_RAD)
        ]
        return [edit for _, edit in sorted(edits, key=lambda pair: pair[0])]


def stance_grade(motion: RobotMotion, contact_prob: float) -> Int[np.ndarray, " frames"]:
    """Grade frames by how the robot stands: 0 on no foot, 1 on one while it moves on, 2 on both or at rest."""
    feet = (motion.foot_contact > contact_prob).sum(axis=1)
    speed = np.linalg.norm(derivative(motion.root_pos_w, motion.fps), axis=1)
    return np.where((feet == 1) & (speed < _AT_REST_M_S), 2, feet)


def at_speed(motion: RobotMotion, speed: float) -> RobotMotion:
    """Play a motion this many times as fast: the same frames at another rate, so that nothing is made up."""
    return replace(motion, fps=motion.fps * speed)


def _from_y_up(motion: RobotMotion) -> RobotMotion:
    return world_edits.turned(motion, Rotation.from_euler("x", 90, degrees=True))


def _from_xyzw(motion: RobotMotion) -> RobotMotion:
    return replace(motion, root_quat_wxyz=motion.root_quat_wxyz[:, [3, 0, 1, 2]])


def _from_zwxy(motion: RobotMotion) -> RobotMotion:
    return replace(motion, root_quat_wxyz=motion.root_quat_wxyz[:, [1, 2, 3, 0]])


def _lean(up: Float[np.ndarray, " 3"] | None) -> float:
    """Angle between the way soles look and the vertical [rad]; as far as can be where they look no way."""
    return float(np.pi) if up is None else float(np.arccos(np.clip(up[2], -1.0, 1.0)))


def _another_speed(diagnosis: Diagnosis[RobotMotion]) -> list[Edit[RobotMotion]]:
    """Undo the speed that free flight tells: the usual mistake that it may be, else as it is told."""
    told = diagnosis.value("validation", "playback_speed")
    if told is None or not diagnosis.fails("validation", "playback_speed_error"):
        return []
    low, high = _TOLD_SPEED
    usual = [speed for speed in _USUAL_SPEEDS if low < told / speed < high]
    speeds = [min(usual, key=lambda speed: abs(np.log(told / speed) - np.log(low * high) / 2))] if usual else []
    return [
        Edit(
            kind=kind,
            sentence=f"Play at {1 / speed:.2f} times the speed ({1 / speed * diagnosis.motion.fps:.3g} frames/s), "
            "so that bodies fall with g.",
            apply=partial(at_speed, speed=1 / speed),
        )
        for kind, speed in (*(("usual speed", s) for s in speeds), ("speed", told))
    ]
