"""Turns what was seen of everybody, picture by picture, into pieces that each show one person."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Float32, Int

from pipeline.video.appearance import distance, mean_appearance
from pipeline.video.ssd import covered_share

CROWDED_SHARE = 0.3
"""Share of somebody's box from which on others in it are in the way."""

HEIGHTS_PER_SQUARE = 1.5
"""Side of the square round a person over the person's height, standing."""

_MARGIN_PICTURES = 2
_VELOCITY_S = 0.5
_WINDOW = 10
_FEWEST = 4
_OTHER_PERSON = 0.45
_OTHER_PERSON_NEAR = 0.35
_JUMP = 0.2


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sightings:
    """Everybody seen in one shot; rows in the order of pictures."""

    picture: Int[np.ndarray, " rows"]
    """Index of the picture in the shot."""
    tracklet: Int[np.ndarray, " rows"]
    """Number under which somebody was followed."""
    box: Float[np.ndarray, "rows 4"]
    """Box round all landmarks x0, y0, x1, y1 [px]."""
    center: Float[np.ndarray, "rows 2"]
    """Middle of the hips [px]."""
    size: Float[np.ndarray, " rows"]
    """Side of the square round the person [px]."""
    score: Float[np.ndarray, " rows"]
    """Confidence in [0, 1]."""
    appearance: Float32[np.ndarray, "rows 3 21"]
    """As :func:`pipeline.video.appearance.describe` gives it."""
    contested: Bool[np.ndarray, " rows"]
    """Whether two who were followed had become one about then."""

    def __len__(self) -> int:
        """Return the number of sightings."""
        return len(self.picture)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Piece:
    """An unbroken part of one tracklet that shows one person."""

    rows: Int[np.ndarray, " rows"]
    """Its sightings."""
    pictures: Int[np.ndarray, " rows"]
    """Their pictures."""
    sure: Int[np.ndarray, " sure"]
    """Those of them with nobody else near; all, if there is none such."""
    is_clean: bool
    """Whether there is any such."""
    begins_s: float
    """Time of the first sighting [s]."""
    ends_s: float
    """Time of the last [s]."""
    start_s: float
    """Time of the first sure one [s]."""
    end_s: float
    """Time of the last sure one [s]."""
    start_pos: Float[np.ndarray, " 2"]
    """Place at the first sure one [px]."""
    end_pos: Float[np.ndarray, " 2"]
    """Place at the last sure one [px]."""
    start_velocity: Float[np.ndarray, " 2"]
    """[px/s]"""
    end_velocity: Float[np.ndarray, " 2"]
    """[px/s]"""
    moves_surely: bool
    """Whether it is long enough for its velocities to be known."""
    start_height: float
    """Height of the person at the start [px]."""
    end_height: float
    """Height of the person at the end [px]."""
    looks: Float[np.ndarray, "3 21"]
    """Mean appearance."""


def crowded_rows(sightings: Sightings) -> Bool[np.ndarray, " rows"]:
    """Return which sightings have a good part of their box covered by somebody else's, or are contested."""
    crowded = np.array(sightings.contested)
    starts = np.flatnonzero(np.diff(sightings.picture, prepend=-1))
    for start, end in zip(starts, [*starts[1:], len(sightings)], strict=True):
        if end - start > 1:
            boxes = sightings.box[start:end]
            shared = np.stack([covered_share(boxes, other) for other in boxes], axis=1)
            np.fill_diagonal(shared, 0.0)
            crowded[start:end] |= shared.max(axis=1) > CROWDED_SHARE
    return crowded


def rows_before_hidden(
    sightings: Sightings, crowded: Bool[np.ndarray, " rows"], times: Float[np.ndarray, " pictures"], longest_s: float
) -> Bool[np.ndarray, " rows"]:
    """Return which sightings lie where somebody was lost beside somebody else, up to ``longest_s`` ago.

    Who is seen there may have the lost one behind them, though nobody else is seen near.
    """
    hiding = np.zeros(len(sightings), dtype=bool)
    at = times[sightings.picture]
    _, last_from_end = np.unique(sightings.tracklet[::-1], return_index=True)
    for lost in len(sightings) - 1 - last_from_end:
        if crowded[lost]:
            rows = np.flatnonzero((at > at[lost]) & (at <= at[lost] + longest_s))
            hiding[rows] |= covered_share(sightings.box[rows], sightings.box[lost]) > CROWDED_SHARE
    return hiding


def cut_into_pieces(
    sightings: Sightings,
    crowded: Bool[np.ndarray, " rows"],
    hiding: Bool[np.ndarray, " rows"],
    times: Float[np.ndarray, " pictures"],
) -> list[Piece]:
    """Return the tracklets, cut where one person's square slid onto somebody else; in the order of time.

    Args:
        sightings: Everybody seen.
        crowded: As :func:`crowded_rows` gives it.
        hiding: As :func:`rows_before_hidden` gives it.
        times: Time of each picture [s].
    """
    pieces = []
    for number in np.unique(sightings.tracklet):
        rows = np.flatnonzero(sightings.tracklet == number)
        near = np.convolve(crowded[rows], np.ones(2 * _MARGIN_PICTURES + 1), mode="full") > 0
        doubtful = near[_MARGIN_PICTURES : _MARGIN_PICTURES + len(rows)]
        for first, end in _one_person_spans(sightings, rows, doubtful, hiding[rows]):
            pieces.append(_piece(sightings, rows[first:end], doubtful[first:end], times))
    return sorted(pieces, key=lambda piece: (piece.begins_s, int(piece.rows[0])))


def _one_person_spans(
    sightings: Sightings,
    rows: Int[np.ndarray, " rows"],
    doubtful: Bool[np.ndarray, " rows"],
    hiding: Bool[np.ndarray, " rows"],
) -> list[tuple[int, int]]:
    """Cut a tracklet where looks change from one moment to the next; people do not, but squares slide."""
    clean = np.flatnonzero(~doubtful)
    if len(clean) < 2 * _FEWEST:
        return [(0, len(rows))]
    histograms = sightings.appearance[rows[clean]].astype(np.float64) ** 2
    total = np.concatenate([np.zeros((1, *histograms.shape[1:])), np.cumsum(histograms, axis=0)])
    cuts = np.arange(_FEWEST, len(clean) - _FEWEST + 1)
    low, high = np.maximum(cuts - _WINDOW, 0), np.minimum(cuts + _WINDOW, len(clean))
    before = np.sqrt(np.maximum(total[cuts] - total[low], 0.0) / (cuts - low)[:, None, None])
    after = np.sqrt(np.maximum(total[high] - total[cuts], 0.0) / (high - cuts)[:, None, None])
    enough = np.where(_may_have_slid(sightings, rows, clean, hiding)[cuts], _OTHER_PERSON_NEAR, _OTHER_PERSON)
    change = distance(before, after)
    if (change < enough).all():
        return [(0, len(rows))]
    best = int(np.argmax(np.where(change >= enough, change, -1.0)))
    doubt = range(int(clean[cuts[best] - 1]) + 1, int(clean[cuts[best]]))
    cut = doubt.start + _cut_among(sightings.appearance[rows[doubt.start : doubt.stop]], before[best], after[best])
    left = _one_person_spans(sightings, rows[:cut], doubtful[:cut], hiding[:cut])
    right = _one_person_spans(sightings, rows[cut:], doubtful[cut:], hiding[cut:])
    return left + [(cut + first, cut + end) for first, end in right]


def _may_have_slid(
    sightings: Sightings,
    rows: Int[np.ndarray, " rows"],
    clean: Int[np.ndarray, " clean"],
    hiding: Bool[np.ndarray, " rows"],
) -> Bool[np.ndarray, " cuts"]:
    """Return between which clean sightings others were near or hidden, or the square jumped; both ends count as not."""
    jump = np.hypot(*np.diff(sightings.center[rows[clean]], axis=0).T) > _JUMP * sightings.size[rows[clean[1:]]]
    hidden = hiding[clean[1:]]
    # Beside somebody hidden a few pictures of two mixed bodies look like a third: the change must last.
    hidden[: _WINDOW - 1] = hidden[len(hidden) - _WINDOW + 1 :] = False
    return np.concatenate([[False], (np.diff(clean) > 1) | hidden | jump, [False]])


def _cut_among(
    between: Float32[np.ndarray, "rows 3 21"], before: Float[np.ndarray, "3 21"], after: Float[np.ndarray, "3 21"]
) -> int:
    """Return how many of some doubtful sightings still show the person before rather than the one after."""
    gain = distance(between, before[None]) - distance(between, after[None])
    return int(np.argmin(np.concatenate([[0.0], np.cumsum(gain)])))


def _piece(
    sightings: Sightings,
    rows: Int[np.ndarray, " rows"],
    doubtful: Bool[np.ndarray, " rows"],
    times: Float[np.ndarray, " pictures"],
) -> Piece:
    is_clean = not doubtful.all()
    sure = rows[~doubtful] if is_clean else rows
    at = times[sightings.picture]
    start_s, end_s = float(at[sure[0]]), float(at[sure[-1]])
    opening, closing = sure[at[sure] <= start_s + _VELOCITY_S], sure[at[sure] >= end_s - _VELOCITY_S]
    start_pos, start_velocity = _line(at[opening] - start_s, sightings.center[opening])
    end_pos, end_velocity = _line(at[closing] - end_s, sightings.center[closing])
    return Piece(
        rows=rows,
        pictures=sightings.picture[rows],
        sure=sure,
        is_clean=is_clean,
        begins_s=float(at[rows[0]]),
        ends_s=float(at[rows[-1]]),
        start_s=start_s,
        end_s=end_s,
        start_pos=start_pos,
        end_pos=end_pos,
        start_velocity=start_velocity,
        end_velocity=end_velocity,
        moves_surely=len(sure) >= _FEWEST,
        start_height=float(np.median(sightings.size[opening])) / HEIGHTS_PER_SQUARE,
        end_height=float(np.median(sightings.size[closing])) / HEIGHTS_PER_SQUARE,
        looks=mean_appearance(sightings.appearance[sure], np.ones(len(sure))),
    )


def _line(
    t: Float[np.ndarray, " n"], pos: Float[np.ndarray, "n 2"]
) -> tuple[Float[np.ndarray, " 2"], Float[np.ndarray, " 2"]]:
    """Fit a straight motion; returns place at t = 0 and velocity, which a few sightings do not show."""
    spread = float(((t - t.mean()) ** 2).sum())
    if len(t) < _FEWEST or spread < 1e-6:
        return pos[np.argmin(np.abs(t))], np.zeros(2)
    velocity = ((t - t.mean())[:, None] * pos).sum(axis=0) / spread
    return pos.mean(axis=0) - velocity * t.mean(), velocity
