import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from pipeline.plausibility.joint_ranges import RANGES, chain_angles, joint_excess, measure_joint_ranges
from retarget.smpl_skeleton import SMPL_JOINT_NAMES


def pose(**vectors: tuple[float, float, float]) -> np.ndarray:
    """One frame with some joints turned, by rotation vectors [deg]."""
    out = np.zeros((1, 21, 3))
    for name, vector in vectors.items():
        out[0, SMPL_JOINT_NAMES.index(name) - 1] = np.radians(vector)
    return out


@pytest.mark.parametrize(
    "vectors",
    [
        {},
        {"left_knee": (150, 0, 0), "left_hip": (-140, 0, 0), "left_ankle": (-40, 0, 0)},  # a full squat
        {"left_hip": (-90, 0, 0), "right_hip": (50, 0, 0)},  # front splits
        {"left_hip": (0, 0, 90), "right_hip": (0, 0, -90)},  # side splits
        {"left_elbow": (0, -150, 0), "right_elbow": (0, 150, 0)},
        {"left_shoulder": (0, 0, 90), "right_shoulder": (0, 0, -90)},  # arms overhead
        {"spine1": (30, 0, 0), "spine2": (30, 0, 0), "spine3": (30, 0, 0)},
    ],
)
def test_what_people_do_is_within_the_ranges(vectors):
    assert measure_joint_ranges(pose(**vectors))[0].value == 0.0


@pytest.mark.parametrize(
    ("vectors", "joint", "excess_deg"),
    [
        ({"left_knee": (-40, 0, 0)}, "left_knee", 15),
        ({"right_knee": (-40, 0, 0)}, "right_knee", 15),
        ({"left_knee": (0, 0, -60)}, "left_knee", 20),
        ({"left_elbow": (0, 40, 0)}, "left_elbow", 20),
        ({"right_elbow": (0, -40, 0)}, "right_elbow", 20),
        ({"neck": (0, 70, 0), "head": (0, 70, 0)}, "neck", 40),
        ({"spine1": (0, 40, 0), "spine2": (0, 40, 0), "spine3": (0, 40, 0)}, "spine", 40),
        ({"left_hip": (100, 0, 0)}, "left_hip", 40),
    ],
)
def test_what_nobody_does_is_named_with_its_size(vectors, joint, excess_deg):
    """Chains count as a whole: a neck may be turned by its two joints together as far as a neck can."""
    excess = joint_excess(pose(**vectors))
    assert np.degrees(excess[joint][0]) == pytest.approx(excess_deg, abs=1e-6)
    assert sum(value[0] > 0 for value in excess.values()) == 1
    assert joint.replace("_", " ") in measure_joint_ranges(pose(**vectors))[0].meaning


def test_left_and_right_are_mirror_images():
    rng = np.random.default_rng(0)
    body_pose = rng.normal(0, 1.2, (50, 21, 3))
    mirrored = np.empty_like(body_pose)
    for index, name in enumerate(SMPL_JOINT_NAMES[1:22]):
        other = name.replace("left", "*").replace("right", "left").replace("*", "right")
        mirrored[:, SMPL_JOINT_NAMES.index(other) - 1] = body_pose[:, index] * [1, -1, -1]
    for name, values in joint_excess(mirrored).items():
        other = name.replace("left", "*").replace("right", "left").replace("*", "right")
        if "left" in name or "right" in name:
            np.testing.assert_allclose(values, joint_excess(body_pose)[other], atol=1e-9)


@pytest.mark.parametrize("name", RANGES)
def test_swing_and_twist_make_up_the_rotation(name):
    """Turning the bone, then about it: nothing of the rotation is lost."""
    joint = RANGES[name]
    body_pose = np.random.default_rng(1).normal(0, 0.8, (20, 21, 3))
    prefix = "left_" if joint.sided else ""
    angles = chain_angles(body_pose, joint, prefix)
    swing = np.zeros((20, 3))
    swing[:, [axis for axis in range(3) if axis != joint.bone]] = angles[:, :2]
    whole = Rotation.from_rotvec(swing) * Rotation.from_rotvec(np.outer(angles[:, 2], np.eye(3)[joint.bone]))
    expected = Rotation.identity(20)
    for link in joint.chain:
        expected = expected * Rotation.from_rotvec(body_pose[:, SMPL_JOINT_NAMES.index(prefix + link) - 1].copy())
    assert (whole.inv() * expected).magnitude().max() < 1e-6


def test_the_share_counts_the_frames():
    body_pose = np.repeat(pose(), 10, axis=0)
    body_pose[3:7] = pose(left_knee=(-60, 0, 0))
    assert measure_joint_ranges(body_pose)[1].value == pytest.approx(0.4)
