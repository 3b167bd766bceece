"""Turns one solver's motions on all clips into its row of figures, offsets left-one-out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from benchmarks.retargeting.clips import BenchClip
from benchmarks.retargeting.geometry import Traced, task_points, trace
from benchmarks.retargeting.metrics import (
    Offsets,
    Score,
    constant_offsets,
    joint_score,
    stance_score,
    tracking_score,
)
from retarget.self_collision import self_collision_depth
from robots.model import RobotModel
from robots.motion import RobotMotion

COLLISION_M = 0.01
"""Overlap of two links that counts [m]."""

Qpos = Float[np.ndarray, "frames 7+joints"]


def trace_all(robot: RobotModel, clips: Sequence[BenchClip], motions: Sequence[Qpos]) -> list[Traced]:
    """Run the robot's kinematics over the motions that belong to the clips."""
    return [trace(robot, task_points(clip, robot), qpos) for clip, qpos in zip(clips, motions, strict=True)]


def score_motions(robot: RobotModel, clips: Sequence[BenchClip], motions: Sequence[Qpos]) -> list[Score]:
    """Score a solver's motions, one for each clip.

    Raises:
        NotOurRobot: A clip was made for another robot.
    """
    traces = trace_all(robot, clips, motions)
    own = _left_one_out(clips, traces)
    gmr = _left_one_out(clips, trace_all(robot, clips, [clip.gmr_qpos for clip in clips]))
    return [
        Score(
            frames=len(clip),
            tracking=tracking_score(clip, traced, own_offsets, gmr_offsets),
            stance=stance_score(traced, clip.stance, clip.fps),
            joints=joint_score(qpos[:, 7:], clip.fps, robot),
            self_collision_pct=self_collision_pct(robot, qpos, clip.fps),
        )
        for clip, qpos, traced, own_offsets, gmr_offsets in zip(clips, motions, traces, own, gmr, strict=True)
    ]


def self_collision_pct(robot: RobotModel, qpos: Qpos, fps: float) -> float:
    """Return the share of frames in which the robot's own solid shapes overlap by more than 1 cm [%]."""
    motion = RobotMotion.from_qpos(qpos, fps=fps, joint_names=robot.joint_names, foot_contact=np.zeros((len(qpos), 2)))
    return 100.0 * float((self_collision_depth(robot, motion) > COLLISION_M).mean())


def _left_one_out(clips: Sequence[BenchClip], traces: Sequence[Traced]) -> list[Offsets]:
    """Constant offsets for each clip, of all others; nan where there are none."""
    offsets = []
    for left_out in range(len(clips)):
        others = [i for i in range(len(clips)) if i != left_out]
        nothing = np.full((len(clips[left_out].target_robot), 3), np.nan)
        offsets.append(constant_offsets([clips[i] for i in others], [traces[i] for i in others]) if others else nothing)
    return offsets
