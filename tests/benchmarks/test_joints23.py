"""Wrists cut off or welded: hands are measured where they are, against what the human asked for."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.joints23 import arm_errors, compare, cut_off, targets_of, with_wrists
from pipeline.body import load_body
from pipeline.kfbench import PIECES, stage_piece
from retarget.retargeter import Retargeter
from robots.g1 import load_g1
from robots.g1.table import WRIST_JOINTS


@pytest.fixture(scope="module")
def full():
    return Retargeter(load_g1("29dof"))


@pytest.fixture(scope="module")
def human():
    """Three seconds of the dance, whose wrists turn."""
    return stage_piece(PIECES["dance"], load_body()).motion.part(0.0, 3.0).body_trajectory()


def test_errors_are_the_residuals_that_the_retargeter_states(full, human):
    """The targets are put together a second time here; they must be the very ones that were followed."""
    result = full.retarget(human)
    errors = arm_errors(result.motion, targets_of(human, full, result), full)
    for key, part in (("elbow", "elbow"), ("wrist", "hand")):
        bodies = [result.body_names.index(f"{side}_{key}") for side in ("left", "right")]
        stated_mm = 1e3 * result.pos_residual_m[:, bodies].T.ravel()
        np.testing.assert_allclose(errors[f"{key}_mm"], stated_mm, atol=1e-3)
        stated_deg = np.rad2deg(result.rot_residual_rad[:, bodies]).T.ravel()
        np.testing.assert_allclose(errors[f"{part}_deg"], stated_deg, atol=1e-3)


def test_cutting_off_wrists_straightens_them_and_touches_nothing_else(full, human):
    motion = full.retarget(human).motion
    cut = with_wrists(cut_off(motion))
    is_wrist = np.isin(motion.joint_names, WRIST_JOINTS)
    assert not cut.joint_pos[:, is_wrist].any() and motion.joint_pos[:, is_wrist].any()
    assert np.array_equal(cut.joint_pos[:, ~is_wrist], motion.joint_pos[:, ~is_wrist])


def test_solving_without_wrists_brings_palms_nearer_than_cutting_them_off(full, human):
    errors = compare(human, full, Retargeter(load_g1("23dof")))
    palm = {way: values["palm_mm"].mean() for way, values in errors.items()}
    assert palm["solved"] < 0.8 * palm["cut"]
    assert np.array_equal(errors["full"]["elbow_mm"], errors["cut"]["elbow_mm"])
