"""Judges human motions by what becomes of them on the robot, and proposes edits of them: another height or speed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from jaxtyping import Int

from pipeline.body import SkinnedBody
from pipeline.plausibility import PlausibilityConfig, measure_human
from pipeline.plausibility.regrounding import RegroundingConfig, reground
from pipeline.repair.robot import stance_grade
from pipeline.repair.search import Diagnosis, Edit
from pipeline.validation import ValidationConfig, measure_robot
from pipeline.verdict import Limits, judge
from retarget.retargeter import Retargeter
from retarget.smpl_motion import SmplMotion
from robots.model import RobotModel


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

    def can_end(self, diagnosis: Diagnosis[SmplMotion]) -> Int[np.ndarray, " frames"]:
        """See :meth:`pipeline.repair.search.Mender.can_end`.

        The human is in balance and the robot stands on a foot (1), and it does so on both, or slowly (2).
        """
        distance = diagnosis.series("plausibility", "com_cop_p95")
        assert distance is not None  # measured frame by frame
        balanced = distance < self.plausibility.stable_distance
        stance = stance_grade(diagnosis.robot_motion, self.validation.contact_prob)
        grade = np.where(balanced, stance, 0)
        return grade if grade.any() else balanced.astype(int)

    def edits(self, diagnosis: Diagnosis[SmplMotion]) -> Sequence[Edit[SmplMotion]]:
        """See :meth:`pipeline.repair.search.Mender.edits`: a shift, another speed, a floor that follows the feet.

        The speed is asked only where falls are refused: jumps of an estimate that hovers tell no time.
        """
        edits: list[Edit[SmplMotion]] = []
        offset = diagnosis.value("plausibility", "ground_offset") or 0.0
        if diagnosis.fails("plausibility", "ground_offset"):
            sentence = f"Shift the motion vertically by {-100 * offset:+.1f} cm."
            edits.append(Edit(kind="shift", sentence=sentence, apply=lambda m: m.moved((0.0, 0.0, -offset))))
        for stage in ("plausibility", "validation"):
            speed = diagnosis.value(stage, "playback_speed")
            if speed is not None and diagnosis.fails(stage, "playback_speed_error"):
                sentence = f"Play at {1 / speed:.2f} times the speed, so that bodies fall with g."
                edits.append(Edit(kind="speed", sentence=sentence, apply=partial(SmplMotion.at_speed, speed=1 / speed)))
                break
        if diagnosis.verdict.rejections:
            sentence = "Let the floor follow the standing feet, whose height drifts; jumps fall with g."
            follow = partial(reground, body=self.body, config=self.regrounding)
            edits.append(Edit(kind="follow", sentence=sentence, apply=follow, constant=False))
        return edits
