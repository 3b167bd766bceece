"""Turns the directions of one frame's bones into joint rotations, for the fit to start from.

Each limb is swung onto its direction; its twist follows the plane in which the knee or elbow bends,
the more the more it bends. Nothing here needs to be exact, only within the fit's basin.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from jaxtyping import Float

from pipeline.estimators.landmark import so3
from pipeline.estimators.landmark.body_points import DIRECTIONS
from pipeline.estimators.landmark.joint_table import JOINT_LOWER, JOINT_UPPER, MOVING_JOINTS
from pipeline.estimators.landmark.observation import Observation
from pipeline.estimators.landmark.state import ClipState
from pipeline.estimators.landmark.tracked_points import TrackedPoints
from retarget.smpl_skeleton import SMPL_JOINT_NAMES, SMPL_PARENTS, forward_kinematics

_Vectors = Float[np.ndarray, "frames 3"]
_Rotations = Float[np.ndarray, "frames 3 3"]

_STRAIGHT = 0.25
"""Weight of the untwisted hinge axis against the bend's sine: a limb straighter than this keeps its twist."""


def _unit(vector: Float[np.ndarray, "*batch 3"]) -> Float[np.ndarray, "*batch 3"]:
    return vector / np.maximum(np.linalg.norm(vector, axis=-1, keepdims=True), 1e-9)


def _frame(first: Float[np.ndarray, "*batch 3"], second: Float[np.ndarray, "*batch 3"]) -> _Rotations:
    """Axes with x along ``first`` and y as near to ``second`` as can be; arbitrary where they do not say."""
    x = _unit(_or_else(first, np.array([1.0, 0.0, 0.0])))
    helper = np.where(np.abs(x[..., 1:2]) < 0.9, [0.0, 1.0, 0.0], [0.0, 0.0, 1.0])
    across = second - np.sum(x * second, axis=-1, keepdims=True) * x
    y = _unit(_or_else(across, helper - np.sum(x * helper, axis=-1, keepdims=True) * x))
    return np.stack([x, y, np.cross(x, y)], axis=-1)


def _or_else(vector: Float[np.ndarray, "*batch 3"], other: np.ndarray) -> Float[np.ndarray, "*batch 3"]:
    return np.where(np.linalg.norm(vector, axis=-1, keepdims=True) > 1e-6, vector, other)


class _Skeleton:
    """Global rotations under construction; joints not set follow their parent."""

    def __init__(self, n_frames: int, rest_joint_pos: Float[np.ndarray, "24 3"]) -> None:
        self._n_frames = n_frames
        self._rest = rest_joint_pos
        self.rotation: dict[str, _Rotations] = {}

    def bone(self, start: str, end: str) -> Float[np.ndarray, " 3"]:
        """Unit vector of a bone in the rest pose."""
        index = SMPL_JOINT_NAMES.index
        return _unit(self._rest[index(end)] - self._rest[index(start)])

    def swing(self, parent: _Rotations, rest: Float[np.ndarray, " 3"], seen: _Vectors) -> _Rotations:
        """Smallest turn after the parent's that brings a rest direction onto the one seen."""
        carried = parent @ rest
        return so3.rotation_between(carried, seen) @ parent

    def locals(self) -> Float[np.ndarray, "frames 24 3 3"]:
        """Parent-relative rotations."""
        world: list[_Rotations] = []
        local = np.empty((self._n_frames, 24, 3, 3))
        for joint, (name, parent) in enumerate(zip(SMPL_JOINT_NAMES, SMPL_PARENTS, strict=True)):
            above = np.broadcast_to(np.eye(3), (self._n_frames, 3, 3)) if parent < 0 else world[parent]
            world.append(self.rotation.get(name, above))
            local[:, joint] = above.swapaxes(-1, -2) @ world[joint]
        return local


def initial_state(
    seen: Observation, points: TrackedPoints, rest_joint_pos: Float[np.ndarray, "24 3"], up: Float[np.ndarray, " 3"]
) -> ClipState:
    """Return a first belief: pose from the landmarks, place from the keypoints, camera at rest, no floor yet."""
    to_c0 = seen.R_landmark.swapaxes(-1, -2)
    vectors = np.einsum("tij,tdj->tdi", to_c0, seen.directions)
    named = {direction.name: vectors[:, i] for i, direction in enumerate(DIRECTIONS)}
    skeleton = _Skeleton(len(seen), rest_joint_pos)
    _trunk(skeleton, named)
    for side in ("left", "right"):
        _leg(skeleton, named, side)
        _arm(skeleton, named, side)
    rotation = _within_limits(skeleton.locals())
    rotation = _bridge_gaps(rotation, seen)
    return ClipState(
        rotation=rotation,
        root_pos=_root_positions(seen, points, rest_joint_pos, rotation),
        camera_pos=np.zeros((len(seen), 3)),
        up=up,
        floor=0.0,
    )


def _trunk(skeleton: _Skeleton, seen: dict[str, _Vectors]) -> None:
    pelvis = _frame(seen["hips"], seen["trunk"])
    chest = _frame(seen["shoulders"], seen["trunk"])
    twist = so3.log(pelvis.swapaxes(-1, -2) @ chest)
    skeleton.rotation["pelvis"] = pelvis
    for share, name in enumerate(("spine1", "spine2", "spine3"), start=1):
        skeleton.rotation[name] = pelvis @ so3.exp(twist * share / 3.0)
    # At rest the line from the ears to the nose points forward: z of the head.
    head = _frame(seen["ears"], np.cross(seen["face"], seen["ears"]))
    nod = so3.log(chest.swapaxes(-1, -2) @ head)
    skeleton.rotation["neck"] = chest @ so3.exp(0.5 * nod)
    skeleton.rotation["head"] = head


def _bent_limb(
    skeleton: _Skeleton, parent: _Rotations, bones: tuple[np.ndarray, np.ndarray], seen: tuple[_Vectors, _Vectors],
    hinge: Float[np.ndarray, " 3"],
) -> tuple[_Rotations, _Rotations]:  # fmt: skip
    """Rotations of the upper and the lower bone of a limb that bends about ``hinge`` (rest axes)."""
    upper = skeleton.swing(parent, bones[0], seen[0])
    bend = np.cross(seen[0], seen[1])
    axis = _unit(bend + _STRAIGHT * (upper @ hinge))
    rest_frame = _frame(bones[0], hinge)
    upper = _frame(seen[0], axis) @ rest_frame.T
    return upper, skeleton.swing(upper, bones[1], seen[1])


def _leg(skeleton: _Skeleton, seen: dict[str, _Vectors], side: str) -> None:
    hip, knee, ankle = f"{side}_hip", f"{side}_knee", f"{side}_ankle"
    bones = (skeleton.bone(hip, knee), skeleton.bone(knee, ankle))
    # A bent knee carries the shin backwards: thigh x shin points to the person's left, SMPL's +x.
    skeleton.rotation[hip], skeleton.rotation[knee] = _bent_limb(
        skeleton,
        skeleton.rotation["pelvis"],
        bones,
        (seen[hip + "_knee"], seen[knee + "_ankle"]),
        np.array([1.0, 0, 0]),
    )
    forward = np.array([0.0, 0.0, 1.0])
    skeleton.rotation[ankle] = skeleton.swing(skeleton.rotation[knee], forward, seen[f"{side}_foot"])
    skeleton.rotation[f"{side}_foot"] = skeleton.rotation[ankle]


def _arm(skeleton: _Skeleton, seen: dict[str, _Vectors], side: str) -> None:
    shoulder, elbow, wrist = f"{side}_shoulder", f"{side}_elbow", f"{side}_wrist"
    bones = (skeleton.bone(shoulder, elbow), skeleton.bone(elbow, wrist))
    # A bent elbow brings the hand forward: +x turns to +z about -y on the left, -x to +z about +y on the right.
    hinge = np.array([0.0, -1.0 if side == "left" else 1.0, 0.0])
    skeleton.rotation[shoulder], skeleton.rotation[elbow] = _bent_limb(
        skeleton, skeleton.rotation["spine3"], bones, (seen[shoulder + "_elbow"], seen[elbow + "_wrist"]), hinge
    )


def _within_limits(rotation: Float[np.ndarray, "frames 24 3 3"]) -> Float[np.ndarray, "frames 24 3 3"]:
    joints = list(MOVING_JOINTS[1:])
    out = rotation.copy()
    out[:, joints] = so3.exp(np.clip(so3.log(rotation[:, joints]), JOINT_LOWER, JOINT_UPPER))
    return out


def _bridge_gaps(rotation: Float[np.ndarray, "frames 24 3 3"], seen: Observation) -> Float[np.ndarray, "frames 24 3 3"]:
    """Turn steadily across frames without a person, whose landmarks are not worth reading."""
    known = np.flatnonzero(seen.usable)
    out = rotation.copy()
    for before, after in pairwise(known):
        if after - before > 1:
            turn = so3.log(rotation[before].swapaxes(-1, -2) @ rotation[after])
            share = np.arange(1, after - before)[:, None, None] / (after - before)
            out[before + 1 : after] = rotation[before] @ so3.exp(share * turn)
    out[: known[0]] = rotation[known[0]]
    out[known[-1] + 1 :] = rotation[known[-1]]
    return out


def _root_positions(
    seen: Observation,
    points: TrackedPoints,
    rest_joint_pos: Float[np.ndarray, "24 3"],
    rotation: Float[np.ndarray, "frames 24 3 3"],
) -> Float[np.ndarray, "frames 3"]:
    """Place the posed body where its projection fits best: linear in the position, per frame."""
    joint_pos, joint_rot = forward_kinematics(rotation, rest_joint_pos, -np.tile(rest_joint_pos[0], (len(seen), 1)))
    n_keypoints = seen.rays.shape[1]
    body = np.einsum("tij,tpj->tpi", seen.R_w2c, points.locate(joint_pos, joint_rot)[:, :n_keypoints])
    # x - u z = 0 and y - v z = 0 for the point p + t, in camera axes.
    rows = np.zeros((len(seen), n_keypoints, 2, 3))
    rows[..., 0, 0] = rows[..., 1, 1] = 1.0
    rows[..., 2] = -seen.rays
    right = -np.einsum("tpij,tpj->tpi", rows, body)
    weight = seen.ray_weight[..., None, None]
    normal = np.einsum("tpij,tpik->tjk", weight * rows, rows) + 1e-9 * np.eye(3)
    position = np.linalg.solve(normal, np.einsum("tpij,tpi->tj", weight * rows, right)[..., None])[..., 0]
    position = np.einsum("tji,tj->ti", seen.R_w2c, position)
    frames, known = np.arange(len(seen)), np.flatnonzero(seen.usable)
    return np.stack([np.interp(frames, known, position[known, axis]) for axis in range(3)], axis=1)
