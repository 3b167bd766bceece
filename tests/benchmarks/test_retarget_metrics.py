"""The metrics of the retargeting benchmark, on motions whose figures are known by construction."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from benchmarks.retargeting.clips import BenchClip, load_clip, load_clips
from benchmarks.retargeting.cold_start import FRAMES, cold_starts, draw_starts, warm_costs
from benchmarks.retargeting.exceptions import InvalidBenchFile, NoBenchClips, NotGmrTargets, NotOurRobot
from benchmarks.retargeting.geometry import task_points, trace, with_target_sites
from benchmarks.retargeting.metrics import (
    Score,
    constant_offsets,
    frame_costs,
    joint_score,
    mean_score,
    stance_score,
)
from benchmarks.retargeting.peers import FastPeer, GmrPeer, TwoQpPeer, all_targets, frame_targets, target_rule
from benchmarks.retargeting.scoring import score_motions
from benchmarks.retargeting.timing import cpu_seconds, frames_per_second, times_faster
from retarget.spans import true_runs
from robots.g1 import load_g1

HUMAN = ("pelvis", "left_knee", "left_foot", "right_foot", "left_wrist")
ROBOT = ("pelvis", "left_knee_link", "left_toe_link", "right_toe_link", "left_wrist_yaw_link")
SCALE = np.array([0.83, 0.83, 0.83, 0.83, 0.74])
TURN = Rotation.from_euler("xyz", [[90, 0, 90], [90, 0, 90], [90, 0, 90], [90, 0, 90], [0, 0, 0]], degrees=True)
OFFSET = np.array([[0, 0, 0], [0, 0, 0], [0, 0.02, 0], [0, -0.02, 0], [0, 0, 0]])


@pytest.fixture(scope="module")
def robot():
    return load_g1()


def squat(robot, frames=24, speed=1.0):
    """The standing robot that bends its knees a little; its feet stay flat and where they are."""
    model = robot.mj_model()
    qpos = np.tile(robot.default_qpos, (frames, 1))
    bend = 0.15 * np.sin(speed * np.pi * np.arange(frames) / frames) ** 2
    for side in ("left", "right"):
        for joint, sign in (("hip_pitch", -1), ("knee", 2), ("ankle_pitch", -1)):
            qpos[:, model.joint(f"{side}_{joint}_joint").qposadr[0]] += sign * bend
    feet = trace(robot, [], qpos).toe_w.mean(axis=1)
    qpos[:, :3] -= feet - feet[0]
    qpos[:, 2] -= trace(robot, [], qpos).sole_height.min(axis=1)
    return qpos


def bench_clip(robot, qpos, name="squat"):
    """A clip whose targets are met by ``qpos`` exactly, of a human that has them by GMR's rule."""
    blank = BenchClip(
        name=name,
        fps=30.0,
        human_height=1.66,
        human_names=HUMAN,
        human_pos_w=np.ones((len(qpos), 5, 3)),
        human_quat_wxyz_w=np.tile([1.0, 0, 0, 0], (len(qpos), 5, 1)),
        stance=np.ones((len(qpos), 2), dtype=bool),
        target_human=HUMAN,
        target_robot=ROBOT,
        weight_pos=np.array([100.0, 10, 100, 100, 10]),
        weight_rot=np.array([5.0, 5, 50, 50, 5]),
        target_pos_w=np.ones((len(qpos), 5, 3)),
        target_rot_w=np.tile(np.eye(3), (len(qpos), 5, 1, 1)),
        gmr_qpos=qpos,
    )
    traced = trace(robot, task_points(blank, robot), qpos)
    unshifted = traced.pos_w - np.einsum("tbij,bj->tbi", traced.rot_w, OFFSET)
    root = unshifted[:, :1] / SCALE[0]
    human = root + (unshifted - unshifted[:, :1]) / SCALE[:, None]
    quat = [(Rotation.from_matrix(traced.rot_w[:, b]) * TURN[b].inv()).as_quat(scalar_first=True) for b in range(5)]
    return replace(
        blank,
        human_pos_w=human,
        human_quat_wxyz_w=np.stack(quat, axis=1),
        target_pos_w=traced.pos_w,
        target_rot_w=traced.rot_w,
    )


@pytest.fixture(scope="module")
def clip(robot):
    return bench_clip(robot, squat(robot))


def saved(clip, path, **changes):
    arrays = {
        "fps": clip.fps,
        "human_height": clip.human_height,
        "human_body_names": np.array(clip.human_names),
        "human_pos_w": clip.human_pos_w.astype(np.float32),
        "human_quat_wxyz": clip.human_quat_wxyz_w.astype(np.float32),
        "stance": clip.stance,
        "gmr_qpos": clip.gmr_qpos,
        "gmr_target_body_names": np.array(clip.target_human),
        "gmr_robot_body_names": np.array(clip.target_robot),
        "gmr_weight_pos": clip.weight_pos,
        "gmr_weight_rot": clip.weight_rot,
        "gmr_target_pos_w": clip.target_pos_w.astype(np.float32),
        "gmr_target_rot": clip.target_rot_w.astype(np.float32),
    }
    arrays.update(changes)
    np.savez(path, **{key: value for key, value in arrays.items() if value is not None})
    return path


def test_clip_survives_its_file(clip, tmp_path):
    """Held-back clips come as files: any name, any number of them."""
    saved(clip, tmp_path / "any name.npz")
    (read,) = load_clips(tmp_path)
    assert read.name == "any name"
    assert np.abs(read.human_pos_w - clip.human_pos_w).max() < 1e-6
    assert np.abs(read.target_rot_w @ read.target_rot_w.transpose(0, 1, 3, 2) - np.eye(3)).max() < 1e-14


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"stance": None}, "lacks stance"),
        ({"stance": np.ones((24, 2))}, "stance is not true or false"),
        ({"human_pos_w": np.full((24, 5, 3), np.nan)}, "human_pos_w holds something that is no finite number"),
        ({"gmr_qpos": np.zeros((23, 36))}, r"gmr_qpos has the shape \(23, 36\)"),
        ({"fps": 0.0}, "has no positive fps"),
        ({"human_body_names": np.array(["pelvis", "a", "b", "c", "d"])}, "name bodies that the human lacks"),
    ],
)
def test_damaged_file_is_refused_in_a_sentence(clip, tmp_path, changes, sentence):
    """Figures on half a clip would look like figures."""
    with pytest.raises(InvalidBenchFile, match=sentence):
        load_clip(saved(clip, tmp_path / "clip.npz", **changes))


def test_missing_or_alien_clips_are_refused_in_a_sentence(clip, robot, tmp_path):
    """The data is not part of the project."""
    with pytest.raises(NoBenchClips, match="--clips"):
        load_clips(tmp_path / "nowhere")
    (tmp_path / "text.npz").write_text("not a zip")
    with pytest.raises(InvalidBenchFile, match="cannot be read"):
        load_clip(tmp_path / "text.npz")
    with pytest.raises(NotOurRobot, match="third_arm"):
        task_points(replace(clip, target_robot=("third_arm", *ROBOT[1:])), robot)


def test_perfect_motion_scores_nothing_but_its_own_speed(clip, robot):
    """Whoever meets all targets and stands still on the floor has no error of any kind."""
    score = score_motions(robot, [clip, clip], [clip.gmr_qpos] * 2)[0].values()
    for name in ("cost", "pos_mm", "ori_deg", "skate_mean_cms", "drift_mm", "penetration_max_mm", "float_mm"):
        assert score[name] == pytest.approx(0.0, abs=1e-5), name
    for name in ("limit_violations", "speed_violations", "jumps", "self_collision_pct"):
        assert score[name] == 0.0
    assert score["jerk_rms"] > 0


def test_figures_do_not_depend_on_heading(clip, robot):
    """A clip in a turned world, and the motion turned with it, is the same clip."""
    turned = clip.turned(1.1)
    off = clip.gmr_qpos + 0.01 * np.sin(np.arange(clip.gmr_qpos.size)).reshape(clip.gmr_qpos.shape)
    off[:, 3:7] /= np.linalg.norm(off[:, 3:7], axis=1, keepdims=True)
    motion = replace(clip, gmr_qpos=off).turned(1.1).gmr_qpos
    straight, other = (
        score_motions(robot, [clip], [off])[0].values(),
        score_motions(robot, [turned], [motion])[0].values(),
    )
    assert straight["cost"] > 1.0
    for name, value in straight.items():
        assert other[name] == pytest.approx(value, rel=1e-6, abs=1e-6, nan_ok=True), name


def test_cost_is_the_weighted_sum_of_squares(clip, robot):
    """The unit all rows share: a pelvis 1 cm off costs (100 * 0.01)^2, and so does everything that hangs on it."""
    shifted = clip.gmr_qpos + np.r_[0.01, np.zeros(35)]
    traced = trace(robot, task_points(clip, robot), shifted)
    expected = (clip.weight_pos**2).sum() * 0.01**2
    assert frame_costs(clip, traced) == pytest.approx(expected, rel=1e-9)


def test_sliding_feet_skate_at_their_speed(clip, robot):
    """Speed counts where both ends of a step are in stance, drift from the first frame of the stance."""
    slid = clip.gmr_qpos.copy()
    slid[:, 0] += 0.003 * np.arange(len(slid))
    stance = clip.stance.copy()
    stance[:10] = False
    score = stance_score(trace(robot, [], slid), stance, clip.fps)
    assert score.skate_mean_cms == pytest.approx(100 * 0.003 * 30, rel=1e-6)
    assert score.skate_p95_cms == pytest.approx(score.skate_mean_cms, rel=1e-4)
    assert score.drift_mm == pytest.approx(3.0 * (len(slid) - 11), rel=1e-6)


@pytest.mark.parametrize(("height", "penetration", "floating"), [(0.004, 0.0, 4.0), (-0.004, 4.0, 0.0)])
def test_height_of_the_sole_is_penetration_or_floating(clip, robot, height, penetration, floating):
    """Never both."""
    moved = clip.gmr_qpos + np.r_[0, 0, height, np.zeros(33)]
    score = stance_score(trace(robot, [], moved), clip.stance, clip.fps)
    assert score.penetration_max_mm == pytest.approx(penetration, abs=1e-6)
    assert score.float_mm == pytest.approx(floating, abs=1e-6)


def test_limits_are_compared_exactly(robot):
    """On the limit is inside; one bit more is a violation."""
    still = np.tile((robot.joint_lower + robot.joint_upper) / 2, (3, 1))
    still[:, 0] = robot.joint_upper[0]
    assert joint_score(still, 30.0, robot).limit_violations == 0
    still[1, 0] = np.nextafter(robot.joint_upper[0], np.inf)
    assert joint_score(still, 30.0, robot).limit_violations == 1
    fast = np.zeros((2, len(robot.joint_names)))
    fast[1, 3] = 1.01 * robot.velocity_limit[3] / 30.0
    score = joint_score(fast, 30.0, robot)
    assert (score.speed_violations, score.jumps) == (1, 1)
    assert score.speed_x_limit == pytest.approx(1.01)


def test_calibration_takes_off_what_is_constant_on_the_other_clips(clip, robot):
    """An offset in the frame of the target is no tracking error; what changes from clip to clip is."""
    offset = np.array([0.0, 0.0, 0.05])
    moved = replace(clip, target_pos_w=clip.target_pos_w - clip.target_rot_w @ offset)
    scores = score_motions(robot, [moved, moved, moved], [clip.gmr_qpos] * 3)
    assert scores[0].tracking.pos_mm == pytest.approx(50.0, rel=1e-6)
    assert scores[0].tracking.pos_calibrated_mm == pytest.approx(0.0, abs=1e-6)
    mixed = score_motions(robot, [moved, clip], [clip.gmr_qpos] * 2)
    assert mixed[0].tracking.pos_calibrated_mm == pytest.approx(50.0, rel=1e-6)
    alone = score_motions(robot, [moved], [clip.gmr_qpos])
    assert np.isnan(alone[0].tracking.pos_calibrated_mm)
    traced = trace(robot, task_points(clip, robot), clip.gmr_qpos)
    assert constant_offsets([moved], [traced]) == pytest.approx(np.tile(offset, (5, 1)), abs=1e-9)


def test_means_weigh_frames_and_violations_add_up(clip, robot):
    """Long clips count more, but a fault is a fault."""
    (score,) = score_motions(robot, [clip], [clip.gmr_qpos])
    faulty = replace(
        score, frames=72, joints=replace(score.joints, limit_violations=2.0, jerk_rms=score.joints.jerk_rms + 4.0)
    )
    mean = mean_score([score, faulty, score])
    assert isinstance(score, Score)
    assert mean["limit_violations"] == 2.0
    assert mean["jerk_rms"] == pytest.approx(score.joints.jerk_rms + 4.0 * 72 / 120)
    assert mean["pos_calibrated_mm"] != mean["pos_calibrated_mm"]


def test_runs_are_the_spans_of_a_flag():
    """At both ends of a clip too."""
    assert true_runs(np.array([1, 1, 0, 1, 0, 0, 1], dtype=bool)) == [(0, 2), (3, 4), (6, 7)]
    assert true_runs(np.zeros(3, dtype=bool)) == []


def test_rule_of_gmr_is_solved_from_the_clip(clip):
    """Scales, turns and offsets come back, one frame gives what all frames give."""
    rule = target_rule(clip)
    assert rule.root_scale == pytest.approx(0.83)
    assert rule.scale[1:] == pytest.approx(SCALE[1:], rel=1e-6)
    pos, rot = all_targets(rule, clip)
    assert np.abs(pos - clip.target_pos_w).max() < 1e-9
    frame = frame_targets(rule, clip.human_pos_w[7], clip.human_quat_wxyz_w[7])
    assert np.array([t.translation() for t in frame]) == pytest.approx(pos[7], abs=1e-12)
    assert np.array([t.rotation().as_matrix() for t in frame]) == pytest.approx(rot[7], abs=1e-9)


def test_other_rules_are_no_peers(clip):
    """A peer that is given other targets than the stored run would be no peer of it."""
    bent = clip.target_pos_w + 0.01 * np.sin(np.arange(len(clip)))[:, None, None] * [0, 0, 1]
    bent[:, 0] = clip.target_pos_w[:, 0]
    with pytest.raises(NotGmrTargets, match="peers cannot be run"):
        target_rule(replace(clip, target_pos_w=bent))


def test_sites_of_the_peers_lie_where_targets_are_scored(clip, robot):
    """Peers and metrics must mean the same points."""
    import mujoco

    model = with_target_sites(robot, task_points(clip, robot))
    data = mujoco.MjData(model)
    data.qpos[:] = clip.gmr_qpos[5]
    mujoco.mj_kinematics(model, data)
    assert data.site_xpos == pytest.approx(clip.target_pos_w[5], abs=1e-12)


@pytest.mark.parametrize("peer", [GmrPeer, TwoQpPeer, FastPeer])
def test_peers_follow_their_targets(clip, robot, peer):
    """They may be slow, but they must be right: after a second both are near what they follow."""
    long = bench_clip(robot, np.concatenate([clip.gmr_qpos] * 2))
    solver = peer(long, robot)
    traced = trace(robot, task_points(long, robot), solver.solve(long))
    assert np.linalg.norm(traced.pos_w - long.target_pos_w, axis=-1)[-10:].max() < 0.015
    assert solver.qps <= 20 * len(long)


def test_starts_are_drawn_from_all_clips_and_all_headings(clip, robot):
    """A start that is worse than warm is counted, others are not; the draw is the same each time."""
    clips = [clip, bench_clip(robot, squat(robot, 40), "longer")]
    starts = draw_starts(clips, number=40)
    assert starts == draw_starts(clips, number=40)
    assert {start.clip for start in starts} == {0, 1}
    assert all(start.frame + FRAMES <= len(clips[start.clip]) for start in starts)
    assert np.ptp([start.heading for start in starts]) > np.pi
    off = [c.gmr_qpos + np.r_[0.01, np.zeros(35)] for c in clips]
    warm = warm_costs(robot, clips, [off])

    def shifted(_, part, by=0.012):
        return part.gmr_qpos + np.r_[by, np.zeros(35)]

    assert cold_starts(robot, clips, starts, shifted, warm).bad_pct == 0.0
    far = cold_starts(robot, clips, starts, lambda i, part: shifted(i, part, 0.02), warm)
    assert (far.bad_pct, far.unrecovered_pct) == (100.0, 100.0)
    assert far.worst_ratio == pytest.approx(4.0, rel=1e-6)


def test_ratio_is_that_of_the_work():
    """By turns and by medians: twice the work is about half as fast."""

    def work(n):
        return lambda: sum(i * i for i in range(n))

    seconds = cpu_seconds({"ours": [work(40_000)] * 2, "theirs": [work(160_000)] * 2}, repetitions=7)
    assert 2.5 < times_faster(seconds["ours"], seconds["theirs"]) < 6.0
    assert frames_per_second(seconds["ours"], [10, 10]) > frames_per_second(seconds["theirs"], [10, 10])


def test_the_fast_peer_does_what_the_two_qp_peer_does(robot, clip):
    """Building a frame's targets at once is a matter of speed, and of nothing else."""
    part = clip.part(0, 12)
    np.testing.assert_allclose(FastPeer(clip, robot).solve(part), TwoQpPeer(clip, robot).solve(part), atol=1e-9)
