"""Turns targets and stances into what each frame of a clip asks of the robot: what stands is held where it stands.

A standing foot is held by the ends of its sole that touch the floor: heel and toe keep place and heading and leave the
foot free to tilt, a foot on its toes is held by its toes alone, one that pivots by the end it turns on. Before and
after a stance the correction fades, so that an anchor never asks for a jump. Nothing is ever forced flat: places are
held firmly, heights are one-sided, flatness is a preference.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from jaxtyping import Bool, Float
from scipy.ndimage import uniform_filter1d
from scipy.spatial.transform import Rotation

from retarget.clip_target import ClipTarget
from retarget.robot_tasks import RobotTasks
from retarget.spans import Span
from retarget.targets import BodyTargets
from robots.arrays import check_settings

_TOE = 1
"""Place of the toe among a foot's anchor points."""

_UPRIGHT = 0.7
"""Cosine between a sole's normal and the vertical above which a foot stands on its sole; else it lies on its side or
its back, and is not made flat."""

_STEADY_SHARE = 0.2
"""Share of its fastest end's speed below which an end of a sole that turns may be what it turns on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlantingConfig:
    """How feet, and whatever else bears weight, come to stand."""

    anchor_weight: float = 700.0
    """Price of horizontal distance of heel and toe from where they stand [1/m]."""
    other_anchor_weight: float = 200.0
    """The same for the regions that are not feet [1/m]."""
    flat_weight: float = 25.0
    """Price of tilt and heading of a foot that stands or turns on its whole sole [1/rad]; not every stance can be
    flat."""
    lifted_m: float = 0.02
    """An end of the sole is on the floor while the human's is no higher than this above the other [m], robot size."""
    blend_s: float = 0.15
    """Time before and after a stance in which its correction fades [s]."""
    reach_m: float = 0.02
    """A stance that stays farther than this from its anchor or the floor is let go [m]."""
    slide_m: float = 0.1
    """A stance in which the human strays farther than this from its middle is let go [m], robot size."""
    lift_m: float = 0.12
    """A stance in which the human is higher than this above the floor is let go [m], robot size."""
    steady_heading: float = 0.35
    """A foot that turns less than this during a stance keeps one heading [rad]; more is a pivot and is followed."""

    def __post_init__(self) -> None:
        """Check ranges.

        Raises:
            InvalidArray: A number is outside its range.
        """
        check_settings(self)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BodyWeights:
    """Prices of a clip's targets before anything is planted."""

    position: Float[np.ndarray, "frames bodies"]
    """Of distance [1/m]."""
    rotation: Float[np.ndarray, "frames bodies"]
    """Of the angle [1/rad]."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StanceTargets:
    """What a clip asks for with its stances planted."""

    clip: ClipTarget
    """Targets and prices of all tasks."""
    held: Bool[np.ndarray, "frames tasks"]
    """Tasks that are held to the floor; their targets are the anchors."""


class _Draft:
    """Arrays of a clip's targets on their way; what nothing is said about costs nothing."""

    def __init__(self, targets: BodyTargets, weights: BodyWeights, tasks: RobotTasks) -> None:
        frames, bodies = targets.pos_w.shape[:2]
        n_tasks, n_patches = len(tasks.problem.task_body), len(tasks.patches)
        self.pos = np.zeros((frames, n_tasks, 3))
        self.rot = np.tile(np.eye(3), (frames, n_tasks, 1, 1))
        self.weight_pos = np.zeros((frames, n_tasks, 3))
        self.weight_rot = np.zeros((frames, n_tasks))
        self.planted = np.zeros((frames, n_patches), dtype=bool)
        self.held = np.zeros((frames, n_tasks), dtype=bool)
        self.pos[:, :bodies], self.rot[:, :bodies] = targets.pos_w, targets.rot_w
        self.weight_pos[:, :bodies] = weights.position[:, :, None]
        self.weight_rot[:, :bodies] = weights.rotation

    def hold(self, frames: np.ndarray, task: int, place: Float[np.ndarray, "*frames 2"], price: float) -> None:
        """Hold a task's point at a place on the floor."""
        self.pos[frames, task, :2] = place
        self.weight_pos[frames, task, :2] = price
        self.held[frames, task] = True

    def finished(self) -> StanceTargets:
        """Return the targets."""
        clip = ClipTarget(self.pos, self.rot, self.weight_pos, self.weight_rot, self.planted)
        return StanceTargets(clip=clip, held=self.held)


def plant(
    targets: BodyTargets,
    weights: BodyWeights,
    spans: Sequence[Sequence[Span]],
    tasks: RobotTasks,
    *,
    fps: float,
    config: PlantingConfig,
) -> StanceTargets:
    """Plant what bears weight.

    Args:
        targets: What the human asks of the bodies.
        weights: Prices of it.
        spans: Stances of each region of ``tasks``.
        tasks: The robot.
        fps: Frames per second [1/s].
        config: How feet come to stand.
    """
    draft = _Draft(targets, weights, tasks)
    for region, stances in enumerate(spans):
        for start, stop in stances:
            draft.planted[start:stop, region] = True
        if region < tasks.n_feet:
            _plant_foot(draft, targets, stances, tasks, region, config, config.blend_s * fps)
        else:
            _hold_other(draft, targets, stances, tasks, region, config.other_anchor_weight)
    return draft.finished()


def region_points(targets: BodyTargets, tasks: RobotTasks, region: int) -> Float[np.ndarray, "frames points 3"] | None:
    """Where the human asks a region's anchor points to be [m]; None if no target moves its link."""
    if region < tasks.n_feet:
        body = tasks.feet[region]
    elif tasks.patches[region].link in tasks.rest.links:
        body = tasks.rest.links.index(tasks.patches[region].link)
    else:
        return None
    lever = tasks.anchor_point_b[region] - tasks.rest.point_b[body]
    return targets.pos_w[:, body, None] + np.einsum("fij,pj->fpi", targets.rot_w[:, body], lever)


def _plant_foot(
    draft: _Draft,
    targets: BodyTargets,
    stances: Sequence[Span],
    tasks: RobotTasks,
    region: int,
    config: PlantingConfig,
    blend_frames: float,
) -> None:
    """Hold the ends of a sole, and lead the foot's own target over to where it is held."""
    body, points = tasks.feet[region], region_points(targets, tasks, region)
    assert points is not None  # feet are bodies of the table
    shift, turn = np.zeros((len(points), 3)), np.zeros((len(points), 3))
    for start, stop in stances:
        stance = slice(start, stop)
        rot, ends = targets.rot_w[stance, body], points[stance]
        touching = ends[..., 2] < ends[..., 2].min(axis=1, keepdims=True) + config.lifted_m
        upright, heading = rot[:, 2, 2] > _UPRIGHT, _heading(rot)
        whole = touching.all(axis=1) & upright
        if upright.any() and np.ptp(heading[upright]) > config.steady_heading:
            _let_turn(ends[..., :2], touching, blend_frames)
            places = _places_of_turning(ends[..., :2], touching)
        else:
            heading[:] = np.median(heading)
            places = _places(ends[..., :2], touching)
        places = np.broadcast_to(places, ends[..., :2].shape)
        for end, task in enumerate(range(*tasks.anchor_tasks(region).indices(draft.pos.shape[1]))):
            on_floor = np.flatnonzero(touching[:, end])
            draft.hold(start + on_floor, task, places[on_floor, end], config.anchor_weight)
        wanted = np.where(touching[..., None], places, ends[..., :2])
        count = touching.sum(axis=1)[:, None]
        shift[stance, :2] = ((wanted - ends[..., :2]) * touching[..., None]).sum(axis=1) / count
        shift[stance, 2] = -ends[..., 2].min(axis=1)
        flat = Rotation.from_euler("z", heading[:, None]).as_matrix()
        turn[stance] = Rotation.from_matrix(flat @ rot.transpose(0, 2, 1)).as_rotvec() * whole[:, None]
        flatten = np.maximum(config.flat_weight, draft.weight_rot[stance, body])
        draft.weight_rot[stance, body] = np.where(whole, flatten, draft.weight_rot[stance, body])
    _fade(shift, turn, stances, blend_frames)
    draft.pos[:, body] += shift
    draft.rot[:, body] = Rotation.from_rotvec(turn).as_matrix() @ draft.rot[:, body]


def _hold_other(
    draft: _Draft, targets: BodyTargets, stances: Sequence[Span], tasks: RobotTasks, region: int, price: float
) -> None:
    """Hold the middle of a region that is no foot."""
    points = region_points(targets, tasks, region)
    if points is None:
        return
    for start, stop in stances:
        place = np.median(points[start:stop, 0, :2], axis=0)
        draft.hold(np.arange(start, stop), tasks.anchor_tasks(region).start, place, price)


def _places(
    ends: Float[np.ndarray, "frames ends 2"], touching: Bool[np.ndarray, "frames ends"]
) -> Float[np.ndarray, "ends 2"]:
    """Where heel and toe stand: the middle of where they were asked for, as far apart as the sole is long."""
    whole = touching.all(axis=1)
    if whole.any():
        heel, toe = np.median(ends[whole], axis=0)
        length = float(np.median(np.linalg.norm(ends[whole, 1] - ends[whole, 0], axis=1)))
        along = (toe - heel) / max(float(np.linalg.norm(toe - heel)), 1e-9)
        if touching[:, _TOE].sum() > whole.sum():  # what is held longest is held where it was asked for
            toe = np.median(ends[touching[:, _TOE], _TOE], axis=0)
            return np.array([toe - length * along, toe])
        middle = (heel + toe) / 2
        return np.array([middle - length / 2 * along, middle + length / 2 * along])
    return np.array(
        [np.median(ends[mask, i], axis=0) if mask.any() else ends[0, i] for i, mask in enumerate(touching.T)]
    )


def _places_of_turning(
    ends: Float[np.ndarray, "frames ends 2"], touching: Bool[np.ndarray, "frames ends"]
) -> Float[np.ndarray, "frames 1 2"]:
    """Where the one end of a turning sole that touches stands, frame by frame.

    When a sole goes over from one end to the other, the other is held where it is then: places follow from each other,
    and all together lie where they were asked for on the whole.
    """
    frames = np.arange(len(ends))
    end = touching.argmax(axis=1)
    step = ends[frames, end] - ends[frames, np.roll(end, 1)]
    step[0] = 0.0
    places = np.cumsum(step, axis=0)
    return (places + np.median(ends[frames, end] - places, axis=0))[:, None]


def _let_turn(
    ends: Float[np.ndarray, "frames ends 2"], touching: Bool[np.ndarray, "frames ends"], window: float
) -> None:
    """Keep, of a sole that turns, the end that it turns on, in place; it may turn on the heel now and the toe later.

    Args:
        ends: Where heel and toe are asked for [m].
        touching: Which of them touch the floor.
        window: Frames over which speeds are told.
    """
    way = np.linalg.norm(np.diff(ends, axis=0, append=ends[-1:]), axis=-1)
    way = uniform_filter1d(way, max(3, round(window)), axis=0, mode="nearest")
    turns_on = int(np.argmin(way.sum(axis=0)))
    steady = _STEADY_SHARE * way.max()
    for frame in np.flatnonzero(touching.all(axis=1)):
        if way[frame, turns_on] > 2.0 * way[frame, 1 - turns_on] + steady:
            turns_on = 1 - turns_on
        touching[frame, 1 - turns_on] = False


def _heading(rot_w: Float[np.ndarray, "frames 3 3"]) -> Float[np.ndarray, " frames"]:
    """Direction of the foot about the vertical, without jumps [rad]; told from its side, for a toe may point down."""
    return np.unwrap(np.arctan2(-rot_w[:, 0, 1], rot_w[:, 1, 1]))


def _fade(
    shift: Float[np.ndarray, "frames 3"],
    turn: Float[np.ndarray, "frames 3"],
    spans: Sequence[Span],
    blend_frames: float,
) -> None:
    """Continue corrections beyond their stances, fading to zero or into the next, in place."""
    n_frames = len(shift)
    bounds = [(0, 0), *spans, (n_frames, n_frames)]
    for (before, begin), (end, after) in pairwise(bounds):
        swing = np.arange(begin, end)
        reach = min(blend_frames, max(len(swing), 1))
        for edge, distance, exists in (
            (begin - 1, swing - begin + 1, begin > before),
            (end, end - swing, after > end),
        ):
            if exists:
                weight = 1.0 - _smoothstep(distance / (reach + 1))
                shift[swing] += weight[:, None] * shift[edge]
                turn[swing] += weight[:, None] * turn[edge]


def _smoothstep(x: Float[np.ndarray, " frames"]) -> Float[np.ndarray, " frames"]:
    """Rise from 0 to 1 with zero slope at both ends."""
    x = np.clip(x, 0.0, 1.0)
    return x * x * (3.0 - 2.0 * x)
