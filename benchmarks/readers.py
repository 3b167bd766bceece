"""How well motion files are read: every BVH clip of the shared data against independent conversions of the same clips.

    python -m benchmarks.readers [--every N] [--data FOLDER]      measure, read every N-th clip of each rig
    python -m benchmarks.readers --pool [--data FOLDER]           print pipeline/readers/data/rig_frames.toml anew

The conversions (``smpl/*.npz``) were made by another program on another skeleton (SMPL's mean joints); they share with
ours only the idea that limb bones keep their direction. Angles are means over clips of one rig.
"""

from __future__ import annotations

import argparse
import csv
import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation, Slerp

from pipeline.body import SkinnedBody, load_body
from pipeline.readers import UnreadableMotion, read_motion
from pipeline.readers.anatomy import LIMBS, mean_rotation, unit
from pipeline.readers.bvh_file import read_bvh
from pipeline.readers.bvh_motion import source_poses
from pipeline.readers.calibration import frame_sums, leg_length
from pipeline.readers.rigs import find_rig
from pipeline.readers.smpl_clip import Y_UP_TO_Z_UP, sole_points
from retarget.smpl_motion import SmplMotion
from retarget.smpl_skeleton import SMPL_JOINT_NAMES, forward_kinematics

SHARED_DATA = Path(__file__).parents[1].parent / "shared" / "data"
"""Where the clips are, on machines that have them."""

POOLED_RIGS = ("cc", "cmu", "motionbuilder")
"""Rigs whose rest pose shows nothing and whose clips may be used by anybody."""

CREDIT = """\
# Anatomical frames seen from a rig's joints, as quaternions (w, x, y, z): see pipeline/readers/calibration.py.
# Pooled over the clips of one rig by `python -m benchmarks.readers --pool`.
# The data used in this project was obtained from mocap.cs.cmu.edu.
# The database was created with funding from NSF EIA-0196217."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One clip, ours against the other conversion."""

    limb_deg: float
    """Mean angle between thighs, shins, upper arms and forearms [deg]."""
    limb_p99_deg: float
    """The same, 99th percentile [deg]."""
    twist_deg: float
    """Mean angle of the rotation of those bones [deg]: direction and twist."""
    pelvis_deg: float
    """Mean angle between the pelvises [deg]."""
    chest_deg: float
    """Mean angle between the chests [deg]."""
    head_deg: float
    """Mean angle between the heads [deg]."""
    foot_deg: float
    """Mean angle between the feet [deg]."""
    heading_deg: float
    """Mean angle between the directions the pelvis faces on the ground [deg]."""
    path_mm: float
    """RMS distance of the pelvis on the ground, at equal leg lengths, after the mean is taken off [mm]."""
    sole_p1_mm: float
    """First percentile of the lowest sole's height [mm]."""
    sole_median_mm: float
    """Median height of the lowest sole [mm]."""
    tilt_deg: float
    """Median tilt of the feet against the ground while they are low and hardly move [deg]."""
    other_tilt_deg: float
    """The same in the other conversion, in the same frames [deg]."""


def compare(motion: SmplMotion, body: SkinnedBody, other: Path, rest: np.ndarray) -> Difference:
    """Compare a motion with a conversion in ``poses``, ``trans``, y up, on the skeleton ``rest``."""
    with np.load(other, allow_pickle=False) as arrays:
        poses, trans, fps = arrays["poses"].astype(float), arrays["trans"].astype(float), float(arrays["fps"])
    times = np.arange(len(poses)) / fps
    ours_t = np.arange(len(motion)) / motion.fps
    common = ours_t[ours_t <= times[-1]]
    rot = np.stack([Slerp(times, Rotation.from_rotvec(poses[:, j]))(common).as_matrix() for j in range(24)], axis=1)
    path = np.stack([np.interp(common, times, trans[:, k]) for k in range(3)], axis=-1)
    pos_b, rot_b = forward_kinematics(rot, rest, path)
    pos_b, rot_b = pos_b @ Y_UP_TO_Z_UP.T, Y_UP_TO_Z_UP @ rot_b
    pos_a, rot_a = (array[: len(common)] for array in motion.joints())
    limbs = [(limb.upper, limb.lower) for limb in LIMBS] + [(limb.lower, limb.end) for limb in LIMBS]
    index = SMPL_JOINT_NAMES.index
    limb = np.stack([_angle(_bone(pos_a, a, b), _bone(pos_b, a, b)) for a, b in limbs])
    sole = body.motion_keypoints(motion)[:, 17:21]
    lowest = body.points(motion, sole_points(body, motion.betas))[..., 2].min(axis=1) * 1e3
    legs = [
        leg_length({name: joints[None, number] for number, name in enumerate(SMPL_JOINT_NAMES)})
        for joints in (motion.rest_joint_pos, rest)
    ]
    ground = pos_a[:, 0, :2] * legs[1] / legs[0] - pos_b[:, 0, :2]
    return Difference(
        limb_deg=float(limb.mean()),
        limb_p99_deg=float(np.percentile(limb, 99)),
        twist_deg=float(np.mean([_turn(rot_a, rot_b, index(a)) for a, _ in limbs])),
        pelvis_deg=_turn(rot_a, rot_b, 0),
        chest_deg=_turn(rot_a, rot_b, index("spine3")),
        head_deg=_turn(rot_a, rot_b, index("head")),
        foot_deg=float(np.mean([_turn(rot_a, rot_b, index(f"{s}_ankle")) for s in ("left", "right")])),
        heading_deg=float(_angle(_heading(rot_a), _heading(rot_b)).mean()),
        path_mm=float(np.sqrt((((ground - ground.mean(axis=0)) ** 2).sum(axis=-1)).mean()) * 1e3),
        sole_p1_mm=float(np.percentile(lowest, 1)),
        sole_median_mm=float(np.median(lowest)),
        tilt_deg=_tilt(sole, rot_a, motion.fps),
        other_tilt_deg=_tilt(sole, rot_b, motion.fps),
    )


def _bone(pos: np.ndarray, start: str, end: str) -> np.ndarray:
    return unit(pos[:, SMPL_JOINT_NAMES.index(end)] - pos[:, SMPL_JOINT_NAMES.index(start)])


def _angle(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Angle between unit vectors [deg]."""
    return np.degrees(2 * np.arcsin(np.clip(np.linalg.norm(a - b, axis=-1) / 2, 0, 1)))


def _turn(rot_a: np.ndarray, rot_b: np.ndarray, joint: int) -> float:
    """Mean angle between two rotations [deg]."""
    step = np.swapaxes(rot_a[:, joint], -1, -2) @ rot_b[:, joint]
    return float(np.degrees(Rotation.from_matrix(step).magnitude()).mean())


def _heading(rot: np.ndarray) -> np.ndarray:
    """Direction that the pelvis faces on the ground."""
    return unit(np.cross(rot[:, 0, :, 0], [0.0, 0.0, 1.0])[:, :2])


def _tilt(sole: np.ndarray, rot: np.ndarray, fps: float) -> float:
    """Median angle between the up axis of the feet and the vertical while they stand [deg]."""
    tilts = []
    for side, (heel, toe) in (("left", (0, 1)), ("right", (2, 3))):
        speed = np.linalg.norm(np.gradient(sole[:, heel] + sole[:, toe], axis=0), axis=-1) * fps / 2
        stands = ((speed < 0.15) & (sole[:, (heel, toe), 2].max(axis=1) < 0.08))[: len(rot)]
        up = rot[stands, SMPL_JOINT_NAMES.index(f"{side}_ankle"), :, 1]
        tilts.append(_angle(up, np.array([0.0, 0.0, 1.0])))
    every = np.concatenate(tilts)
    return float(np.median(every)) if len(every) else float("nan")


def rest_joints(data: Path) -> np.ndarray:
    """Skeleton of the other conversions [m]."""
    return np.array(json.loads((data / "smpl" / "J0_approx.json").read_text())["J0"]).reshape(-1, 3)[:24]


def clips(data: Path) -> Iterator[dict[str, str]]:
    """Rows of the index."""
    with (data / "mocap" / "index.csv").open() as stream:
        yield from csv.DictReader(stream)


def measure(data: Path, every: int = 1) -> dict[str, dict[str, float]]:
    """Read the clips and return per rig the means of :class:`Difference`, and how many were read and refused."""
    body, rest = load_body(), rest_joints(data)
    found: dict[str, list[Difference]] = defaultdict(list)
    refused: dict[str, list[str]] = defaultdict(list)
    seen: dict[str, int] = defaultdict(int)
    for row in clips(data):
        seen[row["skeleton"]] += 1
        if (seen[row["skeleton"]] - 1) % every:
            continue
        try:
            motion = read_motion(data / "mocap" / row["file"], body).motion
        except UnreadableMotion as error:
            refused[row["skeleton"]].append(str(error))
            continue
        found[row["skeleton"]].append(compare(motion, body, data / "mocap" / row["smpl_file"], rest))
    return {
        rig: {
            "read": len(rows),
            "refused": len(refused[rig]),
            **{field.name: _mean([getattr(row, field.name) for row in rows]) for field in fields(Difference)},
        }
        for rig, rows in found.items()
    }


def _mean(values: list[float]) -> float:
    """Mean of what is known."""
    known = [value for value in values if np.isfinite(value)]
    return float(np.mean(known)) if known else float("nan")


def pool(data: Path) -> str:
    """Return the table of pooled frames, of clips that may be used for anything."""
    sums: dict[str, dict[str, np.ndarray]] = defaultdict(lambda: defaultdict(lambda: np.zeros((3, 3))))
    for row in clips(data):
        if not row["file"].startswith("cmu/"):
            continue
        path = data / "mocap" / row["file"]
        bvh = read_bvh(path)
        rig = find_rig(path, bvh)
        if rig.rig in POOLED_RIGS:
            for joint, total in frame_sums(source_poses(bvh, rig, row["up"].lower())).items():
                sums[rig.rig][joint] += total
    lines = [CREDIT]
    for rig, joints in sums.items():
        lines.append(f"\n[{rig}]")
        for joint, total in joints.items():
            quat = Rotation.from_matrix(mean_rotation(total)).as_quat(scalar_first=True, canonical=True)
            lines.append(f"{joint} = [{', '.join(f'{value:.5f}' for value in quat)}]")
    return "\n".join(lines)


def main() -> None:
    """Print the figures, or the table."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--data", type=Path, default=SHARED_DATA)
    arguments.add_argument("--every", type=int, default=1)
    arguments.add_argument("--pool", action="store_true")
    options = arguments.parse_args()
    if not (options.data / "mocap" / "index.csv").exists():
        print(f"skipped: no clips at {options.data}")
    elif options.pool:
        print(pool(options.data))
    else:
        for rig, figures in measure(options.data, options.every).items():
            print(rig, *(f"{name}={value:.4g}" for name, value in figures.items()))


if __name__ == "__main__":
    main()
