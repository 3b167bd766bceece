"""Turns a person in a picture into a few colour histograms, by which the same person is known again.

Colours are sampled on a small grid over head, torso and legs, laid out by the landmarks, so that background, arms and
clothes of a neighbour stay out. Hue and brightness are binned softly and histograms compared by Hellinger's distance
(Comaniciu, Ramesh & Meer, "Kernel-based object tracking", PAMI 2003), which is 0 for equal and 1 for disjoint ones.
"""

from __future__ import annotations

import cv2
import numpy as np
from jaxtyping import Float, Float32, UInt8

from pipeline.video.blazepose import Pose

N_BINS = 2 * 8 + 5
"""Dark and bright shades of eight hues, and five greys."""

_HUES = 8
_GREYS = 5
_ZONE_WEIGHT = np.array([0.2, 0.45, 0.35])
_EARS, _MOUTH = (7, 8), (9, 10)
_SHOULDERS, _HIPS, _KNEES, _ANKLES = (11, 12), (23, 24), (25, 26), (27, 28)
_ALONG, _ACROSS = np.meshgrid(np.linspace(0.08, 0.92, 9), np.linspace(0.15, 0.85, 7), indexing="ij")
_LIMB_HALF_WIDTH = 0.08  # of a thigh's length: inside even thin legs


def describe(rgb: UInt8[np.ndarray, "height width 3"], pose: Pose) -> Float32[np.ndarray, "3 21"]:
    """Return the square roots of a person's colour histograms, one row a zone.

    A row's squares sum to the share of the zone that lies on the picture; a zone outside it is all zero.

    Args:
        rgb: The picture.
        pose: The person in it.
    """
    zones = _zone_points(pose.landmarks)
    points = np.concatenate(zones)
    height, width = rgb.shape[:2]
    x, y = np.floor(np.clip(points, -1e6, 1e6)).astype(np.int64).T
    inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
    pixels = rgb[np.clip(y, 0, height - 1), np.clip(x, 0, width - 1)]
    soft = _soft_bins(pixels) * inside[:, None]
    ends = np.cumsum([len(zone) for zone in zones])[:-1]
    histograms = np.stack([part.mean(axis=0) for part in np.split(soft, ends)])
    return np.sqrt(histograms).astype(np.float32)


def distance(a: Float[np.ndarray, "*pairs 3 21"], b: Float[np.ndarray, "*pairs 3 21"]) -> Float[np.ndarray, " *pairs"]:
    """Return how differently two people look, in [0, 1]; zones that either does not show are left out.

    Where nothing can be compared the answer is one half: neither alike nor different.
    """
    a, b = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    mass_a, mass_b = (a**2).sum(axis=-1), (b**2).sum(axis=-1)
    overlap = (a * b).sum(axis=-1) / np.sqrt(np.maximum(mass_a * mass_b, 1e-12))
    apart = np.sqrt(np.clip(1.0 - overlap, 0.0, 1.0))
    weight = _ZONE_WEIGHT * np.minimum(mass_a, mass_b)
    total = weight.sum(axis=-1)
    mean = (weight * apart).sum(axis=-1) / np.maximum(total, 1e-12)
    return np.where(total > 0.1, mean, 0.5)


def mean_appearance(
    described: Float[np.ndarray, "seen 3 21"], weights: Float[np.ndarray, " seen"]
) -> Float[np.ndarray, "3 21"]:
    """Return the appearance of somebody seen several times; sightings of no weight do not count."""
    total = float(weights.sum())
    if total <= 0:
        return np.zeros(described.shape[1:])
    histograms = np.einsum("s,szb->zb", weights, np.asarray(described, dtype=np.float64) ** 2) / total
    return np.sqrt(histograms)


def _zone_points(landmarks: Float[np.ndarray, "33 2"]) -> tuple[Float[np.ndarray, "points 2"], ...]:
    shoulders, hips = landmarks[list(_SHOULDERS)], landmarks[list(_HIPS)]
    neck, pelvis = shoulders.mean(axis=0), hips.mean(axis=0)
    torso = _grid(shoulders[0], shoulders[1], hips[0], hips[1])
    legs = []
    for side in (0, 1):
        hip, knee, ankle = hips[side], landmarks[_KNEES[side]], landmarks[_ANKLES[side]]
        half = _LIMB_HALF_WIDTH * float(np.hypot(*(knee - hip)))
        legs += [_along(hip, knee, half), _along(knee, ankle, half)]
    face = landmarks[[*_EARS, *_MOUTH]].mean(axis=0)
    up = 0.22 * (neck - pelvis)  # half a head, in this direction also when the head is bowed
    side = np.array([-up[1], up[0]]) * 0.5
    head = _grid(face + 1.2 * up - side, face + 1.2 * up + side, face - 0.4 * up - side, face - 0.4 * up + side)
    # A torso seen from the side is a line between the landmarks: give it some width, or background decides.
    depth = 0.12 * np.array([-(pelvis - neck)[1], (pelvis - neck)[0]])
    core = _grid(neck - depth, neck + depth, pelvis - depth, pelvis + depth)
    return head, np.concatenate([torso, core]), np.concatenate(legs)


def _grid(
    top_left: Float[np.ndarray, " 2"],
    top_right: Float[np.ndarray, " 2"],
    low_left: Float[np.ndarray, " 2"],
    low_right: Float[np.ndarray, " 2"],
) -> Float[np.ndarray, "63 2"]:
    along, across = _ALONG.reshape(-1, 1), _ACROSS.reshape(-1, 1)
    top = top_left + across * (top_right - top_left)
    low = low_left + across * (low_right - low_left)
    return top + along * (low - top)


def _along(
    start: Float[np.ndarray, " 2"], end: Float[np.ndarray, " 2"], half_width: float
) -> Float[np.ndarray, "27 2"]:
    share = np.linspace(0.08, 0.92, 9)[:, None]
    middle = start + share * (end - start)
    axis = end - start
    normal = np.array([-axis[1], axis[0]]) / max(float(np.hypot(*axis)), 1e-9)
    return np.concatenate([middle + offset * half_width * normal for offset in (-1.0, 0.0, 1.0)])


def _soft_bins(pixels: UInt8[np.ndarray, "points 3"]) -> Float[np.ndarray, "points 21"]:
    """Share of each pixel in each bin; neighbouring bins share a pixel, so that no colour sits on an edge."""
    hsv = cv2.cvtColor(pixels[None], cv2.COLOR_RGB2HSV)[0].astype(np.float64)
    hue, saturation, value = hsv[:, 0] / 180.0, hsv[:, 1] / 255.0, hsv[:, 2] / 255.0
    # Hue says nothing where there is little colour or little light.
    chroma = np.clip((saturation * value - 0.06) / 0.14, 0.0, 1.0)
    bright = np.clip((value - 0.3) / 0.4, 0.0, 1.0)
    rows = np.arange(len(pixels))
    bins = np.zeros((len(pixels), N_BINS))
    low, share = _between(hue * _HUES)
    for number, part in ((low % _HUES, 1.0 - share), ((low + 1) % _HUES, share)):
        bins[rows, number] += chroma * part * (1.0 - bright)
        bins[rows, _HUES + number] += chroma * part * bright
    low, share = _between(value * (_GREYS - 1))
    for number, part in ((low, 1.0 - share), (np.minimum(low + 1, _GREYS - 1), share)):
        bins[rows, 2 * _HUES + number] += (1.0 - chroma) * part
    return bins


def _between(position: Float[np.ndarray, " n"]) -> tuple[np.ndarray, Float[np.ndarray, " n"]]:
    low = np.floor(position).astype(np.int64)
    return low, position - low
