"""Turns the pictures of one shot into the people in it, each under one number from their first sighting to their last.

Picture by picture a person is followed by their landmarks, which say where to look next. That is cheap and exact, but
a square slides onto whoever stands in front, so the numbers given on the way are only those of pieces of track; who
is who is decided at the end of the shot by :mod:`pipeline.video.linking`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import cycle, islice

import numpy as np
from jaxtyping import Float, Float32, UInt8

from pipeline.video.appearance import describe
from pipeline.video.blazepose import BlazePose, Pose
from pipeline.video.config import VideoConfig
from pipeline.video.linking import Person, link_people
from pipeline.video.roi import Roi
from pipeline.video.search import View, search_views, tile_views, view_around, whole_view
from pipeline.video.ssd import box_iou, covered_share
from pipeline.video.tracklets import Sightings

__all__ = ["Person", "ShotPeople"]

_TWO_ARE_ONE_IOU = 0.6
_TWO_ARE_ONE_SHARE = 0.06
_SAME_PLACE_SHARE = 0.12
_SMALLEST_ROI_PX = 16.0
_CORE = [0, 11, 12, 13, 14, 15, 16, 23, 24, 25, 26, 27, 28]
_QUARTER = np.pi / 2
_DOUBTFUL_QUALITY = 0.7
_BETTER_QUALITY = 0.1
_TURN_EVERY_S = 0.5
_MUCH_LARGER = 1.5
_PART_SIZE = 0.8
_COVERED_SHARE = 0.7
_CONTESTED_PICTURES = 3
_VIEWS_WITH_NOBODY = 3


@dataclass(slots=True, eq=False)
class _Followed:
    """Somebody who is followed."""

    pose: Pose
    turned_s: float
    """When turned squares were last tried [s]."""


@dataclass(frozen=True, slots=True, eq=False)
class _Sighting:
    """What is kept of a pose until the shot ends."""

    picture: int
    tracklet: int
    box: Float[np.ndarray, " 4"]
    center: tuple[float, float]
    size: float
    score: float
    appearance: Float32[np.ndarray, "3 21"]


class ShotPeople:
    """Follows up to ``config.max_people`` through one shot; feed it the pictures in order, then let it finish.

    The detector runs when nobody is followed, round a place where somebody was lost for ``config.max_gap_s``, and
    over the whole picture and its tiles once every ``config.search_every_s``, a view at a time, to find who else is
    there. The first picture of the shot is searched through and through.
    """

    def __init__(
        self, network: BlazePose, config: VideoConfig, *, search_tiles: bool = True, search_turned: bool = True
    ) -> None:
        """Start with nobody.

        Args:
            network: Both networks, of the calling thread alone; nothing of a shot stays in them.
            config: Thresholds and intervals.
            search_tiles: Look at parts of the picture too, for people less than a third of its height.
            search_turned: Try turned pictures and squares too, for people who lie or stand on their hands.
        """
        self._network = network
        self._config = config
        self._search_tiles = search_tiles
        self._search_turned = search_turned
        self._followed: dict[int, _Followed] = {}
        self._lost: list[tuple[float, Roi]] = []
        self._next_id = 0
        self._n_pictures = 0
        self._views: list[View] = []
        self._turning_views: Iterator[View] = iter(())
        self._round: Iterator[View] = iter(())
        self._next_view_s = -np.inf
        self._sightings: list[_Sighting] = []
        self._contested: set[tuple[int, int]] = set()

    def update(self, time_s: float, rgb: UInt8[np.ndarray, "height width 3"]) -> dict[int, Pose]:
        """Return who is in the next picture, each under the number of their piece of track.

        Args:
            time_s: Its time [s].
            rgb: The picture; all of a shot are of one size.
        """
        if self._n_pictures == 0:
            self._plan_search(time_s, rgb)
        else:
            self._follow(time_s, rgb)
            self._part_those_who_became_one(time_s)
        self._search(time_s, rgb)
        poses = {number: who.pose for number, who in self._followed.items()}
        for number, pose in poses.items():
            self._sightings.append(_sighting(self._n_pictures, number, pose, rgb))
        self._n_pictures += 1
        return poses

    def finish(self, times: Float[np.ndarray, " pictures"]) -> list[Person]:
        """Return the persons of the shot, the main one first: of largest sum of size times confidence.

        Args:
            times: Time of each picture given to :meth:`update` [s].
        """
        if len(times) != self._n_pictures:
            raise ValueError(f"{self._n_pictures} pictures were given, but {len(times)} times")
        return link_people(self._as_sightings(), np.asarray(times, dtype=np.float64), self._config.max_gap_s)

    def _follow(self, time_s: float, rgb: UInt8[np.ndarray, "height width 3"]) -> None:
        for number, who in list(self._followed.items()):
            before = who.pose
            pose = self._look(rgb, before.next_roi)
            doubtful = pose is None or _quality(pose) < _DOUBTFUL_QUALITY
            if self._search_turned and doubtful and (pose is None or time_s - who.turned_s >= _TURN_EVERY_S):
                who.turned_s = time_s
                pose = self._best_turned(rgb, before.next_roi, pose)
            if pose is None:
                del self._followed[number]
                self._lost.append((time_s, before.next_roi))
            else:
                who.pose = pose

    def _part_those_who_became_one(self, time_s: float) -> None:
        """End the tracks of any two whose squares slid onto one person, and go on with that one under a new number."""
        numbers = list(self._followed)
        for i, first in enumerate(numbers):
            for second in numbers[i + 1 :]:
                if not (first in self._followed and second in self._followed):
                    continue
                a, b = self._followed[first].pose, self._followed[second].pose
                if _are_one(a, b):
                    del self._followed[first], self._followed[second]
                    self._contest((first, second))
                    self._admit(a if _quality(a) >= _quality(b) else b, time_s)
                    self._contested.add((self._n_pictures, self._next_id - 1))
                    self._lost.append((time_s, a.roi))

    def _contest(self, numbers: tuple[int, int]) -> None:
        recent = range(self._n_pictures - _CONTESTED_PICTURES, self._n_pictures)
        self._contested.update((picture, number) for picture in recent for number in numbers)

    def _plan_search(self, time_s: float, rgb: UInt8[np.ndarray, "height width 3"]) -> None:
        height, width = rgb.shape[:2]
        whole = whole_view(width, height)
        self._views = [whole, *(tile_views(width, height) if self._search_tiles else [])]
        turned = [whole_view(width, height, turns) for turns in (1, 3, 2)] if self._search_turned else []
        self._turning_views = cycle([*self._views[1:], *turned] or [whole])
        self._next_view_s = time_s

    def _search(self, time_s: float, rgb: UInt8[np.ndarray, "height width 3"]) -> None:
        """Look where it is due, at few enough views that the time of a picture stays bounded."""
        self._lost = [(at, roi) for at, roi in self._lost if time_s - at <= self._config.max_gap_s]
        is_full = len(self._followed) >= self._config.max_people
        views: list[View] = []
        if self._n_pictures == 0:
            self._meet(
                time_s, rgb, self._views[:1]
            )  # the whole picture first: what is large there is not cut in a tile
            views = self._views[1:]
        elif not self._followed:
            views = [self._views[0], *islice(self._turning_views, _VIEWS_WITH_NOBODY - 1)]
        elif time_s >= self._next_view_s:
            views = [self._next_in_round(time_s, whole_only=is_full)]
        if self._lost and not is_full:
            around = view_around(self._lost[self._n_pictures % len(self._lost)][1], rgb.shape[1], rgb.shape[0])
            views += [around] if around is not None else []
        self._meet(time_s, rgb, views)
        if self._n_pictures == 0 and not self._followed and self._search_turned:
            self._meet(time_s, rgb, islice(self._turning_views, len(self._views) - 1, len(self._views) + 2))

    def _next_in_round(self, time_s: float, *, whole_only: bool) -> View:
        """Return the next view of the periodic search, whose views are spread evenly over its period."""
        step = self._config.search_every_s / len(self._views)
        self._next_view_s = max(self._next_view_s + step, time_s)
        view = None if whole_only else next(self._round, None)
        if view is None:
            self._round = iter(self._views)
            view = next(self._round)
            if whole_only:
                self._next_view_s = time_s + self._config.search_every_s
        return view

    def _meet(self, time_s: float, rgb: UInt8[np.ndarray, "height width 3"], views: Iterable[View]) -> None:
        for detection in search_views(self._network, rgb, views, min_score=self._config.min_detector_score):
            roi = Roi.from_alignment_points(detection.points[0], detection.points[1])
            # Spares a run of the landmark network; a near miss is caught by the poses below.
            if any(_is_known(roi, known.pose) for known in self._followed.values()) or not self._has_room_for(roi):
                continue
            pose = self._look(rgb, roi)
            if self._search_turned and (pose is None or _quality(pose) < _DOUBTFUL_QUALITY):
                pose = self._best_turned(rgb, roi, pose)
            if pose is not None and not _is_among(pose, (known.pose for known in self._followed.values())):
                self._drop_parts_of(pose)
                self._make_room()
                self._admit(pose, time_s)

    def _has_room_for(self, roi: Roi) -> bool:
        """Whether somebody can be followed besides the others, or instead of somebody much smaller."""
        if len(self._followed) < self._config.max_people:
            return True
        return roi.size > _MUCH_LARGER * min(known.pose.roi.size for known in self._followed.values())

    def _make_room(self) -> None:
        if len(self._followed) >= self._config.max_people:
            del self._followed[min(self._followed, key=lambda number: self._followed[number].pose.roi.size)]

    def _drop_parts_of(self, pose: Pose) -> None:
        """Stop following what now shows to be a part of somebody: the upper half can pass for a small person."""
        for number, known in list(self._followed.items()):
            is_smaller = known.pose.next_roi.size < _PART_SIZE * pose.next_roi.size
            if is_smaller and covered_share(known.pose.box[None], pose.box)[0] > _COVERED_SHARE:
                del self._followed[number]

    def _admit(self, pose: Pose, time_s: float) -> None:
        self._followed[self._next_id] = _Followed(pose=pose, turned_s=time_s)
        self._next_id += 1

    def _best_turned(self, rgb: UInt8[np.ndarray, "height width 3"], roi: Roi, pose: Pose | None) -> Pose | None:
        """Return the pose in a square, or in one turned by a quarter or half if that is clearly surer of itself."""
        best, floor = pose, _DOUBTFUL_QUALITY if pose is None else _quality(pose) + _BETTER_QUALITY
        for angle in (_QUARTER, -_QUARTER, 2 * _QUARTER):
            turned = self._look(rgb, roi.turned(angle))
            if turned is not None and _quality(turned) > floor:
                best, floor = turned, _quality(turned)
        return best

    def _look(self, rgb: UInt8[np.ndarray, "height width 3"], roi: Roi) -> Pose | None:
        """Return the person in a square, or None where there is none, or the square cannot hold one."""
        height, width = rgb.shape[:2]
        centered = -roi.size / 2 < roi.center_x < width + roi.size / 2
        centered &= -roi.size / 2 < roi.center_y < height + roi.size / 2
        if not (centered and _SMALLEST_ROI_PX < roi.size < 8 * max(height, width)):
            return None
        pose = self._network.landmarks(rgb, roi)
        return pose if pose.score >= self._config.min_pose_score else None

    def _as_sightings(self) -> Sightings:
        seen = self._sightings
        return Sightings(
            picture=np.array([s.picture for s in seen], dtype=np.int64),
            tracklet=np.array([s.tracklet for s in seen], dtype=np.int64),
            box=np.array([s.box for s in seen]).reshape(-1, 4),
            center=np.array([s.center for s in seen]).reshape(-1, 2),
            size=np.array([s.size for s in seen], dtype=np.float64),
            score=np.array([s.score for s in seen], dtype=np.float64),
            appearance=np.array([s.appearance for s in seen], dtype=np.float32).reshape(-1, 3, 21),
            contested=np.array([(s.picture, s.tracklet) in self._contested for s in seen], dtype=bool),
        )


def _sighting(picture: int, number: int, pose: Pose, rgb: UInt8[np.ndarray, "height width 3"]) -> _Sighting:
    return _Sighting(
        picture=picture,
        tracklet=number,
        box=pose.box,
        center=(pose.next_roi.center_x, pose.next_roi.center_y),
        size=pose.next_roi.size,
        score=pose.score,
        appearance=describe(rgb, pose),
    )


def _quality(pose: Pose) -> float:
    """How sure a pose is of itself, in [0, 1].

    The score alone is not: measured on a standing person whose square was turned by half, 0.998 beside 1.0, while the
    limbs' visibility fell.
    """
    return pose.score * float((pose.visibility * pose.presence)[_CORE].mean())


def _distance(a: Roi, b: Roi) -> float:
    return float(np.hypot(a.center_x - b.center_x, a.center_y - b.center_y))


def _is_known(roi: Roi, known: Pose) -> bool:
    """Whether a square shows somebody who is followed, or a part of them that looks like somebody smaller."""
    if _distance(roi, known.next_roi) < _SAME_PLACE_SHARE * min(roi.size, known.next_roi.size):
        return True
    x0, y0, x1, y1 = known.box
    return roi.size < _PART_SIZE * known.next_roi.size and x0 < roi.center_x < x1 and y0 < roi.center_y < y1


def _are_one(a: Pose, b: Pose) -> bool:
    """Whether two poses show one body, rather than two bodies at one place."""
    apart = np.hypot(*(a.landmarks[_CORE] - b.landmarks[_CORE]).T).mean()
    return bool(apart < _TWO_ARE_ONE_SHARE * min(a.roi.size, b.roi.size))


def _is_among(pose: Pose, people: Iterable[Pose]) -> bool:
    """Whether somebody new is one of those known, or lies so much inside their box that they may be."""
    return any(
        _are_one(pose, other)
        or float(box_iou(other.box[None], pose.box)[0]) > _TWO_ARE_ONE_IOU
        or covered_share(pose.box[None], other.box) > _COVERED_SHARE
        for other in people
    )


# benchmarks.front_end still asks for it under the name it had
PeopleTracker = ShotPeople
