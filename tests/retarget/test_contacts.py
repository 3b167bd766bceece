from dataclasses import replace

import numpy as np
import pytest

from retarget.body_trajectory import BodyTrajectory
from retarget.contact_regions import HUMAN_REGIONS, regions_of_skeleton
from retarget.contacts import ContactConfig, floor_height, point_speed, region_contacts, speed_window, stance_spans

CONFIG = ContactConfig()
FPS = 30.0


def still(seconds=1.0, fps=FPS, **place):
    """Bodies that stay where they are; each place is a height or a point."""
    points = [p if isinstance(p, tuple) else (0.1 * i, 0.0, p) for i, p in enumerate(place.values())]
    return moving(np.tile(np.array(points, dtype=float), (round(seconds * fps), 1, 1)), tuple(place), fps)


def moving(pos_w, names, fps=FPS, **contact):
    quat = np.tile([1.0, 0.0, 0.0, 0.0], (*pos_w.shape[:2], 1))
    return BodyTrajectory(fps=fps, names=names, pos_w=pos_w, quat_wxyz_w=quat, **contact)


def standing_mask(contacts, region, n_frames):
    mask = np.zeros(n_frames, dtype=bool)
    for start, stop in contacts.spans[contacts.names.index(region)]:
        mask[start:stop] = True
    return mask


@pytest.mark.parametrize("fps", [24.0, 30.0, 60.0, 120.0])
def test_stances_of_a_walk_are_found_at_any_frame_rate(walker, fps):
    """Thresholds are in m/s and m; only frames where a foot is being put down or lifted may differ."""
    motion, truth = walker.walk(fps=fps)
    contacts = region_contacts(motion.body_trajectory())
    for foot, region in enumerate(("left_foot", "right_foot")):
        found = standing_mask(contacts, region, len(truth))
        assert (found == truth[:, foot]).mean() > 0.9
        assert not (truth[:, foot] & ~found).any(), "a foot that stands was missed"


@pytest.mark.parametrize("fps", [30.0, 60.0, 120.0])
def test_spans_begin_and_end_at_the_same_time_at_any_frame_rate(walker, fps):
    """Within two frames of the slowest rate: a slower camera cannot tell better."""
    slowest = region_contacts(walker.walk(fps=24.0)[0].body_trajectory())
    other = region_contacts(walker.walk(fps=fps)[0].body_trajectory())
    for a, b in zip(slowest.spans[:2], other.spans[:2], strict=True):
        assert len(a) == len(b) > 1
        np.testing.assert_allclose(np.array(a) / 24.0, np.array(b) / fps, atol=2.01 / 24.0)


def test_a_floor_at_another_height_changes_nothing(walker):
    """Estimators are a few centimetres off in height; standing is told from the clip's own floor."""
    trajectory = walker.walk()[0].body_trajectory()
    raised = replace(trajectory, pos_w=trajectory.pos_w + np.array([0.0, 0.0, 0.13]))
    assert floor_height(raised) == pytest.approx(floor_height(trajectory) + 0.13)
    there, here = region_contacts(raised), region_contacts(trajectory)
    np.testing.assert_allclose(there.prob, here.prob, atol=1e-9)
    assert there.spans == here.spans


def test_a_foot_that_sinks_for_a_moment_makes_no_floor():
    """One bad moment of an estimate must not lift all other feet off the floor."""
    pos = np.full((100, 2, 3), 0.025)
    pos[40:46, 0, 2] -= 0.05
    trajectory = moving(pos, ("left_foot", "right_foot"))
    assert floor_height(trajectory) == pytest.approx(0.0, abs=1e-9)


def test_a_foot_that_rests_on_a_step_is_not_the_floor():
    trajectory = still(left_foot=0.025, right_foot=0.225)
    assert floor_height(trajectory) == pytest.approx(0.0, abs=1e-9)
    contacts = region_contacts(trajectory)
    assert contacts.prob[:, 0].min() > 0.9
    assert contacts.prob[:, 1].max() < 0.01


def test_who_crawls_with_raised_feet_is_on_the_floor_all_the_same():
    """Feet tell the floor best, but not while they are in the air."""
    crawls = {"left_foot": 0.2, "right_foot": 0.2, "left_knee": 0.06, "right_knee": 0.06, "left_wrist": 0.03}
    contacts = region_contacts(still(**crawls))
    assert contacts.floor_height == pytest.approx(0.0, abs=1e-9)
    bearing = {name for name, spans in zip(contacts.names, contacts.spans, strict=True) if spans}
    assert bearing == {"left_knee", "right_knee", "left_hand"}


def test_a_foot_on_its_toes_and_a_foot_on_its_heel_both_stand():
    """A foot bears weight with either end; from the ankle alone a raised heel would look like a step."""
    ground = {"right_foot": 0.025, "right_ankle": 0.075}
    on_toes = region_contacts(still(left_foot=0.025, left_ankle=0.17, **ground))
    on_heel = region_contacts(still(left_foot=0.12, left_ankle=0.08, **ground))
    raised = region_contacts(still(left_foot=0.12, left_ankle=0.17, **ground))
    assert on_toes.prob[:, 0].min() > 0.9
    assert on_heel.prob[:, 0].min() > 0.9
    assert raised.prob[:, 0].max() < 0.01


@pytest.mark.parametrize("region", [r for r in HUMAN_REGIONS if not r.teaches_floor], ids=lambda r: r.name)
def test_regions_bear_weight_where_they_lie_on_the_floor_and_not_where_they_hover(region):
    """A hand that hovers 8 cm over the floor, or a knee of a deep lunge, must not be planted."""
    feet = {"left_foot": 0.025, "right_foot": 0.025}
    for point in region.points:
        for above, bears in ((0.0, True), (0.055, False)):
            contacts = region_contacts(still(**feet, **{point.body: point.height + above}))
            assert bool(contacts.spans[contacts.names.index(region.name)]) == bears


def test_a_hand_that_sweeps_over_the_floor_bears_no_weight():
    pos = np.zeros((60, 3, 3))
    pos[:, 0], pos[:, 1], pos[:, 2] = [0.0, 0.0, 0.025], [0.3, 0.0, 0.025], [0.6, 0.0, 0.025]
    pos[:, 2, 1] = 0.4 * np.arange(60) / FPS
    contacts = region_contacts(moving(pos, ("left_foot", "right_foot", "left_hand")))
    assert contacts.spans[contacts.names.index("left_hand")] == ()


def test_who_walks_bears_weight_on_feet_alone(walker):
    contacts = region_contacts(walker.walk()[0].body_trajectory())
    assert contacts.names == tuple(r.name for r in HUMAN_REGIONS)
    assert all(spans == () for spans in contacts.spans[2:])


@pytest.mark.parametrize("runs", [True, False])
def test_a_standing_foot_may_slip_by_a_share_of_how_fast_the_body_goes(runs):
    """In a run at 5 m/s a path that is 5 % too long is 0.25 m/s; who stays in place shuffles at that speed."""
    time = np.arange(60) / FPS
    foot = np.stack([0.25 * time, 0 * time, np.full(60, 0.025)], axis=1)
    body = np.stack([5.0 * runs * time, 0 * time, np.full(60, 1.0)], axis=1)
    pos_w = np.stack([foot, *[body] * 9], axis=1)
    contacts = region_contacts(moving(pos_w, ("left_foot", *(f"body_{i}" for i in range(9)))))
    assert contacts.spans == ((((0, 60),),) if runs else ((),))


def test_feet_of_a_skeleton_of_other_names_stand_at_the_same_time(walker):
    """How high its foot joints lie is unknown, and learned; a skeleton of known names keeps the table."""
    trajectory = walker.walk()[0].body_trajectory()
    feet = {f"{side}_foot": f"{side}_ankle" for side in ("left", "right")}
    assert regions_of_skeleton(trajectory.names, feet) == HUMAN_REGIONS
    renamed = {name: f"hero:{name}" for name in trajectory.names}
    other = replace(trajectory, names=tuple(renamed.values()))
    assert region_contacts(other).names == ()
    contacts = region_contacts(
        other, regions=regions_of_skeleton(other.names, {f: renamed[body] for f, body in feet.items()})
    )
    assert contacts.names == ("left_foot", "right_foot")
    assert contacts.spans == region_contacts(trajectory).spans[:2]


def test_the_estimators_word_is_taken_where_it_has_one():
    """It has seen the picture; it may speak of some regions only, and of some whose bodies are not given."""
    word = np.linspace(0.0, 1.0, 30)[:, None] * [1.0, 0.5]
    trajectory = replace(
        still(left_foot=0.025, right_foot=0.025), contact_regions=("left_foot", "head"), contact_prob=word
    )
    contacts = region_contacts(trajectory)
    assert contacts.names == ("left_foot", "right_foot", "head")
    np.testing.assert_array_equal(contacts.prob[:, [0, 2]], word)
    assert contacts.prob[:, 1].min() > 0.9


def test_spans_have_hysteresis_close_flickers_and_drop_blips():
    prob = np.array([0.5] * 5 + [0.9] * 10 + [0.5] * 5 + [0.9] * 10 + [0.1] * 10 + [0.9] * 2 + [0.1] * 6 + [0.9] * 12)
    assert stance_spans(prob, FPS, CONFIG) == ((5, 30), (48, 60))
    flicker = np.array([0.9] * 10 + [0.1] + [0.9] * 10)
    assert stance_spans(flicker, FPS, CONFIG) == ((0, 21),)


def test_one_frame_can_stand():
    assert stance_spans(np.array([0.9]), FPS, CONFIG) == ((0, 1),)
    assert stance_spans(np.array([0.1]), FPS, CONFIG) == ()
    assert region_contacts(still(left_foot=0.025, seconds=1 / FPS)).spans[0] == ((0, 1),)


@pytest.mark.parametrize("fps", [24.0, 30.0, 100.0])
def test_speed_is_exact_at_constant_speed_and_zero_on_both_sides_of_rest(fps):
    """Also in the first and the last frame, which have only a future or a past."""
    time = np.arange(round(2 * fps)) / fps
    steady = np.stack([0.7 * time, -0.2 * time, 0.1 * time], axis=1)[:, None]
    np.testing.assert_allclose(point_speed(steady, fps, 0.035), np.sqrt(0.54), rtol=1e-9)
    rests = np.stack([np.clip(np.abs(time - 1.0), 0.25, None), 0 * time, 0 * time], axis=1)[:, None]
    resting = np.abs(time - 1.0) <= 0.25 + 1e-9
    assert point_speed(rests, fps, 0.035)[resting].max() < 1e-9
    assert point_speed(rests, fps, 0.035)[np.abs(time - 1.0) > 0.25 + 1.0 / fps].min() > 0.5


@pytest.mark.parametrize("noise", [0.002, 0.004])
def test_noise_of_some_millimetres_ends_no_stance(walker, noise):
    """Speeds of noisy positions are taken over a longer time; a difference of frames would be all noise."""
    motion, truth = walker.walk()
    trajectory = motion.body_trajectory()
    shaken = trajectory.pos_w + np.random.default_rng(0).normal(scale=noise, size=trajectory.pos_w.shape)
    contacts = region_contacts(replace(trajectory, pos_w=shaken))
    for foot, region in enumerate(("left_foot", "right_foot")):
        found = standing_mask(contacts, region, len(truth))
        assert (found == truth[:, foot]).mean() > 0.88
        assert len(contacts.spans[foot]) == np.diff(np.concatenate([[0], truth[:, foot], [0]])).clip(0).sum()


def test_the_window_grows_with_noise_and_not_with_motion(walker):
    trajectory = walker.walk()[0].body_trajectory()
    feet = trajectory.pos_w[:, [trajectory.names.index(n) for n in ("left_foot", "right_foot")]]
    noise = np.random.default_rng(0).normal(size=feet.shape)
    quiet, little, much = (speed_window(feet + size * noise, CONFIG) for size in (0.0, 0.002, 0.01))
    assert quiet == CONFIG.speed_window_s
    assert quiet < little < much == CONFIG.longest_speed_window_s
