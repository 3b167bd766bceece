import math

import numpy as np
import pytest

from pipeline.measurement import Measurement, Measurements
from pipeline.score import SCALE, ScoreTerm, score
from pipeline.validation import ValidationConfig, measure_robot
from robots.exceptions import InvalidArray
from robots.g1 import load_g1
from robots.motion import RobotMotion


def measured(stage: str = "validation", **values: float) -> Measurements:
    items = tuple(Measurement(name=name, value=value, unit="1", meaning="A figure") for name, value in values.items())
    return Measurements(stage=stage, fps=30.0, n_frames=10, items=items)


SCALE_OF_TWO = (
    ScoreTerm(stage="validation", measurement="slip", limit=0.2),
    ScoreTerm(stage="validation", measurement="force", limit=0.5, weight=3.0),
)


def test_the_formula_is_the_documented_one():
    """Slip at its limit and force at twice its limit: B = (1 * 1 + 3 * 2) / 4."""
    assert score((measured(slip=0.2, force=1.0),), SCALE_OF_TWO) == pytest.approx(1 / (1 + 7 / 4))


def test_nothing_against_a_motion_is_one_and_everything_at_its_limit_one_half():
    """The two fixed points by which a reader knows the scale."""
    assert score((measured(slip=0.0, force=0.0),), SCALE_OF_TWO) == 1.0
    assert score((measured(slip=0.2, force=0.5),), SCALE_OF_TWO) == pytest.approx(0.5)


def test_worse_figures_never_score_better_and_none_is_beyond_mending():
    """Ranking needs order even among the very bad; a bounded badness would call them equal."""
    scores = [score((measured(slip=0.1, force=force),), SCALE_OF_TWO) for force in np.geomspace(0.01, 1e4, 30)]
    assert (np.diff(scores) < 0).all()
    assert all(0.0 < value < 1.0 for value in scores)


def test_the_sign_of_a_figure_does_not_matter():
    """A floor tilted or a motion sunk either way is equally bad."""
    assert score((measured(slip=-0.1),), SCALE_OF_TWO) == score((measured(slip=0.1),), SCALE_OF_TWO)


def test_what_was_not_measured_is_left_out_and_no_evidence_is_no_praise():
    """A hand-off file has no human's side; an empty record must not be the best of a list."""
    assert score((measured(slip=0.1, other=9.0),), SCALE_OF_TWO) == pytest.approx(1 / 1.5)
    assert score((measured("plausibility", slip=0.1),), SCALE_OF_TWO) == 0.0
    assert score(()) == 0.0


def test_the_closed_loop_has_no_say_in_the_score():
    """It is what the score is held against."""
    assert all(term.stage != "tracking" for term in SCALE)
    assert len({(term.stage, term.measurement) for term in SCALE}) == len(SCALE)


@pytest.mark.parametrize("limit", [0.0, -1.0, math.nan])
def test_a_limit_that_cannot_divide_is_refused(limit):
    """NaN would pass every comparison."""
    with pytest.raises(InvalidArray, match="limit"):
        ScoreTerm(stage="validation", measurement="slip", limit=limit)


def test_a_robot_that_stands_scores_better_than_one_that_jitters_and_slides():
    """The shipped scale, on what the product measures."""
    robot = load_g1()
    standing = np.tile(robot.default_qpos, (60, 1))
    spoilt = standing.copy()
    spoilt[:, 0] += 0.3 * np.arange(60) / 30
    spoilt[:, 7:] += np.random.default_rng(0).normal(0, 0.02, spoilt[:, 7:].shape)
    scores = []
    for qpos in (standing, spoilt):
        motion = RobotMotion.from_qpos(qpos, fps=30.0, joint_names=robot.joint_names, foot_contact=np.ones((60, 2)))
        scores.append(score((measure_robot(motion, robot, ValidationConfig()),)))
    assert scores[0] > 0.9
    assert scores[1] < 0.8 * scores[0]
