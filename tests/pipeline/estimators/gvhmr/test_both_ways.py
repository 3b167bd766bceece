"""The mirror image of a clip is estimated as the mirror image of its motion."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest
import torch

from pipeline.body import load_body
from pipeline.camera import default_intrinsics
from pipeline.estimators.gvhmr.both_ways import mean_prediction, mirrored_prediction, mirrored_sighting
from pipeline.estimators.gvhmr.codec import Codec
from pipeline.estimators.gvhmr.detail import DETAIL_FEATURES
from pipeline.estimators.gvhmr.inputs import Sighting, keypoint_box, network_inputs
from pipeline.estimators.gvhmr.network import GvhmrNetwork, NetworkShape
from pipeline.estimators.gvhmr.prediction import prediction_of
from pipeline.estimators.gvhmr.rotations import matrix_from_rotvec
from pipeline.estimators.gvhmr.skeleton import Skeleton
from pipeline.estimators.gvhmr.weights_statistics import published_statistics

WIDTH = 1280.0


@pytest.fixture(scope="module")
def sighting() -> Sighting:
    rng = torch.Generator().manual_seed(0)
    frames = 40
    turn = torch.linspace(0, 0.4, frames)[None, :, None] * torch.tensor([0.1, 1.0, 0.05])
    return Sighting(
        keypoints_px=torch.tensor([700.0, 360.0]) + 90.0 * torch.randn(1, frames, 21, 2, generator=rng),
        seen=torch.rand(1, frames, 21, generator=rng) > 0.1,
        K=torch.from_numpy(default_intrinsics(1280, 720)).float()[None],
        R_w2c=matrix_from_rotvec(turn),
        landmarks=0.4 * torch.randn(1, frames, 33, 3, generator=rng),
        landmarks_seen=torch.ones(1, frames, dtype=torch.bool),
    )


@pytest.fixture(scope="module")
def ask():
    """A network with fresh weights, which treats left and right very differently."""
    torch.manual_seed(0)
    shape = NetworkShape(latent=32, layers=2, heads=2, embed=32, image_features=0, detail_features=DETAIL_FEATURES)
    network = GvhmrNetwork(shape, gate=0.5).eval()
    stats = published_statistics()
    parts = [
        torch.from_numpy(np.array(a, dtype=np.float32)) for a in (stats.mean, stats.std, stats.cam_mean, stats.cam_std)
    ]
    codec = Codec(mean=parts[0], std=parts[1], cam_mean=parts[2], cam_std=parts[3])
    skeleton = Skeleton.of(load_body())

    def ask(sighting: Sighting):
        box = keypoint_box(sighting.keypoints_px, sighting.seen)
        with torch.no_grad():
            outputs = network(network_inputs(sighting, box, with_detail=True))
        return prediction_of(outputs, codec, skeleton, box, sighting.K)

    return ask


def both_ways(ask, sighting):
    return mean_prediction(ask(sighting), mirrored_prediction(ask(mirrored_sighting(sighting, WIDTH))))


def test_mirroring_twice_changes_nothing(sighting, ask):
    """A swap that is not its own inverse would exchange the wrong joints."""
    twice = mirrored_sighting(mirrored_sighting(sighting, WIDTH), WIDTH)
    for field in fields(Sighting):
        torch.testing.assert_close(getattr(twice, field.name), getattr(sighting, field.name), atol=1e-3, rtol=1e-5)
    said = ask(sighting)
    for field in fields(said):
        again = getattr(mirrored_prediction(mirrored_prediction(said)), field.name)
        np.testing.assert_allclose(again, getattr(said, field.name), atol=1e-12)


def test_a_clip_and_its_mirror_image_are_estimated_alike(sighting, ask):
    """Whatever the network learned of left and right, a kick to the left costs no more than one to the right."""
    straight = both_ways(ask, sighting)
    mirrored = mirrored_prediction(both_ways(ask, mirrored_sighting(sighting, WIDTH)))
    for field in fields(straight):
        np.testing.assert_allclose(getattr(mirrored, field.name), getattr(straight, field.name), atol=2e-4)
    alone = ask(sighting)
    assert np.abs(alone.body_rotation - straight.body_rotation).max() > 0.01
