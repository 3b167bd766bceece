"""The backend is found without harm, and what is drawn lies where a pinhole camera puts it."""

import mujoco
import numpy as np
import pytest

from pipeline.camera import CameraPath
from pipeline.render import MissingRenderer, Renderer, available_renderer
from pipeline.render.gl import candidate_backends
from pipeline.render.stage import look_at
from robots.exceptions import InvalidArray

POINTS_W = np.array([[0.0, 0.0, 1.0], [0.5, 1.0, 0.2], [-1.0, -0.8, 1.7]])


def glowing_points():
    spec = mujoco.MjSpec()
    spec.visual.global_.offwidth, spec.visual.global_.offheight = 640, 360
    spec.add_material(name="glow", emission=1.0)
    for point, rgba in zip(POINTS_W, np.eye(3), strict=True):
        spec.worldbody.add_geom(
            type=mujoco.mjtGeom.mjGEOM_SPHERE, pos=point, size=[0.05, 0, 0], material="glow", rgba=[*rgba, 1]
        )
    model = spec.compile()
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    return model, data


@pytest.mark.render
def test_points_are_drawn_where_the_camera_path_projects_them():
    """The truth of every benchmark is projected with CameraPath; the picture has to agree, off-centre lens included."""
    model, data = glowing_points()
    K = np.array([[500.0, 0, 300.0], [0, 500.0, 200.0], [0, 0, 1]])
    pos = np.array([4.0, 1.0, 1.5])
    camera = CameraPath(K=K, R_w2c=look_at(np.array([-1.0, -0.2, -0.15]))[None], pos_w=pos[None])
    with Renderer(model, width=640, height=360) as renderer:
        frame = renderer.render(data, K=K, R_w2c=camera.R_w2c[0], pos_w=pos)
    expected, depth = camera.project(POINTS_W[None])
    assert (depth > 0).all()
    for channel in range(3):
        rows, columns = np.nonzero((frame[..., channel] > 128) & (frame.sum(axis=2) < 400))
        # Pixel k covers [k, k + 1]: its middle is half a pixel on.
        found = np.array([columns.mean() + 0.5, rows.mean() + 0.5])
        assert np.linalg.norm(found - expected[0, channel]) < 0.7


@pytest.mark.render
def test_two_renderers_draw_in_turn():
    """Body and robot are drawn side by side: each call has to make its own context current."""
    model, data = glowing_points()
    view = {"K": np.diag([400.0, 400.0, 1.0]), "R_w2c": look_at(np.array([-1.0, 0, 0])), "pos_w": np.array([5.0, 0, 1])}
    with Renderer(model, width=64, height=48) as small, Renderer(model, width=128, height=96) as large:
        first = small.render(data, **view)
        assert large.render(data, **view).shape == (96, 128, 3)
        np.testing.assert_array_equal(small.render(data, **view), first)


@pytest.mark.render
def test_pixels_that_are_not_square_are_refused():
    """OpenGL's frustum here takes its width from the frame; fx != fy would be drawn wrongly without a word."""
    model, data = glowing_points()
    with Renderer(model, width=64, height=48) as renderer, pytest.raises(InvalidArray, match="not square"):
        renderer.render(data, K=np.diag([400.0, 300.0, 1.0]), R_w2c=np.eye(3), pos_w=np.zeros(3))


def test_a_frame_larger_than_the_buffer_is_refused():
    """MuJoCo would draw into nothing."""
    model, _ = glowing_points()
    with pytest.raises(InvalidArray, match="641 x 360, allowed up to 640 x 360"):
        Renderer(model, width=641, height=360)


@pytest.mark.parametrize(("value", "expected"), [("osmesa", ("osmesa",)), ("EGL ", ("egl",)), ("off", ()), ("0", ())])
def test_mujoco_gl_narrows_the_choice(monkeypatch, value, expected):
    """A user who names a backend means it."""
    monkeypatch.setenv("MUJOCO_GL", value)
    assert candidate_backends() == expected


def test_without_mujoco_gl_several_backends_are_tried(monkeypatch):
    """Neither a GPU nor a screen is taken for granted."""
    monkeypatch.delenv("MUJOCO_GL", raising=False)
    assert "egl" in candidate_backends() and "osmesa" in candidate_backends()


def test_a_backend_that_fails_names_the_packages(monkeypatch):
    """A newcomer on a bare server needs the names, and to know that the rest works."""
    monkeypatch.setenv("MUJOCO_GL", "no_such_backend")
    assert available_renderer() is None
    model, _ = glowing_points()
    with pytest.raises(MissingRenderer, match=r"no_such_backend gave .*apt-get install libegl1 .*still runs"):
        Renderer(model, width=64, height=48)


def test_drawing_switched_off_says_so(monkeypatch):
    """Installing packages would not help here."""
    monkeypatch.setenv("MUJOCO_GL", "off")
    assert available_renderer() is None
    model, _ = glowing_points()
    with pytest.raises(MissingRenderer, match=r"switched off \(MUJOCO_GL=off\): unset it"):
        Renderer(model, width=64, height=48)
