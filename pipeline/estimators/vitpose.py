"""ViTPose: from crops of a person to heat maps of COCO's 17 keypoints, and to the keypoints themselves.

Xu et al., "ViTPose: Simple Vision Transformer Baselines for Human Pose Estimation", NeurIPS 2022, in the shape that
GVHMR's authors run it in: the classic head of two deconvolutions, the mean with the mirrored crop. Names of parameters
are those of the published checkpoint.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from pipeline.estimators.crop import CROP_COLUMNS, normalised
from pipeline.estimators.heat_maps import keypoints_of_maps, unmirrored
from pipeline.estimators.vision_transformer import BackboneShape, VisionTransformer

N_KEYPOINTS = 17


@dataclass(frozen=True, slots=True, kw_only=True)
class VitPoseShape:
    """Sizes of the network; the defaults are ViTPose-H's."""

    backbone: BackboneShape = field(default_factory=BackboneShape)
    """Of the vision transformer."""
    channels: int = 256
    """Channels of the deconvolutions."""


class VitPoseNetwork(nn.Module):
    """The network."""

    def __init__(self, shape: VitPoseShape) -> None:
        """Make a network with fresh weights from torch's generator."""
        super().__init__()
        self.backbone = VisionTransformer(shape.backbone)
        self.keypoint_head = nn.ModuleDict(
            {
                "deconv_layers": nn.Sequential(
                    *_upsampled(shape.backbone.width, shape.channels), *_upsampled(shape.channels, shape.channels)
                ),
                "final_layer": nn.Conv2d(shape.channels, N_KEYPOINTS, kernel_size=1),
            }
        )

    def forward(self, crops: Float[Tensor, "batch 3 256 192"]) -> Float[Tensor, "batch 17 64 48"]:
        """Return heat maps of normalised crops."""
        head = self.keypoint_head
        return head["final_layer"](head["deconv_layers"](self.backbone(crops)))


@torch.inference_mode()
def heat_maps_both_ways(
    network: VitPoseNetwork, crops: Float[Tensor, "batch 3 256 192"]
) -> Float[np.ndarray, "batch 17 64 48"]:
    """Return the mean of the heat maps of normalised crops and of their mirror images."""
    here, there = (network(shown).float().cpu().numpy() for shown in (crops, crops.flip(-1)))
    return (here + unmirrored(there)) / 2


def keypoints_of_crops(
    network: VitPoseNetwork, crops: UInt8[np.ndarray, "batch 256 256 3"], boxes: Float[np.ndarray, "batch 3"]
) -> Float[np.ndarray, "batch 17 3"]:
    """Return COCO's keypoints of people: x, y [px of the picture] and confidence.

    Args:
        network: In evaluation mode, where it is to run, in the precision that it is to compute in.
        crops: Cut by :func:`pipeline.estimators.crop.cut_out`.
        boxes: Square boxes that they were cut by: centre, side [px].
    """
    like: Tensor = network.backbone.pos_embed
    given = torch.from_numpy(normalised(crops)[..., CROP_COLUMNS]).to(device=like.device, dtype=like.dtype)
    return keypoints_of_maps(heat_maps_both_ways(network, given), boxes)


def _upsampled(width: int, channels: int) -> tuple[nn.Module, nn.Module, nn.Module]:
    """Twice the size, normalised, without what is negative."""
    deconvolution = nn.ConvTranspose2d(width, channels, kernel_size=4, stride=2, padding=1, bias=False)
    return deconvolution, nn.BatchNorm2d(channels), nn.ReLU()
