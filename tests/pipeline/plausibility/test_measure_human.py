import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from pipeline.body import load_body
from pipeline.body.exceptions import WrongBody
from pipeline.limits import find_limits
from pipeline.measurement import Measurements
from pipeline.plausibility import PlausibilityConfig, measure_human
from pipeline.plausibility.body_parts import body_parts
from pipeline.plausibility.feet import Feet
from pipeline.verdict import judge
from retarget.smpl_motion import SmplMotion
from retarget.smpl_skeleton import SMPL_JOINT_NAMES
from robots.exceptions import InvalidArray

BODY = load_body("open")
BETAS = np.zeros(10)
UPRIGHT = Rotation.from_euler("x", 90, degrees=True)
FPS = 30.0


def measure(motion: SmplMotion) -> Measurements:
    return measure_human(motion, BODY, PlausibilityConfig())


def standing(n_frames: int = 90, fps: float = FPS) -> SmplMotion:
    """The rest pose with hanging arms, soles on the floor."""
    pose = np.zeros((n_frames, 21, 3))
    pose[:, SMPL_JOINT_NAMES.index("left_shoulder") - 1, 2] = -1.2
    pose[:, SMPL_JOINT_NAMES.index("right_shoulder") - 1, 2] = 1.2
    motion = BODY.motion(fps, BETAS, np.tile(UPRIGHT.as_rotvec(), (n_frames, 1)), pose, np.zeros((n_frames, 3)))
    lowest = BODY.verts(replace_frames(motion, slice(0, 1)))[0, :, 2].min()
    return moved(motion, np.array([0.0, 0.0, -lowest]))


def lively(n_frames: int = 60, fps: float = FPS) -> SmplMotion:
    """Every joint swings, the pelvis sways and turns: nothing is zero by accident."""
    phase = np.random.default_rng(3).uniform(0, 2 * np.pi, (21, 3))
    t = np.arange(n_frames)[:, None] / fps
    motion = standing(n_frames, fps)
    turn = Rotation.from_rotvec(0.3 * np.sin(2 * t + phase[0])) * Rotation.from_rotvec(motion.global_orient.copy())
    return replace(
        motion,
        global_orient=turn.as_rotvec(),
        body_pose=motion.body_pose + 0.15 * np.sin(3 * t[:, None] + phase),
        transl=motion.transl + 0.1 * np.sin(2 * t + phase[1]) * [1, 1, 0.3],
    )


def replace_frames(motion: SmplMotion, frames: slice) -> SmplMotion:
    return replace(
        motion,
        global_orient=motion.global_orient[frames],
        body_pose=motion.body_pose[frames],
        transl=motion.transl[frames],
        joint_trust=motion.joint_trust[frames],
    )


def moved(motion: SmplMotion, shift: np.ndarray) -> SmplMotion:
    return replace(motion, transl=motion.transl + shift)


def turned(motion: SmplMotion, rotation: Rotation, about: np.ndarray) -> SmplMotion:
    """Rotate the whole body rigidly about a point of the world."""
    pelvis = motion.rest_joint_pos[0]
    return replace(
        motion,
        global_orient=(rotation * Rotation.from_rotvec(motion.global_orient.copy())).as_rotvec(),
        transl=rotation.apply(motion.transl + pelvis - about) + about - pelvis,
    )


def values(measured: Measurements) -> dict[str, float]:
    return {item.name: item.value for item in measured.items}


def test_measurements_do_not_depend_on_place_and_heading():
    """The world's origin and north are conventions of an estimator, not facts about the motion."""
    motion = lively()
    away = moved(turned(motion, Rotation.from_euler("z", 2.1), np.zeros(3)), np.array([30.0, -70.0, 0.0]))
    assert values(measure(away)) == pytest.approx(values(measure(motion)), abs=1e-6)


def test_a_constant_height_error_is_seen_once():
    """It is one number that one shift repairs; it must not show as penetration, floating or imbalance too."""
    shifted, original = values(measure(moved(lively(), np.array([0, 0, -0.2])))), values(measure(lively()))
    assert shifted.pop("ground_offset") == pytest.approx(original.pop("ground_offset") - 0.2)
    assert shifted == pytest.approx(original, abs=1e-6)


@pytest.mark.parametrize(("name", "shift"), [("penetration_max", -0.05), ("float_max", 0.05)])
def test_a_span_that_sinks_or_hovers_is_measured_with_its_size_and_frames(name, shift):
    """The rest of the clip says where the floor is."""
    motion = standing()
    lift = np.zeros((90, 3))
    lift[30:55, 2] = shift
    found = measure(moved(motion, lift))[name]
    assert found.value == pytest.approx(abs(shift), abs=1e-6)
    np.testing.assert_allclose(np.flatnonzero(found.series > 0.01), np.arange(30, 55))


def jump(slowdown: float) -> SmplMotion:
    """Stand, fly for 0.45 s (or longer, by the slowdown) and stand again."""
    t = np.arange(90) / FPS / slowdown - 1.0
    height = np.maximum(0.0, 9.81 / 2 * t * (0.45 - t))
    return moved(standing(), height[:, None] * [0, 0, 1])


def test_a_jump_is_no_floating_but_the_same_jump_in_slow_motion_is():
    """Gravity is the ruler: at 0.7 times the speed everything falls with half of g."""
    assert measure(jump(1.0))["float_max"].value < 0.03
    slow = measure(jump(1 / 0.7))["float_max"]
    assert slow.value == pytest.approx(9.81 / 8 * 0.45**2, rel=0.02)
    assert 43 <= slow.series.argmax() <= 62


@pytest.mark.parametrize("speed", [0.1, 0.3, 0.5])
def test_a_slide_is_measured_with_its_speed(speed):
    motion = moved(standing(), np.outer(np.arange(90) / FPS, [0.6 * speed, 0.8 * speed, 0]))
    found = measure(motion)
    assert found["skate_mean"].value == pytest.approx(speed, rel=1e-6)
    assert found["skate_p95"].value == pytest.approx(speed, rel=1e-6)


def test_a_foot_that_slides_too_fast_to_be_on_the_floor_is_no_contact():
    """Otherwise a clip that flies along would have no skate and look clean."""
    found = measure(moved(standing(), np.outer(np.arange(90) / FPS, [2.0, 0, 0])))
    assert found["contact_share"].value == 0.0
    assert not judge((found,), find_limits("trainable")).accepted


def test_a_pivot_on_the_ball_of_the_foot_is_no_skate():
    """One point of the sole holds still while the others turn about it."""
    motion = standing(30)
    ball = motion.joints()[0][0, SMPL_JOINT_NAMES.index("left_foot")] * [1, 1, 0]
    yaw = 2.0 * np.arange(30) / FPS
    frames = [
        turned(replace_frames(motion, slice(i, i + 1)), Rotation.from_rotvec([0, 0, yaw[i]]), ball) for i in range(30)
    ]
    pivot = replace(
        motion,
        global_orient=np.concatenate([frame.global_orient for frame in frames]),
        transl=np.concatenate([frame.transl for frame in frames]),
    )
    left, right = Feet.of(pivot, BODY, slow=0.6, low=0.05).slip_speed.max(axis=0)
    assert left < 0.04  # 2 rad/s about a point that is up to 2 cm from the nearest vertex
    assert right > 0.2


def test_a_teleport_is_measured_at_its_frame():
    """15 cm between two frames at 30 fps are 4.5 m/s and 135 m/s^2."""
    shift = np.zeros((90, 3))
    shift[50:, 0] = 0.15
    found = measure(moved(standing(), shift))
    assert found["root_speed"].value == pytest.approx(0.15 * FPS)
    assert found["root_acc"].value == pytest.approx(0.15 * FPS**2)
    assert found["root_speed"].series.argmax() == 49
    assert found["root_acc"].series.argmax() in (49, 50)


def test_a_flip_of_front_and_back_is_measured_at_its_frame():
    motion = standing()
    flipped = turned(motion, Rotation.from_euler("z", np.pi - 1e-6), np.zeros(3))
    orient = np.where(np.arange(90)[:, None] < 40, motion.global_orient, flipped.global_orient)
    found = measure(replace(motion, global_orient=orient))["root_ang_speed"]
    assert found.value == pytest.approx(np.pi * FPS, rel=1e-5)
    assert found.series.argmax() == 39


def test_played_faster_everything_is_faster():
    slow, fast = values(measure(lively())), values(measure(replace(lively(), fps=1.5 * FPS)))
    for name in ("joint_speed", "root_speed", "root_ang_speed"):
        assert fast[name] == pytest.approx(1.5 * slow[name])
    assert fast["root_acc"] == pytest.approx(1.5**2 * slow["root_acc"])


def test_measurements_do_not_depend_on_the_frame_rate():
    """PBHC's own rule counts squared metres a frame, and means another thing at 60 fps."""
    coarse, fine = values(measure(lively(120, 60.0))), values(measure(lively(240, 120.0)))
    for name, value in coarse.items():
        assert fine[name] == pytest.approx(value, rel=0.05, abs=5e-3), name


def com_cop_distance(verts: np.ndarray, faces: np.ndarray) -> float:
    """PBHC's formulas, written out naively for one frame of a body that stands on z = 0."""
    parts = body_parts(BODY, BETAS)
    mass, mass_pos, pressure, pressure_pos = 0.0, np.zeros(2), 0.0, np.zeros(2)
    rest = BODY.rest_verts(BETAS)
    for face, part in zip(faces, parts.face_part, strict=True):
        area = np.linalg.norm(np.cross(rest[face[1]] - rest[face[0]], rest[face[2]] - rest[face[0]])) / 2
        for corner in face:
            x, y, h = verts[corner]
            weight = np.exp(-10 * h) if h >= 0 else 1 - 100 * h
            mass, mass_pos = mass + area * parts.volume[part], mass_pos + area * parts.volume[part] * np.array([x, y])
            pressure, pressure_pos = pressure + area * weight, pressure_pos + area * weight * np.array([x, y])
    return float(np.linalg.norm(mass_pos / mass - pressure_pos / pressure))


@pytest.mark.parametrize("lean_deg", [0, 10, 25])
def test_a_lean_about_the_ankles_is_as_far_off_balance_as_the_formula_says(lean_deg):
    motion = standing(3)
    ankles = motion.joints()[0][0, [SMPL_JOINT_NAMES.index("left_ankle"), SMPL_JOINT_NAMES.index("right_ankle")]]
    leaning = turned(motion, Rotation.from_euler("x", lean_deg, degrees=True), ankles.mean(axis=0))
    found = measure(leaning)
    on_floor = BODY.verts(leaning)[0] - [0, 0, found["ground_offset"].value]
    assert found["com_cop_start"].value == pytest.approx(com_cop_distance(on_floor, BODY.faces), abs=1e-9)


def test_standing_is_stable_and_a_long_lean_is_not():
    """A lean of 25 deg that lasts 4 s has no stable frame for longer than PBHC's 100 frames."""
    motion = standing(240)
    ankles = motion.joints()[0][0, [7, 8]].mean(axis=0)
    leaning = turned(motion, Rotation.from_euler("x", 25, degrees=True), ankles)
    held = (np.arange(240) >= 60) & (np.arange(240) < 180)
    mixed = replace(
        motion,
        global_orient=np.where(held[:, None], leaning.global_orient, motion.global_orient),
        transl=np.where(held[:, None], leaning.transl, motion.transl),
    )
    found = measure(mixed)
    assert measure(motion)["com_cop_p95"].value < 0.03
    assert found["unstable_gap"].value == pytest.approx(121 / FPS)
    assert found["unstable_gap"].spans == ((60, 180),)


def test_frames_that_were_hardly_seen_are_counted_and_told_but_refuse_nothing():
    """A guess may be plausible; whoever trains on it should know that it is one."""
    motion, trust = standing(100), np.ones((100, 24))
    trust[20:60] = 0.1
    trust[70:90, SMPL_JOINT_NAMES.index("left_wrist")] = 0.0  # one hidden joint is no thin evidence
    found = measure(replace(motion, joint_trust=trust))
    assert found["thin_evidence_share"].value == pytest.approx(0.4)
    assert found["thin_evidence_share"].spans == ((20, 60),)
    assert measure(motion)["thin_evidence_share"].value == 0.0
    for tier in ("trainable", "clean"):
        verdict = judge((found,), find_limits(tier))
        assert verdict.accepted
        assert [check.spans for check in verdict.checks if not check.passed] == [((20, 60),)]
        assert "hardly seen" in verdict.reasons[0]


@pytest.mark.parametrize("n_frames", [1, 2, 3])
def test_the_shortest_motions_are_measured(n_frames):
    """A trim may leave little; it is for a limit on duration to refuse it, not for a crash."""
    measured = measure(standing(n_frames))
    assert measured.n_frames == n_frames
    assert measured["joint_speed"].value == 0.0


def test_a_motion_with_nan_cannot_exist():
    with pytest.raises(InvalidArray, match="transl: holds NaN"):
        moved(standing(5), np.array([np.nan, 0, 0]))


def test_a_motion_of_another_body_is_refused():
    with pytest.raises(WrongBody):
        measure(replace(standing(5), body="someone_else"))


def test_standing_passes_the_clean_tier():
    verdict = judge((measure(standing()),), find_limits("clean"))
    assert verdict.accepted
    assert verdict.reasons == ()


def faulty(motion: SmplMotion) -> dict[str, SmplMotion]:
    """What breaks in video estimates, applied to a good motion."""
    n = len(motion)
    t = np.arange(n)[:, None] / motion.fps
    late = (np.arange(n) >= n // 2)[:, None]
    middle = motion.joints()[0][:, 0].mean(axis=0)
    back = turned(motion, Rotation.from_euler("z", 180, degrees=True), middle)
    lean = turned(motion, Rotation.from_euler("x", 35, degrees=True), middle * [1, 1, 0])
    return {
        "teleport": moved(motion, late * np.array([0.15, 0, 0])),
        "slide": moved(motion, 0.3 * t * [1, 0, 0]),
        "gliding": moved(motion, 2.0 * t * [1, 0, 0]),
        "height_drift": moved(motion, 0.06 * t * [0, 0, 1]),
        "hover": moved(motion, np.where(t > 3.5, 0.2, 0.0) * [0, 0, 1]),
        "front_back_flip": replace(motion, global_orient=np.where(late, back.global_orient, motion.global_orient)),
        "world_tilt": lean,
        "upside_down": turned(motion, Rotation.from_euler("x", 180, degrees=True), middle),
    }


def test_faults_of_video_estimates_are_refused_and_told():
    assert judge((measure(standing(150)),), find_limits("trainable")).reasons == ()
    for fault, broken in faulty(standing(150)).items():
        verdict = judge((measure(broken),), find_limits("trainable"))
        assert not verdict.accepted, fault
        assert all(reason.startswith("plausibility: ") for reason in verdict.reasons)


def test_memory_does_not_hold_the_skin_of_every_frame():
    """10 000 frames of skin would be 3 GB; a motion may be that long."""
    motion = standing(2000)
    tracemalloc.start()
    measure(motion)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 0.25 * len(motion) * len(BODY.template_verts) * 24
