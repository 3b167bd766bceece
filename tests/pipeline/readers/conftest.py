"""Files that the tests of the readers make: a person who squats, walks a circle and bends the arms, in every format."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from pipeline.body import SkinnedBody, load_body
from retarget.smpl_motion import SmplMotion
from retarget.smpl_skeleton import SMPL_JOINT_NAMES, SMPL_PARENTS

MOTIONBUILDER = {
    "pelvis": "Hips", "spine1": "Spine", "spine2": "Spine1", "spine3": "Spine2", "neck": "Neck", "head": "Head",
    "hip": "UpLeg", "knee": "Leg", "ankle": "Foot", "foot": "ToeBase", "collar": "Shoulder", "shoulder": "Arm",
    "elbow": "ForeArm", "wrist": "Hand", "hand": "HandTip",
}  # fmt: skip


@pytest.fixture(scope="session")
def body() -> SkinnedBody:
    return load_body()


@pytest.fixture(scope="session")
def squats(body) -> Callable[..., SmplMotion]:
    """A motion with flat soles, bending knees and elbows about their hinges, on the floor, z up."""

    def make(n_frames: int = 91, fps: float = 30.0, betas: np.ndarray | None = None) -> SmplMotion:
        t = np.arange(n_frames) / fps
        bend = 0.45 * (1 - np.cos(2.0 * t))
        pose = np.zeros((n_frames, 21, 3))
        index = {name: number - 1 for number, name in enumerate(SMPL_JOINT_NAMES)}
        for side, sign in (("left", 1.0), ("right", -1.0)):
            pose[:, index[f"{side}_hip"], 0] = -bend
            pose[:, index[f"{side}_knee"], 0] = 2 * bend
            pose[:, index[f"{side}_ankle"], 0] = -bend
            pose[:, index[f"{side}_shoulder"], 2] = -sign * (0.8 + 0.3 * np.sin(1.7 * t))
            pose[:, index[f"{side}_elbow"], 1] = -sign * (0.6 + 0.4 * np.sin(2.3 * t + sign))
            pose[:, index[f"{side}_wrist"], 1] = 0.2 * np.sin(t)
        pose[:, index["spine2"], 1] = 0.3 * np.sin(1.3 * t)
        pose[:, index["head"], 0] = 0.2 * np.sin(1.1 * t)
        upright = Rotation.from_rotvec([np.pi / 2, 0, 0])
        yaw = Rotation.from_rotvec(np.stack([0 * t, 0 * t, 0.4 * t + 0.3], axis=-1))
        orient = (yaw * upright).as_rotvec()
        betas = np.zeros(10) if betas is None else betas
        motion = body.motion(fps, betas, orient, pose, np.zeros((n_frames, 3)))
        joints = motion.joints()[0]
        ankles = joints[:, [7, 8]].mean(axis=1)
        sole = body.rest_joints(betas)[7, 1] - body.rest_verts(betas)[:, 1].min()
        transl = -ankles + np.array([0.0, 0.0, sole])  # stands on the spot, soles on the floor
        return body.motion(fps, betas, orient, pose, transl)

    return make


@pytest.fixture(scope="session")
def write_bvh() -> Callable[..., Path]:
    """Writes a motion as BVH: joint frames at rest are the world's, so its zero pose is SMPL's."""

    def write(
        path: Path,
        motion: SmplMotion,
        *,
        order: str | Callable[[int], str] = "ZYX",
        unit_m: float = 0.01,
        up: str = "y",
        six_channels: bool = False,
        rename: Callable[[str], str] = lambda name: name,
        head_rows: tuple[tuple[float, ...], ...] = (),
    ) -> Path:
        order_of = order if callable(order) else lambda _: order
        to_file = np.eye(3) if up == "z" else Rotation.from_rotvec([-np.pi / 2, 0, 0]).as_matrix()
        rest_turn = Rotation.from_rotvec([np.pi / 2, 0, 0]).as_matrix() if up == "z" else np.eye(3)
        rest = motion.rest_joint_pos @ rest_turn.T / unit_m
        pos_w, rot_w = motion.joints()
        rot_file = to_file @ rot_w @ rest_turn.T  # joint frames that are the file's axes at rest
        pelvis = pos_w[:, 0] @ to_file.T / unit_m
        children = {j: [k for k, p in enumerate(SMPL_PARENTS) if p == j] for j in range(24)}
        lines, columns = ["HIERARCHY"], []

        def visit(joint: int, depth: int) -> None:
            parent = SMPL_PARENTS[joint]
            offset = rest[joint] - (rest[parent] if parent >= 0 else rest[joint])
            name = rename(_bvh_name(SMPL_JOINT_NAMES[joint]))
            lines.append(f"{'  ' * depth}{'ROOT' if parent < 0 else 'JOINT'} {name}")
            lines.extend(["{", "OFFSET " + " ".join(f"{x:.8f}" for x in offset)])
            axes = order_of(joint)
            rotations = [f"{axis}rotation" for axis in axes]
            moves = parent < 0 or six_channels
            names = (["Xposition", "Yposition", "Zposition"] if moves else []) + rotations
            lines.append(f"CHANNELS {len(names)} {' '.join(names)}")
            if moves:
                columns.append(pelvis if parent < 0 else np.tile(offset, (len(motion), 1)))
            above = rot_file[:, parent] if parent >= 0 else np.eye(3)[None]
            local = np.swapaxes(above, -1, -2) @ rot_file[:, joint]
            columns.append(Rotation.from_matrix(local).as_euler(axes, degrees=True))
            for child in children[joint]:
                visit(child, depth + 1)
            if not children[joint]:
                lines.extend(["End Site", "{", "OFFSET 0 0 1", "}"])
            lines.append("}")

        visit(0, 0)
        table = np.concatenate(columns, axis=1)
        if head_rows:
            table = np.concatenate([np.resize(row, (1, table.shape[1])) for row in head_rows] + [table])
        lines += ["MOTION", f"Frames: {len(table)}", f"Frame Time: {1 / motion.fps:.10f}"]
        lines += [" ".join(f"{value:.8f}" for value in row) for row in table]
        path.write_text("\n".join(lines) + "\n")
        return path

    return write


def _bvh_name(smpl_name: str) -> str:
    """Name of a joint in MotionBuilder's way."""
    side, _, part = smpl_name.partition("_")
    return f"{side.capitalize()}{MOTIONBUILDER[part]}" if part else MOTIONBUILDER[side]


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Clips of every rig, on machines that have them."""
    folder = Path(__file__).parents[3].parent / "shared" / "data"
    if not (folder / "mocap" / "index.csv").exists():
        pytest.skip(f"no shared data at {folder}")
    return folder
