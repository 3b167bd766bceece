"""Following a motion with no help at the root, on the real G1."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pipeline.export import FORMATS
from pipeline.tracking.certificate import certify
from pipeline.tracking.plan import make_plan
from pipeline.tracking.reference import ReferenceConfig, reference
from pipeline.tracking.sampling import PlantConfig, SamplingConfig, follow, follow_best
from pipeline.tracking.sampling_cost import CostWeights, FollowingCost
from pipeline.tracking.sampling_result import measure_t2
from pipeline.tracking.sampling_search import SearchConfig, search
from pipeline.tracking.sampling_spline import KnotSpline
from pipeline.tracking.standpoint import facing_x
from robots.exceptions import InvalidArray
from robots.g1 import load_g1
from robots.motion import RobotMotion

ROBOT = load_g1("23dof")
RELEASED = Path(__file__).parents[3].parent / "shared" / "data" / "pbhc_motions"
QUICK = SamplingConfig(search=SearchConfig(samples=24, iterations=2))
"""Fewer samples than a real motion needs; enough for standing."""
HEAVY = replace(QUICK, plant=PlantConfig(mass_scale=1.1))
"""A robot that sinks without corrections; the nominal one stands by itself."""


def standing(duration_s: float, fps: float = 30.0) -> RobotMotion:
    frames = round(duration_s * fps) + 1
    return RobotMotion.from_qpos(
        np.tile(ROBOT.default_qpos, (frames, 1)),
        fps=fps,
        joint_names=ROBOT.joint_names,
        foot_contact=np.ones((frames, 2)),
    )


def reference_of(motion: RobotMotion):
    return reference(ROBOT, motion, ReferenceConfig())


@pytest.fixture(scope="module")
def stood():
    return follow(reference_of(standing(0.5)), ROBOT, HEAVY, seed=0)


def test_standing_still_is_followed(stood):
    """The easiest motion there is: whoever cannot do it without help can do nothing."""
    assert stood.fell_at_s is None
    assert stood.survival == 1.0
    assert stood.root_error.max() < 0.02
    assert stood.passed


def test_the_same_seed_gives_the_same_result(stood):
    """A verdict that a second run would not repeat is none."""
    again = follow(reference_of(standing(0.5)), ROBOT, HEAVY, seed=0)
    np.testing.assert_array_equal(again.qpos, stood.qpos)


def test_another_seed_tries_other_corrections(stood):
    """Otherwise a second attempt after a fall would be the first one again."""
    other = follow(reference_of(standing(0.5)), ROBOT, HEAVY, seed=1)
    assert np.abs(other.qpos - stood.qpos).max() > 1e-6


def test_threads_change_time_and_nothing_else(stood):
    """Futures are independent of each other."""
    pair = follow(reference_of(standing(0.5)), ROBOT, replace(HEAVY, threads=2), seed=0)
    np.testing.assert_array_equal(pair.qpos, stood.qpos)


def test_a_motion_that_nobody_can_follow_is_a_fall_at_its_time():
    """Rising by 2 m within 0.2 s: the robot is lost when the motion is half a metre above it."""
    motion = standing(0.9)
    rise = 2.0 * np.clip((np.arange(len(motion)) / motion.fps - 0.4) / 0.2, 0, 1)
    in_air = np.where(rise > 0, 0.0, 1.0)[:, None] * np.ones(2)
    jump = replace(motion, root_pos_w=motion.root_pos_w + rise[:, None] * [0, 0, 1.0], foot_contact=in_air)
    result = follow_best(reference_of(jump), ROBOT, QUICK, seeds=(0, 1))
    assert result.fell_at_s is not None
    assert 0.35 < result.fell_at_s < 0.55
    assert 0.4 < result.survival < 0.7
    assert not result.passed
    measured = {item.name: item for item in measure_t2(result)}
    assert measured["t2_passed"].value == 0.0
    assert measured["t2_survival"].spans == ((int(result.fell_at_s * 30), int(result.fell_at_s * 30) + 1),)


def test_the_followed_motion_has_the_frames_of_the_one_asked_for(stood):
    """It is looked at side by side with the original."""
    motion = stood.motion()
    assert (motion.fps, len(motion)) == (30.0, 16)
    np.testing.assert_allclose(motion.qpos[0], stood.reference.qpos[0], atol=1e-12)
    np.testing.assert_allclose(motion.qpos[15, :3], stood.qpos[100, :3], atol=1e-12)


def test_measurements_have_a_value_for_each_frame_and_name_the_figures(stood):
    measured = {item.name: item for item in measure_t2(stood)}
    assert measured["t2_survival"].value == 1.0
    assert measured["t2_passed"].value == 1.0
    for name in ("t2_root_error", "t2_root_error_max", "t2_joint_error"):
        series = measured[name].series
        assert series is not None and len(series) == stood.reference.n_frames
    assert measured["t2_root_error_max"].value == pytest.approx(stood.root_error.max())


def test_a_heavier_robot_that_touches_itself_still_stands():
    """The controller's model stays nominal: what differs is what it controls."""
    perturbed = replace(QUICK, plant=PlantConfig(mass_scale=1.05, friction=0.5, self_collision=True))
    result = follow(reference_of(standing(0.5)), ROBOT, perturbed, seed=0)
    assert result.fell_at_s is None
    assert result.root_error.max() < 0.03


def test_a_plan_can_be_followed_in_the_motions_stead():
    asked = reference_of(standing(0.5))
    result = follow(asked, ROBOT, QUICK, seed=0, target=make_plan(ROBOT, asked))
    assert result.fell_at_s is None
    assert result.root_error_to_reference.max() < 0.03


def test_a_spline_moved_on_is_the_same_spline_seen_later():
    """By whole knots exactly: the knots move up and the end fades; straight lines keep their slope at any time."""
    spline = KnotSpline(horizon_s=0.6, knots=4)
    knots = np.array([1.0, -2.0, 0.5, 3.0])
    np.testing.assert_allclose(spline.shift(0.2, 0.7) @ knots, [-2.0, 0.5, 3.0, 0.7 * 3.0], atol=1e-12)
    np.testing.assert_allclose(spline.shift(0.0, 0.7) @ knots, knots, atol=1e-12)
    line = 2.0 * spline.knot_times_s
    moved = spline.shift(0.05, 1.0) @ line
    np.testing.assert_allclose(moved[:-1], line[:-1] + 2.0 * 0.05, atol=1e-12)
    times = np.array([0.0, 0.13, 0.31, 0.6])
    np.testing.assert_allclose(spline.basis(times) @ line, 2.0 * times, atol=1e-12)


@pytest.mark.parametrize("method", ["cem", "mppi"])
def test_the_search_finds_the_least_of_a_bowl(method):
    """With a cost known in closed form; the best tried is returned, never worse than no correction."""
    rng = np.random.default_rng(0)
    goal = 0.1 * rng.standard_normal((3, 4))
    mean, carried, noise = np.zeros((3, 4)), np.empty((0, 3, 4)), np.full(4, 0.1)

    def bowl(x):
        return np.square(x - goal).sum(axis=(1, 2))

    settings = SearchConfig(method=method, samples=64, iterations=3)
    for _ in range(12):
        mean, carried = search(bowl, mean, carried, noise, settings, rng)
    assert bowl(mean[None])[0] < 0.05 * bowl(np.zeros((1, 3, 4)))[0]
    assert len(carried) == settings.carried


def test_cost_is_that_of_the_distance_and_of_the_fall():
    """Computed by hand: 0.1 m aside for the whole horizon, a quarter turn, and a root on the floor."""
    weights = CostWeights()
    cost = FollowingCost(ROBOT, weights, steps=8)
    wanted = np.tile(np.concatenate([ROBOT.default_qpos, np.zeros(29)]), (8, 1))
    states = np.tile(wanted, (4, 1, 1))
    states[1, :, 0] += 0.1
    states[2, :, 2] -= 0.5
    states[3, :, 10] = np.nan
    np.testing.assert_allclose(
        cost(states, wanted), [0.0, 30.0 * 0.01, 60.0 * 0.25 + 100.0, 1000.0], rtol=1e-12, atol=1e-12
    )


def test_settings_out_of_range_are_refused():
    with pytest.raises(InvalidArray, match="horizon_s: must be positive"):
        SamplingConfig(horizon_s=0.0)
    with pytest.raises(InvalidArray, match="elite_share: must be at most 1"):
        SearchConfig(elite_share=1.5)
    with pytest.raises(InvalidArray, match="knots: must be two or more, got 1"):
        SamplingConfig(knots=1)
    with pytest.raises(InvalidArray, match="method: must be one of cem, mppi, got 'cma'"):
        SearchConfig(method="cma")  # pyright: ignore[reportArgumentType]


def test_whoever_comes_to_the_end_of_another_motion_has_not_passed(stood):
    """What is followed in the motion's stead may differ from it by a short step, no more."""
    asked = stood.reference
    elsewhere = replace(asked, qpos=asked.qpos + np.eye(asked.qpos.shape[1])[0] * 0.3)
    other = replace(stood, reference=elsewhere)
    assert stood.passed and not other.passed
    assert stood.told.startswith("passed with seed 0;")
    assert "too far away" in other.told and "m from the motion" in other.told and other.told.endswith("look.")


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.skipif(not RELEASED.is_dir(), reason="PBHC's released motions are not on this machine")
@pytest.mark.parametrize("name", ["Horse-stance_punch", "Charleston_dance", "Roundhouse_kick"])
def test_motions_that_robots_have_done_are_followed(name):
    """Released and trained motions; the roundhouse kick stands on one foot while the other flies past the head."""
    motion = FORMATS["pbhc"].read(RELEASED / f"{name}.pkl")
    asked = reference_of(facing_x(motion))
    plan = make_plan(ROBOT, asked) if certify(ROBOT, motion).certified else None  # else its own light plan
    result = follow_best(asked, ROBOT, seeds=(0, 1), target=plan)
    assert result.fell_at_s is None
    assert result.root_error.mean() <= 0.05
    assert result.seconds_per_second <= 8.0
