"""The generated G1 stands, touches nothing by construction, and simulates at 200 Hz."""

import mujoco
import numpy as np
import pytest

from robots.g1 import load_g1


@pytest.fixture(params=("29dof", "23dof"))
def robot(request):
    return load_g1(request.param)


def standing(robot):
    model = robot.mj_model()
    data = mujoco.MjData(model)
    mujoco.mj_resetDataKeyframe(model, data, model.key("default").id)
    mujoco.mj_forward(model, data)
    return model, data


def touching(model, data):
    return {frozenset(model.body(model.geom_bodyid[g]).name for g in contact.geom) for contact in data.contact}


def test_nothing_touches_at_the_zero_pose(robot):
    model = robot.mj_model()
    data = mujoco.MjData(model)
    data.qpos[2] = 1.0
    mujoco.mj_forward(model, data)
    assert touching(model, data) == set()


def test_standing_touches_the_floor_with_both_feet_and_nothing_else(robot):
    model, data = standing(robot)
    data.qpos[2] -= 1e-4
    mujoco.mj_forward(model, data)
    assert touching(model, data) == {frozenset({"world", foot}) for foot in robot.foot_body_names}


def test_soles_lie_on_the_floor_at_the_default_height(robot):
    """0.785 m, the height that PBHC's ground-exact standing pose has (its own files say 0.80 and float by 15 mm)."""
    _, data = standing(robot)
    assert robot.default_root_height == pytest.approx(0.785, abs=1e-3)
    for foot in robot.foot_body_names:
        body = data.body(foot)
        heights = (robot.sole_points_b @ body.xmat.reshape(3, 3).T + body.xpos)[:, 2]
        assert np.abs(heights).max() < 1e-3
        assert heights.min() > -1e-9


def test_sole_points_are_where_the_foot_meets_a_floor(robot):
    """What measures slip and height must look at the same points as the contact solver."""
    model, data = standing(robot)
    data.qpos[2] -= 1e-4
    mujoco.mj_forward(model, data)
    for foot in robot.foot_body_names:
        body = data.body(foot)
        points = robot.sole_points_b @ body.xmat.reshape(3, 3).T + body.xpos
        contacts = [c.pos for c in data.contact if model.body(foot).id in model.geom_bodyid[list(c.geom)]]
        gaps = np.linalg.norm(points[:, None, :2] - np.array(contacts)[None, :, :2], axis=-1)
        assert gaps.min(axis=0).max() < 1e-3 and gaps.min(axis=1).max() < 1e-3


def test_weight_is_borne_by_the_floor(robot):
    """Settled on its feet, the contact forces carry 33.341 kg; the position loops neither push nor explode."""
    model, data = standing(robot)
    for _ in range(40):
        mujoco.mj_step(model, data)
    force, total = np.empty(6), np.zeros(3)
    for index, contact in enumerate(data.contact):
        mujoco.mj_contactForce(model, data, index, force)
        total += contact.frame.reshape(3, 3).T @ force[:3]
    assert total[2] == pytest.approx(33.341 * 9.81, rel=0.05)


def test_stands_for_two_seconds_with_an_ankle_strategy(robot):
    """The published gains are too soft to stand by themselves (57 N m/rad at the ankles, 230 needed); leaning the
    ankles against the sway of the centre of mass is enough, so contacts, gains and time step are sound."""
    model, data = standing(robot)
    ankles = [model.actuator(f"{side}_ankle_pitch_joint").id for side in ("left", "right")]
    feet = [data.body(name) for name in robot.foot_body_names]
    target = np.mean([foot.xpos[0] for foot in feet]) + 0.035  # about the middle of the soles
    for _ in range(400):
        mujoco.mj_subtreeVel(model, data)
        lean = 20.0 * (data.subtree_com[1, 0] - target) + 6.0 * data.subtree_linvel[1, 0]
        data.ctrl[ankles] = robot.default_joint_pos[ankles] + lean
        mujoco.mj_step(model, data)
        assert np.isfinite(data.qpos).all()
    upright = data.body("pelvis").xmat.reshape(3, 3)[2, 2]
    assert upright > np.cos(0.1)
    assert data.qpos[2] == pytest.approx(robot.default_root_height, abs=0.03)


def test_survives_falling_over(robot):
    """Left alone it falls, and lies still within the solver's means: no NaN, no explosion, on and not in the floor."""
    model, data = standing(robot)
    for _ in range(800):
        mujoco.mj_step(model, data)
    assert all(warning.number == 0 for warning in data.warning)
    assert np.isfinite(data.qpos).all()
    assert 0.03 < data.qpos[2] < 0.6
    assert np.abs(data.qvel).max() < 20
