"""The weights that come with the program are what their card says, and learned nothing of what they are judged on."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

import pipeline.estimators.gvhmr
from pipeline.body import load_body
from pipeline.estimators.gvhmr.config import GvhmrConfig
from pipeline.estimators.gvhmr.gvhmr_estimator import GvhmrEstimator
from pipeline.estimators.gvhmr.weights import load_weights
from pipeline.kfbench import PIECES, metrics, stage_piece
from pipeline.synthetic import load_detector_model, observe
from retarget.smpl_skeleton import local_rotations

DATA = Path(pipeline.estimators.gvhmr.__file__).parent / "data"


@pytest.fixture(scope="module")
def card() -> str:
    return (DATA / "MODEL_CARD.md").read_text()


@pytest.fixture(scope="module")
def weights():
    return load_weights()


def test_the_card_and_the_file_agree(card, weights):
    """Who reads the card must be able to trust it: licence, people, takes, sizes."""
    held_out = re.search(r"\| held out \| ([0-9_ ]+);", card)[1].split()
    assert len(held_out) == 11 and not set(held_out) & set(weights.trained_on)
    assert not any(name.startswith(("131", "008")) for name in weights.trained_on)
    assert f"{len(weights.trained_on)} takes" in card
    assert weights.licence.startswith("Apache-2.0") and "Apache-2.0" in card
    assert weights.body == "open"
    steps = re.search(r"--steps (\d+)", weights.source)[1]
    assert f"--steps {steps}" in card
    assert (DATA / "wushu.safetensors").stat().st_size < 30e6


@pytest.mark.parametrize("name", ["kungfu_form", "dance"])
def test_a_piece_that_it_never_saw_is_recovered(name, weights):
    """Through a detector's noise, before its own camera: far better than a person standing there would score."""
    body = load_body()
    truth = stage_piece(PIECES[name], body)
    rng = np.random.default_rng(0)
    seen = observe(truth.motion, body, truth.camera, truth.image_size, load_detector_model(), rng)
    motion = GvhmrEstimator(GvhmrConfig(), weights=weights).estimate(seen, body)
    estimate, true = motion.joints()[0], truth.motion.joints()[0]
    assert metrics.pa_mpjpe_mm(estimate, true) < 75
    assert metrics.wa_mpjpe_mm(estimate, true) < 150
    up = [local_rotations(m.global_orient, m.body_pose)[:, 0, 2] for m in (motion, truth.motion)]
    tilt = np.degrees(np.arccos(np.clip((up[0] * up[1]).sum(axis=-1), -1, 1)))
    assert tilt.mean() < 12
