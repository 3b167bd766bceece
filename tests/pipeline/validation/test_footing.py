"""Laws of what a robot stands on: whatever slides with all that touches the floor is told, whatever its labels say."""

from dataclasses import replace

import numpy as np
import pytest

from pipeline.limits import find_limits
from pipeline.measurement import Measurements
from pipeline.validation import ValidationConfig, measure_robot
from pipeline.validation.body_geometry import body_geometry
from pipeline.verdict import judge
from robots.g1 import load_g1
from robots.motion import RobotMotion
from robots.soles import Soles

ROBOT = load_g1()
FPS, FRAMES = 30.0, 240
TIME = np.arange(FRAMES) / FPS
UNHELD = ("unheld_share", "unheld_duration", "unheld_way")


def measure(motion: RobotMotion) -> Measurements:
    return measure_robot(motion, ROBOT, ValidationConfig())


def standing(labels: float = 1.0) -> RobotMotion:
    qpos = np.tile(ROBOT.default_qpos, (FRAMES, 1))
    contact = np.full((FRAMES, 2), labels)
    return RobotMotion.from_qpos(qpos, fps=FPS, joint_names=ROBOT.joint_names, foot_contact=contact)


def sliding(speed: float, labels: float = 0.0) -> RobotMotion:
    """Stands, slides for four of eight seconds, gathering its speed within one, and stands again."""
    way = speed * np.cumsum(np.clip(np.minimum(TIME - 2, 6 - TIME), 0, 1)) / FPS
    motion = standing(labels)
    return replace(motion, root_pos_w=motion.root_pos_w + np.outer(way, [0.6, 0.8, 0.0]))


@pytest.mark.parametrize("labels", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("speed", [1.1, 3.1])
def test_a_slide_is_measured_with_its_way_and_frames_whatever_the_labels_say(speed, labels):
    """Labels are an opinion of the same file, and often made from slow feet."""
    found = measure(sliding(speed, labels))
    moving = np.clip(np.minimum(TIME - 2, 6 - TIME), 0, 1)[1:] * speed > 0.2  # a frame holds the step to the next
    assert found["unheld_way"].value == pytest.approx(3 * speed, rel=0.03)
    np.testing.assert_array_equal(np.asarray(found["unheld_share"].series)[:-1] > 0, moving)
    assert found["unheld_duration"].value == pytest.approx(moving.sum() / FPS, abs=1e-9)


@pytest.mark.parametrize("tier", ["clean", "trainable"])
@pytest.mark.parametrize("speed", [0.5, 1.0, 3.0])
def test_a_slide_is_refused_where_labels_are_taken_from_slow_feet(speed, tier):
    """A foot that is too fast to stand takes its own skate away."""
    motion = sliding(speed)
    motion = replace(motion, foot_contact=Soles.of(motion, ROBOT).standing().astype(float))
    verdict = judge((measure(motion),), find_limits(tier))
    assert not verdict.accepted
    assert any("unheld_duration" in reason for reason in verdict.reasons)


def test_who_stands_or_turns_on_a_foot_holds_still():
    """A pivot about a point of the sole moves everything but that point."""
    middle = Soles.of(standing(), ROBOT).corners_w[0, 0].mean(axis=0) * [1, 1, 0]
    turn = 2.0 * TIME
    away = standing().root_pos_w - middle
    cos, sin = np.cos(turn), np.sin(turn)
    pos = np.stack([cos * away[:, 0] - sin * away[:, 1], sin * away[:, 0] + cos * away[:, 1], away[:, 2]], axis=1)
    quat = np.stack([np.cos(turn / 2), 0 * turn, 0 * turn, np.sin(turn / 2)], axis=1)
    pivot = replace(standing(), root_pos_w=pos + middle, root_quat_wxyz=quat)
    for motion in (standing(), pivot):
        found = measure(motion)
        assert [found[name].value for name in UNHELD] == [0.0, 0.0, 0.0]


def test_a_foot_that_stands_in_the_air_holds_nobody():
    """One foot is high and at rest while the robot slides on the other."""
    motion = standing()
    joint_pos = motion.joint_pos.copy()
    names = list(ROBOT.joint_names)
    joint_pos[:, names.index("left_hip_pitch_joint")] -= 0.8
    joint_pos[:, names.index("left_knee_joint")] += 1.0
    swing = 0.4 * np.sin(2 * np.pi * 0.5 * TIME)
    joint_pos[:, names.index("right_hip_pitch_joint")] += swing
    joint_pos[:, names.index("right_ankle_pitch_joint")] -= swing
    soles = Soles.of(replace(motion, joint_pos=joint_pos), ROBOT)
    shift = np.zeros((FRAMES, 3))
    shift[:, :2] = soles.origin_w[0, 0, :2] - soles.origin_w[:, 0, :2]  # the high foot is what stays
    shift[:, 2] = -soles.height.min(axis=1)
    held_aloft = replace(motion, joint_pos=joint_pos, root_pos_w=motion.root_pos_w + shift)
    assert Soles.of(held_aloft, ROBOT).height[:, 0].min() > 0.05
    assert measure(held_aloft)["unheld_share"].value > 0.3


def test_a_knee_that_rests_on_the_floor_holds():
    """Soles that move over the floor behind a kneeling robot are no slide; a robot that slides on its knees is one."""
    names = list(ROBOT.joint_names)
    motion = standing()
    joint_pos = motion.joint_pos.copy()
    for side in ("left", "right"):
        joint_pos[:, names.index(f"{side}_hip_pitch_joint")] = 0.0
        joint_pos[:, names.index(f"{side}_knee_joint")] = 1.5
        joint_pos[:, names.index(f"{side}_ankle_pitch_joint")] = 0.5
    kneeling = replace(motion, joint_pos=joint_pos)
    geometry = body_geometry(ROBOT, kneeling.qpos[:1])
    kneeling = replace(kneeling, root_pos_w=kneeling.root_pos_w - [0, 0, geometry.lowest_height[0]])
    still = measure(kneeling)
    gone = measure(replace(kneeling, root_pos_w=kneeling.root_pos_w + np.outer(TIME, [1.0, 0.0, 0.0])))
    assert still["unheld_share"].value == 0.0
    assert gone["unheld_share"].value == 1.0


def test_a_jump_is_no_slide():
    """In free flight nothing holds the robot, and nothing has to."""
    flight = 0.5
    since = np.clip(TIME - 2, 0.0, flight)
    motion = standing()
    rise = 9.81 / 2 * since * (flight - since)
    motion = replace(motion, root_pos_w=motion.root_pos_w + np.stack([2.0 * since, 0 * since, rise], axis=1))
    assert measure(motion)["unheld_duration"].value < 0.1


def test_a_world_far_from_its_floor_is_measured_all_the_same():
    """Files in other axes lie metres off; what stands on what is told by heights among themselves."""
    found = [measure(replace(m, root_pos_w=m.root_pos_w - [0, 0, 5.0])) for m in (standing(), sliding(1.1))]
    assert found[0]["unheld_share"].value == 0.0
    assert found[1]["unheld_way"].value == pytest.approx(3.3, rel=0.03)
