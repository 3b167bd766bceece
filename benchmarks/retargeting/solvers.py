"""Turns a bench clip into robot motion by each contender: the peers, and our own modes as a user would call them.

A contender is prepared for a clip once, which is not timed, as loading a robot is not; then it is called. What is timed
begins at the human's poses and ends at the robot's, the building of targets included. All follow GMR's targets.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float

from benchmarks.retargeting.clips import BenchClip
from benchmarks.retargeting.geometry import task_points
from benchmarks.retargeting.peers import FastPeer, GmrPeer, TwoQpPeer
from benchmarks.retargeting.scoring import Qpos
from retarget.clip_descent import DescentConfig
from retarget.clip_target import ClipTarget
from retarget.correspondence import load_correspondence
from retarget.engine.frame_problem import FrameTask, IkConfig, build_problem
from retarget.engine.numba_engine import NumbaEngine
from retarget.engine.pinocchio_engine import PinocchioEngine
from retarget.online import OnlineConfig, OnlineRetargeter
from retarget.retargeter import RetargetConfig, Retargeter
from retarget.subject import subject_from_motion
from retarget.whole_clip import WholeClipConfig, WholeClipSolver
from robots.model import RobotModel
from robots.motion import RobotMotion

Solve = Callable[[BenchClip], Qpos]

Prepare = Callable[[RobotModel, BenchClip, Sequence[BenchClip]], Solve]
"""Robot, clip, and the other clips for what is fitted -> what solves the clip, a part of it, or it turned."""

GMR_TABLE = "smplx_to_g1_scaled"
"""Our table that places targets where GMR does."""

IK_REFERENCE_WEIGHT = 1.0
"""Holds the IK on its way where two arms' poses are equally good [1/rad]."""


def peer(robot: RobotModel, clip: BenchClip, others: Sequence[BenchClip]) -> Solve:
    """GMR's rules."""
    return GmrPeer(clip, robot).solve


def peer_two_qp(robot: RobotModel, clip: BenchClip, others: Sequence[BenchClip]) -> Solve:
    """One QP a stage, limits built once, and no other change."""
    return TwoQpPeer(clip, robot).solve


def peer_fast(robot: RobotModel, clip: BenchClip, others: Sequence[BenchClip]) -> Solve:
    """The best that a user of mink could make of them."""
    return FastPeer(clip, robot).solve


def clip_config() -> RetargetConfig:
    """Return the product's default, on GMR's targets."""
    return RetargetConfig(correspondence=GMR_TABLE)


def clip_mode(robot: RobotModel, clip: BenchClip, others: Sequence[BenchClip]) -> Solve:
    """All frames at once, as :class:`Retargeter` does by default."""
    return solve_with(robot, clip_config())


def solve_with(robot: RobotModel, config: RetargetConfig) -> Solve:
    """Return the clip mode with other settings."""
    retargeter = Retargeter(robot, config)
    return lambda part: _placed(retargeter.retarget(part.trajectory).motion, part)


def online_stances(robot: RobotModel, clip: BenchClip) -> Bool[np.ndarray, "frames 2"]:
    """Return what the online mode tells of the feet from the past alone."""
    return _online(robot, clip).run(clip.trajectory).motion.foot_contact > 0.5


def online_mode(robot: RobotModel, clip: BenchClip, others: Sequence[BenchClip]) -> Solve:
    """Frame by frame without looking ahead: one call over the clip through the causal kernel."""
    retargeter = _online(robot, clip)

    def solve(part: BenchClip) -> Qpos:
        retargeter.reset()
        return _placed(retargeter.run(part.trajectory).motion, part)

    return solve


def _placed(motion: RobotMotion, clip: BenchClip) -> Qpos:
    """Put a motion that starts at the origin where GMR's targets are."""
    qpos = motion.qpos
    qpos[:, :3] += clip.origin_w
    return qpos


def online_steps(robot: RobotModel, clip: BenchClip) -> Callable[[], Iterator[object]]:
    """Return something that begins the clip anew and takes a step of the online mode each time it is asked."""
    retargeter = _online(robot, clip)
    poses = list(zip(clip.trajectory.pos_w, clip.trajectory.quat_wxyz_w, strict=True))

    def steps() -> Iterator[object]:
        retargeter.reset()
        for pos, quat in poses:
            yield retargeter.step(pos, quat)

    return steps


def _online(robot: RobotModel, clip: BenchClip) -> OnlineRetargeter:
    subject = subject_from_motion(clip.trajectory, load_correspondence(GMR_TABLE))
    return OnlineRetargeter(robot, subject, fps=clip.fps, config=OnlineConfig(correspondence=GMR_TABLE))


def ik_only(rotation_weight: float = 0.0, reference_weight: float = IK_REFERENCE_WEIGHT) -> Prepare:
    """GMR's stage-2 targets and weights, frame by frame: no contacts, no floor, no self-collision.

    Args:
        rotation_weight: Weights of orientations are at least this [1/rad].
        reference_weight: Price of a joint away from the frame before [1/rad].
    """

    def prepare(robot: RobotModel, clip: BenchClip, others: Sequence[BenchClip]) -> Solve:
        tasks = [FrameTask(point.link, np.array(point.point_b)) for point in task_points(clip, robot)]
        config = IkConfig(posture_weight=0.0, collision_weight=0.0)
        engine = NumbaEngine(build_problem(robot.pin_model(), tasks, [], robot.default_joint_pos, config))
        reference = np.full(len(robot.joint_names), reference_weight)

        def solve(part: BenchClip) -> Qpos:
            target = gmr_target(part, rotation_weight)
            return _mujoco_order(engine.solve_frames(target, robot.velocity_limit, part.fps, reference).q)

        return solve

    return prepare


def pinocchio_only(robot: RobotModel, clip: BenchClip, others: Sequence[BenchClip]) -> Solve:
    """The same targets in clip mode on the slow engine: Pinocchio's Jacobians and LAPACK's banded Cholesky."""
    model = robot.pin_model()
    tasks = [FrameTask(point.link, np.array(point.point_b)) for point in task_points(clip, robot)]
    engine = PinocchioEngine(model, build_problem(model, tasks, [], robot.default_joint_pos, IkConfig()))
    config = WholeClipConfig(descent=DescentConfig(linear_solver="direct"))
    solver = WholeClipSolver(engine, robot.joint_lower, robot.joint_upper, robot.velocity_limit, config)
    return lambda part: _mujoco_order(solver.solve(gmr_target(part), part.fps).q)


def _mujoco_order(q: Float[np.ndarray, "frames nq"]) -> Qpos:
    return np.hstack([q[:, :3], q[:, [6, 3, 4, 5]], q[:, 7:]])


def gmr_target(clip: BenchClip, rotation_weight: float = 0.0) -> ClipTarget:
    """Return GMR's targets with its stage-2 weights, those of orientations at least ``rotation_weight``."""
    frames = len(clip)
    return ClipTarget(
        pos_w=clip.target_pos_w,
        rot_w=clip.target_rot_w,
        position_weight=np.tile(clip.weight_pos[None, :, None], (frames, 1, 3)),
        rotation_weight=np.tile(np.maximum(clip.weight_rot, rotation_weight), (frames, 1)),
        planted=np.zeros((frames, 0), dtype=bool),
    )


CONTENDERS: dict[Literal["peer", "peer_two_qp", "peer_fast", "online", "clip"], Prepare] = {
    "peer": peer,
    "peer_two_qp": peer_two_qp,
    "peer_fast": peer_fast,
    "online": online_mode,
    "clip": clip_mode,
}
"""Who is timed and scored."""
