"""Turns what is wrong with a robot's joints into edits of them: sides exchanged back, an offset, gaps, jitter."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
from jaxtyping import Float
from scipy.interpolate import PchipInterpolator
from scipy.optimize import minimize_scalar
from scipy.spatial.transform import Rotation, Slerp

from pipeline.measurement import Span, spans_where
from pipeline.repair.search import Diagnosis, Edit
from pipeline.repair.stances import CLEARLY, Stances
from pipeline.validation.breaks import exchange_sides_back
from robots.model import RobotModel
from robots.motion import RobotMotion
from robots.trajectory import low_passed

_LEAN_RAD = (np.radians(3), np.radians(40))
"""Hips that are off by less are the accuracy of stances; by more, they are bent."""
_MOST_OVER_DEG = 10.0
"""Ranges of one joint on two builds of a robot differ by less; beyond, the columns are another robot's or in another
order, and what is left after stopping the joints is nobody's motion."""
_UNREST_M = 0.003
"""Stances that move and differ in height by less in a frame tell of no joint that is off."""
_SMOOTH_HZ = 6.0
"""What a human moves faster than this is mostly noise of the estimate [Hz]."""
_LONGEST_GAP_S = 0.2
"""Longer spans are not made up [s]."""
_BREAK_CHECKS = ("joint_jump", "joint_acc", "joint_speed_ratio", "root_acc", "root_jump", "root_flip", "root_ang_acc")
_JITTER_CHECKS = ("joint_jerk_median", "joint_acc", "joint_acc_p99", "joint_speed_ratio", "joint_high_frequency_share")
_LEAN_CHECKS = (
    *("ground_offset", "ground_tilt", "stance_height_std", "hover_height", "hover_duration", "penetration_max"),
    *("contact_height_p95", "contact_floating_share", "contact_wrong_share", "skate_mean", "skate_p95"),
    *("penetration_p95", "stance_float_p95", "sole_away_share", "infeasible_run_lp6"),
)


def within_limits(motion: RobotMotion, robot: RobotModel) -> RobotMotion:
    """Hold joints within their limits."""
    order = [robot.joint_names.index(name) for name in motion.joint_names]
    lower, upper = robot.joint_lower[order], robot.joint_upper[order]
    return replace(motion, joint_pos=np.clip(motion.joint_pos, lower, upper))


def hold_limits(robot: RobotModel, diagnosis: Diagnosis[RobotMotion]) -> list[Edit[RobotMotion]]:
    """Stop joints at their ends, unless they go so far beyond them that the columns must be other joints'."""
    over = np.degrees(diagnosis.value("validation", "joint_over_limit") or 0.0)
    if over > _MOST_OVER_DEG or not diagnosis.fails("validation", "joint_over_limit"):
        return []
    sentence = f"Stop joints at their limits, beyond which they went by up to {over:.2g} deg."
    apply = partial(within_limits, robot=robot)
    return [Edit(kind="limits", sentence=sentence, apply=apply, constant=bool(over < 1.0))]


def swap_back(robot: RobotModel, swap_jump: float, diagnosis: Diagnosis[RobotMotion]) -> list[Edit[RobotMotion]]:
    """Exchange left and right where limbs jump to the other side and back."""
    if not diagnosis.fails("validation", "swapped_share", "joint_jump", "joint_acc"):
        return []
    motion = diagnosis.motion
    order = [motion.joint_names.index(name) for name in robot.joint_names]
    mended, changed = exchange_sides_back(robot, motion.joint_pos[:, order], min_jump=swap_jump)
    if not changed.any():
        return []
    joint_pos = motion.joint_pos.copy()
    joint_pos[:, order] = mended
    where = ", ".join(f"{start}-{stop - 1}" for start, stop in spans_where(changed))
    sentence = f"Exchange the left and the right limbs back in frames {where}."
    return [Edit(kind="swap", sentence=sentence, apply=lambda m: replace(m, joint_pos=joint_pos))]


def unbend_hips(stances: Stances, robot: RobotModel, diagnosis: Diagnosis[RobotMotion]) -> list[Edit[RobotMotion]]:
    """Take one offset out of the pitch of both hips, under a trunk that is upright already.

    With the right offset, feet that stand hold still and at one height; where they do so anyway, soles that all lean
    alike tell it. Toes down is also how a robot stands on its toes: it must then stand better over them.
    """
    motion = diagnosis.motion
    columns = [i for i, name in enumerate(motion.joint_names) if "hip_pitch" in name]
    if not columns or not diagnosis.fails("validation", *_LEAN_CHECKS):
        return []

    def bent(motion: RobotMotion, by: float) -> RobotMotion:
        joint_pos = motion.joint_pos.copy()
        joint_pos[:, columns] += by
        return within_limits(replace(motion, joint_pos=joint_pos), robot)

    def stands(by: float) -> Stances:
        return Stances.of(bent(motion, by), robot, stances.contact)

    offset = _steadiest(stands, stances.unrest) if stances.unrest > _UNREST_M else None
    if offset is None and (pitch := stances.leg_pitch()) is not None:
        offset = -pitch
    if offset is None or not _LEAN_RAD[0] < abs(offset) < _LEAN_RAD[1]:
        return []
    if not stands(offset).stand_better_than(stances):
        return []
    sentence = f"Turn both hips by {np.degrees(offset):+.1f} deg, so that feet that stand hold still under the body."
    return [Edit(kind="lean", sentence=sentence, apply=partial(bent, by=offset))]


def _steadiest(stands: Callable[[float], Stances], unrest: float) -> float | None:
    """Return the offset with the least unrest of the stances, None where it makes no clear difference [rad]."""
    coarse = np.radians(np.arange(-32, 33, 8))
    middle = float(min(coarse, key=lambda by: stands(by).unrest))
    fine = minimize_scalar(
        lambda by: stands(float(by)).unrest,
        bounds=(middle - np.radians(8), middle + np.radians(8)),
        method="bounded",
        options={"xatol": np.radians(0.2), "maxiter": 12},
    )
    return float(fine.x) if fine.fun < CLEARLY * unrest else None


def fill_gaps(diagnosis: Diagnosis[RobotMotion]) -> list[Edit[RobotMotion]]:
    """Lead the pose smoothly through short spans in which it breaks off, from one side to the other."""
    if not diagnosis.fails("validation", *_BREAK_CHECKS):
        return []
    motion = diagnosis.motion
    bad = np.zeros(len(motion), dtype=bool)
    for start, stop in diagnosis.spans("validation", *_BREAK_CHECKS):
        bad[start : stop + 1] = True  # the step that begins in a frame ends in the next
    spans = [
        (start, stop)
        for start, stop in spans_where(bad)
        if start > 1 and stop < len(motion) - 1 and (stop - start) / motion.fps <= _LONGEST_GAP_S
    ]
    if not spans:
        return []
    where = ", ".join(f"{start}-{stop - 1}" for start, stop in spans)
    sentence = f"Make up the pose of frames {where} from those around."
    return [Edit(kind="fill", sentence=sentence, apply=partial(_filled, spans=spans), constant=False)]


def smooth(robot: RobotModel, diagnosis: Diagnosis[RobotMotion]) -> list[Edit[RobotMotion]]:
    """Low-pass everything."""
    if not diagnosis.fails("validation", *_JITTER_CHECKS):
        return []
    sentence = f"Take out what moves faster than {_SMOOTH_HZ:g} Hz."

    def apply(motion: RobotMotion) -> RobotMotion:
        return within_limits(low_passed(motion, _SMOOTH_HZ), robot)

    return [Edit(kind="smooth", sentence=sentence, apply=apply, constant=False)]


def _filled(motion: RobotMotion, spans: list[Span]) -> RobotMotion:
    known = np.ones(len(motion), dtype=bool)
    for start, stop in spans:
        known[start:stop] = False
    times, frames = np.flatnonzero(known), np.arange(len(motion))

    def between(values: Float[np.ndarray, "frames dims"]) -> Float[np.ndarray, "frames dims"]:
        return np.where(known[:, None], values, PchipInterpolator(times, values[known])(frames))

    turn = Slerp(times, Rotation.from_quat(motion.root_quat_wxyz[known], scalar_first=True))(frames)
    quat = np.where(known[:, None], motion.root_quat_wxyz, turn.as_quat(scalar_first=True))
    return replace(
        motion, root_pos_w=between(motion.root_pos_w), root_quat_wxyz=quat, joint_pos=between(motion.joint_pos)
    )
