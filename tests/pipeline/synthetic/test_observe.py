"""Evidence of a known motion: whole, consistent, and true where nothing is wrong."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from pipeline.body import SkinnedBody, load_body
from pipeline.camera import CameraPath, default_intrinsics
from pipeline.evidence import FrameFlag
from pipeline.synthetic import Occlusion, hidden_keypoints, load_detector_model, observe, sample_occlusions
from retarget.smpl_motion import SmplMotion
from robots.exceptions import InvalidArray

SIZE = (640, 360)


@pytest.fixture(scope="module")
def body() -> SkinnedBody:
    """The open body."""
    return load_body()


def standing(body: SkinnedBody, n_frames: int) -> SmplMotion:
    """A person who stands with arms out at the origin."""
    upright = np.tile(Rotation.from_euler("xz", [90, 90], degrees=True).as_rotvec(), (n_frames, 1))
    transl = np.tile([0.0, 0.0, 1.2], (n_frames, 1))
    return body.motion(30.0, np.zeros(10), upright, np.zeros((n_frames, 21, 3)), transl)


def camera(n_frames: int, turn_deg: float = 0.0) -> CameraPath:
    """Five metres before the person at x > 0; pans by so much over the clip."""
    facing = np.array([[0.0, 1.0, 0.0], [0.0, 0.0, -1.0], [-1.0, 0.0, 0.0]])
    pan = Rotation.from_euler("y", np.linspace(0.0, turn_deg, n_frames)[:, None], degrees=True).as_matrix()
    return CameraPath(K=default_intrinsics(*SIZE), R_w2c=pan @ facing, pos_w=np.tile([5.0, 0.0, 1.0], (n_frames, 1)))


@pytest.mark.parametrize("n_frames", [1, 2, 5, 40])
def test_evidence_passes_its_own_checks(body: SkinnedBody, n_frames: int) -> None:
    """Every field is there, finite and of the right length, down to one frame."""
    evidence = observe(
        standing(body, n_frames), body, camera(n_frames, 20.0), SIZE, load_detector_model(), np.random.default_rng(0)
    )
    assert len(evidence) == n_frames
    np.testing.assert_allclose(evidence.R_w2c[0], np.eye(3), atol=1e-12)


def test_without_noise_evidence_is_the_truth(body: SkinnedBody) -> None:
    """Keypoints, their box and the camera's turn."""
    motion, path = standing(body, 20), camera(20, 15.0)
    quiet = load_detector_model().scaled(0.0)
    evidence = observe(motion, body, path, SIZE, quiet, np.random.default_rng(0), camera_noise_deg=0.0)
    pixels, _ = path.project(body.motion_keypoints(motion))
    np.testing.assert_allclose(evidence.kp2d[..., :2], pixels[:, :17], atol=1e-6)
    np.testing.assert_allclose(evidence.foot_kp2d[..., :2], pixels[:, 17:], atol=1e-6)
    np.testing.assert_allclose(evidence.R_w2c, path.R_w2c @ path.R_w2c[0].T, atol=1e-12)
    assert (evidence.boxes[:, :2] <= pixels.min(axis=1) + 1e-6).all()
    assert (evidence.boxes[:, 2:] >= pixels.max(axis=1) - 1e-6).all()


def test_a_still_camera_is_reported_still(body: SkinnedBody) -> None:
    """To the last bit, as the front end does, which later stages rely on."""
    evidence = observe(standing(body, 9), body, camera(9), SIZE, load_detector_model(), np.random.default_rng(0))
    np.testing.assert_array_equal(evidence.R_w2c, np.tile(np.eye(3), (9, 1, 1)))


def test_the_camera_strays_as_far_as_it_is_told(body: SkinnedBody) -> None:
    """The rotation's error starts at zero and wanders to the standard deviation that was asked for."""
    path, errors = camera(300, 30.0), []
    motion, quiet = standing(body, 300), load_detector_model().scaled(0.0)
    for seed in range(6):
        evidence = observe(motion, body, path, SIZE, quiet, np.random.default_rng(seed), camera_noise_deg=0.1)
        off = Rotation.from_matrix(evidence.R_w2c @ np.swapaxes(path.R_w2c @ path.R_w2c[0].T, 1, 2)).as_rotvec()
        np.testing.assert_allclose(off[0], 0.0, atol=1e-12)
        errors.append(np.degrees(off[60:]))
    assert np.sqrt(np.mean(np.square(errors))) == pytest.approx(0.1, rel=0.5)


def test_a_person_outside_the_picture_is_marked(body: SkinnedBody) -> None:
    """Nobody is seen, nothing is trusted."""
    aside = standing(body, 8).moved((0.0, 6.0, 0.0))
    evidence = observe(aside, body, camera(8), SIZE, load_detector_model(), np.random.default_rng(0))
    assert ((evidence.flags & FrameFlag.CROPPED) > 0).all()
    assert ((evidence.flags & FrameFlag.NO_PERSON) > 0).all()
    assert (evidence.kp_trust == 0).all()
    assert (evidence.kp2d[..., 2] == 0).all()


def test_an_occlusion_is_seen_in_the_confidence(body: SkinnedBody) -> None:
    """Of its own points, in its own span."""
    hidden = Occlusion(part="lower_half", start_s=1.0, end_s=2.0)
    args = (standing(body, 90), body, camera(90), SIZE, load_detector_model())
    with_it, without = (observe(*args, np.random.default_rng(3), occlusions=o) for o in ((hidden,), ()))
    legs = [11, 12, 13, 14, 15, 16]
    assert (with_it.kp2d[30:60, legs, 2] < without.kp2d[30:60, legs, 2]).all()
    np.testing.assert_array_equal(with_it.kp2d[:30, :, 2], without.kp2d[:30, :, 2])
    np.testing.assert_array_equal(with_it.kp2d[:, :11], without.kp2d[:, :11])


def test_occlusions_are_drawn_within_their_limits() -> None:
    """Lengths, rate, and known parts."""
    drawn = [o for seed in range(200) for o in sample_occlusions(60.0, np.random.default_rng(seed), per_minute=4.0)]
    lengths = np.array([o.end_s - o.start_s for o in drawn])
    assert len(drawn) / 200 == pytest.approx(4.0, rel=0.15)
    assert lengths.min() >= 0.3 - 1e-9
    assert lengths.max() <= 2.0 + 1e-9
    assert hidden_keypoints(drawn[:3], 1800, 30.0).shape == (1800, 21)


def test_what_does_not_fit_is_refused(body: SkinnedBody) -> None:
    """A camera of another length, an unknown part."""
    with pytest.raises(InvalidArray, match="camera"):
        observe(standing(body, 5), body, camera(4), SIZE, load_detector_model(), np.random.default_rng(0))
    with pytest.raises(InvalidArray, match="left_arm"):
        Occlusion(part="tail", start_s=0.0, end_s=1.0)
