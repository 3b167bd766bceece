"""What a video says of one person in one shot, before anyone interprets it.

Pixels follow OpenCV (x right, y down, origin at the top left corner); the camera looks along +z.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntFlag

import numpy as np
from jaxtyping import Float, UInt16

from robots.arrays import checked_array, freeze_fields
from robots.exceptions import InvalidArray

COCO17_NAMES = (
    "nose", "left_eye", "right_eye", "left_ear", "right_ear", "left_shoulder", "right_shoulder",
    "left_elbow", "right_elbow", "left_wrist", "right_wrist", "left_hip", "right_hip", "left_knee",
    "right_knee", "left_ankle", "right_ankle",
)  # fmt: skip
"""Order of ``Evidence.kp2d``."""

FOOT_POINT_NAMES = ("left_heel", "left_toe", "right_heel", "right_toe")
"""Order of ``Evidence.foot_kp2d``."""

KEYPOINT_NAMES = COCO17_NAMES + FOOT_POINT_NAMES
"""Order of ``Evidence.kp_trust``."""

LANDMARK_NAMES = (
    "nose", "left_eye_inner", "left_eye", "left_eye_outer", "right_eye_inner", "right_eye", "right_eye_outer",
    "left_ear", "right_ear", "mouth_left", "mouth_right", "left_shoulder", "right_shoulder", "left_elbow",
    "right_elbow", "left_wrist", "right_wrist", "left_pinky", "right_pinky", "left_index", "right_index",
    "left_thumb", "right_thumb", "left_hip", "right_hip", "left_knee", "right_knee", "left_ankle", "right_ankle",
    "left_heel", "right_heel", "left_toe", "right_toe",
)  # fmt: skip
"""Order of ``Evidence.landmarks_w``; BlazePose calls the toe "foot index"."""


class FrameFlag(IntFlag):
    """What is doubtful about a frame; later stages weigh it down instead of trusting it blindly."""

    INTERPOLATED = 1
    """Lies between two native frames, more than a quarter of a frame from either."""
    NO_PERSON = 2
    """The person was not seen; everything is interpolated across the gap."""
    LOW_CONFIDENCE = 4
    """The person was seen, but most joints, or those that matter, with little confidence."""
    CAMERA_UNSURE = 8
    """Too few background features: the camera's rotation is carried over from the frame before."""
    REPEATED = 16
    """The picture repeats the one before it: nothing new was seen."""
    BLURRED = 32
    """Limbs are smeared by their motion."""
    CROPPED = 64
    """Part of the person lies outside the picture."""
    CROWDED = 128
    """Another person covers, or is covered by, this one."""
    ODD_LIMBS = 256
    """Bones change their length, or limbs move faster than any body's."""
    SIDES_UNSURE = 512
    """Left and right may be exchanged."""
    CAMERA_ZOOMING = 1024
    """The focal length is changing, while ``K`` is one for the clip."""
    CAMERA_SHAKEN = 2048
    """The camera is jolted: a rolling shutter bends the picture, and the rotation is rough."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Evidence:
    """Keypoints, 3D landmarks, boxes and camera rotation of one person in one shot, at a fixed rate."""

    fps: float
    """Frames per second after resampling by time [1/s]."""
    timestamps: Float[np.ndarray, " frames"]
    """Time of each frame on the video's own clock [s]."""
    native_fps: float
    """Mean rate of the decoded frames [1/s]."""
    image_size: tuple[int, int]
    """Width and height [px]."""
    K: Float[np.ndarray, "3 3"]
    """Camera intrinsics [px]; where the lens zooms, those that boxes and keypoints are given for in all frames."""
    K_source: str
    """Where the focal length came from: ``user``, ``metadata`` or ``default``."""
    boxes: Float[np.ndarray, "frames 4"]
    """Person box x0, y0, x1, y1 [px]."""
    kp2d: Float[np.ndarray, "frames 17 3"]
    """COCO-17 keypoints: x, y [px] and confidence."""
    foot_kp2d: Float[np.ndarray, "frames 4 3"]
    """Heels and toes: x, y [px] and confidence."""
    landmarks_w: Float[np.ndarray, "frames 33 3"]
    """BlazePose's "world" landmarks: metres of an average body, origin between the hips, camera axes."""
    R_w2c: Float[np.ndarray, "frames 3 3"]
    """Rotation from the first frame's camera axes to this frame's camera axes."""
    flags: UInt16[np.ndarray, " frames"]
    """Bits of :class:`FrameFlag`."""
    kp_trust: Float[np.ndarray, "frames 21"] | None = None
    """Weight in [0, 1] of each keypoint, COCO-17 then feet, beyond its confidence: 0 = known to be wrong. What is
    not given is 1."""
    zoom: Float[np.ndarray, " frames"] | None = None
    """Focal length of each frame's picture in units of that of ``K``. What is not given is 1."""
    gravity_c0: Float[np.ndarray, " 3"] | None = None
    """Unit vector of gravity in the first frame's camera axes, where something told it."""
    undecoded_s: float = 0.0
    """How much of the video its container promises but could not be decoded, as in a file cut off [s]."""
    remarks: tuple[str, ...] = ()
    """What a person should know of the video, in sentences: slow motion suspected, fields woven together, ..."""

    def __post_init__(self) -> None:
        """Check shapes and finiteness."""
        if not (np.isfinite(self.fps) and self.fps > 0):
            raise InvalidArray("fps", problem=f"must be positive, got {self.fps}")
        if not (np.isfinite(self.undecoded_s) and self.undecoded_s >= 0):
            raise InvalidArray("undecoded_s", problem=f"must be zero or more, got {self.undecoded_s}")
        dims: dict[str, int] = {}
        shapes = {
            "timestamps": ("frames",),
            "K": (3, 3),
            "boxes": ("frames", 4),
            "kp2d": ("frames", 17, 3),
            "foot_kp2d": ("frames", 4, 3),
            "landmarks_w": ("frames", 33, 3),
            "R_w2c": ("frames", 3, 3),
        }
        checked: dict[str, object] = {
            name: checked_array(name, getattr(self, name), shape, dims) for name, shape in shapes.items()
        }
        checked["flags"] = checked_array("flags", self.flags, ("frames",), dims, dtype=np.uint16)
        trust = np.ones((len(self.flags), len(KEYPOINT_NAMES))) if self.kp_trust is None else self.kp_trust
        checked["kp_trust"] = checked_array("kp_trust", trust, ("frames", len(KEYPOINT_NAMES)), dims)
        if (checked["kp_trust"] < 0).any() or (checked["kp_trust"] > 1).any():
            raise InvalidArray("kp_trust", problem="holds a weight outside [0, 1]")
        zoom = np.ones(len(self.flags)) if self.zoom is None else self.zoom
        checked["zoom"] = checked_array("zoom", zoom, ("frames",), dims)
        if (checked["zoom"] <= 0).any():
            raise InvalidArray("zoom", problem="must be positive")
        checked["remarks"] = tuple(self.remarks)
        checked["image_size"] = (int(self.image_size[0]), int(self.image_size[1]))
        if self.gravity_c0 is not None:
            checked["gravity_c0"] = checked_array("gravity_c0", self.gravity_c0, (3,))
        freeze_fields(self, checked)

    def __len__(self) -> int:
        """Return the number of frames."""
        return len(self.timestamps)

    def in_picture(self, points_px: Float[np.ndarray, "points 2"], frame: int) -> Float[np.ndarray, "points 2"]:
        """Return where points given for ``K`` lie in the video's own picture of a frame [px]."""
        assert self.zoom is not None  # filled when the evidence was made
        return (points_px - self.K[:2, 2]) * self.zoom[frame] + self.K[:2, 2]
