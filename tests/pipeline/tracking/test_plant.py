import mujoco
import numpy as np
import pytest

from pipeline.tracking.plant import fallen, gains, plant, without_log
from robots.g1 import load_g1


@pytest.mark.parametrize("variant", ["29dof", "23dof"])
def test_the_plant_is_the_robot_with_its_own_motors(variant):
    """Masses, joints, gains and effort limits are those of the description; only what touches is replaced."""
    robot = load_g1(variant)
    model, own = plant(robot, timestep_s=0.005), robot.mj_model()
    np.testing.assert_array_equal(model.body_mass, own.body_mass)
    np.testing.assert_array_equal(model.dof_armature, own.dof_armature)
    np.testing.assert_array_equal(model.actuator_gainprm, own.actuator_gainprm)
    np.testing.assert_array_equal(model.actuator_forcerange[:, 1], robot.effort_limit)
    kp, kd = gains(model)
    assert (kp > 0).all() and (kd > 0).all()


def test_a_position_loop_pulls_with_its_gains():
    """Force = kp (target - angle) - kd speed, with the gains of the description."""
    robot = load_g1()
    model = plant(robot, timestep_s=0.005)
    kp, kd = gains(model)
    data = mujoco.MjData(model)
    data.qpos[:] = robot.default_qpos
    data.qvel[6:] = 0.1
    data.ctrl[:] = robot.default_joint_pos + 0.02
    mujoco.mj_forward(model, data)
    np.testing.assert_allclose(data.actuator_force, kp * 0.02 - kd * 0.1, rtol=1e-9)


def test_the_spheres_end_at_the_corners_of_the_soles():
    """The plant stands as high as the robot does."""
    robot = load_g1()
    model = plant(robot, timestep_s=0.005)
    spheres = [g for g in range(model.ngeom) if model.geom_type[g] == mujoco.mjtGeom.mjGEOM_SPHERE]
    assert len(spheres) == 2 * len(robot.sole_points_b)
    lowest = model.geom_pos[spheres] - [0, 0, 1] * model.geom_size[spheres, :1]
    np.testing.assert_allclose(lowest, np.tile(robot.sole_points_b, (2, 1)), atol=1e-12)


def touching(model, qpos):
    """Links of all contacts."""
    data = mujoco.MjData(model)
    data.qpos[:] = qpos
    mujoco.mj_forward(model, data)
    return {tuple(sorted(model.body(model.geom_bodyid[g]).name for g in c.geom)) for c in data.contact}


def test_only_soles_touch_the_floor_unless_more_is_asked_for():
    """Lying, the robot falls through the floor with all but its feet, as the cheap plant is meant to."""
    robot = load_g1()
    qpos = robot.default_qpos.copy()
    qpos[2:7] = [0.05, np.sqrt(0.5), 0, np.sqrt(0.5), 0]
    soles = touching(plant(robot, timestep_s=0.005), qpos)
    assert {pair[0] for pair in soles} | {pair[1] for pair in soles} <= {"world", *robot.foot_body_names}
    everything = touching(plant(robot, timestep_s=0.005, body_on_floor=True), qpos)
    assert ("torso_link", "world") in everything
    assert all("world" in pair for pair in everything)


def test_parts_touch_each_other_only_if_asked_for():
    """Crossed legs pass through each other in the cheap plant."""
    robot = load_g1()
    qpos = robot.default_qpos.copy()
    qpos[2] = 2.0
    for side, sign in (("left", -1), ("right", 1)):
        qpos[7 + robot.joint_names.index(f"{side}_hip_roll_joint")] = 0.3 * sign
    assert not touching(plant(robot, timestep_s=0.005), qpos)
    assert touching(plant(robot, timestep_s=0.005, self_collision=True), qpos)


def test_a_heavier_plant_is_heavier_throughout():
    """Robustness runs scale masses and inertias alike."""
    robot = load_g1()
    model, heavy = plant(robot, timestep_s=0.005), plant(robot, timestep_s=0.005, mass_scale=1.1)
    np.testing.assert_allclose(heavy.body_mass, 1.1 * model.body_mass)
    np.testing.assert_allclose(heavy.body_inertia, 1.1 * model.body_inertia)


def test_a_fall_is_told_from_what_the_motion_wants():
    """A bow, a turn on the spot or a motion on the floor is no fall; a burst simulation is one."""
    wanted = np.tile(load_g1().default_qpos, (5, 1))
    qpos = wanted.copy()
    qpos[0, 2] -= 0.3  # dropped
    qpos[1, 3:7] = [np.cos(0.6), np.sin(0.6), 0, 0]  # rolled by 1.2 rad
    qpos[2, 3:7] = [np.cos(1.5), 0, 0, np.sin(1.5)]  # turned about the vertical
    qpos[3] = np.nan
    np.testing.assert_array_equal(fallen(qpos, wanted), [True, True, False, True, False])
    np.testing.assert_array_equal(fallen(qpos[:3], qpos[:3]), [False, False, False])
    assert fallen(qpos[0], wanted[0])


def test_a_burst_is_not_put_back_in_silence():
    """MuJoCo would go on from the zero pose, which may well stand: the robot would have survived its own end."""
    robot = load_g1()
    model = plant(robot, timestep_s=0.005)
    data = mujoco.MjData(model)
    data.qpos[:] = robot.default_qpos
    data.qvel[0] = np.nan
    with without_log():
        mujoco.mj_step(model, data, 3)
    assert fallen(data.qpos, robot.default_qpos)
