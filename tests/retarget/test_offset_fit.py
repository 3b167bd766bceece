"""Constant offsets: found where they are known, worthless nowhere, and judged on what they were not fitted on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from retarget.clip_target import ClipTarget
from retarget.correspondence import load_correspondence
from retarget.exceptions import NothingToFit
from retarget.offset_fit import (
    OffsetFitConfig,
    fit_offsets,
    geometric_median,
    leave_one_out,
    residual_in_target,
    shifted,
)
from retarget.rest_pose import robot_rest
from retarget.table_fit import FrameFollower

BENCH = Path(__file__).parents[2].parent / "shared" / "data" / "retarget_bench"


@pytest.fixture(scope="module")
def table():
    return load_correspondence("smplx_to_g1_scaled")


@pytest.fixture(scope="module")
def follower(robot, table):
    return FrameFollower(robot, robot_rest(robot.pin_model(), table))


def clip_of(pos, rot, table):
    """Targets with the table's weights, nothing planted."""
    shape = (len(pos), len(table.bodies))
    return ClipTarget(
        pos_w=np.ascontiguousarray(pos, dtype=float),
        rot_w=np.ascontiguousarray(rot, dtype=float),
        position_weight=np.array([[[b.position_weight] * 3 for b in table.bodies]] * shape[0]),
        rotation_weight=np.array([[b.rotation_weight for b in table.bodies]] * shape[0]),
        planted=np.zeros((len(pos), 2), dtype=bool),
    )


def moving(robot, follower, table, offset, seed, n_frames=40):
    """Targets of poses that the robot can have, moved by minus a known offset; and the first of them is met."""
    rng = np.random.default_rng(seed)
    middle = np.asarray(robot.default_joint_pos)
    low, high = np.asarray(robot.joint_lower) - middle, np.asarray(robot.joint_upper) - middle
    waves = rng.uniform(-0.5, 0.5, size=(2, len(middle)))
    phase = np.linspace(0.0, 2.0 * np.pi, n_frames)[:, None]
    joints = middle + np.clip(np.sin(phase) * waves[0] + np.sin(2 * phase) * waves[1], 0.8 * low, 0.8 * high)
    base = np.tile([0.0, 0.0, 1.2, 0.0, 0.0, 0.0, 1.0], (n_frames, 1))
    pos, rot = follower.task_poses(np.hstack([base, joints]))
    return shifted(clip_of(pos, rot, table), -offset)


@pytest.fixture(scope="module")
def planted(table):
    """Offsets as large as those of real tables, on everything but root, feet and what has no weight."""
    offset = np.random.default_rng(5).normal(0.0, 0.03, size=(len(table.bodies), 3))
    free = [b.human not in ("pelvis", "left_foot", "right_foot") and b.position_weight > 0 for b in table.bodies]
    return offset * np.array(free)[:, None]


@pytest.fixture(scope="module")
def rooted(table):
    """Root and feet, which a fit holds: offsets of all at once have directions that nothing tells apart."""
    return np.array([body.parent is None or body.human in table.feet.values() for body in table.bodies])


def test_planted_offsets_are_found(robot, follower, table, planted, rooted):
    """Where a constant is all that is wrong, it is all that is found; millimetres are left to weak directions."""
    clips = [moving(robot, follower, table, planted, seed) for seed in (1, 2)]
    config = OffsetFitConfig(max_sweeps=40, settled_share=0.003)
    fit = fit_offsets(clips, follower.solve, follower.task_poses, held=rooted, config=config)
    tracked = np.array([body.position_weight > 0 for body in table.bodies])
    assert fit.before_m[tracked].mean() > 0.02
    assert fit.after_m[tracked].mean() < 0.1 * fit.before_m[tracked].mean()
    error = np.linalg.norm(fit.offset_m - planted, axis=1)
    assert np.median(error[tracked]) < 0.004 and error[tracked].max() < 0.015
    assert fit.turn_after_rad.mean() < fit.turn_before_rad.mean()


def test_held_and_weightless_bodies_keep_zero(robot, follower, table, planted, rooted):
    clips = [moving(robot, follower, table, planted, 1, n_frames=10)]
    held = rooted | np.array([body.human == "left_wrist" for body in table.bodies])
    fit = fit_offsets(clips, follower.solve, follower.task_poses, held=held)
    still = held | np.array([body.position_weight == 0 for body in table.bodies])
    np.testing.assert_array_equal(fit.offset_m[still], 0.0)
    assert (np.linalg.norm(fit.offset_m[~still], axis=1) > 0.0).all()


def test_a_fit_of_what_is_right_already_moves_nothing(robot, follower, table, rooted):
    clips = [moving(robot, follower, table, np.zeros((len(table.bodies), 3)), 3, n_frames=20)]
    fit = fit_offsets(clips, follower.solve, follower.task_poses, held=rooted)
    assert np.linalg.norm(fit.offset_m, axis=1).max() < 0.003


def test_left_out_clips_are_judged_by_the_others_alone(robot, follower, table, planted, rooted):
    """Of two clips with opposite offsets each makes the other worse; of two with the same, each serves the other."""
    same = [moving(robot, follower, table, planted, seed, n_frames=20) for seed in (1, 2)]
    opposite = [same[0], moving(robot, follower, table, -planted, 2, n_frames=20)]
    tracked = np.array([body.position_weight > 0 for body in table.bodies])
    helped, misled = (
        leave_one_out(clips, follower.solve, follower.task_poses, held=rooted) for clips in (same, opposite)
    )
    assert helped.mean(helped.after_m)[tracked].mean() < 0.5 * helped.mean(helped.before_m)[tracked].mean()
    assert misled.mean(misled.after_m)[tracked].mean() > 1.3 * misled.mean(misled.before_m)[tracked].mean()


def test_no_point_has_a_smaller_mean_distance_than_the_geometric_median():
    rng = np.random.default_rng(0)
    points = rng.normal(size=(200, 3)) * [1.0, 0.3, 0.1]
    median = geometric_median(points)
    least = np.linalg.norm(points - median, axis=1).mean()
    for step in rng.normal(0.0, 0.02, size=(50, 3)):
        assert np.linalg.norm(points - median - step, axis=1).mean() > least


def test_a_tenth_of_wild_moments_hardly_moves_the_geometric_median():
    """Moments in which a limb is at its limit must not decide where it is at all others."""
    points = np.random.default_rng(0).normal(0.0, 0.001, size=(100, 3))
    points[:10] += [1.0, 0.0, 0.0]
    assert np.linalg.norm(geometric_median(points)) < 0.001
    assert np.linalg.norm(points.mean(axis=0)) > 0.09


def test_shifting_targets_shifts_residuals_the_other_way(robot, follower, table, planted):
    clip = moving(robot, follower, table, planted, 4, n_frames=5)
    points = clip.pos_w + np.random.default_rng(1).normal(size=clip.pos_w.shape)
    before, after = residual_in_target(clip, points), residual_in_target(shifted(clip, planted), points)
    np.testing.assert_allclose(after, before - planted, atol=1e-12)


def test_nothing_to_fit_says_why(robot, follower, table, planted):
    clip = moving(robot, follower, table, planted, 1, n_frames=3)
    with pytest.raises(NothingToFit, match="there are no clips; give at least one"):
        fit_offsets([], follower.solve, follower.task_poses)
    with pytest.raises(NothingToFit, match="no body is free to move"):
        fit_offsets([clip], follower.solve, follower.task_poses, held=np.ones(len(table.bodies), dtype=bool))
    with pytest.raises(NothingToFit, match="leaving one of 1 clips out leaves none; give at least two"):
        leave_one_out([clip], follower.solve, follower.task_poses)


@pytest.mark.skipif(not BENCH.is_dir(), reason="the bench clips are not here")
def test_most_of_gmrs_distance_is_a_constant(follower, table, rooted):
    """Offsets of the other clips take the distance to GMR's targets from about 67 to about 25 mm, and turn no worse."""
    clips = []
    for path in sorted(BENCH.glob("*.npz")):
        with np.load(path) as data:
            order = [data["gmr_target_body_names"].tolist().index(body.human) for body in table.bodies]
            clips.append(clip_of(data["gmr_target_pos_w"][::3, order], data["gmr_target_rot"][::3, order], table))
    held_out = leave_one_out(clips, follower.solve, follower.task_poses, held=rooted)
    tracked = np.array([body.position_weight > 0 for body in table.bodies])
    before, after = (held_out.mean(m)[tracked].mean() for m in (held_out.before_m, held_out.after_m))
    assert before > 0.06
    assert after < 0.027
    assert held_out.mean(held_out.turn_after_rad).mean() < held_out.mean(held_out.turn_before_rad).mean()
