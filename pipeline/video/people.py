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
from pipeline.video.ssd import Detection, box_iou, covered_share
from pipeline.video.tracklets import Sightings

__all__ = ["Person", "ShotPeople"]

_TWO_ARE_ONE_IOU = 0.6
_TWO_ARE_ONE_SHARE = 0.06
_SAME_PLACE_SHARE = 0.15
_SMALLEST_ROI_PX = 16.0
_CORE = [0, 11, 12, 13, 14, 15, 16, 23, 24, 25, 26, 27, 28]
_DOUBTFUL_QUALITY = 0.6
_QUALITY_DROP = 0.12
_QUALITY_GAIN = 0.1
_CHECK_EVERY_S = 0.2
_HEAD_SHARE = 0.5
_TURNS = (0, 1, 0, 3, 0, 2)
_MUCH_LARGER = 1.5
_PART_SIZE = 0.8
_COVERED_SHARE = 0.7
_CONTESTED_PICTURES = 3
_VIEWS_WITH_NOBODY = 3


@dataclass(slots=True, eq=False)
class _Followed:
    """Somebody who is followed."""

    pose: Pose
    quality: float
    """What is usual of late."""
    checked_s: float
    """When the detector was last asked about them [s]."""


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
            search_turned: Look at the picture turned too, for people who lie or stand on their hands.
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
            pose = self._look(rgb, who.pose.next_roi)
            if pose is None:
                del self._followed[number]
                self._lost.append((time_s, who.pose.next_roi))
            else:
                who.pose = pose

    def _doubted(self, time_s: float) -> list[Roi]:
        """Return where somebody is followed who looks worse than before; a square that lies wrong is one reason."""
        doubted = []
        for who in self._followed.values():
            quality = _quality(who.pose)
            is_doubtful = quality < max(_DOUBTFUL_QUALITY, who.quality - _QUALITY_DROP)
            who.quality += _QUALITY_GAIN * (quality - who.quality)
            if is_doubtful and time_s - who.checked_s >= _CHECK_EVERY_S:
                who.checked_s = time_s
                doubted.append(who.pose.next_roi)
        return doubted

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
        places = self._doubted(time_s)
        if self._lost and not is_full:
            places.append(self._lost[self._n_pictures % len(self._lost)][1])
        turns = _TURNS[self._n_pictures % len(_TURNS)] if self._search_turned else 0
        around = (view_around(roi, rgb.shape[1], rgb.shape[0], turns) for roi in places)
        self._meet(time_s, rgb, [*views, *(view for view in around if view is not None)])
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
            near = [number for number, known in self._followed.items() if _is_at(roi, known.pose.next_roi)]
            if near:
                self._set_right(rgb, roi, detection, near)
            elif not self._is_part_of_known(roi) and self._has_room_for(roi):
                pose = self._look(rgb, roi)
                if pose is not None and not _is_among(pose, (known.pose for known in self._followed.values())):
                    self._drop_parts_of(pose)
                    self._make_room()
                    self._admit(pose, time_s)

    def _set_right(
        self, rgb: UInt8[np.ndarray, "height width 3"], roi: Roi, detection: Detection, near: list[int]
    ) -> None:
        """Look anew at somebody whose head the detector sees elsewhere: their square lies turned.

        The landmark network finds a person in a square turned by half too, and is as sure of it; only that head and
        feet, left and right are exchanged then, and stay so. The detector errs too, and sees faces in thighs: who would
        be seen worse is left alone, and so is everybody where two people are near.
        """
        who = self._followed[near[0]]
        if len(near) > 1 or _has_head_at(who.pose, detection):
            return
        pose = self._look(rgb, roi)
        if pose is not None and _has_head_at(pose, detection) and _quality(pose) >= _quality(who.pose):
            who.pose, who.quality = pose, _quality(pose)

    def _is_part_of_known(self, roi: Roi) -> bool:
        """Whether a square shows a part of somebody followed, which can pass for somebody smaller."""
        for known in self._followed.values():
            x0, y0, x1, y1 = known.pose.box
            is_inside = x0 < roi.center_x < x1 and y0 < roi.center_y < y1
            if is_inside and roi.size < _PART_SIZE * known.pose.next_roi.size:
                return True
        return False

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
        self._followed[self._next_id] = _Followed(pose=pose, quality=_quality(pose), checked_s=time_s)
        self._next_id += 1

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


def _is_at(roi: Roi, known: Roi) -> bool:
    """Whether a square shows somebody of the same size at the same place, be it turned."""
    smaller, larger = sorted((roi.size, known.size))
    apart = float(np.hypot(roi.center_x - known.center_x, roi.center_y - known.center_y))
    return larger < _MUCH_LARGER * smaller and apart < _SAME_PLACE_SHARE * smaller


def _has_head_at(pose: Pose, detection: Detection) -> bool:
    """Whether a pose has its nose where the detector sees a face; what it boxes is the face."""
    face = (detection.box[:2] + detection.box[2:]) / 2
    radius = np.hypot(*(detection.points[1] - detection.points[0]))
    return bool(np.hypot(*(pose.landmarks[0] - face)) < _HEAD_SHARE * radius)


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
