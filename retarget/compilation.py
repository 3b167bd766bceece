"""Compiles the solver of clips before it is needed, and tells whether that is still to be done.

Compiling takes some tens of seconds, once after an installation: what looks like a hang should be announced, and worker
processes should not do it all at once.
"""

from __future__ import annotations

import logging
import time

import numpy as np

from retarget.clip_target import ClipTarget
from retarget.engine.clip_pcg import conjugate_gradients
from retarget.engine.clip_steps import move, sum_smoothness
from retarget.engine.frame_solver import solve_frames
from retarget.engine.jit import is_cached
from retarget.engine.poses import PlacingEngine, clip_poses
from retarget.engine.quadratic import clip_quadratic, place_frames
from retarget.whole_clip import WholeClipSolver

_ENTRIES = (clip_quadratic, place_frames, solve_frames, sum_smoothness, conjugate_gradients, move)
_FRAMES, _FPS = 8, 30.0

_log = logging.getLogger(__name__)


def solver_is_compiled() -> bool:
    """Tell whether the solver of clips has been compiled on this machine."""
    return all(is_cached(entry) for entry in _ENTRIES)


def compile_solver(solver: WholeClipSolver, engine: PlacingEngine) -> float:
    """Have a solver compiled by letting it solve a moment in which the robot rises; logs that it does, and how long.

    Args:
        solver: Of any robot; compiled code serves all.
        engine: The solver's.

    Returns:
        Time it took [s].
    """
    _log.info("compiling the solver, once after an installation")
    begun = time.perf_counter()
    problem = engine.problem
    q = np.zeros((_FRAMES, 7 + len(problem.posture)))
    q[:, 2], q[:, 6], q[:, 7:] = np.linspace(1.0, 1.2, _FRAMES), 1.0, problem.posture
    poses, tasks = clip_poses(q, engine), len(problem.task_body)
    planted = np.zeros((_FRAMES, len(problem.patch_body)), dtype=bool)
    price = np.ones((_FRAMES, tasks, 3))
    solver.solve(ClipTarget(poses.pos_w, poses.rot_w, price, price[..., 0].copy(), planted), _FPS)
    seconds = time.perf_counter() - begun
    _log.info("compiled the solver in %.0f s", seconds)
    return seconds
