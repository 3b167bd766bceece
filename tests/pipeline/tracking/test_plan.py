"""Plans: still feet, balance, and nothing moved that need not be."""

from dataclasses import replace

import mujoco
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.tracking.plan import PlanConfig, make_plan
from pipeline.tracking.plan_drift import body_shift
from pipeline.tracking.plan_footholds import FootholdConfig, foot_paths
from pipeline.tracking.plan_ik import PlanIkConfig
from pipeline.tracking.plan_preview import (
    GRAVITY,
    PreviewConfig,
    Support,
    convex_polygon,
    nearest_in_polygon,
    preview,
    zero_moment_point,
)
from pipeline.tracking.reference import ReferenceConfig, reference
from robots.exceptions import InvalidArray
from robots.g1 import load_g1
from robots.motion import RobotMotion

ROBOT = load_g1("23dof")
FPS = 30.0
HZ = 200.0
SQUARE = np.array([[-0.1, -0.1], [0.1, -0.1], [0.1, 0.1], [-0.1, 0.1]])


def sliding_sway(seconds=2.0):
    """The standing pose swaying to and fro as a block, so that its feet slide 6 cm; the arms swing."""
    time = np.arange(round(seconds * FPS) + 1) / FPS
    qpos = np.tile(ROBOT.default_qpos, (len(time), 1))
    qpos[:, 1] += 0.03 * np.sin(2 * np.pi * 0.5 * time)
    arm = 7 + ROBOT.joint_names.index("left_shoulder_pitch_joint")
    qpos[:, arm] += 0.6 * np.sin(2 * np.pi * time)
    return RobotMotion.from_qpos(qpos, fps=FPS, joint_names=ROBOT.joint_names, foot_contact=np.ones((len(time), 2)))


@pytest.fixture(scope="module")
def swaying():
    ref = reference(ROBOT, sliding_sway(), ReferenceConfig())
    return ref, make_plan(ROBOT, ref)


def test_standing_feet_of_a_plan_do_not_move(swaying):
    """The reference's feet slide by centimetres; the plan's stay within a tenth of a millimetre, soles on the floor."""
    ref, plan = swaying
    assert np.ptp(ref.foot_pos_w[:, 0, 1]) > 0.02
    assert plan.contact.all()
    assert np.ptp(plan.foot_pos_w, axis=0).max() < 1e-4
    soles = np.einsum("nfij,pj->nfpi", plan.foot_rot_w, ROBOT.sole_points_b) + plan.foot_pos_w[:, :, None]
    assert np.abs(soles[..., 2]).max() < 1e-4


def test_zero_moment_point_of_a_plan_is_under_its_feet(swaying):
    """What the plan does can be done by feet that only push: it is inside the shrunken soles but for millimetres."""
    _, plan = swaying
    mass = float(ROBOT.mj_model().body_mass.sum())
    point = zero_moment_point(plan.com_w, plan.momentum_rate_w, mass, plan.hz)
    (support,) = plan.supports
    assert support.polygon_w is not None
    outside = np.linalg.norm(nearest_in_polygon(point, support.polygon_w) - point, axis=1)
    assert outside.max() < 0.01


def test_plan_of_standing_is_standing():
    """What needs no repair gets none."""
    qpos = np.tile(ROBOT.default_qpos, (31, 1))
    motion = RobotMotion.from_qpos(qpos, fps=FPS, joint_names=ROBOT.joint_names, foot_contact=np.ones((31, 2)))
    ref = reference(ROBOT, motion, ReferenceConfig())
    plan = make_plan(ROBOT, ref)
    assert np.abs(plan.qpos - ref.qpos).max() < 1e-6
    assert np.abs(plan.qacc).max() < 1e-6


def test_plan_without_contacts_is_the_reference():
    """With nothing to stand on there is nothing to plan with."""
    ref = reference(ROBOT, sliding_sway(1.0), ReferenceConfig())
    none = replace(ref, contact=np.zeros_like(ref.contact))
    assert np.array_equal(make_plan(ROBOT, none).qpos, ref.qpos)


def test_preview_leaves_a_balanced_path_alone():
    """The nearest path to one that needs no change is itself."""
    com = np.tile([0.01, -0.02, 0.7], (200, 1))
    path = preview(com, np.zeros_like(com), [Support((0, 200), SQUARE)], 33.0, HZ, PreviewConfig())
    assert np.abs(path - com).max() < 1e-12


def test_preview_brings_the_zero_moment_point_into_moving_supports():
    """From one foot to the other: the point keeps to the foot that stands, and the path goes on between them."""
    n = 400
    com = np.column_stack([np.zeros(n), np.linspace(-0.1, 0.1, n), np.full(n, 0.7)])
    right, left = SQUARE * 0.3 + [0.0, -0.1], SQUARE * 0.3 + [0.0, 0.1]
    both = convex_polygon(np.vstack([left, right]))
    supports = [Support((0, 180), right), Support((180, 220), both), Support((220, n), left)]
    path = preview(com, np.zeros_like(com), supports, 33.0, HZ, PreviewConfig())
    point = zero_moment_point(path, np.zeros_like(com), 33.0, HZ)
    for support in supports:
        part = point[slice(*support.span)]
        assert support.polygon_w is not None
        assert np.abs(nearest_in_polygon(part, support.polygon_w) - part).max() < 1e-3
    assert np.array_equal(path[:, 2], com[:, 2])


def test_preview_flies_straight():
    """Nothing steers a body in the air: its horizontal velocity is constant there."""
    n = 200
    time = np.arange(n) / HZ
    com = np.column_stack([0.05 * np.sin(8 * time), np.zeros(n), np.full(n, 0.7)])
    supports = [Support((0, 80), SQUARE), Support((80, 120), None), Support((120, n), SQUARE)]
    path = preview(com, np.zeros_like(com), supports, 33.0, HZ, PreviewConfig(tolerance=1e-5, iterations=2000))
    bend = (path[2:] - 2 * path[1:-1] + path[:-2])[80:118, :2] * HZ**2
    assert np.abs(bend).max() < 1e-3 * GRAVITY


@given(st.lists(st.tuples(st.floats(-0.5, 0.5), st.floats(-0.5, 0.5)), min_size=1, max_size=20))
@settings(max_examples=50, deadline=None)
def test_nearest_point_in_a_polygon_is_inside_and_keeps_what_is_inside(points):
    """In a square the projection is clipping, which is known."""
    points = np.array(points)
    assert np.allclose(nearest_in_polygon(points, SQUARE), np.clip(points, -0.1, 0.1), atol=1e-12)


def test_feet_that_slide_together_shift_the_body_back():
    """A body that glides along with both feet at the same speed is a body that stands: the shift undoes the glide."""
    n = 400
    glide = np.column_stack([0.1 * np.arange(n) / HZ, np.zeros(n)])
    centre = glide[:, None] + np.array([[0.0, 0.1], [0.0, -0.1]])
    shift = body_shift([[(0, n)], [(0, n)]], centre, HZ, price=0.01, time_s=0.1)
    assert np.ptp(glide + shift, axis=0).max() < 1e-3


def test_feet_that_stand_do_not_shift_the_body():
    """Nothing to repair, nothing shifted."""
    centre = np.tile([[0.0, 0.1], [0.0, -0.1]], (100, 1, 1))
    assert np.abs(body_shift([[(0, 100)], [(0, 50)]], centre, HZ, price=0.2, time_s=0.15)).max() < 1e-9


def test_swinging_foot_leaves_and_lands_at_rest():
    """Speed and acceleration are continuous where a foot lifts and lands, and its sole stays above the floor."""
    n = 200
    contact = np.zeros((n, 2), dtype=bool)
    contact[:, 1] = contact[:60, 0] = contact[140:, 0] = True
    pos = np.zeros((n, 2, 3))
    pos[:, :, 2] = 0.035
    pos[:, 0, 0] = 0.3 * np.arange(n) / n  # slides on through, as careless motions do
    rot = np.tile(np.eye(3), (n, 2, 1, 1))
    feet = foot_paths(ROBOT, HZ, contact, pos, rot, np.zeros((n, 2)), FootholdConfig())
    velocity = np.diff(feet.pos_w[:, 0], axis=0) * HZ
    assert np.abs(velocity[:59]).max() == 0.0
    assert np.abs(np.diff(velocity, axis=0)).max() * HZ < 20.0  # a jump of the reference's 0.3 m/s would be 60
    assert (feet.pos_w[:, 0, 2] > 0.035 - 1e-9).all()
    assert feet.pos_w[100, 0, 2] > 0.035 + 0.005


def standing_feet(n):
    """Both feet flat on the floor at the origin, never lifted."""
    pos = np.zeros((n, 2, 3))
    pos[:, :, 2] = -ROBOT.sole_points_b[:, 2].min()
    pos[:, 0, 1], pos[:, 1, 1] = 0.1, -0.1
    return np.ones((n, 2), dtype=bool), pos, np.tile(np.eye(3), (n, 2, 1, 1))


def test_feet_that_slide_apart_step_one_after_the_other():
    """A step needs the other foot: a plan of feet that never lift never flies, however both of them slide."""
    n = 800
    contact, pos, rot = standing_feet(n)
    pos[:, 0, 0] = 0.6 * np.arange(n) / n
    pos[:, 1, 0] = -0.6 * np.arange(n) / n
    feet = foot_paths(ROBOT, HZ, contact, pos, rot, np.zeros((n, 2)), FootholdConfig())
    assert feet.contact.any(axis=1).all()
    assert all(len(holds) > 1 for holds in feet.footholds)


def test_feet_that_turn_under_load_step_round():
    """A foot that bears the robot is not screwed round by a right angle; it is lifted and set down again."""
    n = 800
    contact, pos, rot = standing_feet(n)
    heading = np.column_stack([np.linspace(0.0, 2.0, n), np.zeros(n)])
    feet = foot_paths(ROBOT, HZ, contact, pos, rot, heading, FootholdConfig())
    assert len(feet.footholds[0]) > 1 and not any(hold.pivots for hold in feet.footholds[0])
    assert feet.contact[:, 1].all()


def test_short_contact_of_the_only_foot_is_kept():
    """Leaving out a step that nothing replaces would have the robot fly."""
    n = 200
    contact, pos, rot = standing_feet(n)
    contact[100:115, 0], contact[100:115, 1] = True, False
    contact[:100, 0] = contact[115:, 0] = False
    feet = foot_paths(ROBOT, HZ, contact, pos, rot, np.zeros((n, 2)), FootholdConfig(shortest_swing_s=0.05))
    assert feet.contact.any(axis=1).all()


def test_swing_that_begins_with_the_clip_is_off_the_floor():
    """A foot that is dragged trips, however the clip begins."""
    n = 200
    contact, pos, rot = standing_feet(n)
    contact[:100, 0] = False
    feet = foot_paths(ROBOT, HZ, contact, pos, rot, np.zeros((n, 2)), FootholdConfig())
    lifted = feet.pos_w[:, 0, 2] - pos[0, 0, 2]
    assert (lifted[:80] > 0.025).all() and np.abs(lifted[100:]).max() < 1e-9


def test_plan_keeps_the_angular_momentum_of_its_reference():
    """Where the centre of mass must move, the trunk is not thrown about for it: the dearer that is, the less."""
    ref = reference(ROBOT, sliding_sway(1.0), ReferenceConfig())
    wanted = ref_momentum(ref)
    plans = [make_plan(ROBOT, ref, PlanConfig(ik=PlanIkConfig(momentum_weight=price))) for price in (0.1, 0.025, 0.0)]
    off = [np.linalg.norm(np.diff(plan.momentum_w - wanted, axis=0), axis=1).mean() for plan in plans]
    assert off[0] < 0.7 * off[2]
    assert off[0] < off[1] < 0.9 * off[2]


def ref_momentum(ref):
    """Angular momentum of a reference about its centre of mass, by MuJoCo."""
    model = ROBOT.mj_model()
    data = mujoco.MjData(model)
    momentum = np.empty((len(ref), 3))
    for i in range(len(ref)):
        data.qpos[:], data.qvel[:] = ref.qpos[i], ref.qvel[i]
        mujoco.mj_forward(model, data)
        mujoco.mj_subtreeVel(model, data)
        momentum[i] = data.subtree_angmom[0]
    return momentum


def test_settings_out_of_range_are_refused():
    """A support that is larger than the sole would certify what falls."""
    with pytest.raises(InvalidArray, match="support_share"):
        PlanConfig(support_share=1.5)
