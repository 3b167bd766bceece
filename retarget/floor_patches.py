"""Turns a table's regions that may bear weight into patches of one robot that stay above the floor."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from retarget.correspondence import Correspondence
from retarget.engine.frame_problem import FloorPatch

if TYPE_CHECKING:
    from robots.model import RobotModel


def floor_patches(correspondence: Correspondence, robot: RobotModel) -> tuple[FloorPatch, ...]:
    """Patches of the robot that may bear weight: both soles, then the table's regions in its order.

    Raises:
        UnknownName: The table names a link that the robot lacks.
    """
    soles = np.asarray(robot.sole_points_b)
    patches = [
        FloorPatch(name=region, link=link, points_b=soles)
        for region, link in zip(correspondence.feet, robot.foot_body_names, strict=True)
    ]
    for contact in correspondence.contacts:
        link, shift = correspondence.find_link(contact.robot, robot.body_names)
        points = np.array(contact.points_m, dtype=float) + shift
        patches.append(FloorPatch(name=contact.region, link=link, points_b=points, radius=contact.radius_m))
    return tuple(patches)
