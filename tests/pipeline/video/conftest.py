"""What the tests of this room share: writing small videos, and a room with two textured planes to film."""

from __future__ import annotations

import wave
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

WritesVideo = Callable[..., Path]


@pytest.fixture(scope="session")
def write_video(tmp_path_factory) -> WritesVideo:
    """Encode RGB pictures, losslessly enough to recognise them, at times in milliseconds."""

    def write(
        pictures: Sequence[np.ndarray],
        *,
        name: str = "clip.mp4",
        times_ms: Sequence[int] | None = None,
        codec: str = "libx264",
        options: dict[str, str] | None = None,
    ) -> Path:
        path = tmp_path_factory.mktemp("video") / name
        times_ms = [40 * i for i in range(len(pictures))] if times_ms is None else times_ms
        with av.open(str(path), "w", options=options or {}) as container:
            stream = container.add_stream(codec, rate=25)
            stream.height, stream.width = pictures[0].shape[:2]
            stream.pix_fmt = "yuv420p"
            stream.time_base = stream.codec_context.time_base = Fraction(1, 1000)
            if codec == "libx264":
                stream.options = {"crf": "10", "preset": "ultrafast", "bf": "0"}
            for picture, time in zip(pictures, times_ms, strict=True):
                frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
                frame.pts, frame.time_base = time, Fraction(1, 1000)
                container.mux(stream.encode(frame))
            container.mux(stream.encode())
        return path

    return write


@pytest.fixture
def sound_only(tmp_path) -> Path:
    """A tenth of a second of silence."""
    path = tmp_path / "sound.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(b"\0\0" * 800)
    return path


@dataclass
class TexturedRoom:
    """A wall 6 m ahead and a floor 1.5 m below the origin, in camera axes (x right, y down, z forward)."""

    K: np.ndarray
    width: int
    height: int

    def __post_init__(self) -> None:
        self._wall, self._floor = _texture(0), _texture(1)
        column, row = np.meshgrid(np.arange(self.width, dtype=float), np.arange(self.height, dtype=float))
        self._rays = np.stack([column, row, np.ones_like(row)], axis=-1) @ np.linalg.inv(self.K).T

    def film(self, R_w2c: np.ndarray, pos_w: np.ndarray) -> np.ndarray:
        """Return the grey picture from a camera pose, exact but for the textures' interpolation."""
        ray = self._rays @ R_w2c
        with np.errstate(divide="ignore"):
            to_wall = np.where(ray[..., 2] > 1e-6, (6.0 - pos_w[2]) / ray[..., 2], 1e9)
            to_floor = np.where(ray[..., 1] > 1e-6, (1.5 - pos_w[1]) / ray[..., 1], 1e9)
        x, y, z = np.moveaxis(pos_w + ray * np.minimum(to_wall, to_floor)[..., None], -1, 0)
        per_metre = 128.0
        wall = _paint(self._wall, (x + 4.0) * per_metre, (y + 4.0) * per_metre)
        floor = _paint(self._floor, (x + 4.0) * per_metre, z * per_metre)
        return np.where(to_wall < to_floor, wall, floor)


def _texture(seed: int, size: int = 1024) -> np.ndarray:
    rng = np.random.default_rng(seed)
    texture = np.full((size, size), 128.0, dtype=np.float32)
    for cells, contrast in ((8, 60), (16, 50), (64, 40), (256, 25)):
        coarse = rng.standard_normal((cells, cells)).astype(np.float32)
        texture += contrast * cv2.resize(coarse, (size, size), interpolation=cv2.INTER_CUBIC)
    return np.clip(texture, 0, 255).astype(np.uint8)


def _paint(texture: np.ndarray, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    maps = u.astype(np.float32), v.astype(np.float32)
    return cv2.remap(texture, *maps, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)


@pytest.fixture(scope="session")
def room() -> TexturedRoom:
    width, height = 640, 360
    focal = float(np.hypot(width, height))
    return TexturedRoom(np.array([[focal, 0, width / 2], [0, focal, height / 2], [0, 0, 1]]), width, height)


@pytest.fixture(scope="session")
def moving_person_picture() -> np.ndarray:
    """A textured board that stands for somebody who walks through the picture."""
    return cv2.resize(_texture(9), (120, 240))
