"""Turns targets that a robot cannot meet on average into constant offsets that it can: one shift a body.

A human's points and a robot's lie in different places of their links, so part of every residual is a constant of the
mapping and no error of following. The fit alternates: follow the targets with the present offsets, then move each
body's target to the middle of where the robot's point was, in the frame of the target; until nothing moves.

Each body's middle is the geometric median: the point with the least mean distance (Weiszfeld 1937, "Sur le point pour
lequel la somme des distances de n points donnés est minimum"). Unlike a mean it is not drawn away by the moments in
which a limb is at its limit. Following lowers a sum of squares, angles included, and not these distances, so a sweep
may make them longer: offsets are those of the best sweep.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from retarget.clip_target import ClipTarget
from retarget.exceptions import NothingToFit
from robots.arrays import checked_array, freeze_fields

Solve = Callable[[ClipTarget], Float[np.ndarray, "frames nq"]]
"""Follows targets: configurations of all frames."""
TaskPoses = Callable[
    [Float[np.ndarray, "frames nq"]], tuple[Float[np.ndarray, "frames tasks 3"], Float[np.ndarray, "frames tasks 3 3"]]
]
"""Where configurations put the tasks' points [m], and how they turn their links."""
Project = Callable[[Float[np.ndarray, "tasks 3"]], Float[np.ndarray, "tasks 3"]]
"""Makes offsets what they are known to be, such as mirror images of each other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OffsetFitConfig:
    """When the fit is done, and how far it may go."""

    max_sweeps: int = 12
    """Times that all clips are followed, at most."""
    settled_share: float = 0.01
    """Done when a sweep lowers the mean distance by less than this share. Going on would let offsets of pelvis and feet
    wander off together, which costs and gains nothing."""
    longest_m: float = 0.3
    """No offset becomes longer than this [m]: a longer one is no matter of where joints lie in their limbs."""

    def __post_init__(self) -> None:
        """Refuse a fit that cannot run."""
        if self.max_sweeps < 1 or not 0 < self.settled_share < 1 or not self.longest_m > 0:
            raise ValueError("a fit needs at least one sweep, a share between 0 and 1, and a positive length")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OffsetFit:
    """Fitted offsets and what they are worth on the clips that they were fitted on."""

    offset_m: Float[np.ndarray, "tasks 3"]
    """Shift of each target in the frame of its target orientation [m]; zero for tasks that were held."""
    before_m: Float[np.ndarray, " tasks"]
    """Mean distance between target and point without offsets [m]."""
    after_m: Float[np.ndarray, " tasks"]
    """The same with the offsets [m]."""
    turn_before_rad: Float[np.ndarray, " tasks"]
    """Mean angle between target and link without offsets [rad]."""
    turn_after_rad: Float[np.ndarray, " tasks"]
    """The same with the offsets [rad]."""
    sweeps: int
    """Times that the clips were followed."""
    settled: bool
    """Whether the last sweep hardly helped, so that more would not."""

    def __post_init__(self) -> None:
        """Check shapes and make the arrays read-only."""
        freeze_fields(self, _checked(self, ("tasks",)))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class HeldOut:
    """What offsets are worth on clips that they were not fitted on: each clip with the offsets of the others."""

    offset_m: Float[np.ndarray, "clips tasks 3"]
    """Offsets used on each clip [m]."""
    before_m: Float[np.ndarray, "clips tasks"]
    """Mean distance without offsets [m]."""
    after_m: Float[np.ndarray, "clips tasks"]
    """Mean distance with the offsets of the other clips [m]."""
    turn_before_rad: Float[np.ndarray, "clips tasks"]
    """Mean angle without offsets [rad]."""
    turn_after_rad: Float[np.ndarray, "clips tasks"]
    """Mean angle with the offsets of the other clips [rad]."""
    n_frames: tuple[int, ...]
    """Frames of each clip: the weights of means over clips."""

    def __post_init__(self) -> None:
        """Check shapes and make the arrays read-only."""
        freeze_fields(self, _checked(self, ("clips", "tasks")))

    def mean(self, per_clip: Float[np.ndarray, "clips tasks"]) -> Float[np.ndarray, " tasks"]:
        """Mean over all frames of all clips."""
        return np.average(per_clip, axis=0, weights=self.n_frames)


def shifted(clip: ClipTarget, offset_m: Float[np.ndarray, "tasks 3"]) -> ClipTarget:
    """Return the targets moved by ``offset_m`` in the frames of their orientations."""
    return clip._replace(pos_w=clip.pos_w + np.einsum("ftij,tj->fti", clip.rot_w, offset_m))


def residual_in_target(
    clip: ClipTarget, pos_w: Float[np.ndarray, "frames tasks 3"]
) -> Float[np.ndarray, "frames tasks 3"]:
    """Distance from target to point in the frame of the target's orientation [m]."""
    return np.einsum("ftji,ftj->fti", clip.rot_w, pos_w - clip.pos_w)


def geometric_median(points: Float[np.ndarray, "n 3"], *, tolerance: float = 1e-6) -> Float[np.ndarray, " 3"]:
    """Return the point with the least mean distance from ``points``, by Weiszfeld's reweighted means."""
    middle = np.median(points, axis=0)
    for _ in range(100):
        weight = 1.0 / np.maximum(np.linalg.norm(points - middle, axis=1), 1e-5)
        new = weight @ points / weight.sum()
        if np.linalg.norm(new - middle) < tolerance:
            return new
        middle = new
    return middle


def fit_offsets(
    clips: Sequence[ClipTarget],
    solve: Solve,
    task_poses: TaskPoses,
    *,
    held: Bool[np.ndarray, " tasks"] | None = None,
    project: Project | None = None,
    config: OffsetFitConfig | None = None,
) -> OffsetFit:
    """Fit one constant offset a task over all frames of ``clips``.

    Args:
        clips: Targets without offsets.
        solve: Follows targets.
        task_poses: Forward kinematics of the tasks.
        held: Tasks that keep a zero offset, beside those whose position has no weight in any clip.
        project: Applied to all new offsets.
        config: When the fit is done.

    Raises:
        NothingToFit: There is no clip, or no task is free.
    """
    config = config or OffsetFitConfig()
    free = _free_tasks(clips, held)
    zero = np.zeros((len(free), 3))
    start = best = _followed(clips, zero, solve, task_poses)
    sweeps, settled = 1, False
    while sweeps < config.max_sweeps and not settled:
        middles = _middles(best.residual, free, config.longest_m)
        trial = _followed(clips, middles if project is None else project(middles), solve, task_poses)
        sweeps += 1
        settled = bool(trial.distance_m[free].mean() > (1.0 - config.settled_share) * best.distance_m[free].mean())
        if trial.distance_m[free].mean() < best.distance_m[free].mean():
            best = trial
    return OffsetFit(
        offset_m=best.offset_m,
        before_m=start.distance_m,
        after_m=best.distance_m,
        turn_before_rad=start.turn_rad,
        turn_after_rad=best.turn_rad,
        sweeps=sweeps,
        settled=settled,
    )


def leave_one_out(
    clips: Sequence[ClipTarget],
    solve: Solve,
    task_poses: TaskPoses,
    *,
    held: Bool[np.ndarray, " tasks"] | None = None,
    project: Project | None = None,
    config: OffsetFitConfig | None = None,
) -> HeldOut:
    """Follow each clip with the offsets that were fitted on all others; arguments are :func:`fit_offsets`'s.

    Raises:
        NothingToFit: There are fewer than two clips, or no task is free.
    """
    if len(clips) < 2:
        raise NothingToFit(f"leaving one of {len(clips)} clips out leaves none; give at least two")
    rows = []
    for left_out, clip in enumerate(clips):
        others = [other for i, other in enumerate(clips) if i != left_out]
        offset = fit_offsets(others, solve, task_poses, held=held, project=project, config=config).offset_m
        before = _followed([clip], np.zeros_like(offset), solve, task_poses)
        after = _followed([clip], offset, solve, task_poses)
        rows.append((offset, before.distance_m, after.distance_m, before.turn_rad, after.turn_rad))
    offsets, before_m, after_m, turn_before, turn_after = (np.array(column) for column in zip(*rows, strict=True))
    return HeldOut(
        offset_m=offsets,
        before_m=before_m,
        after_m=after_m,
        turn_before_rad=turn_before,
        turn_after_rad=turn_after,
        n_frames=tuple(clip.n_frames for clip in clips),
    )


def _free_tasks(clips: Sequence[ClipTarget], held: Bool[np.ndarray, " tasks"] | None) -> Bool[np.ndarray, " tasks"]:
    """Tasks whose position matters somewhere and that are not held."""
    if not clips:
        raise NothingToFit("there are no clips; give at least one")
    free = np.any([(clip.position_weight > 0).any(axis=(0, 2)) for clip in clips], axis=0)
    free &= True if held is None else ~np.asarray(held)
    if not free.any():
        raise NothingToFit("no body is free to move; give one a position weight, and hold fewer")
    return free


class _Followed(NamedTuple):
    """What became of clips with some offsets."""

    offset_m: Float[np.ndarray, "tasks 3"]
    residual: Float[np.ndarray, "frames tasks 3"]
    """From targets without offsets to points, in the frames of the targets [m]."""
    distance_m: Float[np.ndarray, " tasks"]
    turn_rad: Float[np.ndarray, " tasks"]


def _followed(
    clips: Sequence[ClipTarget], offset_m: Float[np.ndarray, "tasks 3"], solve: Solve, task_poses: TaskPoses
) -> _Followed:
    """Follow clips with offsets and measure what is left."""
    achieved = [task_poses(solve(shifted(clip, offset_m))) for clip in clips]
    residual = np.concatenate([residual_in_target(clip, pos) for clip, (pos, _) in zip(clips, achieved, strict=True)])
    turn = np.concatenate([_angle(rot, clip.rot_w) for clip, (_, rot) in zip(clips, achieved, strict=True)])
    distance = np.linalg.norm(residual - offset_m, axis=-1)
    return _Followed(offset_m, residual, distance.mean(axis=0), turn.mean(axis=0))


def _middles(
    residual: Float[np.ndarray, "frames tasks 3"], free: Bool[np.ndarray, " tasks"], longest_m: float
) -> Float[np.ndarray, "tasks 3"]:
    """Offsets that put each free target in the middle of its points."""
    offset = np.zeros(residual.shape[1:])
    for task in np.flatnonzero(free):
        middle = geometric_median(residual[:, task])
        offset[task] = middle * min(1.0, longest_m / max(float(np.linalg.norm(middle)), 1e-12))
    return offset


def _angle(rot: Float[np.ndarray, "... 3 3"], other: Float[np.ndarray, "... 3 3"]) -> Float[np.ndarray, "..."]:
    """Angle between orientations [rad], from the length of their difference: exact where it is small as well."""
    chord = np.linalg.norm((rot - other).reshape(*rot.shape[:-2], 9), axis=-1)
    return 2.0 * np.arcsin(np.clip(chord / np.sqrt(8.0), 0.0, 1.0))


def _checked(record: OffsetFit | HeldOut, shape: tuple[str, ...]) -> dict[str, np.ndarray]:
    """Return the arrays of a record, checked and read-only."""
    names = ("before_m", "after_m", "turn_before_rad", "turn_after_rad")
    dims: dict[str, int] = {}
    arrays = {name: checked_array(name, getattr(record, name), shape, dims) for name in names}
    return {**arrays, "offset_m": checked_array("offset_m", record.offset_m, (*shape, 3), dims)}
