"""The detector model: exact without noise, reproducible, and as noisy as its tables say."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pipeline.body import SkinnedBody, load_body
from pipeline.evidence import LANDMARK_NAMES
from pipeline.synthetic import (
    KEYPOINT_LANDMARKS,
    DetectorModel,
    InvalidDetectorTables,
    landmark_regressor,
    load_detector_model,
)
from pipeline.synthetic.detector import with_bones
from pipeline.synthetic.situation import COVARIATES
from robots.exceptions import InvalidArray

SIZE = (640, 360)
FPS = 30.0
LENS = {"focal_px": 700.0, "principal_px": np.array([320.0, 180.0]), "image_size": SIZE, "fps": FPS}


@pytest.fixture(scope="module")
def body() -> SkinnedBody:
    """The open body."""
    return load_body()


@pytest.fixture(scope="module")
def detector() -> DetectorModel:
    """BlazePose as measured."""
    return load_detector_model()


def standing(body: SkinnedBody, n_frames: int, depth: float = 5.0) -> tuple[np.ndarray, np.ndarray]:
    """A person who stands still and faces the camera, as keypoints and landmarks in camera axes [m]."""
    turn = np.diag([-1.0, -1.0, 1.0])[[0, 1, 2]] @ np.diag([-1.0, 1.0, -1.0])  # y up -> y down, face to the camera
    verts = body.template_verts @ turn.T + [0.0, 0.0, depth]
    points = body.keypoint_regressor @ verts, landmark_regressor(body) @ verts
    return tuple(np.repeat(p[None], n_frames, axis=0) for p in points)  # type: ignore[return-value]


def test_without_noise_keypoints_are_the_exact_projection(body: SkinnedBody, detector: DetectorModel) -> None:
    """Everything that the detector adds is an error, and errors are multiplied by the noise."""
    keypoints_c, _ = standing(body, 7)
    found, _ = detector.scaled(0.0).keypoints(keypoints_c, **LENS, rng=np.random.default_rng(0))
    exact = 700.0 * keypoints_c[..., :2] / keypoints_c[..., 2:] + [320.0, 180.0]
    np.testing.assert_allclose(found[..., :2], exact, atol=1e-9)


def test_without_noise_landmarks_are_the_body_at_the_average_size(body: SkinnedBody, detector: DetectorModel) -> None:
    """Only the size is not the person's own: a detector knows no stature."""
    _, landmarks_c = standing(body, 3)
    found = detector.scaled(0.0).landmarks(landmarks_c, fps=FPS, rng=np.random.default_rng(0))
    true = with_bones(landmarks_c, np.ones((33, 2)))
    ratio = found[np.abs(true) > 0.05] / true[np.abs(true) > 0.05]
    np.testing.assert_allclose(ratio, ratio.flat[0], rtol=1e-9)


def test_the_same_seed_says_the_same(body: SkinnedBody, detector: DetectorModel) -> None:
    """Chance comes from the generator alone."""
    keypoints_c, landmarks_c = standing(body, 20)
    first, again, other = (
        detector.detect(keypoints_c, landmarks_c, **LENS, rng=np.random.default_rng(seed)) for seed in (3, 3, 4)
    )
    np.testing.assert_array_equal(first.keypoints, again.keypoints)
    np.testing.assert_array_equal(first.landmarks, again.landmarks)
    assert np.abs(first.keypoints - other.keypoints).max() > 0.1


def test_a_batch_is_its_clips_one_by_one(body: SkinnedBody, detector: DetectorModel) -> None:
    """With what goes wrong given, no clip knows of its neighbours."""
    many = [standing(body, 15, depth) for depth in (3.0, 5.0, 9.0)]
    keypoints_c, landmarks_c = (np.stack(part) for part in zip(*many, strict=True))
    rng = np.random.default_rng(0)
    what = detector.disturbance((3,), 15, fps=FPS, rng=rng)
    kp, trust = detector.keypoints(keypoints_c, **LENS, rng=rng, disturbance=what)
    lm = detector.landmarks(landmarks_c, focal_px=700.0, fps=FPS, rng=rng, disturbance=what)
    for k in range(3):
        kp_k, trust_k = detector.keypoints(keypoints_c[k], **LENS, rng=rng, disturbance=what[k])
        lm_k = detector.landmarks(landmarks_c[k], focal_px=700.0, fps=FPS, rng=rng, disturbance=what[k])
        np.testing.assert_allclose(kp[k], kp_k, atol=1e-9)
        np.testing.assert_allclose(trust[k], trust_k, atol=1e-12)
        np.testing.assert_allclose(lm[k], lm_k, atol=1e-12)


def test_errors_have_the_size_that_the_tables_give_them(body: SkinnedBody, detector: DetectorModel) -> None:
    """The root mean square over many clips is that of the constant and the wandering part together."""
    quiet = _without_faults(detector)
    keypoints_c, _ = standing(body, 60)
    many = np.repeat(keypoints_c[None], 60, axis=0)
    found, _ = quiet.keypoints(many, **LENS, rng=np.random.default_rng(0))
    exact, _ = quiet.scaled(0.0).keypoints(keypoints_c, **LENS, rng=np.random.default_rng(0))
    table = quiet.tables.keypoints
    from pipeline.synthetic.point_sets import KEYPOINTS
    from pipeline.synthetic.situation import situation

    view = situation(keypoints_c, KEYPOINTS, focal_px=700.0, fps=FPS)
    wandering = np.exp(2 * (view.covariates[0] * table.log_scale).sum(-1) + 2 * table.unrest**2)
    expected = np.sqrt(table.bias**2 + table.axis_scale**2 * wandering[:, None])
    error = (found - exact)[..., :2] / view.height_px[0]
    np.testing.assert_allclose(np.sqrt((error**2).mean(axis=(0, 1))), expected, rtol=0.35)
    np.testing.assert_allclose(np.sqrt((error**2).mean()), np.sqrt((expected**2).mean()), rtol=0.1)


def test_half_of_the_errors_lie_below_the_median_that_the_tables_give(
    body: SkinnedBody, detector: DetectorModel
) -> None:
    """Quantiles of the size follow the log-normal times chi distribution, not only its second moment."""
    quiet = _without_faults(detector, bias=0.0)
    keypoints_c, _ = standing(body, 60)
    found, _ = quiet.keypoints(np.repeat(keypoints_c[None], 80, axis=0), **LENS, rng=np.random.default_rng(1))
    exact, _ = quiet.scaled(0.0).keypoints(keypoints_c, **LENS, rng=np.random.default_rng(0))
    from pipeline.synthetic.point_sets import KEYPOINTS
    from pipeline.synthetic.situation import situation

    view, table = situation(keypoints_c, KEYPOINTS, focal_px=700.0, fps=FPS), quiet.tables.keypoints
    size = np.exp((view.covariates[0] * table.log_scale).sum(-1))
    error = np.linalg.norm((found - exact)[..., :2] / view.height_px[0] / table.axis_scale, axis=-1) / size
    rng = np.random.default_rng(2)
    for point in (0, 9, 16):
        drawn = np.exp(table.unrest[point] * rng.standard_normal(200_000))
        drawn *= np.linalg.norm(rng.standard_normal((200_000, 2)), axis=1)
        for share in (0.5, 0.9, 0.99):
            assert np.quantile(error[..., point], share) == pytest.approx(np.quantile(drawn, share), rel=0.2)


def test_what_cannot_be_seen_has_no_confidence(body: SkinnedBody, detector: DetectorModel) -> None:
    """Behind the camera or outside the picture; the numbers stay finite all the same."""
    keypoints_c, _ = standing(body, 10)
    behind = keypoints_c - [0.0, 0.0, 10.0]
    beside = keypoints_c + np.array([6.0, 0.0, 0.0])
    for points in (behind, beside, 0.0 * keypoints_c):
        found, trust = detector.keypoints(points, **LENS, rng=np.random.default_rng(0))
        assert np.isfinite(found).all()
        assert np.isfinite(trust).all()
        assert (found[..., 2] == 0).all()


def test_confidence_falls_where_something_hides(body: SkinnedBody, detector: DetectorModel) -> None:
    """And the hidden points go astray."""
    keypoints_c, _ = standing(body, 200)
    hidden = np.zeros((200, 21), dtype=bool)
    hidden[:, [9, 15]] = True
    seen, covered = (
        detector.disturbance((), 200, fps=FPS, rng=np.random.default_rng(5), hidden=mask) for mask in (None, hidden)
    )
    free, _ = detector.keypoints(keypoints_c, **LENS, rng=np.random.default_rng(0), disturbance=seen)
    kept, _ = detector.keypoints(keypoints_c, **LENS, rng=np.random.default_rng(0), disturbance=covered)
    assert (kept[:, [9, 15], 2] < free[:, [9, 15], 2]).all()
    np.testing.assert_array_equal(kept[:, :5], free[:, :5])
    exact, _ = detector.scaled(0.0).keypoints(keypoints_c, **LENS, rng=np.random.default_rng(0))
    off = [np.linalg.norm((found - exact)[:, [9, 15], :2], axis=2).mean() for found in (free, kept)]
    assert off[1] > 1.5 * off[0]


@pytest.mark.parametrize("n_frames", [1, 2, 3, 4, 5])
def test_the_shortest_clips_are_answered(body: SkinnedBody, detector: DetectorModel, n_frames: int) -> None:
    """Nothing divides by a difference of frames that is not there."""
    keypoints_c, landmarks_c = standing(body, n_frames)
    said = detector.detect(keypoints_c, landmarks_c, **LENS, rng=np.random.default_rng(0))
    assert said.keypoints.shape == (n_frames, 21, 3)
    assert all(np.isfinite(part).all() for part in (said.keypoints, said.trust, said.landmarks))


def test_confidence_and_trust_are_shares(body: SkinnedBody, detector: DetectorModel) -> None:
    """Whatever the noise."""
    keypoints_c, _ = standing(body, 100)
    found, trust = detector.scaled(5.0).keypoints(keypoints_c, **LENS, rng=np.random.default_rng(0))
    for part in (found[..., 2], trust):
        assert part.min() >= 0
        assert part.max() <= 1


def test_landmarks_that_are_keypoints_lie_on_them(body: SkinnedBody) -> None:
    """The regressor shares the body's own rows, and the other rows are weighted means."""
    regressor = landmark_regressor(body)
    shared = regressor[list(KEYPOINT_LANDMARKS)] @ body.template_verts
    np.testing.assert_allclose(shared, body.keypoint_regressor @ body.template_verts, atol=1e-12)
    np.testing.assert_allclose(regressor.sum(axis=1), 1.0, atol=1e-6)
    places = dict(zip(LANDMARK_NAMES, regressor @ body.template_verts, strict=True))
    assert places["left_thumb"][2] > places["left_wrist"][2]  # thumbs forward, left is +x
    assert places["left_index"][0] > places["left_wrist"][0] > 0
    assert places["mouth_left"][1] < places["nose"][1]


def test_points_that_are_none_are_refused(detector: DetectorModel) -> None:
    """Shape and finiteness, by name."""
    with pytest.raises(InvalidArray, match="points_c"):
        detector.keypoints(np.zeros((4, 17, 3)), **LENS, rng=np.random.default_rng(0))
    with pytest.raises(InvalidArray, match="NaN"):
        detector.landmarks(np.full((4, 33, 3), np.nan), fps=FPS, rng=np.random.default_rng(0))
    with pytest.raises(InvalidArray, match="noise"):
        detector.scaled(-1.0)


def test_a_damaged_file_of_tables_is_refused(tmp_path: Path) -> None:
    """The sentence names the file and what to do."""
    path = tmp_path / "tables.json"
    path.write_text('{"keypoints": {}}')
    with pytest.raises(InvalidDetectorTables, match=r"tables\.json.*detector_noise --write"):
        load_detector_model(path)


def _without_faults(detector: DetectorModel, *, bias: float = 1.0) -> DetectorModel:
    tables = detector.tables
    never = np.zeros((2, len(COVARIATES)))
    never[:, 0] = -10.0
    return DetectorModel(
        tables=replace(
            tables,
            offset=np.zeros((21, 3)),
            keypoints=replace(tables.keypoints, bias=bias * tables.keypoints.bias),
            faults=replace(tables.faults, swap=never, lost=never),
        )
    )
