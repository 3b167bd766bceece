"""Turns where a foot stands and where a clip has it into its way there: standing, stepping or being raised."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import Rotation

from retarget.lead.curves import Ends, Move, bump, meeting, running_up, through
from retarget.lead.seam import SeamFoot, lowest_corner

ROLL_S, _LONGEST_ROLL_S, _ROLL_SPEED = 0.5, 0.62, 1.0
"""Shortest and longest time in which a flat foot rolls over its edge into the clip's pose, and how fast it does as long
as there is time [s, rad/s]: what of a sole is nearly on the floor then goes along it by millimetres a second."""
_PEAK_SPEED = 15.0 / 8.0
"""Of a least-jerk way of length 1 in time 1."""
_EDGE = 0.15
"""Share of a swing at either end in which the foot only goes up or down [1]."""
_BACK_M = 0.05
"""How far a raised foot goes back to take up the clip's speed along the floor [m]."""
_TILT_RUN_UP_S = 0.1
"""Time in which the clip's speed of rolling is taken up [s]."""

FootWay = tuple[Float[np.ndarray, "frames 3 3"], Float[np.ndarray, "frames 3"]]
"""Orientation and origin of a foot's link [m]."""


class Footprint(NamedTuple):
    """A foot flat on the floor."""

    yaw: float
    pos: Float[np.ndarray, " 3"]
    """Origin of its link [m]."""


class Swing(NamedTuple):
    """How a foot goes to the clip's place."""

    start_s: float
    stop_s: float
    """When it lands; of a foot that is raised, when the clip begins [s]."""
    end_s: float
    """When the clip begins [s]."""
    lift_m: float
    """How high it is lifted [m]."""
    edge_rad: float
    """How far it is rolled onto its inner edge where it lands [rad]."""
    around_m: float
    """How far it goes around the other foot [m]."""
    run_up_s: float
    """Time in which a raised foot takes up the clip's speed [s]."""


def footprint(foot: SeamFoot, sole_height_m: float) -> Footprint:
    """Where a foot stands flat before it rolls over its pivot into the clip's pose; its link is so high then."""
    pos = foot.pivot.pos - about_z(foot.yaw) @ foot.pivot_b
    return Footprint(foot.yaw, np.array([*pos[:2], sole_height_m]))


def roll_s(foot: SeamFoot, edge_rad: float = 0.0) -> float:
    """Time in which a foot rolls from flat, or from its edge, into the clip's pose [s]."""
    seconds = _PEAK_SPEED * (float(np.linalg.norm(foot.tilt.pos)) + edge_rad) / _ROLL_SPEED
    return float(np.clip(seconds, ROLL_S, np.inf if edge_rad else _LONGEST_ROLL_S))


def still_foot(time: np.ndarray, foot: SeamFoot, stance: Footprint, start_s: float, end_s: float) -> FootWay:
    """Stand flat, and roll over the pivot into the clip's pose in the end."""
    flat = about_z(stance.yaw)
    pivot = stance.pos + flat @ foot.pivot_b
    start_s = max(start_s, end_s - roll_s(foot))
    pivots = through(time, pivot, [Move(start_s, end_s, foot.pivot.pos)])
    rot = flat @ Rotation.from_rotvec(_tilts(time, foot, np.zeros(3), [], start_s, end_s)).as_matrix()
    return rot, pivots - rot @ foot.pivot_b


def landing_foot(
    time: np.ndarray, foot: SeamFoot, inner: float, corners_b: np.ndarray, stance: Footprint, swing: Swing
) -> FootWay:
    """Lift a foot, carry it and put it down as the clip has it, or on its inner edge.

    Args:
        time: Of every frame [s].
        foot: Where the clip has it.
        inner: Sign of the roll that takes a foot onto its inner edge: 1 of a left one, -1 of a right one.
        corners_b: Corners of its sole [m].
        stance: Where it stands.
        swing: How it goes.
    """
    start, stop, end = swing.start_s, swing.stop_s, swing.end_s
    carried = (start + _EDGE * (stop - start), stop - _EDGE * (stop - start))
    landed = Rotation.from_rotvec([inner * swing.edge_rad, 0.0, 0.0]) * Rotation.from_rotvec(foot.tilt.pos)
    pivot_b = lowest_corner(corners_b, landed.as_matrix()) if swing.edge_rad else foot.pivot_b
    there = foot.held_place(pivot_b).pos
    turn = np.array([0.0, 0.0, wrapped(stance.yaw - foot.yaw)])
    tilts = _tilts(
        time, foot, turn, [Move(*carried, landed.as_rotvec())], max(stop, end - roll_s(foot, swing.edge_rad)), end
    )
    ways = [Move(*carried, np.array([*there[:2], 0.0])), Move(max(stop, end - roll_s(foot)), end, there)]
    pivots = through(time, stance.pos + about_z(stance.yaw) @ pivot_b, ways)
    pivots += _arc(swing, inner, stance.yaw) * bump((time - start) / (stop - start))[:, None]
    rot = about_z(foot.yaw) @ Rotation.from_rotvec(tilts).as_matrix()
    return rot, pivots - rot @ pivot_b


def _arc(swing: Swing, inner: float, yaw: float) -> Float[np.ndarray, " 3"]:
    """Highest point of a swing off the straight way: up, and out."""
    return about_z(yaw) @ np.array([0.0, inner * swing.around_m, swing.lift_m])


def raised_foot(time: np.ndarray, foot: SeamFoot, inner: float, stance: Footprint, swing: Swing) -> FootWay:
    """Raise what is lowest of a foot to where the clip has it; its leg turns it, so orientations do not count."""
    start, end = swing.start_s, swing.end_s
    flat = about_z(stance.yaw)
    pivot = stance.pos + flat @ foot.pivot_b
    up = start + _EDGE * (end - start)
    speed = foot.pivot.vel
    room = np.array([_BACK_M, _BACK_M, foot.pivot.pos[2] if speed[2] > 0.0 else np.inf])
    ends, run_up_s = foot.pivot.within(swing.run_up_s, room)
    pivots = meeting(time, pivot, [], up, end, ends, run_up_s)
    high = foot.pivot.pos[2] > swing.lift_m
    share = (time - start) / ((0.7 if high else 1.0) * (end - start))
    pivots += _arc(swing, inner, stance.yaw) * bump(share)[:, None]
    return np.tile(flat, (len(time), 1, 1)), pivots - flat @ foot.pivot_b


def _tilts(
    time: np.ndarray, foot: SeamFoot, start: np.ndarray, moves: list[Move], last_s: float, end_s: float
) -> Float[np.ndarray, "frames 3"]:
    """Rotation vectors that end with the clip's, and its speed where that takes no run-up through the floor."""
    back = foot.tilt.run_up(_TILT_RUN_UP_S)
    ends = foot.tilt
    if np.linalg.norm(back) > 0.5 * np.linalg.norm(ends.pos) or back @ ends.pos < 0.0:
        ends = Ends(ends.pos, np.zeros(3), np.zeros(3))
    target = ends.pos - ends.run_up(_TILT_RUN_UP_S)
    path = through(time, start, [*moves, Move(last_s, end_s, target)])
    return path + running_up(time, end_s, _TILT_RUN_UP_S, ends)


def about_z(yaw: float) -> Float[np.ndarray, "3 3"]:
    """Return a turn about the vertical."""
    return Rotation.from_euler("z", yaw).as_matrix()


def heading(rot: Float[np.ndarray, "3 3"]) -> float:
    """Return where the x axis of a link points over the floor [rad]."""
    return float(np.arctan2(rot[1, 0], rot[0, 0]))


def wrapped(angle: float) -> float:
    """Return an angle between -pi and pi [rad]."""
    return float((angle + np.pi) % (2.0 * np.pi) - np.pi)
