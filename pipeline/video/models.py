"""Turns a cache folder into the two BlazePose networks, fetched once and known by their hashes.

Google publishes the networks (Apache-2.0) inside the ``mediapipe`` wheel; 0.10.21 is the newest that bundles them.
Only the two files are taken from it: the wheel itself pins packages that exclude the rest of this project's.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pipeline.exceptions import MissingModelFile
from robots.wheel_files import WheelPlatform, fetch_wheel_members, sha256_of

FETCH_COMMAND = "wushu models fetch"
"""What a user runs to get the networks."""

_REQUIREMENT = "mediapipe==0.10.21"
_WHEEL_SHA256 = "05dc4a9e593655a79558d05d6227d31018c2537a4bd3362b51e230cf22aecfe3"
# The networks are the same on every platform, so one wheel serves all.
_WHEEL_PLATFORM = WheelPlatform(
    python_version="311", implementation="cp", abi="cp311", platform="manylinux_2_28_x86_64"
)
_DETECTOR = "mediapipe/modules/pose_detection/pose_detection.tflite"
_LANDMARKER = "mediapipe/modules/pose_landmark/pose_landmark_full.tflite"
_MEMBERS = {
    _DETECTOR: "9ba9dd3d42efaaba86b4ff0122b06f29c4122e756b329d89dca1e297fd8f866c",
    _LANDMARKER: "e9a5c5cb17f736fafd4c2ec1da3b3d331d6edbe8a0d32395855aeb2cdfd64b9f",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class BlazePoseModels:
    """Where BlazePose's two networks lie on this machine; the files exist and their hashes were checked."""

    detector: Path
    """Person detector on the whole picture, 224 x 224."""
    landmarker: Path
    """33 landmarks of one person in a 256 x 256 crop (the "full" variant)."""

    def __post_init__(self) -> None:
        """Check that both files are the known ones.

        Raises:
            MissingModelFile: A file is absent or differs from the published one.
        """
        for path, member, what in (
            (self.detector, _DETECTOR, "person detector"),
            (self.landmarker, _LANDMARKER, "landmark network"),
        ):
            if not path.is_file() or sha256_of(path) != _MEMBERS[member]:
                raise MissingModelFile(path, what=f"An intact copy of BlazePose's {what}", command=FETCH_COMMAND)


def find_models(cache_dir: Path) -> BlazePoseModels:
    """Return the networks in ``cache_dir``.

    Raises:
        MissingModelFile: A file is absent or damaged.
    """
    return BlazePoseModels(
        detector=cache_dir / Path(_DETECTOR).name,
        landmarker=cache_dir / Path(_LANDMARKER).name,
    )


def fetch_models(cache_dir: Path) -> BlazePoseModels:
    """Return the networks in ``cache_dir``, after downloading them (36 MB once) where they are absent or damaged.

    Raises:
        WheelNotFetched: They are not there and cannot be downloaded.
    """
    fetch_wheel_members(_REQUIREMENT, _WHEEL_SHA256, _MEMBERS, cache_dir, wheel_platform=_WHEEL_PLATFORM)
    return find_models(cache_dir)
