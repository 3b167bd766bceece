"""Drawing a pose towards its keypoints: right poses stay, wrong ones get nearer, what nobody saw is left alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from pipeline.body import load_body
from pipeline.estimators.gvhmr.inputs import Sighting
from pipeline.estimators.gvhmr.prediction import Prediction
from pipeline.estimators.gvhmr.refinement import refined
from pipeline.estimators.gvhmr.sighting import Sighted
from pipeline.kfbench import PIECES, stage_piece
from retarget.smpl_skeleton import forward_kinematics, local_rotations

FRAMES = 60


@pytest.fixture(scope="module")
def body():
    return load_body()


@pytest.fixture(scope="module")
def scene(body):
    """The dance before its camera: what a perfect network says, and what a perfect detector sees."""
    truth = stage_piece(PIECES["dance"], body)
    motion = truth.motion.frames(100, 100 + FRAMES)
    R, centre = truth.camera.R_w2c[100 : 100 + FRAMES], truth.camera.pos_w[100 : 100 + FRAMES]
    local = local_rotations(motion.global_orient, motion.body_pose)
    pelvis_w = motion.rest_joint_pos[0] + motion.transl
    pixels, _ = replace(truth.camera, R_w2c=R, pos_w=centre).project(body.motion_keypoints(motion))
    prediction = Prediction(
        body_rotation=local[:, 1:22],
        betas=motion.betas,
        root_camera=R @ local[:, 0],
        root_view=R @ local[:, 0],
        velocity=np.full((FRAMES, 3), 0.01),
        pelvis_c=np.einsum("tij,tj->ti", R, pelvis_w - centre),
        static_logits=np.zeros((FRAMES, 6)),
    )
    return prediction, sighted(pixels, truth.camera.K)


def sighted(pixels, K, seen=None) -> Sighted:
    seen = np.ones(pixels.shape[:2], dtype=bool) if seen is None else seen
    sighting = Sighting(
        keypoints_px=torch.from_numpy(pixels)[None],
        seen=torch.from_numpy(seen)[None],
        K=torch.from_numpy(K.copy())[None],
        R_w2c=torch.eye(3).expand(1, len(pixels), 3, 3),
        landmarks=torch.zeros(1, len(pixels), 33, 3),
        landmarks_seen=torch.zeros(1, len(pixels), dtype=torch.bool),
    )
    box = torch.zeros(1, len(pixels), 3)
    return Sighted(sighting=sighting, bbx_xys=box, usable=seen.any(axis=1), keypoint_seen=seen.astype(float))


def bent(prediction, seed=0) -> Prediction:
    """A network that is off by about eight degrees at each joint, and by four centimetres with the pelvis."""
    rng = np.random.default_rng(seed)
    turn = Rotation.from_rotvec(rng.normal(scale=0.08, size=(FRAMES * 21, 3))).as_matrix().reshape(FRAMES, 21, 3, 3)
    shift = rng.normal(size=(FRAMES, 3)) * [0.04, 0.04, 0.0]
    return replace(prediction, body_rotation=prediction.body_rotation @ turn, pelvis_c=prediction.pelvis_c + shift)


def joints(prediction, body):
    rest = body.rest_joints(prediction.betas)
    local = np.tile(np.eye(3), (FRAMES, 24, 1, 1))
    local[:, 0], local[:, 1:22] = prediction.root_camera, prediction.body_rotation
    return forward_kinematics(local, rest, prediction.pelvis_c - rest[0])[0][:, :22]


def errors(prediction, scene, body):
    return np.linalg.norm(joints(prediction, body) - joints(scene[0], body), axis=-1)


def test_a_right_pose_stays(scene, body):
    """Keypoints that agree leave nothing to mend; the small rest is the skin that is posed without correctives."""
    assert errors(refined(*scene, body), scene, body).max() < 0.002


def test_a_wrong_pose_comes_nearer_to_the_truth(scene, body):
    """Not only to its keypoints: joints in space must gain, or depth pays for the picture."""
    wrong = bent(scene[0])
    before, after = errors(wrong, scene, body), errors(refined(wrong, scene[1], body), scene, body)
    assert after.mean() < 0.6 * before.mean()
    assert (after.mean(axis=1) < before.mean(axis=1)).mean() > 0.95


def test_what_nobody_saw_is_left_alone(scene, body):
    """A frame without keypoints keeps the network's word to the last digit, and the others do not feel it."""
    wrong, K = bent(scene[0]), scene[1].sighting.K[0].numpy()
    seen = np.ones((FRAMES, 21), dtype=bool)
    seen[10:20] = False
    pixels = scene[1].sighting.keypoints_px[0].numpy().copy()
    pixels[10:20] = 1e6
    mended = refined(wrong, sighted(pixels, K, seen), body)
    np.testing.assert_allclose(mended.body_rotation[10:20], wrong.body_rotation[10:20], atol=1e-12)
    np.testing.assert_allclose(mended.pelvis_c[10:20], wrong.pelvis_c[10:20], atol=1e-12)
    np.testing.assert_allclose(mended.pelvis_c[20:], refined(wrong, scene[1], body).pelvis_c[20:], atol=1e-9)


def test_a_keypoint_far_off_moves_little(scene, body):
    """A swapped or lost limb has heavy errors: beyond a hand's breadth it must lose its say."""
    K = scene[1].sighting.K[0].numpy()
    pixels = scene[1].sighting.keypoints_px[0].numpy().copy()
    pixels[:, 9] += 300.0  # the left wrist, about a metre off
    moved = errors(refined(scene[0], sighted(pixels, K), body), scene, body)
    assert np.median(moved[:, 20]) < 0.06 and moved[:, [1, 2, 4, 5, 7, 8]].max() < 0.01


def test_the_way_through_the_world_is_not_turned(scene, body):
    """Velocity is told in the pelvis' axes; when these turn, it must not."""
    wrong = bent(scene[0])
    mended = refined(wrong, scene[1], body)
    for name in ("root_camera", "root_view"):
        before, after = (np.einsum("tij,tj->ti", getattr(p, name), p.velocity) for p in (wrong, mended))
        np.testing.assert_allclose(after, before, atol=1e-9)
    np.testing.assert_allclose(
        mended.root_view @ np.swapaxes(mended.root_camera, 1, 2),
        wrong.root_view @ np.swapaxes(wrong.root_camera, 1, 2),
        atol=1e-9,
    )
