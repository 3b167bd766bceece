"""Turns short tracks of people, broken wherever people met, into the persons they belong to.

Pieces are joined where motion and looks agree: each end is carried on at its own velocity to the other's time, and
all joins of a neighbourhood are chosen together as one assignment (Huang, Wu & Nevatia, "Robust object tracking by
hierarchical association of detection responses", ECCV 2008). So of two people who pass each other in equal clothes,
each goes on in their own direction. After a longer absence only looks can tell, and only where nobody else present
looks alike. All costs are squared deviations over their standard deviation.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Float32, Int
from scipy.optimize import linear_sum_assignment
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from pipeline.video.appearance import distance, mean_appearance
from pipeline.video.ssd import covered_share
from pipeline.video.tracklets import (
    CROWDED_SHARE,
    Piece,
    Sightings,
    crowded_rows,
    cut_into_pieces,
    rows_before_hidden,
)

_NO_LINK = 9.0
_LONGEST_LINK = 2.0
"""Gaps that may be bridged in motion's place by knowing who is who; two people who pass hide each other for long."""
_PLACE_SD = 0.08
"""Heights by which a person's place is unsure at once, and"""
_DRIFT_SD = 0.4
"""how many more after a second, because people do not keep their velocity."""
_VELOCITY_SD = 0.6
"""Heights per second."""
_SIZE_SD = 0.25
"""Of the logarithm of the size."""
_LOOKS_SD = 0.2
_SURELY_SAME = 0.25
_CLEARLY_MORE = 0.15
_ENOUGH_ROWS = 5
_HOLDS_AS_OWN = 0.45


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Person:
    """Somebody in one shot: the pictures in which they are seen, which may leave gaps of any length."""

    pictures: Int[np.ndarray, " seen"]
    """Indices of the shot's pictures, rising."""
    tracklets: Int[np.ndarray, " seen"]
    """The number under which they were reported in each."""
    crowded: Bool[np.ndarray, " seen"]
    """Whether somebody else covers a good part of their box, or it was open who is who."""


def link_people(sightings: Sightings, times: Float[np.ndarray, " pictures"], max_gap_s: float) -> list[Person]:
    """Return the persons that sightings belong to: of most weight (size x confidence x pictures) first.

    Args:
        sightings: Everybody seen, under the number they were followed by.
        times: Time of each picture [s].
        max_gap_s: Absences up to twice this long are bridged by motion and looks; longer ones by looks that leave no
            doubt.
    """
    if len(sightings) == 0:
        return []
    crowded = crowded_rows(sightings)
    longest_s = _LONGEST_LINK * max_gap_s
    hiding = rows_before_hidden(sightings, crowded, times, longest_s)
    pieces = cut_into_pieces(sightings, crowded, hiding, times)
    chains = _reunite(_chains(pieces, max_gap_s), pieces)
    chains = [chain for chain in chains if not _is_mixture([pieces[i] for i in chain], crowded | hiding, max_gap_s)]
    looks = [_looks_of([pieces[i] for i in chain]) for chain in chains]
    rows = [
        _rows_of([pieces[i] for i in chain], sightings, hiding, looks, number) for number, chain in enumerate(chains)
    ]
    rows.sort(key=lambda r: -float((sightings.score[r] * sightings.size[r]).sum()))
    crowded |= _hiding_rows(rows, sightings, times, longest_s)
    return [Person(pictures=sightings.picture[r], tracklets=sightings.tracklet[r], crowded=crowded[r]) for r in rows]


def _hiding_rows(
    persons: list[Int[np.ndarray, " seen"]],
    sightings: Sightings,
    times: Float[np.ndarray, " pictures"],
    longest_s: float,
) -> Bool[np.ndarray, " rows"]:
    """Return which sightings cover the place where somebody else must be who is not seen just then."""
    hiding = np.zeros(len(sightings), dtype=bool)
    for rows in persons:
        pictures = sightings.picture[rows]
        gaps = (np.diff(pictures) > 1) & (np.diff(times[pictures]) <= longest_s)
        for before, after in zip(rows[:-1][gaps], rows[1:][gaps], strict=True):
            first, last = sightings.picture[before], sightings.picture[after]
            inside = np.flatnonzero((sightings.picture > first) & (sightings.picture < last))
            span = float(times[last] - times[first])
            share = (times[sightings.picture[inside]] - times[first]) / max(span, 1e-9)
            boxes = sightings.box[before] + share[:, None] * (sightings.box[after] - sightings.box[before])
            hiding[inside] |= covered_share(sightings.box[inside], boxes) > CROWDED_SHARE
    return hiding


def link_cost(a: Piece, b: Piece) -> float:
    """Return how unlikely it is that one person is seen in ``a`` and then in ``b``, in squared standard deviations."""
    dt = b.start_s - a.end_s
    height = (a.end_height + b.start_height) / 2
    place_sd = height * (_PLACE_SD + _DRIFT_SD * dt)
    ahead = a.end_pos + a.end_velocity * dt - b.start_pos
    back = b.start_pos - b.start_velocity * dt - a.end_pos
    place = (ahead @ ahead + back @ back) / (2 * place_sd**2)
    change = b.start_velocity - a.end_velocity
    velocity = (change @ change) / (height * (_VELOCITY_SD + dt)) ** 2 if a.moves_surely and b.moves_surely else 0.0
    size = (np.log(a.end_height / b.start_height) / _SIZE_SD) ** 2
    looks = (float(distance(a.looks, b.looks)) / _LOOKS_SD) ** 2
    return float(place + velocity + size + looks)


def _chains(pieces: list[Piece], max_gap_s: float) -> list[list[int]]:
    """Join pieces across short gaps; returns the pieces of each person in the order of time."""
    first, second, cost = _candidates(pieces, max_gap_s)
    n = len(pieces)
    following = np.full(n, -1)
    graph = coo_array((np.ones(len(first)), (first, second)), shape=(n, n))
    _, label = connected_components(graph, directed=False)
    for group in np.unique(label[first]):
        inside = label[first] == group
        _assign(first[inside], second[inside], cost[inside], following)
    chains = []
    for start in np.setdiff1d(np.arange(n), following):
        chain = [int(start)]
        while following[chain[-1]] >= 0:
            chain.append(int(following[chain[-1]]))
        chains.append(chain)
    return chains


def _candidates(
    pieces: list[Piece], max_gap_s: float
) -> tuple[Int[np.ndarray, " pairs"], Int[np.ndarray, " pairs"], Float[np.ndarray, " pairs"]]:
    """Return the pairs of pieces that may follow each other, and what it costs."""
    begins, starts = np.array([p.begins_s for p in pieces]), np.array([p.start_s for p in pieces])
    pairs: list[tuple[int, int, float]] = []
    for i, a in enumerate(pieces):
        # Their unsure ends may overlap, what is sure of them may not.
        for j in np.flatnonzero((starts > a.end_s) & (begins - a.ends_s <= _LONGEST_LINK * max_gap_s)):
            cost = link_cost(a, pieces[j])
            if cost < _NO_LINK:
                pairs.append((i, int(j), cost))
    first, second = (np.array([p[k] for p in pairs], dtype=np.int64) for k in (0, 1))
    return first, second, np.array([p[2] for p in pairs], dtype=np.float64)


def _assign(
    first: Int[np.ndarray, " pairs"],
    second: Int[np.ndarray, " pairs"],
    cost: Float[np.ndarray, " pairs"],
    following: Int[np.ndarray, " pieces"],
) -> None:
    """Choose the cheapest set of joins in which each piece has at most one before and one after it."""
    rows, row_of = np.unique(first, return_inverse=True)
    columns, column_of = np.unique(second, return_inverse=True)
    table = np.full((len(rows), len(columns) + len(rows)), 1e6)
    table[row_of, column_of] = cost
    table[np.arange(len(rows)), len(columns) + np.arange(len(rows))] = _NO_LINK  # nobody follows
    for row, column in zip(*linear_sum_assignment(table), strict=True):
        if column < len(columns):
            following[rows[row]] = columns[column]


def _reunite(chains: list[list[int]], pieces: list[Piece]) -> list[list[int]]:
    """Join those who left and came back: alike beyond doubt, and unlike everybody seen at the same time as either."""
    chains = [list(chain) for chain in chains]
    while True:
        looks = np.stack([_looks_of([pieces[i] for i in chain]) for chain in chains])
        enough = np.array([sum(len(pieces[i].sure) for i in chain) >= _ENOUGH_ROWS for chain in chains])
        meets = _meeting([np.concatenate([pieces[i].pictures for i in chain]) for chain in chains])
        apart = distance(looks[:, None], looks[None])
        best, pair = _SURELY_SAME, None
        for i, j in zip(*np.nonzero(np.triu(~meets & enough[:, None] & enough[None], 1)), strict=True):
            if apart[i, j] >= best:
                continue
            others = (meets[i] | meets[j]) & enough
            others[[i, j]] = False
            rival = np.minimum(apart[i, others], apart[j, others])
            if not (rival < apart[i, j] + _CLEARLY_MORE).any():
                best, pair = apart[i, j], (int(i), int(j))
        if pair is None:
            return chains
        i, j = pair
        chains[i] = sorted(chains[i] + chains[j], key=lambda piece: pieces[piece].start_s)
        del chains[j]


def _meeting(pictures: list[Int[np.ndarray, " seen"]]) -> Bool[np.ndarray, "persons persons"]:
    """Return who is seen in one picture with whom."""
    last = max(int(seen.max()) for seen in pictures)
    present = np.zeros((len(pictures), last + 1), dtype=np.float32)
    for row, seen in zip(present, pictures, strict=True):
        row[seen] = 1.0
    return present @ present.T > 0


def _looks_of(pieces: list[Piece]) -> Float[np.ndarray, "3 21"]:
    weights = np.array([len(piece.sure) * (1.0 if piece.is_clean else 0.1) for piece in pieces])
    return mean_appearance(np.stack([piece.looks for piece in pieces]), weights)


def _is_mixture(pieces: list[Piece], beside: Bool[np.ndarray, " rows"], longest_s: float) -> bool:
    """Whether somebody was only seen for a moment, and only where others meet: parts of two make a third."""
    rows = np.concatenate([piece.rows for piece in pieces])
    return bool(beside[rows].all()) and pieces[-1].ends_s - pieces[0].begins_s < longest_s


def _rows_of(
    pieces: list[Piece],
    sightings: Sightings,
    hiding: Bool[np.ndarray, " rows"],
    looks: list[Float[np.ndarray, "3 21"]],
    number: int,
) -> Int[np.ndarray, " seen"]:
    """Return the rows of one person, one a picture; where it may be somebody else, those that look like them."""
    chosen: dict[int, int] = {}
    for piece in pieces:
        sure = np.isin(piece.rows, piece.sure) & ~hiding[piece.rows]
        between = (piece.rows > piece.sure[0]) & (piece.rows < piece.sure[-1]) & ~hiding[piece.rows]
        own = (
            sure
            | between
            | (_looks_own(sightings.appearance[piece.rows], looks, number) & ~sightings.contested[piece.rows])
        )
        for row, is_sure in zip(piece.rows[own].tolist(), sure[own].tolist(), strict=True):
            picture = int(sightings.picture[row])
            if picture not in chosen or is_sure:
                chosen[picture] = row
    return np.array([chosen[picture] for picture in sorted(chosen)], dtype=np.int64)


def _looks_own(
    appearance: Float32[np.ndarray, "rows 3 21"], looks: list[Float[np.ndarray, "3 21"]], number: int
) -> Bool[np.ndarray, " rows"]:
    """Return which sightings look like this person rather than like one of the others."""
    apart = distance(appearance[:, None], np.stack(looks)[None])
    others = np.delete(apart, number, axis=1)
    nearest = others.min(axis=1) if others.shape[1] else np.full(len(apart), 1.0)
    return (apart[:, number] < _HOLDS_AS_OWN) & (apart[:, number] <= nearest + _CLEARLY_MORE)
