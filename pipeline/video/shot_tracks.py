"""Turns the pictures of one shot into tracks of the people in it, with how far each keypoint can be trusted."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Float32

from pipeline.video.blazepose import N_LANDMARKS, BlazePose, Pose
from pipeline.video.config import VideoConfig
from pipeline.video.decode import VideoFrameRgb
from pipeline.video.keypoints import coco17, foot_points
from pipeline.video.people import Person, ShotPeople
from pipeline.video.quality import assess_track
from pipeline.video.recording import PersonTrack
from pipeline.video.sharpness import landmark_sharpness

_SIZES = {"kp2d": 17 * 3, "foot_kp2d": 4 * 3, "landmarks_w": 33 * 3, "boxes": 4, "sharpness": N_LANDMARKS}
_COLUMNS = {
    name: slice(end - size, end)
    for (name, size), end in zip(_SIZES.items(), np.cumsum(list(_SIZES.values())).tolist(), strict=True)
}


class ShotTracks:
    """Follows everyone through one shot and keeps, of each sighting, one short row of numbers."""

    def __init__(self, network: BlazePose, config: VideoConfig, image_size: tuple[int, int]) -> None:
        """Start before the shot's first picture.

        Args:
            network: Both networks, of the calling thread alone.
            config: Thresholds and intervals.
            image_size: Width and height of the upright picture [px].
        """
        self._people = ShotPeople(network, config)
        self._image_size = image_size
        self._sightings: dict[tuple[int, int], Float32[np.ndarray, " columns"]] = {}
        self._n_pictures = 0
        self._first = 0

    def update(self, frame: VideoFrameRgb, index: int) -> dict[int, Pose]:
        """Return who is in the next picture, in its own pixels.

        Args:
            frame: The picture.
            index: Its number in the recording.
        """
        if self._n_pictures == 0:
            self._first = index
        poses = self._people.update(frame.time_s, frame.rgb)
        for number, pose in poses.items():
            self._sightings[self._n_pictures, number] = _row(pose, frame)
        self._n_pictures += 1
        return poses

    def finish(self, times: Float[np.ndarray, " pictures"]) -> tuple[PersonTrack, ...]:
        """Return the people of the shot, the main person first.

        Args:
            times: Time of each of the shot's pictures [s].
        """
        persons = self._people.finish(times)
        return tuple(self._track(person, times) for person in persons)

    def _track(self, person: Person, times: Float[np.ndarray, " pictures"]) -> PersonTrack:
        keys = zip(person.pictures.tolist(), person.tracklets.tolist(), strict=True)
        rows = np.stack([self._sightings[key] for key in keys]).astype(np.float64)
        n = len(rows)
        kp2d, foot_kp2d = rows[:, _COLUMNS["kp2d"]].reshape(n, 17, 3), rows[:, _COLUMNS["foot_kp2d"]].reshape(n, 4, 3)
        landmarks_w, boxes = rows[:, _COLUMNS["landmarks_w"]].reshape(n, 33, 3), rows[:, _COLUMNS["boxes"]]
        quality = assess_track(
            times=times[person.pictures],
            kp2d=kp2d,
            foot_kp2d=foot_kp2d,
            landmarks_w=landmarks_w,
            boxes=boxes,
            sharpness=rows[:, _COLUMNS["sharpness"]],
            crowded=person.crowded,
            image_size=self._image_size,
        )
        return PersonTrack(
            pictures=self._first + person.pictures,
            boxes=boxes,
            kp2d=kp2d,
            foot_kp2d=foot_kp2d,
            landmarks_w=landmarks_w,
            kp_trust=quality.kp_trust,
            flags=quality.flags,
        )


def _row(pose: Pose, frame: VideoFrameRgb) -> Float32[np.ndarray, " columns"]:
    """Lay out what is kept of a sighting, in pixels of the video."""
    parts = {
        "kp2d": coco17(pose) / [frame.scale, frame.scale, 1.0],
        "foot_kp2d": foot_points(pose) / [frame.scale, frame.scale, 1.0],
        "landmarks_w": pose.landmarks_w,
        "boxes": pose.box / frame.scale,
        "sharpness": landmark_sharpness(frame.rgb, pose),
    }
    return np.concatenate([np.ravel(parts[name]) for name in _COLUMNS]).astype(np.float32)
