"""Turns the focal length over time into when it was changing, and takes a zoom out of pixel coordinates."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float
from scipy.ndimage import binary_dilation

_SPAN = 4
_MIN_CHANGE = 0.004
"""Change of the focal length over twice the span of pictures that counts as zooming: 1.5 % a second at 30 Hz. The
noise of the estimate is a tenth of that."""

_MIN_STEP = _MIN_CHANGE / (2 * _SPAN) / 4


def find_zooming(zoom: Float[np.ndarray, " pictures"]) -> Bool[np.ndarray, " pictures"]:
    """Return where the focal length is changing.

    Args:
        zoom: Focal length relative to the first picture's.
    """
    log_zoom = np.log(zoom)
    n = len(zoom)
    ahead, behind = np.minimum(np.arange(n) + _SPAN, n - 1), np.maximum(np.arange(n) - _SPAN, 0)
    changed = np.abs(log_zoom[ahead] - log_zoom[behind]) > _MIN_CHANGE
    steps = np.abs(np.diff(log_zoom, prepend=log_zoom[:1], append=log_zoom[-1:])) > _MIN_STEP
    # The span reaches beyond the ends of a zoom, where the picture's own steps tell that nothing changes.
    return changed & np.asarray(binary_dilation(steps[1:] | steps[:-1], iterations=2), dtype=bool)


def undo_zoom(
    points_px: Float[np.ndarray, "pictures *points 2"],
    zoom: Float[np.ndarray, " pictures"],
    K: Float[np.ndarray, "3 3"],
) -> Float[np.ndarray, "pictures *points 2"]:
    """Return where points would be seen had the lens kept the first picture's focal length.

    Exact for a pinhole whose lens zooms about its principal point, whatever the depth of the points: a zoom changes the
    scale of the picture and nothing else. What was cropped out of the picture stays out of it.

    Args:
        points_px: Points in the zoomed pictures [px].
        zoom: Focal length of each picture relative to the first's.
        K: Intrinsics of the first picture [px].
    """
    scale = zoom.reshape(-1, *(1,) * (points_px.ndim - 1))
    return (points_px - K[:2, 2]) / scale + K[:2, 2]
