"""Which keypoints of a track are believed, and what the frames are marked with."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest

from pipeline.evidence import KEYPOINT_NAMES, FrameFlag
from pipeline.video.keypoints import COCO17_LANDMARKS, FOOT_LANDMARKS
from pipeline.video.quality import TrackQuality, assess_track
from pipeline.video.quality_config import QualityConfig, Ramp
from robots.exceptions import InvalidArray

SIZE = (1280, 720)
INDEX: dict[str, int] = {name: number for number, name in enumerate(KEYPOINT_NAMES)}
LANDMARK: dict[str, int] = dict(zip(KEYPOINT_NAMES, COCO17_LANDMARKS + FOOT_LANDMARKS, strict=True))
_RIGHT = {
    "nose": (0, -0.62, -0.1), "right_eye": (-0.03, -0.66, -0.1), "right_ear": (-0.08, -0.64, 0.0),
    "right_shoulder": (-0.17, -0.48, 0.0), "right_elbow": (-0.30, -0.26, 0.03), "right_wrist": (-0.42, -0.10, -0.10),
    "right_hip": (-0.11, 0.0, 0.0), "right_knee": (-0.15, 0.38, -0.08), "right_ankle": (-0.17, 0.74, 0.03),
    "right_heel": (-0.17, 0.79, 0.07), "right_toe": (-0.19, 0.80, -0.10),
}  # fmt: skip
"""Right half of a standing body in camera axes, metres from between the hips."""


@dataclass(frozen=True)
class Seen:
    """Everything :func:`assess_track` asks for."""

    times: np.ndarray
    landmarks_w: np.ndarray
    points: np.ndarray
    confidence: np.ndarray
    sharpness: np.ndarray
    crowded: np.ndarray
    image_size: tuple[int, int] = SIZE

    def quality(self) -> TrackQuality:
        keypoints = np.concatenate([self.points, self.confidence[..., None]], axis=2)
        return assess_track(
            times=self.times,
            kp2d=keypoints[:, :17],
            foot_kp2d=keypoints[:, 17:],
            landmarks_w=self.landmarks_w,
            boxes=np.concatenate([self.points.min(axis=1), self.points.max(axis=1)], axis=1),
            sharpness=self.sharpness,
            crowded=self.crowded,
            image_size=self.image_size,
        )


def _landmark_of(name: str) -> np.ndarray:
    x, y, z = _RIGHT[name.replace("left_", "right_")]
    return np.array([-x if name.startswith("left_") else x, y, z])


def _track(times, *, wave_hz: float = 0.5) -> Seen:
    """A body that sways, waves the right forearm and lifts the left shin, seen by a weak-perspective camera."""
    times = np.asarray(times, dtype=float)
    n = len(times)
    body = np.zeros((n, 33, 3))
    for name, landmark in LANDMARK.items():
        body[:, landmark] = _landmark_of(name)
    phase = 2 * np.pi * wave_hz * times
    for side, near, fars, size in (
        ("right", "elbow", ("wrist",), 0.8),
        ("left", "knee", ("ankle", "heel", "toe"), 0.4),
    ):
        angle = size * np.sin(phase)
        hinge = body[:, LANDMARK[f"{side}_{near}"]]
        for far in fars:
            arm = body[:, LANDMARK[f"{side}_{far}"]] - hinge
            turned = np.stack(
                [np.cos(angle) * arm[:, 0] - np.sin(angle) * arm[:, 1],
                 np.sin(angle) * arm[:, 0] + np.cos(angle) * arm[:, 1], arm[:, 2]], axis=1,
            )  # fmt: skip
            body[:, LANDMARK[f"{side}_{far}"]] = hinge + turned
    sway = np.stack([600 + 40 * np.sin(phase / 2), np.full(n, 340.0)], axis=1)
    points = 240.0 * body[:, [LANDMARK[name] for name in KEYPOINT_NAMES], :2] + sway[:, None]
    return Seen(
        times=times,
        landmarks_w=body,
        points=points,
        confidence=np.full((n, 21), 0.9),
        sharpness=np.full((n, 33), 0.3),
        crowded=np.zeros(n, dtype=bool),
    )


def _swapped(names=KEYPOINT_NAMES) -> list[int]:
    """Where each keypoint lies after left and right change names."""
    other = {"left": "right", "right": "left"}
    return [INDEX[f"{other[n.partition('_')[0]]}_{n.partition('_')[2]}" if "_" in n else n] for n in names]


def _exchanged(seen: Seen, frames: slice, parts: tuple[str, ...]) -> Seen:
    points, landmarks = seen.points.copy(), seen.landmarks_w.copy()
    for part in parts:
        a, b = f"left_{part}", f"right_{part}"
        points[frames, [INDEX[a], INDEX[b]]] = points[frames, [INDEX[b], INDEX[a]]]
        landmarks[frames, [LANDMARK[a], LANDMARK[b]]] = landmarks[frames, [LANDMARK[b], LANDMARK[a]]]
    return replace(seen, points=points, landmarks_w=landmarks)


ALL_PARTS = ("shoulder", "elbow", "wrist", "hip", "knee", "ankle", "heel", "toe", "eye", "ear")
RATES = {
    "12 fps": np.arange(24) / 12,
    "30 fps": np.arange(60) / 30,
    "60 fps": np.arange(120) / 60,
    "240 fps": np.arange(480) / 240,
    "variable": np.cumsum(np.random.default_rng(0).choice([0.017, 0.033, 0.05, 0.1], 50)),
}


@pytest.mark.parametrize("times", RATES.values(), ids=RATES.keys())
def test_what_moves_like_a_body_is_trusted_at_any_rate(times):
    """Limits are in heights per second, so neither a slow nor an unequal clock is a fault."""
    quality = _track(times).quality()
    np.testing.assert_array_equal(quality.kp_trust, 1.0)
    np.testing.assert_array_equal(quality.flags, 0)


def test_who_stands_still_is_trusted():
    """No motion must not mean no unit to measure motion in."""
    seen = _track(np.arange(40) / 30, wave_hz=0.0)
    np.testing.assert_array_equal(seen.quality().kp_trust, 1.0)


def _disturbed() -> Seen:
    """A track with something wrong of each kind."""
    rng = np.random.default_rng(1)
    seen = _track(np.arange(60) / 30)
    points = seen.points + rng.normal(0, 2.0, seen.points.shape)
    points[20:22, INDEX["right_wrist"]] += [90, -70]
    landmarks = seen.landmarks_w + rng.normal(0, 0.01, seen.landmarks_w.shape)
    landmarks[30:33, LANDMARK["left_knee"]] *= 1.8
    sharpness = seen.sharpness.copy()
    sharpness[20:23, LANDMARK["right_wrist"]] *= 0.3
    seen = replace(seen, points=points, landmarks_w=landmarks, sharpness=sharpness)
    return _exchanged(seen, slice(45, 48), ("hip", "knee", "ankle", "heel", "toe"))


@pytest.mark.parametrize("scale", [0.2, 3.0])
def test_resolution_does_not_matter(scale):
    """A distrusted keypoint stays so in a smaller copy of the video."""
    seen = _disturbed()
    size = (round(SIZE[0] * scale), round(SIZE[1] * scale))
    # Corners are at pixel size - 1; keep the person away from them so that only scale is compared.
    other = replace(seen, points=seen.points * scale, image_size=size).quality()
    np.testing.assert_allclose(other.kp_trust, seen.quality().kp_trust, atol=1e-9)
    np.testing.assert_array_equal(other.flags, seen.quality().flags)


def test_a_mirror_only_changes_the_names():
    """Left is treated as right is."""
    seen, swap = _disturbed(), _swapped()
    landmark_swap = np.arange(33)
    landmark_swap[[LANDMARK[name] for name in KEYPOINT_NAMES]] = [LANDMARK[KEYPOINT_NAMES[i]] for i in swap]
    mirrored = replace(
        seen,
        points=(np.array([SIZE[0] - 1.0, 0.0]) + np.array([-1.0, 1.0]) * seen.points)[:, swap],
        landmarks_w=(np.array([-1.0, 1.0, 1.0]) * seen.landmarks_w)[:, landmark_swap],
        sharpness=seen.sharpness[:, landmark_swap],
    )
    np.testing.assert_allclose(mirrored.quality().kp_trust[:, swap], seen.quality().kp_trust, atol=1e-9)
    np.testing.assert_array_equal(mirrored.quality().flags, seen.quality().flags)


def test_a_keypoint_thrown_aside_costs_only_its_own_neighbourhood():
    """The arm of one moment is wrong, not the person."""
    seen = _track(np.arange(60) / 30)
    points = seen.points.copy()
    points[30, INDEX["right_wrist"]] += [120.0, -80.0]
    trust = replace(seen, points=points).quality().kp_trust
    assert trust[30, INDEX["right_wrist"]] < 0.1
    elsewhere = np.ones_like(trust, dtype=bool)
    elsewhere[28:33, INDEX["right_wrist"]] = False
    np.testing.assert_array_equal(trust[elsewhere], 1.0)


def test_a_limb_out_of_proportion_is_odd():
    """A wrist twice as far away in 3D as its forearm is long, at unchanged confidence."""
    seen = _track(np.arange(60) / 30)
    landmarks = seen.landmarks_w.copy()
    elbow, wrist = LANDMARK["left_elbow"], LANDMARK["left_wrist"]
    landmarks[25:28, wrist] += 1.5 * (landmarks[25:28, wrist] - landmarks[25:28, elbow])
    quality = replace(seen, landmarks_w=landmarks).quality()
    assert (quality.kp_trust[25:28, INDEX["left_wrist"]] < 0.1).all()
    assert (quality.flags[25:28] & FrameFlag.ODD_LIMBS).all()
    assert not quality.flags[:24].any() and not quality.flags[29:].any()


@pytest.mark.parametrize("times", [RATES["12 fps"], RATES["30 fps"], RATES["60 fps"], RATES["variable"]])
@pytest.mark.parametrize("parts", [ALL_PARTS, ("hip", "knee", "ankle", "heel", "toe"), ("shoulder", "elbow", "wrist")])
def test_sides_exchanged_for_three_frames_are_found(times, parts):
    """Every joint is where some joint is, so no place in the picture tells; only time does."""
    quality = _exchanged(_track(times), slice(10, 13), parts).quality()
    sides = (quality.flags & FrameFlag.SIDES_UNSURE) > 0
    assert sides[10:13].all()
    assert not sides[:9].any() and not sides[14:].any()
    moved = [INDEX[f"{side}_{part}"] for side in ("left", "right") for part in parts if part not in ("eye", "ear")]
    assert (quality.kp_trust[10:13][:, moved] < 0.5).all()


def test_legs_that_pass_each_other_are_not_exchanged():
    """From the side, walking feet meet on the picture twice a step; which is nearer and where they were going tells."""
    times = np.arange(90) / 30
    seen = _track(times, wave_hz=0.0)
    landmarks, points = seen.landmarks_w.copy(), seen.points.copy()
    for side, sign in (("left", 1), ("right", -1)):
        for part, reach in (("hip", 0.0), ("knee", 0.2), ("ankle", 0.4), ("heel", 0.4), ("toe", 0.4)):
            landmark = LANDMARK[f"{side}_{part}"]
            landmarks[:, landmark, 2] = sign * 0.1
            landmarks[:, landmark, 0] = sign * reach * np.sin(2 * np.pi * times) + (0.1 if part == "toe" else 0)
    points = 240.0 * landmarks[:, [LANDMARK[name] for name in KEYPOINT_NAMES], :2] + [600, 340]
    quality = replace(seen, landmarks_w=landmarks, points=points).quality()
    assert not (quality.flags & FrameFlag.SIDES_UNSURE).any()


def test_smeared_limbs_count_only_where_they_move():
    """A wrist that rests before a plain wall has no edges either."""
    for hz, expected in ((0.2, False), (7.0, True)):
        seen = _track(np.arange(90) / 30, wave_hz=hz)
        sharpness = seen.sharpness.copy()
        sharpness[40:50, LANDMARK["right_wrist"]] = 0.03
        flags = replace(seen, sharpness=sharpness).quality().flags
        assert ((flags[40:50] & FrameFlag.BLURRED) > 0).any() == expected
        assert not (flags[:40] & FrameFlag.BLURRED).any()


def test_keypoints_beyond_the_border_are_guesses():
    """The network goes on drawing a body that the picture no longer shows."""
    seen = _track(np.arange(30) / 30)
    cropped = replace(seen, points=seen.points + np.array([0.0, 360.0])).quality()
    assert (cropped.flags & FrameFlag.CROPPED).all()
    assert (cropped.kp_trust[:, INDEX["left_ankle"]] < 0.5).all()
    assert (cropped.kp_trust[:, INDEX["left_shoulder"]] == 1.0).all()


def test_a_leap_of_the_whole_person_is_not_believed():
    """For one frame the keypoints lie on somebody else."""
    seen = _track(np.arange(40) / 30)
    points = seen.points.copy()
    points[20] += [300.0, 0.0]
    quality = replace(seen, points=points).quality()
    assert quality.flags[20] & FrameFlag.ODD_LIMBS
    assert (quality.kp_trust[20] < 0.2).all()
    assert (quality.kp_trust[[17, 23]] == 1.0).all()


@pytest.mark.parametrize(
    ("unseen", "flagged"), [(("left_elbow", "left_wrist"), False), (("left_elbow", "right_knee"), True)]
)
def test_one_unseen_limb_is_one_doubt_and_two_are_two(unseen, flagged):
    """An arm behind the body is guessed from elbow to wrist as one; the network guesses single limbs well enough."""
    seen = _track(np.arange(0, 2, 1 / 30))
    confidence = seen.confidence.copy()
    confidence[:, [KEYPOINT_NAMES.index(name) for name in unseen]] = 0.03
    flags = replace(seen, confidence=confidence).quality().flags
    assert ((flags & FrameFlag.LOW_CONFIDENCE) > 0).all() == flagged
    assert (flags > 0).any() == flagged


def test_a_crowd_weighs_down_and_is_said():
    seen = _track(np.arange(20) / 30)
    crowded = seen.crowded.copy()
    crowded[5:9] = True
    quality = replace(seen, crowded=crowded).quality()
    np.testing.assert_array_equal((quality.flags & FrameFlag.CROWDED) > 0, crowded)
    assert (quality.kp_trust[crowded] < 1.0).all() and (quality.kp_trust[~crowded] == 1.0).all()


@pytest.mark.parametrize("n", [0, 1, 2, 3])
def test_the_shortest_tracks_are_judged_too(n):
    """There is no time to compare, so nothing speaks against the keypoints."""
    quality = _track(np.arange(n) / 30).quality()
    assert quality.kp_trust.shape == (n, 21)
    np.testing.assert_array_equal(quality.kp_trust, 1.0)


def test_absurd_input_gives_weights_all_the_same():
    """All landmarks in one point, keypoints a million pixels off, a nanosecond between frames."""
    rng = np.random.default_rng(0)
    seen = _track(np.array([0.0, 1e-9, 1.0, 1e4]))
    for points, landmarks in (
        (seen.points * 0.0, seen.landmarks_w * 0.0),
        (rng.normal(0, 1e6, seen.points.shape), seen.landmarks_w),
        (seen.points, rng.normal(0, 1e3, seen.landmarks_w.shape)),
    ):
        trust = replace(seen, points=points, landmarks_w=landmarks, sharpness=seen.sharpness * 0).quality().kp_trust
        assert np.isfinite(trust).all() and (trust >= 0).all() and (trust <= 1).all()


def test_refusals_say_what_is_wrong():
    seen = _track(np.arange(5) / 30)
    with pytest.raises(InvalidArray, match="times: do not increase"):
        replace(seen, times=np.zeros(5)).quality()
    with pytest.raises(InvalidArray, match="crowded: has shape"):
        replace(seen, crowded=np.zeros(4, dtype=bool)).quality()
    with pytest.raises(InvalidArray, match="kp2d"):
        replace(seen, points=seen.points * np.nan).quality()
    with pytest.raises(InvalidArray, match="usual < wrong"):
        Ramp(usual=1.0, wrong=1.0)
    with pytest.raises(InvalidArray, match="crowded: must lie between 0 and 1"):
        QualityConfig(crowded=1.5)
