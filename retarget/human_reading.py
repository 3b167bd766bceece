"""What retargeting reads of a human before it asks anything of a robot: points, trust, what bears weight, how high.

And where these points lie in the robot's world, which is the human's, shrunk about the place where the human begins,
with the robot's soles on the floor where the human's are.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from retarget.body_trajectory import BodyTrajectory
from retarget.contact_regions import ContactRegion, regions_of_skeleton
from retarget.contacts import ContactConfig, RegionContacts, region_contacts, standing_height
from retarget.correspondence import Correspondence
from retarget.flat_soles import FlatSolesConfig, with_flat_soles
from retarget.rest_pose import RobotRest
from retarget.targets import human_points
from retarget.trust import RelativeTrust, bridge_doubtful


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class HumanReading:
    """A human, as the table of a robot reads it."""

    trajectory: BodyTrajectory
    """The motion, its feet turned to lie flat where they rest."""
    pos: Float[np.ndarray, "frames bodies 3"]
    """Points of the table's human bodies, led across moments that are not believed [m]."""
    rot: Float[np.ndarray, "frames bodies 3 3"]
    """Their orientations."""
    trust: RelativeTrust
    regions: tuple[ContactRegion, ...]
    """Regions of this skeleton that may bear weight."""
    contacts: RegionContacts
    ankle_height: float
    """Height of the foot's point when the foot stands flat [m]."""
    turn_rad: tuple[float, ...]
    """By how much each foot was turned [rad]."""

    def in_robot_world(
        self, points_w: Float[np.ndarray, "... 3"], *, scale: float, robot_ankle_height: float
    ) -> Float[np.ndarray, "... 3"]:
        """Put points of the human's world where the robot's targets are: the pelvis is the root's target [m].

        Args:
            points_w: In the human's world [m].
            scale: Robot metres per human metre (``RetargetResult.scale``).
            robot_ankle_height: Height of the robot's foot point when its sole lies on the floor [m].
        """
        start = self.pos[0, 0]  # as build_targets does
        human = np.array([start[0], start[1], self.ankle_height])
        robot = np.array([start[0], start[1], robot_ankle_height])
        return robot + scale * (points_w - human)


def read_human(
    trajectory: BodyTrajectory,
    table: Correspondence,
    rest: RobotRest,
    *,
    flat_soles: FlatSolesConfig,
    contact: ContactConfig,
) -> HumanReading:
    """Read a human through a robot's table.

    Args:
        trajectory: The human's bodies in a z-up world.
        table: The correspondence.
        rest: The robot in the human's rest pose.
        flat_soles: Which feet are turned.
        contact: When a region bears weight.

    Raises:
        UnknownName: The trajectory lacks a body of the table.
    """
    human = with_flat_soles(trajectory, table, rest, flat_soles)
    pos, rot = human_points(human.trajectory, table)
    trust = RelativeTrust.of(human.trajectory, table)
    pos, rot = bridge_doubtful(pos, rot, trust, table, human.trajectory.fps)
    regions = tuple(regions_of_skeleton(human.trajectory.names, table.feet))
    contacts = region_contacts(human.trajectory, contact, regions)
    return HumanReading(
        trajectory=human.trajectory,
        pos=pos,
        rot=rot,
        trust=trust,
        regions=regions,
        contacts=contacts,
        ankle_height=_ankle_height(pos, table, regions, contacts),
        turn_rad=human.turn_rad,
    )


def _ankle_height(
    pos: Float[np.ndarray, "frames bodies 3"],
    table: Correspondence,
    regions: tuple[ContactRegion, ...],
    contacts: RegionContacts,
) -> float:
    feet = np.stack([contacts.prob[:, contacts.names.index(foot)] for foot in table.feet], axis=1)
    if (feet > 0.5).any():
        return standing_height(pos[:, [table.index(human) for human in table.feet.values()]], feet)
    # On the hands or the back all the time: others have told the floor.
    ankle = max(point.height for region in regions if region.name in table.feet for point in region.points)
    return contacts.floor_height + ankle
