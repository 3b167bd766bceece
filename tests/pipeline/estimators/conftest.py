"""People whose motion is known, and the evidence a perfect front end would give of them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from pipeline.body import SkinnedBody, load_body
from pipeline.camera import CameraPath, default_intrinsics
from pipeline.evidence import COCO17_NAMES, FOOT_POINT_NAMES, Evidence
from retarget.smpl_motion import SmplMotion
from retarget.smpl_skeleton import SMPL_JOINT_NAMES

FPS = 30.0
SIZE = (1280, 720)
JOINT = {name: index for index, name in enumerate(SMPL_JOINT_NAMES)}
Z_UP = np.array([np.pi / 2, 0.0, 0.0])  # SMPL's y-up rest pose, standing in a z-up world and facing -y


def bump(t: np.ndarray, start: float, stop: float) -> np.ndarray:
    """Smooth rise to one and back between two times."""
    phase = np.clip((t - start) / (stop - start), 0.0, 1.0)
    return np.sin(np.pi * phase) ** 2


def exercise(body: SkinnedBody, *, seconds: float = 4.0, fps: float = FPS) -> SmplMotion:
    """Squat, raise the left knee, squat again, with busy arms: the right foot never leaves its place."""
    t = np.arange(round(seconds * fps)) / fps
    squat = 0.6 * (bump(t, 0.1, 1.5) + bump(t, 2.6, 3.9))
    knee = bump(t, 1.4, 2.7)
    pose = np.zeros((len(t), 24, 3))
    for side, sign in (("left", 1.0), ("right", -1.0)):
        lift = knee if side == "left" else 0.0 * knee
        # Feet stay flat (the three angles add up to zero), and the mass stays over them.
        pose[:, JOINT[f"{side}_hip"], 0] = -0.02 - squat - 1.3 * lift
        pose[:, JOINT[f"{side}_knee"], 0] = 0.02 + 1.85 * squat + 1.5 * lift
        pose[:, JOINT[f"{side}_ankle"], 0] = -0.85 * squat
        pose[:, JOINT[f"{side}_shoulder"], 2] = sign * (-1.1 + 0.9 * bump(t, 0.4, 2.0))
        pose[:, JOINT[f"{side}_shoulder"], 1] = -sign * 0.5 * np.sin(2.0 * t)
        pose[:, JOINT[f"{side}_elbow"], 1] = -sign * (0.9 + 0.6 * np.sin(3.0 * t + sign))
    pose[:, JOINT["spine1"], 1] = 0.25 * np.sin(1.5 * t)
    pose[:, JOINT["spine2"], 0] = 0.2 * squat
    betas = np.zeros(10)
    global_orient = np.tile(Z_UP, (len(t), 1))
    placed = body.motion(fps, betas, global_orient, pose[:, 1:22], np.zeros((len(t), 3)))
    ankle = placed.joints()[0][:, JOINT["right_ankle"]]
    rest = body.rest_verts(betas)
    sole_below_ankle = body.rest_joints(betas)[JOINT["right_ankle"], 1] - rest[:, 1].min()
    transl = np.array([0.0, 0.0, sole_below_ankle]) - ankle
    contact = np.stack([knee < 0.02, np.ones(len(t))], axis=1).astype(float)
    return body.motion(fps, betas, global_orient, pose[:, 1:22], transl, contact)


def camera_path(
    n_frames: int, *, height: float = 1.3, pitch_deg: float = 5.0, pan_deg: float = 0.0, sideways: float = 0.0
) -> CameraPath:
    """A camera four and a half metres in front of the person (who faces -y), looking along +y and down."""
    share = np.linspace(0.0, 1.0, n_frames)
    swing = np.sin(np.pi * share)
    yaw, pitch = np.deg2rad(pan_deg) * swing, np.deg2rad(pitch_deg)
    forward = np.stack([-np.sin(yaw) * np.cos(pitch), np.cos(yaw) * np.cos(pitch), 0.0 * yaw - np.sin(pitch)], axis=-1)
    right = np.stack([np.cos(yaw), np.sin(yaw), 0.0 * yaw], axis=-1)
    rotation = np.stack([right, np.cross(forward, right), forward], axis=1)
    position = np.stack([sideways * swing, np.full(n_frames, -4.5), np.full(n_frames, height)], axis=-1)
    return CameraPath(K=default_intrinsics(*SIZE), R_w2c=rotation, pos_w=position)


def perfect_evidence(
    body: SkinnedBody, motion: SmplMotion, camera: CameraPath, *, landmark_scale: float = 0.9
) -> Evidence:
    """What a front end without any error would say: exact pixels, landmarks of a smaller body."""
    keypoints = body.motion_keypoints(motion)
    pixels, _ = camera.project(keypoints)
    confident = np.concatenate([pixels, np.full((*pixels.shape[:2], 1), 0.95)], axis=-1)
    in_camera = np.einsum("tij,tpj->tpi", camera.R_w2c, keypoints - camera.pos_w[:, None])
    hands = np.einsum("tij,tpj->tpi", camera.R_w2c, _hand_points(motion) - camera.pos_w[:, None])
    landmarks = landmark_scale * _as_blazepose(in_camera, hands)
    n_coco = len(COCO17_NAMES)
    return Evidence(
        fps=motion.fps,
        timestamps=np.arange(len(motion)) / motion.fps,
        native_fps=motion.fps,
        image_size=SIZE,
        K=camera.K,
        K_source="user",
        boxes=np.concatenate([pixels.min(axis=1), pixels.max(axis=1)], axis=-1),
        kp2d=confident[:, :n_coco],
        foot_kp2d=confident[:, n_coco:],
        landmarks_w=landmarks,
        R_w2c=camera.R_w2c @ camera.R_w2c[0].T,
        flags=np.zeros(len(motion), dtype=np.uint16),
    )


def _hand_points(motion: SmplMotion) -> np.ndarray:
    """Index and little finger of the left, then the right hand: on both sides of the hand joint, palm down at rest."""
    pos, rot = motion.joints()
    points = []
    for side in ("left", "right"):
        hand = pos[:, JOINT[f"{side}_hand"]]
        forward = rot[:, JOINT[f"{side}_wrist"]] @ np.array([0.0, 0.0, 0.03])
        points += [hand + forward, hand - forward]
    return np.stack(points, axis=1)


def _as_blazepose(keypoints: np.ndarray, hands: np.ndarray) -> np.ndarray:
    """Sort points into BlazePose's 33 landmarks (face details lie on the nose) about the middle of the hips."""
    names = (*COCO17_NAMES, *FOOT_POINT_NAMES)
    by_number = {0: "nose", 7: "left_ear", 8: "right_ear", 29: "left_heel", 30: "right_heel", 31: "left_toe",
                 32: "right_toe"}  # fmt: skip
    for first, part in ((11, "shoulder"), (13, "elbow"), (15, "wrist"), (23, "hip"), (25, "knee"), (27, "ankle")):
        by_number[first], by_number[first + 1] = f"left_{part}", f"right_{part}"
    landmarks = np.repeat(keypoints[:, :1], 33, axis=1)
    for number, name in by_number.items():
        landmarks[:, number] = keypoints[:, names.index(name)]
    for number, hand in ((19, 0), (17, 1), (20, 2), (18, 3), (21, 0), (22, 2)):
        landmarks[:, number] = hands[:, hand]
    return landmarks - 0.5 * (landmarks[:, 23:24] + landmarks[:, 24:25])


@pytest.fixture(scope="session")
def body() -> SkinnedBody:
    return load_body("open")


@pytest.fixture(scope="session")
def film(body: SkinnedBody) -> Callable[..., Evidence]:
    """Make the evidence of a motion; keywords are those of :func:`camera_path`."""
    return lambda motion, **camera: perfect_evidence(body, motion, camera_path(len(motion), **camera))


@pytest.fixture(scope="session")
def perform(body: SkinnedBody) -> Callable[..., SmplMotion]:
    """Make the exercise; keywords are those of :func:`exercise`."""
    return lambda **keywords: exercise(body, **keywords)


@pytest.fixture(scope="session")
def truth(perform: Callable[..., SmplMotion]) -> SmplMotion:
    return perform()


@pytest.fixture(scope="session")
def evidence(film: Callable[..., Evidence], truth: SmplMotion) -> Evidence:
    """The exercise before a static camera."""
    return film(truth)
