"""The network is shown what training showed it: the same keypoints seen, at 30 frames a second, or a clear refusal."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

torch = pytest.importorskip("torch")

from pipeline.estimators.exceptions import TooLittleEvidence  # noqa: E402
from pipeline.estimators.gvhmr.rates import at_network_rate, at_rate_of  # noqa: E402
from pipeline.estimators.gvhmr.sighting import sight  # noqa: E402
from pipeline.evidence import Evidence, FrameFlag  # noqa: E402
from retarget.smpl_motion import SmplMotion  # noqa: E402
from robots.exceptions import InvalidArray  # noqa: E402


def changed(evidence: Evidence, **values: object) -> Evidence:
    return replace(evidence, **values)  # type: ignore[arg-type]


def test_a_keypoint_is_seen_if_both_confidence_and_trust_say_so(evidence: Evidence) -> None:
    """As training's sightings are made: the lower of the two counts, and half is not enough."""
    kp2d, trust = evidence.kp2d.copy(), np.ones((len(evidence), 21))
    kp2d[:, 9, 2], trust[:, 10], kp2d[:, 5, 2] = 0.5, 0.4, 0.51
    seen = sight(changed(evidence, kp2d=kp2d, kp_trust=trust), with_detail=True).sighting.seen[0]
    assert not seen[:, (9, 10)].any()
    assert seen[:, 5].all()


def test_frames_without_a_person_are_not_seen_at_all(evidence: Evidence) -> None:
    """What is interpolated across a gap is no sight, however confident it looks."""
    flags = evidence.flags.copy()
    flags[20:50] = FrameFlag.NO_PERSON
    sighted = sight(changed(evidence, flags=flags), with_detail=True)
    assert not sighted.sighting.seen[0, 20:50].any()
    assert not sighted.sighting.landmarks_seen[0, 20:50].any()
    assert not sighted.usable[20:50].any()
    assert sighted.usable[:20].all()
    assert sighted.usable[50:].all()
    assert torch.isfinite(sighted.bbx_xys).all()


def test_the_published_network_gets_a_trackers_box(evidence: Evidence) -> None:
    """A box 100 wide and 200 high becomes a square of 240 (spec, section 1)."""
    boxes = np.tile([300.0, 100.0, 400.0, 300.0], (len(evidence), 1))
    sighted = sight(changed(evidence, boxes=boxes), with_detail=False)
    np.testing.assert_allclose(sighted.bbx_xys[0, :, 0], 350.0, rtol=1e-5)
    np.testing.assert_allclose(sighted.bbx_xys[0, :, 2], 240.0, rtol=1e-5)


@pytest.mark.parametrize("frames", [1, 2, 5])
def test_clips_of_a_few_frames_are_refused(evidence: Evidence, frames: int) -> None:
    """Nothing can be said of so short a motion."""
    with pytest.raises(TooLittleEvidence, match=f"only {frames} of {frames} frames"):
        sight(_part(evidence, frames), with_detail=True)


def test_a_person_who_is_never_seen_is_refused(evidence: Evidence) -> None:
    """All keypoints without confidence."""
    kp2d = evidence.kp2d * [1.0, 1.0, 0.0]
    with pytest.raises(TooLittleEvidence, match="visible in only 0 of"):
        sight(changed(evidence, kp2d=kp2d), with_detail=True)


@pytest.mark.parametrize("focal", [0.0, -900.0, 1.0, 1e6])
def test_intrinsics_that_no_lens_has_are_refused(evidence: Evidence, focal: float) -> None:
    """A focal length of zero would divide by zero; one of a pixel would put people a millimetre away."""
    K = evidence.K.copy()
    K[0, 0] = focal
    with pytest.raises(InvalidArray, match=r"K: says fx = .* which no lens has"):
        sight(changed(evidence, K=K), with_detail=True)


@pytest.mark.parametrize("fps", [24.0, 25.0, 50.0, 59.94, 60.0, 120.0])
def test_evidence_of_any_rate_is_brought_to_thirty_by_time(evidence: Evidence, fps: float) -> None:
    """A point that moves steadily is where it was at that moment; nothing is relabelled."""
    n = round(4.0 * fps)
    t = np.arange(n) / fps
    shown = at_network_rate(_timed(evidence, n, fps, t))
    at = np.minimum(np.arange(len(shown)) / 30.0, t[-1])
    assert shown.fps == 30.0
    assert abs(len(shown) - n * 30.0 / fps) < 2
    np.testing.assert_allclose(shown.timestamps, at, atol=1e-9)
    np.testing.assert_allclose(shown.kp2d[:, 3, 0], 100.0 + 50.0 * at, atol=1e-6)
    turned = Rotation.from_matrix(shown.R_w2c.copy()).as_rotvec()[:, 1]
    np.testing.assert_allclose(turned, 0.2 * at, atol=1e-9)


@pytest.mark.parametrize("fps", [30.0, 30000 / 1001])
def test_evidence_of_thirty_is_left_alone(evidence: Evidence, fps: float) -> None:
    """Television's 29.97 is 30 to the network, and not worth blurring every keypoint."""
    given = changed(evidence, fps=fps)
    assert at_network_rate(given) is given


def test_a_keypoint_between_frames_is_seen_no_better_than_the_worse(evidence: Evidence) -> None:
    """Half of a lost keypoint is a lost keypoint; a frame that is hit exactly does not suffer."""
    n = 101
    timed = _timed(evidence, n, 60.0, np.arange(n) / 60.0)
    kp2d, flags = timed.kp2d.copy(), timed.flags.copy()
    kp2d[41, 3, 2], flags[41] = 0.0, FrameFlag.NO_PERSON
    shown = at_network_rate(changed(timed, kp2d=kp2d, flags=flags))
    assert shown.kp2d[:, 3, 2].min() > 0.9
    assert not shown.flags.any()
    slow = at_network_rate(changed(timed, fps=50.0, kp2d=kp2d, flags=flags))
    assert (slow.flags > 0).sum() in (1, 2)


@pytest.mark.parametrize("fps", [25.0, 60.0])
def test_a_motion_goes_back_to_the_moments_of_its_evidence(evidence: Evidence, truth: SmplMotion, fps: float) -> None:
    """As many frames, at the same rate, where the person was at that moment."""
    n = round(4.0 * fps)
    given = _timed(evidence, n, fps, np.arange(n) / fps)
    back = at_rate_of(given, truth)
    assert len(back) == n
    assert back.fps == fps
    old, new = np.arange(len(truth)) / 30.0, np.minimum(np.arange(n) / fps, (len(truth) - 1) / 30.0)
    for axis in range(3):
        np.testing.assert_allclose(back.transl[:, axis], np.interp(new, old, truth.transl[:, axis]), atol=3e-3)


def _part(evidence: Evidence, frames: int) -> Evidence:
    names = ("timestamps", "boxes", "kp2d", "foot_kp2d", "landmarks_w", "R_w2c", "flags", "kp_trust", "zoom")
    return changed(evidence, **{name: getattr(evidence, name)[:frames] for name in names})


def _timed(evidence: Evidence, n: int, fps: float, t: np.ndarray) -> Evidence:
    """Evidence of ``n`` frames in which keypoint 3 moves and the camera turns steadily."""
    repeat = np.arange(n) % len(evidence)
    kp2d = evidence.kp2d[repeat].copy()
    kp2d[:, 3, 0] = 100.0 + 50.0 * t
    names = ("boxes", "foot_kp2d", "landmarks_w", "flags", "kp_trust", "zoom")
    return changed(
        evidence,
        fps=fps,
        timestamps=t,
        kp2d=kp2d,
        R_w2c=Rotation.from_rotvec(0.2 * t[:, None] * np.array([0.0, 1.0, 0.0])).as_matrix(),
        **{name: getattr(evidence, name)[repeat] for name in names},
    )
