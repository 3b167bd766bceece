"""The filmed person is where the truth says, on a set that a camera can be tracked against."""

import cv2
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from pipeline.body import load_body
from pipeline.camera import CameraPath
from pipeline.kfbench.footwork import SMPL_TO_WORLD
from pipeline.render import FilmConfig, film_person
from pipeline.render.stage import look_at
from robots.exceptions import InvalidArray, UnknownName

SIZE = (480, 320)


@pytest.fixture(scope="module")
def body():
    return load_body("open")


def standing(body, places):
    upright = np.tile(Rotation.from_matrix(SMPL_TO_WORLD).as_rotvec(), (len(places), 1))
    transl = np.array(places, dtype=float) + np.array([0, 0, 1.1])
    return body.motion(30.0, np.zeros(10), upright, np.zeros((len(places), 21, 3)), transl)


def camera(n_frames):
    K = np.array([[380.0, 0, SIZE[0] / 2], [0, 380.0, SIZE[1] / 2], [0, 0, 1]])
    R = look_at(np.array([-1.0, -0.1, -0.05]))
    return CameraPath(K=K, R_w2c=np.tile(R, (n_frames, 1, 1)), pos_w=np.tile([4.5, 0.4, 1.2], (n_frames, 1)))


@pytest.mark.render
def test_silhouette_is_that_of_the_projected_skin(body):
    """Keypoint errors are only as true as the picture; the last frame has the person out of sight, as background."""
    motion = standing(body, [(0, 0, 0), (0.4, -0.3, 0.0), (0, 50, 0)])
    path = camera(3)
    frames = list(film_person(body, motion, path, FilmConfig(width=SIZE[0], height=SIZE[1], shadows=False)))
    pixels, _ = path.project(body.verts(motion))
    for frame, uv in zip(frames[:2], pixels, strict=False):
        rows, columns = np.nonzero(np.abs(frame.astype(int) - frames[2]).sum(axis=2) > 40)
        drawn = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
        np.testing.assert_allclose(drawn, [*uv.min(axis=0), *uv.max(axis=0)], atol=2.5)


@pytest.mark.render
def test_set_has_corners_all_over(body):
    """Camera rotation is measured on the background: every quarter of the frame must offer corners."""
    motion = standing(body, [(0, 50, 0)])
    (frame,) = film_person(body, motion, camera(1), FilmConfig(width=SIZE[0], height=SIZE[1]))
    corners = cv2.goodFeaturesToTrack(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY), 1000, 0.01, 5)[:, 0]
    quarter = (corners[:, 0] > SIZE[0] / 2) + 2 * (corners[:, 1] > SIZE[1] / 2)
    assert np.bincount(quarter.astype(int), minlength=4).min() > 30


@pytest.mark.render
def test_filming_twice_gives_the_same_frames(body):
    """The demo's figures must not move from run to run."""
    motion, config = standing(body, [(0, 0, 0)]), FilmConfig(width=160, height=120)
    first, second = (next(film_person(body, motion, camera(1), config)) for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_camera_of_another_length_is_refused(body):
    """A frame without a camera cannot be drawn, and the other way round nobody would notice."""
    with pytest.raises(InvalidArray, match="camera: has 2 frames, the motion 1"):
        next(film_person(body, standing(body, [(0, 0, 0)]), camera(2)))


def test_material_without_a_colour_is_named(body):
    """A body brought by the user may be made of something new."""
    config = FilmConfig(colours={"skin": (200, 150, 120)})
    with pytest.raises(UnknownName, match="unknown material 'shirt'"):
        next(film_person(body, standing(body, [(0, 0, 0)]), camera(1), config))
