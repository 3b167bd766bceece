"""A walking person made of formulas, with known stances: the input of the laws of retargeting."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from retarget.body_trajectory import BodyTrajectory
from retarget.retargeter import Retargeter
from retarget.smpl_motion import SmplMotion
from retarget.smpl_skeleton import SMPL_JOINT_NAMES
from robots.g1 import load_g1

UPRIGHT = Rotation.from_matrix([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
"""SMPL's rest axes (y up, facing +z) in a z-up world, facing +x."""

ANKLE_HEIGHT = 0.08
"""Of the walker's ankle joint above the floor when the foot is flat [m]."""


def rest_joints() -> np.ndarray:
    """A person of 1.7 m in SMPL's T-pose, left and right mirrored."""
    left = {
        "pelvis": (0, 0, 0), "spine1": (0, 0.11, -0.03), "spine2": (0, 0.24, -0.03), "spine3": (0, 0.3, 0.0),
        "neck": (0, 0.51, -0.04), "head": (0, 0.58, 0.01), "left_hip": (0.07, -0.09, 0), "left_knee": (0.1, -0.47, 0),
        "left_ankle": (0.09, -0.87, -0.04), "left_foot": (0.11, -0.925, 0.08), "left_collar": (0.08, 0.42, -0.03),
        "left_shoulder": (0.175, 0.45, -0.04), "left_elbow": (0.43, 0.437, -0.065),
        "left_wrist": (0.68, 0.445, -0.065), "left_hand": (0.765, 0.437, -0.08),
    }  # fmt: skip
    mirror = np.array([-1.0, 1.0, 1.0])
    joints = [left[n] if n in left else mirror * left[n.replace("right", "left")] for n in SMPL_JOINT_NAMES]
    return np.array(joints, dtype=float)


def smpl_motion(
    pose: dict[str, np.ndarray], n_frames: int = 1, fps: float = 30.0, pelvis: np.ndarray | None = None
) -> SmplMotion:
    """Build a motion from rotation vectors by joint name; the person faces +x, ankles at standing height."""
    rest = rest_joints()
    body_pose = np.zeros((n_frames, 21, 3))
    for name, rotvec in pose.items():
        body_pose[:, SMPL_JOINT_NAMES.index(name) - 1] = rotvec
    if pelvis is None:
        pelvis = np.tile([0.0, 0.0, ANKLE_HEIGHT - rest[SMPL_JOINT_NAMES.index("left_ankle"), 1]], (n_frames, 1))
    return SmplMotion(
        fps=fps,
        body="walker",
        betas=np.zeros(10),
        rest_joint_pos=rest,
        global_orient=np.tile(UPRIGHT.as_rotvec(), (n_frames, 1)),
        body_pose=body_pose,
        transl=pelvis - rest[0],
    )


def walk(seconds: float = 4.0, fps: float = 30.0, speed: float = 0.7) -> tuple[SmplMotion, np.ndarray]:
    """A straight walk along +x with swinging arms, and when each foot truly stands.

    Feet are placed, legs follow by planar two-bone geometry, so that a foot that stands is still to the last bit.
    """
    rest = rest_joints()
    n = round(seconds * fps)
    time = np.arange(n) / fps
    phase = time / 1.2  # one stride of both feet takes 1.2 s
    pelvis = np.stack([speed * time, np.zeros(n), np.full(n, 0.87 + ANKLE_HEIGHT - 0.05)], axis=1)
    pose = {
        "left_shoulder": np.stack([0.3 * np.sin(2 * np.pi * phase), np.zeros(n), np.full(n, -1.3)], axis=1),
        "right_shoulder": np.stack([-0.3 * np.sin(2 * np.pi * phase), np.zeros(n), np.full(n, 1.3)], axis=1),
    }
    stance = np.empty((n, 2), dtype=bool)
    for side, name in enumerate(("left", "right")):
        cycle = phase + 0.5 * side
        swing = np.clip((cycle % 1.0 - 0.6) / 0.4, 0.0, 1.0)
        stance[:, side] = swing == 0.0
        step = np.floor(cycle) + swing * swing * (3 - 2 * swing)
        foot_x = 1.2 * speed * (step - 0.5 * side + 0.3) - 0.04
        foot_z = ANKLE_HEIGHT + 0.1 * np.sin(np.pi * swing) ** 2
        hip, knee, ankle = (rest[SMPL_JOINT_NAMES.index(f"{name}_{j}")] for j in ("hip", "knee", "ankle"))
        reach = np.stack([foot_x - (pelvis[:, 0] + hip[2]), foot_z - (pelvis[:, 2] + hip[1])], axis=1)
        thigh_turn, knee_turn = _two_bones(knee - hip, ankle - knee, reach)
        pose[f"{name}_hip"] = np.stack([thigh_turn, 0 * time, 0 * time], axis=1)
        pose[f"{name}_knee"] = np.stack([knee_turn, 0 * time, 0 * time], axis=1)
        pose[f"{name}_ankle"] = np.stack([-thigh_turn - knee_turn, 0 * time, 0 * time], axis=1)
    return smpl_motion(pose, n, fps, pelvis), stance


def _two_bones(thigh: np.ndarray, shin: np.ndarray, reach: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Turns about SMPL's x of hip and knee that put the ankle at ``reach`` (forward, up) from the hip."""
    a, b = thigh[[2, 1]], shin[[2, 1]]
    length_a, length_b, distance = np.hypot(*a), np.hypot(*b), np.hypot(*reach.T)
    bend = np.arccos(np.clip((distance**2 - length_a**2 - length_b**2) / (2 * length_a * length_b), -1, 1))
    rest_bend = np.arctan2(a[0] * b[1] - a[1] * b[0], a @ b)
    # A positive turn about x carries up to forward, so in the (forward, up) plane it is clockwise.
    knee = bend + rest_bend
    end = a[None] + np.stack(
        [b[0] * np.cos(knee) + b[1] * np.sin(knee), -b[0] * np.sin(knee) + b[1] * np.cos(knee)], axis=1
    )
    hip = np.arctan2(end[:, 1], end[:, 0]) - np.arctan2(reach[:, 1], reach[:, 0])
    return np.arctan2(np.sin(hip), np.cos(hip)), knee


def transformed(
    trajectory: BodyTrajectory, rotation: Rotation, shift: np.ndarray, mirror: bool = False
) -> BodyTrajectory:
    """Turn and shift the world; with ``mirror``, first swap left and right across the plane y = 0."""
    pos, quat = trajectory.pos_w, trajectory.quat_wxyz_w
    if mirror:
        swap = {"left": "right", "right": "left"}
        names = [n.replace(n.split("_")[0], swap.get(n.split("_")[0], n.split("_")[0])) for n in trajectory.names]
        order = [trajectory.names.index(n) for n in names]
        pos = pos[:, order] * [1.0, -1.0, 1.0]
        # Mirroring world (y) and body frame (SMPL's x) turns R into S R S', a rotation again.
        matrix = Rotation.from_quat(quat[:, order].reshape(-1, 4), scalar_first=True).as_matrix()
        matrix = np.diag([1.0, -1.0, 1.0]) @ matrix @ np.diag([-1.0, 1.0, 1.0])
        quat = Rotation.from_matrix(matrix).as_quat(scalar_first=True).reshape(quat.shape)
    turned = rotation * Rotation.from_quat(quat.reshape(-1, 4), scalar_first=True)
    return BodyTrajectory(
        fps=trajectory.fps,
        names=trajectory.names,
        pos_w=pos @ rotation.as_matrix().T + shift,
        quat_wxyz_w=turned.as_quat(scalar_first=True).reshape(quat.shape),
    )


@pytest.fixture(scope="session")
def walker():
    """The functions above."""
    return SimpleNamespace(smpl_motion=smpl_motion, walk=walk, transformed=transformed)


@pytest.fixture(scope="session")
def robot():
    return load_g1()


@pytest.fixture(scope="session")
def retargeter(robot):
    return Retargeter(robot)


@pytest.fixture(scope="session")
def walked(retargeter):
    """The walk, its true stances, and what became of it."""
    motion, stance = walk()
    trajectory = motion.body_trajectory()
    return SimpleNamespace(trajectory=trajectory, stance=stance, result=retargeter.retarget(trajectory))
