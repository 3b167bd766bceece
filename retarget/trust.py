"""Turns the trust in a human's bodies into what a robot follows: doubtful moments bridged, doubtful links less bound.

Trust decides between the bodies of one frame: it is taken relative to the best of them. Where all are equally doubtful
there is nothing to prefer them by, and the motion is followed as usual.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import Rotation

from retarget.body_trajectory import BodyTrajectory
from retarget.correspondence import Correspondence
from retarget.spans import true_runs

_COMMON_DOUBT = 0.05
"""Trust in the best body of a frame below which its bodies are no longer told apart."""
_DISBELIEVED, _BELIEVED = 0.1, 0.4
"""Relative trust up to which a body is wholly bridged, and from which on it is wholly followed: what is merely blurred
is followed, for strikes blur."""
_LONGEST_BRIDGE_S = 0.4
"""In a longer gap people do what no bridge knows; there the motion is followed for want of better [s]."""
_LEAST_FACTOR = 0.3
"""Factor of the weights of a body that nothing is known of: its link is left to its neighbours and to the frame
before, yet where it goes stays unique."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RelativeTrust:
    """Trust in the bodies of a table relative to the best of each frame, in (0, 1]."""

    place: Float[np.ndarray, "frames bodies"]
    """Trust in where each tracked point is."""
    turn: Float[np.ndarray, "frames bodies"]
    """Trust in how each body is turned; that shows in where its children are."""

    @classmethod
    def of(cls, trajectory: BodyTrajectory, correspondence: Correspondence) -> RelativeTrust:
        """Read the trust of the bodies that drive the robot."""
        column = {name: i for i, name in enumerate(trajectory.names)}
        trust, bodies = np.asarray(trajectory.trust), correspondence.bodies
        points = [[column[n] for n in body.human_point_of or (body.human,)] for body in bodies]
        place = np.stack([trust[:, columns].mean(axis=1) for columns in points], axis=1)
        turn = trust[:, [column[body.human] for body in bodies]]
        for i, body in enumerate(bodies):
            children = [j for j, other in enumerate(bodies) if other.parent == body.human]
            if children:
                turn[:, i] = np.minimum(turn[:, i], place[:, children].mean(axis=1))
        best = np.maximum(place.max(axis=1), turn.max(axis=1))[:, None] + _COMMON_DOUBT
        return cls(place=(place + _COMMON_DOUBT) / best, turn=(turn + _COMMON_DOUBT) / best)

    def weight_factors(self) -> tuple[Float[np.ndarray, "frames bodies"], Float[np.ndarray, "frames bodies"]]:
        """Factors of position and rotation weights; these are squared in the cost, where trust counts once."""
        return np.maximum(np.sqrt(self.place), _LEAST_FACTOR), np.maximum(np.sqrt(self.turn), _LEAST_FACTOR)


def bridge_doubtful(
    pos_w: Float[np.ndarray, "frames bodies 3"],
    rot_w: Float[np.ndarray, "frames bodies 3 3"],
    trust: RelativeTrust,
    correspondence: Correspondence,
    fps: float,
) -> tuple[Float[np.ndarray, "frames bodies 3"], Float[np.ndarray, "frames bodies 3 3"]]:
    """Lead doubtful bodies from the last moment that is believed to the next, at the speeds they have there.

    What is followed all the time is returned to the last bit.

    Args:
        pos_w: Points of the table's bodies [m].
        rot_w: Their orientations.
        trust: How far each is trusted.
        correspondence: The table.
        fps: Frames per second [1/s].
    """
    new_pos, new_rot = pos_w.copy(), rot_w.copy()
    longest = _LONGEST_BRIDGE_S * fps
    for i, body in enumerate(correspondence.bodies):
        hung = body.placement != "world"  # bones are led in their parent's company, feet and pelvis in the world
        parent = correspondence.index(str(body.parent)) if hung else i
        bone = pos_w[:, i] - pos_w[:, parent] if hung else pos_w[:, i]
        belief = _belief(trust.place[:, i])
        for start, stop in _gaps(belief, longest):
            inside, share = slice(start, stop), belief[start:stop, None]
            led = share * bone[inside] + (1.0 - share) * _way_across(bone, start, stop)
            new_pos[inside, i] = led + new_pos[inside, parent] if hung else led
        belief = _belief(trust.turn[:, i])
        for start, stop in _gaps(belief, longest):
            near = slice(max(start - 2, 0), stop + 2)
            turn = Rotation.from_matrix(rot_w[start - 1, i].T @ rot_w[near, i]).as_rotvec()
            led = _way_across(turn, start - near.start, stop - near.start)
            share = belief[start:stop, None]
            given = Rotation.from_matrix(rot_w[start:stop, i])
            across = Rotation.from_matrix(rot_w[start - 1, i]) * Rotation.from_rotvec(led)
            new_rot[start:stop, i] = (
                across * Rotation.from_rotvec(share * (across.inv() * given).as_rotvec())
            ).as_matrix()
    return new_pos, new_rot


def _belief(trust: Float[np.ndarray, " frames"]) -> Float[np.ndarray, " frames"]:
    """0 where a body is to be bridged, 1 where it is to be followed."""
    return np.clip((trust - _DISBELIEVED) / (_BELIEVED - _DISBELIEVED), 0.0, 1.0)


def _gaps(belief: Float[np.ndarray, " frames"], longest: float) -> list[tuple[int, int]]:
    """Runs of doubt, not too long, with a believed frame on either side."""
    doubt = true_runs(belief < 1.0)
    return [(start, stop) for start, stop in doubt if start > 0 and stop < len(belief) and stop - start <= longest]


def _way_across(values: Float[np.ndarray, "frames 3"], start: int, stop: int) -> Float[np.ndarray, "gap 3"]:
    """Cubic from the frame before a gap to the frame after it, with the velocities there (Hermite)."""
    begin, end, steps = values[start - 1], values[stop], stop - start + 1
    steady = (end - begin) / steps
    leaving = values[start - 1] - values[start - 2] if start > 1 else steady
    arriving = values[stop + 1] - values[stop] if stop + 1 < len(values) else steady
    s = (np.arange(1, steps) / steps)[:, None]
    return (
        (1 + 2 * s) * (1 - s) ** 2 * begin
        + s**2 * (3 - 2 * s) * end
        + steps * (s * (1 - s) ** 2 * leaving - s**2 * (1 - s) * arriving)
    )
