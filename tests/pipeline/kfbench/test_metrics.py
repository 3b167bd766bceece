"""Each measure is zero on the truth, blind to what its definition forgives, and right on a case done by hand."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from pipeline.kfbench import metrics

RNG = np.random.default_rng(3)
TRUTH = np.cumsum(RNG.normal(scale=0.01, size=(230, 24, 3)), axis=0) + RNG.normal(size=(24, 3))
NOISY = TRUTH + RNG.normal(scale=0.02, size=TRUTH.shape)
TURN = Rotation.from_rotvec([0.4, -1.1, 2.0]).as_matrix()

ALL = [metrics.mpjpe_mm, metrics.pa_mpjpe_mm, metrics.wa_mpjpe_mm, metrics.w_mpjpe_mm]


@pytest.mark.parametrize("measure", ALL)
def test_truth_is_at_no_distance_from_itself(measure):
    """And anything else is."""
    assert measure(TRUTH, TRUTH) == pytest.approx(0.0, abs=1e-9)
    assert measure(NOISY, TRUTH) > 10.0


@pytest.mark.parametrize("measure", ALL)
def test_moving_the_estimate_as_a_whole_costs_nothing(measure):
    """No measure depends on where the estimate put the origin."""
    assert measure(NOISY + np.array([3.0, -2.0, 1.0]), TRUTH) == pytest.approx(measure(NOISY, TRUTH), rel=1e-9)


@pytest.mark.parametrize("measure", ALL[1:])
def test_turning_and_scaling_the_estimate_as_a_whole_costs_nothing(measure):
    """Aligned measures forgive one similarity; plain MPJPE does not."""
    moved = 1.3 * NOISY @ TURN.T + [3.0, -2.0, 1.0]
    assert measure(moved, TRUTH) == pytest.approx(measure(NOISY, TRUTH), rel=1e-9)
    assert metrics.mpjpe_mm(moved, TRUTH) > 2 * metrics.mpjpe_mm(NOISY, TRUTH)


def test_a_similarity_for_every_frame_is_forgiven_by_pa_alone():
    """PA-MPJPE sees the pose only."""
    turns = Rotation.from_rotvec(RNG.normal(size=(len(TRUTH), 3))).as_matrix()
    scattered = np.einsum("fij,fpj->fpi", turns, TRUTH) * RNG.uniform(0.8, 1.2, size=(len(TRUTH), 1, 1))
    assert metrics.pa_mpjpe_mm(scattered, TRUTH) == pytest.approx(0.0, abs=1e-6)
    assert metrics.wa_mpjpe_mm(scattered, TRUTH) > 100.0


def test_drift_counts_more_when_only_the_first_frames_are_aligned():
    """A still figure drifting 1 m in 100 frames: aligned at its start the error grows to 1 m, 0.495 m on average."""
    figure = np.tile(RNG.normal(size=(1, 24, 3)), (100, 1, 1))
    drifting = figure + np.linspace(0.0, 1.0, 100)[:, None, None] * [1.0, 0.0, 0.0]
    assert metrics.w_mpjpe_mm(drifting, figure) == pytest.approx(495.0, rel=0.02)
    assert metrics.wa_mpjpe_mm(drifting, figure) < 300.0
    assert metrics.mpjpe_mm(drifting, figure) == pytest.approx(0.0, abs=1e-9)


def test_pieces_are_aligned_apart_and_the_tail_counts():
    """A jump at frame 100 is forgiven, one in the tail of 30 frames is not."""
    at_border, in_tail = TRUTH.copy(), TRUTH.copy()
    at_border[100:] += [5.0, 0.0, 0.0]
    in_tail[215:] += [5.0, 0.0, 0.0]
    assert metrics.wa_mpjpe_mm(at_border, TRUTH) == pytest.approx(0.0, abs=1e-6)
    assert metrics.wa_mpjpe_mm(in_tail, TRUTH) > 10.0


def test_mpjpe_by_hand():
    """One of 24 joints 24 mm off, hips right: the mean is 1 mm. A hip that is 24 mm off moves the middle by 12."""
    truth = np.zeros((1, 24, 3))
    elbow, hip = truth.copy(), truth.copy()
    elbow[0, 18, 2] = 0.024
    hip[0, 1, 0] = 0.024
    assert metrics.mpjpe_mm(elbow, truth) == pytest.approx(1.0)
    assert metrics.mpjpe_mm(hip, truth) == pytest.approx(12.0)


def test_similarity_recovers_what_was_applied_and_never_mirrors():
    """Umeyama's correction: the best rotation of a mirrored cloud is still a rotation."""
    points = RNG.normal(size=(40, 3))
    scale, rotation, shift = metrics.similarity(points, 0.7 * points @ TURN.T + [1, 2, 3])
    assert scale == pytest.approx(0.7)
    np.testing.assert_allclose(rotation, TURN, atol=1e-9)
    np.testing.assert_allclose(shift, [1, 2, 3], atol=1e-9)
    _, mirrored, _ = metrics.similarity(points, points * [-1, 1, 1])
    assert np.linalg.det(mirrored) == pytest.approx(1.0)


def test_similarity_of_a_single_place_is_a_shift():
    """All points in one place fix neither scale nor turn; NaN would spread to every figure."""
    scale, rotation, shift = metrics.similarity(np.zeros((5, 3)), np.ones((5, 3)))
    assert scale == 1.0
    np.testing.assert_array_equal(rotation, np.eye(3))
    np.testing.assert_array_equal(shift, np.ones(3))


def test_camera_error_is_the_largest_angle_since_the_first_frame():
    """A constant turn of the world is forgiven; a frame that is 3 degrees off counts as 3 degrees."""
    path = Rotation.from_rotvec(np.outer(np.linspace(0, 0.5, 50), [0.1, 1.0, 0.0])).as_matrix()
    assert metrics.camera_error_deg(path @ TURN, path) == pytest.approx(0.0, abs=1e-5)
    off = path.copy()
    off[20] = Rotation.from_euler("x", 3, degrees=True).as_matrix() @ off[20]
    assert metrics.camera_error_deg(off, path) == pytest.approx(3.0)


def test_keypoint_error_is_the_median_distance():
    """One lost limb does not decide the figure."""
    truth = np.zeros((1, 3, 2))
    estimate = np.array([[[3.0, 4.0], [0.0, 5.0], [600.0, 0.0]]])
    assert metrics.keypoint_error_px(estimate, truth) == 5.0
