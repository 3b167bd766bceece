"""GMR's file: what its loader asks for, and never taken for PBHC's, which ends the same."""

import pickle

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from pipeline.export import FORMATS, format_of_file
from pipeline.export.exceptions import UnreadableHandoff
from pipeline.export.gmr import NARROWER
from robots.g1 import load_g1
from robots.motion import RobotMotion

GMR, PBHC = FORMATS["gmr"], FORMATS["pbhc"]


def waving(variant="29dof", frames=40, **joints):
    g1 = load_g1(variant)
    time = np.arange(frames)[:, None] / 30
    joint_pos = np.tile(g1.default_joint_pos, (frames, 1))
    for name, angle in joints.items():
        joint_pos[:, g1.joint_names.index(name)] = angle
    return g1, RobotMotion(
        fps=30,
        joint_names=g1.joint_names,
        root_pos_w=np.hstack([time, 0 * time, 0 * time + 0.79]),
        root_quat_wxyz=Rotation.from_rotvec(time * [0.1, 0.2, 1.0]).as_quat(scalar_first=True),
        joint_pos=joint_pos,
        foot_contact=np.ones((frames, 2)),
    )


@pytest.fixture
def written(tmp_path):
    path = tmp_path / "wave.gmr.pkl"
    robot, motion = waving()
    GMR.write(motion, robot, path)
    return path, pickle.loads(path.read_bytes()), motion


def test_fields_are_those_of_gmrs_own_files(written):
    """Its loader asks for all six by name; two of them are None in its own files."""
    _, fields, motion = written
    assert list(fields) == ["fps", "root_pos", "root_rot", "dof_pos", "local_body_pos", "link_body_list"]
    assert type(fields["fps"]) is int and fields["fps"] == 30
    assert fields["local_body_pos"] is None and fields["link_body_list"] is None
    arrays = {name: fields[name] for name in ("root_pos", "root_rot", "dof_pos")}
    shapes = {"root_pos": (40, 3), "root_rot": (40, 4), "dof_pos": (40, 29)}
    assert {name: array.shape for name, array in arrays.items()} == shapes
    assert {array.dtype for array in arrays.values()} == {np.dtype(np.float64)}
    turn = Rotation.from_quat(fields["root_rot"]).inv() * Rotation.from_quat(
        motion.root_quat_wxyz.copy(), scalar_first=True
    )
    assert turn.magnitude().max() < 1e-9
    assert np.array_equal(fields["dof_pos"], motion.joint_pos)


def test_gmrs_own_files_are_read_at_their_own_rate(written):
    """It writes what NumPy pickles, at the rate of its source."""
    path, fields, motion = written
    path.write_bytes(pickle.dumps(fields | {"fps": 29.97, "local_body_pos": np.zeros((40, 38, 3))}))
    back = GMR.read(path)
    assert back.fps == 29.97
    assert np.array_equal(back.joint_pos, motion.joint_pos)


def test_a_motion_beyond_gmrs_limits_is_told_by_its_worst_joint(tmp_path):
    """Its viewer shows such a pose all the same, but nothing that GMR itself makes goes there."""
    robot, motion = waving(left_hip_roll_joint=2.0, right_elbow_joint=1.9)
    (note,) = GMR.write(motion, robot, tmp_path / "wide.pkl").notes
    assert note == (
        "left_hip_roll_joint goes 0.43 rad beyond its limit in GMR's model of the G1, 1 more beyond theirs; the robot "
        "itself can do it"
    )
    robot, motion = waving()
    assert GMR.write(motion, robot, tmp_path / "near.pkl").notes == ()


def test_gmrs_limits_are_narrower_and_none_is_wider():
    g1 = load_g1("29dof")
    for name, (lower, upper) in NARROWER.items():
        joint = g1.joint_names.index(name)
        assert g1.joint_lower[joint] <= lower < upper <= g1.joint_upper[joint]
        assert (lower, upper) != (g1.joint_lower[joint], g1.joint_upper[joint])


def test_both_kinds_of_pkl_are_told_apart_by_what_they_hold(written, tmp_path):
    """Their names say nothing: both projects call a file as they like."""
    path, _, _ = written
    (tmp_path / "a.pkl").write_bytes(path.read_bytes())
    robot, motion = waving("23dof")
    PBHC.write(motion, robot, tmp_path / "b.gmr.pkl")
    assert format_of_file(tmp_path / "a.pkl") == "gmr"
    assert format_of_file(tmp_path / "b.gmr.pkl") == "pbhc"
    assert (format_of_file(tmp_path / "c.npz"), format_of_file(tmp_path / "c.csv")) == ("mjlab", "unitree-csv")
    assert format_of_file(tmp_path / "c.mp4") is None


def test_a_pkl_that_cannot_be_read_is_taken_by_its_name(tmp_path):
    (tmp_path / "harmed.gmr.pkl").write_bytes(b"\x80\x04 and no more")
    (tmp_path / "harmed.pkl").write_bytes(b"\x80\x04 and no more")
    names = ("harmed.gmr.pkl", "harmed.pkl", "gone.gmr.pkl", "gone.pkl")
    assert [format_of_file(tmp_path / name) for name in names] == ["gmr", "pbhc", "gmr", "pbhc"]


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"root_rot": lambda f: f["root_rot"][:, :3]}, "root_rot: has shape"),
        ({"root_rot": lambda f: 2 * f["root_rot"]}, "unit quaternions"),
        ({"dof_pos": lambda f: f["dof_pos"][:, :23]}, "joint_pos: has shape"),
        ({"root_pos": lambda f: f["root_pos"] * np.nan}, "NaN or infinity"),
        ({"fps": lambda f: "thirty"}, "thirty"),
        ({"fps": lambda f: 0}, "fps"),
        ({"dof_pos": lambda f: "still"}, "joint_pos"),
    ],
)
def test_a_file_that_is_no_motion_is_refused(written, changes, problem):
    path, fields, _ = written
    path.write_bytes(pickle.dumps(fields | {name: change(fields) for name, change in changes.items()}))
    with pytest.raises(UnreadableHandoff, match=problem):
        GMR.read(path)


def test_pbhcs_file_is_not_gmrs(tmp_path):
    robot, motion = waving("23dof")
    PBHC.write(motion, robot, tmp_path / "wave.pkl")
    with pytest.raises(UnreadableHandoff, match="it must hold a dict of fps, root_pos, root_rot, dof_pos"):
        GMR.read(tmp_path / "wave.pkl")
