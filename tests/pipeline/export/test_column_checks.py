"""Each trap that a file of columns without names sets for its trainer is named: mjlab's archive and the CSV."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from pipeline.export import check_handoff
from robots.g1 import load_g1


def changed(array, index, value):
    other = np.array(array)
    other[index] = value
    return other


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
def test_each_trap_of_mjlab_is_named(good, told, trap):
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


def test_a_motion_too_short_to_sample_from_is_named(good, told):
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
def test_each_trap_of_the_csv_is_named(good, told, change, sentence):
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
def test_columns_in_another_order_are_told_by_the_robot_that_does_not_stand(good, told, columns, sentence):
    """Numbers without names: only what the robot does with them shows."""
    path = good("unitree-csv")
    np.savetxt(path, np.loadtxt(path, delimiter=",")[:, columns], delimiter=",", fmt="%.6f")
    told(path, "unitree-csv", sentence)
