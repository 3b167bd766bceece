"""What a user may change about reading a video."""

from __future__ import annotations

from dataclasses import dataclass

from robots.exceptions import InvalidArray


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoConfig:
    """How a video becomes evidence."""

    focal_px: float | None = None
    """Focal length of the lens in pixels of the upright picture; else what the file states, else the diagonal [px]."""
    static_camera: bool | None = None
    """True: the camera stood still, do not look. False: it moved. None: find out."""
    max_gap_s: float = 1.0
    """Somebody lost is looked for in every picture for this long [s]."""
    min_length_s: float = 1.0
    """A damaged file must decode this far to be used [s]."""
    max_people: int = 3
    """How many people are followed at once."""
    search_every_s: float = 1.0
    """How often the whole picture is searched for further people [s]."""
    min_detector_score: float = 0.5
    """A detection below this confidence is ignored, in [0, 1]."""
    min_pose_score: float = 0.5
    """A tracked person below this confidence is lost, in [0, 1]."""
    max_side_px: int = 1280
    """Larger pictures are shrunk to this side before anything looks at them [px]."""
    camera_side_px: int = 640
    """Longer side of the grey picture in which the background is tracked [px]."""
    threads: int = 1
    """CPU threads of each network; decoding, people and camera already run beside each other."""

    def __post_init__(self) -> None:
        """Check ranges.

        Raises:
            InvalidArray: A number is outside its range.
        """
        for name in ("max_gap_s", "min_length_s", "search_every_s", "focal_px"):
            value = getattr(self, name)
            if value is not None and not 0.0 < value < 1e6:
                raise InvalidArray(name, problem=f"must be positive, got {value}")
        for name, low in (("max_people", 1), ("threads", 1), ("max_side_px", 64), ("camera_side_px", 64)):
            if getattr(self, name) < low:
                raise InvalidArray(name, problem=f"must be at least {low}, got {getattr(self, name)}")
        for name in ("min_detector_score", "min_pose_score"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise InvalidArray(name, problem=f"must lie between 0 and 1, got {getattr(self, name)}")
