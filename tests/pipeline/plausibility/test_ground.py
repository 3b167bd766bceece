from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from pipeline.body import load_body
from pipeline.measurement import Measurements
from pipeline.plausibility import PlausibilityConfig, measure_human
from retarget.smpl_motion import SmplMotion
from retarget.smpl_skeleton import SMPL_JOINT_NAMES
from robots.exceptions import InvalidArray

BODY = load_body("open")
FPS = 30.0
UP = np.array([0.0, 0.0, 1.0])


def measure(motion: SmplMotion) -> Measurements:
    return measure_human(motion, BODY, PlausibilityConfig())


def wide_stance(n_frames: int = 120, fps: float = FPS) -> SmplMotion:
    """A straddle on z = 0 that turns slowly: heels and toes stand far apart in both directions in turn."""
    pose = np.zeros((n_frames, 21, 3))
    for side, sign in (("left", 1.0), ("right", -1.0)):
        pose[:, SMPL_JOINT_NAMES.index(f"{side}_hip") - 1, 2] = 0.35 * sign
        pose[:, SMPL_JOINT_NAMES.index(f"{side}_ankle") - 1, 2] = -0.35 * sign
        pose[:, SMPL_JOINT_NAMES.index(f"{side}_shoulder") - 1, 2] = -1.1 * sign
    yaw = np.where(np.arange(n_frames) < n_frames // 2, 0.0, np.pi / 2)
    orient = Rotation.from_rotvec(np.outer(yaw, UP)) * Rotation.from_euler("x", 90, degrees=True)
    motion = BODY.motion(fps, np.zeros(10), orient.as_rotvec(), pose, np.zeros((n_frames, 3)))
    lowest = BODY.verts(motion)[..., 2].min(axis=1, keepdims=True)
    return replace(motion, transl=motion.transl - lowest * UP)


def lifted(motion: SmplMotion, height: np.ndarray) -> SmplMotion:
    return replace(motion, transl=motion.transl + height[:, None] * UP)


def tilted(motion: SmplMotion, angle: float) -> SmplMotion:
    turn, pelvis = Rotation.from_rotvec([angle, 0.0, 0.0]), motion.rest_joint_pos[0]
    orient = turn * Rotation.from_rotvec(motion.global_orient.copy())
    return replace(motion, global_orient=orient.as_rotvec(), transl=turn.apply(motion.transl + pelvis) - pelvis)


CLEAN = wide_stance()
T = np.arange(120) / FPS


@pytest.mark.parametrize("rate", [0.03, -0.05])
def test_a_drift_is_measured_with_its_rate(rate):
    found = measure(lifted(CLEAN, rate * T))["ground_drift"]
    assert found.value == pytest.approx(abs(rate), rel=0.1)
    assert ("rises" if rate > 0 else "sinks") in found.meaning


def test_a_level_stance_neither_drifts_nor_wanders_nor_tilts():
    found = measure(CLEAN)
    for name in ("ground_drift", "ground_wander_p95", "sinking_p95", "hover_max", "hover_duration", "flight_share"):
        assert found[name].value < 1e-3, name
    assert found["ground_tilt"].value < np.radians(0.5)


@pytest.mark.parametrize("angle_deg", [5, 10])
def test_an_inclined_world_shows_in_the_plane_of_the_stances(angle_deg):
    """Drawn towards level by what feet 40 cm apart leave open."""
    found = measure(tilted(CLEAN, np.radians(angle_deg)))["ground_tilt"]
    assert 0.6 * angle_deg < np.degrees(found.value) < 1.1 * angle_deg


def jump(airtime: float, speed: float = 1.0) -> SmplMotion:
    """Two jumps, played at another speed frame for frame."""
    t = np.arange(120) / FPS * speed
    height = sum(np.maximum(0.0, 9.81 / 2 * (t - at) * (airtime - (t - at))) for at in (0.5, 1.4))
    return lifted(CLEAN, np.asarray(height))


@pytest.mark.parametrize("speed", [0.5, 0.7, 0.8, 1.0, 1.25, 1.5, 2.0])
def test_the_speed_of_playback_is_recovered_from_jumps(speed):
    """Gravity is the ruler; 24 frames a second relabelled as 30 are a speed of 1.25."""
    found = measure(jump(0.5, speed))
    assert found["playback_speed"].value == pytest.approx(speed, rel=0.05)
    assert (found["playback_speed_error"].value > 0.1) == (speed != 1.0)


def test_a_hovering_jump_is_told_in_its_frames_and_a_fall_is_none():
    """An estimate that glides through the air has no parabola."""
    glide = lifted(CLEAN, 0.25 * ((T > 1.0) & (T < 1.6)) * (0.4 + np.abs(np.sin(9 * T))))
    found = measure(glide)["hover_duration"]
    assert found.value > 0.3
    assert found.series is not None
    assert set(np.flatnonzero(found.series)) <= set(np.flatnonzero((T > 0.95) & (T < 1.65)))
    assert measure(jump(0.5))["hover_duration"].value == 0.0


def test_settings_out_of_range_are_refused():
    with pytest.raises(InvalidArray, match="min_flight"):
        PlausibilityConfig(min_flight=0.0)


def stance_at(angle: float) -> SmplMotion:
    turn, pelvis = Rotation.from_rotvec([0.0, angle, 0.0]), CLEAN.rest_joint_pos[0]
    orient = turn * Rotation.from_rotvec(CLEAN.global_orient.copy())
    return replace(CLEAN, global_orient=orient.as_rotvec(), transl=turn.apply(CLEAN.transl + pelvis) - pelvis)


@pytest.mark.parametrize("angle", [np.pi / 2, np.pi])
def test_lying_and_standing_on_the_head_are_measured(angle):
    assert np.isfinite([item.value for item in measure(stance_at(angle)).items]).all()


@pytest.mark.parametrize("n_frames", [1, 2, 3, 4])
def test_the_shortest_motions_are_measured(n_frames):
    assert np.isfinite([item.value for item in measure(wide_stance(n_frames)).items]).all()
