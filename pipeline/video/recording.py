"""Everything one pass over a video saw: its shots, the people in each, the camera. Clips are cut from it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int, UInt16

from robots.arrays import checked_array, freeze_fields
from robots.exceptions import InvalidArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PersonTrack:
    """One person in one shot, at the pictures in which they were seen."""

    pictures: Int[np.ndarray, " seen"]
    """Indices into ``Recording.times``, rising."""
    boxes: Float[np.ndarray, "seen 4"]
    """Box round all landmarks x0, y0, x1, y1 [px]."""
    kp2d: Float[np.ndarray, "seen 17 3"]
    """COCO-17 keypoints: x, y [px] and confidence."""
    foot_kp2d: Float[np.ndarray, "seen 4 3"]
    """Heels and toes: x, y [px] and confidence."""
    landmarks_w: Float[np.ndarray, "seen 33 3"]
    """Metres of an average body, origin between the hips, camera axes."""
    kp_trust: Float[np.ndarray, "seen 21"]
    """Weight of each keypoint beyond its confidence, COCO-17 then feet."""
    flags: UInt16[np.ndarray, " seen"]
    """Bits of :class:`pipeline.evidence.FrameFlag` that concern the person."""

    def __post_init__(self) -> None:
        """Check shapes and finiteness; single precision is a thousandth of a pixel, and half the file."""
        dims: dict[str, int] = {}
        shapes = {
            "boxes": ("seen", 4),
            "kp2d": ("seen", 17, 3),
            "foot_kp2d": ("seen", 4, 3),
            "landmarks_w": ("seen", 33, 3),
            "kp_trust": ("seen", 21),
        }
        checked = {
            name: checked_array(name, getattr(self, name), s, dims, dtype=np.float32) for name, s in shapes.items()
        }
        checked["pictures"] = checked_array("pictures", self.pictures, ("seen",), dims, dtype=np.int64)
        checked["flags"] = checked_array("flags", self.flags, ("seen",), dims, dtype=np.uint16)
        freeze_fields(self, checked)

    def __len__(self) -> int:
        """Return the number of pictures with the person."""
        return len(self.pictures)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Shot:
    """The pictures between two cuts."""

    first: int
    """Index of its first picture in ``Recording.times``."""
    end: int
    """Index after its last picture."""
    people: tuple[PersonTrack, ...]
    """Who is in it, the main person first."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Recording:
    """What was seen in a video, at the times of its own pictures."""

    image_size: tuple[int, int]
    """Width and height of the upright picture [px]."""
    K: Float[np.ndarray, "3 3"]
    """Camera intrinsics of the first picture of each shot [px]."""
    K_source: str
    """Where the focal length came from: ``user``, ``metadata`` or ``default``."""
    native_fps: float
    """Mean rate of the decoded pictures [1/s]."""
    times: Float[np.ndarray, " pictures"]
    """Time of each picture that shows something new [s]."""
    repeated_times: Float[np.ndarray, " repeats"]
    """Times of pictures that only repeat the one before [s]."""
    R_w2c: Float[np.ndarray, "pictures 3 3"]
    """Rotation from the camera axes of its shot's first picture to each picture's."""
    zoom: Float[np.ndarray, " pictures"]
    """Focal length relative to that of its shot's first picture, which ``K`` holds for; keypoints and boxes are where
    they lie in the zoomed picture [1]."""
    camera_flags: UInt16[np.ndarray, " pictures"]
    """Bits of :class:`pipeline.evidence.FrameFlag` that concern the camera."""
    shots: tuple[Shot, ...]
    undecoded_s: float = 0.0
    """How much of the video its container promises but could not be decoded [s]."""
    remarks: tuple[str, ...] = ()
    """What a person should know of the video, in sentences."""

    def __post_init__(self) -> None:
        """Check shapes and that the shots cover the pictures."""
        dims: dict[str, int] = {}
        checked: dict[str, object] = {
            "K": checked_array("K", self.K, (3, 3)),
            "times": checked_array("times", self.times, ("pictures",), dims),
            "repeated_times": checked_array("repeated_times", self.repeated_times, ("repeats",), dims),
            "R_w2c": checked_array("R_w2c", self.R_w2c, ("pictures", 3, 3), dims),
            "zoom": checked_array("zoom", self.zoom, ("pictures",), dims),
            "camera_flags": checked_array("camera_flags", self.camera_flags, ("pictures",), dims, dtype=np.uint16),
            "image_size": (int(self.image_size[0]), int(self.image_size[1])),
            "shots": tuple(self.shots),
            "remarks": tuple(self.remarks),
        }
        if not (np.isfinite(self.native_fps) and self.native_fps > 0):
            raise InvalidArray("native_fps", problem=f"must be positive, got {self.native_fps}")
        if (self.zoom <= 0).any():
            raise InvalidArray("zoom", problem="must be positive")
        edges = [0, *(shot.end for shot in self.shots)]
        if [shot.first for shot in self.shots] != edges[:-1] or edges[-1] != dims["pictures"]:
            raise InvalidArray("shots", problem="do not cover the pictures one after the other")
        freeze_fields(self, checked)
