"""Turns what was seen in a video into clips: one shot, one person, one appearance without a long absence."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from jaxtyping import Float

from pipeline.clip import Clip, People
from pipeline.exceptions import NoPersonFound
from pipeline.video.recording import PersonTrack, Recording
from robots.exceptions import InvalidArray

Span = tuple[float, float]

_CALM_SHARE = 0.2
"""Part of a piece's length, either way, within which a calmer place to end it is looked for."""
_CALM_WINDOW_S = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipConfig:
    """How a video is cut into clips, and at what rate they are given."""

    fps: float = 30.0
    """Rate of the evidence after resampling by time [1/s]."""
    people: People = "main"
    """Whom to make clips of: the main person of each shot, or all who are seen long enough."""
    min_s: float = 1.0
    """A person must be seen for at least this long [s]."""
    max_gap_s: float = 1.0
    """A person unseen for longer than this ends the clip; shorter gaps are bridged and marked [s]."""
    max_s: float = 120.0
    """What is longer is split where the person is calmest, so that memory stays bounded [s]."""

    def __post_init__(self) -> None:
        """Check ranges.

        Raises:
            InvalidArray: A number is outside its range.
        """
        for name in ("fps", "min_s", "max_gap_s", "max_s"):
            value = getattr(self, name)
            if not 0.0 < value < 1e6:
                raise InvalidArray(name, problem=f"must be positive, got {value}")
        if self.max_s < 2.0 * self.min_s:
            raise InvalidArray("max_s", problem=f"must be at least twice min_s, got {self.max_s} and {self.min_s}")


def cut_clips(recording: Recording, whole: Clip, config: ClipConfig) -> list[Clip]:
    """Return the clips of a video, in the order of shots, people and times.

    A video of one shot, in which the person is seen from one time to another, is a clip as a whole (no span), so that
    its name does not hang on the frame in which they come into sight.

    Raises:
        NoPersonFound: Nobody is seen for ``config.min_s`` in what is to be used.
    """
    facts = whole.source.facts
    clips: list[Clip] = []
    longest = 0.0
    for shot in recording.shots:
        wanted = shot.people if (facts.people or config.people) == "all" else shot.people[:1]
        for person, track in enumerate(wanted):
            spans = spans_of(track, recording.times, config, facts.use_s, facts.leave_s)
            longest = max([longest, *(end - start for start, end in spans)])
            spans = [span for span in spans if span[1] - span[0] >= config.min_s]
            is_whole = len(recording.shots) == 1 and len(spans) == 1 and not (facts.use_s or facts.leave_s)
            clips += [_clip(whole, None if is_whole else span, person) for span in spans]
    if not clips:
        raise NoPersonFound(Path(whole.source.path), seen_s=longest)
    return clips


def cut_motion(duration_s: float, whole: Clip, config: ClipConfig) -> list[Clip]:
    """Return the clips of a motion file: all of it, or the spans that are to be used, of at least ``config.min_s``.

    Raises:
        NoPersonFound: What is to be used is too short.
    """
    facts, spans = whole.source.facts, [(0.0, duration_s)]
    if not (facts.use_s or facts.leave_s):
        return [whole]
    spans = [span for span in _wanted(spans, facts.use_s, facts.leave_s) if span[1] - span[0] >= config.min_s]
    if not spans:
        raise NoPersonFound(Path(whole.source.path), seen_s=0.0)
    return [_clip(whole, (round(a, 3), round(b, 3)), 0) for a, b in spans]


def _clip(whole: Clip, span: Span | None, person: int) -> Clip:
    if span is None and person == 0:
        return whole
    return Clip.of(whole.source, span_s=span, person=person, parent=whole.id)


def spans_of(
    track: PersonTrack,
    times: Float[np.ndarray, " pictures"],
    config: ClipConfig,
    use_s: Sequence[Span] = (),
    leave_s: Sequence[Span] = (),
) -> list[Span]:
    """Return when a person is seen: split at long absences, at what the user leaves out, and where it gets too long.

    Args:
        track: The person.
        times: Time of each picture [s].
        config: Lengths and gaps.
        use_s: Spans to use; none = all [s].
        leave_s: Spans to leave out [s].
    """
    seen_at = times[track.pictures]
    if len(seen_at) == 0:
        return []
    usual_step = float(np.median(np.diff(times))) if len(times) > 1 else 0.0
    edges = np.flatnonzero(np.diff(seen_at) > max(config.max_gap_s, 1.5 * usual_step))
    spans = [
        (float(seen_at[a]), float(seen_at[b]))
        for a, b in zip([0, *(edges + 1)], [*edges, len(seen_at) - 1], strict=True)
    ]
    wanted = _wanted(spans, use_s, leave_s)
    pieces = (piece for span in wanted for piece in _split_where_calm(span, track, seen_at, config.max_s))
    return [(round(start, 3), round(end, 3)) for start, end in pieces]


def _wanted(spans: list[Span], use_s: Sequence[Span], leave_s: Sequence[Span]) -> list[Span]:
    """Keep what is to be used, without what is to be left out."""
    if use_s:
        spans = [(max(a, c), min(b, d)) for a, b in spans for c, d in sorted(use_s) if max(a, c) < min(b, d)]
    for out in leave_s:
        spans = list(_without(spans, out))
    return spans


def _without(spans: Iterable[Span], out: Span) -> Iterable[Span]:
    for start, end in spans:
        for piece in ((start, min(end, out[0])), (max(start, out[1]), end)):
            if piece[0] < piece[1]:
                yield piece


def _split_where_calm(span: Span, track: PersonTrack, seen_at: Float[np.ndarray, " seen"], max_s: float) -> list[Span]:
    """Split a long span into pieces of about one length, each ending where the person moves least."""
    start, end = span
    # Looking about for a calm place may lengthen a piece by twice the share.
    n_pieces = int(np.ceil((end - start) / max_s * (1.0 + 2.0 * _CALM_SHARE))) if end - start > max_s else 1
    if n_pieces == 1:
        return [span]
    length = (end - start) / n_pieces
    speed = _speed(track, seen_at)
    borders = [start]
    for k in range(1, n_pieces):
        near = np.flatnonzero(np.abs(seen_at - (start + k * length)) <= _CALM_SHARE * length)
        middle = start + k * length
        borders.append(float(seen_at[near[np.argmin(speed[near])]]) if len(near) else middle)
    borders.append(end)
    return list(pairwise(borders))


def _speed(track: PersonTrack, seen_at: Float[np.ndarray, " seen"]) -> Float[np.ndarray, " seen"]:
    """How fast the body moves about each picture: landmarks about the hips, and the hips in body heights [m/s]."""
    hips = track.kp2d[:, 11:13, :2].mean(axis=1)
    height = np.maximum(track.boxes[:, 3] - track.boxes[:, 1], 1.0)
    place = np.concatenate(
        [1.7 * hips / np.median(height), track.landmarks_w.reshape(len(track), -1) / 33**0.5], axis=1
    )
    moved = np.linalg.norm(np.diff(place, axis=0), axis=1) / np.maximum(np.diff(seen_at), 1e-3)
    about = np.concatenate([moved[:1], moved])
    width = max(1, round(_CALM_WINDOW_S / max(float(np.median(np.diff(seen_at))), 1e-3)))
    return np.convolve(about, np.ones(width) / width, mode="same")
