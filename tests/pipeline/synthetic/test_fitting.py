"""Fitting: what was put into clips comes out of them again."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from pipeline.body import load_body
from pipeline.kfbench import PIECES, perform
from pipeline.synthetic import DetectorModel, landmark_regressor, load_detector_model
from pipeline.synthetic.fit_faults import probit
from pipeline.synthetic.fitting import fit_tables
from pipeline.synthetic.moments import fit_memory
from pipeline.synthetic.processes import autocorrelation
from pipeline.synthetic.samples import Sample, exchanges, keypoint_residuals
from pipeline.synthetic.situation import COVARIATES
from pipeline.synthetic.tables import DetectorTables, document_of, read_tables

K = np.array([[734.0, 0.0, 320.0], [0.0, 734.0, 180.0], [0.0, 0.0, 1.0]])


def clips(detector: DetectorModel, count: int) -> list[Sample]:
    """Built-in pieces from all sides and distances, as the model says them."""
    body, rng, out = load_body(), np.random.default_rng(0), []
    motions = [perform(piece, body) for piece in PIECES.values()]
    places = [(body.motion_keypoints(m), body.points(m, landmark_regressor(body))) for m in motions]
    for number in range(count):
        keypoints_w, landmarks_w = places[number % len(places)]
        start = int(rng.integers(0, len(keypoints_w) - 120))
        facing = np.array([[0.0, 1.0, 0.0], [0.0, 0.0, -1.0], [-1.0, 0.0, 0.0]])
        R = facing @ Rotation.from_euler("z", rng.uniform(0.0, 2 * np.pi)).as_matrix()
        shift = np.array([0.0, 1.0, rng.uniform(3.8, 9.0)])
        points = [p[start : start + 120] @ R.T + shift for p in (keypoints_w, landmarks_w)]
        said = detector.detect(*points, focal_px=734.0, principal_px=K[:2, 2], image_size=(640, 360), fps=30.0, rng=rng)
        out.append(
            Sample(
                fps=30.0,
                K=K,
                image_size=(640, 360),
                keypoints_c=points[0],
                landmarks_c=points[1],
                hidden=np.zeros((120, 21), dtype=bool),
                seen=np.ones(120, dtype=bool),
                keypoints=said.keypoints,
                trust=said.trust,
                landmarks=said.landmarks,
            )
        )
    return out


@pytest.fixture(scope="module")
def known() -> DetectorTables:
    """Tables to be found again."""
    return load_detector_model().tables


@pytest.fixture(scope="module")
def found(known: DetectorTables) -> DetectorTables:
    """Tables fitted to clips that the known ones made."""
    return fit_tables(clips(DetectorModel(tables=known), 32))


def test_offsets_are_found_again(known: DetectorTables, found: DetectorTables) -> None:
    """To a two-hundredth of the stature: constant errors of single clips remain."""
    assert np.abs(found.offset - known.offset).max() < 0.012
    assert np.sqrt(np.mean((found.offset - known.offset) ** 2)) < 0.005


def test_bones_are_found_again(known: DetectorTables, found: DetectorTables) -> None:
    """Of long bones across the picture, and the size of the whole."""
    assert found.average_stature == pytest.approx(known.average_stature, rel=0.05)
    long = [11, 12, 13, 14, 25, 26, 27, 28]
    np.testing.assert_allclose(found.bone_gain[long, 0], known.bone_gain[long, 0], atol=0.12)


def test_typical_sizes_are_found_again(known: DetectorTables, found: DetectorTables) -> None:
    """The regression's prediction for an upright, resting person, seen from the front at 300 px."""
    rest = np.zeros(len(COVARIATES))
    rest[0] = 1.0
    gap = found.keypoints.log_scale @ rest - known.keypoints.log_scale @ rest
    assert abs(float(gap.mean())) < 0.35
    assert np.abs(found.keypoints.unrest - known.keypoints.unrest).mean() < 0.2


def test_confidence_is_found_again(known: DetectorTables, found: DetectorTables) -> None:
    """Whether a point that errs is less sure, and how much the rest wanders."""
    limbs = [7, 8, 9, 10, 13, 14, 15, 16]
    np.testing.assert_allclose(found.confidence.of_unrest[limbs], known.confidence.of_unrest[limbs], atol=0.45)
    np.testing.assert_allclose(found.confidence.spread[limbs], known.confidence.spread[limbs], rtol=0.35)


def test_exchanged_limbs_are_told() -> None:
    """Legs that are swapped by hand are found, and their frames leave the usual errors."""
    quiet = clips(load_detector_model().scaled(0.0), 1)[0]
    keypoints = quiet.keypoints.copy()
    keypoints[40:60, [11, 13, 15, 17, 18, 12, 14, 16, 19, 20]] = keypoints[
        40:60, [12, 14, 16, 19, 20, 11, 13, 15, 17, 18]
    ]
    told = exchanges(replace(quiet, keypoints=keypoints))
    apart = np.linalg.norm(keypoints[:, 15, :2] - keypoints[:, 16, :2], axis=1) > 20.0
    assert apart[40:60].any()
    assert told[40:60, 1][apart[40:60]].all()
    assert not told[:40].any()
    error = keypoint_residuals(replace(quiet, keypoints=keypoints)).error
    assert np.nanmax(np.abs(error)) < 0.12


def test_memory_is_found_again() -> None:
    """From its exact autocorrelation."""
    lags = np.array([1, 2, 3, 5, 8, 13, 20, 30])
    course = autocorrelation(lags, lasting_s=0.5, fps=30.0, smooth_s=0.1)[:, None]
    share, slow, fast, _ = fit_memory(lags, course * [0.9, 0.5], 30.0)
    np.testing.assert_allclose(share, [0.9, 0.5], atol=0.01)
    assert (slow, fast) == (pytest.approx(0.5, rel=0.05), pytest.approx(0.1, rel=0.1))


def test_a_probability_is_found_again() -> None:
    """Probit of two covariates."""
    rng = np.random.default_rng(0)
    x = np.zeros((20_000, len(COVARIATES)))
    x[:, 0], x[:, 5] = 1.0, rng.uniform(0.0, 2.0, 20_000)
    y = rng.standard_normal(20_000) < -1.5 + 0.6 * x[:, 5]
    weights = probit(x, y)
    assert weights[0] == pytest.approx(-1.5, abs=0.06)
    assert weights[5] == pytest.approx(0.6, abs=0.06)


def test_tables_survive_the_file(known: DetectorTables, tmp_path) -> None:
    """All numbers, to the digits that are written."""
    import json

    path = tmp_path / "tables.json"
    path.write_text(json.dumps(document_of(known, digits=9)))
    again = read_tables(path)
    np.testing.assert_allclose(again.keypoints.correlation, known.keypoints.correlation, rtol=1e-8)
    np.testing.assert_allclose(again.faults.swap, known.faults.swap, rtol=1e-8)
