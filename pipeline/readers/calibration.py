"""Finds what turns a rig's joint frames into SMPL's: one constant rotation per joint.

SMPL's global rotation of a joint is that of the rig's joint times a constant C. A rig that stands in its all-zero pose
shows C there. Any other rig shows it over a motion: the anatomical frame of each joint (see :mod:`.anatomy`), seen from
the rig's joint, is a constant but for noise, and C takes SMPL's anatomical frame of the rest pose to it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import Rotation

from pipeline.readers.anatomy import (
    LIMBS,
    RIDES_ON,
    SIDES,
    SPINE_SHARE,
    Rotations,
    Vectors,
    frame,
    hinge,
    interpolate,
    mean_rotation,
    shortest_rotation,
    trunk_frames,
    unit,
)
from retarget.smpl_skeleton import SMPL_JOINT_NAMES

UPRIGHT_COSINE = np.cos(np.radians(20.0))
"""A trunk within 20 degrees of vertical shows which way its up is."""

LOW_SHARE = 0.5
"""Share of the frames, those in which a foot is lowest, in which it may stand."""

SLOWEST_SHARE = 0.5
"""Share of these, those in which it moves least, that show how its sole lies on the ground."""

FOOT_COSINE = np.cos(np.radians(30.0))
"""A foot's rest that is further from the standing pose than 30 degrees is none."""

BENT_RAD = np.radians(60.0)
"""Bend at which SMPL's limbs are compared with those of a motion [rad]."""

REFERENCE_VOTE = 0.02
"""Mean vote (squared sine of the bend) at which a motion knows the twist of a limb as well as a standing pose does."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SourcePoses:
    """Joints of a file under SMPL's names, in the file's world and unit."""

    pos: Mapping[str, Vectors]
    """Positions."""
    rot: Mapping[str, Rotations]
    """Rotations of the rig's joint frames."""
    up: Float[np.ndarray, " 3"]
    """Which way is up."""
    leg: float
    """Length of a leg from hip to ankle."""


def leg_length(pos: Mapping[str, np.ndarray]) -> float:
    """Mean length of both legs, hip to knee to ankle, in the unit of the positions."""
    bones = [(f"{side}_{a}", f"{side}_{b}") for side in SIDES for a, b in (("hip", "knee"), ("knee", "ankle"))]
    return 0.5 * sum(float(np.median(np.linalg.norm(pos[b] - pos[a], axis=-1))) for a, b in bones)


def rest_frames(rest_joint_pos: Float[np.ndarray, "24 3"]) -> dict[str, Float[np.ndarray, "3 3"]]:
    """Anatomical frames of SMPL's rest pose; the feet are flat there."""
    pos = {name: rest_joint_pos[None, number] for number, name in enumerate(SMPL_JOINT_NAMES)}
    frames = trunk_frames(pos)
    for limb in LIMBS:
        upper, lower = pos[limb.lower] - pos[limb.upper], pos[limb.end] - pos[limb.lower]
        bent = Rotation.from_rotvec(BENT_RAD * np.array(limb.rest_hinge, dtype=float)).as_matrix()
        axis = np.cross(upper, lower @ bent.T)  # bones are not quite square to their hinge
        frames[limb.upper] = frame(upper, axis)
        frames[limb.lower] = frame(lower, axis @ bent)
    for side in SIDES:
        frames[f"{side}_ankle"] = frame(np.array([[0.0, 1.0, 0.0]]), pos[f"{side}_foot"] - pos[f"{side}_ankle"])
    return {name: value[0] for name, value in _with_riders(frames).items()}


def frame_sums(poses: SourcePoses) -> dict[str, Float[np.ndarray, "3 3"]]:
    """Weighted sums over a motion of the anatomical frames seen from the rig's joints.

    Sums of several motions of one rig add up; :func:`mean_rotation` makes a constant of them.
    """
    targets = trunk_frames(dict(poses.pos))
    mid_hip = 0.5 * (poses.pos["left_hip"] + poses.pos["right_hip"])
    stands = unit(poses.pos["neck"] - mid_hip) @ poses.up > UPRIGHT_COSINE
    votes = {"pelvis": np.maximum(stands, 1e-6)}
    sums = {name: _sum(poses, name, targets[name], votes.get(name)) for name in ("pelvis", "spine3")}
    world = {name: _steady(poses, name, total) for name, total in sums.items()}
    for limb in LIMBS:
        axis = hinge(limb, dict(poses.pos), world[limb.trunk])
        vote = np.linalg.norm(axis, axis=-1)
        for joint, end in ((limb.upper, limb.lower), (limb.lower, limb.end)):
            target = frame(poses.pos[end] - poses.pos[joint], axis)
            sums[joint] = _sum(poses, joint, target, vote)
            world[joint] = _steady(poses, joint, sums[joint])
    for side in SIDES:
        sums[f"{side}_ankle"] = _foot_sum(poses, side)
        world[f"{side}_ankle"] = _steady(poses, f"{side}_ankle", sums[f"{side}_ankle"])
    riders = {name: _sum(poses, name, value, None) for name, value in _with_riders(world).items() if name in poses.rot}
    return {**riders, **sums}


def constants(
    frames: Mapping[str, Float[np.ndarray, "3 3"]], rest: Mapping[str, Float[np.ndarray, "3 3"]]
) -> dict[str, Float[np.ndarray, "3 3"]]:
    """Return C per joint, of the anatomical frames seen from the rig's joints and those of SMPL's rest pose."""
    return {name: value @ rest[name].T for name, value in frames.items()}


def standing_constants(
    poses: SourcePoses, rest_joint_pos: Float[np.ndarray, "24 3"]
) -> dict[str, Float[np.ndarray, "3 3"]] | None:
    """Return C per joint from one frame in which the rig stands straight, or None where it does not stand.

    It stands if trunk and legs are upright, the arms straight in the plane of the trunk and not raised, and the toes
    point to the front. Arms may be out (T), lowered (A) or hanging: SMPL's bones are turned the shortest way to the
    rig's, and everything else is taken as turned like SMPL's rest pose.
    """
    pos = {name: value[0] for name, value in poses.pos.items()}
    up = poses.up
    left = pos["left_hip"] - pos["right_hip"]
    B = frame(left, up)  # SMPL's axes (left, up, front) in the rig's world
    B = frame(B[:, 0] - (B[:, 0] @ up) * up, up)
    if not _stands(pos, B):
        return None
    C: dict[str, np.ndarray] = {}
    turned = {name: np.eye(3) for name in poses.rot}
    rest: dict[str, np.ndarray] = dict(zip(SMPL_JOINT_NAMES, rest_joint_pos, strict=True))
    for limb in LIMBS:
        for joint, end in ((limb.upper, limb.lower), (limb.lower, limb.end)):
            turned[joint] = shortest_rotation(rest[end] - rest[joint], B.T @ (pos[end] - pos[joint]))
        if limb.end.endswith("wrist"):
            turned[limb.end] = turned[limb.lower]
    for name, R in poses.rot.items():
        C[name] = R[0].T @ B @ turned[name]
    return C


def with_motion(
    C: Mapping[str, Float[np.ndarray, "3 3"]],
    sums: Mapping[str, Float[np.ndarray, "3 3"]],
    rest: Mapping[str, Float[np.ndarray, "3 3"]],
    n_frames: int,
) -> dict[str, Float[np.ndarray, "3 3"]]:
    """Return a standing pose's C after what the motion shows better: hinges of the limbs, soles on the ground.

    A straight limb does not show its hinge, so the twist of a standing pose is a convention of whoever made the rig;
    how the limb bends in the motion (see :func:`frame_sums`) shows it, as far as it does bend. Soles are as the motion
    stands on them unless that is far from the standing pose, as on tiptoe.
    """
    turned = dict(C)
    for joint in (name for limb in LIMBS for name in (limb.upper, limb.lower)):
        standing = C[joint] @ rest[joint]
        shown = sums[joint][:, 1] / n_frames
        turned[joint] = frame(standing[:, 0], shown + REFERENCE_VOTE * standing[:, 1]) @ rest[joint].T
    for joint in (f"{side}_ankle" for side in SIDES):
        stood = mean_rotation(sums[joint]) @ rest[joint].T
        if (np.trace(stood.T @ C[joint]) - 1.0) / 2.0 > FOOT_COSINE:
            turned[joint] = stood
    return turned


def _stands(pos: Mapping[str, np.ndarray], B: Float[np.ndarray, "3 3"]) -> bool:
    """Whether this is a standing reference pose."""
    bones = {
        "trunk": pos["neck"] - 0.5 * (pos["left_hip"] + pos["right_hip"]),
        **{limb.upper: pos[limb.lower] - pos[limb.upper] for limb in LIMBS},
        **{limb.lower: pos[limb.end] - pos[limb.lower] for limb in LIMBS},
        **{f"{side}_foot": pos[f"{side}_foot"] - pos[f"{side}_ankle"] for side in SIDES},
    }
    if min(np.linalg.norm(bone) for bone in bones.values()) < 1e-9:
        return False
    seen = {name: unit(B.T @ bone) for name, bone in bones.items()}
    legs = [seen[f"{side}_{joint}"] for side in SIDES for joint in ("hip", "knee")]
    arms = [
        (sign, seen[f"{side}_{joint}"])
        for side, sign in zip(SIDES, (1, -1), strict=True)
        for joint in ("shoulder", "elbow")
    ]
    return bool(
        seen["trunk"][1] > UPRIGHT_COSINE
        and min(-bone[1] for bone in legs) > np.cos(np.radians(30.0))
        and all(abs(bone[2]) < 0.35 and bone[1] < 0.35 and sign * bone[0] > -0.2 for sign, bone in arms)
        and min(float(seen[f"{side}_shoulder"] @ seen[f"{side}_elbow"]) for side in SIDES) > np.cos(np.radians(25.0))
        and min(seen[f"{side}_foot"][2] for side in SIDES) > 0.5
    )


def _with_riders(frames: dict[str, Rotations]) -> dict[str, Rotations]:
    """Add the joints that no bone shows: between pelvis and chest, or as the joint they ride on."""
    riders = {name: frames[carrier] for name, carrier in RIDES_ON.items()}
    spine = {name: interpolate(frames["pelvis"], frames["spine3"], share) for name, share in SPINE_SHARE.items()}
    return {**frames, **riders, **spine}


def _sum(poses: SourcePoses, name: str, target: Rotations, vote: np.ndarray | None) -> Float[np.ndarray, "3 3"]:
    """Sum over frames of the target frame seen from the rig's joint, weighted."""
    seen = np.swapaxes(poses.rot[name], -1, -2) @ target
    return seen.sum(axis=0) if vote is None else (vote[:, None, None] * seen).sum(axis=0)


def _steady(poses: SourcePoses, name: str, total: Float[np.ndarray, "3 3"]) -> Rotations:
    """World rotation of an anatomical frame that is fixed in the rig's joint."""
    return poses.rot[name] @ mean_rotation(total)


def _foot_sum(poses: SourcePoses, side: str) -> Float[np.ndarray, "3 3"]:
    """Sum of a foot's frame [up, toes, side], its up being the vertical while the foot rests on the ground."""
    ankle, toe, R = poses.pos[f"{side}_ankle"], poses.pos[f"{side}_foot"], poses.rot[f"{side}_ankle"]
    speed = np.linalg.norm(np.gradient(ankle, axis=0), axis=-1) + np.linalg.norm(np.gradient(toe, axis=0), axis=-1)
    height = toe @ poses.up
    low = height <= np.quantile(height, LOW_SHARE)
    rests = low & (speed <= np.quantile(speed[low], SLOWEST_SHARE))
    vertical = (np.swapaxes(R, -1, -2) @ poses.up)[rests]
    local_up = unit(np.median(vertical, axis=0))
    for _ in range(5):
        near = vertical @ local_up > UPRIGHT_COSINE
        local_up = unit(vertical[near].mean(axis=0)) if near.any() else local_up
    local_toe = (np.swapaxes(R, -1, -2) @ (toe - ankle)[..., None])[..., 0].mean(axis=0)
    return frame(local_up, local_toe) * len(R)
