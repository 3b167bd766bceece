"""Turns configurations of a clip into where the task points are and how high the floor patches lie."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np
from jaxtyping import Float

from retarget.engine.frame_problem import FrameProblem


class Placements(NamedTuple):
    """Where all bodies are in some frames, in the terms of :class:`retarget.engine.frame_problem.Workspace`."""

    rot: Float[np.ndarray, "frames bodies 3 3"]
    pos: Float[np.ndarray, "frames bodies 3"]
    axes: Float[np.ndarray, "frames nv 6"]


class PlacingEngine(Protocol):
    """What places the robot of a problem."""

    problem: FrameProblem
    """The robot, its tasks and floor patches."""

    def place(self, q: Float[np.ndarray, "frames nq"]) -> Placements:
        """Return frames and axes of all bodies."""
        ...


class ClipPoses(NamedTuple):
    """What a clip's configurations come to in the world."""

    pos_w: Float[np.ndarray, "frames tasks 3"]
    """Task points [m]."""
    rot_w: Float[np.ndarray, "frames tasks 3 3"]
    """Orientations of their links."""
    patch_height: Float[np.ndarray, "frames patches"]
    """Height of each floor patch's lowest point above the floor [m]."""


def clip_poses(q: Float[np.ndarray, "frames nq"], engine: PlacingEngine) -> ClipPoses:
    """Place the robot in every frame.

    Args:
        q: Pinocchio's configurations.
        engine: Of the robot; its problem tells tasks and patches.
    """
    placed, problem = engine.place(q), engine.problem
    rot = placed.rot[:, problem.task_body]
    first = problem.patch_start[:-1]
    body = np.repeat(problem.patch_body, np.diff(problem.patch_start))
    height = placed.pos[:, body, 2] + np.einsum("tpi,pi->tp", placed.rot[:, body, 2], problem.patch_point)
    lowest = np.minimum.reduceat(height, first, axis=1) if len(first) else np.empty((len(q), 0))
    return ClipPoses(
        pos_w=q[:, None, :3] + placed.pos[:, problem.task_body] + (rot @ problem.task_point[..., None])[..., 0],
        rot_w=rot @ problem.task_rot,
        patch_height=q[:, 2, None] + lowest - problem.patch_radius,
    )
