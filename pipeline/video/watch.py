"""Turns a video file into a :class:`Recording` in one overlapped pass, holding few pictures at a time.

The three slow parts each have a thread, so a picture is decoded while the one before is searched for people and the
one before that for background. Each shot has its own followers of people and camera: a cut ends both.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Float, UInt8, UInt16

from pipeline.camera import default_intrinsics
from pipeline.evidence import FrameFlag
from pipeline.video.blazepose import BlazePose
from pipeline.video.camera_rotation import CameraRotationTracker, is_static
from pipeline.video.config import VideoConfig
from pipeline.video.decode import DURATION_ROUNDING_S, VideoFrameRgb, VideoInfo, decode_frames, probe
from pipeline.video.models import BlazePoseModels
from pipeline.video.pictures import MarkedPicture, mark_pictures
from pipeline.video.prefetch import prefetch
from pipeline.video.recording import PersonTrack, Recording, Shot
from pipeline.video.shot_tracks import ShotTracks
from pipeline.video.tempo import suspect_slow_motion
from retarget.progress import Progress, silent

_AHEAD = 4
_MANY_REPEATS = 0.05
"""Share of repeated pictures from which on a person should hear of it."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WatchedPicture:
    """A picture in which people were looked for."""

    frame: VideoFrameRgb
    starts_shot: bool
    boxes: list[Float[np.ndarray, " 4"]]
    """Boxes of the people in it [px of the picture]."""


class PeopleWatcher:
    """Looks for people, shot by shot; feed it the pictures through :meth:`watch`, then read what it gathered."""

    def __init__(self, config: VideoConfig, models: BlazePoseModels, image_size: tuple[int, int]) -> None:
        self._network = BlazePose(models, threads=config.threads)
        self._config = config
        self._image_size = image_size
        self._shot: ShotTracks | None = None
        self.times: list[float] = []
        self.repeated_times: list[float] = []
        self.shots: list[tuple[int, tuple[PersonTrack, ...]]] = []
        """First picture of each shot, and who is in it."""
        self._first = 0

    def watch(self, pictures: Generator[MarkedPicture, None, None]) -> Generator[WatchedPicture, None, None]:
        """Yield each picture that shows something new, with the boxes of the people in it."""
        with closing(pictures):
            for picture in pictures:
                frame = picture.frame
                if picture.repeats and not picture.starts_shot:
                    self.repeated_times.append(frame.time_s)
                    continue
                if picture.starts_shot or self._shot is None:
                    self._end_shot()
                    self._first = len(self.times)
                    self._shot = ShotTracks(self._network, self._config, self._image_size)
                poses = self._shot.update(frame, len(self.times))
                self.times.append(frame.time_s)
                boxes = [pose.box for pose in poses.values()]
                yield WatchedPicture(frame=frame, starts_shot=self._first == len(self.times) - 1, boxes=boxes)
        self._end_shot()

    def _end_shot(self) -> None:
        if self._shot is not None:
            self.shots.append((self._first, self._shot.finish(np.array(self.times[self._first :]))))
            self._shot = None


class CameraWatcher:
    """Follows the camera, shot by shot."""

    def __init__(self, K: Float[np.ndarray, "3 3"], info: VideoInfo, config: VideoConfig) -> None:
        self._shrink = min(1.0, config.camera_side_px / max(info.width, info.height))
        self._K = np.diag([self._shrink, self._shrink, 1.0]) @ K
        self._config = config
        self._tracker: CameraRotationTracker | None = None
        self._n_pictures = 0
        self._times: list[float] = []
        self._R_w2c: list[np.ndarray] = []
        self._zoom: list[np.ndarray] = []
        self._flags: list[np.ndarray] = []

    def update(self, picture: WatchedPicture) -> None:
        """Take the next picture."""
        self._n_pictures += 1
        if self._config.static_camera:
            return
        if picture.starts_shot:
            self._end_shot()
            self._tracker = CameraRotationTracker(self._K)
        assert self._tracker is not None, "the first picture starts a shot"
        ratio = self._shrink / picture.frame.scale
        self._times.append(picture.frame.time_s)
        self._tracker.update(_gray(picture.frame.rgb, ratio), [box * ratio for box in picture.boxes])

    def finish(
        self,
    ) -> tuple[Float[np.ndarray, "pictures 3 3"], Float[np.ndarray, " pictures"], UInt16[np.ndarray, " pictures"]]:
        """Return rotations and zooms from the first picture of each shot, and what is doubtful about them."""
        if self._config.static_camera:
            n = self._n_pictures
            return np.broadcast_to(np.eye(3), (n, 3, 3)), np.ones(n), np.zeros(n, dtype=np.uint16)
        self._end_shot()
        return np.concatenate(self._R_w2c), np.concatenate(self._zoom), np.concatenate(self._flags)

    def _end_shot(self) -> None:
        if self._tracker is None:
            return
        motion, self._tracker = self._tracker.finish(np.array(self._times)), None
        self._times.clear()
        R_w2c = motion.R_w2c
        if self._config.static_camera is None and is_static(R_w2c):
            R_w2c = np.broadcast_to(np.eye(3), R_w2c.shape)
        flags = ~motion.measured * FrameFlag.CAMERA_UNSURE | motion.zooming * FrameFlag.CAMERA_ZOOMING
        self._R_w2c.append(R_w2c)
        self._zoom.append(motion.zoom)
        self._flags.append((flags | motion.shaken * FrameFlag.CAMERA_SHAKEN).astype(np.uint16))


def watch_video(path: Path, config: VideoConfig, models: BlazePoseModels, progress: Progress = silent) -> Recording:
    """Watch a video once, from its first picture to its last, and write down who and what was seen.

    A file that breaks off is used up to there; ``Recording.undecoded_s`` says how much is missing.

    Args:
        path: The video.
        config: Lens, thresholds, sizes, threads.
        models: BlazePose's networks.
        progress: Called after each decoded picture.

    Raises:
        UnreadableVideo: The file cannot be read as a video.
    """
    info = probe(path)
    K, K_source = _intrinsics(info, config)
    people = PeopleWatcher(config, models, (info.width, info.height))
    camera = CameraWatcher(K, info, config)
    decoded = decode_frames(
        path, max_side_px=config.max_side_px, min_length_s=config.min_length_s, interlaced=info.interlaced
    )
    marked = prefetch(mark_pictures(decoded), depth=_AHEAD)
    with closing(prefetch(people.watch(marked), depth=_AHEAD)) as watched:
        for picture in watched:
            camera.update(picture)
            progress(len(people.times) + len(people.repeated_times), info.n_frames or None)
    R_w2c, zoom, camera_flags = camera.finish()
    times, repeated = np.array(people.times), np.array(people.repeated_times)
    last = max(times[-1], repeated[-1] if len(repeated) else 0.0)
    native_fps = _mean_rate(len(times) + len(repeated), last - times[0], info)
    undecoded_s = _undecoded(last, native_fps, info)
    ends = [first for first, _ in people.shots[1:]] + [len(times)]
    shots = tuple(Shot(first=f, end=end, people=who) for (f, who), end in zip(people.shots, ends, strict=True))
    return Recording(
        image_size=(info.width, info.height),
        K=K,
        K_source=K_source,
        native_fps=native_fps,
        times=times,
        repeated_times=repeated,
        R_w2c=R_w2c,
        zoom=zoom,
        camera_flags=camera_flags,
        shots=shots,
        undecoded_s=undecoded_s,
        remarks=_remarks(info, times, repeated, shots, camera_flags, undecoded_s),
    )


def _intrinsics(info: VideoInfo, config: VideoConfig) -> tuple[Float[np.ndarray, "3 3"], str]:
    """Intrinsics of the upright picture by the best source there is: the user, the file, a guess."""
    K = default_intrinsics(info.width, info.height)
    if config.focal_px is not None:
        K[0, 0] = K[1, 1] = config.focal_px
        return K, "user"
    if info.focal_px > 0:
        K[0, 0] = K[1, 1] = info.focal_px
        return K, "metadata"
    return K, "default"


def _mean_rate(n_pictures: int, duration_s: float, info: VideoInfo) -> float:
    """Mean rate of the pictures [1/s]; a single one has the rate the file states."""
    if n_pictures > 1 and duration_s > 0:
        return (n_pictures - 1) / duration_s
    return info.mean_fps or 30.0


def _undecoded(last_s: float, native_fps: float, info: VideoInfo) -> float:
    """How much of the stated duration is missing at the end [s]; small differences are the container's rounding."""
    missing = info.duration_s - last_s - 1.0 / native_fps
    return missing if missing > DURATION_ROUNDING_S else 0.0


def _remarks(
    info: VideoInfo,
    times: Float[np.ndarray, " pictures"],
    repeated: Float[np.ndarray, " repeats"],
    shots: tuple[Shot, ...],
    camera_flags: UInt16[np.ndarray, " pictures"],
    undecoded_s: float,
) -> tuple[str, ...]:
    """Say what a person should know of a video before they believe its motion."""
    remarks = []
    if info.interlaced:
        remarks.append("the video is interlaced: its fields were put together again, which halves its vertical detail")
    if len(repeated) > _MANY_REPEATS * (len(times) + len(repeated)):
        share = len(repeated) / (len(times) + len(repeated))
        remarks.append(f"{share:.0%} of the pictures only repeat the one before and were left out")
    if undecoded_s > 0:
        remarks.append(f"the last {undecoded_s:.1f} s could not be decoded: the file is damaged or cut off there")
    if len(shots) > 1:
        remarks.append(f"the video has {len(shots)} shots; each is a clip of its own")
    zooming = (camera_flags & FrameFlag.CAMERA_ZOOMING) > 0
    if zooming.any():
        remarks.append(
            f"the camera zooms from {times[zooming][0]:.1f} s on: by how much is measured from the background and "
            "taken out, so sizes and distances are rougher from there"
        )
    return tuple(remarks) + _tempo_remarks(info, times, repeated, shots)


def _tempo_remarks(
    info: VideoInfo,
    times: Float[np.ndarray, " pictures"],
    repeated: Float[np.ndarray, " repeats"],
    shots: tuple[Shot, ...],
) -> tuple[str, ...]:
    """Say if the video seems to play at another speed than it happened, by the main person of the longest shot."""
    order = np.argsort(np.concatenate([times, repeated]), kind="stable")
    main = [track for shot in shots for track in shot.people[:1]]
    track = max(main, key=len, default=None)
    sentence = suspect_slow_motion(
        info,
        picture_times=np.concatenate([times, repeated])[order],
        repeats=(order >= len(times)),
        times=np.zeros(0) if track is None else times[track.pictures],
        kp2d=np.zeros((0, 17, 3)) if track is None else track.kp2d.astype(np.float64),
    )
    return () if sentence is None else (sentence,)


def _gray(rgb: UInt8[np.ndarray, "height width 3"], ratio: float) -> UInt8[np.ndarray, "height width"]:
    if ratio < 1.0:
        size = (max(1, round(rgb.shape[1] * ratio)), max(1, round(rgb.shape[0] * ratio)))
        rgb = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA)
    return cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
