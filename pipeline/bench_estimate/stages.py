"""Makes the evidence of each step from the truth to what an estimator is given, to tell their losses apart."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from jaxtyping import Float

from pipeline.bench_estimate.matching import Match, boxes_of
from pipeline.bench_estimate.views import View
from pipeline.body import SkinnedBody
from pipeline.evidence import Evidence
from pipeline.synthetic import landmark_regressor

KEYPOINT = "keypoint"
"""Ending of the rows of estimators that were given what the model of the detector says: the keypoint level."""
PROJECTED = "projected"
"""Ending of the rows of estimators that were given the true keypoints."""
CAMERA_TOLD = "camera_told"
"""Ending of the rows of estimators that were given what the front end says, and the camera's true rotation."""
LANDMARKS_TOLD = "landmarks_told"
"""Ending of the rows of estimators that were given what the front end says, and the true 3D landmarks."""
DETECTED = "detected"
"""Row of what the front end says."""
MODELLED = "modelled"
"""Row of what the model of the detector says."""


def with_true_camera(view: View, found: Match) -> Match:
    """Take the error of the camera's measured rotation out of what the front end says."""
    turns = view.cameras.R_w2c
    pieces = []
    for piece in found.pieces:
        turn = turns[np.clip(piece.frames, 0, len(turns) - 1)]
        pieces.append(replace(piece, evidence=replace(piece.evidence, R_w2c=_from_first(turn))))
    return replace(found, pieces=tuple(pieces))


def with_true_landmarks(view: View, found: Match, true: Match) -> Match:
    """Take the error of the 3D landmarks out of what the front end says.

    Args:
        view: What was filmed.
        found: What the front end said.
        true: Evidence without an error, of all shots in order.
    """
    landmarks = np.concatenate([piece.evidence.landmarks_w for piece in true.pieces])
    pieces = []
    for piece in found.pieces:
        own = landmarks[np.clip(piece.frames, 0, len(landmarks) - 1)]
        pieces.append(replace(piece, evidence=replace(piece.evidence, landmarks_w=own)))
    return replace(found, pieces=tuple(pieces))


def _from_first(turn: Float[np.ndarray, "frames 3 3"]) -> Float[np.ndarray, "frames 3 3"]:
    """Make the first frame's camera axes the world; a camera that never turned is the identity to the last bit."""
    still = np.array_equal(turn, np.broadcast_to(turn[0], turn.shape))
    return np.broadcast_to(np.eye(3), turn.shape) if still else turn @ turn[0].T


def projected_evidence(view: View, body: SkinnedBody, points_px: Float[np.ndarray, "frames 21 2"]) -> list[Evidence]:
    """Evidence without an error: true keypoints, true landmarks, true rotation of the camera; one for each shot."""
    landmarks_w = body.points(view.clip.motion, landmark_regressor(body))
    evidences = []
    for shot in view.shots:
        frames = slice(shot.first, shot.end)
        px, turn = points_px[frames], shot.camera.R_w2c
        inside = np.all((px >= 0) & (px < shot.modelled.image_size), axis=-1, keepdims=True)
        points = np.concatenate([px, inside.astype(float)], axis=2)
        own = landmarks_w[frames]
        own = own - own[:, 23:25].mean(axis=1, keepdims=True)  # from the middle of the hips
        evidences.append(
            replace(
                shot.modelled,
                boxes=boxes_of(px),
                kp2d=points[:, :17],
                foot_kp2d=points[:, 17:],
                landmarks_w=np.einsum("fij,fpj->fpi", turn, own),
                R_w2c=_from_first(turn),
                flags=np.zeros(len(px), dtype=np.uint16),
                kp_trust=np.ones(px.shape[:2]),
            )
        )
    return evidences
