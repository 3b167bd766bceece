"""Laws of what is measured on recorded motion: the end of a sole that is held, and the source's own roughness."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from benchmarks.retargeting.real import held_end_score, source_score
from retarget.body_trajectory import BodyTrajectory
from retarget.correspondence import load_correspondence

FRAMES, FPS, LENGTH = 30, 30.0, 0.17
STANDS = np.stack([np.ones(FRAMES, dtype=bool), np.zeros(FRAMES, dtype=bool)], axis=1)


def soles(heel, toe):
    """A left foot with these ends; the right one is in the air."""
    ends = np.full((FRAMES, 2, 2, 3), 0.5)
    ends[:, 0, 0], ends[:, 0, 1] = heel, toe
    return ends


def pitched(angle):
    """From toe to heel of a foot whose heel is up by an angle [m]."""
    return LENGTH * np.stack([-np.cos(angle), 0 * angle, np.sin(angle)], axis=1)


def test_a_foot_that_rolls_over_its_toe_does_not_skate():
    """The heel flies and any point between moves; the toe, which bears the weight, does not."""
    score = held_end_score(soles(pitched(np.linspace(0.0, 1.0, FRAMES)), np.zeros(3)), STANDS, FPS)
    assert score["skate_mean_cms"] == score["drift_mm"] == 0.0


def test_a_foot_that_turns_on_its_heel_does_not_skate():
    """It stands on the heel, flat as it may be."""
    angle = np.linspace(0.0, 2.0, FRAMES)
    toe = LENGTH * np.stack([np.cos(angle), np.sin(angle), 0 * angle], axis=1)
    assert held_end_score(soles(np.zeros(3), toe), STANDS, FPS)["skate_mean_cms"] == 0.0


@pytest.mark.parametrize("angle", [0.0, 0.5, -0.5])
def test_a_foot_that_slides_skates_however_it_is_tilted(angle):
    """3 mm a frame are 9 cm/s, on the toe, on the heel or on both."""
    slide = np.stack([0.003 * np.arange(FRAMES), np.zeros(FRAMES), np.zeros(FRAMES)], axis=1)
    ends = soles(slide + pitched(np.full(FRAMES, angle)), slide)
    ends[:, 0, :, 2] -= ends[:, 0, :, 2].min()
    score = held_end_score(ends, STANDS, FPS)
    assert score["skate_mean_cms"] == pytest.approx(9.0)
    assert score["skate_p95_cms"] == pytest.approx(9.0)
    assert score["drift_mm"] == pytest.approx(3.0 * (FRAMES - 1))


def test_a_foot_held_in_the_air_skates_as_its_lower_end_does():
    """Nothing touches; a foot must not score well by floating."""
    slide = np.stack([0.003 * np.arange(FRAMES), np.zeros(FRAMES), np.full(FRAMES, 0.05)], axis=1)
    ends = soles(np.array([0.0, 0.0, 0.2]), slide)
    assert held_end_score(ends, STANDS, FPS)["skate_mean_cms"] == pytest.approx(9.0)


def test_jumps_of_the_source_are_those_of_links_against_their_parents():
    """A person who whirls as a whole does not jump; an elbow that flips does, once there and once back."""
    table = load_correspondence("smpl_to_g1")
    names = table.human_names
    spin = Rotation.from_euler("z", 0.8 * np.arange(FRAMES)[:, None]).as_quat(scalar_first=True)
    quat = np.tile(spin[:, None], (1, len(names), 1))
    pos = np.zeros((FRAMES, len(names), 3))
    whirl = BodyTrajectory(fps=FPS, names=tuple(names), pos_w=pos, quat_wxyz_w=quat)
    assert source_score(whirl, table).jumps == 0
    assert source_score(whirl, table).jerk_rms < 1e-6
    flip = Rotation.from_quat(quat[10], scalar_first=True) * Rotation.from_euler("x", 1.0)
    for name in ("left_elbow", "left_wrist"):  # the hand goes with the arm
        quat[10, names.index(name)] = flip[names.index(name)].as_quat(scalar_first=True)
    flipped = source_score(BodyTrajectory(fps=FPS, names=tuple(names), pos_w=pos, quat_wxyz_w=quat), table)
    assert flipped.jumps == 2
    assert flipped.jerk_rms > 100
