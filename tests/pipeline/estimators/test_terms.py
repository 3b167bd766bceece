"""Every term's gradient is the slope of its cost: a wrong Jacobian would still converge, to the wrong place."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.estimators.landmark import ground_terms, so3, terms
from pipeline.estimators.landmark.body_points import SOLES, tracked_points
from pipeline.estimators.landmark.config import LandmarkConfig
from pipeline.estimators.landmark.initial_pose import initial_state
from pipeline.estimators.landmark.joint_table import JOINT_LOWER, JOINT_MEAN, JOINT_UPPER, MOVING_JOINTS
from pipeline.estimators.landmark.normal_equations import NormalEquations, cost
from pipeline.estimators.landmark.observation import observe
from pipeline.estimators.landmark.state import Unknowns, place
from retarget.smpl_skeleton import SMPL_JOINT_NAMES

CONFIG = LandmarkConfig()
FPS = 30.0
UP = np.array([0.02, -0.99, 0.1]) / np.linalg.norm([0.02, -0.99, 0.1])

TERMS = {
    "reprojection": lambda p, seen, contact: (terms.reprojection(p, seen, np.full(len(seen), 4.5), CONFIG),),
    "bone directions": lambda p, seen, contact: (terms.bone_directions(p, seen, CONFIG),),
    "joint smoothness": lambda p, seen, contact: (terms.joint_smoothness(p, seen, CONFIG),),
    "root smoothness": lambda p, seen, contact: (terms.root_smoothness(p, seen, CONFIG),),
    "camera motion": lambda p, seen, contact: terms.camera_motion(p, seen, CONFIG),
    "camera origin": lambda p, seen, contact: terms.camera_origin(p),
    "pose habit": lambda p, seen, contact: (terms.pose_habit(p, seen, CONFIG),),
    "joint limits": lambda p, seen, contact: (terms.joint_limits(p, CONFIG),),
    "sole lock": lambda p, seen, contact: (ground_terms.sole_lock(p, contact, FPS, CONFIG),),
    "sole height": lambda p, seen, contact: (ground_terms.sole_height(p, contact, CONFIG),),
    "balance": lambda p, seen, contact: (ground_terms.balance(p, contact, CONFIG),),
    "camera level": lambda p, seen, contact: (
        ground_terms.camera_level(p, np.array([0.0, -1.0, 0.0]), (0.03, 0.2), FPS),
    ),
}


@pytest.fixture(scope="module")
def scene(body, film, perform):
    """Ten disturbed frames before a moving camera, and how to put the body into any state."""
    seen = observe(film(perform(seconds=10 / FPS), pan_deg=10.0, sideways=0.3))
    points, rest = tracked_points(body, np.zeros(10)), body.rest_joints(np.zeros(10))
    rng = np.random.default_rng(0)
    unknowns = Unknowns(camera_moves=True)
    state = initial_state(seen, points, rest, UP)
    state = state.moved(0.15 * rng.normal(size=(len(seen), unknowns.n)), np.zeros(3))
    soles = place(state, points, rest, unknowns).points[:, SOLES]
    state = state.with_ground(UP, float(np.median(soles @ UP)))
    contact = rng.random((len(seen), 8))
    return seen, contact, state, lambda s: place(s, points, rest, unknowns)


@pytest.mark.parametrize("name", TERMS)
def test_gradient_is_the_slope_of_the_cost(scene, name):
    """In random directions of all unknowns, the global ones included."""
    seen, contact, state, placed = scene
    rng = np.random.default_rng(1)
    here = placed(state)
    equations = NormalEquations(len(seen), here.unknowns.n)
    equations.add(TERMS[name](here, seen, contact))
    for _ in range(3):
        step, border = rng.normal(size=equations.gradient.shape), rng.normal(size=3)
        ahead, behind = (
            sum(cost(rows) for rows in TERMS[name](placed(state.moved(e * step, e * border)), seen, contact))
            for e in (1e-6, -1e-6)
        )
        slope = 2.0 * (np.sum(equations.gradient * step) + equations.corner_gradient @ border)
        assert (ahead - behind) / 2e-6 == pytest.approx(slope, rel=1e-4, abs=1e-3)


def test_limits_of_the_two_sides_mirror_each_other():
    """What the left arm can do the right arm can do too."""
    names = [SMPL_JOINT_NAMES[joint] for joint in MOVING_JOINTS[1:]]
    order = [names.index(n.replace("left", "~").replace("right", "left").replace("~", "right")) for n in names]
    flip = np.array([1.0, -1.0, -1.0])
    bounds = flip * JOINT_LOWER[order], flip * JOINT_UPPER[order]
    np.testing.assert_array_equal(JOINT_LOWER, np.minimum(*bounds))
    np.testing.assert_array_equal(JOINT_UPPER, np.maximum(*bounds))
    np.testing.assert_array_equal(JOINT_MEAN, flip * JOINT_MEAN[order])


def test_the_resting_pose_lies_within_the_limits():
    """Habit must not pull against anatomy."""
    assert np.all(JOINT_LOWER <= JOINT_MEAN)
    assert np.all(JOINT_MEAN <= JOINT_UPPER)


def test_limits_cost_nothing_inside(scene):
    """They are walls, not springs."""
    seen, _, state, placed = scene
    inside = state.rotation.copy()
    inside[:, list(MOVING_JOINTS[1:])] = so3.exp(np.tile(JOINT_MEAN, (len(seen), 1, 1)))
    here = placed(type(state)(rotation=inside, root_pos=state.root_pos, camera_pos=state.camera_pos, up=UP, floor=0.0))
    assert cost(terms.joint_limits(here, CONFIG)) == 0.0
