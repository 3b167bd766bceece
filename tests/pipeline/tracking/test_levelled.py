"""Light plans, on the real G1: feet that carry are flat and still, the rest is nearly as it was."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pipeline.export import FORMATS
from pipeline.tracking.levelled import as_reference, levelled
from pipeline.tracking.plan import make_plan
from pipeline.tracking.reference import Reference, ReferenceConfig, reference
from robots.g1 import load_g1
from robots.motion import RobotMotion

ROBOT = load_g1("23dof")
RELEASED = Path(__file__).parents[3].parent / "shared" / "data" / "pbhc_motions"


def standing(*, pitch: float = 0.0, roll: float = 0.0, slide: float = 0.0) -> Reference:
    """Stand for a second with both ankles turned by some angle, the whole robot sliding along."""
    qpos = np.tile(ROBOT.default_qpos, (31, 1))
    for name, turn in (("ankle_pitch", pitch), ("ankle_roll", roll)):
        columns = [7 + ROBOT.joint_names.index(f"{side}_{name}_joint") for side in ("left", "right")]
        qpos[:, columns] += turn
    qpos[:, 0] += np.linspace(0.0, slide, len(qpos))
    motion = RobotMotion.from_qpos(qpos, fps=30.0, joint_names=ROBOT.joint_names, foot_contact=np.ones((len(qpos), 2)))
    return reference(ROBOT, motion, ReferenceConfig())


def tilt(followed: Reference) -> np.ndarray:
    return np.arccos(np.clip(followed.foot_rot_w[..., 2, 2], -1.0, 1.0))


def sole_speed(followed: Reference) -> np.ndarray:
    return np.linalg.norm(np.gradient(followed.sole_pos_w, 1 / followed.hz, axis=0), axis=-1).max(axis=-1)


def test_a_flat_footed_reference_is_unchanged():
    """Nothing to repair: what stands already is followed as it is, but for the bend that knees keep."""
    asked = standing()
    result = levelled(asked, ROBOT)
    np.testing.assert_allclose(result.qpos[:, :3], asked.qpos[:, :3], atol=2e-3)
    np.testing.assert_allclose(result.qpos[:, 7:], asked.qpos[:, 7:], atol=0.02)
    assert np.abs(result.qvel).max() < 0.05


def test_a_reference_that_never_stands_is_returned_as_it_is():
    """Upside down, no sole can carry: nothing says where the floor is, nor what a foot should be level for."""
    upside_down = ROBOT.default_qpos.copy()
    upside_down[3:7] = 0.0, 1.0, 0.0, 0.0
    motion = RobotMotion.from_qpos(
        np.tile(upside_down, (31, 1)), fps=30.0, joint_names=ROBOT.joint_names, foot_contact=np.zeros((31, 2))
    )
    asked = reference(ROBOT, motion, ReferenceConfig())
    assert not asked.contact.any()
    assert levelled(asked, ROBOT) is asked


@pytest.mark.parametrize(("pitch", "roll"), [(0.3, 0.0), (-0.3, 0.0), (0.0, 0.2), (0.3, -0.15)])
def test_standing_soles_end_level_and_on_the_floor(pitch, roll):
    """On tiptoe, on the heel or on an edge: a sole that carries lies flat."""
    asked = standing(pitch=pitch, roll=roll)
    assert asked.contact.all()
    assert tilt(asked).min() > 0.1
    result = levelled(asked, ROBOT)
    assert tilt(result).max() < 0.02
    np.testing.assert_allclose(result.sole_pos_w[..., 2], 0.0, atol=3e-3)


def test_feet_that_slide_stay_where_they_are():
    """Floors do not give: the body stays with its feet."""
    asked = standing(slide=0.1)
    assert np.median(sole_speed(asked)) > 0.05
    assert sole_speed(levelled(asked, ROBOT)).max() < 0.01


def test_moving_the_motion_moves_the_result():
    """Where on the floor it happens is no part of the motion."""
    asked = standing(pitch=0.3)
    away = np.array([3.0, -2.0, 0.0])
    moved_qpos = asked.qpos.copy()
    moved_qpos[:, :3] += away
    moved = replace(
        asked,
        qpos=moved_qpos,
        sole_pos_w=asked.sole_pos_w + away,
        foot_pos_w=asked.foot_pos_w + away,
        com_pos_w=asked.com_pos_w + away,
    )
    result = levelled(moved, ROBOT)
    np.testing.assert_allclose(result.qpos[:, :3] - away, levelled(asked, ROBOT).qpos[:, :3], atol=1e-4)


@pytest.mark.skipif(not RELEASED.is_dir(), reason="PBHC's released motions are not on this machine")
def test_a_released_motion_is_repaired_more_lightly_than_by_a_plan():
    """It stands on toes and edges by ten and more degrees, and slides by 0.2 m/s."""
    asked = reference(ROBOT, FORMATS["pbhc"].read(RELEASED / "Roundhouse_kick.pkl"), ReferenceConfig())
    result, plan = levelled(asked, ROBOT), as_reference(make_plan(ROBOT, asked), asked, ROBOT)

    def moved(followed):
        return np.sqrt(((followed.qpos - asked.qpos)[:, 7:] ** 2).mean())

    assert moved(result) < 0.15
    assert moved(result) < 0.75 * moved(plan)
    assert np.abs(result.qvel[:, 6:]).max() < 0.75 * np.abs(plan.qvel[:, 6:]).max()
    assert np.median(tilt(result)[result.contact]) < 0.02
    assert np.median(sole_speed(result)[result.contact]) < 0.02
