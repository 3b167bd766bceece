"""Makes the surfaces of the set from numbers: wood, plaster, brick, banners. Seeded, so every run paints the same."""

from __future__ import annotations

import cv2
import numpy as np
from jaxtyping import Float, UInt8

Image = UInt8[np.ndarray, "height width 3"]
Colour = tuple[int, int, int]


def noise(
    rng: np.random.Generator, shape: tuple[int, int], cells: tuple[tuple[int, int], ...]
) -> Float[np.ndarray, "height width"]:
    """Sum of smooth random fields, one for each grid of cells (rows, columns), finer ones weaker; about -1 to 1."""
    height, width = shape
    field = np.zeros(shape, dtype=np.float32)
    for level, (rows, columns) in enumerate(cells):
        grid = rng.uniform(-1, 1, size=(rows, columns)).astype(np.float32)
        field += cv2.resize(grid, (width, height), interpolation=cv2.INTER_CUBIC) / (1 + level)
    return field


def planks(rng: np.random.Generator, *, size: int, rows: int, colour: Colour) -> Image:
    """Floor boards running along the picture, each with its own tint and grain."""
    tint = np.repeat(rng.uniform(0.82, 1.12, size=rows), size // rows)[:size]
    tint = np.pad(tint, (0, size - len(tint)), mode="edge")[:, None]
    grain = 1.0 + 0.10 * noise(rng, (size, size), ((rows * 4, 6), (size // 3, 24)))
    shade = tint * grain
    step = size // rows
    shade[::step] *= 0.55
    for row in range(rows):  # the boards' ends
        for column in rng.integers(0, size, size=2):
            shade[row * step : (row + 1) * step, column : column + 2] *= 0.55
    return _tinted(shade, colour)


def plaster(rng: np.random.Generator, *, size: int, colour: Colour) -> Image:
    """A painted wall with stains, a skirting and scuffs: enough corners for a camera to hold on to."""
    shade = 1.0 + 0.07 * noise(rng, (size, size), ((5, 7), (24, 30), (90, 110), (300, 300)))
    image = _tinted(shade, colour)
    for _ in range(160):
        x, y = rng.integers(0, size, size=2)
        dx, dy = rng.integers(-18, 18, size=2)
        shade = rng.uniform(0.6, 1.15)
        tone = tuple(min(int(c * shade), 255) for c in colour)
        cv2.line(image, (int(x), int(y)), (int(x + dx), int(y + dy)), tone, 1, cv2.LINE_AA)
    return image


def bricks(rng: np.random.Generator, *, size: int, rows: int, colour: Colour) -> Image:
    """A brick wall."""
    image = np.full((size, size, 3), (168, 160, 150), dtype=np.uint8)
    height, width = size / rows, 2.4 * size / rows
    for row in range(rows):
        for column in range(-1, int(size / width) + 2):
            left = (column + 0.5 * (row % 2)) * width
            shade = rng.uniform(0.7, 1.2)
            tone = [int(min(c * shade, 255)) for c in colour]
            corner, opposite = (
                (int(left) + 2, int(row * height) + 2),
                (int(left + width) - 2, int((row + 1) * height) - 2),
            )
            cv2.rectangle(image, corner, opposite, tone, -1)
    grain = 1.0 + 0.12 * noise(rng, (size, size), ((60, 60), (200, 200)))
    return np.clip(image * grain[..., None], 0, 255).astype(np.uint8)


def banner(rng: np.random.Generator, *, height: int, width: int, cloth: Colour, ink: Colour) -> Image:
    """A hanging cloth with brush strokes on it (no script: strokes only)."""
    image = _tinted(1.0 + 0.06 * noise(rng, (height, width), ((40, 6), (100, 30))), cloth)
    cv2.rectangle(image, (6, 6), (width - 7, height - 7), ink, 4)
    for top in range(60, height - 100, 130):
        for _ in range(6):
            x, y = rng.integers(30, width - 30), rng.integers(top, top + 80)
            dx, dy = rng.integers(-40, 40), rng.integers(-30, 30)
            cv2.line(image, (int(x), int(y)), (int(x + dx), int(y + dy)), ink, int(rng.integers(4, 12)), cv2.LINE_AA)
    return image


def crate(rng: np.random.Generator, *, size: int, colour: Colour) -> Image:
    """The side of a wooden box: boards in a frame with a diagonal."""
    image = planks(rng, size=size, rows=5, colour=colour)
    dark = tuple(int(c * 0.6) for c in colour)
    cv2.line(image, (0, size), (size, 0), dark, size // 9)
    cv2.rectangle(image, (0, 0), (size - 1, size - 1), dark, size // 8)
    return image


def checker(*, squares: int, cell: int, light: Colour, dark: Colour) -> Image:
    """A checker board."""
    odd = np.indices((squares, squares)).sum(axis=0) % 2
    board = np.where(odd[..., None] == 1, np.array(dark), np.array(light)).astype(np.uint8)
    return board.repeat(cell, axis=0).repeat(cell, axis=1)


def _tinted(shade: Float[np.ndarray, "height width"], colour: Colour) -> Image:
    return np.clip(shade[..., None] * np.array(colour, dtype=np.float32), 0, 255).astype(np.uint8)
