"""A perfect estimate scores zero at any rate, and a known fault scores what it is."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from pipeline.body import load_body
from pipeline.evidence import Evidence, FrameFlag
from pipeline.kfbench import PIECES, score_evidence, score_motion, stage_piece
from robots.exceptions import InvalidArray

BODY = load_body("open")
TRUTH = stage_piece(PIECES["dance"], BODY)


def every(motion, step, start=0):
    rows = slice(start, None, step)
    parts = (motion.global_orient[rows], motion.body_pose[rows], motion.transl[rows])
    return BODY.motion(motion.fps / step, motion.betas, *parts)


def perfect_evidence(step=1, shift_px=0.0, camera_turn_deg=0.0, flags=0, offset_s=0.0):
    pixels, _ = TRUTH.camera.project(BODY.motion_keypoints(TRUTH.motion))
    pixels = pixels[::step] + np.array([shift_px, 0.0])
    n = len(pixels)
    scored = np.concatenate([pixels, np.ones((n, 21, 1))], axis=2)
    R = TRUTH.camera.R_w2c[::step] @ TRUTH.camera.R_w2c[0].T
    R[-1] = Rotation.from_euler("y", camera_turn_deg, degrees=True).as_matrix() @ R[-1]
    return Evidence(
        fps=30.0 / step,
        timestamps=np.arange(n) * step / 30.0 + offset_s,
        native_fps=30.0,
        image_size=TRUTH.image_size,
        K=TRUTH.camera.K,
        K_source="user",
        boxes=np.zeros((n, 4)),
        kp2d=scored[:, :17],
        foot_kp2d=scored[:, 17:],
        landmarks_w=np.zeros((n, 33, 3)),
        R_w2c=R,
        flags=np.full(n, flags),
    )


@pytest.mark.parametrize("step", [1, 2, 5])
def test_the_true_motion_scores_zero_at_any_rate(step):
    """Truth is resampled to the estimate's moments, never the other way round."""
    score = score_motion(every(TRUTH.motion, step), TRUTH)
    assert max(score.mpjpe_mm, score.pa_mpjpe_mm, score.wa_mpjpe_mm, score.w_mpjpe_mm) < 1e-6


def test_an_estimate_that_starts_later_is_compared_with_its_own_moments():
    """A clip may be cut out of the video."""
    assert score_motion(every(TRUTH.motion, 1, start=40), TRUTH, start_s=40 / 30).mpjpe_mm < 1e-6
    assert score_motion(every(TRUTH.motion, 1, start=40), TRUTH).mpjpe_mm > 50


def test_moments_between_frames_are_interpolated():
    """Half a frame apart the spline is within a few millimetres of a fast hand."""
    doubled = score_motion(every(TRUTH.motion, 2, start=1), TRUTH, start_s=1 / 30)
    assert doubled.mpjpe_mm < 1e-6
    late = score_motion(every(TRUTH.motion, 1), TRUTH, start_s=0.5 / 30)
    assert 1.0 < late.mpjpe_mm < 60.0


def test_an_estimate_from_another_time_is_refused():
    """No moment in common is an error, not a perfect score."""
    with pytest.raises(InvalidArray, match="no moment in common"):
        score_motion(TRUTH.motion, TRUTH, start_s=100.0)


@pytest.mark.parametrize("step", [1, 3])
def test_perfect_evidence_scores_zero(step):
    """What the true camera saw of the true person."""
    score = score_evidence(perfect_evidence(step), TRUTH, BODY)
    assert score.seen == 1.0
    assert max(score.keypoint_px, score.foot_px) < 1e-6 and score.camera_deg < 1e-5


def test_known_faults_score_what_they_are():
    """Five pixels are five pixels, two degrees are two degrees."""
    score = score_evidence(perfect_evidence(shift_px=5.0, camera_turn_deg=2.0), TRUTH, BODY)
    assert score.keypoint_px == pytest.approx(5.0) and score.foot_px == pytest.approx(5.0)
    assert score.camera_deg == pytest.approx(2.0, abs=1e-4)
    assert 5.0 / 720 < score.keypoint_share < 5.0 / 360


def test_evidence_without_a_person_is_refused():
    """There is nothing to measure; zero would look perfect."""
    with pytest.raises(InvalidArray, match="never seen"):
        score_evidence(perfect_evidence(flags=int(FrameFlag.NO_PERSON)), TRUTH, BODY)


def test_evidence_from_another_time_is_refused():
    """Timestamps count from the video's first frame."""
    with pytest.raises(InvalidArray, match="no moment in common"):
        score_evidence(perfect_evidence(offset_s=60.0), TRUTH, BODY)
