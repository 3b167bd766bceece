"""Legs reach their footsteps exactly, as legs do."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from pipeline.body import load_body
from pipeline.kfbench import PIECES
from pipeline.kfbench.footwork import SMPL_TO_WORLD, FootPath, UnreachableStance, foot_path, solve_leg
from retarget.smpl_skeleton import SMPL_JOINT_NAMES

REST = load_body("open").rest_joints(np.zeros(10))
HIP, KNEE, ANKLE = (REST[SMPL_JOINT_NAMES.index(f"left_{name}")] for name in ("hip", "knee", "ankle"))
TIMES = np.arange(400) / 100


def solve(targets, foot_rotations, pelvis):
    path = FootPath(pos_w=targets, rot_w=foot_rotations, contact=np.ones(len(targets), dtype=bool))
    return solve_leg(
        hip_w=np.zeros((len(targets), 3)),
        pelvis_rot_w=pelvis,
        path=path,
        thigh=KNEE - HIP,
        shin=ANKLE - KNEE,
        foot="left",
        times=TIMES[: len(targets)],
    )


def random_case(n):
    rng = np.random.default_rng(1)
    length = np.linalg.norm(KNEE - HIP) + np.linalg.norm(ANKLE - KNEE)
    direction = np.column_stack([rng.uniform(-0.6, 0.9, n), rng.uniform(-0.4, 0.6, n), -np.ones(n)])
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    targets = direction * (length * rng.uniform(0.5, 0.97, n))[:, None]
    yaw, pitch = rng.uniform(-0.8, 0.8, n), rng.uniform(-0.5, 0.5, n)
    feet = Rotation.from_euler("ZY", np.column_stack([yaw, pitch])).as_matrix() @ SMPL_TO_WORLD
    pelvis = Rotation.from_rotvec(rng.normal(scale=0.2, size=(n, 3))).as_matrix() @ SMPL_TO_WORLD
    return targets, feet, pelvis


def test_ankle_lands_on_its_target_with_the_foot_as_wanted():
    """Forward kinematics of the solution gives the footstep back, to rounding."""
    targets, feet, pelvis = random_case(300)
    hip, knee, ankle = solve(targets, feet, pelvis)
    thigh = pelvis @ hip
    reached = thigh @ (KNEE - HIP) + thigh @ knee @ (ANKLE - KNEE)
    np.testing.assert_allclose(reached, targets, atol=1e-9)
    np.testing.assert_allclose(thigh @ knee @ ankle, feet, atol=1e-9)


def test_knee_only_bends_and_only_backwards():
    """A knee is a hinge; SMPL would let it do anything."""
    _, knee, _ = solve(*random_case(300))
    vectors = Rotation.from_matrix(knee).as_rotvec()
    assert np.abs(vectors[:, 1:]).max() < 1e-9
    assert vectors[:, 0].min() > 0.0


def test_knee_points_forward():
    """Of the circle of solutions the human one is taken."""
    targets, feet, pelvis = random_case(300)
    hip, _, _ = solve(targets, feet, pelvis)
    knee_w = pelvis @ hip @ (KNEE - HIP)
    along = targets / np.linalg.norm(targets, axis=1, keepdims=True)
    aside = knee_w - np.sum(knee_w * along, axis=1, keepdims=True) * along
    bent = np.linalg.norm(aside, axis=1) > 0.05
    assert (aside[bent, 0] > 0).all()


def test_a_footstep_out_of_reach_names_foot_time_and_distance():
    """An author has to know where, and by how much."""
    targets, feet, pelvis = random_case(3)
    targets[1] = [0.0, 0.0, -1.2]
    with pytest.raises(UnreachableStance, match=r"at 0\.01 s the left leg is 3\d\.\d cm too short"):
        solve(targets, feet, pelvis)


@pytest.mark.parametrize("piece", PIECES.values(), ids=PIECES)
@pytest.mark.parametrize("foot", ["left", "right"])
def test_ankle_path_is_smooth_and_does_not_move_in_stance(piece, foot):
    """Between landing and lifting position and orientation are one and the same."""
    times = np.arange(round(piece.duration * 480) + 1) / 480
    path = foot_path(piece, foot, times, leg_length=0.8, ankle_height=0.08)
    both = path.contact[1:] & path.contact[:-1]
    assert np.abs(np.diff(path.pos_w, axis=0)[both]).max() < 1e-12
    assert np.abs(np.diff(path.rot_w, axis=0)[both]).max() < 1e-12
    acceleration = np.linalg.norm(np.diff(path.pos_w, n=2, axis=0), axis=1) * 480**2
    assert acceleration.max() < 60.0  # a corner in the path would show as hundreds
    assert path.pos_w[:, 2].min() >= 0.08 - 1e-12
