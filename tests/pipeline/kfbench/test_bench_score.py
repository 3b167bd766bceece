"""The truth scores nothing, worlds are compared whatever their origin and heading, and intervals hold what they say."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from pipeline.body import load_body
from pipeline.kfbench import PIECES, metrics, perform
from pipeline.kfbench.bench_score import METRICS, Tally, bootstrap, score_estimate, summarise, wilson
from robots.exceptions import InvalidArray


@pytest.fixture(scope="module")
def truth():
    return perform(PIECES["dance"], load_body())


def turned(motion, rotation, shift=(0.0, 0.0, 0.0)):
    """The same motion in another world."""
    pelvis = motion.rest_joint_pos[0]
    return replace(
        motion,
        global_orient=(rotation * Rotation.from_rotvec(motion.global_orient.copy())).as_rotvec(),
        transl=rotation.apply(pelvis + motion.transl) + shift - pelvis,
    )


def noisy(motion, seed=0):
    rng = np.random.default_rng(seed)
    return replace(
        motion,
        body_pose=motion.body_pose + rng.normal(scale=0.1, size=motion.body_pose.shape),
        global_orient=motion.global_orient + rng.normal(scale=0.05, size=motion.global_orient.shape),
        transl=motion.transl + np.linspace(0.0, 0.3, len(motion))[:, None] * [1.0, 0.0, 0.0],
    )


def values(estimate, truth):
    return {key: tally.total / tally.weight for key, tally in score_estimate(estimate, truth).items()}


def test_the_truth_scores_zero(truth):
    """And trembles exactly as much as itself."""
    found = values(truth, truth)
    assert found.pop("jitter_x_truth") == pytest.approx(1.0)
    assert set(found) == {m.key for m in METRICS} - {"jitter_x_truth", "accepted_pct", "rte_pct"}
    slide = found.pop("foot_slide_mm")
    assert 0.0 <= slide < 5.0  # what the true feet move where they are called still
    assert all(value == pytest.approx(0.0, abs=1e-6) for value in found.values()), found


def test_errors_are_seen_by_every_metric(truth):
    found, perfect = values(noisy(truth), truth), values(truth, truth)
    assert all(found[key] > 1.5 * perfect[key] + 0.1 for key in found), found


def test_another_origin_and_heading_of_the_world_change_nothing(truth):
    """No video says where north is: a turn about the vertical and a shift are free."""
    estimate = noisy(truth)
    moved = turned(estimate, Rotation.from_rotvec([0.0, 0.0, 2.1]), (3.0, -1.0, 0.2))
    assert values(moved, truth) == pytest.approx(values(estimate, truth), rel=1e-6)


def test_a_world_that_leans_is_told_by_its_angle(truth):
    """Tilt is the angle that the world was leant by, and only alignments that may turn freely forgive it."""
    leant = turned(truth, Rotation.from_rotvec([np.radians(7.0), 0.0, 0.0]))
    found = values(leant, truth)
    assert found["tilt_deg"] == pytest.approx(7.0, abs=1e-6)
    assert found["mpjpe_mm"] > 20.0
    assert found["pa_mpjpe_mm"] == pytest.approx(0.0, abs=1e-6) == found["wa_mpjpe_mm"]


def test_the_error_of_a_known_drift(truth):
    """A straight walk of 4 m that is estimated a tenth too long: best laid over each other they are 10 cm apart."""
    n = len(truth)
    walk = replace(truth, transl=np.linspace(0.0, 4.0, n)[:, None] * [1.0, 0.0, 0.0])
    long = replace(truth, transl=np.linspace(0.0, 4.4, n)[:, None] * [1.0, 0.0, 0.0])
    found = values(long, walk)
    assert found["rte_pct"] == pytest.approx(100.0 * 0.1 / 4.0, rel=0.02)  # mean of |0.4 (s - 1/2)| over s in [0, 1]
    assert "drift_cm" not in found


def test_a_short_path_is_told_in_centimetres(truth):
    """Percent of nearly nothing would be anything."""
    n = len(truth)
    still = replace(truth, transl=np.zeros((n, 3)))
    slow = replace(truth, transl=np.linspace(0.0, 1.0, n)[:, None] * [1.0, 0.0, 0.0])
    found = values(slow, still)
    assert found["drift_cm"] == pytest.approx(25.0, rel=0.02)
    assert "rte_pct" not in found


def test_size_is_free_in_the_world_measures():
    """WA-MPJPE forgives one scale; MPJPE and the path do not."""
    rng = np.random.default_rng(1)
    joints = np.cumsum(rng.normal(scale=0.02, size=(150, 24, 3)), axis=0) + rng.normal(size=(24, 3))
    assert metrics.wa_mpjpe_mm(1.1 * joints, joints) == pytest.approx(0.0, abs=1e-9)
    assert metrics.mpjpe_mm(1.1 * joints, joints) > 10.0
    assert metrics.rte_pct(1.1 * joints, joints) > 0.0


def test_small_tilts_are_exact():
    """An arc cosine would lose them in the rounding of one minus nothing."""
    lean = Rotation.from_rotvec([1e-7, 0.0, 0.0]).as_matrix()[None]
    assert np.radians(metrics.tilt_frames(lean, np.eye(3)[None])[0]) == pytest.approx(1e-7, rel=1e-5)


def test_jerk_and_sliding_are_those_of_the_second():
    """The same movement recorded twice as fast is the same movement."""
    t30, t60 = np.arange(60) / 30.0, np.arange(120) / 60.0
    paths = [np.sin(2 * np.pi * 1.5 * t)[:, None, None] * np.ones((1, 4, 3)) for t in (t30, t60)]
    slow, fast = (metrics.jitter(path, fps) for path, fps in zip(paths, (30.0, 60.0), strict=True))
    assert slow == pytest.approx(fast, rel=0.05)
    still = [np.zeros_like(path) for path in paths]
    drifting = [np.tile(0.09 * t[:, None, None], (1, 4, 3)) for t in (t30, t60)]  # 0.09 sqrt(3) m/s
    for estimate, truth, fps in zip(drifting, still, (30.0, 60.0), strict=True):
        assert metrics.foot_slides(estimate, truth, fps).mean() == pytest.approx(90.0 * np.sqrt(3) / 30.0)


def test_an_estimate_of_another_length_is_refused(truth):
    with pytest.raises(InvalidArray, match="has 10 frames at 30 /s, the truth"):
        score_estimate(truth.frames(0, 10), truth)


@pytest.mark.parametrize("n", [1, 2, 3, 5])
def test_clips_of_a_few_frames_give_what_they_can(truth, n):
    """No NaN: what needs more frames is not there."""
    few = truth.frames(0, n)
    found = summarise([score_estimate(few, few)], seed=0)
    assert "pa_mpjpe_mm" in found
    assert all(np.isfinite(value.mean) for value in found.values())
    assert ("jitter_x_truth" in found) == (n > 3)


def test_intervals_hold_the_mean_of_the_population():
    """Of 200 samples of 30 clips, about 95 in 100 have the true mean in their interval (bootstrap: a little fewer)."""
    rng = np.random.default_rng(4)
    inside = 0
    for _ in range(200):
        weights = rng.integers(50, 300, 30).astype(float)
        totals = weights * rng.normal(40.0, 8.0, 30)
        low, high = bootstrap(totals, weights, rng, 400)
        inside += low <= 40.0 <= high
    assert 0.87 <= inside / 200 <= 0.99


def test_a_seed_is_an_interval():
    tallies = [{"mpjpe_mm": Tally(total=float(i), weight=1.0)} for i in range(9)]
    first, again, other = (summarise(tallies, seed=seed)["mpjpe_mm"] for seed in (1, 1, 2))
    assert first == again
    assert (first.low, first.high) != (other.low, other.high)
    assert first.low < first.mean < first.high and first.clips == 9


def test_one_clip_has_no_interval():
    """Drawing it again gives it again, which would look like certainty."""
    value = summarise([{"mpjpe_mm": Tally(total=50.0, weight=1.0)}], seed=0)["mpjpe_mm"]
    assert value.mean == 50.0 and value.low == -np.inf and value.high == np.inf


def test_shares_of_none_and_of_all_are_not_certain():
    """Wilson's interval for 0 of 12 ends at 24 %, as in his table; drawing clips again would give 0 to 0."""
    low, high = wilson(0.0, 12)
    assert low == 0.0 and high == pytest.approx(0.2425, abs=1e-3)
    found = summarise([{"accepted_pct": Tally(total=100.0, weight=1.0)}] * 12, seed=0)["accepted_pct"]
    assert found.mean == 100.0 and found.low == pytest.approx(75.75, abs=0.1) and found.high == pytest.approx(100.0)
