from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from pipeline.body import load_body
from pipeline.plausibility.breaks import flipped_frames, in_girdles, in_pelvis, measure_breaks, swapped_sides
from pipeline.plausibility.measure import joint_paths
from retarget.smpl_motion import SmplMotion
from retarget.smpl_skeleton import SMPL_JOINT_NAMES

BODY = load_body("open")
FPS = 30.0
SPAN = slice(40, 62)


def stepping(n_frames: int = 120, fps: float = FPS) -> SmplMotion:
    """Legs and arms swing in turn, a little more on one side, while the body turns and travels."""
    t = np.arange(n_frames) / fps
    pose = np.zeros((n_frames, 21, 3))
    for side, sign in (("left", 1.0), ("right", -1.0)):
        swing = sign * np.sin(4 * t) + 0.3 * (sign > 0)
        pose[:, SMPL_JOINT_NAMES.index("spine1") - 1, 2] = 0.4  # leaning, so that chest and pelvis differ
        pose[:, SMPL_JOINT_NAMES.index(f"{side}_hip") - 1, 0] = -0.5 - 0.5 * swing
        pose[:, SMPL_JOINT_NAMES.index(f"{side}_knee") - 1, 0] = 0.8 + 0.6 * swing
        pose[:, SMPL_JOINT_NAMES.index(f"{side}_shoulder") - 1, 2] = -1.1 * sign
        pose[:, SMPL_JOINT_NAMES.index(f"{side}_elbow") - 1, 1] = -sign * (0.9 + 0.5 * swing)
    orient = Rotation.from_rotvec(np.outer(0.8 * t, [0, 0, 1])) * Rotation.from_euler("x", 90, degrees=True)
    return BODY.motion(fps, np.zeros(10), orient.as_rotvec(), pose, np.outer(t, [0.6, 0.2, 0.0]))


def found(motion: SmplMotion) -> dict:
    pos, root, chest = joint_paths(motion)
    seen = in_pelvis(pos, root)
    items = measure_breaks(pos[:, 0], root, seen, in_girdles(seen, root, chest), motion.fps)
    return {item.name: item for item in items}


def local(motion: SmplMotion) -> np.ndarray:
    pos, root, chest = joint_paths(motion)
    return in_girdles(in_pelvis(pos, root), root, chest)


def mirrored_limbs(motion: SmplMotion, limbs: tuple[str, ...]) -> SmplMotion:
    pose = np.array(motion.body_pose)
    for name in limbs:
        left, right = (SMPL_JOINT_NAMES.index(f"{side}_{name}") - 1 for side in ("left", "right"))
        pose[SPAN, left], pose[SPAN, right] = pose[SPAN, right] * [1, -1, -1], pose[SPAN, left] * [1, -1, -1]
    return replace(motion, body_pose=pose)


@pytest.mark.parametrize("fps", [24.0, 30.0, 120.0])
def test_a_motion_without_breaks_has_none(fps):
    motion = stepping(int(4 * fps), fps)
    items = found(motion)
    assert items["root_jump"].value < 0.005
    assert items["limb_jump"].value < 0.03
    assert items["root_flip"].value < 0.02
    assert [items[n].value for n in ("freeze_duration", "flipped_share", "swapped_share")] == [0, 0, 0]


@pytest.mark.parametrize(
    "limbs", [("hip", "knee", "ankle", "foot"), ("shoulder", "elbow"), ("hip", "knee", "shoulder", "elbow")]
)
def test_swapped_limbs_are_told_in_their_frames(limbs):
    """The limbs jump to the other side's pose and back; with sides changed the motion goes on."""
    swapped = mirrored_limbs(stepping(), limbs)
    np.testing.assert_array_equal(np.flatnonzero(swapped_sides(local(swapped))), np.arange(SPAN.start, SPAN.stop))


def test_limbs_that_change_places_are_told_as_well():
    """A left leg put where the right one is, not its mirror image."""
    joints = local(stepping())
    legs = {
        side: [SMPL_JOINT_NAMES.index(f"{side}_{j}") for j in ("hip", "knee", "ankle", "foot")]
        for side in ("left", "right")
    }
    swapped = joints.copy()
    swapped[SPAN, legs["left"]], swapped[SPAN, legs["right"]] = joints[SPAN, legs["right"]], joints[SPAN, legs["left"]]
    np.testing.assert_array_equal(np.flatnonzero(swapped_sides(swapped)), np.arange(SPAN.start, SPAN.stop))


def test_front_taken_for_back_is_told_in_its_frames():
    motion = stepping()
    orient = np.array(motion.global_orient)
    half = Rotation.from_rotvec([0, np.pi - 1e-6, 0])
    orient[SPAN] = (Rotation.from_rotvec(orient[SPAN]) * half).as_rotvec()
    flipped = replace(motion, global_orient=orient)
    np.testing.assert_array_equal(np.flatnonzero(flipped_frames(joint_paths(flipped)[1])), np.arange(40, 62))
    assert found(flipped)["root_flip"].value > 3.0


def test_a_fast_spin_is_no_flip():
    """Two turns a second, as in a jump spin: the turning explains itself."""
    orient = Rotation.from_rotvec(np.outer(4 * np.pi * np.arange(60) / FPS, [0, 0, 1])) * Rotation.from_euler(
        "x", 90, degrees=True
    )
    rotation = orient.as_matrix()
    assert not flipped_frames(rotation).any()


def test_a_freeze_within_motion_is_told_with_its_length():
    motion = stepping()
    source = np.arange(120)
    source[50:70] = 50
    frozen = replace(
        motion,
        global_orient=motion.global_orient[source],
        body_pose=motion.body_pose[source],
        transl=motion.transl[source],
    )
    item = found(frozen)["freeze_duration"]
    assert item.value == pytest.approx(19 / FPS)
    np.testing.assert_array_equal(np.flatnonzero(item.series), np.arange(50, 70))


def test_a_limb_that_jumps_for_a_frame_is_named():
    motion = stepping()
    pose = np.array(motion.body_pose)
    pose[60, SMPL_JOINT_NAMES.index("right_elbow") - 1, 1] += 1.5
    item = found(replace(motion, body_pose=pose))["limb_jump"]
    assert item.value > 0.2
    assert "right_wrist" in item.meaning
    assert item.series.argmax() in (59, 60)


@pytest.mark.parametrize("n_frames", [1, 2, 3])
def test_the_shortest_motions_accuse_of_nothing(n_frames):
    assert [item.value for item in found(stepping(n_frames)).values()] == [0] * 6
