"""The network against the reference's, with random weights: forward pass, masks, rotary positions, rotations."""

from __future__ import annotations

import re

import pytest
import torch
from torch.nn.functional import normalize

from pipeline.estimators.gvhmr import quaternions
from pipeline.estimators.gvhmr.attention import rotary_table, rotate, window_allowed
from pipeline.estimators.gvhmr.network import NetworkInputs
from pipeline.estimators.gvhmr.rotations import (
    matrix_from_6d,
    matrix_from_quat_wxyz,
    matrix_from_rotvec,
    quat_wxyz_from_matrix,
    rotvec_from_matrix,
    sixd_from_matrix,
)

NETWORK = 1e-4
EXACT = 1e-5


def inputs(golden, case: str, *, images: bool) -> NetworkInputs:
    return NetworkInputs(
        obs=golden[f"{case}.obs"],
        cliffcam=golden[f"{case}.f_cliffcam"],
        cam_angvel=golden[f"{case}.f_cam_angvel"],
        imgseq=golden[f"{case}.f_imgseq"] if images else None,
        length=golden.lengths(f"{case}.length"),
    )


@pytest.mark.golden("gvhmr_small", case=r"(\w+)\.obs")
@torch.no_grad()
def test_the_network_says_what_the_reference_says(golden, case) -> None:
    """Padded and full clips, shorter and longer than the window."""
    out = golden.network()(inputs(golden, case, images=True))
    golden.assert_close(out.context, f"{case}.pred_context", atol=NETWORK)
    golden.assert_close(out.pred_x, f"{case}.pred_x", atol=NETWORK)
    golden.assert_close(golden.codec().camera(out.pred_cam), f"{case}.pred_cam", atol=NETWORK)
    golden.assert_close(out.static_logits, f"{case}.static_conf_logits", atol=NETWORK)


@pytest.mark.golden("gvhmr_small", case=r"(\w+)_noimg\.pred_x")
@torch.no_grad()
def test_without_images_the_network_says_what_the_reference_says(golden, case) -> None:
    """The image embedder is left out then, not fed with zeros."""
    out = golden.network()(inputs(golden, case, images=False))
    golden.assert_close(out.pred_x, f"{case}_noimg.pred_x", atol=NETWORK)


@pytest.mark.golden("gvhmr_small", case=r"mask_blocked_(\d+)")
def test_the_window_blocks_what_the_reference_blocks(golden, case) -> None:
    """Key by key: an error of one frame at the ends of a clip would hardly show in the outputs."""
    window = golden.network().shape.window
    assert torch.equal(~window_allowed(int(case), window), golden[f"mask_blocked_{case}"])


@pytest.mark.golden("rope")
def test_positions_turn_features_as_in_the_reference(golden) -> None:
    """Interleaved pairs, from frame zero on."""
    x = golden["x"]
    table = rotary_table(x.shape[-2], x.shape[-1])
    golden.assert_close(rotate(x, table), "y", atol=EXACT)
    for ours, told in zip(table, (golden["angles"].cos(), golden["angles"].sin()), strict=True):
        torch.testing.assert_close(ours.repeat_interleave(2, dim=-1), told, atol=EXACT, rtol=0)


@pytest.mark.golden("rotations")
def test_rotations_turn_into_one_another_as_in_the_reference(golden) -> None:
    """6-D is rows; asymmetric rotations of all sizes, up to half a turn, would show columns."""
    golden.assert_rotations(matrix_from_rotvec(golden["aa"]), golden["aa_to_R"])
    golden.assert_close(sixd_from_matrix(golden["aa_to_R"]), "R_to_6d", atol=EXACT)
    golden.assert_close(quat_wxyz_from_matrix(golden["aa_to_R"]), "R_to_quat", atol=EXACT)
    golden.assert_rotations(matrix_from_rotvec(rotvec_from_matrix(golden["aa_to_R"])), "aa_to_R_to_aa")
    golden.assert_rotations(matrix_from_6d(golden["d6"]), golden["d6_to_R"])
    golden.assert_rotations(matrix_from_rotvec(rotvec_from_matrix(golden["d6_to_R"])), "d6_to_R_to_aa")
    golden.assert_rotations(matrix_from_quat_wxyz(golden["q"]), golden["q_to_R"])


@pytest.mark.golden("rotations")
def test_quaternions_are_those_of_the_reference(golden) -> None:
    """Products, powers without the shorter way round, opposite directions, matrices that are not orthogonal."""
    q, q1 = golden["q"], golden["q1"]
    golden.assert_close(quaternions.multiply(q, q1), "qmul", atol=EXACT)
    golden.assert_close(quaternions.conjugate(q1), "qinv", atol=EXACT)
    golden.assert_close(quaternions.rotate_vector(q1, golden["v0"]), "qrot", atol=EXACT)
    golden.assert_close(quaternions.between(golden["v0"], golden["v1"]), "qbetween", atol=EXACT)
    golden.assert_close(quat_wxyz_from_matrix(golden["mat"]), "mat_to_quat", atol=EXACT)
    golden.assert_close(normalize(golden["mat"], dim=-2, eps=1e-9), "normalized_matrix", atol=EXACT)
    for key in golden.names:
        if match := re.fullmatch(r"qslerp_(\d)(\d+)", key):
            golden.assert_close(quaternions.slerp(q, q1, float(f"{match[1]}.{match[2]}")), key, atol=EXACT)
