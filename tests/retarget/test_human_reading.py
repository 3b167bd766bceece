"""Where a human is put in the robot's world is where retargeting asks the robot to be."""

from __future__ import annotations

import numpy as np

from retarget.human_reading import read_human
from retarget.targets import build_targets


def test_the_root_of_the_human_lies_at_the_robots_target(walker, retargeter):
    """In every frame, however the world is scaled and the floor lies; feet keep the robot's own width of the hips."""
    table, tasks, config = retargeter.correspondence, retargeter.tasks, retargeter.config
    trajectory = walker.walk(2.0)[0].moved((0.7, -0.4, 0.1)).body_trajectory()
    human = read_human(trajectory, table, tasks.rest, flat_soles=config.flat_soles, contact=config.contact)
    targets = build_targets(
        human.pos,
        human.rot,
        table,
        tasks.rest,
        human_ankle_height=human.ankle_height,
        robot_ankle_height=tasks.ankle_height,
    )
    placed = human.in_robot_world(human.pos, scale=targets.scale, robot_ankle_height=tasks.ankle_height)
    np.testing.assert_allclose(placed[:, 0], targets.pos_w[:, 0], atol=1e-9)
    assert np.abs(placed[:, tasks.feet] - targets.pos_w[:, tasks.feet]).max() < 0.08
