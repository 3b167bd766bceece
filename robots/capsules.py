"""Turns the solid shapes of a robot into capsules, and tells which pairs of capsules can ever touch.

A capsule is all points within a radius of a line segment: the one shape whose distances are cheap, exact and smooth.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import mujoco
import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.optimize import linprog

from robots.arrays import checked_array, freeze_fields
from robots.exceptions import UnsupportedShape
from robots.model import RobotModel
from robots.segments import segment_distance

FLAT_M = 0.005
"""A shape that one capsule misses by more than this is covered by two side by side [m]."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Capsule:
    """A solid part of a link, in the frame of the link; a sphere is a capsule of no length."""

    name: str
    """Of the shape it stands for; a flat shape's two capsules end in ``/1`` and ``/2``."""
    body: str
    """Link that carries it."""
    start_b: Float[np.ndarray, " 3"]
    """First end of its axis [m]."""
    end_b: Float[np.ndarray, " 3"]
    """Second end of its axis [m]."""
    radius: float
    """Radius [m]."""

    def __post_init__(self) -> None:
        """Check the shapes of the arrays."""
        ends = {name: checked_array(name, getattr(self, name), (3,)) for name in ("start_b", "end_b")}
        freeze_fields(self, ends)


@dataclass(frozen=True, slots=True, kw_only=True)
class PairRules:
    """Which pairs of capsules are worth watching."""

    clearance_m: float = 0.01
    """Pairs that are nearer than this in a pose that is known to be free never count; a margin that is asked for must
    not be wider, or standing would have its price [m]."""
    near_m: float = 0.1
    """Links that never come this near in a random pose do not count; far more than a collision, as poses where
    links touch are rare among random ones [m]. Random poses do tell all about links with few joints between them: of
    these, capsules that never overlap do not count."""
    few_joints: int = 3
    """Joints between two links that random poses cover densely."""
    always_share: float = 0.5
    """Pairs that overlap in more than this share of the sampled poses are neighbours whose shapes are coarse."""
    samples: int = 2000
    """Random poses looked at."""
    seed: int = 0
    """Of the random poses."""


def robot_capsules(robot: RobotModel) -> tuple[Capsule, ...]:
    """Return the capsules of all shapes of a robot that collide, in the order of its links.

    Capsules and spheres are taken as they are. Of ellipsoids, cylinders and boxes the capsule is that whose
    support function is off least in the worst direction, neither covering nor inscribed: covering would hold a flat
    hand off the thigh, inscribed would let its palm sink in.

    Raises:
        UnsupportedShape: A shape that collides is of another kind.
    """
    model = robot.mj_model()
    capsules = []
    for index in range(model.ngeom):
        body = int(model.geom_bodyid[index])
        if body > 0 and (model.geom_contype[index] or model.geom_conaffinity[index]):
            capsules.extend(_shape_capsules(model, index, model.body(body).name))
    return tuple(capsules)


def _shape_capsules(model: mujoco.MjModel, index: int, body: str) -> Iterator[Capsule]:
    """Yield the one or two capsules of a shape."""
    kind, size = mujoco.mjtGeom(model.geom_type[index]), model.geom_size[index]
    name, centre = model.geom(index).name, model.geom_pos[index]
    rot = np.empty(9)
    mujoco.mju_quat2Mat(rot, model.geom_quat[index])
    rot = rot.reshape(3, 3)
    if kind == mujoco.mjtGeom.mjGEOM_CAPSULE:
        half, aside, radius = np.array([0.0, 0.0, size[1]]), np.zeros(3), float(size[0])
    elif kind == mujoco.mjtGeom.mjGEOM_SPHERE:
        half, aside, radius = np.zeros(3), np.zeros(3), float(size[0])
    else:
        half, aside, radius = _fitted(kind, size, name)
    sides = (aside, -aside) if aside.any() else (aside,)
    for number, side in enumerate(sides, start=1):
        yield Capsule(
            name=name if len(sides) == 1 else f"{name}/{number}",
            body=body,
            start_b=centre + rot @ (side - half),
            end_b=centre + rot @ (side + half),
            radius=radius,
        )


def _fitted(kind: mujoco.mjtGeom, size: np.ndarray, name: str) -> tuple[np.ndarray, np.ndarray, float]:
    """Half axis, displacement to the side and radius of the capsules nearest to a shape, in the shape's frame [m]."""
    if kind not in _SUPPORT:
        raise UnsupportedShape(name, kind=kind.name.removeprefix("mjGEOM_").lower())
    directions = _octant()
    support = _SUPPORT[kind](size, directions)
    extent = _SUPPORT[kind](size, np.eye(3))
    longest, middle = np.argsort(-extent, kind="stable")[:2]
    length, offset, radius, error = _nearest_support(directions, support, int(longest), None)
    if error > FLAT_M:
        length, offset, radius, _ = _nearest_support(directions, support, int(longest), int(middle))
    half, aside = np.zeros(3), np.zeros(3)
    half[longest], aside[middle] = length, offset
    return half, aside, radius


def _nearest_support(
    directions: np.ndarray, support: np.ndarray, along: int, aside: int | None
) -> tuple[float, float, float, float]:
    """Half length, offset, radius and error [m] of the least-worst fit; it is linear in them, a linear programme."""
    columns = np.ones((len(directions), 3))
    columns[:, 0] = directions[:, along]
    columns[:, 1] = 0.0 if aside is None else directions[:, aside]
    error = -np.ones((len(directions), 1))
    result = linprog(
        [0.0, 0.0, 0.0, 1.0],
        A_ub=np.block([[columns, error], [-columns, error]]),
        b_ub=np.concatenate([support, -support]),
        bounds=[(0.0, None)] * 4,
    )
    length, offset, radius, worst = result.x.tolist()
    return length, offset if aside is not None else 0.0, radius, worst


def _octant(n: int = 24) -> Float[np.ndarray, "directions 3"]:
    """Unit vectors with no negative coordinate; the shapes are symmetric in all three."""
    polar, azimuth = (grid.ravel() for grid in np.meshgrid(*2 * [np.linspace(0.0, np.pi / 2, n)]))
    flat = np.sin(polar)
    return np.stack([flat * np.cos(azimuth), flat * np.sin(azimuth), np.cos(polar)], axis=1)


_SUPPORT = {
    mujoco.mjtGeom.mjGEOM_ELLIPSOID: lambda size, u: np.linalg.norm(u * size, axis=1),
    mujoco.mjtGeom.mjGEOM_CYLINDER: lambda size, u: size[1] * u[:, 2] + size[0] * np.linalg.norm(u[:, :2], axis=1),
    mujoco.mjtGeom.mjGEOM_BOX: lambda size, u: u @ size,
}
"""How far shapes of a size reach in directions without negative coordinates [m]."""


def capsule_pairs(
    robot: RobotModel, capsules: tuple[Capsule, ...], rules: PairRules | None = None
) -> Int[np.ndarray, "pairs 2"]:
    """Return the pairs of capsules that can collide and are free to part, sorted by links.

    Left out are pairs on one link or on a link and its parent, pairs that nearly touch at the zero or the standing
    pose, pairs that overlap in most random poses, and links that never come near each other (the rules by which
    MoveIt's Setup Assistant builds its allowed collision matrix). Random poses are uniform in the joint limits.
    """
    rules = rules or PairRules()
    rng = np.random.default_rng(rules.seed)
    random = rng.uniform(robot.joint_lower, robot.joint_upper, (rules.samples, len(robot.joint_names)))
    free = np.stack([np.zeros(len(robot.joint_names)), robot.default_joint_pos])
    start, end = _placed(robot, capsules, np.vstack([free, random]))
    radius = np.array([capsule.radius for capsule in capsules])
    kept, links_near = [], set()
    joints = _joints_between(robot)
    for i, j in np.argwhere(_on_free_links(robot, capsules)).tolist():
        links = (capsules[i].body, capsules[j].body)
        gap = _near_gaps(start[:, [i, j]], end[:, [i, j]], radius[i] + radius[j], rules.near_m)
        if gap.min() < rules.near_m:
            links_near.add(links)
        never = joints[links] <= rules.few_joints and gap.min() >= 0
        overlap = (gap[len(free) :] < 0).mean()
        if gap[: len(free)].min() >= rules.clearance_m and overlap <= rules.always_share and not never:
            kept.append((i, j))
    near = [(i, j) for i, j in kept if (capsules[i].body, capsules[j].body) in links_near]
    return np.array(near, dtype=np.int64).reshape(-1, 2)


def _joints_between(robot: RobotModel) -> dict[tuple[str, str], int]:
    """Joints on the way from each link to each other one."""
    model = robot.mj_model()
    above = {}
    for body in range(1, model.nbody):
        above[model.body(body).name] = {body} | above.get(model.body(model.body_parentid[body]).name, set())
    return {(a, b): len(above[a] ^ above[b]) for a in above for b in above}


def _placed(
    robot: RobotModel, capsules: tuple[Capsule, ...], joint_pos: Float[np.ndarray, "poses joints"]
) -> tuple[Float[np.ndarray, "poses capsules 3"], Float[np.ndarray, "poses capsules 3"]]:
    """Both ends of all capsules with the base at the origin [m]."""
    model = robot.mj_model()
    data = mujoco.MjData(model)
    body = np.array([model.body(capsule.body).id for capsule in capsules])
    ends_b = np.array([[capsule.start_b, capsule.end_b] for capsule in capsules])
    placed = np.empty((len(joint_pos), len(capsules), 2, 3))
    for pose, angles in enumerate(joint_pos):
        data.qpos[:7], data.qpos[7:] = (0, 0, 0, 1, 0, 0, 0), angles
        mujoco.mj_kinematics(model, data)
        rot = data.xmat[body].reshape(-1, 3, 3)
        placed[pose] = ends_b @ rot.transpose(0, 2, 1) + data.xpos[body][:, None]
    return placed[:, :, 0], placed[:, :, 1]


def _on_free_links(robot: RobotModel, capsules: tuple[Capsule, ...]) -> Bool[np.ndarray, "capsules capsules"]:
    """Mark pairs, each once, whose links are neither the same nor joined by one joint."""
    model = robot.mj_model()
    body = np.array([model.body(capsule.body).id for capsule in capsules])
    parent = model.body_parentid[body]
    joined = (body[:, None] == body) | (parent[:, None] == body) | (body[:, None] == parent)
    return np.triu(~joined, k=1)


def _near_gaps(start: np.ndarray, end: np.ndarray, reach: float, near: float) -> Float[np.ndarray, " poses"]:
    """Gaps between two capsules in all poses [m]; infinity where their bounding spheres show that they are far."""
    centre, half = 0.5 * (start + end), 0.5 * np.linalg.norm(end[0] - start[0], axis=-1).sum()
    gap = np.full(len(start), np.inf)
    close = np.flatnonzero(np.linalg.norm(centre[:, 0] - centre[:, 1], axis=-1) - half - reach < near)
    ends = (start[close, 0], end[close, 0], start[close, 1], end[close, 1])
    gap[close] = segment_distance(*ends) - reach
    return gap
