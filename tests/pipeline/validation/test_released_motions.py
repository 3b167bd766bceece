"""PBHC's released motions (CC BY-NC, not part of this repository) as anchors of measurements and limits."""

from pathlib import Path

import mujoco
import numpy as np
import pytest

from pipeline.limits import find_limits
from pipeline.measurement import Measurements
from pipeline.validation import ValidationConfig, measure_robot
from pipeline.verdict import judge
from robots.g1 import load_g1
from robots.motion import RobotMotion

FOLDER = Path(__file__).parents[3].parent / "shared" / "data" / "pbhc_motions"
ROBOT = load_g1("23dof")

pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="PBHC's released motions are not on this machine")

ANCHORS = {
    "Charleston_dance": {"joint_speed": 19.6, "joint_speed_ratio": 0.63, "joint_acc": 373.0, "joint_acc_p99": 280.0},
    "Horse-stance_punch": {"joint_speed": 6.93, "joint_speed_ratio": 0.187, "joint_acc": 101.0},
    "Roundhouse_kick": {"joint_speed": 7.06, "joint_speed_ratio": 0.2206, "joint_acc": 102.0},
}
"""Measured independently with MuJoCo on the released files, at 30 fps."""

CORE_FEET = {
    "Charleston_dance": {"ground_offset": -0.003, "stance_height_std": 0.006, "skate_mean": 0.082, "skate_p95": 0.24},
    "Horse-stance_punch": {"ground_offset": -0.048, "stance_height_std": 0.012, "skate_mean": 0.047, "skate_p95": 0.16},
    "Roundhouse_kick": {"ground_offset": -0.027, "stance_height_std": 0.026, "skate_mean": 0.157, "skate_p95": 0.53},
}
"""The same, from the meshes of the feet, without the 30 + 30 frames of padding."""


def released(name: str) -> RobotMotion:
    data = np.load(FOLDER / f"{name}.npz")
    return RobotMotion(
        fps=float(data["fps"]),
        joint_names=ROBOT.joint_names,
        root_pos_w=data["root_trans_offset"],
        root_quat_wxyz=data["root_rot"][:, [3, 0, 1, 2]],
        joint_pos=data["dof"],
        foot_contact=data["contact_mask"],
    )


def measured(name: str) -> Measurements:
    return measure_robot(released(name), ROBOT, ValidationConfig())


@pytest.mark.parametrize("name", ANCHORS)
def test_joint_speeds_are_those_measured_elsewhere(name):
    found = measured(name)
    for measurement, anchor in ANCHORS[name].items():
        assert found[measurement].value == pytest.approx(anchor, rel=0.02), measurement


NEAR_LIMIT_FRAMES = {"Charleston_dance": 70, "Horse-stance_punch": 0, "Roundhouse_kick": 3}
"""Frames with a joint beyond 95 % of its half range."""


@pytest.mark.parametrize("name", NEAR_LIMIT_FRAMES)
def test_joint_ranges_and_the_fastest_joints_are_those_measured_elsewhere(name):
    found = measured(name)
    fastest = {
        "Charleston_dance": "right_shoulder_yaw_joint",
        "Horse-stance_punch": "right_elbow_joint",
        "Roundhouse_kick": "waist_yaw_joint",
    }
    near = found["joint_near_limit_share"].value * found.n_frames
    assert near == pytest.approx(NEAR_LIMIT_FRAMES[name], abs=0.02 * found.n_frames)
    assert found["joint_over_limit"].value == 0.0
    assert fastest[name] in found["joint_speed"].meaning


@pytest.mark.parametrize("name", ANCHORS)
def test_the_root_is_as_fast_as_mujoco_says(name):
    """Differences on MuJoCo's manifold, computed apart; none of the released clips is beyond the published maxima."""
    motion, found = released(name), measured(name)
    model, qpos = ROBOT.mj_model(), released(name).qpos
    steps = np.zeros((len(qpos) - 1, model.nv))
    for i, step in enumerate(steps):
        mujoco.mj_differentiatePos(model, step, 1 / motion.fps, qpos[i], qpos[i + 1])
    rates = np.diff(steps, axis=0) * motion.fps
    expected = {"root_speed": (steps[:, :3], 1.68), "root_ang_speed": (steps[:, 3:6], 9.5)}
    expected |= {"root_acc": (rates[:, :3], 30.6), "root_ang_acc": (rates[:, 3:6], 160.0)}
    for measurement, (vectors, most) in expected.items():
        value = found[measurement].value
        assert value == pytest.approx(np.linalg.norm(vectors, axis=1).max(), rel=0.02), measurement
        assert value <= 1.02 * most, measurement


@pytest.mark.parametrize("name", CORE_FEET)
def test_feet_are_where_they_were_measured_elsewhere(name):
    """Capsules stand in for the mesh of the foot here: 3 mm and 10 %."""
    found = measured(name)
    for measurement, anchor in CORE_FEET[name].items():
        tolerance = 0.003 if found[measurement].unit == "m" else 0.10 * anchor
        assert found[measurement].value == pytest.approx(anchor, abs=tolerance), measurement


@pytest.mark.parametrize("name", ANCHORS)
def test_the_trainable_tier_accepts_what_was_trained(name):
    verdict = judge((measured(name),), find_limits("trainable"))
    assert verdict.reasons == ()


@pytest.mark.parametrize("name", ANCHORS)
def test_the_clean_tier_tells_what_is_wrong_with_them(name):
    """Their soles are centimetres in the floor or slide: users should read it, with frames and a remedy."""
    verdict = judge((measured(name),), find_limits("clean"))
    assert not verdict.accepted
    assert any("skate" in reason or "penetration" in reason for reason in verdict.reasons)


@pytest.mark.parametrize("name", ANCHORS)
def test_the_trainable_tier_refuses_them_with_a_fault(name, faulty):
    """Limits that accept good motions are worth something only if they refuse bad ones."""
    for fault, broken in faulty(released(name)).items():
        verdict = judge((measure_robot(broken, ROBOT, ValidationConfig()),), find_limits("trainable"))
        assert not verdict.accepted, fault
