from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from pipeline.body import load_body
from pipeline.body.exceptions import WrongBody
from pipeline.plausibility.ground_curve import GroundConfig, ground_curve
from pipeline.plausibility.regrounding import RegroundingConfig, reground
from pipeline.plausibility.support import SupportConfig, find_support, outer_verts
from retarget.smpl_motion import SmplMotion
from retarget.smpl_skeleton import SMPL_JOINT_NAMES
from robots.exceptions import InvalidArray

BODY = load_body("open")
FPS = 30.0
UP = np.array([0.0, 0.0, 1.0])
CONFIG = RegroundingConfig()


def standing(n_frames: int, fps: float = FPS) -> SmplMotion:
    """Soles on the floor z = 0, knees and arms in motion: the pelvis goes up and down while the feet stay."""
    t = np.arange(n_frames) / fps
    bend = 0.4 + 0.3 * np.sin(2.1 * t)
    pose = np.zeros((n_frames, 21, 3))
    for side, sign in (("left", -1), ("right", 1)):
        for joint, angle in (("hip", -bend), ("knee", 2 * bend), ("ankle", -bend)):
            pose[:, SMPL_JOINT_NAMES.index(f"{side}_{joint}") - 1, 0] = angle
        pose[:, SMPL_JOINT_NAMES.index(f"{side}_shoulder") - 1, 2] = sign * (1.1 + 0.2 * np.sin(3 * t))
    orient = np.tile(Rotation.from_euler("x", 90, degrees=True).as_rotvec(), (n_frames, 1))
    motion = BODY.motion(fps, np.zeros(10), orient, pose, np.zeros((n_frames, 3)))
    lowest = np.concatenate([verts[..., 2].min(axis=1) for verts in BODY.iter_verts(motion)])
    ankles = motion.joints()[0][:, 7:9].mean(axis=1) * [1, 1, 0]
    return replace(motion, transl=motion.transl - lowest[:, None] * UP - ankles)


def lifted(motion: SmplMotion, height: np.ndarray | float) -> SmplMotion:
    return replace(motion, transl=motion.transl + np.broadcast_to(height, len(motion))[:, None] * UP)


def flight(n_frames: int, take_off: float, airtime: float, gravity: float = 9.81, fps: float = FPS) -> np.ndarray:
    """Height of a body that leaves the floor and lands again [m]."""
    t = np.arange(n_frames) / fps - take_off
    return np.maximum(0.0, gravity / 2 * t * (airtime - t))


def height_error(motion: SmplMotion, truth: SmplMotion) -> float:
    return float(np.abs(motion.transl[:, 2] - truth.transl[:, 2]).max())


CLEAN = standing(180)
JUMP = lifted(CLEAN, flight(180, 2.5, 0.5))
T = np.arange(180) / FPS


@pytest.mark.parametrize("clean", [CLEAN, JUMP])
@pytest.mark.parametrize(
    "fault",
    [0.0 * T, 0.0 * T + 0.3, 0.03 * T, -0.03 * T, 0.05 * np.sin(2 * np.pi * 0.4 * T)],
    ids=["none", "offset", "rise", "sink", "bob"],
)
def test_a_wandering_ground_is_brought_back_within_a_centimetre(clean, fault):
    """Knees bend and a jump goes up all the while: only what moves the standing feet is taken off."""
    assert height_error(reground(lifted(clean, fault), BODY, CONFIG), clean) < 0.01


def test_steps_up_between_stances_are_taken_off_as_well():
    """An estimator that loses height loses it while the person moves: stances are level, the later ones higher."""
    fault = 0.15 * np.clip((T - 2.5) / 0.5, 0, 1)
    assert height_error(reground(lifted(JUMP, fault), BODY, CONFIG), JUMP) < 0.02


def test_only_heights_change():
    out = reground(lifted(JUMP, 0.03 * T), BODY, CONFIG)
    np.testing.assert_array_equal(out.transl[:, :2], JUMP.transl[:, :2])
    np.testing.assert_array_equal(out.body_pose, JUMP.body_pose)
    np.testing.assert_array_equal(out.global_orient, JUMP.global_orient)


def test_a_jump_that_hovers_gets_the_height_that_its_airtime_demands():
    """0.5 s in the air take the body to g T^2 / 8 = 31 cm; an estimate that damps heights had shown 21 cm."""
    hovering = lifted(CLEAN, flight(180, 2.5, 0.5, gravity=6.5))
    assert height_error(reground(hovering, BODY, CONFIG), JUMP) < 0.04
    assert height_error(reground(hovering, BODY, replace(CONFIG, ballistic=False)), hovering) < 0.01


def test_a_hand_may_carry():
    """Upside down on the hands the feet are two metres up, and the ground is where the hands are."""
    motion = standing(40)
    turned = Rotation.from_euler("y", 180, degrees=True) * Rotation.from_rotvec(motion.global_orient.copy())
    pose = np.array(motion.body_pose)
    for side, angle in (("left", 1.5), ("right", -1.5)):
        pose[:, SMPL_JOINT_NAMES.index(f"{side}_shoulder") - 1, 2] = angle
    out = reground(replace(motion, global_orient=turned.as_rotvec(), body_pose=pose), BODY, CONFIG)
    lowest = np.concatenate([verts[..., 2].min(axis=1) for verts in BODY.iter_verts(out)])
    assert np.abs(lowest).max() < 0.01


def test_the_hulls_of_the_parts_hold_the_lowest_point_of_the_skin():
    motion = standing(20)
    verts = BODY.verts(motion)[..., 2]
    np.testing.assert_allclose(verts[:, outer_verts(BODY, motion.betas)].min(axis=1), verts.min(axis=1), atol=1e-3)


@pytest.mark.parametrize("n_frames", [1, 2, 3])
def test_the_shortest_motions_are_grounded_too(n_frames):
    out = reground(lifted(standing(n_frames), 0.4), BODY, CONFIG)
    assert height_error(out, standing(n_frames)) < 0.01


def test_the_ground_without_any_stance_is_the_median_of_the_lowest_points():
    height = np.array([0.1, 0.5, 0.2, 0.9, 0.3])
    np.testing.assert_allclose(ground_curve(height, np.zeros(5, dtype=bool), FPS, GroundConfig()), 0.3)


def test_one_wrong_stance_does_not_move_the_ground():
    """Robust: a minimum over the clip would follow the worst frame of all."""
    height = np.zeros(120)
    height[60:63] = -0.3
    curve = ground_curve(height, np.ones(120, dtype=bool), FPS, GroundConfig())
    assert np.abs(curve).max() < 0.02


def test_the_ground_goes_straight_through_a_flight():
    """A straight correction leaves a fall its acceleration."""
    held = np.ones(90, dtype=bool)
    held[40:55] = False
    height = np.where(np.arange(90) < 48, 0.0, 0.1) + np.where(held, 0.0, 0.5)
    curve = ground_curve(height, held, FPS, GroundConfig())
    assert np.abs(np.diff(curve[41:54], 2)).max() < 1e-4


@pytest.mark.parametrize("fps", [24.0, 60.0, 120.0])
def test_the_ground_means_the_same_at_every_rate(fps):
    t = np.arange(int(4 * fps)) / fps
    wave = 0.04 * np.sin(2 * np.pi * 0.5 * t)
    curve = ground_curve(wave, np.ones(len(t), dtype=bool), fps, GroundConfig())
    assert np.abs(curve - wave)[(t > 0.5) & (t < 3.5)].max() < 0.002


def test_a_body_that_never_rests_is_carried_by_nothing():
    falling = lifted(CLEAN, -2.0 * T)
    assert not find_support(falling, BODY, SupportConfig()).held.any()


def test_support_is_found_the_same_in_long_motions():
    """Frames are posed in batches; their seams must not show."""
    long = standing(1100)
    whole = find_support(long, BODY, SupportConfig())
    part = find_support(long.part(480 / FPS, 600 / FPS), BODY, SupportConfig())
    np.testing.assert_allclose(part.height[:-1], whole.height[480:600], atol=1e-9)
    assert whole.held.all()


def test_the_body_of_another_motion_is_refused():
    with pytest.raises(WrongBody, match="made with body"):
        reground(replace(CLEAN, body="other"), BODY, CONFIG)


@pytest.mark.parametrize("name", ["cutoff_hz", "outlier"])
def test_settings_out_of_range_are_refused(name):
    with pytest.raises(InvalidArray, match=name):
        GroundConfig(**{name: -1.0})
