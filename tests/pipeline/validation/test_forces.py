"""Laws of the figures of forces: what they find in motions whose forces are known."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from pipeline.measurement import Measurement
from pipeline.validation.force_series import STRETCH
from pipeline.validation.forces import ForcesConfig, explain_motion, measure_forces
from robots.arrays import InvalidArray
from robots.exceptions import JointsDoNotMatch
from robots.g1 import load_g1
from robots.motion import RobotMotion

ROBOT = load_g1("29dof")
GRAVITY = 9.81
CONFIG = ForcesConfig()
RELEASED = Path(__file__).parents[3].parent / "shared" / "data" / "pbhc_motions"

ANCHORS = {
    "Charleston_dance": {"feasible_share": 0.965, "torque_ratio": 1.08, "torque_ratio_p95": 0.70},
    "Horse-stance_punch": {"feasible_share": 0.964, "torque_ratio": 0.55, "torque_ratio_p95": 0.44},
    "Roundhouse_kick": {"feasible_share": 0.929, "torque_ratio": 0.92, "torque_ratio_p95": 0.69},
}
"""Measured independently on PBHC's released motions, low-passed at 6 Hz, with the mesh of the foot."""


def standing(frames: int = 60, fps: float = 30.0, path: np.ndarray | None = None, contact: float = 1.0) -> RobotMotion:
    """The default pose, carried along a path of its root."""
    qpos = np.tile(ROBOT.default_qpos, (frames, 1))
    qpos[:, :3] += 0.0 if path is None else path
    return RobotMotion.from_qpos(
        qpos, fps=fps, joint_names=ROBOT.joint_names, foot_contact=np.full((frames, 2), contact)
    )


def squats(frames: int = 90, fps: float = 30.0, depth: float = 0.06, hz: float = 0.5) -> RobotMotion:
    """Knees that bend and stretch over feet that stay."""
    down = depth * (1 - np.cos(2 * np.pi * hz * np.arange(frames) / fps)) / 2
    motion = standing(frames, fps)
    qpos = motion.qpos.copy()
    bend = np.sqrt(2 * down / 0.3)  # two thin links of 0.3 m that fold
    for name, share in (("hip_pitch", -1.0), ("knee", 2.0), ("ankle_pitch", -1.0)):
        for side in ("left", "right"):
            qpos[:, 7 + ROBOT.joint_names.index(f"{side}_{name}_joint")] += share * bend * 0.5
    return RobotMotion.from_qpos(qpos, fps=fps, joint_names=ROBOT.joint_names, foot_contact=motion.foot_contact)


def measured(motion: RobotMotion, config: ForcesConfig = CONFIG) -> dict[str, Measurement]:
    return {item.name: item for item in measure_forces(ROBOT, motion, config)}


def test_a_robot_that_stands_needs_nothing():
    found = measured(standing())
    weight = ROBOT.mj_model().body_mass.sum() * GRAVITY
    for suffix in ("", "_lp6"):
        assert found[f"force_residual_p95{suffix}"].value * weight < 1e-3  # a millinewton
        assert found[f"moment_residual_p95{suffix}"].value < 1e-3
        assert found[f"feasible_share{suffix}"].value == 1.0
        assert found[f"infeasible_run{suffix}"].value == 0.0
        assert found[f"friction_demand_p95{suffix}"].value < 1e-6
        assert 0.05 < found[f"torque_ratio{suffix}"].value < 0.3
        assert found[f"torque_ratio_soft{suffix}"].value >= found[f"torque_ratio{suffix}"].value
        assert found[f"torque_over_share{suffix}"].value == 0.0
    assert found["label_force_gap_lp6"].value == 0.0


def test_figures_come_raw_and_low_passed_and_name_the_joint():
    found = measured(standing())
    raw = [name for name in found if not name.endswith("_lp6")]
    assert {f"{name}_lp6" for name in raw} | {"label_force_gap_lp6"} == {n for n in found if n.endswith("_lp6")}
    assert any(joint in found["torque_ratio"].meaning for joint in ROBOT.joint_names)


@pytest.mark.parametrize("fps", [24.0, 30.0, 60.0, 120.0])
def test_a_ballistic_flight_needs_no_floor(fps):
    """Nothing touches and nothing is left over, at any rate of frames."""
    t = np.arange(round(0.8 * fps)) / fps
    height = 1.0 + 4.0 * t - GRAVITY / 2 * t**2
    found = measured(standing(len(t), fps, height[:, None] * [0, 0, 1], contact=0.0))
    assert found["force_residual_p95"].value < 1e-6
    assert found["feasible_share"].value == 1.0


def test_a_hover_shows_where_it_is():
    """Lifted off slowly, held, put down: the frames in the air lack the weight, and no others."""
    t = np.arange(120) / 30
    lifted = 0.15 * (1 - np.cos(np.pi * np.clip(np.minimum(t - 1.0, 3.0 - t) / 0.6, 0, 1))) / 2
    motion = standing(120, path=lifted[:, None] * [0, 0, 1])
    motion = replace(motion, foot_contact=np.repeat((lifted < 0.01)[:, None], 2, axis=1).astype(float))
    found = measured(motion)["force_residual_mean_lp6"]
    aloft, held = lifted > 0.03, lifted == 0.15
    assert found.series is not None
    assert found.series[held][5:-5] == pytest.approx(1.0, abs=0.02)
    assert (found.series[aloft] > 0.5).all()
    assert np.nanmax(found.series[:24]) < 0.05
    flagged = np.zeros(120, dtype=bool)
    for start, stop in measured(motion)["feasible_share_lp6"].spans:
        flagged[start:stop] = True
    assert (flagged & aloft).sum() / (flagged | aloft).sum() > 0.8
    assert measured(motion)["infeasible_run_lp6"].value == pytest.approx(aloft.sum() / 30, abs=0.2)


@pytest.mark.parametrize("acceleration", [0.5, 1.5])
def test_friction_demand_is_acceleration_over_gravity(acceleration):
    t = np.arange(40) / 30
    found = measured(standing(40, path=(acceleration / 2 * t**2)[:, None] * [1, 0, 0]))
    assert found["friction_demand_p95"].value == pytest.approx(acceleration / GRAVITY, rel=1e-6)


def test_a_slow_squat_is_feasible_and_a_fast_one_is_less():
    slow, fast = measured(squats(hz=0.5)), measured(squats(hz=3.0, depth=0.12))
    assert slow["feasible_share_lp6"].value == 1.0
    assert slow["force_residual_p95_lp6"].value < 0.02
    assert fast["force_residual_p95"].value > slow["force_residual_p95"].value
    assert fast["torque_ratio"].value > slow["torque_ratio"].value


def test_torques_beyond_the_limit_are_counted_where_they_are():
    """A shoulder shaken at 8 Hz, in the middle of a clip."""
    motion = standing(90, fps=60.0)
    joint_pos = motion.joint_pos.copy()
    t = np.arange(90) / 60
    column = ROBOT.joint_names.index("left_shoulder_pitch_joint")
    joint_pos[30:60, column] += 0.3 * np.sin(2 * np.pi * 8 * t[:30])
    found = measured(replace(motion, joint_pos=joint_pos))
    over = found["torque_over_share"]
    assert over.value > 0.1
    assert all(start >= 28 and stop <= 63 for start, stop in over.spans)
    assert "left_shoulder" in found["torque_ratio"].meaning
    assert found["torque_over_share_lp6"].value < over.value  # the shaking is what the low pass takes


def test_no_figure_depends_on_place_and_heading():
    motion = squats(hz=1.5, depth=0.12)
    turn = Rotation.from_euler("z", 2.0)
    turned = replace(
        motion,
        root_pos_w=turn.apply(motion.root_pos_w + np.array([5.0, -3.0, 0.0])),
        root_quat_wxyz=(turn * Rotation.from_quat(motion.root_quat_wxyz, scalar_first=True)).as_quat(scalar_first=True),
    )
    before, after = measured(motion), measured(turned)
    for name, item in before.items():
        assert after[name].value == pytest.approx(item.value, rel=1e-4, abs=1e-5), name


def test_labels_that_deny_every_contact_leave_a_gap():
    """The floor does carry the feet, but by their labels it may not."""
    assert measured(standing(contact=0.0))["label_force_gap_lp6"].value > 0.8
    assert measured(standing(contact=1.0))["label_force_gap_lp6"].value == 0.0


def test_a_label_on_a_foot_in_the_air_leaves_a_gap():
    """Standing on one leg, with both feet labelled."""
    motion = standing()
    joint_pos = motion.joint_pos.copy()
    for name, angle in (("hip_pitch", -0.5), ("knee", 1.0), ("ankle_pitch", -0.4)):
        joint_pos[:, ROBOT.joint_names.index(f"left_{name}_joint")] = angle
    lifted = replace(motion, joint_pos=joint_pos)
    honest = replace(lifted, foot_contact=np.tile([0.0, 1.0], (len(motion), 1)))
    assert measured(lifted)["label_force_gap_lp6"].value > 0.8
    assert measured(honest)["label_force_gap_lp6"].value == 0.0


def test_long_motions_are_done_in_stretches():
    """Stretches are an inner matter: their seams show nowhere."""
    short = squats(frames=300, hz=1.5, depth=0.12)
    repeats = STRETCH // 300 + 2
    long = RobotMotion.from_qpos(
        np.tile(short.qpos, (repeats, 1)),
        fps=30.0,
        joint_names=ROBOT.joint_names,
        foot_contact=np.tile(short.foot_contact, (repeats, 1)),
    )
    once, often = explain_motion(ROBOT, short, CONFIG).smooth, explain_motion(ROBOT, long, CONFIG).smooth
    start = 300 * (repeats - 2)
    assert start < STRETCH < start + 300
    inside = slice(60, 240)  # away from the repeats' own seams, which the filter smooths
    for name in ("residual_force", "torque_ratio", "com_outside", "lift"):
        assert getattr(often, name)[start : start + 300][inside] == pytest.approx(getattr(once, name)[inside], abs=1e-4)


@pytest.mark.parametrize("frames", [1, 2, 3, 4, 5])
def test_hardly_any_frames_are_no_proof(frames):
    """Accelerations need neighbours: what cannot be judged is not feasible."""
    found = measured(standing(frames))
    assert found["feasible_share_lp6"].value == (1.0 if frames > 4 else 0.0)
    assert found["force_residual_p95"].value < 1e-5


def test_a_robot_upside_down_or_lying_is_measured():
    """The floor pushes at whatever is low."""
    for turn, height in ((Rotation.from_euler("x", np.pi), 0.49), (Rotation.from_euler("y", -np.pi / 2), 0.08)):
        quat = np.tile(turn.as_quat(scalar_first=True), (30, 1))
        motion = replace(standing(30, contact=0.0), root_quat_wxyz=quat)
        motion = replace(motion, root_pos_w=np.tile([0.0, 0, height], (30, 1)))
        found = measured(motion)
        assert found["force_residual_mean"].value < 0.5
        assert explain_motion(ROBOT, motion, CONFIG).raw.lift.sum(axis=1).max() < 0.5  # the rest is on other parts


def test_joints_of_another_robot_are_refused():
    with pytest.raises(JointsDoNotMatch, match="g1_23dof"):
        measure_forces(load_g1("23dof"), standing(), CONFIG)


def test_bounds_that_nothing_keeps_are_refused():
    with pytest.raises(InvalidArray):
        ForcesConfig(feasible_force=0.0)


@pytest.mark.skipif(not RELEASED.is_dir(), reason="PBHC's released motions are not on this machine")
@pytest.mark.parametrize("name", ANCHORS)
def test_forces_are_those_measured_elsewhere(name):
    robot = load_g1("23dof")
    data = np.load(RELEASED / f"{name}.npz")
    motion = RobotMotion(
        fps=float(data["fps"]),
        joint_names=robot.joint_names,
        root_pos_w=data["root_trans_offset"],
        root_quat_wxyz=data["root_rot"][:, [3, 0, 1, 2]],
        joint_pos=data["dof"],
        foot_contact=data["contact_mask"],
    )
    found = {item.name: item.value for item in measure_forces(robot, motion, CONFIG)}
    for anchor, value in ANCHORS[name].items():
        assert found[f"{anchor}_lp6"] == pytest.approx(value, rel=0.10), anchor
