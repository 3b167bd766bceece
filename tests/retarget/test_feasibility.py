"""Laws of letting stances go: those that the human belies, and of those that the robot cannot hold the worst."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from retarget.correspondence import load_correspondence
from retarget.engine.frame_problem import IkConfig
from retarget.engine.poses import ClipPoses
from retarget.feasibility import doubtful_stances, unheld_stances
from retarget.robot_tasks import RobotTasks
from retarget.stance_targets import BodyWeights, PlantingConfig, plant
from retarget.targets import BodyTargets

FRAMES = 40
LEFT, RIGHT = 0, 1
CONFIG = PlantingConfig()


@pytest.fixture(scope="module")
def tasks(robot):
    """The G1 on SMPL's table."""
    table = load_correspondence("smpl_to_g1").on_robot(robot.body_names)
    return RobotTasks(robot, table, IkConfig(collision_weight=0.0))


@pytest.fixture
def standing(tasks):
    """Both feet flat on the floor, side by side, not moving."""
    pos = np.tile([0.0, 0.0, 1.0], (FRAMES, tasks.n_bodies, 1))
    for side, foot in enumerate(tasks.feet):
        pos[:, foot] = [0.0, 0.2 * (1 - 2 * side), tasks.ankle_height]
    return BodyTargets(pos_w=pos, rot_w=np.tile(np.eye(3), (FRAMES, tasks.n_bodies, 1, 1)), scale=1.0)


def stances(tasks, **spans):
    """Spans by region; nothing elsewhere."""
    return [tuple(spans.get(region, ())) for region in tasks.regions]


def told(tasks, targets, spans, seen: np.ndarray | float = 1.0):
    """Reasons by region."""
    factor = np.broadcast_to(np.asarray(seen, dtype=float), (FRAMES, tasks.n_feet))
    return {s.region: s.reason for s in doubtful_stances(targets, factor, spans, tasks, CONFIG)}


def test_feet_that_stand_are_believed(tasks, standing):
    """Nothing is let go without a reason."""
    assert told(tasks, standing, stances(tasks, left_foot=[(0, FRAMES)], right_foot=[(5, 30)])) == {}


def test_a_foot_that_slides_or_hovers_belies_its_stance(tasks, standing):
    """An anchor would hold the whole robot back, or drag it down."""
    standing.pos_w[:, tasks.feet[LEFT], 0] = np.linspace(0.0, 2.5 * CONFIG.slide_m, FRAMES)
    standing.pos_w[:, tasks.feet[RIGHT], 2] += 1.5 * CONFIG.lift_m
    both = stances(tasks, left_foot=[(0, FRAMES)], right_foot=[(0, FRAMES)])
    assert told(tasks, standing, both) == {"left_foot": "slid", "right_foot": "in the air"}


def test_a_foot_that_rolls_over_its_toe_is_believed(tasks, standing):
    """The toe stays; that the heel and the ankle go far says nothing."""
    foot = tasks.feet[LEFT]
    turn = Rotation.from_euler("y", np.linspace(0.0, 1.2, FRAMES)[:, None])
    toe = tasks.anchor_point_b[LEFT][1] - tasks.rest.point_b[foot]
    standing.pos_w[:, foot] += toe - turn.apply(toe)
    standing.rot_w[:, foot] = turn.as_matrix()
    assert told(tasks, standing, stances(tasks, left_foot=[(0, FRAMES)])) == {}


def test_a_foot_that_was_not_seen_is_no_witness(tasks, standing):
    """Its place is made up; but where it was never seen, there is no better witness."""
    standing.pos_w[25:, tasks.feet[LEFT], 0] += 0.5
    spans, seen = stances(tasks, left_foot=[(0, FRAMES)]), np.ones((FRAMES, 2))
    assert told(tasks, standing, spans, seen) == {"left_foot": "slid"}
    seen[25:, LEFT] = 0.3
    assert told(tasks, standing, spans, seen) == {}
    assert told(tasks, standing, spans, 0.3) == {"left_foot": "slid"}


@pytest.fixture
def held(tasks, standing):
    """Stances planted, and the poses of a robot that is where it is asked to be."""

    def run(spans):
        shape = (FRAMES, tasks.n_bodies)
        weights = BodyWeights(position=np.ones(shape), rotation=np.ones(shape))
        planted = plant(standing, weights, spans, tasks, fps=30.0, config=CONFIG)
        height = np.zeros((FRAMES, len(tasks.regions)))
        poses = ClipPoses(planted.clip.pos_w.copy(), planted.clip.rot_w, height)
        return planted, poses

    return run


def test_what_stays_in_reach_is_held(tasks, held):
    """Millimetres are the solver's, not the stance's."""
    spans = stances(tasks, left_foot=[(0, 20)], right_foot=[(10, FRAMES)])
    planted, poses = held(spans)
    poses.pos_w[...] += 0.5 * CONFIG.reach_m / np.sqrt(2.0) * np.array([1.0, 1.0, 0.0])
    poses.patch_height[...] = -0.9 * CONFIG.reach_m
    assert unheld_stances(poses, planted, spans, tasks, CONFIG) == ()


def test_only_the_worst_of_those_at_the_same_time_is_let_go(tasks, held):
    """One contact that cannot stay drags the others along; without it they may well stay. Hands drag as feet do."""
    spans = stances(tasks, left_foot=[(0, 20)], right_foot=[(10, FRAMES)], left_hand=[(0, 15)])
    planted, poses = held(spans)
    poses.pos_w[5, tasks.anchor_tasks(LEFT), 0] += 0.05
    poses.patch_height[15, RIGHT] = 0.03
    poses.patch_height[5, tasks.regions.index("left_hand")] = 0.09
    first = unheld_stances(poses, planted, spans, tasks, CONFIG)
    assert [(s.region, s.reason) for s in first] == [("left_hand", "out of reach")]
    assert first[0].error_m == pytest.approx(0.09)
    rest = stances(tasks, left_foot=[(0, 20)], right_foot=[(10, FRAMES)])
    second = unheld_stances(poses, held(rest)[0], rest, tasks, CONFIG)
    assert [s.region for s in second] == ["left_foot"]


def test_stances_at_different_times_are_let_go_together(tasks, held):
    """They have nothing to do with each other; one round of solving is enough."""
    spans = stances(tasks, left_foot=[(0, 10), (20, 30)], right_foot=[(10, 20)])
    planted, poses = held(spans)
    poses.patch_height[[5, 25], LEFT] = 0.05
    poses.patch_height[15, RIGHT] = -0.04
    unheld = unheld_stances(poses, planted, spans, tasks, CONFIG)
    assert {(s.region, s.start) for s in unheld} == {("left_foot", 0), ("left_foot", 20), ("right_foot", 10)}


def test_some_stance_is_always_let_go_where_one_is_not_held(tasks, held):
    """So that solving again comes to an end, whatever overlaps with what."""
    spans = stances(tasks, left_foot=[(0, 15)], right_foot=[(10, 25)], left_hand=[(20, 35)])
    planted, poses = held(spans)
    random = np.random.default_rng(0)
    for _ in range(20):
        poses.patch_height[...] = random.choice([0.0, 0.05], size=poses.patch_height.shape)
        off = max(poses.patch_height[a:b, r].max() for r, s in enumerate(spans) for a, b in s)
        assert bool(unheld_stances(poses, planted, spans, tasks, CONFIG)) == (off > CONFIG.reach_m)
