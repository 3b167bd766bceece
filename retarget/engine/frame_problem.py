"""Turns a robot, the points that have targets and the prices into one record that compiled code reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pinocchio as pin
from jaxtyping import Bool, Float, Int

from retarget.engine.collision_terms import CapsuleTable, CollisionWork, collision_work
from retarget.engine.tree import KinematicTree, attach, build_tree
from robots.arrays import check_settings


@dataclass(frozen=True, slots=True, kw_only=True)
class IkConfig:
    """What a frame costs, and how hard the solver tries. Costs are sums of squares of ``price * error``."""

    sole_weight: float = 1000.0
    """Price of a floor patch under the floor, and of a planted one off the floor [1/m]."""
    posture_weight: float = 0.5
    """Price of a joint away from the robot's default pose [1/rad]; decides what the targets do not."""
    collision_weight: float = 100.0
    """Price of two links nearer than the margin [1/m]."""
    collision_margin_m: float = 0.01
    """Distance of two links below which they pay [m]."""
    damping: float = 1.0
    """Least resistance of every coordinate to a step, the square root of a weight [1/m, 1/rad]; keeps steps unique."""
    trust: float = 0.5
    """Longest step of a coordinate [m, rad]; the linear model means nothing farther away."""
    max_iterations: int = 20
    """Gauss-Newton steps a frame, from a warm start."""
    tolerance: float = 1e-3
    """A frame is done when a step saves less than this share of its cost."""

    def __post_init__(self) -> None:
        """Check ranges.

        Raises:
            InvalidArray: A number is outside its range.
        """
        check_settings(self, positive=("damping", "trust", "max_iterations", "tolerance"), below_one=("tolerance",))


class FrameTask(NamedTuple):
    """A point of a robot link that has a target pose; the weights come with each frame's targets."""

    link: str
    point_b: Float[np.ndarray, " 3"]


class FloorPatch(NamedTuple):
    """Points of a link that stay above the floor, and stand on it where the patch is planted."""

    link: str
    points_b: Float[np.ndarray, "points 3"]
    """Centres of spheres in the link's frame [m]."""
    radius: float = 0.0
    """Of the spheres [m]; 0 for the corners of a sole."""
    name: str = ""
    """Region of the body, e.g. ``left_foot``."""


class FrameProblem(NamedTuple):
    """Everything about the cost of a frame that does not change from frame to frame."""

    tree: KinematicTree
    """The robot."""
    task_body: Int[np.ndarray, " tasks"]
    """Body that carries each task's point."""
    task_point: Float[np.ndarray, "tasks 3"]
    """The point in the body's frame [m]."""
    task_rot: Float[np.ndarray, "tasks 3 3"]
    """Rotation of the task's link in the body's frame."""
    patch_body: Int[np.ndarray, " patches"]
    """Body that carries each floor patch."""
    patch_radius: Float[np.ndarray, " patches"]
    """Radius of its spheres [m]."""
    patch_reach: Float[np.ndarray, " patches"]
    """No part of the patch is farther from the body's origin than this [m]."""
    patch_start: Int[np.ndarray, " patches+1"]
    """Rows of ``patch_point`` where each patch begins."""
    patch_point: Float[np.ndarray, "points 3"]
    """Centres of spheres in the body's frame [m]."""
    capsules: CapsuleTable
    """Parts that keep apart; without pairs if they need not."""
    posture: Float[np.ndarray, " joints"]
    """Joint angles that are preferred [rad]."""
    posture_weight: Float[np.ndarray, " joints"]
    """Price of each joint away from it [1/rad]."""
    base_task: int
    """Task whose target places the base at a cold start: the one nearest to the base in the tree."""
    sole_weight: float
    """See :class:`IkConfig`, as all that follow."""
    collision_weight: float
    collision_margin_m: float
    damping: float
    trust: float
    max_iterations: int
    tolerance: float


class Workspace(NamedTuple):
    """Memory that compiled code works in; one for each thread."""

    rot: Float[np.ndarray, "bodies 3 3"]
    """Rotations of the bodies' frames in the world."""
    pos: Float[np.ndarray, "bodies 3"]
    """Their origins, from the base's, in world axes [m]."""
    axes: Float[np.ndarray, "nv 6"]
    """Velocity of the base's origin and angular velocity that each coordinate gives what hangs on it."""
    stiffness: Float[np.ndarray, "bodies 15"]
    """What the tasks of each body, then of all that hangs on it, add to the Hessian about the base's origin."""
    force: Float[np.ndarray, "bodies 6"]
    """The same for the gradient."""
    collision: CollisionWork
    """Room of the self-collision terms."""
    expected: Bool[np.ndarray, " points"]
    """Floor points that the model holds on the floor while they are above it; all False outside a solver."""
    factor: Float[np.ndarray, " packed"]
    step: Float[np.ndarray, " nv"]
    move: Float[np.ndarray, " nv"]
    slope: Float[np.ndarray, " nv"]
    wall: Int[np.ndarray, " joints"]
    """Joints that lie on their lower (-1) or upper (1) wall in a step."""
    q: Float[np.ndarray, " nq"]
    hessian: Float[np.ndarray, " packed"]
    gradient: Float[np.ndarray, " nv"]
    lower: Float[np.ndarray, " joints"]
    upper: Float[np.ndarray, " joints"]


def no_capsules() -> CapsuleTable:
    """Return a table without capsules."""
    rows = {"sphere_pair": (0, 2), "branch_length": (0, 2), "pair": (0, 2), "first_pair": (1,)}
    points = {"start_b": (0, 3), "end_b": (0, 3), "sphere_centre_b": (0, 3), "radius": (0,), "sphere_radius": (0,)}
    none = {name: np.zeros(shape, dtype=np.int64) for name, shape in rows.items()}
    empty = {name: np.zeros(0, dtype=np.int64) for name in ("body", "sphere_body")}
    return CapsuleTable(**none, **empty, **{name: np.zeros(shape) for name, shape in points.items()})


def build_problem(
    model: pin.Model,
    tasks: Sequence[FrameTask],
    patches: Sequence[FloorPatch],
    posture: Float[np.ndarray, " joints"],
    config: IkConfig,
    capsules: CapsuleTable | None = None,
) -> FrameProblem:
    """Resolve links to bodies once.

    Args:
        model: Robot with a floating base and hinges.
        tasks: Points with targets.
        patches: Parts that stay above the floor.
        posture: Joint angles that are preferred where the targets leave a choice [rad].
        config: Prices and effort.
        capsules: Parts that keep apart; None if they need not.

    Raises:
        UnknownName: A task or patch names a link that the robot lacks.
        UnsupportedJoint: The robot has other joints than hinges.
    """
    tree = build_tree(model)
    placed = [attach(model, tree, task.link, task.point_b) for task in tasks]
    corners = [[attach(model, tree, patch.link, point) for point in patch.points_b] for patch in patches]
    points = np.array([corner.point for patch in corners for corner in patch]).reshape(-1, 3)
    sizes = [len(patch) for patch in corners]
    radius = np.array([patch.radius for patch in patches], dtype=float)
    body = np.array([task.body for task in placed], dtype=np.int64)
    return FrameProblem(
        tree=tree,
        task_body=body,
        task_point=np.array([task.point for task in placed]).reshape(-1, 3),
        task_rot=np.array([task.rot for task in placed]).reshape(-1, 3, 3),
        patch_body=np.array([patch[0].body for patch in corners], dtype=np.int64),
        patch_radius=radius,
        patch_reach=radius + [max(np.linalg.norm(corner.point) for corner in patch) for patch in corners],
        patch_start=np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64),
        patch_point=points,
        capsules=no_capsules() if capsules is None else capsules,
        posture=np.array(posture, dtype=float),
        base_task=int(tree.chain_length[5 + body].argmin()) if len(body) else -1,
        sole_weight=float(config.sole_weight),
        posture_weight=np.full(len(posture), float(config.posture_weight)),
        collision_weight=float(config.collision_weight),
        collision_margin_m=float(config.collision_margin_m),
        damping=float(config.damping),
        trust=float(config.trust),
        max_iterations=int(config.max_iterations),
        tolerance=float(config.tolerance),
    )


def new_workspace(problem: FrameProblem) -> Workspace:
    """Return memory for one thread."""
    tree = problem.tree
    bodies, nv, joints, n_packed = tree.n_bodies, tree.nv, tree.nv - 6, tree.n_packed
    axes = np.zeros((nv, 6))
    axes[:6] = np.eye(6)  # the base moves everything alike; compiled code only writes the hinges
    return Workspace(
        rot=np.zeros((bodies, 3, 3)),
        pos=np.zeros((bodies, 3)),
        axes=axes,
        stiffness=np.zeros((bodies, 15)),
        force=np.zeros((bodies, 6)),
        collision=collision_work(problem.capsules, tree),
        expected=np.zeros(len(problem.patch_point), dtype=np.bool_),
        factor=np.zeros(n_packed),
        step=np.zeros(nv),
        move=np.zeros(nv),
        slope=np.zeros(nv),
        wall=np.zeros(joints, dtype=np.int64),
        q=np.zeros(nv + 1),
        hessian=np.zeros(n_packed),
        gradient=np.zeros(nv),
        lower=np.zeros(joints),
        upper=np.zeros(joints),
    )
