"""Turns the channels of a BVH file into positions and rotations of its joints in the file's world.

Rotation channels compose in the listed order, each about the axes already turned (intrinsic): ``Zrotation Yrotation
Xrotation`` is R = Rz Ry Rx. The order differs from joint to joint. Angles may run over many turns, so they become
rotations first and nothing is ever interpolated between angles. Position channels take the place of the offset.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import Rotation

from pipeline.readers.bvh_file import BvhFile, BvhJoint

_ADDED_SHARE = 0.05


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class JointPoses:
    """Joints of a file in its world, by number; only those that were asked for."""

    pos: dict[int, Float[np.ndarray, "frames 3"]]
    """Positions [unit of the file]."""
    rot: dict[int, Float[np.ndarray, "frames 3 3"]]
    """Rotations."""


def joint_poses(bvh: BvhFile, wanted: Iterable[int]) -> JointPoses:
    """Return where the wanted joints, and all above them, are in each frame."""
    return _poses(bvh, wanted, bvh.values, position_channels_add(bvh))


def zero_pose(bvh: BvhFile, wanted: Iterable[int]) -> JointPoses:
    """Return the pose of all-zero rotations and the offsets as written: one frame."""
    return _poses(bvh, wanted, np.zeros((1, bvh.values.shape[1])), adds=True)


def position_channels_add(bvh: BvhFile) -> bool:
    """Tell whether position channels come on top of the offsets, as some programs write them.

    The offset is the bone, so joints below the root whose position channels stay near zero while their offset does
    not would lie in one place with their parents: there, the channels are added. Without such joints it cannot be
    seen, and changes nothing but where the world's origin is.
    """
    bones = [
        (np.linalg.norm(joint.offset), np.abs(_columns(bvh.values, joint, "position")).max())
        for joint in bvh.joints
        if joint.parent >= 0 and bvh.joints[joint.parent].parent >= 0 and _is_translated(joint)
    ]
    offsets = sum(offset for offset, _ in bones)
    return bool(offsets > 0 and sum(moved for _, moved in bones) < _ADDED_SHARE * offsets)


def _poses(bvh: BvhFile, wanted: Iterable[int], values: Float[np.ndarray, "frames channels"], adds: bool) -> JointPoses:
    """Forward kinematics of the wanted joints and their ancestors."""
    needed: set[int] = set()
    for joint in wanted:
        while joint >= 0 and joint not in needed:
            needed.add(joint)
            joint = bvh.joints[joint].parent
    pos: dict[int, np.ndarray] = {}
    rot: dict[int, np.ndarray] = {}
    for number in sorted(needed):
        joint = bvh.joints[number]
        offset, local = _local_offset(joint, values, adds), _local_rotation(joint, values)
        if joint.parent < 0:
            pos[number], rot[number] = offset, local
        else:
            pos[number] = pos[joint.parent] + (rot[joint.parent] @ offset[..., None])[..., 0]
            rot[number] = rot[joint.parent] @ local
    return JointPoses(pos=pos, rot=rot)


def _is_translated(joint: BvhJoint) -> bool:
    return any(channel.endswith("position") for channel in joint.channels)


def _columns(values: Float[np.ndarray, "frames channels"], joint: BvhJoint, kind: str) -> np.ndarray:
    """Return the columns of a joint's channels of one kind, in the listed order."""
    return values[:, [joint.first_channel + k for k, name in enumerate(joint.channels) if name.endswith(kind)]]


def _local_offset(joint: BvhJoint, values: Float[np.ndarray, "frames channels"], adds: bool) -> np.ndarray:
    """Where the joint lies in its parent's frame, (frames, 3)."""
    offset = np.tile(np.array(joint.offset), (len(values), 1))
    for k, name in enumerate(joint.channels):
        if name.endswith("position"):
            axis = "XYZ".index(name[0])
            moved = values[:, joint.first_channel + k]
            offset[:, axis] = offset[:, axis] + moved if adds else moved
    return offset


def _local_rotation(joint: BvhJoint, values: Float[np.ndarray, "frames channels"]) -> np.ndarray:
    """How the joint is turned in its parent's frame, (frames, 3, 3)."""
    order = "".join(name[0] for name in joint.channels if name.endswith("rotation"))
    if not order:
        return np.tile(np.eye(3), (len(values), 1, 1))
    angles = _columns(values, joint, "rotation")
    return Rotation.from_euler(order, angles if len(order) > 1 else angles[:, 0], degrees=True).as_matrix()
