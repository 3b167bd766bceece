"""Makes the evidence of each step from the truth to what an estimator is given, to tell their losses apart."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from jaxtyping import Float

from pipeline.bench_estimate.matching import boxes_of
from pipeline.bench_estimate.views import View
from pipeline.body import SkinnedBody
from pipeline.evidence import Evidence
from pipeline.synthetic import landmark_regressor

KEYPOINT = "keypoint"
"""Ending of the rows of estimators that were given what the model of the detector says: the keypoint level."""
PROJECTED = "projected"
"""Ending of the rows of estimators that were given the true keypoints."""
DETECTED = "detected"
"""Row of what the front end says."""
MODELLED = "modelled"
"""Row of what the model of the detector says."""


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
        still = np.array_equal(turn, np.broadcast_to(turn[0], turn.shape))
        evidences.append(
            replace(
                shot.modelled,
                boxes=boxes_of(px),
                kp2d=points[:, :17],
                foot_kp2d=points[:, 17:],
                landmarks_w=np.einsum("fij,fpj->fpi", turn, own),
                R_w2c=np.broadcast_to(np.eye(3), turn.shape) if still else turn @ turn[0].T,
                flags=np.zeros(len(px), dtype=np.uint16),
                kp_trust=np.ones(px.shape[:2]),
            )
        )
    return evidences
