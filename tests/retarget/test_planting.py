import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from retarget.planting import PlantingConfig, plant_feet

FPS, HEIGHT = 30.0, 0.035


def drifting_foot(n=60):
    """A foot that creeps and tilts while it is said to stand."""
    time = np.arange(n) / FPS
    pos = np.stack([0.02 * np.sin(9 * time), 0.1 + 0.01 * time, 0.05 + 0.01 * np.cos(5 * time)], axis=1)
    rot = Rotation.from_euler("zyx", np.stack([0.1 * np.sin(time), 0.2 * np.cos(3 * time), 0.1 + 0 * time], axis=1))
    return pos[:, None], rot.as_matrix()[:, None]


def planted(spans, **config):
    pos, rot = drifting_foot()
    return pos, rot, plant_feet(pos, rot, [spans], ankle_height=HEIGHT, fps=FPS, config=PlantingConfig(**config))


def test_a_stance_has_one_place_on_the_floor_and_one_heading():
    _, _, feet = planted(((10, 30), (40, 50)))
    for start, stop in ((10, 30), (40, 50)):
        np.testing.assert_allclose(feet.pos_w[start:stop], feet.pos_w[start : start + 1].repeat(stop - start, 0))
        assert feet.pos_w[start, 0, 2] == HEIGHT
        np.testing.assert_allclose(feet.rot_w[start:stop, 0, :, 2], np.tile([0, 0, 1.0], (stop - start, 1)), atol=1e-9)
        np.testing.assert_allclose(feet.rot_w[start, 0], feet.rot_w[stop - 1, 0], atol=1e-9)
    assert feet.planted.sum() == 30


def test_far_from_stances_targets_are_untouched():
    pos, rot, feet = planted(((0, 20),))
    np.testing.assert_array_equal(feet.pos_w[30:], pos[30:])
    np.testing.assert_allclose(feet.rot_w[30:], rot[30:], atol=1e-12)
    assert feet.grip[30:].max() == 0.0


@pytest.mark.parametrize("spans", [((20, 40),), ((10, 30), (32, 50)), ((0, 60),), ((10, 30), (31, 60))])
def test_corrections_fade_without_jumps(spans):
    """The correction (new minus old target) moves by no more than its size times the steepest fade."""
    pos, _, feet = planted(spans)
    correction = feet.pos_w - pos
    step = np.abs(np.diff(correction, axis=0)).max()
    own = np.abs(np.diff(pos, axis=0)).max()
    assert step <= own + 0.6 * np.abs(correction).max()


def test_a_pivot_is_followed():
    """A foot that turns on the spot by a quarter turn is not held at one heading."""
    heading = np.linspace(0, np.pi / 2, 30)
    rot = Rotation.from_euler("z", heading[:, None]).as_matrix()[:, None]
    feet = plant_feet(np.zeros((30, 1, 3)), rot, [((0, 30),)], ankle_height=HEIGHT, fps=FPS, config=PlantingConfig())
    np.testing.assert_allclose(feet.rot_w, rot, atol=1e-9)
