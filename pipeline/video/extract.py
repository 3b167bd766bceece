"""Turns one clip of a recording into its evidence: one person at a fixed rate, with doubtful frames marked."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float, Int, UInt16

from pipeline.clip import Clip
from pipeline.evidence import Evidence, FrameFlag
from pipeline.exceptions import NoPersonFound
from pipeline.video.clipping import ClipConfig
from pipeline.video.recording import PersonTrack, Recording
from pipeline.video.resample import (
    lies_between,
    neighbours,
    resample_confidence,
    resample_rotations,
    resample_values,
    uniform_times,
)
from pipeline.video.zoom import undo_zoom

_LONGEST_CURVE_STEPS = 2.5
_LOW_CONFIDENCE = 0.5
_SAME_TIME_S = 2e-3  # spans are written to the millisecond


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Appearance:
    """The part of a track that a clip covers."""

    first: int
    """First picture of its shot."""
    end: int
    track: PersonTrack
    seen: Int[np.ndarray, " part"]
    """Which of the track's pictures."""


def evidence_of(recording: Recording, clip: Clip, config: ClipConfig) -> Evidence:
    """Return what a recording says of a clip's person, from their first to their last picture in its span.

    Where the lens zoomed, keypoints and boxes are where the focal length of the shot's first picture, that of ``K``,
    would have put them. The confidence of a keypoint is zero while the person is out of sight (``NO_PERSON``), and its
    trust too.

    Args:
        recording: Of the clip's source.
        clip: Span and person; without a span it is all of the one shot.
        config: Rate of the evidence.

    Raises:
        NoPersonFound: The recording shows no such person in the span.
    """
    appearance = _find(recording, clip)
    track, seen = appearance.track, appearance.seen
    frames = track.pictures[seen]
    seen_at = recording.times[frames]
    times = uniform_times(seen_at[0], seen_at[-1], config.fps)
    native = slice(appearance.first, appearance.end)
    native_times = recording.times[native]
    is_seen = np.zeros(len(native_times), dtype=bool)
    is_seen[frames - appearance.first] = True
    before, after = neighbours(native_times, times)
    absent = ~(is_seen[before] & is_seen[after])

    def on_times(values: Float[np.ndarray, " seen *dims"]) -> Float[np.ndarray, " frames *dims"]:
        return resample_values(seen_at, values, times, _LONGEST_CURVE_STEPS / recording.native_fps)

    def pixels(native: Float[np.ndarray, "seen points 2"]) -> Float[np.ndarray, "frames points 2"]:
        return on_times(undo_zoom(native.astype(np.float64), recording.zoom[frames], recording.K))

    def keypoints(native: Float[np.ndarray, "seen points 3"]) -> Float[np.ndarray, "frames points 3"]:
        confidence = resample_confidence(seen_at, native[..., 2].astype(np.float64), times) * ~absent[:, None]
        return np.concatenate([pixels(native[..., :2]), confidence[..., None]], axis=2)

    kp2d = keypoints(track.kp2d[seen])
    camera = recording.camera_flags[native]
    flags = _of_both(seen_at, track.flags[seen], times) | camera[before] | camera[after]
    flags |= _time_flags(recording, native_times, times, config.fps)
    doubtful = ((kp2d[..., 2] < _LOW_CONFIDENCE).mean(axis=1) > 0.5) & ~absent
    flags |= (absent * FrameFlag.NO_PERSON | doubtful * FrameFlag.LOW_CONFIDENCE).astype(np.uint16)
    return Evidence(
        fps=config.fps,
        timestamps=times,
        native_fps=recording.native_fps,
        image_size=recording.image_size,
        K=recording.K,
        K_source=recording.K_source,
        boxes=pixels(track.boxes[seen].reshape(-1, 2, 2)).reshape(-1, 4),
        kp2d=kp2d,
        foot_kp2d=keypoints(track.foot_kp2d[seen]),
        landmarks_w=on_times(track.landmarks_w[seen].astype(np.float64)),
        R_w2c=_from_first(resample_rotations(native_times, recording.R_w2c[native], times)),
        flags=flags,
        zoom=np.interp(times, native_times, recording.zoom[native]),
        kp_trust=resample_confidence(seen_at, track.kp_trust[seen].astype(np.float64), times) * ~absent[:, None],
        undecoded_s=recording.undecoded_s,
        remarks=recording.remarks,
    )


def _find(recording: Recording, clip: Clip) -> _Appearance:
    """Find a clip's person in the shot that the clip lies in, for the most part."""
    lower, upper = (-np.inf, np.inf) if clip.span_s is None else clip.span_s
    found: list[_Appearance] = []
    for shot in recording.shots:
        if clip.person < len(shot.people):
            track = shot.people[clip.person]
            at = recording.times[track.pictures]
            seen = np.flatnonzero((at >= lower - _SAME_TIME_S) & (at <= upper + _SAME_TIME_S))
            if len(seen):
                found.append(_Appearance(first=shot.first, end=shot.end, track=track, seen=seen))
    if not found:
        raise NoPersonFound(Path(clip.source.path), seen_s=0.0)
    return max(found, key=lambda appearance: len(appearance.seen))


def _of_both(
    native: Float[np.ndarray, " seen"], flags: UInt16[np.ndarray, " seen"], times: Float[np.ndarray, " frames"]
) -> UInt16[np.ndarray, " frames"]:
    """What is doubtful about either neighbour is doubtful about what lies between them."""
    before, after = neighbours(native, times)
    return flags[before] | flags[after]


def _time_flags(
    recording: Recording, native_times: Float[np.ndarray, " native"], times: Float[np.ndarray, " frames"], fps: float
) -> UInt16[np.ndarray, " frames"]:
    between = lies_between(native_times, times, fps)
    repeated = _is_near(recording.repeated_times, times, 0.5 / fps) & between
    return (between * FrameFlag.INTERPOLATED | repeated * FrameFlag.REPEATED).astype(np.uint16)


def _is_near(
    some: Float[np.ndarray, " some"], times: Float[np.ndarray, " frames"], tolerance_s: float
) -> Bool[np.ndarray, " frames"]:
    if len(some) == 0:
        return np.zeros(len(times), dtype=bool)
    nearest = np.clip(np.searchsorted(some, times), 1, len(some) - 1) if len(some) > 1 else np.zeros(len(times), int)
    return np.minimum(np.abs(some[nearest] - times), np.abs(some[nearest - 1] - times)) <= tolerance_s


def _from_first(R_w2c: Float[np.ndarray, "frames 3 3"]) -> Float[np.ndarray, "frames 3 3"]:
    """Make the first frame's camera axes the world; a camera that never turned is the identity to the last bit."""
    if np.array_equal(R_w2c, np.broadcast_to(R_w2c[0], R_w2c.shape)):
        return np.broadcast_to(np.eye(3), R_w2c.shape)
    return R_w2c @ R_w2c[0].T
