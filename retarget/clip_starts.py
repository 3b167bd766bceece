"""Turns several ways through a clip into one start for its solver: at each moment the best way of each limb.

An arm reaches most places in several ways, and descent never leaves the way it began on. Solved from a neutral pose,
an arm above the head may come to lie on its stops; followed from frame to frame, it keeps the way it came, which may
become a bad one. So a clip is followed forwards and backwards as well, and what is best is put together.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, Int

from retarget.clip_target import ClipTarget
from retarget.engine.tree import KinematicTree

_ANOTHER_WAY = 0.3
"""Distance of a limb's joints from which on it goes another way [rad]; descent sees to less."""

Configurations = Float[np.ndarray, "frames nq"]


class Followed(Protocol):
    """A clip solved frame after frame."""

    @property
    def q(self) -> Configurations: ...  # noqa: D102


@runtime_checkable
class FollowingEngine(Protocol):
    """What can solve a clip frame after frame."""

    def solve_frames(
        self,
        target: ClipTarget,
        speed: Float[np.ndarray, " joints"],
        fps: float,
        reference_weight: Float[np.ndarray, " joints"],
    ) -> Followed:
        """Solve each frame from the one before."""
        ...


def followed_both_ways(
    engine: FollowingEngine, target: ClipTarget, speed: Float[np.ndarray, " joints"], fps: float, price: float
) -> tuple[Configurations, Configurations]:
    """Follow a clip from its first frame to its last and back from its last.

    Args:
        engine: Solves frame after frame.
        target: What the clip asks for.
        speed: Joint speed limits [rad/s].
        fps: Frames per second [1/s].
        price: Of a joint's speed [s/rad].
    """
    calm = np.full(len(speed), price * fps)
    backwards = ClipTarget(*(np.ascontiguousarray(field[::-1]) for field in target))
    forth, back = (engine.solve_frames(way, speed, fps, calm).q for way in (target, backwards))
    return forth, np.ascontiguousarray(back[::-1])


def best_of(
    ways: Sequence[Configurations],
    frame_cost: Callable[[Configurations], Float[np.ndarray, " frames"]],
    tree: KinematicTree,
    change_price: float,
) -> Configurations:
    """Put the best parts of several ways together: of whole configurations first, then of each limb.

    Args:
        ways: Configurations of the same frames; those of the first win ties.
        frame_cost: What each frame of a way costs.
        tree: The robot.
        change_price: Of going over from one way to another, times their squared distance [1/rad^2].
    """
    best = _mixed(ways, frame_cost, slice(None), change_price)
    for limb in limbs(tree):
        best = _mixed([best, *(_with_limb(best, way, limb) for way in ways)], frame_cost, limb, change_price)
    return best


def _mixed(
    ways: Sequence[Configurations],
    frame_cost: Callable[[Configurations], Float[np.ndarray, " frames"]],
    joints: slice | Int[np.ndarray, " joints"],
    change_price: float,
) -> Configurations:
    """Take the cheapest way at each frame, some joints of which differ; the first if they nowhere differ by much."""
    angles = np.stack([way[:, 7:][:, joints] for way in ways])
    away = ((angles[:, None] - angles[None]) ** 2).sum(axis=-1)
    other = np.flatnonzero(away[0].max(axis=1) > _ANOTHER_WAY**2)
    if not len(other):
        return ways[0]
    kept = [0, *other]
    cost = np.stack([frame_cost(ways[i]) for i in kept])
    way = _cheapest_way(cost, change_price * away[np.ix_(kept, kept)].transpose(2, 0, 1))
    return np.stack([ways[i] for i in kept])[way, np.arange(len(way))]


def limbs(tree: KinematicTree) -> list[Int[np.ndarray, " joints"]]:
    """Joints of every chain from where the tree branches last to an end of it: of legs and arms."""
    children = np.bincount(tree.body_parent[1:], minlength=tree.n_bodies)
    found = []
    for end in np.flatnonzero(children[1:] == 0) + 1:
        chain = [int(end)]
        while tree.body_parent[chain[-1]] != 0 and children[tree.body_parent[chain[-1]]] == 1:
            chain.append(int(tree.body_parent[chain[-1]]))
        found.append(np.array(chain[::-1]) - 1)
    return found


def _with_limb(q: Configurations, other: Configurations, limb: Int[np.ndarray, " joints"]) -> Configurations:
    """Return a copy with one limb's joints of another way."""
    changed = q.copy()
    changed[:, 7 + limb] = other[:, 7 + limb]
    return changed


def _cheapest_way(
    cost: Float[np.ndarray, "ways frames"], gap: Float[np.ndarray, "frames ways ways"]
) -> Int[np.ndarray, " frames"]:
    """Which way to be on at each frame, by dynamic programming (Viterbi)."""
    n_ways, n_frames = cost.shape
    total, came_from = cost[:, 0].copy(), np.zeros((n_frames, n_ways), dtype=int)
    for t in range(1, n_frames):
        arriving = total[:, None] + 0.5 * (gap[t - 1] + gap[t])
        came_from[t] = arriving.argmin(axis=0)
        total = arriving.min(axis=0) + cost[:, t]
    way = np.empty(n_frames, dtype=int)
    way[-1] = int(total.argmin())
    for t in range(n_frames - 1, 0, -1):
        way[t - 1] = came_from[t, way[t]]
    return way
