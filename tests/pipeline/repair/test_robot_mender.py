"""Laws of the edits of robot motions: each undoes one known fault on the real G1, and nothing that was not wrong."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from pipeline.limits import find_limits
from pipeline.repair import RepairConfig, RobotMender, mend
from pipeline.repair.robot import at_speed, stance_grade
from pipeline.repair.stances import Stances
from pipeline.repair.world_edits import raised, turned
from pipeline.validation import ValidationConfig
from robots.g1 import load_g1
from robots.motion import RobotMotion
from robots.soles import Soles

ROBOT = load_g1("29dof")
FPS, FRAMES = 30.0, 75
MENDER = RobotMender(robot=ROBOT, validation=ValidationConfig(), limits=find_limits("clean"))
Fault = Callable[[RobotMotion], RobotMotion]


def standing() -> RobotMotion:
    """The G1 on its feet, which swings its arms, each in its own way, and looks aside."""
    qpos = np.tile(ROBOT.default_qpos, (FRAMES, 1))
    time = np.arange(FRAMES) / FPS
    for name, size, rate in (("left_shoulder_pitch", 0.5, 0.5), ("right_shoulder_pitch", -0.3, 0.4)):
        qpos[:, 7 + ROBOT.joint_names.index(f"{name}_joint")] += size * np.sin(2 * np.pi * rate * time)
    qpos[:, 7 + ROBOT.joint_names.index("left_elbow_joint")] += 0.6
    motion = RobotMotion.from_qpos(qpos, fps=FPS, joint_names=ROBOT.joint_names, foot_contact=np.ones((FRAMES, 2)))
    motion = turned(motion, Rotation.from_euler("z", 40, degrees=True))
    return raised(motion, np.asarray(-np.median(Soles.of(motion, ROBOT).height)))


def with_joints(motion: RobotMotion, word: str, by: float) -> RobotMotion:
    """Add an angle to the joints whose names hold a word [rad]."""
    chosen = np.array([word in name for name in motion.joint_names])
    return replace(motion, joint_pos=motion.joint_pos + by * chosen)


def along(motion: RobotMotion, way: np.ndarray) -> RobotMotion:
    """Move the root by a way for each frame [m]."""
    return replace(motion, root_pos_w=motion.root_pos_w + way)


SECONDS = np.arange(FRAMES)[:, None] / FPS
CONSTANTS: dict[str, tuple[str, Fault]] = {
    "height": ("Shift the motion vertically by -5.0 cm", lambda m: raised(m, np.asarray(0.05))),
    "drift": ("Take out a steady drift of", lambda m: along(m, SECONDS * [0.0, 0.0, 0.05])),
    "slide": ("Take out a steady slide of 0.30 m/s", lambda m: along(m, SECONDS * [0.18, -0.24, 0.0])),
    "teleport": ("Close gaps in the path: 30 cm before frame 40", lambda m: along(m, (SECONDS > 1.31) * [0.3, 0, 0])),
    "tilt": ("Turn the world by 8.0 deg", lambda m: turned(m, Rotation.from_euler("x", 8, degrees=True))),
    "y up": ("The world is y up", lambda m: turned(m, Rotation.from_euler("x", -90, degrees=True))),
    "order": ("Read the root's quaternion", lambda m: replace(m, root_quat_wxyz=m.root_quat_wxyz[:, [1, 2, 3, 0]])),
    "lean": ("Turn both hips by", lambda m: with_joints(m, "hip_pitch", -0.35)),
    "labels": ("Take the contacts from", lambda m: replace(m, foot_contact=np.zeros((FRAMES, 2)))),
}


def test_the_motion_of_these_tests_is_accepted() -> None:
    """Otherwise a repair could not be told from what was wrong before."""
    assert MENDER.diagnose(standing()).verdict.rejections == ()


@pytest.mark.parametrize("name", CONSTANTS)
def test_one_wrong_constant_is_undone_and_every_frame_is_kept(name: str) -> None:
    """A converter's mistake costs nothing: the repair says what it was, and the motion is as it should be."""
    sentence, fault = CONSTANTS[name]
    good = standing()
    first = MENDER.diagnose(fault(good))
    assert not first.verdict.accepted
    (piece,) = mend(first, MENDER, RepairConfig()).pieces
    assert any(edit.startswith(sentence) for edit in piece.edits), piece.edits
    assert piece.frames == (0, FRAMES)
    soles, wanted = Soles.of(piece.motion, ROBOT), Soles.of(good, ROBOT)
    # The world's place and heading are nobody's business; the feet's heights and distances are.
    np.testing.assert_allclose(soles.height, wanted.height, atol=0.006)
    np.testing.assert_allclose(
        np.ptp(soles.origin_w, axis=0)[:, :2], np.ptp(wanted.origin_w, axis=0)[:, :2], atol=0.006
    )


def test_limbs_that_changed_sides_are_exchanged_back() -> None:
    """The pose jumps in and out; with the sides exchanged it is the pose that was."""
    good = standing()
    joint_pos = good.joint_pos.copy()
    names = list(good.joint_names)
    for joint in ("shoulder_pitch", "elbow"):
        left, right = (names.index(f"{side}_{joint}_joint") for side in ("left", "right"))
        joint_pos[20:34, [left, right]] = joint_pos[20:34, [right, left]]
    first = MENDER.diagnose(replace(good, joint_pos=joint_pos))
    assert not first.verdict.accepted
    (piece,) = mend(first, MENDER, RepairConfig()).pieces
    assert piece.edits == ("Exchange the left and the right limbs back in frames 20-33.",)
    np.testing.assert_array_equal(piece.motion.joint_pos, good.joint_pos)


def test_another_speed_makes_up_no_frame() -> None:
    """The frames are right and their rate is wrong, so the rate is what changes."""
    played = at_speed(standing(), 0.5)
    assert played.fps == FPS / 2
    np.testing.assert_array_equal(played.qpos, standing().qpos)


def test_a_stance_on_the_toes_is_not_levelled() -> None:
    """Soles that lean are no floor that leans: a body over its toes would stand behind them on such a floor."""
    contact = np.ones((FRAMES, 2), dtype=bool)
    on_toes = with_joints(with_joints(standing(), "ankle_pitch", 0.5), "hip_pitch", -0.15)
    stances = Stances.of(on_toes, ROBOT, contact)
    diagnosis = MENDER.diagnose(raised(on_toes, np.asarray(-0.05 - np.median(stances.touch_w[..., 2]))))
    assert stances.world_up() is not None  # the soles do lean alike
    assert diagnosis.fails("validation", "ground_offset")
    assert not {"level", "level floor", "lean"} & {edit.kind for edit in MENDER.edits(diagnosis)}


def test_stances_that_contradict_each_other_tell_no_constant() -> None:
    """A foot that slides forwards and back does not slide steadily."""
    way = np.where(np.arange(FRAMES) % 30 < 15, 0.3, -0.3)[:, None] / FPS
    motion = along(standing(), np.cumsum(way, axis=0) * [1.0, 0.0, 0.0])
    assert Stances.of(motion, ROBOT, np.ones((FRAMES, 2), dtype=bool)).slide() is None


@pytest.mark.parametrize("frames", [2, 5])
def test_motions_of_a_few_frames_are_refused_without_a_crash(frames: int) -> None:
    """Nothing can be told from them, and nothing is made of them."""
    first = MENDER.diagnose(raised(standing(), np.asarray(0.5)).frames(0, frames))
    mend(first, MENDER, RepairConfig())
    assert not first.verdict.accepted


LONG = 240
GATHER = np.clip(np.minimum(np.arange(LONG) / FPS - 2, 6 - np.arange(LONG) / FPS), 0, 1)


def sliding(labels: float) -> RobotMotion:
    """Stands for 2 s, slides for 4 s at up to 3 m/s and stands again."""
    qpos = np.tile(ROBOT.default_qpos, (LONG, 1))
    qpos[:, 0] += 3.0 * np.cumsum(GATHER) / FPS
    contact = np.full((LONG, 2), labels)
    return RobotMotion.from_qpos(qpos, fps=FPS, joint_names=ROBOT.joint_names, foot_contact=contact)


@pytest.mark.parametrize("tier", ["clean", "trainable"])
def test_labels_that_show_a_slide_are_not_deleted(tier: str) -> None:
    """A foot on the floor that slides is what is wrong, and its label is what says so."""
    mender = RobotMender(robot=ROBOT, validation=ValidationConfig(), limits=find_limits(tier))
    first = mender.diagnose(sliding(1.0))
    assert first.fails("validation", "skate_mean")
    assert not {"labels"} & {edit.kind for edit in mender.edits(first)}
    for piece in mend(first, mender, RepairConfig()).pieces:
        way = np.linalg.norm(np.diff(piece.motion.root_pos_w[:, :2], axis=0), axis=1).sum()
        assert way < 0.1  # of the nine metres
        assert piece.motion.foot_contact.min() == 1.0


def test_wrong_labels_are_replaced_but_those_of_sliding_feet_are_kept() -> None:
    """For two seconds the labels name the foot that is held up; then they are right, in the slide as well."""
    lifted = with_joints(with_joints(sliding(0.0), "left_hip_pitch", -0.8), "left_knee", 1.0)
    right = np.arange(LONG) >= 2 * FPS
    motion = replace(lifted, foot_contact=np.stack([~right, right], axis=1).astype(float))
    first = MENDER.diagnose(motion)
    assert first.fails("validation", "contact_swapped_share")
    (edit,) = [edit for edit in MENDER.edits(first) if edit.kind == "labels"]
    np.testing.assert_array_equal(edit.apply(motion).foot_contact, np.tile([0.0, 1.0], (LONG, 1)))


@pytest.mark.parametrize("labels", [0.0, 0.5])
@pytest.mark.parametrize("tier", ["clean", "trainable"])
def test_a_slide_without_labels_is_cut_out(tier: str, labels: float) -> None:
    """Labels taken from slow feet do not show it, and the judge sees it all the same."""
    mender = RobotMender(robot=ROBOT, validation=ValidationConfig(), limits=find_limits(tier))
    pieces = mend(mender.diagnose(sliding(labels)), mender, RepairConfig()).pieces
    kept = np.concatenate([np.arange(*piece.frames) for piece in pieces])
    assert len(kept) > LONG / 3
    assert (3.0 * GATHER[kept] < 0.3).mean() > 0.9
    for piece in pieces:
        assert np.ptp(piece.motion.root_pos_w[:, 0]) < 0.3


def test_a_label_half_way_says_neither() -> None:
    """Padding of files says 0.5: it is no stance to begin or end a cut in."""
    half = replace(standing(), foot_contact=np.full((FRAMES, 2), 0.5))
    assert stance_grade(half, 0.5).max() == 0
    assert stance_grade(standing(), 0.5).min() == 2
