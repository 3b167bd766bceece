"""Turns what standing soles say into edits of the whole robot's place: tilt, slide, gaps, drift, height."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
from jaxtyping import Bool, Float
from scipy.spatial.transform import Rotation

from pipeline.repair.search import Diagnosis, Edit
from pipeline.repair.stances import Stances
from robots.model import RobotModel
from robots.motion import RobotMotion
from robots.soles import Soles

_LEVEL_RAD = (np.radians(0.7), np.radians(30))
"""Soles that lean less on the whole stand level; those that lean more do so by themselves."""
_SLIDE_M_S = 0.03
"""A slower slide is the accuracy of stances."""
_RAMP_M_S = 0.003
"""A slower drift is not worth an edit."""
_FOLLOW_S = 0.03
"""The floor follows what soles do over longer times than this [s]; retargeted soles are exact."""
_LOCK_S = 0.05
"""The same of the way that they slide."""
_HIGHEST_M = 0.5
"""A floor that wanders further, or a body that hangs higher, is not to be saved frame by frame."""
_GAP_M = 0.02
"""A smaller step of the pelvis is its own."""

_HEIGHT_CHECKS = ("ground_offset", "penetration_max", "penetration_p95", "stance_float_p95", "hover_height")
_STANCE_CHECKS = (*_HEIGHT_CHECKS, "ground_drift", "stance_height_std", "hover_duration", "contact_floating_share")
_FLOOR_CHECKS = (*_STANCE_CHECKS, "contact_height_p95", "ground_tilt", "contact_wrong_share")
_TILT_CHECKS = (*_FLOOR_CHECKS, "contact_swapped_share", "infeasible_run_lp6")
_SKATE_CHECKS = ("skate_mean", "skate_p95", "stance_slip_max")
_STEP_CHECKS = ("root_jump", "root_acc", *_SKATE_CHECKS)


def turned(motion: RobotMotion, turn: Rotation) -> RobotMotion:
    """Turn the world that a motion is given in."""
    root = turn * Rotation.from_quat(motion.root_quat_wxyz.copy(), scalar_first=True)
    return replace(
        motion, root_pos_w=turn.apply(motion.root_pos_w.copy()), root_quat_wxyz=root.as_quat(scalar_first=True)
    )


def raised(motion: RobotMotion, height: Float[np.ndarray, "*frames"]) -> RobotMotion:
    """Add a height to every frame, or to all of them [m]."""
    return replace(motion, root_pos_w=motion.root_pos_w + np.multiply.outer(height, [0.0, 0.0, 1.0]))


def moved(motion: RobotMotion, way: Float[np.ndarray, "frames 2"]) -> RobotMotion:
    """Add a horizontal way to every frame [m]."""
    return replace(motion, root_pos_w=motion.root_pos_w + np.pad(way, ((0, 0), (0, 1))))


def on_the_floor(motion: RobotMotion, robot: RobotModel, contact: Bool[np.ndarray, "frames 2"]) -> RobotMotion:
    """Shift a motion so that its soles usually stand at z = 0."""
    height = Stances.of(motion, robot, contact).height()
    return motion if height is None else raised(motion, np.asarray(-np.median(height)))


def level(stances: Stances, robot: RobotModel, diagnosis: Diagnosis[RobotMotion]) -> list[Edit[RobotMotion]]:
    """Turn the world so that the floor on which the soles lie, or the places where they touch it, are level.

    A stance on the toes is not a floor that tilts: soles must lean alike whatever way the feet point, and afterwards
    the feet must stand far more at rest, or the robot better over them.
    """
    if not diagnosis.fails("validation", *_TILT_CHECKS):
        return []
    told = (
        ("level", stances.world_up(), "the soles that stand alike lie level"),
        ("level floor", stances.floor_up(), "the places where soles touch the floor lie level"),
    )
    return [edit for kind, up, words in told if up is not None for edit in _turn(kind, up, words, stances, robot)]


def _turn(
    kind: str, up: Float[np.ndarray, " 3"], words: str, stances: Stances, robot: RobotModel
) -> list[Edit[RobotMotion]]:
    axis = np.cross(up, [0.0, 0.0, 1.0])
    angle = float(np.arctan2(np.linalg.norm(axis), up[2]))
    if not _LEVEL_RAD[0] < angle < _LEVEL_RAD[1]:
        return []
    turn = Rotation.from_rotvec(axis / np.linalg.norm(axis) * angle)
    if not stances.turned(turn).stand_better_than(stances):
        return []

    def apply(motion: RobotMotion) -> RobotMotion:
        return on_the_floor(turned(motion, turn), robot, stances.contact)

    return [Edit(kind=kind, sentence=f"Turn the world by {np.degrees(angle):.1f} deg, so that {words}.", apply=apply)]


def stop_slide(stances: Stances, diagnosis: Diagnosis[RobotMotion]) -> list[Edit[RobotMotion]]:
    """Take a steady slide out of the path."""
    velocity = stances.slide() if diagnosis.fails("validation", *_SKATE_CHECKS) else None
    if velocity is None or np.linalg.norm(velocity) < _SLIDE_M_S:
        return []

    def apply(motion: RobotMotion) -> RobotMotion:
        return moved(motion, -np.outer(np.arange(len(motion)) / motion.fps, velocity))

    sentence = f"Take out a steady slide of {np.linalg.norm(velocity):.2f} m/s, at which all stances move alike."
    return [Edit(kind="slide", sentence=sentence, apply=apply)]


def close_gaps(stances: Stances, diagnosis: Diagnosis[RobotMotion]) -> list[Edit[RobotMotion]]:
    """Take back steps from one frame to the next that the steps around do not explain, where the pose goes on.

    A foot that stands through the step tells how long it is; else the steps just before and after do.
    """
    motion = diagnosis.motion
    jump = diagnosis.series("validation", "root_jump")
    if jump is None or len(jump) < 4 or not diagnosis.fails("validation", "root_jump"):
        return []
    if diagnosis.fails("validation", "freeze_duration"):
        return []  # the pose stood still before the step, so that its end is not where it should go on
    frames = sorted({i for start, stop in diagnosis.spans("validation", "root_jump") for i in range(start, stop)})
    step = np.diff(motion.root_pos_w, axis=0)
    gap = np.zeros((len(motion), 3))
    for i in frames:
        if not 0 < i < len(step) - 1:
            continue
        stands = stances.contact[i] & stances.contact[i + 1]
        told = stances.touch_step[i][stands].mean(axis=0) if stands.any() else step[i] - (step[i - 1] + step[i + 1]) / 2
        gap[i + 1] = told if np.linalg.norm(told) > _GAP_M else 0.0
    if not gap.any():
        return []
    way = np.cumsum(gap, axis=0)
    cm = ", ".join(f"{100 * np.linalg.norm(gap[i]):.0f} cm before frame {i}" for i in np.flatnonzero(gap.any(axis=1)))
    sentence = f"Close gaps in the path: {cm}."
    return [
        Edit(kind="gaps", sentence=sentence, apply=lambda m: replace(m, root_pos_w=m.root_pos_w - way)),
    ]


def height(stances: Stances, diagnosis: Diagnosis[RobotMotion]) -> list[Edit[RobotMotion]]:
    """Shift by one height, or by one that rises steadily; else let the floor follow the soles."""
    floor = stances.followed_height(_FOLLOW_S)
    if floor is None or not diagnosis.fails("validation", *_FLOOR_CHECKS):
        return []
    edits = []
    middle, ramp = float(np.median(floor)), stances.ramp()
    time = np.arange(len(floor)) / stances.fps
    if ramp is not None and abs(ramp[1]) > _RAMP_M_S:
        sentence = f"Take out a steady drift of {100 * ramp[1]:+.1f} cm/s, at which all stances rise."
        edits.append(Edit(kind="ramp", sentence=sentence, apply=partial(raised, height=-ramp[0] - ramp[1] * time)))
    elif abs(middle) > 1e-3:
        sentence = f"Shift the motion vertically by {-100 * middle:+.1f} cm."
        edits.append(Edit(kind="shift", sentence=sentence, apply=partial(raised, height=np.asarray(-middle))))
    sentence = f"Let the floor follow the standing soles, which change their height by {100 * np.ptp(floor):.1f} cm."
    if np.ptp(floor) > _HIGHEST_M:
        return edits
    follow = partial(raised, height=-floor)
    return [*edits, Edit(kind="follow", sentence=sentence, apply=follow, constant=False)]


def lock(stances: Stances, diagnosis: Diagnosis[RobotMotion]) -> list[Edit[RobotMotion]]:
    """Take all that stances slide out of the path."""
    if not diagnosis.fails("validation", *_STEP_CHECKS):
        return []
    way = stances.followed_slide(_LOCK_S)
    total = float(np.linalg.norm(np.diff(way, axis=0), axis=1).sum())
    sentence = f"Let the path follow the standing soles, which slide {100 * total:.0f} cm in all."
    return [Edit(kind="lock", sentence=sentence, apply=partial(moved, way=-way), constant=False)]


def bring_down(robot: RobotModel, diagnosis: Diagnosis[RobotMotion]) -> list[Edit[RobotMotion]]:
    """Set a body on the floor in the spans in which it hangs over it without falling; soles there say who stands."""
    hover = diagnosis.series("validation", "hover_height")
    if hover is None or not diagnosis.fails("validation", "hover_height", "hover_duration"):
        return []
    floor = np.where(hover > 0, hover, 0.0)
    if floor.max() > _HIGHEST_M:
        return []

    def apply(motion: RobotMotion) -> RobotMotion:
        down = raised(motion, -floor)
        standing = Soles.of(down, robot).standing() & (floor > _GAP_M / 2)[:, None]
        return replace(down, foot_contact=np.where(standing, 1.0, down.foot_contact))

    sentence = (
        f"Set the body on the floor where it hangs over it without falling, by up to {100 * floor.max():.0f} cm, and "
        "label feet that are low and slow there as standing."
    )
    return [Edit(kind="down", sentence=sentence, apply=apply, constant=False)]
