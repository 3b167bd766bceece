"""Ties a robot to a correspondence: which of its points follow the human, which hold on to the floor, what keeps apart.

Tasks come in this order: the bodies of the table; heel and toe of every foot; one point of every other region that may
bear weight. The tasks after the bodies have no target of their own; planting gives them one while they bear weight.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from retarget.correspondence import Correspondence
from retarget.engine.frame_problem import FloorPatch, FrameProblem, FrameTask, IkConfig, build_problem
from retarget.engine.tree import build_tree
from retarget.floor_patches import floor_patches, heel_and_toe
from retarget.rest_pose import robot_rest, standing_ankle_height
from retarget.self_collision import capsule_table

if TYPE_CHECKING:
    from robots.model import RobotModel


class RobotTasks:
    """One robot following one table."""

    def __init__(self, robot: RobotModel, correspondence: Correspondence, config: IkConfig) -> None:
        """Resolve names once.

        Args:
            robot: Robot description.
            correspondence: The table.
            config: Prices and effort of a frame.

        Raises:
            UnknownName: The table names a joint or link that the robot lacks.
            UnsupportedJoint: The robot has other joints than hinges.
        """
        model = robot.pin_model()
        self.correspondence, self.rest = correspondence, robot_rest(model, correspondence)
        self.patches: tuple[FloorPatch, ...] = floor_patches(correspondence, robot)
        self.regions = tuple(patch.name for patch in self.patches)
        """Regions that may bear weight, feet first; one floor patch each."""
        self.n_bodies, self.n_feet = len(correspondence.bodies), len(correspondence.feet)
        self.feet = [correspondence.index(human) for human in correspondence.feet.values()]
        """Tasks of the feet."""
        self.ankle_height = standing_ankle_height(self.rest, self.feet[0], robot.sole_points_b)
        """Height of a foot's point when its sole lies on the floor [m]."""
        self.anchor_point_b = [_anchor_points(patch, foot=i < self.n_feet) for i, patch in enumerate(self.patches)]
        """Points of each region that hold on to the floor, in the frame of its link: heel and toe, or one [m]."""
        bodies = [FrameTask(link, point) for link, point in zip(self.rest.links, self.rest.point_b, strict=True)]
        anchors = [
            FrameTask(patch.link, point)
            for patch, points in zip(self.patches, self.anchor_point_b, strict=True)
            for point in points
        ]
        self.problem: FrameProblem = build_problem(
            model,
            [*bodies, *anchors],
            self.patches,
            robot.default_joint_pos,
            config,
            capsule_table(robot, build_tree(model)) if config.collision_weight > 0.0 else None,
        )

    def anchor_tasks(self, region: int) -> slice:
        """Return the tasks that hold a region to the floor."""
        first = self.n_bodies + sum(len(points) for points in self.anchor_point_b[:region])
        return slice(first, first + len(self.anchor_point_b[region]))


def _anchor_points(patch: FloorPatch, *, foot: bool) -> np.ndarray:
    """Heel and toe of a sole; the middle of any other patch."""
    points = np.asarray(patch.points_b, dtype=float)
    return heel_and_toe(points) if foot else points.mean(axis=0, keepdims=True)
