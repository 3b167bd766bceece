"""Tells how alike two pictures are in what they show, whatever the camera or the light did between them."""

from __future__ import annotations

import cv2
import numpy as np
from jaxtyping import UInt8

_LONG_SIDE, _SHORT_SIDE = 96, 54
_BLOCKS_ALONG, _BLOCKS_ACROSS = 4, 3
_REACH = 4  # how far a block may have moved on its own, as in a zoom or on a person [px of the thumbnail]
_FLAT = 3.0  # a block with less contrast shows nothing that could be found again [grey levels]
_PLAIN = 20.0  # more contrast than this does not make a block weigh more [grey levels]
_CLEARLY_ALIKE = 0.9
_STILL = 2.0  # pictures that differ by less on average need no search [grey levels]


def thumbnail(rgb: UInt8[np.ndarray, "height width 3"]) -> UInt8[np.ndarray, "rows columns"]:
    """Return a small grey picture, 96 x 54 or upright; of a large picture only every n-th pixel is read."""
    height, width = rgb.shape[:2]
    step = max(1, min(height, width) // (2 * _SHORT_SIDE))
    gray = cv2.cvtColor(np.ascontiguousarray(rgb[::step, ::step]), cv2.COLOR_RGB2GRAY)
    size = (_LONG_SIDE, _SHORT_SIDE) if width >= height else (_SHORT_SIDE, _LONG_SIDE)
    return cv2.resize(gray, size, interpolation=cv2.INTER_AREA)


def is_blank(thumb: UInt8[np.ndarray, "rows columns"]) -> bool:
    """Whether a thumbnail is too dark or too even to show any place."""
    return all(block.std() < _FLAT for _, _, block in _blocks(thumb))


def local_change(before: UInt8[np.ndarray, "rows columns"], after: UInt8[np.ndarray, "rows columns"]) -> float:
    """Return the largest change of brightness of any small patch [grey levels].

    A limb that moves changes a few patches much; compression and sensor noise change all of them a little.
    """
    if before.shape != after.shape:
        return 255.0
    return float(cv2.blur(cv2.absdiff(before, after), (3, 3)).max())


def likeness(before: UInt8[np.ndarray, "rows columns"], after: UInt8[np.ndarray, "rows columns"]) -> float:
    """Return how much of a thumbnail is found again in an earlier one, from 0 to 1; about 0.5 for unrelated places.

    Each block is sought by normalised cross-correlation, which brightness and contrast do not change, near where it
    was and near where the whole picture moved; blocks that came into view with a pan are left out.
    """
    if before.shape != after.shape:
        return 0.0
    if cv2.absdiff(before, after).mean() < _STILL:
        return 1.0
    in_place = _found_again(before, after, 0, 0)
    if in_place > _CLEARLY_ALIKE:
        return in_place
    dx, dy = _whole_shift(before, after)
    if max(abs(dx), abs(dy)) <= _REACH // 2:
        return in_place
    return max(in_place, _found_again(before, after, dx, dy))


def _whole_shift(before: np.ndarray, after: np.ndarray) -> tuple[int, int]:
    """Where the middle of ``after`` was in ``before``, as a shift [px]."""
    height, width = after.shape
    middle = after[height // 4 : height - height // 4, width // 4 : width - width // 4]
    if middle.std() < _FLAT:
        return 0, 0
    _, _, _, (x, y) = cv2.minMaxLoc(cv2.matchTemplate(before, middle, cv2.TM_CCOEFF_NORMED))
    return x - width // 4, y - height // 4


def _found_again(before: np.ndarray, after: np.ndarray, dx: int, dy: int) -> float:
    """Mean of the blocks' best correlations, weighted by their contrast; 0 if no block can be sought."""
    total = weights = 0.0
    for y, x, block in _blocks(after):
        rows = slice(max(0, y + dy - _REACH), max(0, y + dy + block.shape[0] + _REACH))
        columns = slice(max(0, x + dx - _REACH), max(0, x + dx + block.shape[1] + _REACH))
        window = before[rows, columns]
        contrast = float(block.std())
        if contrast < _FLAT or window.shape[0] < block.shape[0] or window.shape[1] < block.shape[1]:
            continue
        best = float(cv2.matchTemplate(window, block, cv2.TM_CCOEFF_NORMED).max())
        weight = min(contrast, _PLAIN)
        total += weight * max(best, 0.0)
        weights += weight
    return total / weights if weights else 0.0


def _blocks(thumb: np.ndarray) -> list[tuple[int, int, np.ndarray]]:
    """Cut a thumbnail into 12 blocks, each with the row and column of its corner."""
    height, width = thumb.shape
    along, across = (_BLOCKS_ALONG, _BLOCKS_ACROSS) if width >= height else (_BLOCKS_ACROSS, _BLOCKS_ALONG)
    rows, columns = height // across, width // along
    return [
        (y, x, thumb[y : y + rows, x : x + columns])
        for y in range(0, rows * across, rows)
        for x in range(0, columns * along, columns)
    ]
