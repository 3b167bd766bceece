"""Turns targets for every frame of a clip into configurations, all frames at once.

A robot's arm reaches most places in several ways, and a solver that follows one frame after the other keeps the way it
came. Here every frame begins in the same neutral pose, first few frames of the clip and then more of them, and what
moving costs lets neighbours agree on one way; so no frame decides for the others, and time has no direction.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.spatial.transform import Rotation

from retarget.centre_of_mass import CentreOfMass
from retarget.clip_cost import ClipCost, ClipEngine, SmoothnessConfig
from retarget.clip_descent import Descent, DescentConfig, descend
from retarget.clip_starts import FollowingEngine, best_of, followed_both_ways
from retarget.clip_target import ClipTarget
from retarget.progress import Progress, silent
from retarget.spans import Span, true_runs
from retarget.speed_limits import limits_in_use, too_fast, within_speed
from robots.arrays import check_settings
from robots.exceptions import InvalidArray


@dataclass(frozen=True, slots=True, kw_only=True)
class WholeClipConfig:
    """What moving costs, and how hard the solver tries."""

    smoothness: SmoothnessConfig = field(default_factory=SmoothnessConfig)
    """What moving costs."""
    descent: DescentConfig = field(default_factory=DescentConfig)
    """How steps are found."""
    level_rates_hz: tuple[float, ...] = (3.0, 10.0)
    """Frames a second of the levels before the last one, which has all frames [1/s]."""
    tolerance: float = 3e-3
    """The last level is done when a step saves less than this share of the cost; then, frames that have not settled are
    solved on in their neighbourhoods."""
    coarse_tolerance: float = 2e-2
    """The same for the levels before the last."""
    change_price: float = 2.0
    """Price of going over from one start to another, times their squared distance and the frame rate [s/rad^2]: of the
    least acceleration that takes a joint there in 0.15 s, and of being off the targets meanwhile."""
    soft_floor: float = 0.3
    """Share of the engine's price of the floor that is charged until a last descent from there. Contacts are stiff, and
    stiff terms allow short steps only; most of the way is made before they are."""
    polish_rounds: int = 2
    """How often the neighbourhood of what the speed limit cut off is solved again."""
    polish_s: float = 0.3
    """How far this neighbourhood, or that of a frame which has not settled, goes to both sides [s]."""

    def __post_init__(self) -> None:
        """Check ranges.

        Raises:
            InvalidArray: A number is outside its range.
        """
        tolerances = ("tolerance", "coarse_tolerance")
        check_settings(
            self,
            positive=("level_rates_hz", *tolerances),
            below_one=tolerances,
            at_most_one=("soft_floor",),
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ClipSolution:
    """The configurations of a clip, and what stood in the way of its targets."""

    q: Float[np.ndarray, "frames nq"]
    """Base position [m], base quaternion xyzw, joints [rad]."""
    cost: Float[np.ndarray, " frames"]
    """What the targets of each frame cost in the end; moving and flight left out."""
    on_position_limit: Bool[np.ndarray, "frames joints"]
    """Joints that lie on an end of their range."""
    on_speed_limit: Bool[np.ndarray, "frames joints"]
    """Joints that arrive at the frame at their speed limit, its margin included."""
    iterations: int
    """Gauss-Newton steps of the last level, all frames of the clip in each."""
    linear_iterations: int
    """Conjugate gradient iterations in these."""


class WholeClipSolver:
    """Solves clips of one robot."""

    def __init__(
        self,
        engine: ClipEngine,
        joint_lower: Float[np.ndarray, " joints"],
        joint_upper: Float[np.ndarray, " joints"],
        joint_speed: Float[np.ndarray, " joints"],
        config: WholeClipConfig | None = None,
        *,
        neutral: Float[np.ndarray, " joints"] | None = None,
        centre_of_mass: CentreOfMass | None = None,
    ) -> None:
        """Take the robot and its limits.

        Args:
            engine: Linearises the cost of single frames.
            joint_lower: Smallest joint angles allowed [rad].
            joint_upper: Largest joint angles allowed [rad].
            joint_speed: Joint speed limits [rad/s].
            config: Settings; defaults when left out.
            neutral: Joint angles that every frame begins with [rad]; the engine's posture when left out.
            centre_of_mass: Of the robot; needed for clips with flight.
        """
        lower, upper = np.array(joint_lower, dtype=float), np.array(joint_upper, dtype=float)
        self._engine, self._config = engine, config or WholeClipConfig()
        self._soft_engine = _softened(engine, self._config.soft_floor)
        self._tree = engine.problem.tree._replace(joint_lower=lower, joint_upper=upper)
        self._speed, self._centre_of_mass = np.array(joint_speed, dtype=float), centre_of_mass
        self._neutral = np.clip(engine.problem.posture if neutral is None else neutral, lower, upper)

    def solve(
        self,
        target: ClipTarget,
        fps: float,
        *,
        start: Float[np.ndarray, "frames nq"] | None = None,
        flight: Sequence[Span] = (),
        progress: Progress = silent,
    ) -> ClipSolution:
        """Solve all frames.

        Args:
            target: What is asked of each frame.
            fps: Frames per second [1/s].
            start: Where to start; the coarse levels are left out then.
            flight: Frames in which nothing touches the ground: the centre of mass should fall freely.
            progress: Told the number of frames done and expected; every frame counts twice, soft floor and hard.

        Returns:
            Configurations whose joints are inside their ranges and move no faster than their limits from any frame
            to the next.

        Raises:
            InvalidArray: The targets are not finite or empty, or the start does not fit them.
        """
        if target.n_frames == 0 or not (np.isfinite(fps) and fps > 0):
            raise InvalidArray("target", problem=f"needs a frame and a positive rate, got {target.n_frames} at {fps}")
        if start is None:
            q = self._coarse_to_fine(target, fps, flight, progress)
        else:
            q = self._checked_start(start, target.n_frames)
        cost = self._cost(self._engine, target, fps, flight)
        found = descend(cost, q, self._tree, self._config.descent, tolerance=self._config.tolerance)
        q = self._with_exact_limits(found, target, fps, flight)
        unchanged = np.array_equal(q, found.q)
        held_back = (1.0 - self._config.smoothness.excess_margin) * self._speed  # from here on speed has a price
        on_stop, at_speed = limits_in_use(q[:, 7:], self._tree.joint_lower, self._tree.joint_upper, held_back, fps)
        progress(2 * target.n_frames, 2 * target.n_frames)
        return ClipSolution(
            q=q,
            cost=found.model.frame_cost if unchanged else self._engine.evaluate(q, target).cost,
            on_position_limit=on_stop,
            on_speed_limit=at_speed,
            iterations=found.iterations,
            linear_iterations=found.linear_iterations,
        )

    def _cost(self, engine: ClipEngine, target: ClipTarget, fps: float, flight: Sequence[Span]) -> ClipCost:
        """Put the cost of a clip, or of a part or level of it, together."""
        smoothness = self._config.smoothness
        return ClipCost(
            engine,
            target,
            fps,
            weights=smoothness.weights(self._speed, fps),
            flight=flight,
            free_fall=smoothness.free_fall,
            centre_of_mass=self._centre_of_mass,
        )

    def _checked_start(self, start: np.ndarray, n_frames: int) -> np.ndarray:
        """Return a copy of a start with its joints inside their ranges."""
        q = np.array(start, dtype=float)
        if q.shape != (n_frames, 7 + len(self._speed)) or not np.isfinite(q).all():
            raise InvalidArray("start", problem=f"must be finite of shape {(n_frames, 7 + len(self._speed))}")
        q[:, 3:7] /= np.linalg.norm(q[:, 3:7], axis=1, keepdims=True)
        np.clip(q[:, 7:], self._tree.joint_lower, self._tree.joint_upper, out=q[:, 7:])
        return q

    def _coarse_to_fine(
        self, target: ClipTarget, fps: float, flight: Sequence[Span], progress: Progress
    ) -> Float[np.ndarray, "frames nq"]:
        """Solve a few frames from neutral, then more, each level beginning where the one before ended."""
        n_frames = target.n_frames
        levels = [_evenly_spread(n_frames, fps, rate) for rate in self._config.level_rates_hz if rate < fps]
        levels.append(np.arange(n_frames))
        q = self._turned_first(target.part(levels[0]), _mean_rate(levels[0], fps))
        for coarse, fine in pairwise([*levels, levels[-1]]):
            part, rate = target.part(coarse), _mean_rate(coarse, fps)
            cost = self._cost(self._soft_engine, part, rate, _spans_among(flight, coarse))
            settings, tolerance = self._config.descent, self._config.coarse_tolerance
            q = descend(cost, q, self._tree, settings, tolerance=tolerance).q
            if fine is levels[-1] and coarse is not fine:
                better = self._best_start(q, part, rate)
                if better is not q:
                    q = descend(cost, better, self._tree, settings, tolerance=tolerance).q
            q = _interpolated(coarse, q, fine)
            progress(len(coarse), 2 * n_frames)
        return q

    def _best_start(self, q: Float[np.ndarray, "frames nq"], target: ClipTarget, fps: float) -> np.ndarray:
        """Mix a solution with ways that follow the clip from frame to frame, where these are better."""
        if not isinstance(self._engine, FollowingEngine):
            return q
        calm = self._config.smoothness.joint_velocity
        ways = followed_both_ways(self._engine, target, self._speed, fps, calm)
        price = self._config.change_price * fps
        best = best_of((q, *ways), lambda way: self._soft_engine.evaluate(way, target).cost, self._tree, price)
        return q if np.array_equal(best, q) else best

    def _turned_first(self, target: ClipTarget, fps: float) -> Float[np.ndarray, "frames nq"]:
        """Start in the neutral pose and meet orientations only: a limb pulled by its end may fold the wrong way."""
        problem = self._engine.problem
        base = problem.base_task
        rot = target.rot_w[:, base] @ problem.task_rot[base].T
        q = np.empty((target.n_frames, 7 + len(self._speed)))
        q[:, :3] = target.pos_w[:, base] - rot @ problem.task_point[base]
        q[:, 3:7] = Rotation.from_matrix(rot).as_quat()
        q[:, 7:] = self._neutral
        weight = np.zeros_like(target.position_weight)
        weight[:, base] = target.position_weight[:, base]
        turned = target._replace(position_weight=weight, planted=np.zeros_like(target.planted))
        settings = self._config.descent
        return descend(
            self._cost(self._soft_engine, turned, fps, ()),
            q,
            self._tree,
            settings,
            tolerance=2.0 * self._config.coarse_tolerance,
            first_damping=settings.first_damping,
        ).q

    def _with_exact_limits(
        self, found: Descent, target: ClipTarget, fps: float, flight: Sequence[Span]
    ) -> Float[np.ndarray, "frames nq"]:
        """Let single frames come to rest, cut off what passes the speed limit, and let the others answer to that."""
        lower, upper = self._tree.joint_lower, self._tree.joint_upper
        free = np.zeros(found.q[:, 7:].shape, dtype=bool)
        q = self._solved_locally(found.q, target, fps, flight, ~found.settled, free)
        pinned = free
        for _ in range(self._config.polish_rounds):
            allowed = within_speed(q[:, 7:], lower, upper, self._speed, fps)
            moved = allowed != q[:, 7:]
            if not moved.any():
                break
            q[:, 7:], pinned = allowed, pinned | moved
            q = self._solved_locally(q, target, fps, flight, moved.any(axis=1), pinned)
        q[:, 7:] = within_speed(q[:, 7:], lower, upper, self._speed, fps)
        if too_fast(q[:, 7:], self._speed, fps).any():
            raise RuntimeError("the projection onto the speed limits failed; a bug of ours")
        return q

    def _solved_locally(
        self,
        q: Float[np.ndarray, "frames nq"],
        target: ClipTarget,
        fps: float,
        flight: Sequence[Span],
        frames: Bool[np.ndarray, " frames"],
        pinned: Bool[np.ndarray, "frames joints"],
    ) -> Float[np.ndarray, "frames nq"]:
        """Solve the neighbourhoods of some frames again, with the pinned joints held."""
        q = q.copy()
        for first, last in _neighbourhoods(frames, max(2, round(self._config.polish_s * fps))):
            part = slice(first, last)
            held = np.zeros((last - first, 6 + pinned.shape[1]), dtype=bool)
            held[:, 6:] = pinned[part]
            # Two frames on either side stay, so that speeds and accelerations across the seam are counted.
            held[: 2 if first > 0 else 0] = True
            held[len(held) - (2 if last < len(q) else 0) :] = True
            cost = self._cost(self._engine, target.part(part), fps, _spans_among(flight, np.arange(first, last)))
            settings, tolerance = self._config.descent, self._config.tolerance
            q[part] = descend(cost, q[part], self._tree, settings, tolerance=tolerance, held=held).q
        return q


def _softened(engine: ClipEngine, share: float) -> ClipEngine:
    """Return the same engine with a softer floor."""
    softer = copy.copy(engine)
    softer.problem = engine.problem._replace(sole_weight=share * engine.problem.sole_weight)
    return softer


def _evenly_spread(n_frames: int, fps: float, rate: float) -> Int[np.ndarray, " nodes"]:
    """Frames at about ``rate`` a second, the first and the last among them."""
    count = min(n_frames, round((n_frames - 1) * rate / fps) + 1)
    return np.unique(np.linspace(0, n_frames - 1, max(count, min(n_frames, 2))).round().astype(np.int64))


def _mean_rate(nodes: Int[np.ndarray, " nodes"], fps: float) -> float:
    """Nodes a second."""
    return fps if len(nodes) < 2 else fps * (len(nodes) - 1) / float(nodes[-1] - nodes[0])


def _spans_among(spans: Sequence[Span], nodes: Int[np.ndarray, " nodes"]) -> list[Span]:
    """Spans of frames as spans of nodes."""
    found = [(int(np.searchsorted(nodes, start)), int(np.searchsorted(nodes, stop))) for start, stop in spans]
    return [span for span in found if span[1] - span[0] > 2]


def _interpolated(
    nodes: Int[np.ndarray, " nodes"], q: Float[np.ndarray, "nodes nq"], frames: Int[np.ndarray, " frames"]
) -> Float[np.ndarray, "frames nq"]:
    """Straight lines between nodes; quaternions are made to agree in sign first, and normalised."""
    if len(nodes) == 1:
        return np.repeat(q, len(frames), axis=0)
    flips = np.sign(np.einsum("ti,ti->t", q[1:, 3:7], q[:-1, 3:7]) + 1e-300)
    q = q.copy()
    q[1:, 3:7] *= np.cumprod(flips)[:, None]
    left = np.clip(np.searchsorted(nodes, frames, side="right") - 1, 0, len(nodes) - 2)
    share = ((frames - nodes[left]) / (nodes[left + 1] - nodes[left]))[:, None]
    out = (1.0 - share) * q[left] + share * q[left + 1]
    out[:, 3:7] /= np.linalg.norm(out[:, 3:7], axis=1, keepdims=True)
    return out


def _neighbourhoods(disturbed: Bool[np.ndarray, " frames"], margin: int) -> list[Span]:
    """Spans of frames within ``margin`` of a disturbed one."""
    near = np.convolve(disturbed, np.ones(2 * margin + 1), mode="same") > 0.5
    if len(near) != len(disturbed):  # NumPy returns the longer of the two
        near = np.ones(len(disturbed), dtype=bool)
    return true_runs(near)
