"""Laws of balance: what lies over the support, and what does not."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial import ConvexHull
from scipy.spatial.transform import Rotation

from pipeline.measurement import Measurement
from pipeline.validation.balance import NOWHERE, BalanceConfig, measure_balance
from pipeline.validation.force_series import explain_motion
from pipeline.validation.support import outside_support
from robots.arrays import InvalidArray
from robots.contact_forces import explain_forces
from robots.contact_points import ContactPoints, contact_points
from robots.g1 import load_g1
from robots.motion import RobotMotion
from robots.trajectory import robot_trajectory

ROBOT = load_g1("29dof")
CONFIG = BalanceConfig()


def standing(frames: int = 60, path: np.ndarray | None = None, tilt: float = 0.0) -> RobotMotion:
    """The default pose, turned about its ankles and carried along a path."""
    qpos = np.tile(ROBOT.default_qpos, (frames, 1))
    turn = Rotation.from_euler("y", tilt)
    qpos[:, :3] = turn.apply(qpos[0, :3])
    qpos[:, 3:7] = turn.as_quat(scalar_first=True)
    qpos[:, :3] += 0.0 if path is None else path
    return RobotMotion.from_qpos(qpos, fps=30.0, joint_names=ROBOT.joint_names, foot_contact=np.ones((frames, 2)))


def measured(motion: RobotMotion, config: BalanceConfig = CONFIG) -> dict[str, Measurement]:
    return {item.name: item for item in measure_balance(ROBOT, motion, config)}


def support(*frames: np.ndarray) -> ContactPoints:
    """Contacts at given places on the floor."""
    counts = [len(points) for points in frames]
    places = np.concatenate(frames) if frames else np.empty((0, 2))
    return ContactPoints(
        starts=np.concatenate([[0], np.cumsum(counts)]),
        pos_w=np.column_stack([places, np.zeros(len(places))]),
        body=np.zeros(len(places)),
        identity=np.arange(len(places)),
        floor_height=0.0,
    )


SQUARE = np.array([[0.0, 0], [1, 0], [1, 1], [0, 1]])


@pytest.mark.parametrize(
    ("point", "distance"),
    [((0.5, 0.5), 0), ((0.0, 0.5), 0), ((1.0, 1.0), 0), ((0.5, -0.2), 0.2), ((1.3, 1.4), 0.5), ((-1.0, 0.2), 1.0)],
)
def test_distance_to_a_square(point, distance):
    found = outside_support(np.array([point]), support(np.vstack([SQUARE, [[0.3, 0.6]]])))
    assert found[0] == pytest.approx(distance, abs=1e-12)


def test_a_point_and_a_line_are_supports_too():
    """On the tip of one foot there is a support without an inside."""
    found = outside_support(np.array([[3.0, 4.0], [0.5, 0.2]]), support(np.zeros((1, 2)), np.array([[0.0, 0], [1, 0]])))
    assert found == pytest.approx([5.0, 0.2])


def test_without_support_there_is_no_distance():
    found = outside_support(np.array([[0.0, 0], [0.5, 0.5], [np.nan, 0]]), support(np.empty((0, 2)), SQUARE, SQUARE))
    assert np.isnan(found).tolist() == [True, False, True]


def test_hulls_are_those_of_an_independent_program():
    """Qhull's half planes tell inside from outside, and how far the edges are where they are nearest."""
    rng = np.random.default_rng(0)
    corners = [rng.normal(size=(rng.integers(3, 20), 2)) for _ in range(300)]
    points = 2 * rng.normal(size=(300, 2))
    found = outside_support(points, support(*corners))
    for point, cloud, distance in zip(points, corners, found, strict=True):
        beyond = (ConvexHull(cloud).equations @ [*point, 1.0]).max()
        assert (distance > 1e-9) == (beyond > 1e-9)
        assert distance >= max(beyond, 0.0) - 1e-9
        assert distance <= np.linalg.norm(cloud - point, axis=1).min() + 1e-9


def test_who_stands_still_is_balanced():
    found = measured(standing())
    assert all(item.value == pytest.approx(0.0, abs=1e-9) for item in found.values())
    assert set(found) == {
        "com_outside_p95",
        "zmp_outside_p95_lp6",
        "zmp_outside_p95",
        "capture_outside_start_lp6",
        "capture_outside_end_lp6",
    }


def test_a_lean_that_would_topple_is_measured():
    """Turned about the ankles by 25 degrees, the centre of mass is far before the toes, whatever the labels say."""
    found = measured(standing(tilt=np.radians(25)))
    assert found["com_outside_p95"].value > 0.1
    assert found["zmp_outside_p95_lp6"].value == pytest.approx(found["com_outside_p95"].value, abs=1e-6)
    assert found["capture_outside_start_lp6"].value == pytest.approx(found["com_outside_p95"].value, abs=1e-6)


def test_the_zero_moment_point_moves_against_the_acceleration():
    """By h a / g: a body pushed forwards at 2 m/s^2 falls backwards unless its feet reach behind it."""
    t = np.arange(60) / 30
    motion = standing(path=t[:, None] ** 2 * [1, 0, 0])
    trajectory = robot_trajectory(ROBOT, motion)
    points = contact_points(ROBOT, trajectory.qpos, motion.foot_contact, CONFIG.forces.contacts)
    forces = explain_forces(ROBOT, trajectory, points, CONFIG.forces.friction)
    shift = forces.zero_moment_point_w(0.0)[:, 0] - forces.com_w[:, 0]
    assert shift == pytest.approx(-forces.com_w[:, 2] * 2.0 / 9.81, rel=1e-6)
    assert measured(motion)["zmp_outside_p95"].value > 0.0
    assert measured(motion)["com_outside_p95"].value == 0.0


def test_who_is_carried_along_cannot_stop():
    """The capture point runs ahead by v sqrt(h / g); at the end it is outside, at the start it was not."""
    t = np.arange(60) / 30
    speed = 0.8
    found = measured(standing(path=speed * np.maximum(t - 1.0, 0.0)[:, None] * [1, 0, 0]))
    assert found["capture_outside_start_lp6"].value == 0.0
    ahead = speed * np.sqrt(0.7 / 9.81)
    assert found["capture_outside_end_lp6"].value == pytest.approx(ahead - 0.1, abs=0.06)
    series = found["capture_outside_end_lp6"].series
    assert series is not None
    assert np.isnan(series[:-9]).all()
    assert np.isfinite(series[-9:]).all()


def test_a_start_in_the_air_is_no_start():
    motion = standing(path=np.array([0.0, 0, 1.0]))
    motion = replace(motion, foot_contact=np.zeros((len(motion), 2)))
    found = measured(motion)
    assert found["capture_outside_start_lp6"].value == NOWHERE
    assert found["com_outside_p95"].value == 0.0  # there is no support that it could leave


def test_forces_found_before_give_the_same_figures():
    motion = standing(tilt=0.3)
    explained = explain_motion(ROBOT, motion, CONFIG.forces)
    again = {item.name: item.value for item in measure_balance(ROBOT, motion, CONFIG, explained)}
    assert again == {name: item.value for name, item in measured(motion).items()}


def test_no_figure_depends_on_place_and_heading():
    motion = standing(tilt=0.3, path=0.2 * np.sin(np.arange(60) / 5)[:, None] * [0, 1, 0])
    turn = Rotation.from_euler("z", -1.1)
    turned = replace(
        motion,
        root_pos_w=turn.apply(motion.root_pos_w + np.array([5.0, -3.0, 0.0])),
        root_quat_wxyz=(turn * Rotation.from_quat(motion.root_quat_wxyz, scalar_first=True)).as_quat(scalar_first=True),
    )
    before, after = measured(motion), measured(turned)
    for name, item in before.items():
        assert after[name].value == pytest.approx(item.value, abs=1e-6), name


def test_an_end_without_duration_is_refused():
    with pytest.raises(InvalidArray):
        BalanceConfig(ends_s=0.0)
