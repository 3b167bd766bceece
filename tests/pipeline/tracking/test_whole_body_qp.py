"""The controller's programme: what it decides obeys mechanics, friction and motors."""

import mujoco
import numpy as np
import pytest

from pipeline.tracking.plan import make_plan
from pipeline.tracking.plant import plant
from pipeline.tracking.reference import ReferenceConfig, reference
from pipeline.tracking.whole_body_qp import WholeBodyQp, WholeBodyQpConfig
from pipeline.tracking.whole_body_run import run_plan
from robots.g1 import load_g1
from robots.motion import RobotMotion

ROBOT = load_g1("29dof")
FPS = 30.0


def standing(seconds=2.0):
    frames = round(seconds * FPS) + 1
    qpos = np.tile(ROBOT.default_qpos, (frames, 1))
    return RobotMotion.from_qpos(qpos, fps=FPS, joint_names=ROBOT.joint_names, foot_contact=np.ones((frames, 2)))


@pytest.fixture(scope="module")
def stand():
    return make_plan(ROBOT, reference(ROBOT, standing(), ReferenceConfig()))


@pytest.fixture(scope="module")
def run(stand):
    return run_plan(ROBOT, stand)


def state(seed):
    """A plant near the standing pose, moving a little."""
    model = plant(ROBOT, timestep_s=0.0025)
    model.opt.disableflags |= mujoco.mjtDisableBit.mjDSBL_ACTUATION
    data = mujoco.MjData(model)
    rng = np.random.default_rng(seed)
    data.qpos[:] = ROBOT.default_qpos
    data.qpos[2] += 0.003
    data.qpos[7:] += 0.01 * rng.standard_normal(model.nv - 6)
    data.qvel[:] = 0.1 * rng.standard_normal(model.nv)
    mujoco.mj_step1(model, data)
    return model, data


@pytest.mark.parametrize("seed", range(4))
def test_solution_obeys_mechanics_friction_and_motors(stand, seed):
    """M a + h = torques + what the floor does at the soles + the root wrench, by MuJoCo's own inverse dynamics."""
    model, data = state(seed)
    config = WholeBodyQpConfig(touch_height=0.05)
    found = WholeBodyQp(ROBOT, model, config).solve(data, stand, 50)
    assert found.solved
    given = np.concatenate([found.slack, found.torque])
    jac = np.zeros((3, model.nv))
    for foot, name in enumerate(ROBOT.foot_body_names):
        body = model.body(name).id
        for point, force in zip(ROBOT.sole_points_b, found.force_w[foot], strict=True):
            place = data.xpos[body] + data.xmat[body].reshape(3, 3) @ point
            mujoco.mj_jac(model, data, jac, None, place, body)
            given += jac.T @ force
    mass_matrix = np.zeros((model.nv, model.nv))
    mujoco.mj_fullM(model, data, mass_matrix)
    assert np.abs(mass_matrix @ found.qacc + data.qfrc_bias - given).max() < 1e-5
    across = np.abs(found.force_w[..., :2]).sum(axis=-1)
    assert (across <= config.friction * found.force_w[..., 2] + 1e-6).all()
    assert (found.force_w[..., 2] >= -1e-6).all()
    assert (np.abs(found.torque) <= ROBOT.effort_limit).all()


def test_foot_in_the_air_gets_no_force(stand):
    """A planned contact carries only where the sole is at the floor."""
    model, data = state(0)
    data.qpos[2] += 0.1
    mujoco.mj_step1(model, data)
    found = WholeBodyQp(ROBOT, model).solve(data, stand, 50)
    assert not found.force_w.any()


def test_standing_robot_stays_with_static_torques_and_no_help(run, stand):
    """Two seconds: the root stays, the wrench asked for is nothing, the torques are those of statics."""
    assert run.survival == 1.0 and run.unsolved == 0
    assert np.linalg.norm(run.qpos[:, :3] - stand.qpos[:, :3], axis=1).max() < 2e-3
    assert np.abs(run.slack).max() < 1e-3
    assert np.abs(np.diff(run.torque[-100:], axis=0)).max() < 0.1
    # Statics: what gravity asks of the joints, the floor pushing up at the soles with the weight.
    model = ROBOT.mj_model()
    data = mujoco.MjData(model)
    data.qpos[:] = run.qpos[-1]
    mujoco.mj_forward(model, data)
    arms = [6 + i for i, name in enumerate(ROBOT.joint_names) if any(k in name for k in ("shoulder", "elbow", "wrist"))]
    assert np.abs(run.torque[-1] - data.qfrc_bias[6:])[np.array(arms) - 6].max() < 0.05


def test_run_is_deterministic(run, stand):
    """Same plan, same bits."""
    again = run_plan(ROBOT, stand)
    assert np.array_equal(again.qpos, run.qpos) and np.array_equal(again.torque, run.torque)


def test_help_holds_up_a_robot_without_a_floor_under_its_feet(stand):
    """With its wrench applied, the root's equations hold in the air as well: the slack is the weight."""
    model = plant(ROBOT, timestep_s=0.0025)
    model.opt.disableflags |= mujoco.mjtDisableBit.mjDSBL_ACTUATION
    data = mujoco.MjData(model)
    data.qpos[:] = ROBOT.default_qpos
    data.qpos[2] += 0.2
    mujoco.mj_step1(model, data)
    found = WholeBodyQp(ROBOT, model, WholeBodyQpConfig(slack_price=1e-6)).solve(data, stand, 10)
    data.qfrc_applied[:6], data.qfrc_applied[6:] = found.slack, found.torque
    mujoco.mj_step2(model, data)
    assert np.allclose(data.qacc, found.qacc, atol=1e-3)
