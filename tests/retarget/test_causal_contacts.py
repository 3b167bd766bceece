import numpy as np
import pytest

from retarget.causal_contacts import CausalContactConfig, causal_contacts, run_contacts, update_contacts

FEET = ("left_ankle", "right_ankle")


def feet_of(trajectory):
    return np.ascontiguousarray(trajectory.pos_w[:, [trajectory.names.index(n) for n in FEET]])


def told(points, fps, **options):
    params, state = causal_contacts([0.0] * points.shape[1], **options)
    prob, standing = np.empty(points.shape[:2]), np.empty(points.shape[:2], dtype=bool)
    run_contacts(points, 1.0 / fps, params, state, prob, standing)
    return prob, standing, state


@pytest.mark.parametrize("fps", [24.0, 30.0, 60.0, 120.0])
def test_stances_of_a_walk_are_found_at_any_frame_rate(walker, fps):
    """Without the future a touch-down is told a frame late."""
    motion, truth = walker.walk(fps=fps)
    _, standing, _ = told(feet_of(motion.body_trajectory()), fps)
    assert (standing == truth).mean() > 0.9
    late = np.zeros_like(truth)
    for frame in range(1 + int(0.02 * fps)):
        late[frame + 1 :] |= ~truth[: -frame - 1]
    assert not (truth & ~late & ~standing).any(), "a foot that has stood for a moment was missed"


@pytest.mark.parametrize("fps", [30.0, 60.0, 120.0])
def test_touch_downs_and_lift_offs_come_at_the_same_time_at_any_frame_rate(walker, fps):
    """Within two frames of the slowest rate."""
    for foot in range(2):
        edges = []
        for rate in (24.0, fps):
            _, standing, _ = told(feet_of(walker.walk(fps=rate)[0].body_trajectory()), rate)
            edges.append((np.flatnonzero(np.diff(standing[:, foot].astype(int))) + 1) / rate)
        assert len(edges[0]) == len(edges[1]) > 3
        np.testing.assert_allclose(edges[0], edges[1], atol=2.01 / 24.0)


def test_the_future_changes_nothing(walker):
    """What is said of a frame depends on that frame and those before it."""
    points = feet_of(walker.walk()[0].body_trajectory())
    changed = points.copy()
    changed[70:] += np.random.default_rng(0).normal(size=changed[70:].shape)
    whole, cut = told(points, 30.0), told(changed, 30.0)
    np.testing.assert_array_equal(whole[0][:70], cut[0][:70])
    np.testing.assert_array_equal(whole[1][:70], cut[1][:70])
    assert (whole[1][70:] != cut[1][70:]).any()


def test_frame_by_frame_is_the_same_as_all_at_once(walker):
    points = feet_of(walker.walk()[0].body_trajectory())
    prob, standing, _ = told(points, 30.0)
    params, state = causal_contacts([0.0, 0.0])
    for frame, point in enumerate(points):
        update_contacts(point, 1.0 / 30.0, params, state)
        np.testing.assert_array_equal(state.prob, prob[frame])
        np.testing.assert_array_equal(state.standing, standing[frame])


def test_a_learned_floor_is_the_known_floor(walker):
    """On a walk that begins standing, wherever its floor is."""
    points = feet_of(walker.walk()[0].body_trajectory())
    height = points[..., 2].min()
    _, known, state = told(points, 30.0, floor=height)
    assert state.floor[0] == height
    for raised in (0.0, 0.31):
        _, learned, state = told(points + np.array([0.0, 0.0, raised]), 30.0)
        np.testing.assert_array_equal(learned, known)
        assert state.floor[0] == pytest.approx(height + raised, abs=0.005)


@pytest.mark.parametrize("fps", [30.0, 120.0])
def test_a_clip_that_begins_in_the_air_learns_the_floor_at_the_landing(fps):
    time = np.arange(round(2 * fps)) / fps
    height = np.maximum(0.4 - 0.5 * 9.81 * time**2, 0.0) + 0.07
    points = np.stack([0 * time, 0 * time, height], axis=1)[:, None].repeat(2, axis=1)
    _, standing, state = told(points, fps)
    landing = np.sqrt(2 * 0.4 / 9.81)
    assert not standing[(time > 0.1) & (time < landing)].any()
    assert standing[time > landing + 0.2].all()
    assert state.floor[0] == pytest.approx(0.07, abs=0.005)


def test_noise_leaves_the_floor_where_feet_stand():
    """The lowest dip of a noisy foot is not the floor; the foot would hover ever after."""
    noise = np.random.default_rng(0).normal(scale=0.004, size=(900, 2, 3))
    _, standing, state = told(noise + np.array([0.0, 0.0, 0.07]), 30.0)
    assert state.floor[0] == pytest.approx(0.07, abs=0.01)
    assert standing.mean() > 0.95


def test_a_step_up_is_no_stance_and_regions_differ_in_height():
    """Each region is measured against its own bearing height."""
    points = np.zeros((30, 3, 3))
    points[:, :, 2] = [0.08, 0.06, 0.16]
    params, state = causal_contacts([0.08, 0.06, 0.06], CausalContactConfig(), floor=0.0)
    for point in points:
        update_contacts(point, 1.0 / 30.0, params, state)
    np.testing.assert_array_equal(state.standing, [True, True, False])
