"""Laws of trust: garbage that is known as such does not reach the robot, and trust in everything changes nothing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from retarget.spans import true_runs
from retarget.trust import RelativeTrust, bridge_doubtful
from robots.kinematics import body_states

BURST = slice(40, 45)


def with_trust(trajectory, **of_bodies):
    """Trust 1, other values where given: body=(frames, value)."""
    trust = np.ones(trajectory.pos_w.shape[:2])
    for name, (frames, value) in of_bodies.items():
        trust[frames, trajectory.names.index(name)] = value
    return replace(trajectory, trust=trust)


def thrown(trajectory, name, shift):
    """One body elsewhere during the burst, turned by a radian."""
    pos, quat = trajectory.pos_w.copy(), trajectory.quat_wxyz_w.copy()
    body = trajectory.names.index(name)
    pos[BURST, body] += shift
    turned = Rotation.from_rotvec([0.6, 0.8, 0.0]) * Rotation.from_quat(quat[BURST, body], scalar_first=True)
    quat[BURST, body] = turned.as_quat(scalar_first=True)
    return replace(trajectory, pos_w=pos, quat_wxyz_w=quat)


def link_distance(robot, result, other, link):
    """Distance of one link between two results [m]."""
    a, b = (body_states(robot, r.motion) for r in (result, other))
    return np.linalg.norm((a.pos_w - b.pos_w)[:, a.body_names.index(link)], axis=-1)


def test_full_trust_changes_no_bit(retargeter, walked):
    """A motion that says nothing of trust is trusted; its result is found by fingerprint."""
    trust = RelativeTrust.of(walked.trajectory, retargeter.correspondence)
    assert all((factor == 1.0).all() for factor in trust.weight_factors())
    pos = np.random.default_rng(0).normal(size=(len(walked.trajectory), 14, 3))
    rot = np.broadcast_to(np.eye(3), (*pos.shape[:2], 3, 3))
    new_pos, new_rot = bridge_doubtful(pos, rot, trust, retargeter.correspondence, 30.0)
    assert np.array_equal(new_pos, pos) and np.array_equal(new_rot, rot)


@pytest.mark.parametrize("body", ["left_wrist", "right_elbow"])
def test_garbage_that_is_known_barely_moves_the_robot(robot, retargeter, walked, body):
    """A wrist that teleports by half a metre would drag the whole arm along."""
    bad = thrown(walked.trajectory, body, [0.3, 0.0, 0.4])
    link = retargeter.correspondence.bodies[retargeter.correspondence.index(body)].robot
    believed, doubted = retargeter.retarget(bad), retargeter.retarget(with_trust(bad, **{body: (BURST, 0.02)}))
    away = link_distance(robot, doubted, walked.result, link)
    assert away.max() < 0.04
    assert link_distance(robot, believed, walked.result, link).max() > 4.0 * away.max()
    assert link_distance(robot, doubted, walked.result, "pelvis").max() < 0.005


def test_doubt_about_what_is_true_barely_moves_the_robot(robot, retargeter, walked):
    """Bridges go at the speed of the motion: a doubtful arm does not stop in the air."""
    doubted = retargeter.retarget(with_trust(walked.trajectory, left_wrist=(BURST, 0.0), left_elbow=(BURST, 0.0)))
    assert link_distance(robot, doubted, walked.result, "left_wrist_yaw_link").max() < 0.02


def test_what_is_merely_blurred_is_followed(robot, retargeter, walked):
    """Strikes blur; a robot that held its arm back then would lose them."""
    doubted = retargeter.retarget(with_trust(walked.trajectory, left_wrist=(BURST, 0.4), left_elbow=(BURST, 0.5)))
    assert link_distance(robot, doubted, walked.result, "left_wrist_yaw_link").max() < 0.01


@pytest.mark.parametrize("scale", [0.5, 0.02, 0.0])
def test_equal_doubt_about_everything_changes_little(retargeter, walked, scale):
    """Trust decides between bodies; where all are made up alike the motion is the best there is."""
    uniform = replace(walked.trajectory, trust=np.full(walked.trajectory.pos_w.shape[:2], scale))
    np.testing.assert_allclose(retargeter.retarget(uniform).motion.joint_pos, walked.result.motion.joint_pos, atol=1e-9)


def test_scaling_all_trust_barely_changes_the_result(retargeter, walked):
    """Front ends differ in how much they doubt; what counts is whom they doubt more."""
    mixed = 0.6 + 0.4 * np.random.default_rng(1).random(walked.trajectory.pos_w.shape[1])
    trust = np.tile(mixed, (len(walked.trajectory), 1))
    full, half = (retargeter.retarget(replace(walked.trajectory, trust=s * trust)).motion.joint_pos for s in (1.0, 0.5))
    np.testing.assert_allclose(half, full, atol=5e-3)


def test_a_standing_foot_is_not_dropped_because_it_is_hidden(robot, retargeter, walked):
    """Its stance says where it is; a foot that was not seen cannot say otherwise."""
    foot, (start, stop) = 0, true_runs(walked.stance[:, 0])[1]
    hidden = slice(start + 2, start + 7)
    pos = walked.trajectory.pos_w.copy()
    pos[hidden, walked.trajectory.names.index("left_ankle")] += [0.2, 0.1, 0.15]
    prob = walked.stance.astype(float)
    told = replace(walked.trajectory, contact_regions=("left_foot", "right_foot"), contact_prob=prob)
    bad = with_trust(replace(told, pos_w=pos), left_ankle=(hidden, 0.0))
    assert any(s.region == "left_foot" for s in retargeter.retarget(replace(bad, trust=None)).infeasible_stances)
    result = retargeter.retarget(bad)
    assert result.infeasible_stances == ()
    states = body_states(robot, result.motion)
    place = states.pos_w[start:stop, states.body_names.index(robot.foot_body_names[foot]), :2]
    assert np.linalg.norm(place - place.mean(axis=0), axis=1).max() < 2e-3


def test_a_long_gap_is_not_bridged(retargeter, walked):
    """In half a second people do what no cubic knows; an estimator's guess is better."""
    gap = slice(30, 60)
    trust = RelativeTrust.of(with_trust(walked.trajectory, left_wrist=(gap, 0.0)), retargeter.correspondence)
    n = len(retargeter.correspondence.bodies)
    pos = np.random.default_rng(2).normal(size=(len(walked.trajectory), n, 3))
    rot = np.broadcast_to(np.eye(3), (*pos.shape[:2], 3, 3))
    assert np.array_equal(bridge_doubtful(pos, rot, trust, retargeter.correspondence, 30.0)[0], pos)
    wrist = retargeter.correspondence.index("left_wrist")
    assert (trust.weight_factors()[0][gap, wrist] == 0.3).all()


@pytest.mark.parametrize("gap", [slice(1, 4), slice(10, 14), slice(15, 19)], ids=["early", "inside", "late"])
def test_steady_motion_is_bridged_exactly(retargeter, walked, gap):
    """Constant velocities, of places and of turns, need no evidence in between."""
    table, t = retargeter.correspondence, np.arange(20)[:, None]
    part = {name: getattr(walked.trajectory, name)[:20] for name in ("pos_w", "quat_wxyz_w", "contact_prob")}
    trajectory = with_trust(replace(walked.trajectory, **part, trust=None), left_wrist=(gap, 0.0), pelvis=(gap, 0.0))
    rng = np.random.default_rng(3)
    pos = rng.normal(size=(1, len(table.bodies), 3)) + 0.1 * rng.normal(size=(1, len(table.bodies), 3)) * t[:, None]
    turn = Rotation.from_rotvec(0.1 * t * [0.3, -0.5, 0.8]) * Rotation.from_rotvec([1.0, 2.0, -0.5])
    rot = np.repeat(turn.as_matrix()[:, None], len(table.bodies), axis=1)
    spoilt_pos, spoilt_rot, wrist = pos.copy(), rot.copy(), table.index("left_wrist")
    spoilt_pos[gap, wrist] += 1.0
    spoilt_rot[gap, wrist] = np.eye(3)
    trust = RelativeTrust.of(trajectory, table)
    new_pos, new_rot = bridge_doubtful(spoilt_pos, spoilt_rot, trust, table, 30.0)
    np.testing.assert_allclose(new_pos, pos, atol=1e-12)
    np.testing.assert_allclose(new_rot, rot, atol=1e-9)
