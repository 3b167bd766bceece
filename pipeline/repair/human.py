"""Judges human motions by what becomes of them on the robot, and proposes edits of them: another height or speed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from jaxtyping import Bool

from pipeline.body import SkinnedBody
from pipeline.plausibility import PlausibilityConfig, measure_human
from pipeline.plausibility.regrounding import RegroundingConfig, reground
from pipeline.repair.search import Diagnosis, Edit
from pipeline.validation import ValidationConfig, measure_robot
from pipeline.verdict import Limits, judge
from retarget.retargeter import Retargeter
from retarget.smpl_motion import SmplMotion
from robots.model import RobotModel

_WRONG_SPEED = 0.03
"""A speed nearer to one than this is not worth a new rate."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class HumanMender:
    """Mends the human's motion, because whatever is done to it the retargeter makes good on the robot."""

    body: SkinnedBody
    plausibility: PlausibilityConfig
    retargeter: Retargeter
    robot: RobotModel
    validation: ValidationConfig
    limits: Limits
    regrounding: RegroundingConfig

    def diagnose(self, motion: SmplMotion) -> Diagnosis[SmplMotion]:
        """See :meth:`pipeline.repair.search.Mender.diagnose`: retarget it, measure both, judge.

        Raises:
            WushuError: The robot cannot follow the motion at all.
        """
        robot_motion = self.retargeter.retarget(motion.body_trajectory()).motion
        measured = (
            measure_human(motion, self.body, self.plausibility),
            measure_robot(robot_motion, self.robot, self.validation),
        )
        verdict = judge(measured, self.limits)
        return Diagnosis(motion=motion, robot_motion=robot_motion, measurements=measured, verdict=verdict)

    def part(self, motion: SmplMotion, start: int, stop: int) -> SmplMotion:
        """See :meth:`pipeline.repair.search.Mender.part`."""
        return motion.frames(start, stop)

    def can_end(self, diagnosis: Diagnosis[SmplMotion]) -> Bool[np.ndarray, " frames"]:
        """See :meth:`pipeline.repair.search.Mender.can_end`: balance.

        The human is in balance and the robot stands on both feet; where that never happens, balance has to do.
        """
        human = diagnosis.measurements[0]
        distance = human["com_cop_p95"].series
        assert distance is not None  # measured frame by frame
        balanced = distance < self.plausibility.stable_distance
        both_feet = (diagnosis.robot_motion.foot_contact >= self.validation.contact_prob).all(axis=1)
        return balanced & both_feet if (balanced & both_feet).any() else balanced

    def edits(self, diagnosis: Diagnosis[SmplMotion]) -> Sequence[Edit[SmplMotion]]:
        """See :meth:`pipeline.repair.search.Mender.edits`: a shift, a floor that follows the feet, another speed."""
        edits: list[Edit[SmplMotion]] = []
        offset = diagnosis.value("plausibility", "ground_offset") or 0.0
        if diagnosis.fails("plausibility", "ground_offset"):
            sentence = f"Shift the motion vertically by {-100 * offset:+.1f} cm."
            edits.append(Edit(kind="shift", sentence=sentence, apply=lambda m: m.moved((0.0, 0.0, -offset))))
        speed = diagnosis.value("plausibility", "playback_speed")
        if speed is not None and abs(speed - 1) > _WRONG_SPEED:
            sentence = f"Play at {1 / speed:.2f} times the speed, so that bodies fall with g."
            edits.append(Edit(kind="speed", sentence=sentence, apply=lambda m: m.at_speed(1 / speed)))
        if diagnosis.verdict.rejections:
            sentence = "Let the floor follow the standing feet, whose height drifts; jumps fall with g."
            edits.append(
                Edit(
                    kind="follow",
                    sentence=sentence,
                    apply=partial(reground, body=self.body, config=self.regrounding),
                )
            )
        return edits
