"""Crops, HMR2.0's feature and ViTPose's heat maps against the reference's."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from pipeline.estimators.crop import CROP_COLUMNS, cut_out, normalised
from pipeline.estimators.heat_maps import keypoints_of_maps
from pipeline.estimators.hmr2.network import Hmr2Network, Hmr2Shape
from pipeline.estimators.hmr2.weights import READOUT, hmr2_tensor_shapes
from pipeline.estimators.vision_transformer import BackboneShape
from pipeline.estimators.vitpose import VitPoseNetwork, VitPoseShape, heat_maps_both_ways

HALF_STORED = 1.1e-3
"""What storing crops in half precision leaves of them; one shade of grey is 0.017."""


def crops_of(golden) -> np.ndarray:
    pictures, boxes = golden["images"].numpy(), golden["bbx_xys"].numpy()
    return np.stack([cut_out(picture, box) for picture, box in zip(pictures, boxes, strict=True)])


@pytest.mark.golden("crop")
def test_a_person_is_cut_out_as_by_the_reference(golden) -> None:
    """Inside the picture, beyond its edges, and so large that it is smoothed first."""
    crops = crops_of(golden)
    assert np.array_equal(crops[0], golden["crop0_u8"].numpy())
    golden.assert_close(torch.from_numpy(normalised(crops)), "crops", atol=HALF_STORED)


@pytest.mark.golden("hmr2_small")
@torch.no_grad()
def test_the_feature_is_the_references(golden) -> None:
    """Backbone and decoder, with random weights loaded by their published names."""
    width, depth, heads, token, layers, decoder_heads, head_width, hidden = golden["hparams"].tolist()
    shape = Hmr2Shape(
        backbone=BackboneShape(width=width, depth=depth, heads=heads),
        token=token,
        layers=layers,
        heads=decoder_heads,
        head_width=head_width,
        hidden=hidden,
    )
    network = Hmr2Network(shape).eval()
    network.load_state_dict({name: golden[name] for name in golden.names if "." in name}, strict=True)
    crops = golden["x"].float()[..., CROP_COLUMNS]
    golden.assert_close(network.backbone(crops), "feat", atol=1e-5)
    golden.assert_close(network(crops), "token", atol=1e-5)


@pytest.mark.golden("hmr2_small")
def test_the_published_network_has_the_published_names_and_sizes(golden) -> None:
    """494 tensors, and nine more that read a body from the feature."""
    listed = golden.directory / "hmr2_state_dict_keys.json"
    if not listed.is_file():
        pytest.skip(f"{listed} is not there")
    published = {name: tuple(size) for name, size in json.loads(listed.read_text()).items()}
    ours = hmr2_tensor_shapes(Hmr2Shape())
    assert {name: published[name] for name in published if name not in READOUT} == ours
    assert set(published) - set(ours) == READOUT


@pytest.mark.golden("vitpose_decode")
def test_keypoints_lie_where_the_reference_puts_them(golden) -> None:
    """Peaks inside and at the edges, and a map that is nowhere positive."""
    boxes = np.concatenate([golden["center"].numpy(), golden["size"].numpy()], axis=1)
    found = torch.from_numpy(keypoints_of_maps(golden["heatmaps"].numpy(), boxes)).float()
    golden.assert_close(found[..., :2], "kp_xy", atol=1e-3)
    golden.assert_close(found[..., 2:], "conf", atol=0.0)


@pytest.mark.golden("vitpose_small")
@torch.no_grad()
def test_heat_maps_are_the_references_alone_and_with_the_mirror_image(golden) -> None:
    """Backbone and head, with random weights loaded by their published names."""
    weights = {name: golden[name] for name in golden.names if "." in name}
    width, hidden = weights["backbone.blocks.0.mlp.fc2.weight"].shape
    depth = len([name for name in weights if name.endswith(".attn.proj.bias")])
    channels = len(weights["keypoint_head.deconv_layers.1.bias"])
    backbone = BackboneShape(width=width, depth=depth, heads=4, mlp_ratio=hidden // width)
    network = VitPoseNetwork(VitPoseShape(backbone=backbone, channels=channels)).eval()
    network.load_state_dict(weights, strict=True)
    crops = golden["x"].float()[..., CROP_COLUMNS]
    golden.assert_close(network.backbone(crops), "feat", atol=1e-5)
    golden.assert_close(network(crops), "heatmap", atol=1e-5)
    golden.assert_close(torch.from_numpy(heat_maps_both_ways(network, crops)), "heatmap_avg", atol=1e-5)
