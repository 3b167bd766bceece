"""Laws of a BVH file's forward kinematics, against rotations multiplied by hand."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from pipeline.readers.bvh_file import read_bvh
from pipeline.readers.bvh_kinematics import joint_poses, position_channels_add, zero_pose


def about(axis: str, degrees: float) -> np.ndarray:
    """Rotation about one axis, written out."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return {
        "X": np.array([[1, 0, 0], [0, c, -s], [0, s, c]]),
        "Y": np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]]),
        "Z": np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]]),
    }[axis]


def arm(tmp_path, root_order, order, root_values, values, channels=None):
    """A root and a joint two units above it, with a leaf three units along x."""
    rotations = " ".join(f"{axis}rotation" for axis in order)
    channels = channels or f"{len(order)} {rotations}"
    root = " ".join(f"{axis}rotation" for axis in root_order)
    path = tmp_path / "arm.bvh"
    path.write_text(
        f"HIERARCHY\nROOT a {{ OFFSET 9 9 9 CHANNELS 6 Xposition Yposition Zposition {root}\n"
        f"JOINT m {{ OFFSET 0 0 0 CHANNELS 0 JOINT b {{ OFFSET 0 2 0 CHANNELS {channels}\n"
        "End Site { OFFSET 3 0 0 } } } }\n"
        f"MOTION\nFrames: 1\nFrame Time: 0.1\n{' '.join(map(str, (*root_values, *values)))}\n"
    )
    return read_bvh(path)


@pytest.mark.parametrize("order", ["".join(axes) for axes in itertools.permutations("XYZ")])
def test_rotations_compose_in_the_listed_order_of_each_joint(tmp_path, order):
    """R = R1 R2 R3 for channels 1, 2, 3; the root's order here is another than the joint's."""
    root_order = order[::-1]
    root_angles, angles = (20.0, -50.0, 110.0), (-35.0, 65.0, 15.0)
    bvh = arm(tmp_path, root_order, order, (1, 2, 3, *root_angles), angles)
    R_root = np.linalg.multi_dot([about(a, d) for a, d in zip(root_order, root_angles, strict=True)])
    R_joint = R_root @ np.linalg.multi_dot([about(a, d) for a, d in zip(order, angles, strict=True)])
    poses = joint_poses(bvh, [3])
    assert np.allclose(poses.rot[2][0], R_joint, atol=1e-12)
    assert np.allclose(poses.pos[2][0], [1, 2, 3] + R_root @ [0, 2, 0], atol=1e-12)
    assert np.allclose(poses.pos[3][0], [1, 2, 3] + R_root @ [0, 2, 0] + R_joint @ [3, 0, 0], atol=1e-12)


def test_one_and_two_rotation_channels_are_hinges(tmp_path):
    for order, angles in (("X", (30.0,)), ("ZX", (30.0, -80.0))):
        bvh = arm(tmp_path, "ZYX", order, (0,) * 6, angles)
        wanted = np.eye(3)
        for axis, angle in zip(order, angles, strict=True):
            wanted = wanted @ about(axis, angle)
        assert np.allclose(joint_poses(bvh, [2]).rot[2][0], wanted, atol=1e-12)


def test_whole_turns_change_nothing(tmp_path):
    """Angles in files run over many turns."""
    plain = arm(tmp_path, "ZYX", "YXZ", (0, 0, 0, 10, 20, 30), (40, 50, 60))
    wound = arm(tmp_path, "ZYX", "YXZ", (0, 0, 0, 10 + 720, 20, 30 - 1080), (40 - 360, 50, 60 + 360))
    assert np.allclose(joint_poses(plain, [3]).pos[3], joint_poses(wound, [3]).pos[3], atol=1e-9)


def test_position_channels_take_the_place_of_the_offset(tmp_path):
    bvh = arm(
        tmp_path,
        "ZYX",
        "ZYX",
        (1, 2, 3, 0, 0, 0),
        (0, 5, 1, 0, 0, 0),
        "6 Xposition Yposition Zposition Zrotation Yrotation Xrotation",
    )
    assert not position_channels_add(bvh)
    assert np.allclose(joint_poses(bvh, [2]).pos[2][0], [1, 2 + 5, 3 + 1])


def test_position_channels_that_would_make_bones_vanish_are_added(tmp_path):
    """Some programs write what is left after the offset."""
    bvh = arm(
        tmp_path,
        "ZYX",
        "ZYX",
        (1, 2, 3, 0, 0, 0),
        (0, 0.01, 0, 0, 0, 0),
        "6 Xposition Yposition Zposition Zrotation Yrotation Xrotation",
    )
    assert position_channels_add(bvh)
    poses = joint_poses(bvh, [2])
    assert np.allclose(poses.pos[2][0] - poses.pos[0][0], [0, 2.01, 0])


def test_some_position_channels_replace_only_their_axes(tmp_path):
    bvh = arm(tmp_path, "ZYX", "X", (0,) * 6, (7, 0), "2 Zposition Xrotation")
    assert np.allclose(joint_poses(bvh, [2]).pos[2][0], [0, 2, 7])


def test_the_zero_pose_is_the_sum_of_offsets(tmp_path):
    bvh = arm(tmp_path, "ZYX", "ZYX", (1, 2, 3, 10, 20, 30), (40, 50, 60))
    assert np.allclose(zero_pose(bvh, [3]).pos[3][0], [9 + 3, 9 + 2, 9])
