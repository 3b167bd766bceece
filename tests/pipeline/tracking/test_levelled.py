"""Standing references on flat soles, on the real G1."""

from pathlib import Path

import mujoco
import numpy as np
import pytest

from pipeline.export import FORMATS
from pipeline.tracking.levelled import LevelConfig, ankle_joints, levelled
from pipeline.tracking.reference import Reference, ReferenceConfig, reference
from robots.exceptions import InvalidArray
from robots.g1 import load_g1
from robots.motion import RobotMotion

ROBOT = load_g1("23dof")
ANKLES = ankle_joints(ROBOT)
RELEASED = Path(__file__).parents[3].parent / "shared" / "data" / "pbhc_motions"


def standing(*, pitch: float = 0.0, roll: float = 0.0, bend: float = 0.0, seconds: float = 1.0) -> Reference:
    """Stand with both ankles turned by some angle, and bend both knees by and by, the feet kept flat but not put."""
    time = np.arange(round(30 * seconds) + 1) / 30
    qpos = np.tile(ROBOT.default_qpos, (len(time), 1))
    depth = 0.5 * bend * (1 - np.cos(2 * np.pi * time / seconds))
    for side in ("left", "right"):
        for joint, share in (("hip_pitch", -1), ("knee", 2), ("ankle_pitch", -1)):
            qpos[:, 7 + ROBOT.joint_names.index(f"{side}_{joint}_joint")] += share * depth
    qpos[:, 7 + ANKLES[:, 0]] += pitch
    qpos[:, 7 + ANKLES[:, 1]] += roll
    motion = RobotMotion.from_qpos(qpos, fps=30.0, joint_names=ROBOT.joint_names, foot_contact=np.ones((len(time), 2)))
    return reference(ROBOT, motion, ReferenceConfig())


def tilt(followed: Reference) -> np.ndarray:
    return np.arccos(np.clip(followed.foot_rot_w[..., 2, 2], -1.0, 1.0))


def test_a_flat_footed_reference_is_unchanged():
    """Nothing to repair: what stands already is followed as it is."""
    asked = standing()
    result = levelled(asked, ROBOT)
    np.testing.assert_allclose(result.qpos, asked.qpos, atol=1e-6)
    np.testing.assert_allclose(result.qvel, asked.qvel, atol=1e-5)
    np.testing.assert_allclose(result.qacc, asked.qacc, atol=1e-3)


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
    assert tilt(result).max() < 1e-4
    np.testing.assert_allclose(result.sole_pos_w[..., 2], 0.0, atol=1e-4)


def test_only_ankles_and_height_change():
    """The repair is light: whoever looks at the result sees the same motion."""
    asked = standing(pitch=0.3, roll=0.1, bend=0.3)
    result = levelled(asked, ROBOT)
    kept = np.ones(asked.qpos.shape[1], dtype=bool)
    kept[[2, *(7 + ANKLES.ravel())]] = False
    np.testing.assert_array_equal(result.qpos[:, kept], asked.qpos[:, kept])


def test_an_ankle_at_its_limit_leaves_the_rest():
    """A squat deeper than the ankle bends: the joint stays within its range, and the tilt that is left is told."""
    asked = standing(pitch=0.0, bend=1.6, seconds=2.0)
    result = levelled(asked, ROBOT)
    assert (result.qpos[:, 7:] >= ROBOT.joint_lower - 1e-9).all()
    assert (result.qpos[:, 7:] <= ROBOT.joint_upper + 1e-9).all()


def test_velocities_and_accelerations_are_the_derivatives_of_the_result():
    """MuJoCo's difference of neighbouring samples is the oracle; a tracker with other speeds fights itself."""
    asked = standing(pitch=0.2, bend=0.3)
    result = levelled(asked, ROBOT)
    model = ROBOT.mj_model()
    step = np.zeros((len(result) - 1, model.nv))
    for i in range(len(step)):
        mujoco.mj_differentiatePos(model, step[i], 1 / result.hz, result.qpos[i], result.qpos[i + 1])
    np.testing.assert_allclose(step, (result.qvel[1:] + result.qvel[:-1]) / 2, atol=0.01)
    rate = np.diff(result.qvel, axis=0) * result.hz
    np.testing.assert_allclose(rate[2:-2], ((result.qacc[1:] + result.qacc[:-1]) / 2)[2:-2], atol=0.5)


def test_settings_out_of_range_are_refused():
    with pytest.raises(InvalidArray, match="blend_s: must be zero or positive"):
        LevelConfig(blend_s=-0.1)


@pytest.mark.skipif(not RELEASED.is_dir(), reason="PBHC's released motions are not on this machine")
@pytest.mark.parametrize("name", ["Horse-stance_punch", "Charleston_dance", "Roundhouse_kick"])
def test_a_released_motion_is_repaired_lightly(name):
    """Their robots stand on toes and edges by ten and more degrees; flat, the pelvis stays within 4 cm of its place."""
    asked = reference(ROBOT, FORMATS["pbhc"].read(RELEASED / f"{name}.pkl"), ReferenceConfig())
    result = levelled(asked, ROBOT)
    moved = np.linalg.norm(result.qpos[:, :3] - asked.qpos[:, :3], axis=1)
    assert moved.mean() < 0.042
    stands = asked.contact
    assert tilt(result)[stands].mean() < 0.5 * tilt(asked)[stands].mean()
    assert np.degrees(np.median(tilt(result)[stands])) < 1.0
