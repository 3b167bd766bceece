"""Turns a demo's truth into the evidence of a front end that makes no error."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from pipeline.body import SkinnedBody
from pipeline.evidence import COCO17_NAMES, KEYPOINT_NAMES, LANDMARK_NAMES, Evidence
from pipeline.kfbench import Truth
from retarget.smpl_motion import SmplMotion
from retarget.smpl_skeleton import SMPL_JOINT_NAMES

_LANDMARK_SCALE = 0.9
"""BlazePose's average body is about this much of a grown one."""
_HALF_HAND_M = 0.03


def perfect_evidence(truth: Truth, body: SkinnedBody) -> Evidence:
    """Project the truth: exact pixels, exact directions of the landmarks, the camera's own rotation."""
    motion, camera = truth.motion, truth.camera
    keypoints_w = body.motion_keypoints(motion)
    pixels, _ = camera.project(keypoints_w)
    seen = np.concatenate([pixels, np.full((*pixels.shape[:2], 1), 0.95)], axis=-1)
    n_coco = len(COCO17_NAMES)
    return Evidence(
        fps=motion.fps,
        timestamps=np.arange(len(motion)) / motion.fps,
        native_fps=motion.fps,
        image_size=truth.image_size,
        K=camera.K,
        K_source="user",
        boxes=np.concatenate([pixels.min(axis=1), pixels.max(axis=1)], axis=-1),
        kp2d=seen[:, :n_coco],
        foot_kp2d=seen[:, n_coco:],
        landmarks_w=np.einsum("tij,tpj->tpi", camera.R_w2c, _landmarks(motion, keypoints_w)),
        R_w2c=camera.R_w2c @ camera.R_w2c[0].T,
        flags=np.zeros(len(motion), dtype=np.uint16),
    )


def _landmarks(motion: SmplMotion, keypoints_w: Float[np.ndarray, "frames 21 3"]) -> Float[np.ndarray, "frames 33 3"]:
    """BlazePose's points of the truth relative to the middle of the hips, in the world's axes [m]."""
    places = {name: keypoints_w[:, KEYPOINT_NAMES.index(name)] for name in KEYPOINT_NAMES}
    pos_w, rot_w = motion.joints()
    for side in ("left", "right"):
        knuckles = pos_w[:, SMPL_JOINT_NAMES.index(f"{side}_hand")]
        # At rest the palm faces down, so the index finger's side is in front: z of SMPL's joints.
        across = _HALF_HAND_M * rot_w[:, SMPL_JOINT_NAMES.index(f"{side}_wrist"), :, 2]
        places |= {f"{side}_index": knuckles + across, f"{side}_pinky": knuckles - across}
    points = np.stack([places.get(name, places["nose"]) for name in LANDMARK_NAMES], axis=1)
    return _LANDMARK_SCALE * (points - 0.5 * (places["left_hip"] + places["right_hip"])[:, None])
