"""Turns a row of video pictures into the same pictures, each marked where a shot begins and where nothing new is shown.

A cut is where pictures before and after show different places although those on either side show the same one. A fast
pan, a zoom and somebody who passes close fail the second half of that, a camera flash the first: the picture after it
is like the one before it. Small thumbnails do for both, see :mod:`pipeline.video.likeness`. Only hard cuts and cuts
through black are found; a dissolve is not.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from itertools import chain, islice, pairwise

import numpy as np
from jaxtyping import UInt8

from pipeline.video.decode import VideoFrameRgb
from pipeline.video.likeness import is_blank, likeness, local_change, thumbnail

LOOK_AHEAD = 6
"""Pictures that are held back at most until it is known what comes after them."""

_SAME_PLACE = 0.8  # pictures more alike than this are never parted by a cut
_WEIGHT_ACROSS, _CUT_MARGIN = 0.5, 0.55  # fitted on rendered montages, apart from the benchmark's
_NEIGHBOURS = 2  # pairs on either side that tell how alike pictures are without a cut
_DISTINCT_AHEAD = 3  # pictures after a cut that must differ from the one before it: a flash lasts one or two

_UNCHANGED = 1.5  # of the most changed patch, with a coarsely compressed picture repeated [grey levels]
_MOVING = 4.0  # of the most changed patch, in pictures with motion worth the name [grey levels]
_STOPS_DEAD = 0.25  # a repeat changes this little, next to what its neighbours change
_RECENT_S = 0.5  # pictures farther apart than this are no motion that could stop dead


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MarkedPicture:
    """A picture, and what it is in the row of pictures."""

    frame: VideoFrameRgb
    """The picture."""
    starts_shot: bool
    """Whether it is the first of its shot; so is the first of the video."""
    repeats: bool
    """Whether it shows nothing new against the one before, while there is motion on either side of it."""


@dataclass(slots=True, eq=False)
class _Seen:
    """A picture on its way, with what was measured on it."""

    frame: VideoFrameRgb
    thumb: UInt8[np.ndarray, "rows columns"]
    change: float
    """Largest local change against the picture before [grey levels]."""
    is_blank: bool
    likeness_to: dict[float, float] = field(default_factory=dict)
    """Likeness to earlier pictures by their time, once asked for."""


def mark_pictures(frames: Generator[VideoFrameRgb, None, None]) -> Generator[MarkedPicture, None, None]:
    """Yield each picture with its marks, at most :data:`LOOK_AHEAD` pictures late.

    A run of pictures repeats the one before it if motion stops dead before the run and goes on at once after it: the
    last change before and the first after are each four times what changes within. Pictures of a person who stands
    still, or slows down into a hold, are no repeats, with or without noise. A stream that stays frozen beyond what is
    looked ahead is judged by how it stopped.

    Args:
        frames: Pictures in the order of their times; closed with this generator.
    """
    marker = _Marker()
    with closing(frames):
        for frame in frames:
            marker.take(frame)
            while marker.is_ready:
                yield marker.give()
        while marker.ahead:
            yield marker.give()


class _Marker:
    """Holds the few pictures about the one that is being judged."""

    def __init__(self) -> None:
        self.ahead: deque[_Seen] = deque()
        self._newest: UInt8[np.ndarray, "rows columns"] | None = None
        self._places: deque[_Seen] = deque(maxlen=_NEIGHBOURS + 1)  # given, not blank, each unlike the one before
        self._moves: deque[tuple[float, float]] = deque(maxlen=32)  # time and change of given pictures but repeats
        self._is_first = True

    def take(self, frame: VideoFrameRgb) -> None:
        """Measure the next picture."""
        thumb = thumbnail(frame.rgb)
        change = 255.0 if self._newest is None else local_change(self._newest, thumb)
        self._newest = thumb
        self.ahead.append(_Seen(frame=frame, thumb=thumb, change=change, is_blank=is_blank(thumb)))

    @property
    def is_ready(self) -> bool:
        """Whether enough pictures are known beyond the oldest that is not given yet."""
        return len(self.ahead) > LOOK_AHEAD or len(_distinct(self.ahead)) > _DISTINCT_AHEAD

    def give(self) -> MarkedPicture:
        """Judge and return the oldest picture."""
        starts = self._is_first or self._starts_shot()
        repeats = not starts and self._repeats()
        seen = self.ahead.popleft()
        if starts:
            self._places.clear()
        if not seen.is_blank and (starts or seen.change > _UNCHANGED or not self._places):
            self._places.append(seen)
        if not repeats:
            self._moves.append((seen.frame.time_s, 0.0 if starts else seen.change))
        self._is_first = False
        return MarkedPicture(frame=seen.frame, starts_shot=starts, repeats=repeats)

    def _starts_shot(self) -> bool:
        now = self.ahead[0]
        if now.is_blank or not self._places or _likeness(self._places[-1], now) > _SAME_PLACE:
            return False
        before, after = list(self._places), _distinct(self.ahead)[: _DISTINCT_AHEAD + 1]
        across = [_likeness(a, b) for a, b in chain(((before[-1], b) for b in after), ((a, now) for a in before[:-1]))]
        within = [_likeness(a, b) for a, b in chain(pairwise(before), pairwise(after[: _NEIGHBOURS + 1]))]
        typical = float(np.mean(within)) if within else 1.0
        return typical - _WEIGHT_ACROSS * max(across) > _CUT_MARGIN

    def _repeats(self) -> bool:
        now, moves = self.ahead[0], list(self._moves)
        if now.change > _UNCHANGED or not moves:
            return False
        stopped_at, last = moves.pop()
        if not any(change > _MOVING and stopped_at - time < _RECENT_S for time, change in moves):
            return False
        still, about = [now.change], [last]
        for later in islice(self.ahead, 1, None):
            if later.change > _UNCHANGED:
                about.append(later.change)
                break
            still.append(later.change)
        return min(about) > _MOVING and max(still) <= _STOPS_DEAD * min(about)


def _distinct(pictures: Sequence[_Seen] | deque[_Seen]) -> list[_Seen]:
    """Return the pictures that show something, and something new; the first in any case."""
    return [seen for k, seen in enumerate(pictures) if k == 0 or (seen.change > _UNCHANGED and not seen.is_blank)]


def _likeness(before: _Seen, after: _Seen) -> float:
    time = before.frame.time_s
    if time not in after.likeness_to:
        after.likeness_to[time] = likeness(before.thumb, after.thumb)
    return after.likeness_to[time]
