"""PBHC's released motions (CC BY-NC, not part of this repository) as anchors of measurements and limits."""

from pathlib import Path

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


@pytest.mark.parametrize("name", CORE_FEET)
def test_feet_are_where_they_were_measured_elsewhere(name):
    """Capsules stand in for the mesh of the foot here: 3 mm and 10 %."""
    found = measured(name)
    for measurement, anchor in CORE_FEET[name].items():
        tolerance = {"abs": 0.003} if found[measurement].unit == "m" else {"rel": 0.10}
        assert found[measurement].value == pytest.approx(anchor, **tolerance), measurement


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
