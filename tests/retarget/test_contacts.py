import numpy as np
import pytest

from retarget.contacts import ContactConfig, stance_probability, stance_spans, standing_height

CONFIG = ContactConfig()


@pytest.mark.parametrize("fps", [24.0, 30.0, 60.0, 120.0])
def test_stances_of_a_walk_are_found_at_any_frame_rate(walker, fps):
    """Thresholds are in m/s and m; only frames where a foot is being put down or lifted may differ."""
    motion, truth = walker.walk(fps=fps)
    trajectory = motion.body_trajectory()
    feet = trajectory.pos_w[:, [trajectory.names.index(n) for n in ("left_ankle", "right_ankle")]]
    prob = stance_probability(feet, fps, CONFIG)
    found = np.zeros_like(truth)
    for foot in range(2):
        for start, stop in stance_spans(prob[:, foot], fps, CONFIG):
            found[start:stop, foot] = True
    assert (found == truth).mean() > 0.9


def test_a_floor_at_another_height_changes_nothing(walker):
    """Estimators are a few centimetres off in height; standing is told from the clip's own floor."""
    trajectory = walker.walk()[0].body_trajectory()
    feet = trajectory.pos_w[:, [trajectory.names.index(n) for n in ("left_ankle", "right_ankle")]]
    raised = feet + np.array([0.0, 0.0, 0.13])
    np.testing.assert_allclose(
        stance_probability(raised, 30.0, CONFIG), stance_probability(feet, 30.0, CONFIG), atol=1e-9
    )
    assert standing_height(raised) == pytest.approx(standing_height(feet) + 0.13)


def test_spans_have_hysteresis_close_flickers_and_drop_blips():
    prob = np.array([0.5] * 5 + [0.9] * 10 + [0.5] * 5 + [0.9] * 10 + [0.1] * 10 + [0.9] * 2 + [0.1] * 6 + [0.9] * 12)
    assert stance_spans(prob, 30.0, CONFIG) == ((5, 30), (48, 60))
    flicker = np.array([0.9] * 10 + [0.1] + [0.9] * 10)
    assert stance_spans(flicker, 30.0, CONFIG) == ((0, 21),)


def test_one_frame_can_stand():
    assert stance_spans(np.array([0.9]), 30.0, CONFIG) == ((0, 1),)
    assert stance_spans(np.array([0.1]), 30.0, CONFIG) == ()
    assert stance_probability(np.zeros((1, 2, 3)), 30.0, CONFIG).min() > 0.9
