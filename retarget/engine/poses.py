"""Turns configurations of a clip into where the task points are and how high the floor patches lie, compiled."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from retarget.engine.frame_problem import FrameProblem, Workspace
from retarget.engine.jit import compiled, piece
from retarget.engine.quadratic import place_bodies


class ClipPoses(NamedTuple):
    """What a clip's configurations come to in the world."""

    pos_w: Float[np.ndarray, "frames tasks 3"]
    """Task points [m]."""
    rot_w: Float[np.ndarray, "frames tasks 3 3"]
    """Orientations of their links."""
    patch_height: Float[np.ndarray, "frames patches"]
    """Height of each floor patch's lowest point above the floor [m]."""


def clip_poses(q: Float[np.ndarray, "frames nq"], problem: FrameProblem, work: Workspace) -> ClipPoses:
    """Place the robot in every frame.

    Args:
        q: Pinocchio's configurations.
        problem: Tasks and patches.
        work: Memory to work in.
    """
    frames, tasks = len(q), len(problem.task_body)
    poses = ClipPoses(
        np.empty((frames, tasks, 3)), np.empty((frames, tasks, 3, 3)), np.empty((frames, len(problem.patch_body)))
    )
    _fill(np.ascontiguousarray(q, dtype=np.float64), problem, work, *poses)
    return poses


@compiled
def _fill(q, problem, work, pos_w, rot_w, patch_height):  # noqa: ANN001, ANN202
    """Fill the arrays frame by frame."""
    for t in range(len(q)):
        place_bodies(q[t], problem.tree, work.rot, work.pos, work.axes)
        for i in range(len(problem.task_body)):
            body = problem.task_body[i]
            for r in range(3):
                pos_w[t, i, r] = q[t, r] + work.pos[body, r] + _turned(work.rot[body], problem.task_point[i], r)
                for c in range(3):
                    rot_w[t, i, r, c] = _turned(work.rot[body], problem.task_rot[i, :, c], r)
        for patch in range(len(problem.patch_body)):
            body = problem.patch_body[patch]
            lowest = np.inf
            for k in range(problem.patch_start[patch], problem.patch_start[patch + 1]):
                lowest = min(lowest, _turned(work.rot[body], problem.patch_point[k], 2))
            patch_height[t, patch] = q[t, 2] + work.pos[body, 2] + lowest - problem.patch_radius[patch]


@piece
def _turned(rot, vector, axis):  # noqa: ANN001, ANN202
    """One coordinate of a rotated vector."""
    return rot[axis, 0] * vector[0] + rot[axis, 1] * vector[1] + rot[axis, 2] * vector[2]
