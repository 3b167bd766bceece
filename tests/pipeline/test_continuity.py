import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from pipeline.continuity import frozen_duration, swapped_frames, unexplained_steps, unexplained_turns

FPS = 30.0
TIME = np.arange(90)[:, None] / FPS


@given(frame=st.integers(2, 86), jump=st.floats(0.02, 2.0), acc=st.floats(-10, 10), speed=st.floats(-5, 5))
def test_a_teleport_shows_in_its_own_step_with_its_size(frame, jump, acc, speed):
    """Speed and steady acceleration explain themselves, on both sides of a jump too."""
    x = np.hstack([speed * TIME + acc * TIME**2 / 2, TIME * 0])
    assert unexplained_steps(x).max() < abs(acc) / FPS**2 * 4 + 1e-9  # at the ends there is one side only
    x[frame + 1 :, 1] += jump
    found = unexplained_steps(x)
    assert found[frame] == pytest.approx(jump, rel=1e-6, abs=2 * abs(acc) / FPS**2)
    assert np.delete(found, frame).max() < abs(acc) / FPS**2 * 4 + 1e-9


def test_steps_do_not_depend_on_the_heading():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(50, 3))
    turn = Rotation.from_rotvec([0, 0, 0.7])
    np.testing.assert_allclose(unexplained_steps(turn.apply(x)), unexplained_steps(x))


def test_a_flip_of_the_heading_shows_with_its_angle():
    angle = np.where(np.arange(90) > 40, np.pi - 0.1, 0.0) + 0.5 * TIME[:, 0]
    quat = Rotation.from_rotvec(np.outer(angle, [0, 0, 1])).as_quat(scalar_first=True)
    found = unexplained_turns(quat)
    assert found.argmax() == 40
    assert found[40] == pytest.approx(np.pi - 0.1, abs=1e-6)
    assert np.delete(found, 40).max() < 1e-6


@pytest.mark.parametrize("n_frames", [1, 2, 3])
def test_the_shortest_arrays_accuse_nobody(n_frames):
    x = np.random.default_rng(0).normal(size=(n_frames, 4))
    quat = x / np.linalg.norm(x, axis=1, keepdims=True)
    assert not unexplained_steps(x).any()
    assert not unexplained_turns(quat).any()
    assert not frozen_duration(x, FPS, still_speed=0.001, moving_speed=0.5, min_duration=0.1).any()
    assert not swapped_frames(x[:1], x[:1], min_jump=0.1).any()


def frozen(x: np.ndarray) -> np.ndarray:
    return frozen_duration(x, FPS, still_speed=0.001, moving_speed=0.5, min_duration=0.1)


def test_a_motion_that_stops_dead_is_frozen_for_as_long():
    x = np.sin(3 * TIME)
    x[30:45] = x[30]
    found = frozen(x)
    np.testing.assert_array_equal(np.flatnonzero(found), np.arange(30, 45))
    assert found[40] == pytest.approx(14 / FPS)


def test_who_stands_is_not_frozen():
    """A body slows down before it rests and sets off slowly; standing still is no fault, not even exactly."""
    still = np.clip(TIME - 1.0, 0.0, 1.0)
    gentle = 0.5 - np.cos(np.pi * still) / 2  # at rest, a move of one second, at rest
    assert not frozen(0.2 * gentle).any()
    assert not frozen(np.zeros((90, 3))).any()


@given(start=st.integers(5, 40), length=st.integers(4, 40))
def test_exchanged_sides_are_found_from_the_jumps_alone(start, length):
    """Swapped twice nothing is swapped: the run between two exchanges is the wrong one if it is the shorter."""
    left, right = np.sin(2 * TIME), 0.8 + 0.5 * np.cos(3 * TIME)
    x = np.hstack([left, right + 1.0])
    x[start : start + length] = x[start : start + length, ::-1]
    found = swapped_frames(x, x[:, ::-1], min_jump=0.2)
    np.testing.assert_array_equal(np.flatnonzero(found), np.arange(start, start + length))


def test_a_symmetric_pose_cannot_be_swapped():
    x = np.hstack([np.sin(2 * TIME), np.sin(2 * TIME)])
    assert not swapped_frames(x, x[:, ::-1], min_jump=0.2).any()
