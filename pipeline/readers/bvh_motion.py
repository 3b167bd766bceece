"""Turns a BVH file into SMPL's pose parameters on a given body."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

from pipeline.body import SkinnedBody
from pipeline.readers.anatomy import LIMBS, mean_rotation, unit
from pipeline.readers.bvh_file import BvhFile, read_bvh
from pipeline.readers.bvh_kinematics import joint_poses, position_channels_add, zero_pose
from pipeline.readers.calibration import (
    SourcePoses,
    constants,
    frame_sums,
    leg_length,
    rest_frames,
    standing_constants,
    with_motion,
)
from pipeline.readers.exceptions import UnreadableMotion
from pipeline.readers.rig_frames import matching_frames
from pipeline.readers.rigs import MappedRig, find_rig
from pipeline.readers.smpl_clip import SmplClip, upright
from retarget.smpl_skeleton import SMPL_JOINT_NAMES, SMPL_PARENTS

AXES = {"y": np.array([0.0, 1.0, 0.0]), "z": np.array([0.0, 0.0, 1.0])}
"""Axes that may point up."""

UNITS = (
    ("metres", 1.0),
    ("centimetres", 0.01),
    ("millimetres", 0.001),
    ("inches", 0.0254),
    ("CMU units", 0.0254 / 0.45),
)
"""Units of length that files are written in [m]; CMU's marker system counts 0.45 to the inch."""

ADULT_LEG_M = (0.62, 1.12)
"""Hip to ankle of nearly all adults [m]; no two of ``UNITS`` put one length in it."""

POSSIBLE_LEG_M = (0.25, 1.5)
"""Outside of this a unit that was given must be wrong [m]."""

SHORTEST_BONE = 0.02
"""Part of a leg that every bone must measure."""

GLITCH_MPS = 14.0
"""A joint faster than this past the pelvis is an error of the capture [m/s]."""

JUMP_MPS = 7.0
"""Speed past the pelvis that only the blend from a reference pose into the motion has [m/s]."""

LEAD_IN_S = 0.1
"""A file's reference pose and the blend out of it end within this [s]."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BvhMotion:
    """A BVH file's motion in SMPL's pose space."""

    clip: SmplClip
    """Pose parameters, the path scaled to the body."""
    remarks: tuple[str, ...]
    """What was inferred."""


def read_bvh_motion(
    path: Path,
    body: SkinnedBody,
    betas: Float[np.ndarray, " 10"],
    *,
    native_fps: float | None = None,
    unit_m: float | None = None,
    up: str | None = None,
) -> BvhMotion:
    """Read a BVH file as a motion of a body.

    Args:
        path: ``.bvh`` or ``.bvh.gz``.
        body: Whose pose space it becomes.
        betas: Shape of that body.
        native_fps: Rate to use instead of the file's frame time [1/s].
        unit_m: Length of the file's unit [m]; inferred from the legs if not given.
        up: ``y`` or ``z``; inferred from how the person stands if not given.

    Raises:
        UnreadableMotion: The file is damaged, of no known rig, or contradicts what was given.
    """
    bvh = read_bvh(path)
    rig = find_rig(path, bvh)
    fps = _rate(path, bvh, native_fps)
    remarks: list[str] = []
    if position_channels_add(bvh):
        remarks.append("Its position channels were added to the offsets: in place of them the bones would vanish.")
    poses, axis = _source_poses(path, bvh, rig, up, remarks)
    unit_m = _unit(path, poses.leg, unit_m, remarks)
    poses = _without_lead_in(poses, fps, unit_m, remarks)
    _remark_glitches(poses, fps, unit_m, remarks)
    rest = body.rest_joints(betas)
    C = _calibrate(bvh, rig, poses, rest, remarks)
    return BvhMotion(clip=_to_smpl(poses, C, rest, fps, upright(axis)), remarks=tuple(remarks))


def source_poses(bvh: BvhFile, rig: MappedRig, up: str) -> SourcePoses:
    """Return the joints of a file under SMPL's names."""
    found = joint_poses(bvh, rig.joints.values())
    return _named(rig, found.pos, found.rot, AXES[up])


def _named(rig: MappedRig, pos: dict, rot: dict, up: Float[np.ndarray, " 3"]) -> SourcePoses:
    named = {name: pos[number] for name, number in rig.joints.items()}
    turned = {name: rot[number] for name, number in rig.joints.items() if not name.endswith("foot")}
    return SourcePoses(pos=named, rot=turned, up=up, leg=leg_length(named))


def _rate(path: Path, bvh: BvhFile, native_fps: float | None) -> float:
    """Frames per second of the file."""
    if len(bvh) < 2:
        raise UnreadableMotion(path, problem="holds one frame: a pose, not a motion", remedy="Export all frames")
    if native_fps is not None:
        return native_fps
    if bvh.frame_time_s is None:
        raise UnreadableMotion(path, problem="does not say its frame time", remedy="Give the rate as native_fps")
    return 1.0 / bvh.frame_time_s


def _source_poses(
    path: Path, bvh: BvhFile, rig: MappedRig, up: str | None, remarks: list[str]
) -> tuple[SourcePoses, str]:
    """Return the joints and which axis is up."""
    poses = source_poses(bvh, rig, up or "y")
    if not poses.leg > 0 or not np.isfinite(poses.leg):
        raise UnreadableMotion(path, problem="the legs have no length", remedy="Export the skeleton with its offsets")
    _check_bones(path, poses)
    if up is not None:
        return poses, up
    mid_hip = 0.5 * (poses.pos["left_hip"] + poses.pos["right_hip"])
    ankles = 0.5 * (poses.pos["left_ankle"] + poses.pos["right_ankle"])
    standing = (unit(poses.pos["neck"] - mid_hip) + unit(mid_hip - ankles)).mean(axis=0) / 2
    axis = "z" if standing[2] > max(standing[1], 0.5) else "y"
    if standing[1 if axis == "y" else 2] < 0.5:
        remarks.append("The person hardly stands in it, so up was taken to be y, as is usual in BVH; give up= if not.")
    elif axis == "z":
        remarks.append("Up was taken to be z: along it the person stands.")
    return SourcePoses(pos=poses.pos, rot=poses.rot, up=AXES[axis], leg=poses.leg), axis


def _check_bones(path: Path, poses: SourcePoses) -> None:
    """Refuse a limb, hips or shoulders without length: no frame can be made of them."""
    bones = [pair for limb in LIMBS for pair in ((limb.upper, limb.lower), (limb.lower, limb.end))]
    bones += [(f"left_{joint}", f"right_{joint}") for joint in ("hip", "shoulder")]
    for start, end in (*bones, ("pelvis", "neck")):
        length = float(np.median(np.linalg.norm(poses.pos[end] - poses.pos[start], axis=-1)))
        if not length > SHORTEST_BONE * poses.leg:
            problem = f"its {start} and {end} lie in one place"
            raise UnreadableMotion(path, problem=problem, remedy="Export the skeleton with its offsets")


def _unit(path: Path, leg: float, unit_m: float | None, remarks: list[str]) -> float:
    """Length of the file's unit [m]. The motion is scaled to the body's legs, so only speeds depend on it."""
    if unit_m is not None:
        low, high = POSSIBLE_LEG_M
        if not low <= leg * unit_m <= high:
            problem = f"with a unit of {unit_m:g} m the legs would measure {leg * unit_m:.3g} m"
            raise UnreadableMotion(path, problem=problem, remedy="Give another unit_m, or none to have it inferred")
        return unit_m
    low, high = ADULT_LEG_M
    for name, length_m in UNITS:
        if low <= leg * length_m <= high:
            remarks.append(f"Its unit was taken to be {name}: the legs then measure {leg * length_m:.2f} m.")
            return length_m
    length_m = 0.82 / leg
    remarks.append(f"Its unit is none of the usual ones; {length_m:.3g} m was taken, which makes the legs 0.82 m long.")
    return length_m


def _speeds(poses: SourcePoses, fps: float, unit_m: float) -> Float[np.ndarray, " steps"]:
    """Speed of the fastest joint past the pelvis, from each frame to the next [m/s]."""
    past = np.stack([pos - poses.pos["pelvis"] for pos in poses.pos.values()], axis=1)
    return np.linalg.norm(np.diff(past, axis=0), axis=-1).max(axis=1) * fps * unit_m


def _without_lead_in(poses: SourcePoses, fps: float, unit_m: float, remarks: list[str]) -> SourcePoses:
    """Drop a reference pose that stands before the motion, with the blend out of it."""
    n_lead = max(2, round(LEAD_IN_S * fps))
    speeds = _speeds(poses, fps, unit_m)
    travel = np.linalg.norm(np.diff(poses.pos["pelvis"], axis=0), axis=-1) * fps * unit_m
    jumps = np.flatnonzero((speeds[:n_lead] > JUMP_MPS) | (travel[:n_lead] > 2 * GLITCH_MPS))
    if not len(jumps) or (jumps[0] != 0 and not _arms_out(poses)) or len(speeds) <= n_lead:
        return poses
    start = int(jumps[-1]) + 1
    remarks.append(f"Its first {start} frame(s) were left out: a reference pose that jumps into the motion.")
    cut_pos = {name: value[start:] for name, value in poses.pos.items()}
    cut_rot = {name: value[start:] for name, value in poses.rot.items()}
    return SourcePoses(pos=cut_pos, rot=cut_rot, up=poses.up, leg=poses.leg)


def _arms_out(poses: SourcePoses) -> bool:
    """Whether the first frame holds both arms straight out."""
    left = unit(poses.pos["left_shoulder"][0] - poses.pos["right_shoulder"][0])
    arms = [unit(poses.pos[limb.end][0] - poses.pos[limb.upper][0]) @ left for limb in LIMBS[2:]]
    return bool(arms[0] > 0.95 and arms[1] < -0.95)


def _remark_glitches(poses: SourcePoses, fps: float, unit_m: float, remarks: list[str]) -> None:
    """Say how often a joint is faster than any person's."""
    n_bad = int((_speeds(poses, fps, unit_m) > GLITCH_MPS).sum())
    if n_bad:
        remarks.append(f"In {n_bad} frame(s) a joint moves faster than {GLITCH_MPS:g} m/s: an error of the capture.")


def _calibrate(
    bvh: BvhFile, rig: MappedRig, poses: SourcePoses, rest: Float[np.ndarray, "24 3"], remarks: list[str]
) -> dict[str, Float[np.ndarray, "3 3"]]:
    """Return C per joint: of the pose at zero angles, of the rig's known constants, or of the motion itself."""
    sums = frame_sums(poses)
    zero = zero_pose(bvh, rig.joints.values())
    for up in (poses.up, *AXES.values()):
        C = standing_constants(_named(rig, zero.pos, zero.rot, up), rest)
        if C is not None:
            return with_motion(C, sums, rest_frames(rest), len(poses.pos["pelvis"]))
    own = {name: mean_rotation(total) for name, total in sums.items()}
    known = matching_frames(rig.rig, own)
    if known is None:
        remarks.append(
            "Where the rig's joints are at rest was learnt from this motion alone: head, wrists and the twist of limbs "
            "that stay straight are only as good as it is long."
        )
    return constants(own if known is None else known, rest_frames(rest))


def _to_smpl(
    poses: SourcePoses,
    C: dict[str, Float[np.ndarray, "3 3"]],
    rest: Float[np.ndarray, "24 3"],
    fps: float,
    W: Float[np.ndarray, "3 3"],
) -> SmplClip:
    """Turn a rig's joints into local rotations and the path of the pelvis, both z up."""
    n_frames = len(poses.pos["pelvis"])
    world = np.empty((n_frames, 22, 3, 3))
    local = np.empty_like(world)
    for number, (name, parent) in enumerate(zip(SMPL_JOINT_NAMES[:22], SMPL_PARENTS[:22], strict=True)):
        world[:, number] = W @ poses.rot[name] @ C[name] if name in C else world[:, parent]
        above = world[:, parent] if parent >= 0 else np.eye(3)[None]
        local[:, number] = np.swapaxes(above, -1, -2) @ world[:, number]
    rest_pos = {name: rest[None, number] for number, name in enumerate(SMPL_JOINT_NAMES)}
    mid_hip = 0.5 * (poses.pos["left_hip"] + poses.pos["right_hip"]) @ W.T
    to_pelvis = rest[0] - 0.5 * (rest[1] + rest[2])
    scale = leg_length(rest_pos) / poses.leg
    return SmplClip(fps=fps, local_rotation=local, pelvis_path_w=scale * mid_hip + world[:, 0] @ to_pelvis)
