"""Turns velocities, standing joints and places in the picture into one path of the pelvis in the world.

Each source is used where it is good: standing joints for single steps, velocities for fractions of a second, places
in the picture, whose errors do not add up, for all that is longer, as far as it is known where the camera is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.special import expit

from pipeline.estimators.gvhmr.path_solver import BEND, PLACE, STEP, PathSolver, wandering_weights

# Spreads and memories of errors, measured on training clips before five kinds of cameras. Errors of places in the
# picture are set to 0.4 of what was measured (2 cm, and 3 % of the depth): on people unlike those that a network
# learned from, its velocities and its word on standing get worse sooner than its places do. That was seen on clips that
# the weights do not know, so figures of those clips flatter this choice a little.
_VELOCITY_M, _VELOCITY_FRAMES = 0.009, 4.0
"""Error of a step in each direction [m], and how long it lasts."""
_ACROSS_M, _ACROSS_FRAMES = 0.008, 10.0
"""Error of the place in the picture, across the view [m]."""
_ALONG, _ALONG_FRAMES = 0.012, 8.0
"""Error of the depth, in depths."""
_STANDING_M = 0.012
"""Movement of a joint that stands, with the errors of its pose [m]."""
_STEPPING_M = 0.03
"""Movement of a joint that does not."""
_FLOOR_M, _FLOOR_FRAMES = 0.02, 15.0
"""Height of a foot that bears weight over the floor, as the pose has it."""
_FLOOR_OUTLIER_M = 0.05
"""Height from which a foot that stands is thought to stand on something else."""
_CAMERA_SPEED, _CAMERA_FRAMES = 0.5 / 30.0, 45.0
"""Speed of a camera that moves, in each direction [m/frame], and how long it keeps it."""
_TRIPOD_SPEED = 1e-5
# Chosen by the world error (WA-MPJPE) of 14 clips that the weights learned from, each filmed three times by a tripod
# and by each moving kind of KF-Bench's cameras, tripods weighing as much as all others; a dolly does not turn either.
# Between 1.14 and 1.17 the error is flat. Strangers fit worse than known clips, and tripods are common: hence the upper
# end of that, and a little more for what never turns, which costs 3 per cent on these clips.
_MOVES = 1.17
"""How much worse clues fit together before a camera on a tripod than before a free one, until it is said to move."""
_MOVES_UNTURNED = 1.2
"""The same for a camera that never turns, as few do that are carried."""
_NEAREST_M = 0.3
_UNSEEN = 1e-3
_ROUNDS = 3


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Clues:
    """What is known of the pelvis' path, in axes of the world, at 30 frames a second."""

    step: Float[np.ndarray, "frames 3"]
    """Predicted way of the pelvis to the next frame [m]."""
    ends: Float[np.ndarray, "frames 6 3"]
    """Joints that may stand, from the pelvis [m]."""
    static_logits: Float[np.ndarray, "frames 6"]
    """Log odds that they do until the next frame."""
    soles: Float[np.ndarray, "frames 2"]
    """Height of the lowest point of each foot, from the pelvis [m]."""
    from_camera: Float[np.ndarray, "frames 3"]
    """Pelvis from the camera [m]."""
    camera_turns: bool
    """Whether the camera turns at all."""
    sure: Float[np.ndarray, " frames"]
    """How far a frame is seen, 0 to 1."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FusedPath:
    """The likeliest path."""

    pelvis_w: Float[np.ndarray, "frames 3"]
    """Pelvis [m]; the floor, where feet tell one, is at z = 0."""
    standing: Float[np.ndarray, "frames 6"]
    """Probability that a joint stands, all things considered."""
    camera_moves: bool
    """Whether the camera changes its place."""


def roll_out_steps(clues: Clues) -> Float[np.ndarray, "frames 3"]:
    """Return the path that velocities alone make [m]."""
    return np.concatenate([np.zeros((1, 3)), np.cumsum(clues.step[:-1], axis=0)])


def fuse(clues: Clues, *, camera_moves: bool | None, with_floor: bool) -> FusedPath:
    """Return the likeliest path.

    Args:
        clues: What is known.
        camera_moves: Whether the camera changes its place; None: to be found out.
        with_floor: Feet that bear weight stand on one floor.
    """
    standing = expit(clues.static_logits)
    if camera_moves is None:
        camera_moves = tell_camera_motion(clues) > (_MOVES if clues.camera_turns else _MOVES_UNTURNED)
    speed = _CAMERA_SPEED if camera_moves else _TRIPOD_SPEED
    pelvis = np.zeros_like(clues.step)
    for round_ in range(_ROUNDS):
        solver = _without_floor(clues, standing, speed)
        if with_floor and round_ > 0:
            _add_floor(solver, clues, standing, pelvis)
        pelvis = solver.solve()[0][:, 0]
        standing = _standing(clues, pelvis)
    return FusedPath(pelvis_w=pelvis, standing=standing, camera_moves=camera_moves)


def tell_camera_motion(clues: Clues) -> float:
    """Return how much worse the clues fit together if the camera never leaves its place than if it may.

    The quotient of the two least sums of squares, with the same joints standing, each as if errors of the usual size
    came on top, so that clues without any error decide nothing: 1 where a tripod explains all. A dolly of less
    than a metre a second can hide in the errors of velocities (one in four did, at 0.2 to 0.8 m/s); a person who
    glides, or stands on something that moves, makes a tripod look as if it moved.
    """
    standing = expit(clues.static_logits)
    free = _without_floor(clues, standing, _CAMERA_SPEED).solve()[0][:, 0]
    standing = _standing(clues, free)
    costs = [_without_floor(clues, standing, speed).solve()[1] for speed in (_TRIPOD_SPEED, _CAMERA_SPEED)]
    usual = 3.0 * len(clues.step)
    return (costs[0] + usual) / (costs[1] + usual)


def _without_floor(clues: Clues, standing: Float[np.ndarray, "frames 6"], camera_speed: float) -> PathSolver:
    """Gather all but the floor, for paths of the pelvis and of the camera."""
    solver = PathSolver(len(clues.step), 2)
    sure = np.maximum(clues.sure, _UNSEEN)
    place, change = wandering_weights(_VELOCITY_M, _VELOCITY_FRAMES)
    solver.add(STEP, clues.step, place * sure)
    solver.add(BEND, np.diff(clues.step, axis=0), change * sure)
    for joint in range(clues.ends.shape[1]):
        solver.add(STEP, -np.diff(clues.ends[:, joint], axis=0), standing[:, joint] / _STANDING_M**2)
    for speaks_of, target, weight in _picture(clues, sure):
        solver.add(speaks_of, target, weight, of=(1.0, -1.0))
    nothing = np.zeros_like(clues.step)
    first = np.zeros(len(clues.step))
    first[0] = 1e6
    solver.add(PLACE, nothing, first, of=(0.0, 1.0))
    place, change = wandering_weights(camera_speed, _CAMERA_FRAMES)
    solver.add(STEP, nothing, np.full(len(nothing), place), of=(0.0, 1.0))
    solver.add(BEND, nothing, np.full(len(nothing), change), of=(0.0, 1.0))
    return solver


def _picture(clues: Clues, sure: Float[np.ndarray, " frames"]) -> tuple[tuple, tuple]:
    """Place from the camera, and its changes, with weights that are smaller along the view than across."""
    depth = np.maximum(np.linalg.norm(clues.from_camera, axis=-1), _NEAREST_M)[:, None, None]
    ray = clues.from_camera[:, :, None] / depth
    along = ray @ ray.swapaxes(-1, -2)
    across = wandering_weights(_ACROSS_M, _ACROSS_FRAMES)
    deep = wandering_weights(_ALONG, _ALONG_FRAMES)
    place, change = (
        sure[:, None, None] * (a * (np.eye(3) - along) + d / depth**2 * along)
        for a, d in zip(across, deep, strict=True)
    )
    return (PLACE, clues.from_camera, place), (STEP, np.diff(clues.from_camera, axis=0), change)


def _standing(clues: Clues, pelvis_w: Float[np.ndarray, "frames 3"]) -> Float[np.ndarray, "frames 6"]:
    """Probability that a joint stands, given how it moves on a path: Gaussians of two widths in three dimensions."""
    joints = clues.ends + pelvis_w[:, None]
    step = np.diff(joints, axis=0, append=joints[-1:])
    odds = clues.static_logits + 3.0 * np.log(_STEPPING_M / _STANDING_M)
    return expit(odds - 0.5 * (step**2).sum(axis=-1) * (_STANDING_M**-2 - _STEPPING_M**-2))


def bears_weight(clues: Clues, standing: Float[np.ndarray, "frames 6"]) -> Float[np.ndarray, "frames 2"]:
    """Probability that each foot stands and is the lower one, or as low as it."""
    stands = np.stack([standing[:, 0:2].max(axis=1), standing[:, 2:4].max(axis=1)], axis=1)
    over = clues.soles - clues.soles.min(axis=1, keepdims=True)
    return stands / (1.0 + (over / _FLOOR_OUTLIER_M) ** 4)


def floor_height(heights: Float[np.ndarray, "frames 2"], weight: Float[np.ndarray, "frames 2"]) -> float:
    """Return the weighted median of the heights of feet that bear weight; of the lowest ones if none does [m]."""
    if weight.sum() < 1.0:
        return float(np.quantile(heights.min(axis=1), 0.1))
    order = np.argsort(heights, axis=None)
    total = np.cumsum(weight.ravel()[order])
    return float(heights.ravel()[order][np.searchsorted(total, 0.5 * total[-1])])


def _add_floor(
    solver: PathSolver, clues: Clues, standing: Float[np.ndarray, "frames 6"], pelvis_w: Float[np.ndarray, "frames 3"]
) -> None:
    """Hold feet that bear weight at one height; those far off it stand on something else and are let go."""
    weight = bears_weight(clues, standing)
    height = clues.soles + pelvis_w[:, 2:]
    floor = floor_height(height, weight)
    weight = weight / (1.0 + ((height - floor) / _FLOOR_OUTLIER_M) ** 2)
    upright = np.zeros((len(weight), 3, 3))
    target = np.zeros((len(weight), 3))
    for foot in range(2):
        upright[:, 2, 2] = weight[:, foot] * wandering_weights(_FLOOR_M, _FLOOR_FRAMES)[0]
        target[:, 2] = floor - clues.soles[:, foot]
        solver.add(PLACE, target, upright)
