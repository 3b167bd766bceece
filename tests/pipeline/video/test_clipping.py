"""A video becomes clips: one shot, one person, one appearance; spans keep what the user wants."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pipeline.camera import default_intrinsics
from pipeline.clip import Clip, Source, SourceFacts
from pipeline.evidence import FrameFlag
from pipeline.exceptions import NoPersonFound
from pipeline.video import ClipConfig, PersonTrack, Recording, Shot, cut_clips, cut_motion, evidence_of
from pipeline.video.clipping import spans_of
from robots.exceptions import InvalidArray

RATE = 30.0


def track_at(times, seen, *, speed=1.0, flags=0):
    """A person who walks across the picture, seen in some pictures of the recording."""
    seen = np.asarray(seen)
    at = times[seen]
    n = len(seen)
    x = 100.0 + 40.0 * speed * at
    kp2d = np.concatenate([np.stack([x, np.full(n, 200.0), np.full(n, 0.9)], axis=1)[:, None]] * 17, axis=1)
    return PersonTrack(
        pictures=seen,
        boxes=np.stack([x - 30, np.full(n, 100.0), x + 30, np.full(n, 300.0)], axis=1),
        kp2d=kp2d,
        foot_kp2d=kp2d[:, :4],
        landmarks_w=np.zeros((n, 33, 3)),
        kp_trust=np.ones((n, 21)),
        flags=np.full(n, flags),
    )


def recording_of(times, *shots, repeated=()):
    """Shots given as (first, end, tracks)."""
    n = len(times)
    return Recording(
        image_size=(640, 360),
        K=default_intrinsics(640, 360),
        K_source="default",
        native_fps=RATE,
        times=times,
        repeated_times=np.array(repeated),
        R_w2c=np.broadcast_to(np.eye(3), (n, 3, 3)),
        zoom=np.ones(n),
        camera_flags=np.zeros(n),
        shots=tuple(Shot(first=f, end=e, people=tuple(people)) for f, e, people in shots),
    )


def whole_with(**facts):
    return Clip.of(Source(path="kata.mp4", sha256="0" * 64, facts=SourceFacts(**facts)))


@pytest.fixture
def times():
    return np.arange(300) / RATE


def test_one_shot_with_one_person_is_the_video_itself(times):
    """Its name must not hang on the frame in which the person comes into sight."""
    recording = recording_of(times, (0, 300, [track_at(times, range(7, 290))]))
    whole = whole_with()
    assert cut_clips(recording, whole, ClipConfig()) == [whole]
    evidence = evidence_of(recording, whole, ClipConfig())
    assert evidence.timestamps[0] == pytest.approx(7 / RATE)
    assert evidence.timestamps[-1] == pytest.approx(289 / RATE)
    np.testing.assert_allclose(evidence.kp2d[:, 0, 0], 100 + 40 * evidence.timestamps, atol=1e-3)


def test_a_zoom_does_not_reach_the_evidence(times):
    """The estimator takes one focal length; all that a zoom changes is the scale about the principal point."""
    zoom = 1.0 + 0.6 * np.clip((times - 2.0) / 3.0, 0.0, 1.0)
    plain = recording_of(times, (0, 300, [track_at(times, range(300))]))
    (shot,), c = plain.shots, plain.K[:2, 2]
    track, factor = shot.people[0], zoom[:, None, None]

    def zoomed(points):
        return np.concatenate([(points[..., :2] - c) * factor + c, points[..., 2:]], axis=2)

    seen = replace(
        track,
        kp2d=zoomed(track.kp2d),
        foot_kp2d=zoomed(track.foot_kp2d),
        boxes=zoomed(track.boxes.reshape(-1, 2, 2)).reshape(-1, 4),
    )
    recording = replace(plain, zoom=zoom, shots=(replace(shot, people=(seen,)),))
    found, expected = (evidence_of(r, whole_with(), ClipConfig()) for r in (recording, plain))
    for name in ("kp2d", "foot_kp2d", "boxes"):
        np.testing.assert_allclose(getattr(found, name), getattr(expected, name), atol=1e-3)
    k = 130
    now = 1.0 + 0.6 * (found.timestamps[k] - 2.0) / 3.0
    back = found.in_picture(found.kp2d[k, :, :2], k)  # what is drawn on the video's own picture
    np.testing.assert_allclose(back, (expected.kp2d[k, :, :2] - c) * now + c, atol=0.1)


def test_each_shot_is_a_clip_of_its_own(times):
    people = [track_at(times, range(0, 120)), track_at(times, range(120, 300))]
    recording = recording_of(times, (0, 120, people[:1]), (120, 300, people[1:]))
    clips = cut_clips(recording, whole_with(), ClipConfig())
    assert [clip.span_s for clip in clips] == [(0.0, round(119 / RATE, 3)), (4.0, round(299 / RATE, 3))]
    assert len({clip.id for clip in clips}) == 2
    assert all(clip.parent == clip.whole.id for clip in clips)
    second = evidence_of(recording, clips[1], ClipConfig())
    assert second.timestamps[0] == pytest.approx(4.0, abs=1e-6)
    np.testing.assert_array_equal(second.R_w2c[0], np.eye(3))


def test_main_is_one_person_and_all_is_everyone_long_enough(times):
    people = [track_at(times, range(300)), track_at(times, range(60, 240)), track_at(times, range(10))]
    recording = recording_of(times, (0, 300, people))
    assert [clip.person for clip in cut_clips(recording, whole_with(), ClipConfig())] == [0]
    assert [c.person for c in cut_clips(recording, whole_with(), ClipConfig(people="all"))] == [0, 1]
    assert [c.person for c in cut_clips(recording, whole_with(people="all"), ClipConfig())] == [0, 1]


def test_who_leaves_and_returns_is_two_clips(times):
    """What happened during a long absence is unknown; a short one is bridged and marked."""
    away = track_at(times, [*range(0, 100), *range(150, 300)])
    spans = [clip.span_s for clip in cut_clips(recording_of(times, (0, 300, [away])), whole_with(), ClipConfig())]
    assert spans == [(0.0, round(99 / RATE, 3)), (5.0, round(299 / RATE, 3))]
    short = recording_of(times, (0, 300, [track_at(times, [*range(0, 100), *range(115, 300)])]))
    whole = whole_with()
    assert cut_clips(short, whole, ClipConfig()) == [whole]
    evidence = evidence_of(short, whole, ClipConfig())
    absent = (evidence.flags & FrameFlag.NO_PERSON) > 0
    assert 14 <= absent.sum() <= 16
    assert (evidence.kp2d[absent, :, 2] == 0).all() and (evidence.kp_trust[absent] == 0).all()


def test_spans_to_use_and_to_leave(times):
    track = track_at(times, range(300))
    assert spans_of(track, times, ClipConfig(), use_s=[(1.0, 3.0), (5.0, 99.0)]) == [(1.0, 3.0), (5.0, 9.967)]
    assert spans_of(track, times, ClipConfig(), leave_s=[(2.0, 4.0)]) == [(0.0, 2.0), (4.0, 9.967)]
    assert spans_of(track, times, ClipConfig(), use_s=[(1.0, 6.0)], leave_s=[(0.0, 2.0)]) == [(2.0, 6.0)]
    assert spans_of(track, times, ClipConfig(), leave_s=[(0.0, 99.0)]) == []


def test_a_long_appearance_is_split_where_the_person_is_calm():
    """Pieces follow each other without a gap and none is longer than allowed."""
    times = np.arange(3000) / RATE
    track = track_at(times, range(3000))
    kp2d = track.kp2d.copy()
    pause = (times > 44.0) & (times < 48.0)
    path = np.cumsum(np.where(pause, 0.0, 5.0))
    kp2d[:, :, 0] = path[:, None]
    calm = PersonTrack(
        pictures=track.pictures,
        boxes=track.boxes,
        kp2d=kp2d,
        foot_kp2d=track.foot_kp2d,
        landmarks_w=track.landmarks_w,
        kp_trust=track.kp_trust,
        flags=track.flags,
    )
    spans = spans_of(calm, times, ClipConfig(max_s=80.0))
    assert len(spans) == 2
    assert 44.0 < spans[0][1] < 48.0
    assert spans[0][1] == spans[1][0]
    many = spans_of(track, times, ClipConfig(max_s=9.0))
    assert max(end - start for start, end in many) <= 9.0
    assert (many[0][0], many[-1][1]) == (0.0, round(float(times[-1]), 3))


@pytest.mark.parametrize("tracks", [[], [range(20)]])
def test_nobody_for_long_enough_is_said_with_the_longest(times, tracks):
    recording = recording_of(times, (0, 300, [track_at(times, seen) for seen in tracks]))
    with pytest.raises(NoPersonFound, match=r"kata\.mp4: a person was seen for only 0\.[06] s"):
        cut_clips(recording, whole_with(), ClipConfig())


def test_doubts_of_either_neighbour_are_doubts_of_the_frame_between(times):
    """A frame between a good and a bad picture is not better than the bad one."""
    seen = np.arange(300)
    track = track_at(times, seen)
    flags, trust = np.zeros(300), np.ones((300, 21))
    flags[100], trust[100, 9] = FrameFlag.BLURRED, 0.2
    doubtful = PersonTrack(
        pictures=seen,
        boxes=track.boxes,
        kp2d=track.kp2d,
        foot_kp2d=track.foot_kp2d,
        landmarks_w=track.landmarks_w,
        kp_trust=trust,
        flags=flags,
    )
    recording = recording_of(times, (0, 300, [doubtful]))
    evidence = evidence_of(recording, whole_with(), ClipConfig(fps=50.0))
    about = np.abs(evidence.timestamps - 100 / RATE) < 1 / RATE - 1e-6
    np.testing.assert_array_equal((evidence.flags & FrameFlag.BLURRED) > 0, about)
    np.testing.assert_allclose(evidence.kp_trust[:, 9], np.where(about, 0.2, 1.0), atol=1e-6)


def test_a_repeated_picture_is_time_without_news(times):
    """12 pictures a second told twice are 12 a second: in between lies an interpolation, marked as a repetition."""
    new = np.arange(0, 300, 2) / 24.0
    recording = recording_of(new, (0, 150, [track_at(new, range(150))]), repeated=np.arange(1, 300, 2) / 24.0)
    evidence = evidence_of(recording, whole_with(), ClipConfig(fps=24.0))
    repeated = (evidence.flags & FrameFlag.REPEATED) > 0
    np.testing.assert_array_equal(repeated, np.arange(len(evidence)) % 2 == 1)
    np.testing.assert_allclose(evidence.kp2d[:, 0, 0], 100 + 40 * evidence.timestamps, atol=1e-3)


def test_a_motion_file_is_one_clip_or_the_spans_to_use():
    assert cut_motion(10.0, whole_with(), ClipConfig()) == [whole_with()]
    clips = cut_motion(10.0, whole_with(use_s=((1.0, 4.0),), leave_s=((2.0, 2.5),)), ClipConfig())
    assert [clip.span_s for clip in clips] == [(1.0, 2.0), (2.5, 4.0)]
    with pytest.raises(NoPersonFound):
        cut_motion(10.0, whole_with(use_s=((11.0, 14.0),)), ClipConfig())


def test_shots_must_cover_the_pictures(times):
    with pytest.raises(InvalidArray, match="shots: do not cover"):
        recording_of(times, (0, 100, []), (120, 300, []))


@pytest.mark.parametrize(("name", "value"), [("fps", 0.0), ("fps", float("nan")), ("min_s", -1.0), ("max_s", 1.5)])
def test_settings_out_of_range_are_refused(name, value):
    with pytest.raises(InvalidArray, match=name):
        ClipConfig(**{name: value})
