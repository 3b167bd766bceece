"""ViTPose's keypoints: each crop's are its own, and the mirror image of a crop has mirrored maps."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from pipeline.estimators.crop import CROP_COLUMNS, normalised  # noqa: E402
from pipeline.estimators.heat_maps import unmirrored  # noqa: E402
from pipeline.estimators.vision_transformer import BackboneShape  # noqa: E402
from pipeline.estimators.vitpose import VitPoseNetwork, VitPoseShape, heat_maps_both_ways, keypoints_of_crops  # noqa: E402


def network() -> VitPoseNetwork:
    """A small one whose maps differ by tens from place to place, all above zero."""
    torch.manual_seed(4)
    made = VitPoseNetwork(VitPoseShape(backbone=BackboneShape(width=32, depth=1, heads=2), channels=16)).eval()
    torch.nn.init.normal_(made.keypoint_head["final_layer"].weight, std=3.0)
    torch.nn.init.constant_(made.keypoint_head["final_layer"].bias, 5.0)
    return made


def crops(n: int) -> np.ndarray:
    coarse = np.random.default_rng(6).integers(0, 256, (n, 16, 16, 3), dtype=np.uint8)
    return coarse.repeat(16, axis=1).repeat(16, axis=2)


BOXES = np.array([[100.0, 80.0, 60.0], [0.0, 0.0, 256.0], [300.0, 20.0, 150.0]])


def test_a_batch_says_what_each_says_alone():
    net, shown = network(), crops(3)
    whole = keypoints_of_crops(net, shown, BOXES)
    alone = np.concatenate([keypoints_of_crops(net, shown[i : i + 1], BOXES[i : i + 1]) for i in range(3)])
    assert whole.shape == (3, 17, 3) and (whole[..., 2] > 0).all()
    assert np.median(np.abs(whole - alone)) < 1e-2  # rounding moves the tops of flat hills, as an untrained network has
    pictures = torch.from_numpy(normalised(shown)[..., CROP_COLUMNS])
    each = np.concatenate([heat_maps_both_ways(net, picture[None]) for picture in pictures])
    np.testing.assert_allclose(heat_maps_both_ways(net, pictures), each, atol=1e-5)


def test_a_mirrored_crop_has_mirrored_heat_maps():
    """As the mean with the mirror image is taken, exactly so."""
    net = network()
    shown = torch.from_numpy(normalised(crops(3))[..., CROP_COLUMNS])
    here, there = heat_maps_both_ways(net, shown), heat_maps_both_ways(net, shown.flip(-1))
    np.testing.assert_allclose(there, unmirrored(here), atol=1e-5)
    assert np.abs(there - here).max() > 0.1
