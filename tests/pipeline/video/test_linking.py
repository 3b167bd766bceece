"""Who is who in a shot, from pieces of track alone: no pictures, no networks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.video.linking import link_people
from pipeline.video.tracklets import Sightings

FPS = 30.0
HEIGHT = 300.0
RED, BLUE, GREEN, WHITE = 0, 2, 4, 18
REDDISH = {RED: 0.4, WHITE: 0.6}
"""Differs from RED less than somebody alone may seem to change, as two people in partly equal clothes do."""


def _looks(colour, rng):
    histogram = 0.02 + 0.02 * rng.random((3, 21))
    for number, share in ({colour: 1.0} if isinstance(colour, int) else colour).items():
        histogram[:, number] += share
    return np.sqrt(histogram / histogram.sum(axis=1, keepdims=True))


def _sightings(tracks, seed=0):
    """Make rows of tracks: (number, pictures, centres [px], colour)."""
    rng = np.random.default_rng(seed)
    rows = []
    for number, pictures, centers, colour in tracks:
        for picture, center in zip(pictures, centers, strict=True):
            noisy = np.asarray(center) + rng.normal(0, 0.01 * HEIGHT, 2)
            half = np.array([0.17, 0.5]) * HEIGHT
            box = np.concatenate([noisy - half, noisy + half])
            rows.append((picture, number, box, noisy, 1.5 * HEIGHT * np.exp(rng.normal(0, 0.03)), _looks(colour, rng)))
    rows.sort(key=lambda row: row[:2])
    picture, number, box, center, size, looks = zip(*rows, strict=True) if rows else ((),) * 6
    n = len(rows)
    return Sightings(
        picture=np.array(picture, dtype=np.int64),
        tracklet=np.array(number, dtype=np.int64),
        box=np.array(box).reshape(n, 4),
        center=np.array(center).reshape(n, 2),
        size=np.array(size),
        score=np.full(n, 0.9),
        appearance=np.array(looks, dtype=np.float32).reshape(n, 3, 21),
        contested=np.zeros(n, dtype=bool),
    )


def _times(n):
    return np.arange(n) / FPS


def _moved(centers, x):
    return centers + np.array([x, 0.0])


def _partition(persons):
    """Persons as sets of tracklet numbers, in their order."""
    return [frozenset(person.tracklets.tolist()) for person in persons]


def _crossing(speed, colours, *, bounce=False, n=90, height_offset=0.0):
    """Two people who meet in the middle; near each other both tracks break and new ones begin."""
    t = _times(n) - n / 2 / FPS
    left = np.column_stack([600 + speed * t, np.full(n, 400.0)])
    right = np.column_stack([600 - speed * t, np.full(n, 400.0 + height_offset)])
    if bounce:
        turn = t > 0
        left[turn, 0], right[turn, 0] = 600 - speed * t[turn], 600 + speed * t[turn]
    apart = np.abs(left[:, 0] - right[:, 0]) > 0.3 * HEIGHT
    before, after = np.flatnonzero(apart & (t < 0)), np.flatnonzero(apart & (t > 0))
    return [
        (0, before, left[before], colours[0]),
        (1, before, right[before], colours[1]),
        (2, after, left[after], colours[0]),
        (3, after, right[after], colours[1]),
    ]


@pytest.mark.parametrize("speed", [150.0, 250.0, 500.0])
def test_people_in_equal_clothes_who_cross_go_on_in_their_directions(speed):
    """Nothing but motion tells them apart, and people do not turn round in the middle of a stride."""
    for seed in range(5):
        persons = link_people(_sightings(_crossing(speed, (BLUE, BLUE)), seed), _times(90), 1.0)
        assert set(_partition(persons)) == {frozenset({0, 2}), frozenset({1, 3})}


def test_people_who_meet_and_turn_back_are_told_apart_by_their_clothes():
    """Motion alone would swap them."""
    for seed in range(5):
        persons = link_people(_sightings(_crossing(250.0, (RED, BLUE), bounce=True), seed), _times(90), 1.0)
        assert set(_partition(persons)) == {frozenset({0, 2}), frozenset({1, 3})}


@given(permutation=st.permutations(range(4)), mirrored=st.booleans(), shift=st.floats(-500, 500))
@settings(max_examples=20, deadline=None)
def test_numbers_sides_and_place_do_not_matter(permutation, mirrored, shift):
    """Who is who cannot depend on what they were called, on a mirror, or on where the camera pointed."""
    plain = _sightings(_crossing(250.0, (RED, BLUE)))
    sign = -1.0 if mirrored else 1.0
    center = plain.center * [sign, 1.0] + [shift, 0.0]
    box = plain.box * [sign, 1.0, sign, 1.0] + [shift, 0.0, shift, 0.0]
    other = replace(
        plain,
        center=center,
        box=box[:, [2, 1, 0, 3]] if mirrored else box,
        tracklet=np.array(permutation)[plain.tracklet],
    )
    expected = {frozenset(permutation[i] for i in person) for person in ((0, 2), (1, 3))}
    assert set(_partition(link_people(other, _times(90), 1.0))) == expected


def test_a_square_that_slid_onto_somebody_else_is_cut_there():
    """The track of who was behind goes on with who was in front, whose own track starts late."""
    n = 90
    t = _times(n) - 1.5
    left, right = (np.column_stack([600 + s * 250 * t, np.full(n, 400.0)]) for s in (1, -1))
    tracks = [
        (0, range(45), left[:45], RED),
        (0, range(45, n), right[45:], BLUE),
        (1, range(43), right[:43], BLUE),
        (2, range(60, n), left[60:], RED),
    ]
    persons = link_people(_sightings(tracks), _times(n), 1.0)
    assert len(persons) == 2
    for person in persons:
        truth = [
            RED if (number == 0 and picture < 45) or number == 2 else BLUE
            for picture, number in zip(person.pictures, person.tracklets, strict=True)
        ]
        assert max(truth.count(RED), truth.count(BLUE)) / len(truth) > 0.97


def _hiding(slides):
    """One stands behind another for a second; then both part, and the other's square goes with ``slides`` of them."""
    n, meet, part = 120, 40, 70
    t = _times(n)
    away = np.maximum(t - t[part], 0.0) - np.maximum(t[meet] - t, 0.0)
    behind, front = (np.column_stack([600 + sign * 200 * away, np.full(n, 400.0)]) for sign in (1, -1))
    gone, stays = (behind, front) if slides else (front, behind)
    colours = (RED, REDDISH) if slides else (REDDISH, RED)
    return [
        (0, range(meet), behind[:meet], RED),
        (1, range(part), front[:part], REDDISH),
        (1, range(part, n), gone[part:], colours[0]),
        (2, range(part + 15, n), stays[part + 15 :], colours[1]),
    ], part


@pytest.mark.parametrize("slides", [True, False])
def test_a_square_that_slides_onto_who_was_hidden_behind_is_cut_there(slides):
    """Nobody else was seen near just then, but somebody was lost there: it may be them who come out."""
    tracks, part = _hiding(slides)
    persons = link_people(_sightings(tracks), _times(120), 1.0)
    expected = {(0, False), (1, True)}, {(1, False), (2, True)}
    if not slides:
        expected = {(1, False), (1, True)}, {(0, False), (2, True)}
    found = [set(zip(person.tracklets.tolist(), (person.pictures >= part).tolist(), strict=True)) for person in persons]
    assert sorted(map(sorted, found)) == sorted(map(sorted, expected))


def test_a_moment_of_who_is_hidden_is_not_given_to_who_stands_before_them():
    """The square slides there and back for three pictures, too few to cut; a person must not change for as long."""
    tracks, _ = _hiding(slides=False)
    place = np.array([[600.0, 400.0]])
    still = [(1, range(first, end), np.repeat(place, end - first, axis=0), colour)
             for first, end, colour in ((40, 55, BLUE), (55, 58, RED), (58, 70, BLUE))]  # fmt: skip
    before, after = tracks[1][2][:40], tracks[2][2]
    tracks = [tracks[0], (1, range(40), before, BLUE), *still, (1, range(70, 120), after, BLUE), tracks[3]]
    front = next(p for p in link_people(_sightings(tracks), _times(120), 1.0) if 100 in p.pictures and 20 in p.pictures)
    assert not set(range(55, 58)) & set(front.pictures.tolist())
    assert {50, 60} <= set(front.pictures.tolist())


def test_two_who_meet_make_no_third():
    """Parts of both are seen as somebody else for a moment, at the place where one was lost behind the other."""
    tracks, part = _hiding(slides=False)
    mixture = (3, range(part - 12, part - 7), np.full((5, 2), [600.0, 400.0]), GREEN)
    assert len(link_people(_sightings([*tracks, mixture]), _times(120), 1.0)) == 2
    alone = (3, range(part - 12, part - 7), np.full((5, 2), [1600.0, 400.0]), GREEN)
    assert len(link_people(_sightings([*tracks, alone]), _times(120), 1.0)) == 3


def test_somebody_alone_who_comes_back_much_later_is_the_same():
    still = np.full((60, 2), 400.0)
    tracks = [(0, range(60), still, RED), (1, range(200, 260), still + 300, RED)]
    assert _partition(link_people(_sightings(tracks), _times(260), 1.0)) == [{0, 1}]


def test_somebody_else_who_comes_later_is_not_the_same():
    still = np.full((60, 2), 400.0)
    tracks = [(0, range(60), still, RED), (1, range(200, 260), still, BLUE)]
    assert len(link_people(_sightings(tracks), _times(260), 1.0)) == 2


def test_who_comes_back_is_left_open_where_two_look_alike():
    """Better two persons than one who changes identity: a dancer in a troupe leaves, and any of them returns."""
    still = np.full((60, 2), 400.0)
    tracks = [
        (0, range(60), still, RED),
        (1, range(60), _moved(still, 600), RED),
        (2, range(200, 260), _moved(still, 300), RED),
    ]
    assert len(link_people(_sightings(tracks), _times(260), 1.0)) == 3


@pytest.mark.parametrize("gap", [3, 10, 25])
def test_a_short_absence_is_bridged(gap):
    """Motion blur loses a fast kick for a few pictures; the form goes on."""
    n = 60 + gap
    path = np.column_stack([300 + 100 * _times(n), np.full(n, 400.0)])
    tracks = [(0, range(30), path[:30], RED), (1, range(30 + gap, n), path[30 + gap :], RED)]
    persons = link_people(_sightings(tracks), _times(n), 1.0)
    assert _partition(persons) == [{0, 1}]
    assert persons[0].pictures.tolist() == [*range(30), *range(30 + gap, n)]


@pytest.mark.parametrize("seed", range(6))
def test_nobody_changes_identity_on_random_walks(seed):
    """Four people in four colours, lost at random for up to half a second each time."""
    rng = np.random.default_rng(seed)
    n, tracks, owner = 240, [], {}
    for who, colour in enumerate((RED, BLUE, GREEN, WHITE)):
        velocity = np.cumsum(rng.normal(0, 12.0, (n, 2)), axis=0)
        path = rng.uniform(200, 900, 2) + np.cumsum(velocity, axis=0) / FPS
        start = 0
        while start < n - 8:
            end = min(n, start + int(rng.integers(20, 80)))
            owner[len(tracks)] = who
            tracks.append((len(tracks), range(start, end), path[start:end], colour))
            start = end + int(rng.integers(1, 15))
    persons = link_people(_sightings(tracks, seed), _times(n), 1.0)
    for person in persons:
        assert len({owner[number] for number in person.tracklets.tolist()}) == 1
    seen = sum(len(person.pictures) for person in persons[:4])
    assert seen > 0.95 * sum(len(track[1]) for track in tracks)


def test_nobody_is_in_two_places_of_one_picture():
    for seed in range(5):
        for person in link_people(_sightings(_crossing(400.0, (BLUE, BLUE)), seed), _times(90), 1.0):
            assert (np.diff(person.pictures) > 0).all()


def test_the_main_person_is_the_one_of_most_size_times_length():
    """A passer-by twice as large for a second of ten is not who the video is about."""
    still = np.full((300, 2), 400.0)
    sightings = _sightings([(0, range(300), still, RED), (1, range(100, 130), _moved(still[:30], 500), BLUE)])
    large = replace(sightings, size=np.where(sightings.tracklet == 1, 2.0, 1.0) * sightings.size)
    assert _partition(link_people(large, _times(300), 1.0)) == [{0}, {1}]


def test_who_is_covered_by_somebody_else_is_said_to_be_crowded():
    still = np.full((40, 2), 400.0)
    tracks = [(0, range(40), still, RED), (1, range(20, 40), _moved(still[:20], 0.2 * HEIGHT), BLUE)]
    first = link_people(_sightings(tracks), _times(40), 1.0)[0]
    assert not first.crowded[:20].any()
    assert first.crowded[20:].all()


def test_a_single_picture_and_an_empty_shot_are_no_trouble():
    assert link_people(_sightings([]), np.zeros(0), 1.0) == []
    (person,) = link_people(_sightings([(7, [0], [(10.0, 20.0)], RED)]), np.zeros(1), 1.0)
    assert person.pictures.tolist() == [0]
    assert person.tracklets.tolist() == [7]
