"""A robot drawn by somebody else is the robot that MuJoCo has, and what is drawn over its film falls on it."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace

import mujoco
import numpy as np
import pytest

from pipeline.render import Renderer, robot_camera, robot_frames, staged_robot
from pipeline.render.stage import ViewConfig
from pipeline.review_desk.ghost import seen_in_film
from pipeline.review_desk.scene import _shape, _surface, poses, robot_item
from pipeline.review_desk.video_facts import VideoFacts, lay_out
from robots.g1 import load_g1
from robots.motion import RobotMotion


def stepping(variant="29dof", frames=6) -> RobotMotion:
    robot, rng = load_g1(variant), np.random.default_rng(3)
    qpos = np.tile(robot.default_qpos, (frames, 1))
    qpos[:, :2] = np.linspace([0.3, -0.2], [1.2, 0.5], frames)
    turn = np.linspace(0.2, 0.7, frames)
    qpos[:, 3], qpos[:, 6] = np.cos(turn / 2), np.sin(turn / 2)
    qpos[:, 7:] += 0.3 * rng.normal(size=qpos[:, 7:].shape)
    return RobotMotion.from_qpos(qpos, fps=30.0, joint_names=robot.joint_names, foot_contact=np.ones((frames, 2)))


@pytest.mark.parametrize(
    ("kind", "size", "volume"),
    [
        ("box", (0.1, 0.2, 0.3), 8 * 0.1 * 0.2 * 0.3),
        ("sphere", (0.2,), 4 / 3 * np.pi * 0.2**3),
        ("cylinder", (0.1, 0.3), np.pi * 0.1**2 * 0.6),
        ("capsule", (0.1, 0.3), np.pi * 0.1**2 * 0.6 + 4 / 3 * np.pi * 0.1**3),
        ("ellipsoid", (0.1, 0.2, 0.3), 4 / 3 * np.pi * 0.1 * 0.2 * 0.3),
    ],
)
def test_a_shape_of_triangles_encloses_what_mujocos_shape_does(kind, size, volume):
    """A little less, as corners lie on the round; positive, as its triangles face outwards."""
    text = f'<mujoco><worldbody><geom type="{kind}" size="{" ".join(map(str, size))}"/></worldbody></mujoco>'
    points, triangles = _surface(mujoco.MjModel.from_xml_string(text), 0)
    a, b, c = points[triangles].transpose(1, 0, 2)
    found = np.einsum("ij,ij->", a, np.cross(b, c)) / 6
    assert 0.9 * volume < found < volume + 1e-12


@pytest.mark.parametrize("variant", ["29dof", "23dof"])
def test_every_link_is_where_mujoco_puts_it(variant):
    """Poses are those of mj_kinematics, and shapes lie around the places that it has for them."""
    robot, motion = load_g1(variant), stepping(variant)
    model, found, item = robot.mj_model(), poses(motion, variant), robot_item(variant)
    data = mujoco.MjData(model)
    assert [link.name for link in item.bodies] == list(robot.body_names) and found.dtype == np.dtype("<f4")
    for frame in range(len(motion)):
        data.qpos[:] = motion.qpos[frame]
        mujoco.mj_kinematics(model, data)
        np.testing.assert_allclose(found[frame, :, :3], data.xpos[1:], atol=1e-6)
        np.testing.assert_allclose(found[frame, :, 3:], data.xquat[1:], atol=1e-6)
    shapes = 0
    for body, link in enumerate(item.bodies, start=1):
        geoms = [g for g in range(model.ngeom) if model.geom_bodyid[g] == body and model.geom_group[g] < 3]
        assert len(link.geoms) == len(geoms)
        for geom, shape in zip(geoms, link.geoms, strict=True):
            points = shape.vertices.reshape(-1, 3) @ data.xmat[body].reshape(3, 3).T + data.xpos[body]
            middle = (points.min(axis=0) + points.max(axis=0)) / 2
            np.testing.assert_allclose(middle, data.geom_xpos[geom], atol=2e-3)  # twenty corners a circle
            assert shape.triangles.max() < len(points) and len(shape.triangles) % 3 == 0
            shapes += 1
    assert shapes > 30


@pytest.mark.render
@pytest.mark.parametrize("source_px", [0, 321])
def test_links_seen_by_the_films_camera_fall_on_the_robot_in_its_picture(source_px):
    """Whoever draws over the film hits what he means."""
    robot, motion = load_g1("29dof"), stepping()
    config = ViewConfig(width=320, height=360)
    total = (source_px + 640) // 2 * 2
    film = VideoFacts(n_frames=6, fps=30.0, step=1, width=total, height=360, panels=lay_out(total, 360))
    pixels = seen_in_film(poses(motion, "29dof")[..., :3], motion, robot, film)
    pixels[..., 0] -= film.panels[-1].x
    with closing(robot_frames(robot, motion, config)) as frames:
        for frame, (picture, floor) in enumerate(zip(frames, empty_floor(robot, motion, config), strict=True)):
            drawn = (np.abs(picture.astype(int) - floor) > 8).any(axis=-1)
            assert 0.02 < drawn.mean() < 0.3
            x, y = pixels[frame].round().astype(int).T
            near = np.array([drawn[v - 2 : v + 3, u - 2 : u + 3].any() for u, v in zip(x, y, strict=True)])
            assert near.mean() > 0.95, (frame, near.mean())


def empty_floor(robot, motion, config):
    """What the camera sees without the robot."""
    model, camera = staged_robot(robot, config), robot_camera(robot, motion, config)
    model.geom_group[model.geom_bodyid > 0] = 5
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    with Renderer(model, width=config.width, height=config.height, shadows=config.shadows) as renderer:
        for frame in range(len(motion)):
            yield renderer.render(data, K=camera.K, R_w2c=camera.R_w2c[frame], pos_w=camera.pos_w[frame])


def test_a_film_without_a_robots_panel_has_nothing_to_draw_on():
    """NaN, which a page leaves out."""
    film = VideoFacts(n_frames=6, fps=30.0, step=1, width=100, height=360, panels=())
    assert np.isnan(seen_in_film(np.zeros((6, 2, 3)), stepping(), load_g1("29dof"), replace(film))).all()


def test_a_mesh_lies_where_its_file_and_its_geom_put_it():
    """MuJoCo keeps meshes about their own middle and axes, and the geom tells the way back."""
    points = np.array([[0.1, 0.2, 0.3], [0.9, 0.2, 0.3], [0.1, 0.6, 0.3], [0.1, 0.2, 0.5]])
    spec = mujoco.MjSpec()
    spec.add_mesh(name="wedge", uservert=points.ravel(), userface=[0, 2, 1, 0, 1, 3, 0, 3, 2, 1, 2, 3])
    body = spec.worldbody.add_body(name="link")
    turn = [np.cos(np.pi / 4), 0.0, 0.0, np.sin(np.pi / 4)]
    body.add_geom(type=mujoco.mjtGeom.mjGEOM_MESH, meshname="wedge", pos=[1.0, 0.0, 0.0], quat=turn)
    shape = _shape(spec.compile(), 0)
    found = shape.vertices.reshape(-1, 3)
    expected = np.column_stack([1.0 - points[:, 1], points[:, 0], points[:, 2]])
    assert all(np.linalg.norm(found - corner, axis=1).min() < 1e-6 for corner in expected)
    a, b, c = found[shape.triangles.reshape(-1, 3)].transpose(1, 0, 2)
    assert np.einsum("ij,ij->", a, np.cross(b, c)) / 6 == pytest.approx(0.8 * 0.4 * 0.2 / 6, rel=1e-4)
