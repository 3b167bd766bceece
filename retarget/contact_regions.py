"""Says which joints of a human tell of each region that may bear weight, and how high they lie as it does.

A joint lies inside the flesh: its height above the floor is the thickness of what is between. Thicknesses were measured
on the skin of the open body (1.70 m, mean shape) in the direction that region bears weight, and agree with SMPL's
within a centimetre, but for the spine: SMPL's lies 3 to 5 cm deeper, the table has the middle.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True, kw_only=True)
class BearingPoint:
    """A joint near a surface that may bear weight."""

    body: str
    """Name of the human body."""
    height: float
    """Height of the joint above the floor while the surface below bears weight [m]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactRegion:
    """A part of the human that may bear weight, and when it counts as doing so."""

    name: str
    """E.g. ``left_foot``; estimators use the same names."""
    points: tuple[BearingPoint, ...]
    """The region bears weight where any of these does: a foot on its toes, flat, or on its heel."""
    still_speed: float
    """Speed at which a low point is as likely to bear weight as not [m/s]."""
    lifted_height: float
    """Height above its bearing height at which a slow point is as likely to bear weight as not [m]."""
    shortest_stance_s: float
    """Shorter stances are dropped [s]."""
    teaches_floor: bool = False
    """Whether the height of the floor is learned from this region."""


def _foot(side: str) -> ContactRegion:
    """Feet touch the floor most of the time: the thresholds ask for little."""
    points = (
        BearingPoint(body=f"{side}_foot", height=0.025),
        BearingPoint(body=f"{side}_ankle", height=0.075),
    )
    return ContactRegion(
        name=f"{side}_foot",
        points=points,
        still_speed=0.18,
        lifted_height=0.04,
        shortest_stance_s=0.1,
        teaches_floor=True,
    )


def _other(name: str, **height: float) -> ContactRegion:
    """Other regions touch it rarely and hover above it often: the thresholds ask for more."""
    points = tuple(BearingPoint(body=body, height=h) for body, h in height.items())
    return ContactRegion(name=name, points=points, still_speed=0.15, lifted_height=0.03, shortest_stance_s=0.15)


HUMAN_REGIONS = (
    _foot("left"),
    _foot("right"),
    _other("left_hand", left_hand=0.025, left_wrist=0.03),
    _other("right_hand", right_hand=0.025, right_wrist=0.03),
    _other("left_knee", left_knee=0.06),
    _other("right_knee", right_knee=0.06),
    _other("left_elbow", left_elbow=0.038),
    _other("right_elbow", right_elbow=0.038),
    # The sitting bones lie as far below the hip joints as the buttocks behind them: 0.1 m sitting or lying. The pelvis
    # joint would be 0.17 m high in one and 0.1 m in the other.
    _other("seat", left_hip=0.1, right_hip=0.1),
    _other("back", spine2=0.07, spine3=0.07),
    _other("head", head=0.1),
)
"""Regions of a human whose bodies have SMPL's names."""


def regions_of_skeleton(
    names: Container[str], feet: Mapping[str, str], regions: Sequence[ContactRegion] = HUMAN_REGIONS
) -> tuple[ContactRegion, ...]:
    """Return the table with feet that a skeleton of other names has too.

    A foot none of whose bodies is among ``names`` is told by the one body that stands for it. How high that lies over
    the sole is unknown: the floor is then where this body is while the foot stands.

    Args:
        names: Bodies of the skeleton.
        feet: Body that stands for each foot region, e.g. of :class:`retarget.correspondence.Correspondence`.
        regions: The table.
    """
    return tuple(
        replace(region, points=(BearingPoint(body=feet[region.name], height=0.0),))
        if region.name in feet and not any(point.body in names for point in region.points)
        else region
        for region in regions
    )
