"""Each trap that a file sets for its trainer is named, and a good file is blamed for nothing."""

import os
import pickle
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from pipeline.export import FORMATS, check_handoff
from pipeline.export.exceptions import HandoffNotOpened
from pipeline.export.portable_pickle import dump_arrays
from robots.exceptions import UnknownName
from robots.g1 import load_g1
from robots.motion import RobotMotion

SHARED = Path(__file__).parents[3].parent / "shared" / "data" / "pbhc_motions"


def swaying(name, frames=120):
    """A robot that stands, sways its arms and turns its waist, in the joints and at the rate of a format."""
    form = FORMATS[name]
    g1 = load_g1(form.variant)
    time = np.arange(frames)[:, None] / form.fps
    joints = np.tile(g1.default_joint_pos, (frames, 1))
    for number, joint in enumerate(g1.joint_names):
        if "shoulder" in joint or "elbow" in joint or joint == "waist_yaw_joint":
            joints[:, number] += 0.3 * np.sin(3.0 * time[:, 0] + number) - 0.3 * np.sin(number)
    turn = Rotation.from_rotvec(np.hstack([0.05 * np.sin(time), 0 * time, 0.5 * time + 0.3]))
    return g1, RobotMotion(
        fps=form.fps,
        joint_names=g1.joint_names,
        root_pos_w=np.hstack([0.1 * time, 0 * time, np.full_like(time, g1.default_root_height)]),
        root_quat_wxyz=turn.as_quat(scalar_first=True),
        joint_pos=joints,
        foot_contact=np.ones((frames, 2)),
    )


@pytest.fixture
def good(tmp_path):
    """Write a good file of a format."""

    def write(name, **motion):
        path = tmp_path / f"kata.{name}{FORMATS[name].suffix}"
        robot, swayed = swaying(name, **motion)
        FORMATS[name].write(swayed, robot, path)
        return path

    return write


@pytest.mark.parametrize("name", FORMATS)
def test_a_good_file_is_blamed_for_nothing(good, name):
    assert check_handoff(good(name), name) == ()


def test_pbhcs_own_motions_are_blamed_for_nothing():
    """They are what the trainer was made with."""
    files = sorted(SHARED.glob("*.pkl"))
    if not files:
        pytest.skip("PBHC's own motions are not on this machine; they may not be redistributed")
    assert {path.name: check_handoff(path, "pbhc") for path in files} == {path.name: () for path in files}


def told(path, name, sentence):
    """The check says exactly one thing of a file with one fault."""
    problems = check_handoff(path, name)
    assert len(problems) == 1, problems
    assert sentence in problems[0]
    assert problems[0].endswith((".", "?"))


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
def test_each_trap_of_pbhc_is_named(good, trap):
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
def test_angles_past_the_limits_of_a_joint_are_named(good, angle, sentence):
    path = good("pbhc")
    fields = pickle.loads(path.read_bytes())[path.stem]
    fields["dof"][:, 3] = angle
    fields["pose_aa"][:, 4] = [0, angle, 0]
    with path.open("wb") as file:
        dump_arrays({"kata": fields}, file)
    told(path, "pbhc", sentence)


def test_a_joint_that_wraps_around_is_named(good):
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
def test_what_is_no_single_motion_is_named(good, content, sentence):
    path = good("pbhc")
    fields = pickle.loads(path.read_bytes())[path.stem]
    with path.open("wb") as file:
        dump_arrays(content(fields), file)
    told(path, "pbhc", sentence)


def test_a_motion_named_by_a_path_is_named(good):
    """As PBHC's own Mink output does; on Windows it does not load."""
    path = good("pbhc")
    fields = pickle.loads(path.read_bytes())[path.stem]
    with path.open("wb") as file:
        dump_arrays({Path("in") / "kata.npz": fields}, file)
    told(path, "pbhc", "its motion is named by a path ('in/kata.npz'), not by text")


@pytest.mark.parametrize("name", ["pbhc", "gmr"])
def test_a_pickle_of_new_numpy_is_named(good, name):
    """NumPy 1.23, which PBHC's Python 3.8 has, knows no numpy._core."""
    path = good(name)
    path.write_bytes(pickle.dumps(pickle.loads(path.read_bytes()), protocol=4))
    told(path, name, "it asks for numpy._core.")


@pytest.mark.parametrize("name", ["pbhc", "gmr"])
def test_a_pickle_of_a_newer_protocol_cannot_be_loaded(good, name):
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
def test_a_pickle_that_would_run_something_is_named_and_not_run(good, name, tmp_path):
    path = good(name)
    path.write_bytes(pickle.dumps({"kata": Touch(tmp_path / "it ran")}))
    told(path, name, "mkdir', which is no array: it could run anything")
    assert not (tmp_path / "it ran").exists()


def single(array):
    return array.astype(np.float32)


def breadth_first():
    """Isaac Lab's order of the joints, as its users print it (BeyondMimic's files are in it)."""
    legs = ("hip_pitch", "hip_roll", "hip_yaw", "knee", "ankle_pitch", "ankle_roll")
    arms = ("shoulder_pitch", "shoulder_roll", "shoulder_yaw", "elbow", "wrist_roll", "wrist_pitch", "wrist_yaw")
    names = []
    for leg, waist in zip(legs[:3], ("yaw", "roll", "pitch"), strict=True):
        names += [f"left_{leg}", f"right_{leg}", f"waist_{waist}"]
    names += ["left_knee", "right_knee", "left_shoulder_pitch", "right_shoulder_pitch"]
    names += ["left_ankle_pitch", "right_ankle_pitch", "left_shoulder_roll", "right_shoulder_roll"]
    names += ["left_ankle_roll", "right_ankle_roll", "left_shoulder_yaw", "right_shoulder_yaw"]
    names += [f"{side}_{arm}" for arm in arms[3:] for side in ("left", "right")]
    joints = load_g1("29dof").joint_names
    order = [joints.index(f"{name}_joint") for name in names]
    return order, [0, *(joint + 1 for joint in order)]


JOINTS_BREADTH_FIRST, LINKS_BREADTH_FIRST = breadth_first()


def of_beyond_mimic(a):
    links = {name: array[:, LINKS_BREADTH_FIRST] for name, array in a.items() if name.startswith("body_")}
    return links | {name: a[name][:, JOINTS_BREADTH_FIRST] for name in ("joint_pos", "joint_vel")}


def with_world(a):
    at_rest = {name: np.zeros_like(array[:, :1]) for name, array in a.items() if name.startswith("body_")}
    at_rest["body_quat_w"][..., 0] = 1
    return {name: np.concatenate([rest, a[name]], axis=1) for name, rest in at_rest.items()}


def in_own_frames(a):
    turn = Rotation.from_quat(a["body_quat_w"].reshape(-1, 4).astype(float), scalar_first=True).inv()
    return single(turn.apply(a["body_ang_vel_w"].reshape(-1, 3)).reshape(a["body_ang_vel_w"].shape))


MJLAB_TRAPS = {
    "30 Hz": (lambda a: {"fps": np.array([30])}, "fps is 30: mjlab shows a frame every 20 ms"),
    "rate without a box": (lambda a: {"fps": np.array(50)}, "fps has the shape (), not (1)"),
    "no rate": (lambda a: {"fps": None}, "fps is missing"),
    "no speeds": (lambda a: {"joint_vel": None}, "joint_vel is missing"),
    "doubles": (lambda a: {"joint_pos": a["joint_pos"].astype(float)}, "joint_pos is float64, not float32"),
    "23 joints": (lambda a: {"joint_pos": a["joint_pos"][:, :23]}, "joint_pos has the shape (120, 23)"),
    "breadth-first": (of_beyond_mimic, "joints and links stand breadth-first, as in Isaac Lab and BeyondMimic"),
    "joints breadth-first": (
        lambda a: {name: a[name][:, JOINTS_BREADTH_FIRST] for name in ("joint_pos", "joint_vel")},
        "joints stand breadth-first",
    ),
    "world first, last link lost": (
        lambda a: {name: array[:, :30] for name, array in with_world(a).items()},
        "the first link never moves: the world is among the links",
    ),
    "x, y, z, w": (
        lambda a: {"body_quat_w": a["body_quat_w"][..., [1, 2, 3, 0]]},
        "body_quat_w is x, y, z, w; mjlab reads w, x, y, z",
    ),
    "links elsewhere": (
        lambda a: {"body_pos_w": changed(a["body_pos_w"], (slice(None), 9, 2), 0.5)},
        "m from where the joints put them",
    ),
    "links turned": (
        lambda a: {"body_quat_w": changed(a["body_quat_w"], (slice(None), 9), a["body_quat_w"][:, 20])},
        "rad from where the joints turn the links",
    ),
    "no unit quaternion": (lambda a: {"body_quat_w": 1.1 * a["body_quat_w"]}, "not made of unit quaternions"),
    "a sign that flips": (
        lambda a: {"body_quat_w": changed(a["body_quat_w"], (slice(50, None), 4), -a["body_quat_w"][50:, 4])},
        "body_quat_w changes its sign in frame 50",
    ),
    "speeds of 30 Hz": (
        lambda a: {"joint_vel": single(0.6 * a["joint_vel"])},
        "joint_vel is not the derivative of joint_pos at 50 Hz: it would be at 30 Hz",
    ),
    "no linear speeds": (
        lambda a: {"body_lin_vel_w": 0 * a["body_lin_vel_w"]},
        "body_lin_vel_w is not the derivative of body_pos_w at 50 Hz: it is zero",
    ),
    "turns in own frames": (
        lambda a: {"body_ang_vel_w": in_own_frames(a)},
        "body_ang_vel_w is not the derivative of body_quat_w at 50 Hz: it is in the links' own frames",
    ),
    "nan": (lambda a: {"joint_vel": changed(a["joint_vel"], (5, 5), np.inf)}, "joint_vel holds NaN or infinity"),
    "what is no number": (
        lambda a: {"joint_vel": changed(a["joint_vel"], (5, 5), 1e30)},
        "joint_vel holds 1e+30 in frame 5, which is no motion",
    ),
    "lengths": (lambda a: {"joint_pos": a["joint_pos"][:-1]}, "of different lengths: 119, 120 frames"),
}


def rewritten(path, change):
    with np.load(path) as archive:
        arrays = dict(archive)
    arrays |= change({name: array for name, array in arrays.items() if name != "fps"})
    arrays = {name: array if array is None or name == "fps" else np.asarray(array) for name, array in arrays.items()}
    np.savez(path, **{name: array for name, array in arrays.items() if array is not None})


@pytest.mark.parametrize("trap", MJLAB_TRAPS)
def test_each_trap_of_mjlab_is_named(good, trap):
    """Its loader takes columns by number and asks for nothing."""
    change, sentence = MJLAB_TRAPS[trap]
    path = good("mjlab")
    rewritten(path, change)
    told(path, "mjlab", sentence)


def test_the_world_among_the_links_is_named(good):
    path = good("mjlab")
    rewritten(path, with_world)
    problems = check_handoff(path, "mjlab")
    assert len(problems) == 4
    assert all("The world is among the links, and mjlab picks links by their number." in told for told in problems)


def test_a_motion_too_short_to_sample_from_is_named(good):
    told(good("mjlab", frames=90), "mjlab", "it has 90 frames; mjlab samples from bins of 50")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda t: "root_x,root_y,root_z\n" + t, "it begins with a header"),
        (lambda t: t.replace(",", ";"), "its numbers are separated by ';', not by commas"),
        (lambda t: t.replace(",", " "), "its numbers are separated by ' ', not by commas"),
        (lambda t: "\n".join(line.rsplit(",", 6)[0] for line in t.splitlines()), "line 1 has 30 columns, not 36"),
        (lambda t: t + "1,2\n", "line 121 has 2 columns, not 36"),
        (lambda t: t + "here\n", "line 121 holds something that is no number"),
        (lambda t: t.splitlines()[0], "it has 1 frame"),
        (lambda t: "", "it has 0 frame"),
        (lambda t: t + "nan," * 35 + "0\n", "the table holds NaN or infinity, first in frame 120"),
    ],
)
def test_each_trap_of_the_csv_is_named(good, change, sentence):
    path = good("unitree-csv")
    path.write_text(change(path.read_text()))
    told(path, "unitree-csv", sentence)


@pytest.mark.parametrize(
    ("columns", "sentence"),
    [
        ([0, 1, 2, 6, 3, 4, 5, *range(7, 36)], "seems to be w, x, y, z: read as x, y, z, w the robot leans by 1"),
        ([0, 2, 1, *range(3, 36)], "the robot sinks"),
    ],
)
def test_columns_in_another_order_are_told_by_the_robot_that_does_not_stand(good, columns, sentence):
    """Numbers without names: only what the robot does with them shows."""
    path = good("unitree-csv")
    np.savetxt(path, np.loadtxt(path, delimiter=",")[:, columns], delimiter=",", fmt="%.6f")
    told(path, "unitree-csv", sentence)


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
def test_each_trap_of_gmr_is_named(good, trap):
    changes, sentence = GMR_TRAPS[trap]
    path = good("gmr")
    fields = pickle.loads(path.read_bytes())
    gone = {name for name, change in changes.items() if change(fields) is None}
    fields |= {name: change(fields) for name, change in changes.items()}
    with path.open("wb") as file:
        dump_arrays({name: value for name, value in fields.items() if name not in gone}, file)
    told(path, "gmr", sentence)


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("content", [b"", b"hello", b"\x80\x04", b"PK\x03\x04 broken", b"\xff\xfe\x00", b"I7\n."])
def test_a_file_of_something_else_is_told_in_one_sentence(name, content, tmp_path):
    path = tmp_path / "kata"
    path.write_bytes(content)
    assert len(check_handoff(path, name)) == 1


@pytest.mark.parametrize("name", FORMATS)
def test_a_damaged_file_is_told_and_never_an_accident(good, name):
    """Whatever a flipped bit makes of it, the answer is sentences."""
    path = good(name, frames=12)
    whole = path.read_bytes()
    rng = np.random.default_rng(0)
    for _ in range(60):
        harmed = bytearray(whole)
        place = int(rng.integers(len(harmed) if rng.random() < 0.5 else min(len(harmed), 400)))
        harmed[place] ^= 1 << int(rng.integers(8))
        path.write_bytes(harmed)
        assert all(isinstance(sentence, str) for sentence in check_handoff(path, name))


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(HandoffNotOpened, match=r"kata\.pkl: cannot be opened \(no such file or directory\)"):
        check_handoff(tmp_path / "kata.pkl", "pbhc")
    with pytest.raises(UnknownName, match="unknown hand-off format 'lerobot'"):
        check_handoff(tmp_path / "kata.pkl", "lerobot")
