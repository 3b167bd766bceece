import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from retarget.body_trajectory import BodyTrajectory
from retarget.clip_cost import SmoothnessConfig
from retarget.correspondence import CORRESPONDENCE_DIR
from retarget.exceptions import CannotFollow, CollapsedBone, ImplausibleLegLength, ImplausibleSpeed, NotZUp
from retarget.retargeter import RetargetConfig, Retargeter
from retarget.whole_clip import WholeClipConfig
from robots.exceptions import UnknownName
from robots.g1 import load_g1
from robots.g1.table import WRIST_JOINTS
from robots.kinematics import body_states, link_poses

NOTHING = np.zeros(3)


def foot_frames(robot, motion):
    """World positions and rotations of the feet: frames, feet."""
    states = body_states(robot, motion)
    feet = [states.body_names.index(name) for name in robot.foot_body_names]
    quat = states.quat_wxyz_w[:, feet]
    rot = Rotation.from_quat(quat.reshape(-1, 4), scalar_first=True).as_matrix().reshape(*quat.shape[:2], 3, 3)
    return states.pos_w[:, feet], rot


def wild_trajectory(walker, seed=0, fps=30.0):
    """A person in noise: limbs flung at speeds no motor reaches."""
    rng = np.random.default_rng(seed)
    names = ("left_hip", "right_hip", "left_knee", "left_shoulder", "right_shoulder", "left_elbow", "spine2")
    return walker.smpl_motion({n: rng.normal(size=(25, 3)) for n in names}, 25, fps).body_trajectory()


@pytest.mark.parametrize("tier", ["soft", "hard"])
def test_limits_of_position_and_speed_hold_exactly(robot, walker, tier):
    """Whatever is asked for: joints stay inside, and no joint moves faster than its limit between two frames."""
    restless = WholeClipConfig(
        smoothness=SmoothnessConfig(joint_velocity=0.0, joint_acceleration=0.0, base_acceleration=0.0, excess=0.0)
    )
    config = RetargetConfig(speed_tier=tier, speed_share=1.0, clip=restless)
    result = Retargeter(robot, config).retarget(wild_trajectory(walker, fps=60.0))
    joints = result.motion.joint_pos
    assert (joints >= robot.joint_lower).all() and (joints <= robot.joint_upper).all()
    limit = robot.velocity_limit_soft if tier == "soft" else robot.velocity_limit
    speed = np.abs(np.diff(joints, axis=0)) * 60.0
    assert (speed <= limit).all()
    assert (speed >= 0.999 * limit).any(), "the motion was meant to reach a limit"


def test_stance_feet_do_not_move_and_stand_on_the_floor(robot, walked):
    motion = walked.result.motion
    pos, rot = foot_frames(robot, motion)
    soles = pos[:, :, None] + np.einsum("tfij,pj->tfpi", rot, robot.sole_points_b)
    assert walked.result.infeasible_stances == ()
    assert soles[..., 2].min() > -1e-3
    for foot, spans in enumerate(walked.result.stance_spans[:2]):
        assert len(spans) >= 3
        for start, stop in spans:
            place = pos[start:stop, foot, :2]
            assert np.linalg.norm(place - place.mean(axis=0), axis=1).max() < 2e-3
            speed = np.linalg.norm(np.diff(place, axis=0), axis=1) * motion.fps
            assert speed.mean() < 0.01
            assert np.abs(soles[start:stop, foot, :, 2].min(axis=1)).max() < 1e-3


def test_stances_are_the_walks_own_and_are_told_as_contact(walked):
    contact = walked.result.motion.foot_contact
    assert (contact.astype(bool) == walked.stance).mean() > 0.9
    spans = [(f, s) for f, foot in enumerate(walked.result.stance_spans) for s in foot]
    assert contact.sum() == sum(stop - start for _, (start, stop) in spans)


def test_the_robot_walks_as_far_as_its_legs_are_long(walked):
    """Root and strides shrink by one ratio: that is why feet need not skate."""
    human = walked.trajectory.pos_w[:, walked.trajectory.names.index("pelvis"), 0]
    robot = walked.result.motion.root_pos_w[:, 0]
    assert robot[-1] - robot[0] == pytest.approx(walked.result.scale * (human[-1] - human[0]), abs=0.03)


def test_turning_and_shifting_the_world_turns_and_shifts_the_robot(retargeter, walker, walked):
    turn, shift = Rotation.from_euler("z", 2.1), np.array([3.0, -7.0, 0.0])
    moved = retargeter.retarget(walker.transformed(walked.trajectory, turn, shift)).motion
    still = walked.result.motion
    np.testing.assert_allclose(moved.joint_pos, still.joint_pos, atol=1e-4)
    np.testing.assert_allclose(moved.root_pos_w, still.root_pos_w @ turn.as_matrix().T + shift, atol=1e-4)
    expected = turn * Rotation.from_quat(still.root_quat_wxyz, scalar_first=True)
    away = expected.inv() * Rotation.from_quat(moved.root_quat_wxyz, scalar_first=True)
    assert away.magnitude().max() < 1e-4


def test_a_person_on_a_podium_is_put_on_the_floor(retargeter, walker, walked):
    lifted = walker.transformed(walked.trajectory, Rotation.identity(), np.array([0.0, 0.0, 0.4]))
    np.testing.assert_allclose(
        retargeter.retarget(lifted).motion.root_pos_w, walked.result.motion.root_pos_w, atol=1e-4
    )


def test_a_mirrored_person_makes_a_mirrored_robot(robot, retargeter, walker, walked):
    """Nothing in table or solver prefers a side; the G1's own halves differ by micrometres."""
    mirrored = walker.transformed(walked.trajectory, Rotation.identity(), NOTHING, mirror=True)
    motion, still = retargeter.retarget(mirrored).motion, walked.result.motion
    for i, name in enumerate(robot.joint_names):
        twin = name.replace("left", "RIGHT").replace("right", "left").replace("RIGHT", "right")
        sign = 1.0 if any(k in name for k in ("pitch", "knee", "elbow")) else -1.0
        np.testing.assert_allclose(
            motion.joint_pos[:, i], sign * still.joint_pos[:, robot.joint_names.index(twin)], atol=2e-3, err_msg=name
        )
    np.testing.assert_allclose(motion.root_pos_w, still.root_pos_w * [1, -1, 1], atol=1e-3)


def test_the_same_input_gives_the_same_bits(retargeter, walker):
    first, again = (retargeter.retarget(wild_trajectory(walker)) for _ in range(2))
    np.testing.assert_array_equal(first.motion.qpos, again.motion.qpos)
    np.testing.assert_array_equal(first.pos_residual_m, again.pos_residual_m)


@pytest.mark.parametrize("frame", [0, 13, 28])
def test_a_cold_start_is_as_good_as_a_warm_one(retargeter, walker, walked, frame):
    """Clips begin anywhere, facing anywhere; the first frame must not fall into a worse basin."""
    rng = np.random.default_rng(frame)
    warm = walked.result.pos_residual_m[frame].mean() + 0.1 * walked.result.rot_residual_rad[frame].mean()
    for heading in rng.uniform(-np.pi, np.pi, 4):
        t = walked.trajectory
        cut = BodyTrajectory(fps=t.fps, names=t.names, pos_w=t.pos_w[frame:], quat_wxyz_w=t.quat_wxyz_w[frame:])
        cut = walker.transformed(cut, Rotation.from_euler("z", heading), NOTHING)
        cold = retargeter.retarget(cut)
        assert cold.pos_residual_m[0].mean() + 0.1 * cold.rot_residual_rad[0].mean() < 1.2 * warm + 2e-3


def test_one_frame_works(retargeter, walker):
    result = retargeter.retarget(walker.smpl_motion({}).body_trajectory())
    assert len(result.motion) == 1 and result.stance_spans[:2] == (((0, 1),), ((0, 1),))
    assert result.pos_residual_m.shape == (1, len(result.body_names))


def test_contact_comes_from_the_estimator_where_it_knows(retargeter, walker):
    """A person at rest seems to stand on both feet; an estimator that saw the right one unloaded is believed."""
    t = walker.smpl_motion({}, 30).body_trajectory()
    told = BodyTrajectory(
        fps=t.fps,
        names=t.names,
        pos_w=t.pos_w,
        quat_wxyz_w=t.quat_wxyz_w,
        contact_regions=("right_foot", "left_foot"),
        contact_prob=np.tile([0.0, 1.0], (30, 1)),
    )
    assert retargeter.retarget(told).stance_spans[:2] == (((0, 30),), ())


def with_contact(trajectory, prob):
    return BodyTrajectory(
        fps=trajectory.fps,
        names=trajectory.names,
        pos_w=trajectory.pos_w,
        quat_wxyz_w=trajectory.quat_wxyz_w,
        contact_regions=("left_foot", "right_foot"),
        contact_prob=prob,
    )


def test_a_foot_said_to_stand_while_it_walks_is_let_go_and_reported(retargeter, walked):
    """Estimators do claim such contacts; an anchor would hold the whole robot back."""
    result = retargeter.retarget(with_contact(walked.trajectory, np.ones((len(walked.trajectory), 2))))
    assert [(s.region, s.start, s.stop, s.reason) for s in result.infeasible_stances] == [
        ("left_foot", 0, len(walked.trajectory), "slid"),
        ("right_foot", 0, len(walked.trajectory), "slid"),
    ]
    sentence = "the left foot was let go in frames 0 to 119: the human's left foot slid"
    assert sentence in str(result.infeasible_stances[0])
    pelvis = result.body_names.index("pelvis")
    assert result.pos_residual_m[:, pelvis].max() < 0.05


def test_a_foot_said_to_stand_in_the_air_is_let_go_and_reported(retargeter, walker):
    drawn_up = {"left_hip": [-1.5, 0, 0], "left_knee": [1.5, 0, 0]}
    result = retargeter.retarget(with_contact(walker.smpl_motion(drawn_up, 20).body_trajectory(), np.ones((20, 2))))
    assert [(s.region, s.reason) for s in result.infeasible_stances] == [("left_foot", "in the air")]


def test_a_stance_out_of_reach_is_let_go_and_reported(retargeter, walker):
    """A leg that snaps from the side to the floor in no time: setting out early does not help, at full speed the
    robot comes too late."""
    aside = np.zeros((180, 3))
    aside[:20, 2] = 0.8
    snapping = walker.smpl_motion({"left_hip": aside}, 180, fps=1000.0).body_trajectory()
    stands = np.stack([np.arange(180) >= 20, np.ones(180)], axis=1)
    result = retargeter.retarget(with_contact(snapping, stands))
    assert [(s.region, s.start, s.reason) for s in result.infeasible_stances] == [("left_foot", 20, "out of reach")]


def test_progress_rises_to_all_frames(retargeter, walker):
    seen = []
    retargeter.retarget(walker.smpl_motion({}, 7).body_trajectory(), lambda done, total: seen.append((done, total)))
    assert seen == sorted(seen) and seen[-1][0] == seen[-1][1]


@pytest.mark.parametrize("factor", [0.3 / 1.7, 20 / 1.7, 100])
def test_a_human_of_the_wrong_unit_is_refused(retargeter, walked, factor):
    t = walked.trajectory
    scaled = BodyTrajectory(fps=t.fps, names=t.names, pos_w=factor * t.pos_w, quat_wxyz_w=t.quat_wxyz_w)
    with pytest.raises(ImplausibleLegLength, match=r"legs measure .* m from hip to ankle.*positions in metres"):
        retargeter.retarget(scaled)


def test_y_up_given_as_z_up_is_detected_and_said(robot, retargeter, walker, walked):
    lying = walker.transformed(walked.trajectory, Rotation.from_euler("x", -np.pi / 2), NOTHING)
    with pytest.raises(NotZUp, match=r"looks like a y-up motion in a z-up world.*check_up_axis"):
        retargeter.retarget(lying)
    few = BodyTrajectory(fps=lying.fps, names=lying.names, pos_w=lying.pos_w[:3], quat_wxyz_w=lying.quat_wxyz_w[:3])
    assert len(Retargeter(robot, RetargetConfig(check_up_axis=False)).retarget(few).motion) == 3


def test_a_missing_body_is_named_with_the_ones_there_are(retargeter, walked):
    t = walked.trajectory
    names = tuple("LeftFoot" if n == "left_ankle" else n for n in t.names)
    renamed = BodyTrajectory(fps=t.fps, names=names, pos_w=t.pos_w, quat_wxyz_w=t.quat_wxyz_w)
    with pytest.raises(UnknownName, match=r"unknown human body 'left_ankle'.*Known: pelvis"):
        retargeter.retarget(renamed)


def test_a_clip_does_not_stay_contorted(robot, retargeter, walker):
    """Windmilling arms wind shoulders up to their stops; arms that hang afterwards must hang as from a cold start."""
    turns = np.concatenate([np.linspace(0, 2 * np.pi, 45), np.full(45, 2 * np.pi)])
    pose = {}
    for side, sign in (("left", 1), ("right", -1)):
        hanging = Rotation.from_rotvec([0, 0, -1.3 * sign])
        swings = Rotation.from_rotvec(turns[:, None] * np.array([[-1.0, 0, 0]]))
        pose[f"{side}_shoulder"] = (swings * hanging).as_rotvec()
    windmill = walker.smpl_motion(pose, 90).body_trajectory()
    last = BodyTrajectory(
        fps=30.0, names=windmill.names, pos_w=windmill.pos_w[-1:], quat_wxyz_w=windmill.quat_wxyz_w[-1:]
    )
    result, cold = retargeter.retarget(windmill), retargeter.retarget(last)
    assert result.pos_residual_m[-1].max() < cold.pos_residual_m[0].max() + 5e-3
    steps = np.abs(np.diff(result.motion.joint_pos, axis=0))
    assert (steps <= robot.velocity_limit_soft / 30.0 + 1e-9).all()


def test_a_motion_without_forearms_is_refused(retargeter, walked):
    t = walked.trajectory
    pos = t.pos_w.copy()
    pos[:, t.names.index("left_wrist")] = pos[:, t.names.index("left_elbow")]
    handless = BodyTrajectory(fps=t.fps, names=t.names, pos_w=pos, quat_wxyz_w=t.quat_wxyz_w)
    with pytest.raises(CollapsedBone, match="'left_elbow' and 'left_wrist' lie in one place"):
        retargeter.retarget(handless)


@pytest.mark.parametrize("fps", [1.0, 120.0])
def test_absurd_frame_rates_keep_the_limits(robot, retargeter, walker, fps):
    """At 1 fps anything is slow, at 120 fps hardly any of it can be followed; the limits hold in both."""
    result = retargeter.retarget(wild_trajectory(walker, seed=1, fps=fps))
    steps = np.abs(np.diff(result.motion.joint_pos, axis=0))
    assert (steps <= robot.velocity_limit_soft / fps + 1e-9).all()


def test_a_wrong_frame_rate_is_noticed_where_it_makes_a_person_too_fast(retargeter, walked):
    """A walk at 30 frames/s that claims 600 outruns every sprinter; one that claims 60 might be a run."""
    t = walked.trajectory
    as_if = {
        fps: BodyTrajectory(fps=fps, names=t.names, pos_w=t.pos_w, quat_wxyz_w=t.quat_wxyz_w) for fps in (60.0, 600.0)
    }
    retargeter.retarget(as_if[60.0])
    with pytest.raises(ImplausibleSpeed, match=r"600 frames per second may be wrong\. Give the rate"):
        retargeter.retarget(as_if[600.0])


def test_a_skeleton_of_other_names_is_followed_by_a_table_that_knows_them(robot, retargeter, walked, tmp_path):
    """Contacts, flight and targets are told by the table's names, not by SMPL's."""
    text = (CORRESPONDENCE_DIR / "smpl_to_g1.toml").read_text(encoding="utf-8")
    t = walked.trajectory
    for name in t.names:
        text = text.replace(f'"{name}"', f'"rig_{name}"')
    for link in ("pelvis", *(r for r in ("left_foot", "right_foot"))):  # robot links keep their names
        text = text.replace(f'robot = "rig_{link}"', f'robot = "{link}"')
    path = tmp_path / "rig.toml"
    path.write_text(text, encoding="utf-8")
    renamed = BodyTrajectory(
        fps=t.fps, names=tuple(f"rig_{name}" for name in t.names), pos_w=t.pos_w, quat_wxyz_w=t.quat_wxyz_w
    )
    result = Retargeter(robot, RetargetConfig(correspondence=str(path))).retarget(renamed)
    assert (result.motion.foot_contact == walked.result.motion.foot_contact).mean() > 0.9
    assert np.abs(result.motion.joint_pos - walked.result.motion.joint_pos).mean() < 0.05


def test_23_joints_solved_as_such_keep_hands_where_wrists_cut_off_lose_them(robot, walker):
    """The palm's place in the human's hand, over a wave of bent wrists: the arm makes up for joints that are welded."""
    time = np.arange(60) / 30.0
    bent = 0.7 * np.sin(np.pi * time)[:, None]
    pose = {
        "left_shoulder": np.tile([0.0, 0.0, -1.0], (60, 1)),
        "right_shoulder": np.tile([0.0, 0.0, 1.0], (60, 1)),
        "left_elbow": np.tile([0.0, -1.2, 0.0], (60, 1)),
        "right_elbow": np.tile([0.0, 1.2, 0.0], (60, 1)),
        "left_wrist": bent * [0.0, -1.0, 0.0],
        "right_wrist": bent * [0.0, 0.0, 1.0],
    }
    human = walker.smpl_motion(pose, 60).body_trajectory()
    welded = load_g1("23dof")
    full, solved = Retargeter(robot).retarget(human).motion, Retargeter(welded).retarget(human).motion
    straight = full.qpos
    straight[:, 7 + np.flatnonzero(np.isin(robot.joint_names, WRIST_JOINTS))] = 0.0
    wristless = np.zeros_like(straight)
    wristless[:, :7] = solved.qpos[:, :7]
    wristless[:, [7 + robot.joint_names.index(name) for name in welded.joint_names]] = solved.joint_pos
    best, cut, arm = (palms(robot, qpos) for qpos in (full.qpos, straight, wristless))
    apart_cut, apart_solved = (np.linalg.norm(other - best, axis=-1).mean() for other in (cut, arm))
    assert apart_cut > 0.03
    assert apart_solved < 0.65 * apart_cut


def palms(robot, qpos):
    """Both palms in the world, 8 cm before the origin of the last wrist link [m]."""
    pos, quat = link_poses(robot, qpos)
    hands = [robot.body_names.index(f"{side}_wrist_yaw_link") for side in ("left", "right")]
    turn = Rotation.from_quat(quat[:, hands].reshape(-1, 4), scalar_first=True)
    return pos[:, hands] + turn.apply([0.08, 0.0, 0.0]).reshape(-1, 2, 3)


def test_who_is_on_the_hands_all_the_time_is_upside_down_on_the_floor(walker, retargeter):
    """No foot tells the floor; taken from the lowest foot it would lie above the whole person."""
    straight = np.tile([0.0, 0.0, 1.4], (30, 1))
    pose = {"left_shoulder": straight, "right_shoulder": -straight}
    standing = walker.smpl_motion(pose, 30).body_trajectory()
    over = walker.transformed(standing, Rotation.from_euler("x", np.pi), np.zeros(3))
    lowest = float(over.pos_w[..., 2].min())
    over = walker.transformed(over, Rotation.identity(), np.array([0.0, 0.0, 0.03 - lowest]))
    result = retargeter.retarget(over)
    assert result.motion.root_pos_w[:, 2].min() > 0.6
    assert result.pos_residual_m[:, 0].max() < 0.2


def test_a_world_that_is_upside_down_is_refused(retargeter, walker, walked):
    """z down as z up: a person may stand on the hands, but not walk on the ceiling below the floor."""
    overturned = walker.transformed(walked.trajectory, Rotation.from_euler("x", np.pi), NOTHING)
    with pytest.raises(CannotFollow, match=r"m from its targets on average .* Check that the motion is z-up"):
        retargeter.retarget(overturned)
