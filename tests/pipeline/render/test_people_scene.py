"""Several people, what hides them, the open shutter, and sets that differ: a trial video is only as true as these."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from pipeline.body import load_body
from pipeline.camera import CameraPath
from pipeline.kfbench.footwork import SMPL_TO_WORLD
from pipeline.render import FilmConfig, Hall, Occluder, Performer, film_people, film_person, hidden_by
from pipeline.render.exposure import Moment, between, exposures
from pipeline.render.skin import DEFAULT_COLOURS
from pipeline.render.stage import look_at
from robots.exceptions import InvalidArray

SIZE = (480, 320)
GREEN, BLUE = ({**DEFAULT_COLOURS, "shirt": shirt, "pants": shirt} for shirt in ((20, 230, 20), (20, 20, 230)))
GREY = Hall(floor=(120,) * 3, wall=(140,) * 3, brick=(110,) * 3, crate=(130,) * 3, banners=(), crates=())
PLAIN = FilmConfig(width=SIZE[0], height=SIZE[1], shadows=False, hall=GREY)


@pytest.fixture(scope="module")
def body():
    return load_body("open")


def performer(body, places, colours=GREEN):
    upright = np.tile(Rotation.from_matrix(SMPL_TO_WORLD).as_rotvec(), (len(places), 1))
    transl = np.array(places, dtype=float) + np.array([0, 0, 1.1])
    motion = body.motion(30.0, np.zeros(10), upright, np.zeros((len(places), 21, 3)), transl)
    return Performer(body=body, motion=motion, colours=colours)


def camera(n_frames, yaw=None):
    K = np.array([[380.0, 0, SIZE[0] / 2], [0, 380.0, SIZE[1] / 2], [0, 0, 1]])
    turn = Rotation.from_euler("z", np.zeros((n_frames, 1)) if yaw is None else np.array(yaw)[:, None]).as_matrix()
    R = look_at(np.array([-1.0, 0.0, -0.05])) @ turn
    return CameraPath(K=K, R_w2c=R, pos_w=np.tile([4.5, 0.0, 1.2], (n_frames, 1)))


def film(people, path, **changes):
    return list(film_people(people, path, replace(PLAIN, **changes)))


def pixels_of(frame, channel):
    frame = frame.astype(int)
    return frame[..., channel] > 1.8 * np.delete(frame, channel, axis=2).max(axis=2) + 20


@pytest.mark.render
def test_each_of_two_people_is_where_the_truth_says(body):
    """Clothes must go with the right motion, or every identity would be swapped."""
    people = [performer(body, [(0, 0.8, 0)], GREEN), performer(body, [(0, -0.8, 0)], BLUE)]
    path = camera(1)
    (frame,) = film(people, path)
    for channel, who in enumerate(people, start=1):
        columns = np.nonzero(pixels_of(frame, channel))[1]
        pelvis, _ = path.project((who.motion.rest_joint_pos[0] + who.motion.transl)[:, None])
        assert len(columns) > 500
        assert np.median(columns) == pytest.approx(pelvis[0, 0, 0], abs=4)


@pytest.mark.render
def test_one_person_is_filmed_the_same_way_alone(body):
    """``film_person`` is the case of one, to the bit: the demo's figures must not move."""
    who = performer(body, [(0, 0, 0), (0.1, 0, 0)])
    config = FilmConfig(width=SIZE[0], height=SIZE[1], colours=GREEN)
    alone = film_person(body, who.motion, camera(2), config)
    for one, several in zip(alone, film_people([who], camera(2), config), strict=True):
        np.testing.assert_array_equal(one, several)


@pytest.mark.render
def test_a_board_in_front_hides_what_is_behind_it_and_says_so(body):
    """Planted occlusion is only a fault if the picture and the truth agree about it."""
    who = performer(body, [(0, 0, 0)])
    board = Occluder(pos=(1.5, 0, 0.45), size=(0.05, 3.0, 0.9), colour=(90, 90, 90))
    behind = Occluder(pos=(-1.0, 0, 0.45), size=(0.05, 3.0, 0.9), colour=(90, 90, 90))
    free, covered = (film([who], camera(1), occluders=things)[0] for things in ((behind,), (board,)))
    assert pixels_of(covered, 1).sum() < 0.85 * pixels_of(free, 1).sum()
    points = [body.motion_keypoints(who.motion)]
    hidden, seen = (
        hidden_by([who], points, camera(1), replace(PLAIN, occluders=things)) for things in ((board,), (behind,))
    )
    assert (seen == -1).all()
    assert (hidden[0, 0, 15:] == 1).all()  # ankles and feet, by the thing after the one person
    assert (hidden[0, 0, :7] == -1).all()  # face and shoulders


@pytest.mark.render
def test_the_nearer_of_two_people_hides_the_farther(body):
    """Never the other way round, and neither hides the other where they stand apart."""
    near = performer(body, [(0.6, 0, 0), (0.6, 1.2, 0)], GREEN)
    far = performer(body, [(-0.6, 0, 0), (-0.6, -1.2, 0)], BLUE)
    frames = film([near, far], camera(2))
    assert pixels_of(frames[0], 2).sum() < 0.3 * pixels_of(frames[1], 2).sum()
    points = [body.motion_keypoints(who.motion) for who in (near, far)]
    hidden = hidden_by([near, far], points, camera(2), PLAIN)
    assert (hidden[0] == -1).all()
    assert (hidden[1, 0] == 0).mean() > 0.4
    assert (hidden[1, 1] == -1).all()


@pytest.mark.render
def test_only_what_moves_is_smeared(body):
    """A standing camera's background stays sharp to the bit while the shutter is open."""
    who = performer(body, [(0, 0.1 * k, 0) for k in range(3)])
    sharp, smeared = (film([who], camera(3), shutter=shutter)[1] for shutter in (0.0, 1.0))
    changed = np.nonzero((sharp != smeared).any(axis=2))
    verts, _ = camera(3).project(body.verts(who.motion))
    low, high = verts.min(axis=(0, 1)) - 3, verts.max(axis=(0, 1)) + 3
    assert len(changed[0]) > 500
    assert (changed[1] > low[0]).all() and (changed[1] < high[0]).all()
    assert (changed[0] > low[1]).all() and (changed[0] < high[1]).all()
    still = performer(body, [(0, 0, 0)] * 2)
    for closed, opened in zip(film([still], camera(2)), film([still], camera(2), shutter=1.0), strict=True):
        np.testing.assert_array_equal(closed, opened)


@pytest.mark.render
def test_a_turning_camera_smears_upright_edges_only(body):
    """Motion blur has the direction of the motion."""
    path = camera(3, yaw=[-0.06, 0.0, 0.06])
    sharp, smeared = (film([], path, shutter=shutter, hall=Hall())[1] for shutter in (0.0, 1.0))
    across, down = (
        [float(np.abs(cv2.Sobel(cv2.cvtColor(f, cv2.COLOR_RGB2GRAY), cv2.CV_32F, *d)).mean()) for f in (sharp, smeared)]
        for d in ((1, 0), (0, 1))
    )
    assert across[1] < 0.7 * across[0]
    assert down[1] / down[0] > 1.15 * across[1] / across[0]


@pytest.mark.render
def test_zoom_enlarges_about_the_middle_of_the_picture(body):
    """The zoom's truth is its factor."""
    frames = film([performer(body, [(0, 0, -0.2)] * 2)], camera(2))[:1]
    frames += list(film_people([performer(body, [(0, 0, -0.2)])], camera(1), PLAIN, zoom=np.array([1.5])))
    spans = [np.ptp(np.nonzero(pixels_of(frame, 1))[1]) for frame in frames]
    assert spans[1] / spans[0] == pytest.approx(1.5, rel=0.05)


@pytest.mark.render
def test_halls_of_other_seeds_look_like_other_places():
    """A cut between two of them must be one to every eye: histograms of colour hardly overlap."""
    histograms = []
    for seed in range(1, 7):
        (frame,) = film([], camera(1), seed=seed, hall=Hall.varied(seed))
        counts = cv2.calcHist([frame], [0, 1, 2], None, [8] * 3, [0, 256] * 3)
        histograms.append(counts.ravel() / counts.sum())
    overlap = [np.minimum(a, b).sum() for i, a in enumerate(histograms) for b in histograms[:i]]
    assert max(overlap) < 0.75 and np.mean(overlap) < 0.4


@pytest.mark.render
def test_light_sets_the_brightness():
    """Half the light, about half the grey."""
    bright, dim = (film([], camera(1), light=light)[0].mean() for light in (1.0, 0.5))
    assert dim / bright == pytest.approx(0.5, abs=0.06)


@pytest.mark.render
def test_a_larger_hall_still_surrounds_a_camera_far_away():
    """A small person needs a camera far away, and the camera's rotation a background there."""
    path = camera(1)
    far = CameraPath(K=path.K, R_w2c=path.R_w2c, pos_w=np.array([[18.0, 0.0, 1.6]]))
    small, large = (film([], far, hall=Hall(size=size))[0] for size in (1.0, 4.0))
    assert (small.max(axis=2) == 0).mean() > 0.3
    assert (large.max(axis=2) == 0).mean() < 0.01


def moment(x, angle=0.0):
    turn = Rotation.from_euler("z", angle).as_matrix()
    K = np.array([[100.0, 0, 50], [0, 100, 40], [0, 0, 1]])
    return Moment((np.array([[x, 0.0, 4.0]]),), K, turn, np.zeros(3))


@pytest.mark.parametrize("shutter", [0.3, 1.0])
def test_an_exposure_is_centred_at_its_frame(shutter):
    """The truth of a blurred frame is the middle of the smear."""
    frames = [moment(0.0), moment(1.0), moment(2.0)]
    first, middle, last = (np.array([m.people[0][0, 0] for m in e]) for e in exposures(frames, shutter))
    assert middle.mean() == pytest.approx(1.0)
    assert np.ptp(middle) == pytest.approx(shutter * (1 - 1 / len(middle)))
    assert first.min() >= 0.0 and last.max() <= 2.0


def test_no_frame_is_lost_or_added():
    """Also of films of one picture, or none."""
    for n in range(4):
        frames = [moment(float(k)) for k in range(n)]
        assert len(list(exposures(frames, 0.0))) == len(list(exposures(frames, 0.5))) == n


def test_half_way_between_two_cameras_is_half_the_turn():
    """Axes are interpolated on the sphere, or they would shear."""
    half = between(moment(0.0), moment(0.0, angle=1.0), 0.5)
    np.testing.assert_allclose(half.R_w2c, moment(0.0, angle=0.5).R_w2c, atol=1e-12)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: FilmConfig(shutter=1.5), "shutter: must be a share from 0 to 1, got 1.5"),
        (lambda: FilmConfig(light=float("nan")), "light: must be 0 or more"),
        (lambda: Hall(size=0.0), "hall size: must be positive"),
        (lambda: Occluder(pos=(0, 0, 0), size=(1, 0, 1)), "occluder: has size"),
    ],
)
def test_what_cannot_be_filmed_is_refused(make, message):
    """It would crash inside OpenGL, or give a black picture."""
    with pytest.raises(InvalidArray, match=message):
        make()


def test_lengths_that_do_not_match_are_refused(body):
    """A frame without a camera cannot be drawn, and the other way round nobody would notice."""
    pair = [performer(body, [(0, 0, 0)] * 2), performer(body, [(0, 0, 0)])]
    with pytest.raises(InvalidArray, match="camera: has 2 frames, the motion 1"):
        next(film_people(pair, camera(2)))
    with pytest.raises(InvalidArray, match="zoom"):
        next(film_people(pair[:1], camera(2), zoom=np.ones(3)))
    with pytest.raises(InvalidArray, match="zoom: must be positive, got -1"):
        next(film_people(pair[:1], camera(2), zoom=np.array([1.0, -1.0])))
    with pytest.raises(InvalidArray, match="points_w: is for 0 people, filmed are 1"):
        hidden_by(pair[:1], [], camera(2), PLAIN)
