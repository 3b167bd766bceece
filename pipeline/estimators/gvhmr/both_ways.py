"""Asks the network of the picture and of its mirror image, and takes the mean of what it says: left errs as right does.

The published flip test (:mod:`pipeline.estimators.gvhmr.mirrored`) averages pose and shape alone; here all that is said
is averaged, so that a motion and its mirror image are estimated alike.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Float

from pipeline.estimators.gvhmr.flip import flip_boxes, flip_pose, flip_rotations, mean_rotation
from pipeline.estimators.gvhmr.inputs import Sighting
from pipeline.estimators.gvhmr.prediction import Prediction
from pipeline.estimators.gvhmr.sighting import Sighted
from pipeline.evidence import KEYPOINT_NAMES, LANDMARK_NAMES


def _swapped(names: Sequence[str]) -> list[int]:
    """Where the name with left and right exchanged stands, for each name."""
    exchanged = {"left": "right", "right": "left"}
    return [names.index(re.sub("left|right", lambda side: exchanged[side[0]], name)) for name in names]


_SWAPPED_POINTS = _swapped(KEYPOINT_NAMES)
_SWAPPED_LANDMARKS = _swapped(LANDMARK_NAMES)
_SWAPPED_STATIC = [2, 3, 0, 1, 5, 4]
_MIRROR = np.array([-1.0, 1.0, 1.0])


def mirrored_sighting(sighting: Sighting, width: float) -> Sighting:
    """Return what would have been seen in the mirrored picture.

    Args:
        sighting: What was seen.
        width: Of the picture [px].
    """
    pixels, K = sighting.keypoints_px[:, :, _SWAPPED_POINTS], sighting.K.clone()
    K[:, 0, 2] = width - K[:, 0, 2]
    landmarks = sighting.landmarks[:, :, _SWAPPED_LANDMARKS]
    return replace(
        sighting,
        keypoints_px=torch.cat([width - pixels[..., :1], pixels[..., 1:]], dim=-1),
        seen=sighting.seen[:, :, _SWAPPED_POINTS],
        K=K,
        R_w2c=flip_rotations(sighting.R_w2c),
        landmarks=landmarks * landmarks.new_tensor(_MIRROR),
    )


def mirrored_sighted(sighted: Sighted, width: float) -> Sighted:
    """Return the same for what was sighted, boxes included; see :func:`mirrored_sighting`."""
    return replace(
        sighted,
        sighting=mirrored_sighting(sighted.sighting, width),
        bbx_xys=flip_boxes(sighted.bbx_xys, width),
        keypoint_seen=sighted.keypoint_seen[:, _SWAPPED_POINTS],
    )


def mirrored_prediction(prediction: Prediction) -> Prediction:
    """Return the mirror image of what was said, across the camera's plane x = 0."""
    pose = np.concatenate([prediction.root_camera[:, None], prediction.body_rotation], axis=1)
    pose = flip_pose(torch.from_numpy(pose)).numpy()
    return Prediction(
        body_rotation=pose[:, 1:],
        betas=prediction.betas,
        root_camera=pose[:, 0],
        root_view=flip_rotations(torch.from_numpy(prediction.root_view)).numpy(),
        velocity=prediction.velocity * _MIRROR,
        pelvis_c=prediction.pelvis_c * _MIRROR,
        static_logits=prediction.static_logits[:, _SWAPPED_STATIC],
    )


def mean_prediction(a: Prediction, b: Prediction) -> Prediction:
    """Return what lies halfway between two predictions of the same clip."""
    return Prediction(
        body_rotation=_halfway(a.body_rotation, b.body_rotation),
        betas=(a.betas + b.betas) / 2,
        root_camera=_halfway(a.root_camera, b.root_camera),
        root_view=_halfway(a.root_view, b.root_view),
        velocity=(a.velocity + b.velocity) / 2,
        pelvis_c=(a.pelvis_c + b.pelvis_c) / 2,
        static_logits=(a.static_logits + b.static_logits) / 2,
    )


def _halfway(a: Float[np.ndarray, "*batch 3 3"], b: Float[np.ndarray, "*batch 3 3"]) -> Float[np.ndarray, "*batch 3 3"]:
    return mean_rotation(torch.from_numpy(a), torch.from_numpy(b)).numpy()
