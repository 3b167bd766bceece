from types import SimpleNamespace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from retarget.correspondence import load_correspondence
from retarget.engine.frame_problem import IkConfig
from retarget.robot_tasks import RobotTasks
from retarget.stance_targets import BodyWeights, PlantingConfig, plant, region_points
from retarget.targets import BodyTargets

FPS, FRAMES = 30.0, 60
CONFIG = PlantingConfig()


@pytest.fixture(scope="module")
def tasks(robot):
    return RobotTasks(robot, load_correspondence("smpl_to_g1").on_robot(robot.body_names), IkConfig(collision_weight=0))


def planted(tasks, rot, spans, *, wander=0.0, pivot_b=None):
    """Plant the left foot, which is asked for with some rotation; turned about a point of the sole where one is given.

    Args:
        tasks: The robot.
        rot: Rotation of each frame.
        spans: Stances.
        wander: How far the foot creeps [m].
        pivot_b: Point in the foot's frame, relative to its target point, that stays where it is.
    """
    foot, time = tasks.feet[0], np.arange(FRAMES) / FPS
    pos = np.zeros((FRAMES, tasks.n_bodies, 3))
    pos[..., 2] = 0.5
    pos[:, foot] = [0.2, 0.1, tasks.ankle_height]
    pos[:, foot, 0] += wander * np.sin(9 * time)
    pos[:, foot, 1] += wander * np.cos(7 * time)
    matrix = np.tile(np.eye(3), (FRAMES, tasks.n_bodies, 1, 1))
    matrix[:, foot] = rot.as_matrix()
    if pivot_b is not None:
        pos[:, foot] += pivot_b - rot.apply(pivot_b)
    targets = BodyTargets(pos_w=pos, rot_w=matrix, scale=1.0)
    weights = BodyWeights(position=np.full(pos.shape[:2], 10.0), rotation=np.full(pos.shape[:2], 5.0))
    all_spans = [spans, *[()] * (len(tasks.regions) - 1)]
    result = plant(targets, weights, all_spans, tasks, fps=FPS, config=CONFIG)
    anchors = tasks.anchor_tasks(0)
    return SimpleNamespace(
        clip=result.clip,
        held=result.held[:, anchors],
        place=result.clip.pos_w[:, anchors, :2],
        foot=foot,
        asked=targets,
        points=region_points(targets, tasks, 0),
    )


def turned(axis, angle):
    """Rotations about one axis."""
    return Rotation.from_euler(axis, np.reshape(angle, (-1, 1)))


def heel_and_toe(tasks):
    """Relative to the foot's target point, in its frame."""
    return tasks.anchor_point_b[0] - tasks.rest.point_b[tasks.feet[0]]


def test_a_stance_has_one_place_for_each_end_of_the_sole(tasks):
    """As far apart as the sole is long: the robot cannot stretch it."""
    tilt = turned("y", 0.04 * np.sin(np.arange(FRAMES)))
    spans = ((10, 30), (40, 50))
    found = planted(tasks, tilt, spans, wander=0.02)
    length = np.ptp(heel_and_toe(tasks)[:, 0])
    for start, stop in spans:
        assert found.held[start:stop].all()
        assert np.ptp(found.place[start:stop], axis=0).max() == 0.0
        assert np.linalg.norm(found.place[start, 1] - found.place[start, 0]) == pytest.approx(length, abs=2e-4)
    assert found.held.sum() == 2 * 30
    np.testing.assert_array_equal(np.flatnonzero(found.clip.planted[:, 0]), [*range(10, 30), *range(40, 50)])


def test_far_from_stances_targets_and_prices_are_untouched(tasks):
    tilt = Rotation.from_euler("xy", np.tile([0.1, -0.2], (FRAMES, 1)))
    found = planted(tasks, tilt, ((0, 20),), wander=0.02)
    np.testing.assert_array_equal(found.clip.pos_w[30:, found.foot], found.asked.pos_w[30:, found.foot])
    np.testing.assert_allclose(found.clip.rot_w[30:, found.foot], found.asked.rot_w[30:, found.foot], atol=1e-12)
    assert (found.clip.position_weight[30:, found.foot] == 10.0).all()
    assert not found.held[20:].any()


@pytest.mark.parametrize("spans", [((20, 40),), ((10, 30), (32, 50)), ((0, 60),), ((10, 30), (31, 60))])
def test_corrections_fade_without_jumps(tasks, spans):
    """The correction of the foot's target moves by no more than its size times the steepest fade."""
    found = planted(tasks, turned("y", np.full(FRAMES, 0.05)), spans, wander=0.02)
    correction = found.clip.pos_w[:, found.foot] - found.asked.pos_w[:, found.foot]
    own = np.abs(np.diff(found.asked.pos_w[:, found.foot], axis=0)).max()
    assert np.abs(np.diff(correction, axis=0)).max() <= own + 0.6 * np.abs(correction).max()


def test_a_heel_that_rises_is_let_go_and_the_toes_stay(tasks):
    """The ankle moves as the foot turns about its toes: an anchored ankle would drag them over the floor."""
    toe = heel_and_toe(tasks)[1]
    pitch = np.clip((np.arange(FRAMES) - 30) / 20, 0.0, 0.6)
    found = planted(tasks, turned("y", pitch), ((0, FRAMES),), pivot_b=toe)
    risen = pitch > 0.3
    assert found.held[:, 1].all()
    assert found.held[pitch == 0.0, 0].all()
    assert not found.held[risen, 0].any()
    np.testing.assert_allclose(found.place[:, 1], found.points[:, 1, :2], atol=1e-9)
    np.testing.assert_allclose(
        found.clip.pos_w[risen, found.foot, :2], found.asked.pos_w[risen, found.foot, :2], atol=1e-9
    )


def test_a_foot_that_turns_on_its_ball_is_held_there_alone(tasks):
    """Two points would hold the heading, and a turn by a quarter would have to slide."""
    turn = turned("z", np.linspace(0.0, np.pi / 2, FRAMES))
    found = planted(tasks, turn, ((0, FRAMES),), pivot_b=heel_and_toe(tasks)[1])
    assert found.held[:, 1].all()
    assert not found.held[:, 0].any()
    np.testing.assert_allclose(found.place[:, 1], found.points[:, 1, :2], atol=1e-9)
