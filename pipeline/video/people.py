"""Turns successive pictures into the people in them, and those into the one person a clip is about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float, UInt8

from pipeline.video.blazepose import BlazePose, Pose
from pipeline.video.config import VideoConfig
from pipeline.video.roi import Roi
from pipeline.video.ssd import box_iou

_TWO_ARE_ONE_IOU = 0.6
_SAME_PLACE_SHARE = 0.25
_SMALLEST_ROI_PX = 16.0
_REUNITE_DISTANCE = 0.6
_REUNITE_SIZE_RATIO = 1.6


class PeopleTracker:
    """Follows up to ``max_people`` through one video; feed it the pictures in order.

    A person's landmarks say where to look in the next picture, so the detector runs only when nobody is followed, for
    a while after somebody was lost, and every ``search_every_s`` to find who else is there.
    """

    def __init__(self, network: BlazePose, config: VideoConfig) -> None:
        """Start with nobody.

        Args:
            network: Both networks, this tracker's alone.
            config: Thresholds and intervals.
        """
        self._network = network
        self._config = config
        self._people: dict[int, Pose] = {}
        self._next_id = 0
        self._searched_s = -np.inf
        self._lost_s = -np.inf

    def update(self, time_s: float, rgb: UInt8[np.ndarray, "height width 3"]) -> dict[int, Pose]:
        """Return who is in the next picture, each under the number first given to them.

        Args:
            time_s: Its time [s].
            rgb: The picture.
        """
        people: dict[int, Pose] = {}
        for number, before in self._people.items():
            pose = self._look(rgb, before.next_roi)
            if pose is None or _is_among(pose, people):
                self._lost_s = time_s
            else:
                people[number] = pose
        self._people = people
        if self._is_search_due(time_s):
            self._searched_s = time_s
            self._search(rgb)
        return dict(self._people)

    def _is_search_due(self, time_s: float) -> bool:
        if len(self._people) >= self._config.max_people:
            return False
        return (
            not self._people
            or time_s - self._lost_s <= self._config.max_gap_s
            or time_s - self._searched_s >= self._config.search_every_s
        )

    def _search(self, rgb: UInt8[np.ndarray, "height width 3"]) -> None:
        for detection in self._network.detect(rgb, min_score=self._config.min_detector_score):
            if len(self._people) >= self._config.max_people:
                break
            roi = Roi.from_alignment_points(detection.points[0], detection.points[1])
            if any(_is_same_place(roi, known.next_roi) for known in self._people.values()):
                continue  # spares a run of the landmark network; a near miss is caught by the boxes below
            pose = self._look(rgb, roi)
            if pose is not None and not _is_among(pose, self._people):
                self._people[self._next_id] = pose
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


@dataclass(slots=True, eq=False)
class _Appearance:
    """One person, seen in some of the frames."""

    frames: list[int] = field(default_factory=list)
    poses: list[Pose] = field(default_factory=list)

    def weight(self) -> float:
        """Size x confidence, summed over the frames: large, sure and long, in one number."""
        return float(sum(pose.score * pose.roi.size for pose in self.poses))


def main_person(
    seen: Sequence[Mapping[int, Pose]], times: Float[np.ndarray, " frames"], max_gap_s: float
) -> dict[int, Pose]:
    """Return the frames in which the main person is seen, and the poses.

    A person who was lost and is found again under another number within ``max_gap_s``, near where they were lost and
    about as large, is one person. Of all people the one with the largest sum of size times confidence is the main one.

    Args:
        seen: Who is in each frame, under what number.
        times: Time of each frame [s].
        max_gap_s: Longest absence to bridge [s].
    """
    tracks: dict[int, _Appearance] = {}
    for frame, people in enumerate(seen):
        for number, pose in people.items():
            track = tracks.setdefault(number, _Appearance())
            track.frames.append(frame)
            track.poses.append(pose)
    persons: list[_Appearance] = []
    for track in sorted(tracks.values(), key=lambda t: t.frames[0]):
        earlier = [p for p in persons if _continues(p, track, times, max_gap_s)]
        if earlier:
            person = min(earlier, key=lambda p: _distance(p.poses[-1].next_roi, track.poses[0].roi))
            person.frames += track.frames
            person.poses += track.poses
        else:
            persons.append(track)
    if not persons:
        return {}
    best = max(persons, key=_Appearance.weight)
    return dict(zip(best.frames, best.poses, strict=True))


def _continues(person: _Appearance, track: _Appearance, times: Float[np.ndarray, " frames"], max_gap_s: float) -> bool:
    last, first = person.frames[-1], track.frames[0]
    if not (last < first and times[first] - times[last] <= max_gap_s):
        return False
    before, after = person.poses[-1].next_roi, track.poses[0].roi
    ratio = max(before.size, after.size) / min(before.size, after.size)
    return ratio < _REUNITE_SIZE_RATIO and _distance(before, after) < _REUNITE_DISTANCE * max(before.size, after.size)


def _distance(a: Roi, b: Roi) -> float:
    return float(np.hypot(a.center_x - b.center_x, a.center_y - b.center_y))


def _is_same_place(a: Roi, b: Roi) -> bool:
    return _distance(a, b) < _SAME_PLACE_SHARE * min(a.size, b.size)


def _is_among(pose: Pose, people: Mapping[int, Pose]) -> bool:
    if not people:
        return False
    return bool((box_iou(np.stack([p.box for p in people.values()]), pose.box) > _TWO_ARE_ONE_IOU).any())
