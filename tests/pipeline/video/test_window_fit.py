"""Turning, zooming and moving told apart, from points of a hall projected through known cameras."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from pipeline.video.background import WindowTracks
from pipeline.video.window_fit import TURNING_PX, fit_window

WIDTH, HEIGHT = 640, 360
K = np.array([[734.0, 0, WIDTH / 2], [0, 734.0, HEIGHT / 2], [0, 0, 1]])
N = 20
ALONG = np.linspace(0, 1, N + 1)
STILL = np.tile(np.eye(3), (N + 1, 1, 1))
NOWHERE = np.zeros((N + 1, 3))


def _hall(n=240, seed=0):
    """Points on a wall 7 m ahead, a floor 1.3 m below and things that stand on it, seen in the first picture."""
    rng = np.random.default_rng(seed)
    px = np.column_stack([rng.uniform(10, WIDTH - 10, n), rng.uniform(10, HEIGHT - 10, n)])
    rays = np.column_stack([(px - K[:2, 2]) / K[0, 0], np.ones(n)])
    depth = np.minimum(7.0, 1.3 / np.maximum(rays[:, 1], 1e-6))
    depth[::6] = rng.uniform(3.0, 6.0, len(depth[::6])).clip(max=depth[::6])
    return rays * depth[:, None]


def _filmed(points, R=STILL, pos=NOWHERE, zoom=None, *, noise_px=0.07, seed=1):
    """Tracks of the points; frame 0 is the keyframe."""
    zoom = np.ones(N + 1) if zoom is None else zoom
    rng = np.random.default_rng(seed)
    camera = np.einsum("fij,fpj->fpi", R, points - pos[:, None])
    px = 734.0 * zoom[:, None, None] * camera[..., :2] / camera[..., 2:] + K[:2, 2]
    visible = ((px > 0) & (px < [WIDTH, HEIGHT])).all(axis=2)[1:]
    seen = px[1:] + rng.normal(0, noise_px, px[1:].shape)
    return WindowTracks(keyframe=0, pictures=np.arange(1, N + 1), corners=px[0], seen=seen, visible=visible)


def _turning(degrees, axis=(0.1, -1.0, 0.05)):
    return Rotation.from_rotvec(np.radians(degrees) * ALONG[:, None] * np.array(axis)).as_matrix()


def _fit(tracks):
    return fit_window(tracks, K, TURNING_PX, np.random.default_rng(0))


def _worst_deg(fit, R):
    return np.degrees(Rotation.from_matrix(fit.R @ np.swapaxes(R[1:], 1, 2)).magnitude().max())


@pytest.mark.parametrize("end", [1.1, 0.9, 1.02])
@pytest.mark.parametrize("degrees", [0.0, 8.0])
def test_a_zoom_is_recovered_and_does_not_bend_the_rotation(degrees, end):
    zoom, R = 1.0 + (end - 1.0) * ALONG, _turning(degrees)
    fit = _fit(_filmed(_hall(), R, zoom=zoom))
    assert fit.zoom == pytest.approx(zoom[1:], rel=1e-3)
    assert _worst_deg(fit, R) < 0.05
    assert not fit.moved


def test_a_zoom_that_begins_at_the_end_of_a_window_is_seen():
    """Typical points of a typical picture say nothing of it."""
    zoom = 1.0 + 0.05 * np.clip((ALONG - 0.8) / 0.2, 0, 1)
    assert _fit(_filmed(_hall(), _turning(8.0), zoom=zoom)).zoom == pytest.approx(zoom[1:], rel=1e-3)


@pytest.mark.parametrize("ahead", [0.6, -0.6])
@pytest.mark.parametrize("degrees", [0.0, 8.0])
def test_going_forward_is_no_zoom_where_parallax_tells(degrees, ahead):
    """The wall alone grows as in a zoom; what stands before it grows faster."""
    R, pos = _turning(degrees), ALONG[:, None] * np.array([0.0, 0.0, ahead])
    fit = _fit(_filmed(_hall(), R, pos))
    assert np.array_equal(fit.zoom, np.ones(N))
    assert fit.moved
    assert _worst_deg(fit, R) < 0.2


def test_going_towards_a_bare_wall_still_turns_about_as_it_does():
    """Nothing can tell it from a zoom; for the rotation that hardly matters."""
    wall = _hall()
    wall = wall / wall[:, 2:] * 7.0
    R = _turning(5.0)
    fit = _fit(_filmed(wall, R, ALONG[:, None] * np.array([0.0, 0.0, 0.5])))
    assert _worst_deg(fit, R) < 0.5


def test_walking_sideways_is_no_zoom():
    R, pos = _turning(6.0), ALONG[:, None] * np.array([0.5, 0.05, 0.0])
    fit = _fit(_filmed(_hall(), R, pos))
    assert np.array_equal(fit.zoom, np.ones(N))
    assert fit.moved
    assert _worst_deg(fit, R) < 0.15


@pytest.mark.parametrize("degrees", [0.0, 0.5, 12.0])
def test_a_pan_is_no_zoom(degrees):
    R = _turning(degrees)
    fit = _fit(_filmed(_hall(), R))
    assert np.array_equal(fit.zoom, np.ones(N))
    assert not fit.moved
    assert _worst_deg(fit, R) < 0.03


def test_zooming_while_walking_is_neither_alone():
    zoom, R = 1.0 + 0.1 * ALONG, _turning(6.0)
    fit = _fit(_filmed(_hall(), R, ALONG[:, None] * np.array([0.6, 0.0, 0.0]), zoom))
    assert fit.zoom == pytest.approx(zoom[1:], rel=0.02)
    assert fit.moved
    assert _worst_deg(fit, R) < 0.3


def test_a_crowd_does_not_zoom_the_lens():
    """A third of the points on people who walk about."""
    tracks = _filmed(_hall(), zoom=1.0 + 0.1 * ALONG)
    rng = np.random.default_rng(5)
    tracks.seen[:, ::3] += np.cumsum(rng.normal(0, 3.0, tracks.seen[:, ::3].shape), axis=0)
    assert _fit(tracks).zoom == pytest.approx(1.0 + 0.1 * ALONG[1:], rel=2e-3)


def test_points_without_rhyme_are_not_measured():
    """What is followed in the noise of a black stage goes anywhere."""
    tracks = _filmed(_hall())
    tracks.seen[:] += np.random.default_rng(6).normal(0, 15.0, tracks.seen.shape)
    assert not _fit(tracks).measured.any()


def test_a_rolling_shutter_bends_the_jolted_picture_and_no_other():
    """Rows that are read late see the camera farther on: 8 px over the height in pictures 9 and 15."""
    tracks = _filmed(_hall(), _turning(6.0))
    for k in (9, 15):
        tracks.seen[k, :, 0] += 8.0 * (tracks.seen[k, :, 1] / HEIGHT - 0.5)
    bend_px = np.abs(_fit(tracks).bend) * HEIGHT
    assert bend_px[[9, 15]] == pytest.approx(8.0, abs=0.8)
    assert (np.delete(bend_px, [8, 9, 10, 14, 15, 16]) < 0.5).all()


def test_parallax_is_no_bend():
    """The floor drifts over the rows as a bent picture does, but as much in every picture."""
    fit = _fit(_filmed(_hall(), _turning(6.0), ALONG[:, None] * np.array([0.6, 0.0, 0.0])))
    assert np.abs(fit.bend).max() * HEIGHT < 1.0
