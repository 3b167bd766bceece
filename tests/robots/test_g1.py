"""The G1 made from the table is the G1 that others describe, in both engines and both variants."""

import re
from pathlib import Path

import mujoco
import numpy as np
import pinocchio as pin
import pytest

from robots.exceptions import MeshesMissing, UnknownName
from robots.g1 import load_g1
from robots.g1.table import LINKS, MOTORS, WRIST_JOINTS
from robots.kinematics import link_poses

ORACLE = Path(__file__).parent / "data" / "g1_oracle.npz"
VARIANTS = ("29dof", "23dof")


@pytest.fixture(scope="module")
def oracle():
    with np.load(ORACLE, allow_pickle=False) as archive:
        return dict(archive)


@pytest.fixture(params=VARIANTS)
def robot(request):
    return load_g1(request.param)


def pinocchio_state(qpos, qvel, qacc=None):
    """MuJoCo's state in Pinocchio's terms: the root's velocity and acceleration belong to its own frame there."""
    root = np.empty(9)
    mujoco.mju_quat2Mat(root, qpos[3:7])
    R = root.reshape(3, 3)
    q = np.concatenate([qpos[:3], qpos[[4, 5, 6, 3]], qpos[7:]])
    v = np.concatenate([R.T @ qvel[:3], qvel[3:]])
    if qacc is None:
        return q, v, R
    linear = R.T @ qacc[:3] - np.cross(v[3:6], v[:3])
    return q, v, np.concatenate([linear, qacc[3:]])


def test_link_frames_are_those_of_the_frozen_oracle(oracle):
    """0.01 mm is ten times below any measured retargeting error, twenty times above the rounding of the sources."""
    g1 = load_g1()
    assert tuple(oracle["joint_names"]) == g1.joint_names
    assert tuple(oracle["body_names"]) == g1.body_names
    pos_w, quat_w = link_poses(g1, oracle["qpos"])
    assert 1e3 * np.linalg.norm(pos_w - oracle["pos_w"], axis=-1).max() < 0.01
    alignment = np.abs(np.einsum("fbi,fbi->fb", quat_w, oracle["quat_wxyz_w"]))
    assert 2 * np.arccos(np.minimum(alignment, 1)).max() < 1e-4


def test_inverse_dynamics_is_that_of_the_frozen_oracle(oracle):
    """Torques under random accelerations see every mass, centre of mass and inertia of the table."""
    g1 = load_g1()
    model = g1.mj_model()
    model.opt.disableflags |= mujoco.mjtDisableBit.mjDSBL_CONTACT | mujoco.mjtDisableBit.mjDSBL_LIMIT
    model.dof_armature[:] = 0  # the oracle has none
    data = mujoco.MjData(model)
    for qpos, qvel, qacc, expected in zip(
        oracle["qpos"], oracle["qvel"], oracle["qacc"], oracle["inverse_dynamics"], strict=True
    ):
        data.qpos[:], data.qvel[:], data.qacc[:] = qpos, qvel, qacc
        mujoco.mj_inverse(model, data)
        assert np.abs(data.qfrc_inverse - expected).max() < 2e-3


def test_mass_is_that_of_the_robot(robot):
    """Locking the wrists must not lose their 1.6 kg."""
    assert robot.mj_model().body_subtreemass[0] == pytest.approx(33.341, abs=5e-4)
    assert pin.computeTotalMass(robot.pin_model()) == pytest.approx(33.341, abs=5e-4)


@pytest.mark.parametrize(("variant", "nq", "nv"), [("29dof", 36, 35), ("23dof", 30, 29)])
def test_both_engines_have_the_same_joints_in_the_same_order(variant, nq, nv):
    g1 = load_g1(variant)
    model, twin = g1.mj_model(), g1.pin_model()
    assert (model.nq, model.nv) == (nq, nv) == (twin.nq, twin.nv)
    assert tuple(model.joint(i).name for i in range(1, model.njnt)) == g1.joint_names == tuple(twin.names)[2:]
    assert tuple(model.body(i).name for i in range(1, model.nbody)) == g1.body_names
    assert tuple(model.actuator(i).name for i in range(model.nu)) == g1.joint_names


def test_pinocchio_agrees_with_mujoco_on_kinematics_and_dynamics(robot, oracle):
    """Retargeting thinks in Pinocchio, validation in MuJoCo: they must speak of one robot, armature included."""
    model, twin = robot.mj_model(), robot.pin_model()
    model.opt.disableflags |= mujoco.mjtDisableBit.mjDSBL_CONTACT | mujoco.mjtDisableBit.mjDSBL_LIMIT
    data, twin_data = mujoco.MjData(model), twin.createData()
    mass = np.empty((model.nv, model.nv))
    kept = np.r_[:6, 6 + np.flatnonzero(np.isin(oracle["joint_names"], robot.joint_names))]
    for qpos, qvel, qacc in zip(oracle["qpos"], oracle["qvel"], oracle["qacc"], strict=True):
        data.qpos[:], data.qvel[:], data.qacc[:] = qpos[np.r_[:7, kept[6:] + 1]], qvel[kept], qacc[kept]
        mujoco.mj_inverse(model, data)
        mujoco.mj_fullM(model, data, mass)
        q, v, a = pinocchio_state(data.qpos, data.qvel, data.qacc)
        pin.framesForwardKinematics(twin, twin_data, q)
        for body in robot.body_names:
            frame = twin_data.oMf[twin.getFrameId(body)]
            assert np.abs(frame.translation - data.body(body).xpos).max() < 1e-8
        twin_mass = pin.crba(twin, twin_data, q)
        twin_mass = np.triu(twin_mass) + np.triu(twin_mass, 1).T
        assert np.abs(twin_mass[6:, 6:] - mass[6:, 6:]).max() < 1e-6
        torque = pin.rnea(twin, twin_data, q, v, a)
        assert np.abs(torque[3:] - data.qfrc_inverse[3:]).max() < 1e-5


def test_locking_the_wrists_changes_nothing_else():
    """At wrist angle zero both variants are one rigid body tree: same frames, same mass matrix of what is left."""
    full, locked = load_g1("29dof"), load_g1("23dof")
    assert [name for name in full.joint_names if name not in WRIST_JOINTS] == list(locked.joint_names)
    kept = np.r_[:6, 6 + np.flatnonzero(np.isin(full.joint_names, locked.joint_names))]
    joint_pos = np.random.default_rng(0).uniform(full.joint_lower, full.joint_upper)
    joint_pos[np.isin(full.joint_names, WRIST_JOINTS)] = 0
    masses = []
    for robot, joints in ((full, joint_pos), (locked, joint_pos[kept[6:] - 6])):
        model = robot.mj_model()
        data = mujoco.MjData(model)
        data.qpos[7:] = joints
        mujoco.mj_forward(model, data)
        mass = np.empty((model.nv, model.nv))
        mujoco.mj_fullM(model, data, mass)
        masses.append(mass)
        hands = [data.geom(name).xpos.copy() for name in ("left_palm", "right_palm")]
        masses.append(np.array(hands))
    assert np.abs(masses[0][np.ix_(kept, kept)] - masses[2]).max() < 1e-7
    assert np.abs(masses[1] - masses[3]).max() < 1e-9


def test_limits_reach_both_engines(robot):
    """Position from the MJCF; speed and torque, which MJCF or Pinocchio drop, from the table."""
    model, twin = robot.mj_model(), robot.pin_model()
    assert np.allclose(model.jnt_range[1:], np.stack([robot.joint_lower, robot.joint_upper], axis=1))
    assert np.allclose(twin.lowerPositionLimit[7:], robot.joint_lower)
    assert np.allclose(twin.upperPositionLimit[7:], robot.joint_upper)
    assert np.allclose(twin.velocityLimit[6:], robot.velocity_limit)
    assert np.allclose(twin.effortLimit[6:], robot.effort_limit)
    assert np.allclose(model.actuator_forcerange[:, 1], robot.effort_limit)


def test_soft_limits_differ_at_ankles_and_waist_only(robot):
    """There the published descriptions disagree: 50 N m and 37 rad/s, or 35 and 30."""
    strict = np.array([bool(re.search(r"ankle|waist_(roll|pitch)", name)) for name in robot.joint_names])
    assert strict.sum() == 6
    assert set(robot.effort_limit[strict]) == {50} and set(robot.effort_limit_soft[strict]) == {35}
    assert set(robot.velocity_limit[strict]) == {37} and set(robot.velocity_limit_soft[strict]) == {30}
    assert np.array_equal(robot.effort_limit[~strict], robot.effort_limit_soft[~strict])
    assert np.array_equal(robot.velocity_limit[~strict], robot.velocity_limit_soft[~strict])


def test_armatures_follow_from_rotors_and_gears():
    """The derived numbers are those that mjlab and BeyondMimic train with."""
    expected = {"5020": 0.003609725, "7520-14": 0.010177520, "7520-22": 0.025101925, "4010": 0.00425}
    for motor, armature in expected.items():
        assert MOTORS[motor].armature == pytest.approx(armature, rel=1e-7)
    assert MOTORS["2x5020"].armature == 2 * MOTORS["5020"].armature


def test_left_and_right_hinges_are_mirror_images():
    """A slip of the pen in the table would most likely break this; Unitree's shoulders differ by 0.01 mm."""
    links = {link.name: link for link in LINKS}
    for name, left in links.items():
        if not name.startswith("left_"):
            continue
        right = links[name.replace("left", "right", 1)]
        flip = -1 if left.hinge.axis in "xz" else 1
        assert np.allclose(np.multiply(left.hinge.pos, (1, -1, 1)), right.hinge.pos, atol=1.1e-5)
        assert np.allclose(np.multiply(left.hinge.rpy, (-1, 1, -1)), right.hinge.rpy)
        assert np.allclose(sorted(flip * np.array(left.hinge.range)), right.hinge.range)
        assert left.mass == right.mass and left.hinge.motor is right.hinge.motor


def test_default_pose_lies_within_the_limits(robot):
    assert (robot.default_joint_pos > robot.joint_lower).all()
    assert (robot.default_joint_pos < robot.joint_upper).all()


def test_an_unknown_variant_is_refused_with_the_known_ones():
    with pytest.raises(UnknownName, match=r"unknown G1 variant '27dof'.*29dof, 23dof"):
        load_g1("27dof")


def test_absent_meshes_are_named_with_the_command_that_brings_them(tmp_path):
    with pytest.raises(MeshesMissing, match=r"35 mesh files are not there \(first: pelvis.STL\).*`wushu robot meshes`"):
        load_g1("29dof", tmp_path)


def test_meshes_are_looks_only(tmp_path):
    """Any mesh in the right place gives a robot with the same masses and the same solid shapes, now unseen."""
    corners = np.array([(0, 0, 0), (0.01, 0, 0), (0, 0.01, 0), (0, 0, 0.01)], dtype="<f4")
    faces = [(0, 2, 1), (0, 1, 3), (0, 3, 2), (1, 2, 3)]
    rows = [np.concatenate([np.zeros(3, "<f4"), *corners[list(face)]]).tobytes() + b"\0\0" for face in faces]
    stl = bytes(80) + np.uint32(len(faces)).tobytes() + b"".join(rows)
    with pytest.raises(MeshesMissing) as caught:
        load_g1("23dof", tmp_path)
    for file in caught.value.missing:
        (tmp_path / file).write_bytes(stl)
    dressed, bare = load_g1("23dof", tmp_path).mj_model(), load_g1("23dof").mj_model()
    assert dressed.nmesh == 35
    assert np.array_equal(dressed.body_mass, bare.body_mass)
    solid = [
        {model.geom(g).name for g in range(model.ngeom) if model.geom_contype[g] and g != model.geom("floor").id}
        for model in (dressed, bare)
    ]
    assert solid[0] == solid[1]
    assert all(dressed.geom(name).group == 3 for name in solid[0])
