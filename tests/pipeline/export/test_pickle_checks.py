"""Each trap that a pickle sets for its trainer is named: the formats of PBHC and of GMR."""

import os
import pickle
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from pipeline.export.portable_pickle import dump_arrays


def changed(array, index, value):
    other = np.array(array)
    other[index] = value
    return other


def leaping(array, by):
    """From half of the frames on, everything is elsewhere."""
    return array + by * (np.arange(len(array)) >= len(array) // 2)[:, None].astype("f4")


def knee_along_x(pose_aa):
    other = pose_aa.copy()
    other[:, 4] = pose_aa[:, 4, [1, 0, 2]]
    return other


def turned_root(fields):
    """Rotation vectors of a root that flips over by 0.9 of a turn within a frame."""
    pose_aa = fields["pose_aa"].copy()
    half = len(pose_aa) // 2
    root = Rotation.from_rotvec([0, 0, 2.5]) * Rotation.from_rotvec(pose_aa[half:, 0])
    pose_aa[half:, 0] = root.as_rotvec()
    return pose_aa


PBHC_TRAPS = {
    "float64 poses": ({"pose_aa": lambda f: f["pose_aa"].astype(float)}, "pose_aa is float64, not float32"),
    "float64 root": (
        {"root_trans_offset": lambda f: f["root_trans_offset"].astype(float)},
        "root_trans_offset is float64, not float32",
    ),
    "fps a float": ({"fps": lambda f: 30.0}, "fps is not a Python int but of the type 'float': 30.0"),
    "fps of numpy": ({"fps": lambda f: np.array(30)}, "of the type 'array without dimensions': 30"),
    "fps in words": ({"fps": lambda f: "thirty"}, "fps is no frame rate: 'thirty'"),
    "fps zero": ({"fps": lambda f: 0}, "fps is no frame rate: 0"),
    "fps beyond numbers": ({"fps": lambda f: 10**400}, "fps is no frame rate"),
    "clock that loses one": ({"fps": lambda f: 93}, "fps 93 becomes 92 in PBHC, which takes int(1 / (1 / fps))"),
    "no contacts": ({"contact_mask": lambda f: None}, "contact_mask is missing: the reward for contacts has no target"),
    "contacts of one foot": (
        {"contact_mask": lambda f: f["contact_mask"][:, :1]},
        "contact_mask has the shape (120, 1), not (frames, 2)",
    ),
    "contacts too short": (
        {"contact_mask": lambda f: f["contact_mask"][:-1]},
        "of different lengths: root_trans_offset 120, pose_aa 120, contact_mask 119",
    ),
    "contacts beyond one": ({"contact_mask": lambda f: 2 * f["contact_mask"]}, "contact_mask holds 2 to 2"),
    "no poses": ({"pose_aa": lambda f: None}, "pose_aa is missing: the trainer stops without it"),
    "no angles": ({"dof": lambda f: None}, "dof is missing: viewers"),
    "24 links": ({"pose_aa": lambda f: f["pose_aa"][:, :24]}, "pose_aa has the shape (120, 24, 3)"),
    "29 joints": ({"dof": lambda f: np.zeros((120, 29), "f4")}, "dof has the shape (120, 29), not (frames, 23)"),
    "text for numbers": ({"dof": lambda f: "many"}, "dof is no array of numbers"),
    "hands that turn": ({"pose_aa": lambda f: changed(f["pose_aa"], (3, 25, 0), 0.1)}, "last three links of pose_aa"),
    "other angles for viewers": ({"dof": lambda f: f["dof"] + 0.01}, "dof is not the sum of pose_aa"),
    "another axis": (
        {"pose_aa": lambda f: knee_along_x(f["pose_aa"])},
        "pose_aa turns left_knee_joint about another axis than its own",
    ),
    "w first": ({"root_rot": lambda f: f["root_rot"][:, [3, 0, 1, 2]]}, "root_rot is w, x, y, z; PBHC's viewers read"),
    "another root": ({"root_rot": lambda f: f["root_rot"][::-1].copy()}, "two different rotations"),
    "no unit quaternion": ({"root_rot": lambda f: 1.1 * f["root_rot"]}, "root_rot is not made of unit quaternions"),
    "nan": ({"pose_aa": lambda f: changed(f["pose_aa"], (7, 0, 0), np.nan)}, "NaN or infinity, first in frame 7"),
    "a root that jumps": (
        {"root_trans_offset": lambda f: leaping(f["root_trans_offset"], np.float32([1, 0, 0]))},
        "the root jumps: 30.1 m/s after frame 59",
    ),
    "a root that spins": (
        {"pose_aa": turned_root, "root_rot": lambda f: Rotation.from_rotvec(turned_root(f)[:, 0]).as_quat()},
        "the root's rotation jumps: 75",
    ),
    "sunk": ({"root_trans_offset": lambda f: f["root_trans_offset"] - np.float32([0, 0, 0.4])}, "sinks 0.41 m into"),
    "afloat": (
        {"root_trans_offset": lambda f: f["root_trans_offset"] + np.float32([0, 0, 0.3])},
        "never nearer than 0.29 m",
    ),
    "millimetres": (
        {"root_trans_offset": lambda f: np.full_like(f["root_trans_offset"], 1e6)},
        "root_pos_w: holds 1e+06, beyond 100000: give metres",
    ),
}


@pytest.mark.parametrize("trap", PBHC_TRAPS)
def test_each_trap_of_pbhc_is_named(good, told, trap):
    """Half of them its trainer walks into without a word."""
    changes, sentence = PBHC_TRAPS[trap]
    path = good("pbhc")
    fields = pickle.loads(path.read_bytes())[path.stem]
    fields |= {name: change(fields) for name, change in changes.items()}
    with path.open("wb") as file:
        dump_arrays({"kata": {name: value for name, value in fields.items() if value is not None}}, file)
    told(path, "pbhc", sentence)


@pytest.mark.parametrize(
    ("angle", "sentence"),
    [
        (3.0, "left_knee_joint is past its limits: 3 rad in frame 0, beyond -0.0873 to 2.88"),
        (90.0, "Are they degrees?"),
    ],
)
def test_angles_past_the_limits_of_a_joint_are_named(good, told, angle, sentence):
    path = good("pbhc")
    fields = pickle.loads(path.read_bytes())[path.stem]
    fields["dof"][:, 3] = angle
    fields["pose_aa"][:, 4] = [0, angle, 0]
    with path.open("wb") as file:
        dump_arrays({"kata": fields}, file)
    told(path, "pbhc", sentence)


def test_a_joint_that_wraps_around_is_named(good, told):
    """A jump of one turn is the same pose to the eye, and infinite speed to a reward."""
    path = good("gmr")
    fields = pickle.loads(path.read_bytes())
    fields["dof_pos"] = changed(fields["dof_pos"], (slice(60, None), 22), 2.6)
    fields["dof_pos"][:60, 22] = -2.6
    with path.open("wb") as file:
        dump_arrays(fields, file)
    told(path, "gmr", "right_shoulder_pitch_joint jumps: 156 rad/s after frame 59")


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (lambda f: {"one": f, "two": f}, "it holds 2 motions; PBHC's trainer takes a dict of exactly one motion"),
        (lambda f: {}, "it holds 0 motions"),
        (lambda f: [f], "it holds no dict, but something of the type 'list'; PBHC"),
        (lambda f: {7: f}, "its motion is named by 7, not by text"),
        (lambda f: {"kata": 3}, "its motion is no dict of fields, but of the type 'int'"),
    ],
)
def test_what_is_no_single_motion_is_named(good, told, content, sentence):
    path = good("pbhc")
    fields = pickle.loads(path.read_bytes())[path.stem]
    with path.open("wb") as file:
        dump_arrays(content(fields), file)
    told(path, "pbhc", sentence)


def test_a_motion_named_by_a_path_is_named(good, told):
    """As PBHC's own Mink output does; on Windows it does not load."""
    path = good("pbhc")
    fields = pickle.loads(path.read_bytes())[path.stem]
    with path.open("wb") as file:
        dump_arrays({Path("in") / "kata.npz": fields}, file)
    told(path, "pbhc", "its motion is named by a path ('in/kata.npz'), not by text")


@pytest.mark.parametrize("name", ["pbhc", "gmr"])
def test_a_pickle_of_new_numpy_is_named(good, told, name):
    """NumPy 1.23, which PBHC's Python 3.8 has, knows no numpy._core."""
    path = good(name)
    path.write_bytes(pickle.dumps(pickle.loads(path.read_bytes()), protocol=4))
    told(path, name, "it asks for numpy._core.")


@pytest.mark.parametrize("name", ["pbhc", "gmr"])
def test_a_pickle_of_a_newer_protocol_cannot_be_loaded(good, told, name):
    path = good(name)
    path.write_bytes(b"\x80\x06" + path.read_bytes()[2:])
    told(path, name, "it cannot be loaded: no pickle of plain arrays")


class Touch:
    """Pickles as a call that leaves a folder behind when loaded."""

    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return os.mkdir, (str(self.mark),)


@pytest.mark.parametrize("name", ["pbhc", "gmr"])
def test_a_pickle_that_would_run_something_is_named_and_not_run(good, told, name, tmp_path):
    path = good(name)
    path.write_bytes(pickle.dumps({"kata": Touch(tmp_path / "it ran")}))
    told(path, name, "mkdir', which is no array: it could run anything")
    assert not (tmp_path / "it ran").exists()


GMR_TRAPS = {
    "singles": ({"dof_pos": lambda f: f["dof_pos"].astype("f4")}, "dof_pos is float32, not float64"),
    "w first": ({"root_rot": lambda f: f["root_rot"][:, [3, 0, 1, 2]]}, "root_rot seems to be w, x, y, z"),
    "23 joints": ({"dof_pos": lambda f: f["dof_pos"][:, :23]}, "dof_pos has the shape (120, 23), not (frames, 29)"),
    "fps a float": ({"fps": lambda f: 30.0}, "fps is not a Python int"),
    "no rate": ({"fps": lambda f: None}, "fps is missing: GMR's loader asks for it by name"),
    "no links": ({"local_body_pos": lambda f: None}, "local_body_pos is missing: GMR's loader asks for it by name"),
    "lengths": ({"root_pos": lambda f: f["root_pos"][1:]}, "root_pos 119, root_rot 120, dof_pos 120 frames"),
    "nan": ({"root_pos": lambda f: f["root_pos"] * np.nan}, "root_pos holds NaN or infinity, first in frame 0"),
    "no unit quaternion": ({"root_rot": lambda f: 0 * f["root_rot"]}, "not made of unit quaternions (a norm of 0)"),
    "one frame": ({n: lambda f, n=n: f[n][:1] for n in ("root_pos", "root_rot", "dof_pos")}, "it has 1 frame"),
    "y up": ({"root_pos": lambda f: f["root_pos"][:, [0, 2, 1]]}, "sinks 0.79 m into the floor"),
}


@pytest.mark.parametrize("trap", GMR_TRAPS)
def test_each_trap_of_gmr_is_named(good, told, trap):
    changes, sentence = GMR_TRAPS[trap]
    path = good("gmr")
    fields = pickle.loads(path.read_bytes())
    gone = {name for name, change in changes.items() if change(fields) is None}
    fields |= {name: change(fields) for name, change in changes.items()}
    with path.open("wb") as file:
        dump_arrays({name: value for name, value in fields.items() if name not in gone}, file)
    told(path, "gmr", sentence)
