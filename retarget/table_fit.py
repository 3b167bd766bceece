"""Turns a table and motions of its human into the same table with fitted offsets, and says what they are worth.

What is followed is what the table asks for, by inverse kinematics with the floor but without contacts: an anchored foot
says where it stands, not where the human's ankle lies in the robot's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Bool, Float, Int

from retarget.body_trajectory import BodyTrajectory
from retarget.clip_target import ClipTarget
from retarget.contacts import standing_height
from retarget.correspondence import Correspondence
from retarget.engine.frame_problem import (
    FloorPatch,
    FrameProblem,
    FrameTask,
    IkConfig,
    build_problem,
    new_workspace,
)
from retarget.engine.frame_solver import cold_start, solve_frames
from retarget.engine.numba_engine import NumbaEngine
from retarget.engine.poses import clip_poses
from retarget.exceptions import NothingToFit
from retarget.offset_fit import HeldOut, OffsetFit, OffsetFitConfig, fit_offsets, leave_one_out
from retarget.rest_pose import RobotRest, robot_rest, standing_ankle_height
from retarget.targets import build_targets, human_points

if TYPE_CHECKING:
    from robots.model import RobotModel

_FIT_FPS = 30.0
"""Frames of faster motions are skipped down to this rate: neighbours say the same [1/s]."""

_REFERENCE_WEIGHT = 0.5
"""Price of a joint away from the frame before [1/rad]: enough to keep one way of folding a limb, too little to lag."""

_COLD_EVERY = 30
"""Frames between two cold starts."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TableFit:
    """A table with fitted offsets."""

    correspondence: Correspondence
    """The table with the offsets."""
    fit: OffsetFit
    """Residuals on all motions."""
    held_out: HeldOut | None
    """Residuals on each motion with the offsets of the others; None for a single motion."""
    free: Bool[np.ndarray, " bodies"]
    """Bodies whose offset was fitted."""


class FrameFollower:
    """Follows targets by inverse kinematics inside the joints' limits, but as fast as it likes."""

    def __init__(self, robot: RobotModel, rest: RobotRest, config: IkConfig | None = None) -> None:
        """Prepare the robot.

        Args:
            robot: Robot description.
            rest: The links and points that follow.
            config: Prices and effort.
        """
        tasks = [FrameTask(link, point) for link, point in zip(rest.links, rest.point_b, strict=True)]
        soles = [FloorPatch(link, np.asarray(robot.sole_points_b)) for link in robot.foot_body_names]
        posture = np.asarray(robot.default_joint_pos)
        self.problem: FrameProblem = build_problem(robot.pin_model(), tasks, soles, posture, config or IkConfig())
        self._work, self._engine = new_workspace(self.problem), NumbaEngine(self.problem)

    def solve(self, clip: ClipTarget) -> Float[np.ndarray, "frames nq"]:
        """Return configurations of all frames; each is the better of two ways that lead to it.

        Who follows frame after frame may lose the way, and then a fit would compare ways instead of offsets. So there
        is a cold start every second, and from each the frames are followed forwards and backwards to the next.
        """
        best, least = np.empty((clip.n_frames, self.problem.tree.nv + 1)), np.full(clip.n_frames, np.inf)
        for first in range(0, clip.n_frames, _COLD_EVERY):
            start, _ = cold_start(clip.frame(first), self.problem, self._work)
            after = np.arange(first, min(first + _COLD_EVERY, clip.n_frames))
            before = np.arange(first, max(first - _COLD_EVERY, -1), -1)
            for frames in (after, before):
                q, cost = self._follow(start, clip.part(frames))
                better = cost < least[frames]
                best[frames[better]], least[frames[better]] = q[better], cost[better]
        return best

    def _follow(
        self, start: Float[np.ndarray, " nq"], clip: ClipTarget
    ) -> tuple[Float[np.ndarray, "frames nq"], Float[np.ndarray, " frames"]]:
        """Follow frames in their order; return configurations and costs."""
        q, cost = np.empty((clip.n_frames, len(start))), np.empty(clip.n_frames)
        no_limit, calm = np.full(len(start) - 7, 1e3), np.full(len(start) - 7, _REFERENCE_WEIGHT)
        solve_frames(start, clip, self.problem, no_limit, calm, self._work, q, cost)
        return q, cost

    def task_poses(
        self, q: Float[np.ndarray, "frames nq"]
    ) -> tuple[Float[np.ndarray, "frames tasks 3"], Float[np.ndarray, "frames tasks 3 3"]]:
        """World positions [m] of the tasks' points and orientations of their links."""
        poses = clip_poses(q, self._engine)
        return poses.pos_w, poses.rot_w


def clip_target(
    trajectory: BodyTrajectory, correspondence: Correspondence, rest: RobotRest, robot: RobotModel
) -> ClipTarget:
    """What a motion asks for by the table alone: nothing planted, weights as they stand there.

    Raises:
        UnknownName: The trajectory lacks a body of the table.
        CollapsedBone: A human bone has no length.
    """
    correspondence = correspondence.on_robot(robot.body_names)
    step = max(1, round(trajectory.fps / _FIT_FPS))
    pos, rot = human_points(trajectory, correspondence)
    pos, rot = pos[::step], rot[::step]
    feet = [correspondence.index(human) for human in correspondence.feet.values()]
    targets = build_targets(
        pos,
        rot,
        correspondence,
        rest,
        human_ankle_height=standing_height(pos[:, feet]),
        robot_ankle_height=standing_ankle_height(rest, feet[0], robot.sole_points_b),
    )
    weights = np.array([[body.position_weight, body.rotation_weight] for body in correspondence.bodies])
    shape = (len(pos), len(weights))
    return ClipTarget(
        pos_w=targets.pos_w,
        rot_w=np.ascontiguousarray(targets.rot_w),
        position_weight=np.broadcast_to(weights[:, :1], (*shape, 3)).copy(),
        rotation_weight=np.broadcast_to(weights[:, 1], shape).copy(),
        planted=np.zeros((len(pos), 2), dtype=bool),
    )


def fit_table(
    correspondence: Correspondence,
    robot: RobotModel,
    trajectories: Sequence[BodyTrajectory],
    *,
    hold: Sequence[str] = (),
    config: OffsetFitConfig | None = None,
) -> TableFit:
    """Fit offsets of the bodies whose position counts; root and feet keep theirs.

    The root is held because a shift of everything is no property of a body, the feet because the floor holds them,
    welded links because the table's offsets are those of a robot that can turn them.
    Offsets of bodies that are mirror images of each other at rest are mirror images.

    Args:
        correspondence: The table; offsets in it are fitted anew, other than those of bodies that are held.
        robot: Robot description.
        trajectories: Motions of the table's human.
        hold: Further human bodies that keep their offsets.
        config: When the fit is done.

    Raises:
        NothingToFit: There is no motion, or no body whose position counts is free.
        UnknownName: A motion lacks a body of the table, or the table names a link that the robot lacks.
    """
    welded = {body.human for body in correspondence.bodies if body.robot not in robot.body_names}
    kept = {correspondence.bodies[0].human, *correspondence.feet.values(), *welded, *hold}
    held = np.array([body.human in kept for body in correspondence.bodies])
    bare = _with_offsets(correspondence.on_robot(robot.body_names), np.zeros((len(held), 3)), ~held)
    rest = robot_rest(robot.pin_model(), bare)
    if not trajectories:
        raise NothingToFit("there are no motions; give at least one")
    clips = [clip_target(trajectory, bare, rest, robot) for trajectory in trajectories]
    follower = FrameFollower(robot, rest)
    twin = mirror_twins(rest)
    mirror = partial(symmetrised, twin=np.where(held | held[twin], np.arange(len(twin)), twin))
    fit = fit_offsets(clips, follower.solve, follower.task_poses, held=held, project=mirror, config=config)
    held_out = None
    if len(clips) > 1:
        held_out = leave_one_out(clips, follower.solve, follower.task_poses, held=held, project=mirror, config=config)
    free = ~held & np.array([body.position_weight > 0 for body in correspondence.bodies])
    table = _with_offsets(correspondence, fit.offset_m, free)
    return TableFit(correspondence=table, fit=fit, held_out=held_out, free=free)


def mirror_twins(rest: RobotRest) -> Int[np.ndarray, " bodies"]:
    """Return which body at rest is the mirror image of each across the plane y = 0; itself where none is."""
    mirror = np.diag([1.0, -1.0, 1.0])
    apart = np.linalg.norm(rest.pos[:, None] - rest.pos @ mirror, axis=-1)
    apart += np.linalg.norm(rest.rot[:, None] - mirror @ rest.rot @ mirror, axis=(-2, -1))
    nearest = apart.argmin(axis=1)
    return np.where(apart.min(axis=1) < 1e-2, nearest, np.arange(len(nearest)))


def symmetrised(
    offset_m: Float[np.ndarray, "bodies 3"], twin: Int[np.ndarray, " bodies"]
) -> Float[np.ndarray, "bodies 3"]:
    """Return the mean of each offset [m] and the mirrored one of its twin; a body without one keeps its own."""
    paired = twin != np.arange(len(twin))
    mirrored = offset_m[twin] * [1.0, -1.0, 1.0]
    return np.where(paired[:, None], 0.5 * (offset_m + mirrored), offset_m)


def _with_offsets(
    correspondence: Correspondence, offset_m: Float[np.ndarray, "bodies 3"], free: Bool[np.ndarray, " bodies"]
) -> Correspondence:
    """Return the table with new offsets [m] of the bodies that are free, to a tenth of a millimetre."""
    bodies = [
        replace(body, offset_m=tuple((np.round(offset_m[i], 4) + 0.0).tolist())) if free[i] else body
        for i, body in enumerate(correspondence.bodies)
    ]
    return replace(correspondence, bodies=tuple(bodies))
