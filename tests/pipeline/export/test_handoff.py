"""What a trainer reads from our files is the motion that was written, at its own rate and joints."""

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from pipeline.exceptions import OutputNotWritable
from pipeline.export import FORMATS, find_format, fk_error_mm
from pipeline.export.exceptions import JointsWouldBeLost, MotionTooShort, UnreadableHandoff
from pipeline.export.handoff import UNKNOWN_CONTACT
from robots.exceptions import JointsDoNotMatch, UnknownName
from robots.g1 import load_g1
from robots.g1.table import WRIST_JOINTS
from robots.kinematics import body_states, link_poses
from robots.motion import RobotMotion


def dancing(*, frames=60, fps=30.0, seed=0, variant="29dof", wrists=True):
    """A whole-body motion that turns more than once around, so that quaternions change hemisphere.

    Its wrists move, or, where the format has none, stand at zero.
    """
    g1 = load_g1(variant)
    rng = np.random.default_rng(seed)
    time = np.arange(frames)[:, None] / fps
    middle, reach = (g1.joint_lower + g1.joint_upper) / 2, (g1.joint_upper - g1.joint_lower) / 2.2
    joint_pos = middle + reach * np.sin(2.0 * time + rng.uniform(0, 6, len(g1.joint_names)))
    if not wrists:
        joint_pos[:, np.isin(g1.joint_names, WRIST_JOINTS)] = 0
    turn = Rotation.from_rotvec(time * rng.normal(size=3) * 4) * Rotation.from_rotvec(rng.normal(size=3))
    return g1, RobotMotion(
        fps=fps,
        joint_names=g1.joint_names,
        root_pos_w=np.hstack([2 * time, np.sin(time), 0.8 + 0.1 * np.cos(3 * time)]),
        root_quat_wxyz=turn.as_quat(scalar_first=True),
        joint_pos=joint_pos,
        foot_contact=np.clip(0.5 + np.sin(3 * time + [0, 2]), 0, 1),
    )


def angle_between(first, second):
    turn = Rotation.from_quat(first.copy(), scalar_first=True).inv() * Rotation.from_quat(
        second.copy(), scalar_first=True
    )
    return turn.magnitude().max()


@pytest.fixture(params=FORMATS)
def fmt(request):
    return FORMATS[request.param]


@pytest.mark.parametrize("variant", ["29dof", "23dof"])
def test_a_motion_comes_back_at_the_rate_it_was_made_for(fmt, variant, tmp_path):
    """At the format's own rate nothing is resampled: what returns is what went in, up to rounding."""
    robot, motion = dancing(fps=fmt.fps, variant=variant, wrists=fmt.variant == "29dof")
    path = tmp_path / f"clip{fmt.suffix}"
    written = fmt.write(motion, robot, path)
    back = fmt.read(path)
    assert (written.n_frames, written.fps) == (len(motion), fmt.fps) == (len(back), back.fps)
    assert np.abs(back.root_pos_w - motion.root_pos_w).max() < 2e-6
    assert angle_between(back.root_quat_wxyz, motion.root_quat_wxyz) < 3e-6
    kept = [name for name in back.joint_names if name in motion.joint_names]
    assert set(motion.joint_names) - set(kept) <= set(WRIST_JOINTS)
    for name in kept:
        column, original = back.joint_names.index(name), motion.joint_names.index(name)
        assert np.abs(back.joint_pos[:, column] - motion.joint_pos[:, original]).max() < 2e-6
    absent = [name not in motion.joint_names for name in back.joint_names]
    assert not back.joint_pos[:, absent].any()  # welded wrists come back at zero


@pytest.mark.parametrize(("variant", "fps"), [("29dof", 30.0), ("29dof", 59.94), ("23dof", 24.0)])
def test_links_stand_where_mujoco_puts_them(fmt, variant, fps, tmp_path):
    """From the file alone, by the consumer's own route (rotation vectors, stated positions, joint columns)."""
    robot, motion = dancing(fps=fps, variant=variant, wrists=fmt.variant == "29dof")
    path = tmp_path / f"clip{fmt.suffix}"
    fmt.write(motion, robot, path)
    assert fk_error_mm(fmt, path, motion, robot) < 0.1


def test_the_check_sees_a_wrong_joint(fmt, tmp_path):
    """0.1 mm would be worthless if the check could not fail: a knee off by 0.5 deg moves the foot 2.6 mm."""
    robot, motion = dancing(fps=fmt.fps, wrists=False)
    path = tmp_path / f"clip{fmt.suffix}"
    fmt.write(motion, robot, path)
    joint_pos = motion.joint_pos.copy()
    joint_pos[:, robot.joint_names.index("left_knee_joint")] += np.deg2rad(0.5)
    other = RobotMotion(
        fps=motion.fps,
        joint_names=motion.joint_names,
        root_pos_w=motion.root_pos_w,
        root_quat_wxyz=motion.root_quat_wxyz,
        joint_pos=joint_pos,
        foot_contact=motion.foot_contact,
    )
    assert 2 < fk_error_mm(fmt, path, other, robot) < 4


def test_the_check_refuses_a_file_of_another_length(fmt, tmp_path):
    robot, motion = dancing(fps=fmt.fps, variant=fmt.variant)
    path = tmp_path / f"clip{fmt.suffix}"
    fmt.write(motion, robot, path)
    _, longer = dancing(fps=fmt.fps, frames=61, variant=fmt.variant)
    with pytest.raises(UnreadableHandoff, match="holds 60 frames, the motion makes 61"):
        fk_error_mm(fmt, path, longer, robot)


@settings(max_examples=15, deadline=None)
@given(
    fps=st.floats(15, 120), frames=st.integers(2, 90), seed=st.integers(0, 99), name=st.sampled_from(sorted(FORMATS))
)
def test_duration_survives_any_frame_rate(fps, frames, seed, name):
    """Nothing is relabelled: a file lasts as long as the motion, less than one of its frames excepted."""
    fmt = FORMATS[name]
    robot, motion = dancing(fps=fps, frames=frames, seed=seed, variant=fmt.variant)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"clip{fmt.suffix}"
        fmt.write(motion, robot, path)
        back = fmt.read(path)
    assert motion.duration_s - 1 / fmt.fps < back.duration_s < motion.duration_s + 1e-5


def test_resampling_never_leaves_the_joint_limits(fmt, tmp_path):
    """Retargeting keeps limits exactly; a spline that overshoots at 50 Hz would break them again."""
    g1, motion = dancing(frames=40, fps=20.0, variant=fmt.variant)
    slam = np.where(np.arange(40)[:, None] % 4 < 2, g1.joint_lower, g1.joint_upper)
    motion = RobotMotion(
        fps=20.0,
        joint_names=g1.joint_names,
        root_pos_w=motion.root_pos_w,
        root_quat_wxyz=motion.root_quat_wxyz,
        joint_pos=slam,
        foot_contact=motion.foot_contact,
    )
    path = tmp_path / f"clip{fmt.suffix}"
    fmt.write(motion, g1, path)
    back, target = fmt.read(path), load_g1(fmt.variant)
    assert (back.joint_pos > target.joint_lower - 2e-6).all()
    assert (back.joint_pos < target.joint_upper + 2e-6).all()


def test_joint_columns_are_found_by_name(fmt, tmp_path):
    """A motion that lists its joints in another order is the same motion."""
    robot, motion = dancing(variant=fmt.variant)
    order = np.random.default_rng(0).permutation(len(motion.joint_names))
    shuffled = RobotMotion(
        fps=motion.fps,
        joint_names=tuple(motion.joint_names[i] for i in order),
        root_pos_w=motion.root_pos_w,
        root_quat_wxyz=motion.root_quat_wxyz,
        joint_pos=motion.joint_pos[:, order],
        foot_contact=motion.foot_contact,
    )
    fmt.write(motion, robot, tmp_path / "a")
    fmt.write(shuffled, robot, tmp_path / "b")
    assert np.array_equal(fmt.read(tmp_path / "a").joint_pos, fmt.read(tmp_path / "b").joint_pos)


def test_a_motion_that_moves_the_wrists_is_refused_where_there_are_none(tmp_path):
    """Cut off, they would leave the hands where nobody asked for them, and nobody judged them; the remedy is named."""
    robot, motion = dancing()
    with pytest.raises(JointsWouldBeLost, match=r"moves left_wrist_roll_joint, .*Retarget .* to g1_23dof"):
        FORMATS["pbhc"].write(motion, robot, tmp_path / "clip.pkl")
    assert list(tmp_path.iterdir()) == []


def test_wrists_that_come_or_go_stand_at_zero_and_move_no_link(tmp_path):
    """From 29 joints to 23 and back again: the same links, and a note where the wrists were put in."""
    robot, motion = dancing(wrists=False)
    assert FORMATS["pbhc"].write(motion, robot, tmp_path / "clip.pkl").notes == ()
    back, small = FORMATS["pbhc"].read(tmp_path / "clip.pkl"), load_g1("23dof")
    (note,) = FORMATS["unitree-csv"].write(back, small, tmp_path / "clip.csv").notes
    assert note == "the wrists stand at zero: the motion was made for a robot that has none"
    again, _ = link_poses(robot, FORMATS["unitree-csv"].read(tmp_path / "clip.csv").qpos)
    assert 1e3 * np.abs(again - link_poses(robot, motion.qpos)[0]).max() < 0.02


def test_contact_is_kept_or_unknown(fmt, tmp_path):
    """A format without contacts must not read back as 'never touches the ground'."""
    robot, motion = dancing(fps=fmt.fps, variant=fmt.variant)
    fmt.write(motion, robot, tmp_path / "clip")
    back = fmt.read(tmp_path / "clip").foot_contact
    if fmt is FORMATS["pbhc"]:
        assert np.array_equal(back, motion.foot_contact)
    else:
        assert (back == UNKNOWN_CONTACT).all()


def test_a_motion_of_one_frame_is_refused(fmt, tmp_path):
    robot, motion = dancing(frames=1)
    with pytest.raises(MotionTooShort, match="a motion of 1 frame cannot be handed off"):
        fmt.write(motion, robot, tmp_path / "clip")
    assert list(tmp_path.iterdir()) == []


def test_a_motion_of_another_robot_is_refused(fmt, tmp_path):
    robot, motion = dancing(variant=fmt.variant)
    names = ("left_wing_joint", *motion.joint_names[1:])
    winged = RobotMotion(
        fps=motion.fps,
        joint_names=names,
        root_pos_w=motion.root_pos_w,
        root_quat_wxyz=motion.root_quat_wxyz,
        joint_pos=motion.joint_pos,
        foot_contact=motion.foot_contact,
    )
    with pytest.raises(JointsDoNotMatch, match="moves left_wing_joint, which the robot does not have"):
        fmt.write(winged, robot, tmp_path / "clip")


def test_a_folder_that_cannot_be_written_is_named(fmt, tmp_path):
    robot, motion = dancing(variant=fmt.variant)
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputNotWritable, match="cannot be written"):
        fmt.write(motion, robot, tmp_path / "file" / "clip")


def test_a_write_that_fails_leaves_the_old_file(fmt, tmp_path):
    """Half a file would be trained on; the old one stays until the new one is whole."""
    robot, motion = dancing(frames=30, variant=fmt.variant)
    path = tmp_path / "clip"
    fmt.write(motion, robot, path)
    before = path.read_bytes()
    with pytest.raises(MotionTooShort):
        fmt.write(dancing(frames=1, variant=fmt.variant)[1], robot, path)
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["clip"]


@pytest.mark.parametrize(
    "content", [b"", b"hello", b"\x80\x04", b"PK\x03\x04 broken", b"1,2,3\n", b"\xff\xfe\x00", b"nan\n"]
)
def test_a_file_of_something_else_is_refused_in_one_sentence(fmt, content, tmp_path):
    path = tmp_path / f"clip{fmt.suffix}"
    path.write_bytes(content)
    with pytest.raises(UnreadableHandoff, match=r"clip.*: not a usable '.*' motion \(.*\)\. Export it again"):
        fmt.read(path)


def test_a_file_cut_short_is_refused(fmt, tmp_path):
    robot, motion = dancing(variant=fmt.variant)
    path = tmp_path / f"clip{fmt.suffix}"
    fmt.write(motion, robot, path)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(UnreadableHandoff):
        fmt.read(path)


def test_formats_are_found_by_name():
    assert find_format("mjlab") is FORMATS["mjlab"]
    with pytest.raises(UnknownName, match=r"unknown hand-off format 'mjlap'\. Did you mean 'mjlab'"):
        find_format("mjlap")


def test_mjlab_file_is_what_its_loader_expects(tmp_path):
    """Keys, shapes, single precision, wxyz, pelvis first: the loader takes columns by number and checks nothing."""
    robot, motion = dancing(fps=30.0, frames=31)
    path = tmp_path / "clip.npz"
    FORMATS["mjlab"].write(motion, robot, path)
    with np.load(path, allow_pickle=False) as archive:
        arrays = dict(archive)
    shapes = {"joint_pos": (51, 29), "joint_vel": (51, 29), "body_pos_w": (51, 30, 3), "body_quat_w": (51, 30, 4)}
    shapes |= {"body_lin_vel_w": (51, 30, 3), "body_ang_vel_w": (51, 30, 3)}
    assert arrays.pop("fps").tolist() == [50]
    assert {name: array.shape for name, array in arrays.items()} == shapes
    assert {array.dtype for array in arrays.values()} == {np.dtype(np.float32)}
    states = body_states(robot, motion.resampled(50))
    assert np.abs(arrays["body_lin_vel_w"] - states.lin_vel_w).max() < 1e-5
    assert np.abs(arrays["body_ang_vel_w"] - states.ang_vel_w).max() < 1e-5
    # Joints and root alone give the stated links again.
    qpos = np.hstack([arrays["body_pos_w"][:, 0], arrays["body_quat_w"][:, 0], arrays["joint_pos"]])
    pos_w, quat_w = link_poses(robot, qpos.astype(float))
    assert 1e3 * np.linalg.norm(pos_w - arrays["body_pos_w"], axis=-1).max() < 0.1
    assert np.abs(np.einsum("fbi,fbi->fb", quat_w, arrays["body_quat_w"]) - 1).max() < 1e-6


def test_mjlab_file_at_another_rate_is_refused(tmp_path):
    """mjlab would play a 30 Hz file 1.67 times too fast without a word."""
    robot, motion = dancing()
    path = tmp_path / "clip.npz"
    FORMATS["mjlab"].write(motion, robot, path)
    with np.load(path) as archive:
        arrays = dict(archive)
    np.savez(path, **(arrays | {"fps": np.array([30])}))
    with pytest.raises(UnreadableHandoff, match="made at 30 fps, which mjlab would play at 50"):
        FORMATS["mjlab"].read(path)


def test_csv_has_36_columns_and_xyzw(tmp_path):
    """Read as BeyondMimic's script reads it: headerless, root position, root xyzw, joints in MuJoCo's order."""
    robot, motion = dancing(fps=30.0)
    path = tmp_path / "clip.csv"
    FORMATS["unitree-csv"].write(motion, robot, path)
    rows = np.loadtxt(path, delimiter=",")
    assert rows.shape == (60, 36)
    xyzw = Rotation.from_quat(rows[:, 3:7])
    assert (xyzw.inv() * Rotation.from_quat(motion.root_quat_wxyz.copy(), scalar_first=True)).magnitude().max() < 3e-6
    assert np.abs(rows[:, 7:] - motion.joint_pos).max() < 1e-6
