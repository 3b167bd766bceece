"""Turns frames of a scene into what is before the lens at moments in between, while the shutter is open.

A picture shows the scene averaged over its exposure, which is centred at the frame's own time; where a frame has no
neighbour, the shutter opens or closes there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import Rotation

from pipeline.camera import CameraPath

Item = TypeVar("Item")

_STEP_PX = 6.0  # widest gap between two moments of one exposure: finer than a limb
_MAX_MOMENTS = 16
_BACKDROP_M = 5.0  # how far away what moves with the camera is taken to be
_SPARSE = 40  # one vertex in so many tells how fast a body moves
_NEAR_M = 0.1  # nothing nearer to the lens counts


@dataclass(frozen=True, slots=True, eq=False)
class Moment:
    """What is before the lens at one moment."""

    people: tuple[Float[np.ndarray, "verts 3"], ...]
    """Posed vertices of each person [m]."""
    K: Float[np.ndarray, "3 3"]
    """Intrinsics [px]."""
    R_w2c: Float[np.ndarray, "3 3"]
    """Rotation from world to camera axes."""
    pos_w: Float[np.ndarray, " 3"]
    """Optical centre [m]."""


def zoomed(K: Float[np.ndarray, "3 3"], zoom: float) -> Float[np.ndarray, "3 3"]:
    """Intrinsics of the same camera with its focal length multiplied."""
    return K * np.array([[zoom, 1.0, 1.0], [1.0, zoom, 1.0], [1.0, 1.0, 1.0]])


def moments(
    people: Iterable[tuple[Float[np.ndarray, "verts 3"], ...]],
    camera: CameraPath,
    zoom: Float[np.ndarray, " frames"],
) -> Iterator[Moment]:
    """Yield the moment of each frame."""
    for frame, verts in enumerate(people):
        yield Moment(verts, zoomed(camera.K, zoom[frame]), camera.R_w2c[frame], camera.pos_w[frame])


def exposures(frames: Iterable[Moment], shutter: float) -> Iterator[list[Moment]]:
    """Yield, for each frame, moments spread evenly over its exposure: only one where nothing moves.

    Args:
        frames: The moment of each frame.
        shutter: Share of the time from frame to frame during which the shutter is open.
    """
    if shutter == 0.0:
        yield from ([moment] for moment in frames)
        return
    for before, now, after in _with_neighbours(frames):
        opening, closing = between(now, before, shutter / 2), between(now, after, shutter / 2)
        smear = _fastest_px(opening, now) + _fastest_px(now, closing)
        count = int(np.clip(np.ceil(smear / _STEP_PX), 1, _MAX_MOMENTS))
        offsets = (np.arange(count) + 0.5) / count - 0.5  # shares of the exposure, about the frame's time
        yield [between(now, after if share > 0 else before, shutter * abs(share)) for share in offsets]


def between(start: Moment, end: Moment, share: float) -> Moment:
    """Interpolate: vertices, place and lens along straight lines, the camera's axes about one axis."""
    if share == 0.0 or end is start:
        return start
    turn = Rotation.from_matrix(end.R_w2c @ start.R_w2c.T).as_rotvec()
    return Moment(
        tuple(a + share * (b - a) for a, b in zip(start.people, end.people, strict=True)),
        start.K + share * (end.K - start.K),
        Rotation.from_rotvec(share * turn).as_matrix() @ start.R_w2c,
        start.pos_w + share * (end.pos_w - start.pos_w),
    )


def _with_neighbours(items: Iterable[Item]) -> Iterator[tuple[Item, Item, Item]]:
    """Yield each item with the one before and the one after; the first and the last are their own neighbours."""
    stream = iter(items)
    try:
        before = now = next(stream)
    except StopIteration:
        return
    for after in stream:
        yield before, now, after
        before, now = now, after
    yield before, now, now


def _fastest_px(start: Moment, end: Moment) -> float:
    """How far anything moves in the picture between two moments [px]."""
    if start is end:
        return 0.0
    corners = np.array([[0.0, 0.0], [2.0, 0.0], [0.0, 2.0], [2.0, 2.0], [1.0, 1.0]]) * end.K[:2, 2]
    rays = np.column_stack([(corners - end.K[:2, 2]) / end.K[0, 0], np.ones(5)])
    backdrop = _BACKDROP_M * rays @ end.R_w2c + end.pos_w
    from_w = np.concatenate([backdrop, *(verts[::_SPARSE] for verts in start.people)])
    to_w = np.concatenate([backdrop, *(verts[::_SPARSE] for verts in end.people)])
    (a, near_a), (b, near_b) = _project(start, from_w), _project(end, to_w)
    size = 2.0 * end.K[:2, 2]
    seen = (near_a > _NEAR_M) & (near_b > _NEAR_M) & ((b > -0.2 * size) & (b < 1.2 * size)).all(axis=1)
    return float(np.linalg.norm(b - a, axis=1)[seen].max(initial=0.0))


def _project(moment: Moment, points_w: Float[np.ndarray, "points 3"]) -> tuple[np.ndarray, np.ndarray]:
    path = CameraPath(K=moment.K, R_w2c=moment.R_w2c[None], pos_w=moment.pos_w[None])
    pixels, depth = path.project(points_w[None])
    return pixels[0], depth[0]
