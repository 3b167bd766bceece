"""Laws of where the solver of a clip begins: with the best way of each limb, and not with one way after another."""

from __future__ import annotations

import numpy as np
import pytest

from retarget.clip_starts import best_of, limbs

FRAMES = 12


@pytest.fixture(scope="module")
def tree(retargeter):
    """The G1's."""
    return retargeter.tasks.problem.tree


def way(tree, angle=0.0):
    """All joints at one angle, in all frames."""
    q = np.zeros((FRAMES, tree.nv + 1))
    q[:, 6], q[:, 7:] = 1.0, angle
    return q


def test_limbs_of_a_humanoid_are_legs_and_arms(robot, tree):
    """A limb is what moves alone: the waist carries both arms."""
    names = [[robot.joint_names[joint] for joint in limb] for limb in limbs(tree)]
    assert [len(limb) for limb in names] == [6, 6, 7, 7]
    assert all(len({name.split("_")[0] for name in limb}) == 1 for limb in names)
    assert not any("waist" in name for limb in names for name in limb)


def test_ways_that_hardly_differ_are_the_first(tree):
    """Descent sees to small differences; the start is then what it was, to the last bit."""
    first = way(tree)
    assert best_of((first, way(tree, 0.01)), lambda q: 1.0 - q[:, 7], tree, 1.0) is first


def test_each_limb_takes_the_way_that_is_best_for_it(tree):
    """One arm may be right in one way while the other is in another."""
    left, right = limbs(tree)[2], limbs(tree)[3]

    def cost(q):
        return ((q[:, 7 + left] - 1.0) ** 2).sum(axis=1) + ((q[:, 7 + right] + 1.0) ** 2).sum(axis=1)

    best = best_of((way(tree), way(tree, 1.0), way(tree, -1.0)), cost, tree, 0.1)
    np.testing.assert_array_equal(best[:, 7 + left], 1.0)
    np.testing.assert_array_equal(best[:, 7 + right], -1.0)


def test_a_way_is_left_only_where_that_pays(tree):
    """Going over has a price: many good frames pay for it, a single one does not."""
    wanted = np.zeros(FRAMES)
    wanted[6:] = 1.0
    wanted[2] = 1.0

    def cost(q):
        return np.abs(q[:, 7] - wanted)

    ways = (way(tree), way(tree, 1.0))
    price = 3.0 / 29  # of the squared distance of 29 joints: three frames' worth
    np.testing.assert_array_equal(best_of(ways, cost, tree, price)[:, 7], [0.0] * 6 + [1.0] * 6)
    assert np.ptp(best_of(ways, cost, tree, 1e6)[:, 7]) == 0.0


def test_arms_are_raised_above_the_head_without_a_jump(walker, retargeter):
    """The bent arms of a jumping jack: begun from the neutral pose alone, they came to lie on their stops at the top,
    120 degrees from where they were asked, and jumped there and back."""
    share = (0.5 - 0.5 * np.cos(np.pi * np.linspace(0.0, 4.0, 120)))[:, None]
    down_and_up = {
        "shoulder": ((-0.97, -0.25, 0.9), (-1.25, 0.72, -0.34)),
        "elbow": ((0.0, 0.7, 0.0), (0.0, 1.55, 0.0)),
        "wrist": ((0.5, -0.1, -0.4), (0.2, 0.15, -0.95)),
    }
    pose = {}
    for joint, (down, up) in down_and_up.items():
        pose[f"right_{joint}"] = (1.0 - share) * down + share * up
        pose[f"left_{joint}"] = pose[f"right_{joint}"] * [1.0, -1.0, -1.0]
    result = retargeter.retarget(walker.smpl_motion(pose, 120).body_trajectory())
    assert np.abs(np.diff(result.motion.joint_pos, axis=0)).max() < 0.35
    assert np.rad2deg(result.rot_residual_rad).max() < 10.0
