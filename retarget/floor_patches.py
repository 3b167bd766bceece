"""Turns a table's regions that may bear weight into patches of one robot that stay above the floor."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

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


def heel_and_toe(sole_points_b: Float[np.ndarray, "points 3"]) -> Float[np.ndarray, "2 3"]:
    """Ends of a sole in its middle line [m]: what holds a foot in place and heading, and leaves it free to tilt."""
    sole = np.asarray(sole_points_b, dtype=float)
    height = sole[:, 2].min()
    return np.array([[sole[:, 0].min(), 0.0, height], [sole[:, 0].max(), 0.0, height]])
