"""Laws of planting: what stands is held where it was asked to stand, by what touches, without a jump."""

from __future__ import annotations

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
STANCE = (20, 40)
HEEL, TOE = 0, 1
LEFT, RIGHT = 0, 1


@pytest.fixture(scope="module")
def tasks(robot):
    """The G1 on SMPL's table."""
    table = load_correspondence("smpl_to_g1").on_robot(robot.body_names)
    return RobotTasks(robot, table, IkConfig(collision_weight=0.0))


@pytest.fixture(scope="module")
def lay(tasks):
    """Build targets of a left foot whose heel or toe is where a test wants it; all else hangs in the air."""
    sole = tasks.anchor_point_b[LEFT]
    point = tasks.rest.point_b[tasks.feet[LEFT]]

    def targets(rot: Rotation, place: np.ndarray, end: int = HEEL) -> BodyTargets:
        pos = np.tile([0.0, 0.0, 1.0], (FRAMES, tasks.n_bodies, 1))
        turn = np.tile(np.eye(3), (FRAMES, tasks.n_bodies, 1, 1))
        turn[:, tasks.feet[LEFT]] = rot.as_matrix()
        pos[:, tasks.feet[LEFT]] = place + rot.apply(point - sole[end])
        return BodyTargets(pos_w=pos, rot_w=turn, scale=1.0)

    return targets


@pytest.fixture(scope="module")
def planted(tasks):
    """Plant stances of one region; return the clip and what the anchors of the region are asked for."""

    def run(targets: BodyTargets, stances=(STANCE,), region: int = LEFT) -> SimpleNamespace:
        shape = (FRAMES, tasks.n_bodies)
        weights = BodyWeights(position=np.full(shape, 10.0), rotation=np.full(shape, 9.0))
        spans = [tuple(stances) if i == region else () for i in range(len(tasks.regions))]
        result = plant(targets, weights, spans, tasks, fps=FPS, config=PlantingConfig())
        anchors = tasks.anchor_tasks(region)
        return SimpleNamespace(
            clip=result.clip, held=result.held[:, anchors], place=result.clip.pos_w[:, anchors], all_held=result.held
        )

    return run


def yaw(angle: np.ndarray | float) -> Rotation:
    """Turns about the vertical, one a frame."""
    return Rotation.from_euler("z", np.broadcast_to(angle, FRAMES)[:, None])


def pitched(angle: float) -> Rotation:
    """A heel raised by an angle in every frame."""
    return Rotation.from_euler("y", np.full((FRAMES, 1), angle))


def test_a_flat_foot_is_held_by_heel_and_toe_where_it_was_asked_to_stand(tasks, lay, planted):
    """Two points keep place and heading; the sole is as long as the robot's, for a link cannot stretch."""
    asked = lay(yaw(0.7), np.array([1.0, 2.0, 0.0]))
    got = planted(asked)
    assert got.held[slice(*STANCE)].all()
    assert not got.held[: STANCE[0]].any() and not got.held[STANCE[1] :].any()
    ends = region_points(asked, tasks, LEFT)
    assert ends is not None
    np.testing.assert_allclose(got.place[slice(*STANCE), :, :2], ends[slice(*STANCE), :, :2], atol=1e-9)
    assert got.clip.planted[:, LEFT].sum() == STANCE[1] - STANCE[0]


def test_only_the_floor_is_held_to_in_height(lay, planted):
    """A held point has no price on its height: heights are one-sided, and the patch's own."""
    got = planted(lay(yaw(0.0), np.zeros(3)))
    anchors = got.clip.position_weight[slice(*STANCE)][got.all_held[slice(*STANCE)]]
    assert (anchors[:, :2] > 0).all() and (anchors[:, 2] == 0).all()


@pytest.mark.parametrize(("angle", "end"), [(0.5, TOE), (-0.5, HEEL)])
def test_a_tilted_foot_is_held_by_the_end_that_touches(lay, planted, angle, end):
    """Who stands on the toes has no heel on the floor, and the other way round."""
    got = planted(lay(pitched(angle), np.zeros(3), end))
    assert got.held[slice(*STANCE), end].all()
    assert not got.held[:, 1 - end].any()


@pytest.mark.parametrize("end", [HEEL, TOE])
def test_a_foot_that_turns_is_held_by_the_end_it_turns_on(lay, planted, end):
    """Holding the other end would drag the one that stands still."""
    got = planted(lay(yaw(np.linspace(-1.5, 1.5, FRAMES)), np.array([0.3, 0.1, 0.0]), end))
    inside = slice(*STANCE)
    assert got.held[inside, end].all()
    assert not got.held[:, 1 - end].any()
    np.testing.assert_allclose(got.place[inside, end, :2], [[0.3, 0.1]] * (STANCE[1] - STANCE[0]), atol=1e-9)


def test_a_foot_that_turns_on_its_whole_sole_is_flat_and_looks_where_it_was_asked_to(tasks, lay, planted):
    """Tilted by a noisy source, the end it turns on would be held in the air while the other scrapes the floor."""
    frames = np.arange(FRAMES)
    heading = np.linspace(-1.5, 1.5, FRAMES)
    asked = lay(Rotation.from_euler("ZY", np.stack([heading, 0.05 * np.sin(frames)], axis=1)), np.zeros(3))
    clip, foot = planted(asked).clip, tasks.feet[LEFT]
    inside = slice(*STANCE)
    np.testing.assert_allclose(clip.rot_w[inside, foot], yaw(heading).as_matrix()[inside], atol=1e-9)
    assert (clip.rotation_weight[inside, foot] == PlantingConfig().flat_weight).all()


def test_a_foot_that_lies_on_its_side_is_not_made_flat(tasks, lay, planted):
    """Who lies on the floor rests heel and toe on it, but not the sole."""
    asked = lay(Rotation.from_euler("x", np.full((FRAMES, 1), np.pi / 2)), np.zeros(3))
    clip, foot = planted(asked).clip, tasks.feet[LEFT]
    np.testing.assert_allclose(clip.rot_w[:, foot], asked.rot_w[:, foot], atol=1e-9)
    assert np.ptp(clip.rotation_weight[:, foot]) == 0.0


def test_a_foot_may_turn_on_its_heel_and_then_on_its_toe(tasks, lay, planted):
    """Places follow from each other: at the change the toe is held where it is when the heel lets go."""
    frames = np.arange(FRAMES)
    angle = 0.08 * (frames - 30)
    sole = tasks.anchor_point_b[LEFT]
    length = float(np.linalg.norm(sole[TOE] - sole[HEEL]))
    toe = length * np.stack([np.cos(angle), np.sin(angle), 0 * angle], axis=1)
    heel = np.where(frames[:, None] < 30, np.zeros(3), toe[30] - toe)
    got = planted(lay(yaw(angle), heel), [(5, 55)])
    assert got.held[5:55].sum(axis=1).tolist() == [1] * 50
    assert got.held[5:25, HEEL].all() and got.held[40:55, TOE].all()
    change = int(np.flatnonzero(got.held[:, TOE])[0])
    between = got.place[change, TOE, :2] - got.place[change - 1, HEEL, :2]
    assert np.linalg.norm(between) == pytest.approx(length, rel=1e-9)


def test_a_steep_foot_does_not_count_as_turning(tasks, lay, planted):
    """A toe that points straight down has no direction on the floor; the foot's side has one."""
    wobble = 0.1 * np.sin(np.arange(FRAMES))
    rot = Rotation.from_euler("xy", np.stack([0 * wobble, np.pi / 2 + wobble], axis=1))
    got = planted(lay(rot, np.zeros(3), TOE))
    assert got.held[slice(*STANCE), TOE].all()
    assert np.ptp(got.place[slice(*STANCE), TOE, :2], axis=0).max() < 1e-9


def test_corrections_fade_and_never_jump(tasks, lay, planted):
    """A foot that hovers 3 cm off and 5 cm sideways is led over, not moved at once."""
    frames = np.arange(FRAMES)
    sway = np.stack([0.03 * np.sin(0.2 * frames), 0 * frames, np.full(FRAMES, 0.03)], axis=1)
    asked = lay(yaw(0.0), sway)
    foot = tasks.feet[LEFT]
    led = planted(asked).clip.pos_w[:, foot] - asked.pos_w[:, foot]
    np.testing.assert_allclose(led[slice(*STANCE), 2], -0.03, atol=1e-9)
    blend = round(PlantingConfig().blend_s * FPS) + 1
    assert np.abs(led[: STANCE[0] - blend]).max() < 1e-12
    assert np.abs(led[STANCE[1] + blend :]).max() < 1e-12
    assert np.abs(np.diff(led, axis=0)).max() < 0.012


def test_planting_turns_with_the_world(tasks, lay, planted):
    """Where a person faces is nobody's business; to a millimetre, for medians of places are taken axis by axis."""
    frames = np.arange(FRAMES)
    rot = Rotation.from_euler("zyx", np.stack([0.02 * frames, 0.1 * np.sin(frames), 0.05 * np.cos(frames)], axis=1))
    asked = lay(rot, np.stack([0.001 * frames, 0.002 * np.sin(frames), 0.01 * np.cos(frames) ** 2], axis=1))
    turn = Rotation.from_euler("z", 2.0).as_matrix()
    turned = BodyTargets(pos_w=asked.pos_w @ turn.T, rot_w=turn @ asked.rot_w, scale=1.0)
    one, other = planted(asked), planted(turned)
    np.testing.assert_array_equal(one.held, other.held)
    held = one.held[..., None]
    np.testing.assert_allclose((one.place @ turn.T * held)[..., :2], (other.place * held)[..., :2], atol=1e-3)
    foot = tasks.feet[LEFT]
    np.testing.assert_allclose(turn @ one.clip.rot_w[:, foot], other.clip.rot_w[:, foot], atol=1e-9)


def test_a_hand_is_held_in_the_middle_of_where_it_was(tasks, lay, planted):
    """And less firmly than a foot; a region that no target moves is put on the floor only."""
    asked = lay(yaw(0.0), np.zeros(3))
    hand = tasks.regions.index("left_hand")
    got = planted(asked, region=hand)
    assert got.held[slice(*STANCE)].all()
    points = region_points(asked, tasks, hand)
    assert points is not None
    np.testing.assert_allclose(got.place[STANCE[0], 0, :2], points[STANCE[0], 0, :2], atol=1e-9)
    weight = got.clip.position_weight[STANCE[0], tasks.anchor_tasks(hand)]
    assert weight[0].tolist() == [PlantingConfig().other_anchor_weight] * 2 + [0.0]
