"""Laws of the online mode, on a walker made of formulas and the real G1."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from retarget.body_trajectory import BodyTrajectory
from retarget.correspondence import load_correspondence
from retarget.exceptions import ImplausibleLegLength, ImplausibleSpeed, NotZUp, SubjectOfAnotherTable
from retarget.online import OnlineConfig, OnlineFrame, OnlineRetargeter
from retarget.subject import subject_from_motion, subject_from_rest_pose
from robots.exceptions import InvalidArray, UnknownName
from robots.g1 import load_g1
from robots.kinematics import link_poses
from robots.motion import RobotMotion


@pytest.fixture(scope="module")
def stream(robot, walker):
    """The walk, its true stances, the subject and what became of it."""
    motion, stance = walker.walk()
    trajectory = motion.body_trajectory()
    subject = subject_from_motion(trajectory, load_correspondence("smpl_to_g1"))
    retargeter = OnlineRetargeter(robot, subject, fps=trajectory.fps)
    return SimpleNamespace(
        motion=motion,
        trajectory=trajectory,
        stance=stance,
        subject=subject,
        retargeter=retargeter,
        result=retargeter.run(trajectory),
    )


def changed(trajectory: BodyTrajectory, **fields) -> BodyTrajectory:
    """Return a trajectory with other poses."""
    kept = {"fps": trajectory.fps, "names": trajectory.names}
    return BodyTrajectory(**{**kept, "pos_w": trajectory.pos_w, "quat_wxyz_w": trajectory.quat_wxyz_w, **fields})


def steps(retargeter: OnlineRetargeter, trajectory: BodyTrajectory) -> list[OnlineFrame]:
    """Hand a clip over frame by frame."""
    retargeter.reset()
    return [retargeter.step(p, q) for p, q in zip(trajectory.pos_w, trajectory.quat_wxyz_w, strict=True)]


def feet(robot, qpos: np.ndarray) -> np.ndarray:
    """Soles' points of both feet in the world, (frames, feet, points, 3)."""
    pos, quat = link_poses(robot, qpos)
    index = [robot.body_names.index(name) for name in robot.foot_body_names]
    rot = Rotation.from_quat(quat[:, index].reshape(-1, 4), scalar_first=True).as_matrix().reshape(-1, 2, 3, 3)
    return pos[:, index, None] + np.einsum("fsij,pj->fspi", rot, robot.sole_points_b)


def shaken(trajectory: BodyTrajectory, size: float, seed: int) -> BodyTrajectory:
    """Return a trajectory with noise on every body, as an estimator's [m, rad]."""
    rng = np.random.default_rng(seed)
    turn = Rotation.from_rotvec(size * rng.standard_normal((trajectory.quat_wxyz_w[..., 0].size, 3)))
    quat = turn * Rotation.from_quat(trajectory.quat_wxyz_w.reshape(-1, 4), scalar_first=True)
    return changed(
        trajectory,
        pos_w=trajectory.pos_w + size * rng.standard_normal(trajectory.pos_w.shape),
        quat_wxyz_w=quat.as_quat(scalar_first=True).reshape(trajectory.quat_wxyz_w.shape),
    )


def test_a_clip_and_a_stream_give_the_same_bits(stream):
    """Both run through one kernel; a user may test on clips what will run live."""
    frames = steps(stream.retargeter, stream.trajectory)
    motion = RobotMotion.from_qpos(  # renormalises
        np.array([frame.qpos for frame in frames]),
        fps=30.0,
        joint_names=stream.retargeter.robot.joint_names,
        foot_contact=np.array([frame.standing for frame in frames], dtype=float),
    )
    assert np.array_equal(motion.qpos, stream.result.motion.qpos)
    assert np.array_equal(motion.foot_contact, stream.result.motion.foot_contact)
    for name in ("contact_prob", "let_go", "pos_residual_m", "rot_residual_rad"):
        assert np.array_equal([getattr(frame, name) for frame in frames], getattr(stream.result, name))


def test_running_again_gives_the_same_bits(stream):
    """Nothing is left over from the stream before."""
    again = stream.retargeter.run(stream.trajectory)
    assert np.array_equal(again.motion.qpos, stream.result.motion.qpos)


def test_the_future_changes_nothing(stream):
    """What has been sent to a robot cannot be taken back."""
    pos = np.array(stream.trajectory.pos_w)
    pos[60:] += [0.1, -0.2, 0.3]
    one = stream.retargeter.run(changed(stream.trajectory)).motion
    other = stream.retargeter.run(changed(stream.trajectory, pos_w=pos)).motion
    assert np.array_equal(other.qpos[:60], one.qpos[:60])
    assert not np.array_equal(other.joint_pos[60], one.joint_pos[60])


@pytest.mark.parametrize("tier", ["soft", "hard"])
def test_limits_are_kept_to_the_last_bit(stream, robot, tier):
    """A joint beyond its stop or faster than its motor is no answer, whatever the estimator dreams."""
    wild = shaken(stream.trajectory, 0.3, seed=1)
    retargeter = OnlineRetargeter(robot, stream.subject, fps=30.0, config=OnlineConfig(speed_tier=tier))
    joints = np.array([frame.qpos[7:] for frame in steps(retargeter, wild)])
    speed = np.abs(np.diff(joints, axis=0)) * 30.0
    limit = robot.velocity_limit_soft if tier == "soft" else robot.velocity_limit
    assert (joints >= robot.joint_lower).all()
    assert (joints <= robot.joint_upper).all()
    assert (speed <= limit).all()
    assert (speed > 0.999 * limit).any()  # else this would say nothing


def test_feet_of_a_standing_human_stay_where_they_are(stream, robot):
    """An estimator's noise is not a step: 5 mm and 0.3 deg on every body must not move the robot's feet by 1 mm."""
    still = changed(
        stream.trajectory,
        pos_w=np.repeat(stream.trajectory.pos_w[:1], 100, axis=0),
        quat_wxyz_w=np.repeat(stream.trajectory.quat_wxyz_w[:1], 100, axis=0),
    )
    standing = shaken(still, 0.005, seed=2)
    prob = np.repeat(stream.stance[:1].astype(float), 100, axis=0)
    stream.retargeter.reset()
    frames = [
        stream.retargeter.step(p, q, c) for p, q, c in zip(standing.pos_w, standing.quat_wxyz_w, prob, strict=True)
    ]
    soles = feet(robot, np.array([frame.qpos for frame in frames]))[10:, stream.stance[0]]
    assert stream.stance[0].any()
    drift = np.linalg.norm((soles - soles[:1])[..., :2], axis=-1)
    assert drift.max() < 1e-3


def test_feet_stand_still_while_the_human_walks(stream, robot):
    """Half a centimetre a second is what eyes take for standing."""
    soles = feet(robot, stream.result.motion.qpos)
    standing = stream.result.motion.foot_contact.astype(bool)
    held = standing[3:] & standing[2:-1] & standing[1:-2] & standing[:-3]  # the price of an anchor has risen
    ankle = soles.mean(axis=2)
    speed = np.linalg.norm(np.diff(ankle, axis=0)[2:], axis=-1) * stream.trajectory.fps
    assert held.mean() > 0.3
    assert speed[held].mean() < 0.005
    assert -soles[..., 2].min() < 2e-3


def test_nothing_jumps_where_feet_touch_down_and_lift_off(stream):
    """An anchor begins where the foot is and its shift fades, so holding feet makes no sudden moves of its own."""
    pos, quat = stream.trajectory.pos_w, stream.trajectory.quat_wxyz_w
    stream.retargeter.reset()
    free = np.array([stream.retargeter.step(p, q, np.zeros(2)).qpos for p, q in zip(pos, quat, strict=True)])
    sudden = [np.abs(np.diff(joints, 2, axis=0)).max() for joints in (stream.result.motion.joint_pos, free[:, 7:])]
    assert stream.result.motion.foot_contact.any(axis=0).all()
    assert sudden[0] < 1.5 * sudden[1]


def test_turning_the_world_about_z_turns_the_answer(stream, walker):
    """North is a convention."""
    turn = Rotation.from_euler("z", 2.0)
    turned = stream.retargeter.run(walker.transformed(stream.trajectory, turn, np.zeros(3)))
    straight = stream.result.motion
    assert np.abs(turned.motion.joint_pos - straight.joint_pos).max() < 1e-5
    assert np.abs(turned.motion.root_pos_w - straight.root_pos_w @ turn.as_matrix().T).max() < 1e-5


def test_twice_the_frame_rate_gives_the_same_motion(stream, walker, robot):
    """Smoothing, contacts and fades are in seconds, so a faster camera does not change the robot's style."""
    motion, _ = walker.walk(fps=60.0)
    fast = OnlineRetargeter(robot, stream.subject, fps=60.0).run(motion.body_trajectory()).motion
    slow = stream.result.motion
    n = min(len(slow), len(fast) // 2)
    apart = np.abs(fast.joint_pos[: 2 * n : 2] - slow.joint_pos[:n])[5:]
    assert np.sqrt((apart**2).mean()) < 0.03
    assert apart.max() < 0.25


def test_a_frame_that_is_no_number_is_refused_and_forgotten(stream):
    """One bad frame must not end a live stream, nor stay in its memory."""
    pos, quat = stream.trajectory.pos_w, stream.trajectory.quat_wxyz_w
    answers = []
    for spoilt in (False, True):
        stream.retargeter.reset()
        for i in range(20):
            stream.retargeter.step(pos[i], quat[i])
        if spoilt:
            bad = pos[20].copy()
            bad[3, 1] = np.nan
            with pytest.raises(InvalidArray, match=r"pos_w: holds NaN or infinity.*frames_missed"):
                stream.retargeter.step(bad, quat[20])
            with pytest.raises(InvalidArray, match="quat_wxyz_w: is not made of unit quaternions"):
                stream.retargeter.step(pos[20], 1.1 * quat[20])
            with pytest.raises(InvalidArray, match="pos_w: has shape"):
                stream.retargeter.step(pos[20, 1:], quat[20])
            with pytest.raises(InvalidArray, match="contact_prob: holds a probability outside"):
                stream.retargeter.step(pos[20], quat[20], np.array([0.5, 1.5]))
        answers.append(stream.retargeter.step(pos[21], quat[21], frames_missed=1).qpos)
    assert np.array_equal(*answers)


def test_missed_frames_give_joints_more_time(stream, robot):
    """Two frames lost are three frames of time: speeds are kept over what has really passed."""
    pos, quat = stream.trajectory.pos_w, stream.trajectory.quat_wxyz_w
    wild = shaken(changed(stream.trajectory, pos_w=pos[:1], quat_wxyz_w=quat[:1]), 0.6, seed=3)
    moved = []
    for missed in (0, 2):
        stream.retargeter.reset()
        before = stream.retargeter.step(pos[0], quat[0]).qpos
        after = stream.retargeter.step(wild.pos_w[0], wild.quat_wxyz_w[0], frames_missed=missed).qpos
        moved.append(np.abs(after - before)[7:] * 30.0 / robot.velocity_limit_soft)
    assert moved[0].max() <= 1.0
    assert 1.0 < moved[1].max() <= 3.0
    with pytest.raises(InvalidArray, match="frames_missed: must not be negative"):
        stream.retargeter.step(pos[0], quat[0], frames_missed=-1)


def test_an_anchor_that_the_human_leaves_is_let_go_and_reported(stream, robot):
    """A foot that slides while an estimator calls it standing must not tear the robot down."""
    n = 90
    pos = np.repeat(stream.trajectory.pos_w[:1], n, axis=0)
    pos[:, :, 0] += np.linspace(0.0, 0.6, n)[:, None]  # everything glides along at 0.2 m/s
    gliding = changed(stream.trajectory, pos_w=pos, quat_wxyz_w=np.repeat(stream.trajectory.quat_wxyz_w[:1], n, axis=0))
    stream.retargeter.reset()
    frames = [stream.retargeter.step(p, q, np.ones(2)) for p, q in zip(gliding.pos_w, gliding.quat_wxyz_w, strict=True)]
    assert sum(frame.let_go.any() for frame in frames) >= 2
    assert not any(frame.let_go.any() for frame in frames[:8])
    qpos = np.array([frame.qpos for frame in frames])
    assert 0.3 < np.ptp(feet(robot, qpos)[:, 0, 0, 0]) < 0.6
    assert np.abs(np.diff(qpos[:, 7:], axis=0)).max() < 0.35


def test_a_lost_world_is_found_again_after_reset(stream):
    """After a cut the next frame is a first frame."""
    pos, quat = stream.trajectory.pos_w, stream.trajectory.quat_wxyz_w
    stream.retargeter.reset()
    first = stream.retargeter.step(pos[40], quat[40]).qpos
    stream.retargeter.step(pos[80], quat[80])
    stream.retargeter.reset()
    assert np.array_equal(stream.retargeter.step(pos[40], quat[40]).qpos, first)


def test_an_answer_is_the_callers(stream):
    """The next frame does not overwrite the last one's answer."""
    pos, quat = stream.trajectory.pos_w, stream.trajectory.quat_wxyz_w
    stream.retargeter.reset()
    first = stream.retargeter.step(pos[0], quat[0])
    kept = first.qpos.copy()
    stream.retargeter.step(pos[1], quat[1])
    assert np.array_equal(first.qpos, kept)


def test_rest_pose_and_motion_tell_of_the_same_subject(stream):
    """A subject may be measured from its body or in its first second."""
    table = load_correspondence("smpl_to_g1")
    from_body = subject_from_rest_pose(
        stream.trajectory.names,
        stream.motion.rest_joint_pos,
        table,
        ankle_height=stream.subject.ankle_height,
    )
    np.testing.assert_allclose(from_body.bones.bone_length, stream.subject.bones.bone_length, atol=1e-6)
    np.testing.assert_allclose(from_body.bones.rest_pos, stream.subject.bones.rest_pos, atol=1e-6)


def test_a_floor_that_is_learned_is_the_floor(stream, robot):
    """An estimator whose floor lies at another height changes nothing once the feet have told."""
    raised = changed(stream.trajectory, pos_w=stream.trajectory.pos_w + np.array([0.0, 0.0, 0.35]))
    learning = OnlineRetargeter(robot, stream.subject, fps=30.0, config=OnlineConfig(floor=None))
    apart = learning.run(raised).motion.root_pos_w - stream.result.motion.root_pos_w
    assert np.abs(apart[15:, 2]).max() < 0.02


def test_a_clip_of_another_rate_or_other_bodies_is_refused(stream):
    """A stream's speeds would be wrong, or a body missing."""
    other = BodyTrajectory(
        fps=25.0,
        names=stream.trajectory.names,
        pos_w=stream.trajectory.pos_w,
        quat_wxyz_w=stream.trajectory.quat_wxyz_w,
    )
    with pytest.raises(InvalidArray, match=r"fps: is 25\.0, but the stream was said to have 30\.0"):
        stream.retargeter.run(other)
    fewer = BodyTrajectory(
        fps=30.0,
        names=stream.trajectory.names[:-1],
        pos_w=stream.trajectory.pos_w[:, :-1],
        quat_wxyz_w=stream.trajectory.quat_wxyz_w[:, :-1],
    )
    with pytest.raises(UnknownName, match="unknown human body"):
        stream.retargeter.run(fewer)


def test_a_robot_without_wrists_is_led_by_a_subject_measured_for_it(stream):
    """Its hands follow another point of the human's: bones that end in the wrist would make its arms too long."""
    welded = load_g1("23dof")
    with pytest.raises(SubjectOfAnotherTable, match=r"'smpl_to_g1' as g1_23dof takes it.*on_robot"):
        OnlineRetargeter(welded, stream.subject, fps=30.0)
    table = load_correspondence("smpl_to_g1").on_robot(welded.body_names)
    subject = subject_from_motion(stream.trajectory, table)
    result = OnlineRetargeter(welded, subject, fps=30.0).run(stream.trajectory)
    assert result.motion.joint_names == welded.joint_names
    wrists = [table.index(f"{side}_wrist") for side in ("left", "right")]
    assert result.pos_residual_m[15:, wrists].mean() < stream.result.pos_residual_m[15:, wrists].mean() + 0.01


def going_on(retargeter: OnlineRetargeter, trajectory: BodyTrajectory, start: int, missed: int = 0) -> np.ndarray:
    """Residuals of the points [m] in the frames after something happened."""
    frames = []
    for i in range(start, start + 12):
        frame = retargeter.step(trajectory.pos_w[i], trajectory.quat_wxyz_w[i], frames_missed=missed)
        frames.append(frame.pos_residual_m)
        missed = 0
    return np.array(frames)


@pytest.mark.parametrize("missed", [15, 90, 1000])
@pytest.mark.parametrize("heading", [0.0, 2.5])
def test_a_gap_of_any_length_is_survived(stream, walker, missed, heading):
    """The velocity before a gap says nothing about its end: carried over seconds, it would tumble the robot."""
    turn = Rotation.from_euler("z", heading)
    far = walker.transformed(stream.trajectory, turn, np.array([3.0, -2.0, 0.0]))
    steps(stream.retargeter, changed(far, pos_w=far.pos_w[:41], quat_wxyz_w=far.quat_wxyz_w[:41]))
    undisturbed = going_on(stream.retargeter, far, 41)
    steps(
        stream.retargeter,
        changed(stream.trajectory, pos_w=stream.trajectory.pos_w[:30], quat_wxyz_w=stream.trajectory.quat_wxyz_w[:30]),
    )
    after = going_on(stream.retargeter, far, 41, missed)
    assert np.abs(after[-1] - undisturbed[-1]).max() < 0.02


@pytest.mark.parametrize("axis", ["z", "x", "y"])
@pytest.mark.parametrize("back_after", [1, 12])
def test_half_a_turn_in_one_frame_is_followed_and_taken_back(stream, walker, axis, back_after):
    """An estimator may take a front for a back. From exactly behind, no small turn of the base is any better."""
    above = np.array([0.0, 0.0, 0.0 if axis == "z" else 2.0])
    flipped = walker.transformed(stream.trajectory, Rotation.from_euler(axis, np.pi), above)
    undisturbed = stream.result.pos_residual_m
    steps(
        stream.retargeter,
        changed(stream.trajectory, pos_w=stream.trajectory.pos_w[:30], quat_wxyz_w=stream.trajectory.quat_wxyz_w[:30]),
    )
    there = np.array(
        [
            stream.retargeter.step(flipped.pos_w[i], flipped.quat_wxyz_w[i]).rot_residual_rad[0]
            for i in range(30, 30 + back_after)
        ]
    )
    assert there.max() < 1.0
    back = going_on(stream.retargeter, stream.trajectory, 30 + back_after)
    assert np.abs(back[-1] - undisturbed[41 + back_after]).max() < 0.02


def test_a_human_of_another_unit_axis_or_rate_is_refused(stream, walker, robot):
    """The same mistakes as in the clip mode, and as quietly made."""
    table, t = load_correspondence("smpl_to_g1"), stream.trajectory
    for factor in (0.28, 1000.0):
        with pytest.raises(ImplausibleLegLength):
            subject_from_motion(changed(t, pos_w=factor * t.pos_w), table)
        with pytest.raises(ImplausibleLegLength):
            subject_from_rest_pose(t.names, factor * stream.motion.rest_joint_pos, table, ankle_height=0.08)
    lying = walker.transformed(t, Rotation.from_euler("x", -np.pi / 2), np.zeros(3))
    with pytest.raises(NotZUp):
        subject_from_motion(lying, table)
    assert subject_from_motion(lying, table, floor=None, check_up_axis=False).names == t.names
    fast = changed(t, fps=1000.0)
    with pytest.raises(ImplausibleSpeed):
        subject_from_motion(fast, table)
    with pytest.raises(ImplausibleSpeed):
        OnlineRetargeter(robot, stream.subject, fps=1000.0).run(fast)


def test_a_foot_that_stands_on_no_floor_is_refused(stream, robot):
    """A floor of another height would hang the robot in the air, or bury it; a learned one takes any height."""
    table, t = load_correspondence("smpl_to_g1"), stream.trajectory
    raised = changed(t, pos_w=t.pos_w + np.array([0.0, 0.0, 1.0]))
    with pytest.raises(InvalidArray, match=r"ankle_height: is 1\.\d* m, but .* height of the floor"):
        subject_from_motion(raised, table)
    np.testing.assert_allclose(
        subject_from_motion(raised, table, floor=1.0).ankle_height, stream.subject.ankle_height, atol=1e-12
    )
    subject = subject_from_motion(raised, table, floor=None)
    with pytest.raises(InvalidArray, match="ankle_height"):
        OnlineRetargeter(robot, subject, fps=30.0)
    learning = OnlineRetargeter(robot, subject, fps=30.0, config=OnlineConfig(floor=None)).run(raised)
    assert np.abs(learning.motion.root_pos_w - stream.result.motion.root_pos_w)[15:, 2].max() < 0.02


def test_a_step_after_a_clip_goes_on_from_its_end(stream):
    """A clip may warm a stream up."""
    t = stream.trajectory
    stream.retargeter.run(changed(t, pos_w=t.pos_w[:50], quat_wxyz_w=t.quat_wxyz_w[:50]))
    frame = stream.retargeter.step(t.pos_w[50], t.quat_wxyz_w[50])
    np.testing.assert_allclose(frame.pos_residual_m, stream.result.pos_residual_m[50], atol=1e-9)
