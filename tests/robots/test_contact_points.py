"""Laws of what touches the floor."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from robots.contact_points import CHUNK, ContactPoints, ContactRules, contact_points, sole_outline
from robots.exceptions import InvalidArray, UnknownName
from robots.g1 import load_g1

ROBOT = load_g1("29dof")
LEFT, RIGHT = (ROBOT.body_names.index(name) for name in ROBOT.foot_body_names)
LABELLED, FREE = np.ones((1, 2)), np.zeros((1, 2))


def posed(*, height: float = ROBOT.default_root_height, turn: Rotation | None = None, **joints: float) -> np.ndarray:
    qpos = ROBOT.default_qpos
    qpos[2] = height
    if turn is not None:
        qpos[3:7] = turn.as_quat(scalar_first=True)
    for name, angle in joints.items():
        qpos[7 + ROBOT.joint_names.index(f"{name}_joint")] = angle
    return qpos[None]


def bodies(qpos: np.ndarray, labels: np.ndarray = FREE, **rules) -> set[str]:
    points = contact_points(ROBOT, qpos, labels, ContactRules(**rules))
    return {ROBOT.body_names[body] for body in points.body}


def test_a_robot_that_stands_touches_with_both_soles():
    points = contact_points(ROBOT, posed(), FREE, ContactRules())
    assert set(points.body) == {LEFT, RIGHT}
    assert points.pos_w[:, 2] == pytest.approx(0.0, abs=2e-3)
    assert len(points.pos_w) == 2 * 8


def test_the_outline_is_that_of_the_real_sole():
    """Measured on Unitree's mesh of the foot: 66 mm behind the ankle, 142 mm before it, 38 mm aside at the ball."""
    outline = sole_outline(ROBOT.sole_points_b[:, :2], rim=0.01, ball=0.6)
    assert outline[:, 0].min() == pytest.approx(-0.066, abs=0.002)
    assert outline[:, 0].max() == pytest.approx(0.142, abs=0.002)
    at_ball = outline[np.abs(outline[:, 0] - 0.06) < 0.01]
    assert np.sort(at_ball[:, 1]) == pytest.approx([-0.038, 0.038], abs=0.002)


def test_a_robot_in_the_air_touches_nothing():
    points = contact_points(ROBOT, posed(height=1.5), FREE, ContactRules())
    assert len(points) == 1
    assert len(points.pos_w) == 0


def test_a_foot_on_its_toes_touches_with_what_is_before_its_ball():
    tilted = posed(left_ankle_pitch=0.3, right_ankle_pitch=0.3)
    points = contact_points(ROBOT, tilted, LABELLED, ContactRules())
    ankle = contact_points(ROBOT, posed(), LABELLED, ContactRules())
    assert len(points.pos_w) < len(ankle.pos_w)
    assert np.ptp(points.pos_w[:, 2]) < ContactRules().sole_depth
    assert points.pos_w[:, 0].min() > ankle.pos_w[:, 0].min() + 0.05


def test_a_label_is_followed_within_reach_only():
    """A foot a hand's breadth over the floor may be an estimate's error; one at knee height carries nothing."""
    left_only, reach = np.array([[0.0, 1.0]]), ContactRules().label_reach
    lifted = posed(left_hip_pitch=-0.5, left_knee=0.8)
    foot = contact_points(ROBOT, lifted, np.ones((1, 2)), ContactRules(label_reach=1.0))
    height = foot.pos_w[foot.body == LEFT, 2].min()
    assert 0.03 < height < reach
    assert LEFT in contact_points(ROBOT, lifted, np.ones((1, 2)), ContactRules()).body
    assert LEFT not in contact_points(ROBOT, lifted, left_only, ContactRules()).body
    assert LEFT not in contact_points(ROBOT, lifted, np.ones((1, 2)), ContactRules(label_reach=height / 2)).body


def test_labels_and_geometry_can_be_asked_alone():
    names = set(ROBOT.foot_body_names)
    assert bodies(posed(), FREE, feet="labels") == set()
    assert bodies(posed(), FREE, feet="geometry") == names
    raised = posed(height=ROBOT.default_root_height + 0.05)
    standing = np.vstack([posed(), posed(), raised])
    labels = np.ones((3, 2))
    by_labels = contact_points(ROBOT, standing, labels, ContactRules(feet="labels"))
    by_geometry = contact_points(ROBOT, standing, labels, ContactRules(feet="geometry"))
    assert np.diff(by_labels.starts).tolist() == [16, 16, 16]
    assert np.diff(by_geometry.starts).tolist() == [16, 16, 0]


@pytest.mark.parametrize("offset", [-0.06, 0.05])
def test_a_constant_error_of_height_changes_nothing(offset):
    """A whole clip that floats or sinks by centimetres is repaired by one shift; its forces are what they were."""
    qpos = np.repeat(posed(height=ROBOT.default_root_height + offset), 5, axis=0)
    points = contact_points(ROBOT, qpos, np.ones((5, 2)), ContactRules())
    assert points.floor_height == pytest.approx(offset, abs=1e-3)
    assert np.diff(points.starts).tolist() == [16] * 5


def test_a_stance_on_another_storey_stands_on_no_floor():
    points = contact_points(ROBOT, posed(height=ROBOT.default_root_height + 1), LABELLED, ContactRules())
    assert points.floor_height == 0.0
    assert len(points.pos_w) == 0


def test_whatever_is_low_may_carry():
    """Lying on its back, and upside down on its head, a robot is carried by other parts than its feet."""
    down = contact_points(ROBOT, posed(height=0.0), FREE, ContactRules())
    assert len(down.pos_w) > 0
    on_head = posed(height=0.49, turn=Rotation.from_euler("x", np.pi))
    assert "torso_link" in bodies(on_head)
    on_back = posed(height=0.07, turn=Rotation.from_euler("y", -np.pi / 2))
    assert {"torso_link", "pelvis"} & bodies(on_back)


def test_lowest_points_are_on_the_robots_own_shapes():
    """Against MuJoCo's collisions with its floor: what lies lowest is where MuJoCo lets the floor touch."""
    import mujoco

    model = ROBOT.mj_model()
    data = mujoco.MjData(model)
    rng = np.random.default_rng(0)
    for _ in range(20):
        qpos = posed(height=0.15, turn=Rotation.random(rng=rng))
        points = contact_points(ROBOT, qpos, FREE, ContactRules(body_near=1e-6))
        data.qpos[:] = qpos[0]
        mujoco.mj_forward(model, data)
        floor = model.geom("floor").id
        deepest: dict[int, float] = {}
        for contact in data.contact:
            if floor in (contact.geom1, contact.geom2):
                body = int(model.geom_bodyid[max(contact.geom1, contact.geom2)]) - 1
                deepest[body] = min(deepest.get(body, 0.0), contact.dist)
        for body, depth in deepest.items():
            if body in (LEFT, RIGHT) or depth > -1e-4:
                continue
            assert points.pos_w[points.body == body, 2].min() == pytest.approx(depth, abs=1e-4)


def test_long_motions_are_done_in_parts():
    """Parts are an inner matter: their seams show nowhere."""
    frames = CHUNK + 3
    qpos = np.repeat(posed(), frames, axis=0)
    qpos[:, 2] += 0.02 * np.sin(np.arange(frames))
    labels = np.ones((frames, 2))
    points = contact_points(ROBOT, qpos, labels, ContactRules())
    assert len(points) == frames
    chosen = np.arange(frames) >= CHUNK - 2
    tail = points.of_frames(chosen)
    alone = contact_points(ROBOT, qpos[chosen], labels[chosen], ContactRules())
    assert tail.pos_w == pytest.approx(alone.pos_w)
    assert tail.identity.tolist() == alone.identity.tolist()
    assert points.frame.tolist() == np.repeat(np.arange(frames), np.diff(points.starts)).tolist()


def test_points_that_belong_to_no_frame_are_refused():
    with pytest.raises(InvalidArray, match="starts: does not divide the points into frames"):
        ContactPoints(
            starts=np.array([0, 1]), pos_w=np.zeros((2, 3)), body=np.zeros(2), identity=np.zeros(2), floor_height=0.0
        )


def test_unknown_rules_are_refused():
    with pytest.raises(UnknownName, match="unknown rule for feet 'label'"):
        ContactRules(feet="label")  # type: ignore[arg-type]
    with pytest.raises(InvalidArray):
        ContactRules(foot_near=0.0)
