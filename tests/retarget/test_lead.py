"""Leads are the way from the standing pose into a motion: at rest, on locked feet, without a jerk at the seam."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from retarget.lead import LeadConfig, with_leads
from retarget.lead.check import lead_figures
from retarget.lead.curves import bump, ends_of, rest_to_rest, running_up
from retarget.lead.standing_robot import FootPoses, Posture, Raised, StandingRobot, to_mujoco, to_pin
from robots.exceptions import InvalidArray, JointsDoNotMatch
from robots.g1 import load_g1
from robots.kinematics import qpos_in_order
from robots.motion import RobotMotion

FPS = 30.0


@pytest.fixture(scope="module")
def standing():
    return StandingRobot(load_g1("29dof"))


def swaying(standing, *, frames=40, apart=0.0, forward=0.0, turned=0.0, raised=0.0, sway=0.02, fps=FPS):
    """A robot that sways and waves, its left foot put elsewhere than in the standing pose, or raised.

    It is not at rest in its first frame: weight, base and arms are in the middle of their swing.
    """
    feet, time = standing.default_feet, np.arange(frames) / fps
    rot, pos = feet.rot.copy(), feet.pos.copy()
    rot[0] = Rotation.from_euler("z", turned).as_matrix() @ rot[0]
    pos[0] += [forward, apart, raised]
    middle = pos[1, :2] + np.array([0.035, 0.01]) if raised else pos[:, :2].mean(axis=0) + np.array([0.035, 0.0])
    q = np.tile(standing.default_q, (frames, 1))
    q[:, 2] -= 0.05 + 0.01 * np.sin(2 * time)
    q[:, 3:7] = Rotation.from_rotvec(np.outer(np.sin(2 * time), [0.02, 0.05, 0.03])).as_quat()
    arms = [i for i, name in enumerate(standing.robot.joint_names) if "shoulder_pitch" in name or "elbow" in name]
    q[:, 7 + np.array(arms)] -= 0.4 + 0.2 * np.sin(3 * time)[:, None]
    near = standing.default_q
    for t in range(frames):
        near = np.concatenate([near[:2], q[t, 2:7], near[7:]])
        near[7 + standing.upper] = q[t, 7 + standing.upper]
        weight = middle + sway * np.sin(3 * time[t]) * np.array([0.5, 1.0])
        near = standing.solve(near, weight, FootPoses(rot, pos), raised=Raised(0, np.zeros(3)) if raised else None)
        assert near is not None
        q[t] = near
    return RobotMotion.from_qpos(
        to_mujoco(q),
        fps=fps,
        joint_names=standing.robot.joint_names,
        foot_contact=np.tile([0.0 if raised else 1.0, 1.0], (frames, 1)),
    )


STANCES = {
    "wide": {"apart": 0.12, "turned": 0.4},
    "a step ahead": {"forward": 0.2},
    "in place": {},
    "on one foot": {"raised": 0.15, "sway": 0.005},
}


def standing_straight(standing, *, knee=-0.06, frames=30):
    """A robot that stands up straight, its knees bent backwards a little, as retargeted people do."""
    q = np.tile(standing.default_q, (frames, 1))
    for leg in standing.legs:
        q[:, 7 + leg[3]] = knee
        q[:, 7 + leg[0]], q[:, 7 + leg[4]] = -0.5 * knee, -0.5 * knee
    feet = standing.feet(q[0])
    q[:, 2] -= (feet.pos[:, 2] + (standing.robot.sole_points_b @ feet.rot.transpose(0, 2, 1))[..., 2].min(axis=1)).min()
    return RobotMotion.from_qpos(
        to_mujoco(q), fps=FPS, joint_names=standing.robot.joint_names, foot_contact=np.ones((frames, 2))
    )


def with_a_hovering_foot(standing, *, height=0.012):
    """A robot at rest between its feet, one of which hovers and is said to be off the floor."""
    motion = swaying(standing, sway=0.0)
    q = to_pin(motion.qpos)
    feet = standing.default_feet
    pos = feet.pos.copy()
    pos[0, 2] += height
    for t in range(len(q)):
        q[t] = standing.solve(q[t], standing.com(q[t])[:2], FootPoses(feet.rot, pos))
    contact = np.tile([0.0, 1.0], (len(q), 1))
    return RobotMotion.from_qpos(to_mujoco(q), fps=FPS, joint_names=motion.joint_names, foot_contact=contact)


def with_heels_up(standing, *, pitch=0.25):
    """A robot that sways with the sole of one foot pitched, resting on its toes."""
    motion = swaying(standing)
    q = to_pin(motion.qpos)
    feet = standing.default_feet
    tip = standing.robot.sole_points_b[standing.robot.sole_points_b[:, 0].argmax()]
    rot, pos = feet.rot.copy(), feet.pos.copy()
    rot[0] = rot[0] @ Rotation.from_euler("y", pitch).as_matrix()
    pos[0] += feet.rot[0] @ tip - rot[0] @ tip
    for t in range(len(q)):
        q[t] = standing.solve(q[t], standing.com(q[t])[:2], FootPoses(rot, pos))
    return RobotMotion.from_qpos(
        to_mujoco(q), fps=FPS, joint_names=motion.joint_names, foot_contact=np.ones((len(q), 2))
    )


def standing_at_the_limit(standing):
    """The same with knees bent backwards as far as they go."""
    return standing_straight(standing, knee=float(standing.robot.joint_lower[standing.legs[0][3]]))


MADE = {
    "straight": standing_straight,
    "as straight as it gets": standing_at_the_limit,
    "heels up": with_heels_up,
}


@pytest.fixture(scope="module", params=[*STANCES, *MADE, "23 joints"])
def case(request):
    """A robot, a motion, and the motion with leads."""
    robot = StandingRobot(load_g1("23dof" if request.param == "23 joints" else "29dof"))
    if request.param in MADE:
        motion = MADE[request.param](robot)
    else:
        motion = swaying(robot, **STANCES.get(request.param, STANCES["wide"]))
    led = with_leads(motion, robot.robot)
    assert led.n_lead_in > 0 and led.n_lead_out > 0, led.notes
    return robot, motion, led


@pytest.fixture
def standing_led(case):
    return case[0], case[2]


def ends(led, standing):
    """Lead-in with what follows it, and the lead-out run backwards with what comes before it."""
    q, contact = to_pin(qpos_in_order(standing.robot, led.motion)), led.motion.foot_contact > 0.5
    return [(q, contact, led.n_lead_in), (q[::-1], contact[::-1], led.n_lead_out)]


def test_a_led_motion_begins_and_ends_at_rest_in_the_standing_pose(standing_led):
    """A robot is switched on standing: the first frames are its default pose, and stay so."""
    standing, led = standing_led
    for q, _, _ in ends(led, standing):
        default = standing.default_q
        assert np.abs(q[:5, 7:] - default[7:]).max() < 1e-9
        assert np.abs(q[:5, 2] - standing.robot.default_root_height).max() < 1e-9
        upright = Rotation.from_quat(q[:5, 3:7]).apply([0, 0, 1])
        assert np.abs(upright - [0, 0, 1]).max() < 1e-9
        assert np.abs(np.diff(q[:5], axis=0)).max() < 1e-9


def test_the_motion_itself_is_untouched(case):
    """Leads are put around a motion; what was validated stays as it is."""
    _, motion, led = case
    inside = slice(led.n_lead_in, led.n_lead_in + len(motion))
    assert np.array_equal(led.motion.joint_pos[inside], motion.joint_pos)
    assert np.array_equal(led.motion.root_pos_w[inside], motion.root_pos_w)
    assert np.array_equal(led.motion.foot_contact[inside], motion.foot_contact)
    # A motion normalises its quaternions whenever it is built, which may move the last bit.
    assert np.abs(led.motion.root_quat_wxyz[inside] - motion.root_quat_wxyz).max() < 1e-15
    assert len(led.motion) == led.n_lead_in + len(motion) + led.n_lead_out


def test_feet_that_bear_weight_stand_still_on_the_floor(standing_led):
    """PBHC's padding slides feet at 5 to 38 cm/s and floats by 15 mm; a foot here is locked and on the floor."""
    standing, led = standing_led
    for q, contact, n in ends(led, standing):
        figures = lead_figures(standing, q[: n + 1], contact[: n + 1], FPS)
        assert figures.skate.max() < 0.005
        assert figures.sole_low_m.min() > -0.001
        assert figures.sole_float_m.max() < 0.001


def test_the_weight_stays_over_what_bears_it(standing_led):
    """Steps are slow: the centre of mass is inside the support until the motion's own speed is met."""
    standing, led = standing_led
    for q, contact, n in ends(led, standing):
        quasi_static = n - round(LeadConfig().meet_s * FPS)
        figures = lead_figures(standing, q[: n + 1], contact[: n + 1], FPS)
        assert figures.com_margin_m[:quasi_static].min() > 0.005
        assert figures.zmp_margin_m[1:quasi_static].min() > 0.0


def test_speed_and_acceleration_run_through_the_seam(standing_led):
    """The second difference at the seam is between what it is before and after it: no step of place or speed."""
    standing, led = standing_led
    for q, _, n in ends(led, standing):
        turned = Rotation.from_quat(q[:, 3:7])
        spin = (turned[:-1].inv() * turned[1:]).as_rotvec() * FPS
        speed = np.hstack([np.diff(q[:, :3], axis=0) * FPS, spin, np.diff(q[:, 7:], axis=0) * FPS])
        acceleration = np.abs(np.diff(speed, axis=0) * FPS).max(axis=1)
        # The difference of index i is centred on frame i + 1; the seam lies between frames n - 1 and n.
        around = np.concatenate([acceleration[n - 8 : n - 3], acceleration[n + 1 : n + 6]])
        assert acceleration[n - 2 : n].max() < 1.5 * around.max() + 1.0


def test_joints_keep_their_limits(standing_led):
    """Neither range nor speed is passed on the way."""
    standing, led = standing_led
    robot = standing.robot
    for q, _, n in ends(led, standing):
        assert (q[:n, 7:] >= robot.joint_lower - 1e-6).all() and (q[:n, 7:] <= robot.joint_upper + 1e-6).all()
        assert (np.abs(np.diff(q[: n + 1, 7:], axis=0)) * FPS <= robot.velocity_limit_soft).all()


def test_labels_of_a_lead_are_true_or_false(case):
    """A foot bears weight or is in the air; a trainer is not told to look away."""
    led = case[2]
    lead = np.concatenate([led.motion.foot_contact[: led.n_lead_in], led.motion.foot_contact[-led.n_lead_out :]])
    assert set(np.unique(lead)) <= {0.0, 1.0}
    assert lead.any(axis=1).all()


def test_a_lead_takes_two_to_three_seconds(case):
    """A trainer's episodes are short; what a lead takes is not spent on the motion."""
    led = case[2]
    for frames in (led.n_lead_in, led.n_lead_out):
        assert 1.0 < frames / FPS < 3.3


def test_a_hovering_foot_stands_until_the_motion_lifts_it(standing):
    """Retargeted feet rest some millimetres above the floor, labelled as lifted; the weight still needs both."""
    motion = with_a_hovering_foot(standing)
    led = with_leads(motion, standing.robot)
    assert led.n_lead_in > 0 and led.n_lead_out > 0, led.notes
    for q, contact, n in ends(led, standing):
        figures = lead_figures(standing, q[: n + 1], contact[: n + 1], FPS)
        assert figures.skate.max() < 0.005 and figures.sole_float_m.max() < 0.001
        last = int(np.flatnonzero(contact[:n].all(axis=1))[-1])
        assert n - 1.0 * FPS < last < n - 1 and not contact[last + 1 : n, 0].any()


def test_feet_that_creep_in_the_motion_are_locked_before_it(standing):
    """What the first frames of a motion slide is theirs; a lead does not take it up."""
    motion = swaying(standing, forward=0.1)
    creep = np.outer(np.arange(len(motion)) / FPS, [0.03, 0.02, 0.0])
    led = with_leads(replace(motion, root_pos_w=motion.root_pos_w + creep), standing.robot)
    assert led.n_lead_in > 0, led.notes
    q, contact, n = ends(led, standing)[0]
    assert lead_figures(standing, q[: n + 1], contact[: n + 1], FPS).skate.max() < 0.005


def test_a_posture_that_meets_the_conditions_is_kept_whichever_way_a_knee_bends(standing):
    """Feet and base are the same for a knee bent to either side of straight; only the posture tells them apart."""
    q = to_pin(standing_straight(standing).qpos)[0]
    free = np.full(len(standing.robot.joint_names), np.inf)
    posture = Posture(q, 0.05, 1.0, -free, free)
    near = q.copy()
    near[7 + standing.leg_joints] += 0.05
    found = standing.solve(near, standing.com(q)[:2], standing.feet(q), posture=posture)
    assert found is not None and np.abs(found - q).max() < 1e-6


def test_a_base_gives_way_where_legs_are_too_short(standing):
    """The posture asks for a base that is too high; feet and weight stay, and the base comes down."""
    q = standing.default_q.copy()
    high = q.copy()
    high[2] += 0.2
    free = np.full(len(standing.robot.joint_names), np.inf)
    lower = -free
    lower[[leg[3] for leg in standing.legs]] = 0.1
    feet = standing.feet(q)
    found = standing.solve(q, standing.com(q)[:2], feet, posture=Posture(high, 1.0, 1e-2, lower, free))
    assert found is not None and q[2] < found[2] < high[2]
    assert np.abs(standing.feet(found).pos - feet.pos).max() < 1e-8
    assert np.abs(standing.com(found)[:2] - standing.com(q)[:2]).max() < 1e-8


def test_a_lead_out_is_the_lead_in_of_the_motion_run_backwards(standing):
    """Balance at walking pace, locked feet and least-jerk ways look the same in both directions of time."""
    motion = swaying(standing, forward=0.1)
    backwards = replace(
        motion,
        root_pos_w=motion.root_pos_w[::-1],
        root_quat_wxyz=motion.root_quat_wxyz[::-1],
        joint_pos=motion.joint_pos[::-1],
        foot_contact=motion.foot_contact[::-1],
    )
    one, other = with_leads(motion, standing.robot), with_leads(backwards, standing.robot)
    assert (one.n_lead_in, one.n_lead_out) == (other.n_lead_out, other.n_lead_in)
    assert np.array_equal(one.motion.joint_pos, other.motion.joint_pos[::-1])
    assert np.array_equal(one.motion.foot_contact, other.motion.foot_contact[::-1])


def test_a_lead_does_not_depend_on_where_the_motion_is_or_faces(standing):
    """The floor is the same everywhere."""
    motion = swaying(standing, forward=0.1)
    turn = Rotation.from_euler("z", 2.0)
    moved = replace(
        motion,
        root_pos_w=turn.apply(motion.root_pos_w.copy()) + np.array([3.0, -1.0, 0.0]),
        root_quat_wxyz=(turn * Rotation.from_quat(motion.root_quat_wxyz.copy(), scalar_first=True)).as_quat(
            scalar_first=True
        ),
    )
    one, other = with_leads(motion, standing.robot).motion, with_leads(moved, standing.robot).motion
    assert np.abs(one.joint_pos - other.joint_pos).max() < 1e-6


def test_a_motion_in_the_standing_pose_needs_no_lead(standing):
    """What already begins and ends there at rest is left alone."""
    frames = 20
    motion = RobotMotion.from_qpos(
        np.tile(standing.robot.default_qpos, (frames, 1)),
        fps=FPS,
        joint_names=standing.robot.joint_names,
        foot_contact=np.ones((frames, 2)),
    )
    led = with_leads(motion, standing.robot)
    assert (led.n_lead_in, led.n_lead_out, led.notes) == (0, 0, ())


def test_columns_in_another_order_stay_in_it(standing):
    """A motion names its joints; a lead follows the names."""
    motion = swaying(standing, forward=0.1)
    order = np.random.default_rng(0).permutation(len(motion.joint_names))
    shuffled = replace(
        motion, joint_names=tuple(motion.joint_names[i] for i in order), joint_pos=motion.joint_pos[:, order]
    )
    led = with_leads(shuffled, standing.robot)
    assert np.array_equal(led.motion.joint_pos, with_leads(motion, standing.robot).motion.joint_pos[:, order])


def test_leads_can_be_left_out(standing):
    """Who pads himself switches them off."""
    motion = swaying(standing)
    led = with_leads(motion, standing.robot, LeadConfig(lead_in=False))
    assert led.n_lead_in == 0 and led.n_lead_out > 0 and led.notes == ()


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda q, c: (q + np.eye(36)[2, : q.shape[1]] * 0.3, c * 0), "neither foot bears weight"),
        (lambda q, c: (q + np.eye(36)[2, : q.shape[1]] * 0.1, c), "above the floor"),
        (lambda q, c: (q - np.eye(36)[2, : q.shape[1]] * 0.05, c), "under the floor"),
        (lambda q, c: (q + np.outer(np.arange(len(q)) / FPS, np.eye(36)[1, : q.shape[1]]), c), "slides"),
        (lambda q, c: (np.hstack([q[:, :3], np.tile([0.7, 0.0, 0.714, 0.0], (len(q), 1)), q[:, 7:]]), c), "upright"),
        (lambda q, c: (q[:2], c[:2]), "2 frames"),
    ],
    ids=["in the air", "hovering", "sunk", "sliding", "lying", "too short"],
)
def test_what_cannot_be_led_says_why_and_stays_as_it_is(standing, spoil, reason):
    """No lead is better than a wrong one."""
    motion = swaying(standing)
    qpos, contact = spoil(motion.qpos, motion.foot_contact)
    qpos[:, 3:7] /= np.linalg.norm(qpos[:, 3:7], axis=1, keepdims=True)
    bad = RobotMotion.from_qpos(qpos, fps=FPS, joint_names=motion.joint_names, foot_contact=contact)
    led = with_leads(bad, standing.robot)
    assert (led.n_lead_in, led.n_lead_out) == (0, 0)
    assert len(led.notes) == 2 and all(reason in note for note in led.notes), led.notes
    assert np.array_equal(led.motion.joint_pos, bad.joint_pos)


def test_a_motion_too_fast_to_come_from_rest_has_no_lead(standing):
    """Run backwards, the robot could not stop on that foot: its capture point lies beyond it."""
    motion = swaying(standing, raised=0.15, sway=0.005)
    time = np.arange(len(motion)) / FPS
    bowing = np.isin(motion.joint_names, ["waist_pitch_joint"])
    fast = replace(
        motion,
        root_pos_w=motion.root_pos_w + np.outer(time, [0.1, 0.0, 0.0]),
        joint_pos=motion.joint_pos + 6.0 * np.outer(time, bowing),
    )
    led = with_leads(fast, standing.robot)
    assert led.n_lead_in == 0 and "from rest" in led.notes[0]


def test_of_another_robot_is_refused(standing):
    """A motion of other joints is a mistake of the caller's."""
    motion = swaying(standing)
    other = replace(motion, joint_names=motion.joint_names[:-1], joint_pos=motion.joint_pos[:, :-1])
    with pytest.raises(JointsDoNotMatch):
        with_leads(other, standing.robot)


def test_settings_out_of_range_are_refused():
    """A shift without any room for the zero-moment point would take for ever."""
    with pytest.raises(InvalidArray, match="shift_zmp_m"):
        LeadConfig(shift_zmp_m=0.0)


@pytest.mark.parametrize("fps", [24.0, 50.0])
def test_a_lead_takes_the_same_time_at_every_rate(standing, fps):
    """Time is time."""
    slow, fast = (with_leads(swaying(standing, forward=0.1, fps=f), standing.robot) for f in (FPS, fps))
    assert abs(slow.n_lead_in / FPS - fast.n_lead_in / fps) < 2.5 / min(FPS, fps)


def test_frames_of_leads_are_counted_at_another_rate(standing):
    """A file at 50 frames a second holds more of them than the motion at 30."""
    motion = swaying(standing, forward=0.1)
    led = with_leads(motion, standing.robot)
    before, after = led.frames_at(50.0)
    whole = led.motion.resampled(50.0)
    time = np.arange(len(whole)) / 50.0
    assert before == (time < led.n_lead_in / FPS - 1e-9).sum()
    assert after == (time > (led.n_lead_in + len(motion) - 1) / FPS + 1e-9).sum()
    assert led.frames_at(FPS) == (led.n_lead_in, led.n_lead_out)


def test_a_run_up_meets_speed_and_acceleration():
    """What a lead adds at its end has there what the motion's first frames have, by finite differences."""
    fps, step = 1000.0, 1e-3
    frames = np.array([[0.3, -0.2], [0.31, -0.25], [0.33, -0.27]])
    met = ends_of(frames, 30.0)
    way = running_up(np.arange(501) * step, 0.5, 0.3, met)
    assert np.allclose(way[-1], met.run_up(0.3))
    assert np.allclose((1.5 * way[-1] - 2 * way[-2] + 0.5 * way[-3]) * fps, met.vel, atol=1e-3)
    assert np.allclose((way[-1] - 2 * way[-2] + way[-3]) * fps**2, met.acc, rtol=0.05, atol=0.2)
    assert np.abs(way[:201]).max() == 0.0


def test_a_run_up_is_shortened_to_the_room_there_is():
    """A joint at its limit cannot go back to take a run; its run-up is short, and in the end its speed is given up."""
    met = ends_of(np.array([[0.0, 0.0, 0.0], [0.1, 0.1, 0.1], [0.2, 0.2, 0.2]]), 30.0)
    ends, seconds = met.within(0.3, np.array([np.inf, 0.2, 0.0]))
    assert seconds[0] == 0.3 and seconds[1] == pytest.approx(2 * 0.2 / 3.0)
    assert np.allclose(ends.vel, [3.0, 3.0, 0.0])
    assert (np.abs(ends.run_up(seconds)) <= [np.inf, 0.2 + 1e-9, 1e-9]).all()


def test_ways_start_and_end_at_rest():
    """Speed and acceleration vanish at both ends of a least-jerk way and of a lift."""
    share = np.linspace(0.0, 1.0, 1001)
    for way, end in ((rest_to_rest(share), 1.0), (bump(share), 0.0)):
        assert way[0] == 0.0 and way[-1] == pytest.approx(end)
        assert np.abs(np.diff(way)[[0, -1]]).max() < 1e-5
        assert np.abs(np.diff(way, n=2)[[0, -1]] * 1e6).max() < 0.5
    assert bump(np.array([0.5])) == pytest.approx(1.0)
