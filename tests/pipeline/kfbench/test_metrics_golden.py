"""The measures agree with the numbers that the reference program printed for made-up joints."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from pipeline.kfbench import metrics

_TESTS = Path(__file__).parents[2]
_PLACES = [Path(os.environ["WUSHU_GOLDEN"])] if "WUSHU_GOLDEN" in os.environ else []
_PLACES += [_TESTS / "golden", _TESTS.parent.parent / "shared" / "golden"]
_FPS = 30.0


@pytest.fixture(scope="module")
def golden() -> dict[str, np.ndarray]:
    for place in _PLACES:
        path = place / "metrics.npz"
        if path.is_file():
            with np.load(path, allow_pickle=False) as npz:
                return {name: np.asarray(npz[name], dtype=np.float64) for name in npz.files}
    pytest.skip(f"no metrics.npz in {', '.join(map(str, _PLACES))}")


def _kept(golden: dict[str, np.ndarray], case: str, name: str) -> np.ndarray:
    """Frames without a mask are taken out before anything is differenced, as the reference does."""
    values = golden[name]
    return values[golden["mask"].astype(bool)] if case == "masked" else values


def _cases(golden: dict[str, np.ndarray], kind: str) -> list[str]:
    cases = sorted({key.split(".")[1] for key in golden if key.startswith(f"{kind}.")})
    assert cases, f"the file holds no case of {kind}"
    return cases


def _agree(found: np.ndarray, wanted: np.ndarray, what: str) -> None:
    """To 1e-3 relative; single precision leaves about 1e-4 of the largest value where a difference is nearly zero."""
    assert found.shape == wanted.shape, what
    np.testing.assert_allclose(found, wanted, rtol=1e-3, atol=1e-4 * float(np.abs(wanted).max()), err_msg=what)


def test_world_measures(golden):
    measures = {
        "wa2_mpjpe": metrics.w_mpjpe_frames,
        "waa_mpjpe": metrics.wa_mpjpe_frames,
        "rte": lambda e, t: 100.0 * metrics.root_error_frames(e, t) / metrics.path_length(t),
        "jitter": lambda e, t: metrics.jitter_frames(e, _FPS),
    }
    for case in _cases(golden, "global"):
        estimate, truth = (_kept(golden, case, f"{who}_j3d") for who in ("pred", "target"))
        for name, measure in measures.items():
            _agree(measure(estimate, truth), golden[f"global.{case}.{name}"], f"{case} {name}")


def test_foot_sliding(golden):
    for case in _cases(golden, "global"):
        estimate, truth = (_kept(golden, case, f"{who}_foot") for who in ("pred", "target"))
        found, wanted = metrics.foot_slides(estimate, truth), golden[f"global.{case}.fs"]
        _agree(np.sort(found), np.sort(wanted), f"{case} fs")


def test_camera_measures(golden):
    for case in _cases(golden, "cam"):
        hips = (2, 3) if case == "pelvis23" else metrics.HIPS
        estimate, truth = _kept(golden, case, "cam_pred_j3d"), _kept(golden, case, "target_j3d")
        verts = [
            _kept(golden, case, f"cam_{who}_verts") - joints[:, list(hips)].mean(axis=1, keepdims=True)
            for who, joints in (("pred", estimate), ("target", truth))
        ]
        found = {
            "pa_mpjpe": metrics.pa_mpjpe_frames(estimate, truth),
            "mpjpe": metrics.mpjpe_frames(estimate, truth, hips=hips),
            "accel": metrics.accel_frames(estimate, truth, _FPS, hips=hips),
            "pve": 1000.0 * np.linalg.norm(verts[0] - verts[1], axis=-1).mean(axis=-1),
        }
        for name, values in found.items():
            _agree(values, golden[f"cam.{case}.{name}"], f"{case} {name}")


def test_alignment(golden):
    """Scale, rotation and shift themselves (of the first frame), and the joints that they bring over the truth."""
    n = len(golden["global_align"])
    estimate, truth = golden["pred_j3d"][:n], golden["target_j3d"][:n]
    whole = metrics.similarity(estimate.reshape(-1, 3), truth.reshape(-1, 3))
    first = metrics.similarity(estimate[:2].reshape(-1, 3), truth[:2].reshape(-1, 3))
    for transform, name in ((whole, "global_align"), (first, "first_align")):
        moved = metrics.apply_similarity(transform, estimate.reshape(-1, 3)).reshape(estimate.shape)
        _agree(moved, golden[name], name)
    scale, rotation, shift = metrics.similarity(estimate[0], truth[0])
    _agree(np.asarray(scale).reshape(-1), golden["align_s"].reshape(-1), "scale")
    _agree(rotation, golden["align_R"].reshape(3, 3), "rotation")
    _agree(shift, golden["align_t"].reshape(3), "shift")
