"""Turns the network's outputs into what they say of one clip, as arrays of ordinary numbers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float

from pipeline.estimators.gvhmr.camera import translation_of_weak_camera
from pipeline.estimators.gvhmr.codec import Codec
from pipeline.estimators.gvhmr.network import NetworkOutputs
from pipeline.estimators.gvhmr.skeleton import Skeleton


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Prediction:
    """What the network says of a clip at 30 frames a second."""

    body_rotation: Float[np.ndarray, "frames 21 3 3"]
    """Rotation of each joint but the root relative to its parent."""
    betas: Float[np.ndarray, " 10"]
    """Shape."""
    root_camera: Float[np.ndarray, "frames 3 3"]
    """Pelvis in camera axes."""
    root_view: Float[np.ndarray, "frames 3 3"]
    """Pelvis in the gravity view's axes: y down, z the horizontal part of the view."""
    velocity: Float[np.ndarray, "frames 3"]
    """Way of the pelvis to the next frame, in its own axes [m]."""
    pelvis_c: Float[np.ndarray, "frames 3"]
    """Place of the pelvis in camera axes [m]."""
    static_logits: Float[np.ndarray, "frames 6"]
    """Log odds that ankle and foot of the left, of the right leg, left and right wrist stand still."""

    def __len__(self) -> int:
        """Return the number of frames."""
        return len(self.velocity)


def prediction_of(
    outputs: NetworkOutputs, codec: Codec, skeleton: Skeleton, bbx_xys: torch.Tensor, K: torch.Tensor
) -> Prediction:
    """Read the outputs for a batch of one clip.

    Args:
        outputs: Of the network.
        codec: Meaning of its numbers.
        skeleton: The body that its betas shape.
        bbx_xys: Boxes (1, frames, 3) that it was given [px].
        K: Intrinsics (1, 3, 3) that it was given [px].
    """
    said = codec.decode(outputs.pred_x[0].float())
    cam = codec.camera(outputs.pred_cam[0].float())
    pelvis = translation_of_weak_camera(cam, bbx_xys[0], K) + skeleton.rest_joints(said.betas[0])[0]
    parts = {
        "body_rotation": said.body_rotation,
        "betas": said.betas[0],
        "root_camera": said.root_camera,
        "root_view": said.root_view,
        "velocity": said.velocity,
        "pelvis_c": pelvis,
        "static_logits": outputs.static_logits[0],
    }
    return Prediction(**{name: part.detach().double().numpy() for name, part in parts.items()})
