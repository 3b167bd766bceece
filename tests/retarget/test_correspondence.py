from dataclasses import replace

import mujoco
import numpy as np
import pinocchio as pin
import pytest
from scipy.spatial.transform import Rotation

from retarget.correspondence import CORRESPONDENCE_DIR, load_correspondence
from retarget.exceptions import InvalidCorrespondence
from retarget.floor_patches import floor_patches
from retarget.rest_pose import robot_rest
from robots.exceptions import UnknownName
from robots.g1 import load_g1
from robots.kinematics import body_states

MESH = int(mujoco.mjtGeom.mjGEOM_MESH)

SHIPPED = (CORRESPONDENCE_DIR / "smpl_to_g1.toml").read_text()


def links(robot, result):
    """World positions by link name in the first frame."""
    states = body_states(robot, result.motion)
    return dict(zip(states.body_names, states.pos_w[0], strict=True))


def test_a_t_pose_holds_the_robots_arms_out_level(robot, retargeter, walker):
    """The mapping's zero: arms straight and level, left is left, the robot faces where the human faces."""
    result = retargeter.retarget(walker.smpl_motion({}).body_trajectory())
    at = links(robot, result)
    for side, sign in (("left", 1), ("right", -1)):
        shoulder, elbow, wrist = (at[f"{side}_{part}_link"] for part in ("shoulder_roll", "elbow", "wrist_yaw"))
        arm = wrist - shoulder
        assert sign * arm[1] / np.linalg.norm(arm) > np.cos(np.deg2rad(10))
        assert abs(arm[2]) / np.linalg.norm(arm) < np.sin(np.deg2rad(6))
        assert np.linalg.norm(arm) > 0.97 * (np.linalg.norm(elbow - shoulder) + np.linalg.norm(wrist - elbow))
    heading = Rotation.from_quat(result.motion.root_quat_wxyz[0], scalar_first=True).apply([1, 0, 0])
    assert heading[0] > np.cos(np.deg2rad(3))


def test_arms_down_hang_down_and_a_punch_goes_forward(robot, retargeter, walker):
    down = walker.smpl_motion({"left_shoulder": [0, 0, -1.45], "right_shoulder": [0, np.pi / 2, 0]})
    at = links(robot, retargeter.retarget(down.body_trajectory()))
    hanging = at["left_wrist_yaw_link"] - at["left_shoulder_roll_link"]
    assert hanging[2] / np.linalg.norm(hanging) < -np.cos(np.deg2rad(15))
    punch = at["right_wrist_yaw_link"] - at["right_shoulder_roll_link"]
    assert punch[0] / np.linalg.norm(punch) > np.cos(np.deg2rad(15))


def test_standing_straight_stands_straight_on_flat_soles(robot, retargeter, walker):
    """A person at rest is the robot at rest: straight legs, level pelvis, soles on the floor."""
    result = retargeter.retarget(walker.smpl_motion({}, n_frames=10).body_trajectory())
    joints = dict(zip(result.motion.joint_names, result.motion.joint_pos[5], strict=True))
    assert abs(joints["left_knee_joint"]) < np.deg2rad(12)
    states = body_states(robot, result.motion)
    for foot in robot.foot_body_names:
        i = states.body_names.index(foot)
        turn = Rotation.from_quat(states.quat_wxyz_w[5, i], scalar_first=True).as_matrix()
        heights = (robot.sole_points_b @ turn.T + states.pos_w[5, i])[:, 2]
        assert np.abs(heights).max() < 1e-3
    lean = Rotation.from_quat(result.motion.root_quat_wxyz[5], scalar_first=True).apply([0, 0, 1])
    assert lean[2] > np.cos(np.deg2rad(3))


def test_the_table_puts_the_robot_in_the_humans_rest_pose(robot, retargeter):
    """The rest pose in the table is within the robot's limits, and its palms face down like SMPL's."""
    correspondence = retargeter.correspondence
    model = robot.pin_model()
    q = pin.neutral(model)
    for name, angle in correspondence.robot_rest_pose.items():
        i = robot.joint_names.index(name)
        assert robot.joint_lower[i] <= angle <= robot.joint_upper[i]
        q[7 + i] = angle
    data = model.createData()
    pin.framesForwardKinematics(model, data, q)
    for side, sign in (("left", 1), ("right", -1)):
        hand = data.oMf[model.getFrameId(f"{side}_wrist_yaw_link", pin.FrameType.BODY)].rotation
        np.testing.assert_allclose(hand @ [1, 0, 0], [0, sign, 0], atol=1e-3)  # fingers outward
        np.testing.assert_allclose(hand @ [0, 1, 0], [0, 0, sign], atol=1e-3)  # the back of the hand up


def test_rest_axes_carry_forward_to_x_and_up_to_z(retargeter):
    correspondence = retargeter.correspondence
    axes = correspondence.rest_axes
    np.testing.assert_allclose(axes @ correspondence.human_forward, [1, 0, 0])
    np.testing.assert_allclose(axes @ correspondence.human_up, [0, 0, 1])
    assert np.linalg.det(axes) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('parent = "left_knee"', 'parent = "left_toe"', "'left_ankle' hangs from 'left_toe'"),
        ('parent = "pelvis"', "", "the first body, and no other, has no parent"),
        ("position_weight = 100.0", "position_weight = -1.0", "negative weight"),
        ('left_foot = "left_ankle"', 'left_foot = "left_knee"', "foot 'left_knee' is not a body placed in the world"),
        ('placement = "rigid"', 'placement = "floating"', "placement"),
        ('placement = "rigid"', 'placement = "scaled"', "'spine3' is placed as scaled, but has no scale"),
        ('placement = "rigid"', 'placement = "rigid"\nscale = 0.9', "'spine3' has a scale that is not positive, or is"),
        ('placement = "world"', 'placement = "world"\nscale = -1.0', "'pelvis' has a scale that is not positive"),
        ('placement = "rigid"', 'placement = "rigid"\nrotation_offset_wxyz = [1, 1, 0, 0]', "is no unit quaternion"),
        ('region = "right_hand"', 'region = "left_hand"', "the contact region 'left_hand' appears twice"),
        ("radius_m = 0.018", "radius_m = -0.018", "'left_hand' has no points, or a negative radius"),
        ('placement = "rigid"', 'placement = "rigid"\noffset_m = [0.0, nan, 0.0]', "'spine3' holds NaN or infinity"),
        ("position_weight = 40.0", "position_weight = -4.0", "'left_wrist' has a negative weight"),
        ("robot_point_m = [0.066, 0.0, 0.0]", "robot_point_m = [nan, 0.0, 0.0]", "'left_wrist' holds NaN"),
        ("rotation_weight", "rotation_wieght", "rotation_wieght"),
        ("[feet]", "[feet", "not a usable correspondence"),
    ],
)
def test_a_broken_table_says_what_is_wrong(tmp_path, old, new, message):
    path = tmp_path / "table.toml"
    path.write_text(SHIPPED.replace(old, new, 1))
    with pytest.raises(InvalidCorrespondence, match=message):
        load_correspondence(path)


def test_a_robot_with_welded_wrists_takes_the_same_table(robot):
    """The hand's frame stays where it is; it is a part of the elbow's link, and turns with it."""
    correspondence = load_correspondence("smpl_to_g1")
    full, welded = (robot_rest(load_g1(v).pin_model(), correspondence) for v in ("29dof", "23dof"))
    np.testing.assert_allclose(welded.pos, full.pos, atol=1e-9)
    wrist = correspondence.index("left_wrist")
    assert (full.links[wrist], welded.links[wrist]) == ("left_wrist_yaw_link", "left_elbow_link")
    np.testing.assert_allclose(welded.rot, full.rot, atol=1e-9)
    others = [i for i, body in enumerate(correspondence.bodies) if not body.human.endswith("wrist")]
    np.testing.assert_allclose(welded.point_b[others], full.point_b[others], atol=1e-9)


def test_a_welded_hand_is_followed_where_it_is_and_not_asked_to_turn():
    """It cannot turn as the human's does, but be where the human's is; everything else is asked for as before."""
    correspondence = load_correspondence("smpl_to_g1")
    assert correspondence.on_robot(load_g1("29dof").body_names) == correspondence
    welded = correspondence.on_robot(load_g1("23dof").body_names)
    assert welded.on_robot(load_g1("23dof").body_names) == welded
    for before, after in zip(correspondence.bodies, welded.bodies, strict=True):
        if before.human.endswith("wrist"):
            hand = before.human.replace("wrist", "hand")
            before = replace(
                before,
                rotation_weight=0.0,
                position_weight=40.0,
                human_point_of=(hand,),
                robot_point_m=(0.066, 0.0, 0.0),
            )
        assert after == before


def test_what_a_welded_link_does_not_say_stays_as_the_body_has_it():
    """Only the orientation is dropped by default; a table from before needs no change."""
    correspondence = load_correspondence("smplx_to_g1_scaled")
    welded = correspondence.on_robot(load_g1("23dof").body_names)
    for before, after in zip(correspondence.bodies, welded.bodies, strict=True):
        assert after == (replace(before, rotation_weight=0.0) if before.robot.endswith("wrist_yaw_link") else before)


def test_a_welded_hand_lies_where_pbhc_looks_at_hands():
    """Its motion library hangs a hand 25 cm from the origin of the elbow's link, along its x axis."""
    robot = load_g1("23dof")
    table = load_correspondence("smpl_to_g1").on_robot(robot.body_names)
    rest = robot_rest(robot.pin_model(), table)
    for side in ("left", "right"):
        point = rest.point_b[table.index(f"{side}_wrist")]
        assert np.linalg.norm(point - [0.25, 0.0, 0.0]) < 0.011


def test_a_link_that_is_nowhere_welded_is_unknown():
    correspondence = replace(load_correspondence("smpl_to_g1"), welded={})
    with pytest.raises(UnknownName, match="unknown robot link 'left_wrist_yaw_link'"):
        robot_rest(load_g1("23dof").pin_model(), correspondence)


@pytest.mark.parametrize("variant", ["29dof", "23dof"])
def test_floor_patches_lie_inside_the_robots_shapes(variant):
    """A ball that stuck out would hold the link off the floor that it lies on."""
    robot = load_g1(variant)
    model = robot.mj_model()
    data = mujoco.MjData(model)
    mujoco.mj_resetDataKeyframe(model, data, 0)
    mujoco.mj_kinematics(model, data)
    patches = floor_patches(load_correspondence("smpl_to_g1"), robot)
    assert {"left_foot", "right_hand", "left_knee", "seat", "back", "head"} <= {patch.name for patch in patches}
    for patch in patches[2:]:
        body = model.body(patch.link).id
        solid = [g for g in range(model.ngeom) if model.geom_bodyid[g] == body and model.geom_type[g] != MESH]
        for point in patch.points_b:
            centre = data.xpos[body] + data.xmat[body].reshape(3, 3) @ point
            gap = min(distance_to_surface(model, data, g, centre) for g in solid)
            assert gap + patch.radius < 0.01, (patch.name, point, gap)


def distance_to_surface(model, data, geom, point):
    """Signed distance of a point from a capsule, a cylinder's long side or an ellipsoid [m]."""
    local = data.geom_xmat[geom].reshape(3, 3).T @ (point - data.geom_xpos[geom])
    size = model.geom_size[geom]
    if model.geom_type[geom] != mujoco.mjtGeom.mjGEOM_ELLIPSOID:
        return np.linalg.norm(local - [0, 0, np.clip(local[2], -size[1], size[1])]) - size[0]
    directions = np.random.default_rng(0).normal(size=(20_000, 3))
    surface = size * directions / np.linalg.norm(directions, axis=1, keepdims=True)
    inside = np.linalg.norm(local / size) < 1.0
    return (-1.0 if inside else 1.0) * np.linalg.norm(surface - local, axis=1).min()


def test_a_missing_table_lists_the_known_ones():
    with pytest.raises(InvalidCorrespondence, match=r"no such file; known tables: .*smpl_to_g1"):
        load_correspondence("smpl_to_atlas")
