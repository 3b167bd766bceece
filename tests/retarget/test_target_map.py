"""One formula for all placements: what compiled code, NumPy and the words of the table say is the same."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from retarget.correspondence import load_correspondence
from retarget.exceptions import CollapsedBone
from retarget.rest_pose import robot_rest, subject_bones
from retarget.target_map import map_clip, map_frame, matrices_from_quats, target_map
from retarget.targets import build_targets, human_points
from robots.exceptions import UnknownName

BENCH = Path(__file__).parents[2].parent / "shared" / "data" / "retarget_bench"


@pytest.fixture(scope="module")
def table():
    """The shipped table without its fitted offsets: placements alone."""
    shipped = load_correspondence("smpl_to_g1")
    return replace(shipped, bodies=tuple(replace(body, offset_m=(0.0, 0.0, 0.0)) for body in shipped.bodies))


@pytest.fixture(scope="module")
def scaled_table():
    return load_correspondence("smplx_to_g1_scaled")


@pytest.fixture(scope="module")
def rest(robot, table):
    return robot_rest(robot.pin_model(), table)


@pytest.fixture(scope="module")
def tumbling():
    """Bodies of the walker in disorder: every position and orientation its own."""
    rng = np.random.default_rng(3)
    return rng.normal(size=(5, 24, 3)), Rotation.random(5 * 24, np.random.default_rng(4)).as_matrix().reshape(
        5, 24, 3, 3
    )


def changed(table, human, **changes):
    """The table with one body changed."""
    bodies = [replace(body, **changes) if body.human == human else body for body in table.bodies]
    return replace(table, bodies=tuple(bodies))


def walked_map(walker, table, rest, **more):
    motion, _ = walker.walk(seconds=1.0)
    trajectory = motion.body_trajectory()
    pos, rot = human_points(trajectory, table)
    return target_map(table, rest, subject_bones(pos, rot, table), names=trajectory.names, **more), trajectory


def test_compiled_code_and_numpy_agree(walker, table, rest, tumbling):
    """The online mode reads the one, the clip mode the other; to the last bits, on bodies of any pose."""
    table = changed(table, "left_wrist", offset_m=(0.01, -0.02, 0.03), scale=0.7)
    heights = {"start_w": (1.0, 2.0, 3.0), "human_ankle_height": 0.08, "robot_ankle_height": 0.03}
    mapping, _ = walked_map(walker, table, rest, **heights)
    pos, rot = tumbling
    want_pos, want_rot = map_clip(mapping, pos, rot)
    got_pos, got_rot = np.full((14, 3), np.nan), np.full((14, 3, 3), np.nan)
    for frame in range(len(pos)):
        map_frame(mapping, pos[frame], rot[frame], got_pos, got_rot)
        np.testing.assert_allclose(got_pos, want_pos[frame], rtol=0, atol=1e-13)
        np.testing.assert_allclose(got_rot, want_rot[frame], rtol=0, atol=1e-13)


def test_compiled_quaternions_turn_as_scipys_do():
    turns = Rotation.random(20, np.random.default_rng(1))
    out = np.empty((20, 3, 3))
    matrices_from_quats(turns.as_quat(scalar_first=True), out)
    np.testing.assert_allclose(out, turns.as_matrix(), atol=1e-15)


def test_a_map_of_a_trajectorys_bodies_is_that_of_the_tables_points(walker, table, rest):
    """Means of several human bodies are part of the map."""
    mapping, trajectory = walked_map(walker, table, rest, start_w=(0.0, 0.0, 0.0))
    pos, rot = human_points(trajectory, table)
    by_points = target_map(table, rest, subject_bones(pos, rot, table))
    quat = np.asarray(trajectory.quat_wxyz_w)
    all_rot = Rotation.from_quat(quat.reshape(-1, 4), scalar_first=True).as_matrix().reshape(*quat.shape[:2], 3, 3)
    for got, want in zip(map_clip(mapping, trajectory.pos_w, all_rot), map_clip(by_points, pos, rot), strict=True):
        np.testing.assert_allclose(got, want, atol=1e-13)


def test_placements_are_what_the_table_says_of_them(walker, table, rest):
    """Rigid: as on the robot, turned with the parent. Bone: the robot's length along the human's. World: scaled."""
    trajectory = walker.walk(seconds=1.0)[0].body_trajectory()
    pos, rot = human_points(trajectory, table)
    targets = build_targets(pos, rot, table, rest, human_ankle_height=0.08, robot_ankle_height=0.03)
    at = {body.human: i for i, body in enumerate(table.bodies)}
    turned = rot @ table.rest_axes.T
    hip, knee, ankle, root = at["left_hip"], at["left_knee"], at["left_ankle"], 0
    np.testing.assert_allclose(
        targets.pos_w[:, hip] - targets.pos_w[:, root], turned[:, root] @ (rest.pos[hip] - rest.pos[root]), atol=1e-12
    )
    thigh, human_thigh = targets.pos_w[:, knee] - targets.pos_w[:, hip], pos[:, knee] - pos[:, hip]
    np.testing.assert_allclose(np.linalg.norm(thigh, axis=-1), np.linalg.norm(rest.pos[knee] - rest.pos[hip]))
    np.testing.assert_allclose(np.cross(thigh, human_thigh), 0.0, atol=1e-12)
    moved, human_moved = np.diff(targets.pos_w[:, ankle], axis=0), np.diff(pos[:, ankle], axis=0)
    still = np.abs(np.diff(turned[:, ankle], axis=0)).max(axis=(1, 2)) < 1e-9
    assert still.any()
    np.testing.assert_allclose(moved[still], targets.scale * human_moved[still], atol=1e-9)


def test_at_rest_every_target_is_the_robots_rest_pose(table, rest, walker):
    """The zero of the mapping: no offset is left over for a human as large as the robot's own proportions allow."""
    trajectory = walker.smpl_motion({}).body_trajectory()
    pos, rot = human_points(trajectory, table)
    mapping = target_map(table, rest, subject_bones(pos, rot, table))
    target_pos, target_rot = map_clip(mapping, pos, rot)
    np.testing.assert_allclose(target_rot[0], rest.rot, atol=1e-9)
    placed = [i for i, body in enumerate(table.bodies) if body.placement != "bone"]
    np.testing.assert_allclose((target_pos[0] - target_pos[0, 0])[placed], rest.pos[placed] - rest.pos[0], atol=1e-9)


def test_an_offset_moves_one_target_in_its_links_frame_and_no_other(walker, table, rest, tumbling):
    mapping, _ = walked_map(walker, table, rest)
    offset = np.array([0.01, -0.02, 0.03])
    moved, _ = walked_map(walker, changed(table, "left_shoulder", offset_m=tuple(offset)), rest)
    (before, rot), (after, _) = map_clip(mapping, *tumbling), map_clip(moved, *tumbling)
    shoulder = table.index("left_shoulder")
    np.testing.assert_allclose(after[:, shoulder] - before[:, shoulder], rot[:, shoulder] @ offset, atol=1e-12)
    np.testing.assert_array_equal(np.delete(after, shoulder, axis=1), np.delete(before, shoulder, axis=1))


def test_an_explicit_rotation_offset_replaces_that_of_the_rest_poses(walker, table, rest, tumbling):
    turn = Rotation.from_euler("xyz", [0.1, 0.2, 0.3])
    quat = tuple(turn.as_quat(scalar_first=True).tolist())
    mapping, trajectory = walked_map(walker, changed(table, "left_elbow", rotation_offset_wxyz=quat), rest)
    _, rot = map_clip(mapping, *tumbling)
    human = tumbling[1][:, trajectory.names.index("left_elbow")]
    np.testing.assert_allclose(rot[:, table.index("left_elbow")], human @ turn.as_matrix(), atol=1e-12)


def test_explicit_scales_make_robots_of_one_size_of_people_of_any(walker, robot, scaled_table):
    """With the legs they hold for, a person twice as large asks the same of the robot."""
    names = scaled_table.human_names
    rest = robot_rest(robot.pin_model(), scaled_table)
    trajectory = walker.walk(seconds=1.0)[0].body_trajectory()
    columns = [trajectory.names.index(n) for n in names]
    quat = np.asarray(trajectory.quat_wxyz_w)[:, columns]
    rot = Rotation.from_quat(quat.reshape(-1, 4), scalar_first=True).as_matrix().reshape(len(quat), -1, 3, 3)
    table = replace(scaled_table, human_leg_m=0.8)
    asked = []
    for size in (1.0, 2.0):
        pos = size * np.asarray(trajectory.pos_w)[:, columns]
        asked.append(map_clip(target_map(table, rest, subject_bones(pos, rot, table), names=names), pos, rot)[0])
    np.testing.assert_allclose(asked[0], asked[1], atol=1e-12)


def test_a_bone_without_length_is_refused(walker, table, rest):
    trajectory = walker.smpl_motion({}).body_trajectory()
    pos, rot = human_points(trajectory, table)
    pos[:, table.index("left_elbow")] = pos[:, table.index("left_shoulder")]
    with pytest.raises(CollapsedBone, match="'left_shoulder' and 'left_elbow' lie in one place"):
        target_map(table, rest, subject_bones(pos, rot, table))


def test_a_missing_human_body_is_named(walker, table, rest):
    trajectory = walker.smpl_motion({}).body_trajectory()
    bones = subject_bones(*human_points(trajectory, table), table)
    with pytest.raises(UnknownName, match="unknown human body 'left_wrist'"):
        target_map(table, rest, bones, names=[n for n in trajectory.names if n != "left_wrist"])


def test_the_rest_joints_of_a_body_tell_its_bones_as_its_motion_does(walker, table):
    """Bone lengths come from the subject's body; a motion is not needed to know them."""
    motion, _ = walker.walk(seconds=1.0)
    moving = subject_bones(*human_points(motion.body_trajectory(), table), table)
    groups = [body.human_point_of or (body.human,) for body in table.bodies]
    names = motion.body_trajectory().names
    at_rest = np.array([motion.rest_joint_pos[[names.index(n) for n in group]].mean(axis=0) for group in groups])
    resting = subject_bones(at_rest[None], np.broadcast_to(np.eye(3), (1, len(groups), 3, 3)), table)
    np.testing.assert_allclose(resting.rest_pos, moving.rest_pos, atol=1e-9)
    np.testing.assert_allclose(resting.bone_length, moving.bone_length, atol=1e-9)


@pytest.mark.skipif(not BENCH.is_dir(), reason="the bench clips are not here")
def test_the_scaled_table_gives_gmrs_own_targets(robot, scaled_table):
    """Constants of the table are GMR's: its stored targets come out to the rounding of their single precision."""
    rest = robot_rest(robot.pin_model(), scaled_table)
    for path in sorted(BENCH.glob("*.npz")):
        with np.load(path) as clip:
            names, pos = clip["human_body_names"].tolist(), clip["human_pos_w"].astype(float)
            quat = clip["human_quat_wxyz"].astype(float)
            order = [clip["gmr_target_body_names"].tolist().index(body.human) for body in scaled_table.bodies]
            want_pos, want_rot = clip["gmr_target_pos_w"][:, order], clip["gmr_target_rot"][:, order]
        rot = Rotation.from_quat(quat.reshape(-1, 4), scalar_first=True).as_matrix().reshape(*quat.shape[:2], 3, 3)
        columns = [names.index(body.human) for body in scaled_table.bodies]
        bones = subject_bones(pos[:, columns], rot[:, columns], scaled_table)
        got_pos, got_rot = map_clip(target_map(scaled_table, rest, bones, names=names), pos, rot)
        np.testing.assert_allclose(got_pos, want_pos, atol=1e-6)
        np.testing.assert_allclose(got_rot, want_rot, atol=1e-5)
