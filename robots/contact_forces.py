"""Turns a trajectory and the points that touch into forces: what the floor can give, the motors must, and nobody does.

Inverse dynamics says which force and moment the floating base would need. Nothing pushes a base; the floor pushes at
points, upwards and within friction. What it cannot give is the residual: how far the motion is from physics.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from itertools import pairwise

import mujoco
import numpy as np
from jaxtyping import Bool, Float

from robots.arrays import check_settings, checked_array, freeze_fields
from robots.contact_points import CHUNK, ContactPoints
from robots.contact_solver import nonnegative_minimum
from robots.exceptions import InvalidArray
from robots.model import RobotModel
from robots.trajectory import RobotTrajectory

RAYS = 4
"""Edges of the pyramid that stands for a friction cone, inscribed in it."""

PUSH_SHARE = 0.15
"""Of its weight: a robot that the floor need push less is as good as flying, and has neither a friction demand nor a
point of zero moment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FrictionConfig:
    """What the floor can give, and what decides between equally good forces.

    The last two terms are chosen so small that they leave a residual of less than a millinewton.
    """

    friction: float = 0.8
    """Coefficient of friction: largest horizontal force as a share of the vertical one."""
    moment_scale: float = 0.25
    """Arm at which a moment counts like a force [m]; about half the height of the centre of mass."""
    torque_price: float = 0.2
    """Force that one whole torque limit of a joint counts like [N]: prefers forces that spare the motors."""
    force_price: float = 1e-3
    """Force that a contact force of one newton counts like [N]: spreads forces over the points."""

    def __post_init__(self) -> None:
        """Check that nothing is negative and that what makes the answer unique is there."""
        check_settings(self, positive=("moment_scale", "force_price"))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ExplainedForces:
    """Forces that move the robot, frame by frame, in world axes; moments are about the centre of mass."""

    fps: float
    """Frames per second [1/s]."""
    weight: float
    """Of the robot [N]."""
    required_force_w: Float[np.ndarray, "frames 3"]
    """Force from outside that the motion needs: m (a - g) [N]."""
    required_moment_w: Float[np.ndarray, "frames 3"]
    """Moment from outside that it needs: the rate of change of angular momentum [N m]."""
    residual_force_w: Float[np.ndarray, "frames 3"]
    """What of the force no contact can give [N]."""
    residual_moment_w: Float[np.ndarray, "frames 3"]
    """What of the moment no contact can give [N m]."""
    joint_torque: Float[np.ndarray, "frames joints"]
    """Torques of the motors while the contacts push [N m]."""
    foot_force_w: Float[np.ndarray, "frames 2 3"]
    """Force of the floor on the left and the right foot [N]."""
    other_force_w: Float[np.ndarray, "frames 3"]
    """Force of the floor on all other parts [N]."""
    cop_w: Float[np.ndarray, "frames 2"]
    """Centre of pressure of all contacts, seen from above [m]; NaN where nothing pushes."""
    com_w: Float[np.ndarray, "frames 3"]
    """Centre of mass [m]."""
    com_vel_w: Float[np.ndarray, "frames 3"]
    """Its velocity [m/s]."""
    angular_momentum_w: Float[np.ndarray, "frames 3"]
    """About the centre of mass [kg m^2/s]."""
    point_force_w: Float[np.ndarray, "points 3"]
    """Force of the floor at each of the points that were given [N]."""

    def __post_init__(self) -> None:
        """Check that all arrays have one row a frame."""
        dims: dict[str, int] = {}
        shapes: dict[str, tuple[int | str, ...]] = {
            "joint_torque": ("frames", "joints"),
            "foot_force_w": ("frames", 2, 3),
            "cop_w": ("frames", 2),
            "point_force_w": ("points", 3),
        }
        arrays = [field.name for field in fields(self) if field.name not in ("fps", "weight")]
        checked = {
            name: checked_array(
                name, getattr(self, name), shapes.get(name, ("frames", 3)), dims, finite=name != "cop_w"
            )
            for name in arrays
        }
        freeze_fields(self, checked)

    def __len__(self) -> int:
        """Return the number of frames."""
        return len(self.com_w)

    @property
    def friction_demand(self) -> Float[np.ndarray, " frames"]:
        """Horizontal over vertical part of the required force: friction that the motion needs as a whole.

        NaN where the floor need hardly push (:data:`PUSH_SHARE`).
        """
        across = np.linalg.norm(self.required_force_w[:, :2], axis=1)
        return np.where(self._pushed, across / self._push, np.nan)

    def zero_moment_point_w(self, floor_height: float) -> Float[np.ndarray, "frames 2"]:
        """Where the floor's whole force would have to act, seen from above [m]; NaN where it need hardly push.

        Vukobratovic and Borovac, "Zero-moment point - thirty five years of its life", 2004; it lies among the
        contacts if and only if one flat floor that only pushes can give the moments about level axes.
        """
        height = self.com_w[:, 2] - floor_height
        force, moment = self.required_force_w, self.required_moment_w
        aside = np.column_stack([-moment[:, 1] - force[:, 0] * height, moment[:, 0] - force[:, 1] * height])
        return np.where(self._pushed[:, None], self.com_w[:, :2] + aside / self._push[:, None], np.nan)

    @property
    def _pushed(self) -> Bool[np.ndarray, " frames"]:
        return self.required_force_w[:, 2] > PUSH_SHARE * self.weight

    @property
    def _push(self) -> Float[np.ndarray, " frames"]:
        """Vertical part of the required force, no less than what counts as a push [N]."""
        return np.maximum(self.required_force_w[:, 2], PUSH_SHARE * self.weight)


def explain_forces(
    robot: RobotModel, trajectory: RobotTrajectory, points: ContactPoints, config: FrictionConfig
) -> ExplainedForces:
    """Find forces at the contact points that give the base what it needs, as far as they can, and what motors add.

    In each frame the residual's square is least, moments divided by ``moment_scale``; among forces that do equally
    well, those that spare the motors are taken. Torques count friction in the joints as nothing.

    The friction pyramid is turned with the robot, so that forces do not depend on where it faces.

    Raises:
        InvalidArray: The trajectory is empty or of another robot, or the points are of another number of frames.
    """
    model = _free_model(robot)
    if len(trajectory) == 0 or trajectory.qpos.shape[1] != model.nq:
        found = f"has {len(trajectory)} frames of {trajectory.qpos.shape[1]} positions"
        raise InvalidArray("trajectory", problem=f"{found}, '{robot.name}' has {model.nq}")
    if len(points) != len(trajectory):
        raise InvalidArray("points", problem=f"are of {len(points)} frames, the trajectory has {len(trajectory)}")
    ancestors = _joint_ancestors(model)
    results: dict[str, list[np.ndarray]] = {}
    guess = np.zeros((int(points.identity.max(initial=-1)) + 1, RAYS), dtype=bool)
    for start in range(0, len(trajectory), CHUNK):
        rows = slice(start, min(start + CHUNK, len(trajectory)))
        motion = _Motion.of(model, trajectory, rows)
        for name, part in _explain(robot, motion, points, rows, ancestors, config, guess).items():
            results.setdefault(name, []).append(part)
    weight = float(-model.body_mass.sum() * model.opt.gravity[2])
    return ExplainedForces(
        fps=trajectory.fps, weight=weight, **{name: np.concatenate(parts) for name, parts in results.items()}
    )


def _free_model(robot: RobotModel) -> mujoco.MjModel:
    """Return the robot without anything that pushes it but gravity and inertia."""
    model = robot.mj_model()
    off = mujoco.mjtDisableBit
    model.opt.disableflags |= off.mjDSBL_CONTACT | off.mjDSBL_CONSTRAINT | off.mjDSBL_ACTUATION
    return model


def _joint_ancestors(model: mujoco.MjModel) -> Bool[np.ndarray, "bodies joints"]:
    """Which hinges lie between the root and each link; links and hinges in the robot's order."""
    moves = np.zeros((model.nbody, model.njnt), dtype=bool)
    for body in range(1, model.nbody):
        moves[body] = moves[model.body_parentid[body]]
        moves[body, model.jnt_bodyid == body] = True
    return moves[1:, 1:]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Motion:
    """What inverse dynamics says of some frames, without any contact."""

    force_w: np.ndarray
    moment_w: np.ndarray
    torque: np.ndarray
    com_w: np.ndarray
    com_vel_w: np.ndarray
    angular_momentum_w: np.ndarray
    axis_w: np.ndarray
    """Of the hinges, ``(frames, joints, 3)``."""
    anchor_w: np.ndarray
    """Points that the hinges turn about, ``(frames, joints, 3)``."""
    heading: np.ndarray
    """Horizontal unit vector that turns with the robot, ``(frames, 2)``."""

    @classmethod
    def of(cls, model: mujoco.MjModel, trajectory: RobotTrajectory, rows: slice) -> _Motion:
        data = mujoco.MjData(model)
        qpos, qvel, qacc = trajectory.qpos[rows], trajectory.qvel[rows], trajectory.qacc[rows]
        frames, joints = len(qpos), model.njnt - 1
        generalised, root_rot = np.empty((frames, model.nv)), np.empty((frames, 9))
        com, com_vel, momentum = np.empty((frames, 3)), np.empty((frames, 3)), np.empty((frames, 3))
        axis, anchor = np.empty((frames, joints, 3)), np.empty((frames, joints, 3))
        for i in range(frames):
            data.qpos[:], data.qvel[:], data.qacc[:] = qpos[i], qvel[i], qacc[i]
            mujoco.mj_inverse(model, data)
            mujoco.mj_subtreeVel(model, data)
            generalised[i], root_rot[i] = data.qfrc_inverse, data.xmat[1]
            com[i], com_vel[i], momentum[i] = data.subtree_com[1], data.subtree_linvel[1], data.subtree_angmom[1]
            axis[i], anchor[i] = data.xaxis[1:], data.xanchor[1:]
        rot = root_rot.reshape(-1, 3, 3)
        force = generalised[:, :3]
        # MuJoCo's generalised force of a free joint is a force at its origin and a moment about it, in its own axes.
        moment = np.einsum("fij,fj->fi", rot, generalised[:, 3:6]) + np.cross(qpos[:, :3] - com, force)
        return cls(
            force_w=force,
            moment_w=moment,
            torque=generalised[:, 6:],
            com_w=com,
            com_vel_w=com_vel,
            angular_momentum_w=momentum,
            axis_w=axis,
            anchor_w=anchor,
            heading=_heading(rot),
        )


def _heading(root_rot: Float[np.ndarray, "frames 3 3"]) -> Float[np.ndarray, "frames 2"]:
    """Horizontal direction of the root's forward axis, or across its sideways axis where that is nearer to level."""
    forward, left = root_rot[:, :2, 0], root_rot[:, :2, 1]
    across = np.column_stack([left[:, 1], -left[:, 0]])
    level = np.linalg.norm(forward, axis=1) >= np.linalg.norm(left, axis=1)
    chosen = np.where(level[:, None], forward, across)
    return chosen / np.linalg.norm(chosen, axis=1, keepdims=True)


def _rays(heading: Float[np.ndarray, "points 2"], friction: float) -> Float[np.ndarray, "points rays 3"]:
    """Edges of the friction pyramids: up by one, and aside by the friction."""
    angle = np.arange(RAYS) * (2 * np.pi / RAYS)
    cos, sin = np.cos(angle), np.sin(angle)
    x, y = heading[:, :1], heading[:, 1:]
    return np.stack([friction * (cos * x - sin * y), friction * (sin * x + cos * y), np.ones((len(x), RAYS))], axis=-1)


def _explain(
    robot: RobotModel,
    motion: _Motion,
    points: ContactPoints,
    rows: slice,
    ancestors: Bool[np.ndarray, "bodies joints"],
    config: FrictionConfig,
    guess: Bool[np.ndarray, "identities rays"],
) -> dict[str, np.ndarray]:
    """Find the forces of some frames; ``guess`` says which rays pushed last and is brought up to date."""
    bounds = points.starts[rows.start : rows.stop + 1]
    chosen = slice(bounds[0], bounds[-1])
    frame = np.repeat(np.arange(len(motion.com_w)), np.diff(bounds))
    pos_w, body = points.pos_w[chosen], points.body[chosen]
    rays = _rays(motion.heading[frame], config.friction)
    arm = pos_w - motion.com_w[frame]
    jacobian = np.cross(motion.axis_w[frame], pos_w[:, None] - motion.anchor_w[frame])
    jacobian *= ancestors[body][..., None]
    per_torque = config.torque_price / robot.effort_limit
    effect = np.concatenate(
        [
            rays,
            np.cross(arm[:, None], rays) / config.moment_scale,
            np.einsum("pri,pji->prj", rays, jacobian) * per_torque,
        ],
        axis=2,
    )
    wanted = np.hstack([motion.force_w, motion.moment_w / config.moment_scale, motion.torque * per_torque])
    share = np.zeros(rays.shape[:2])
    for i, (start, stop) in enumerate(pairwise((bounds - bounds[0]).tolist())):
        if stop > start:
            known = points.identity[chosen][start:stop]
            share[start:stop], guess[known] = _shares(effect[start:stop], wanted[i], guess[known], config.force_price)
    force = np.einsum("pr,pri->pi", share, rays)
    return _collected(robot, motion, frame, body, pos_w, force, jacobian)


def _shares(
    effect: Float[np.ndarray, "points rays rows"],
    wanted: Float[np.ndarray, " rows"],
    guess: Bool[np.ndarray, "points rays"],
    force_price: float,
) -> tuple[Float[np.ndarray, "points rays"], Bool[np.ndarray, "points rays"]]:
    """How hard each ray pushes in one frame [N], and which push."""
    columns = effect.reshape(-1, len(wanted))
    push, free = nonnegative_minimum(columns, wanted, force_price, guess.ravel())
    return push.reshape(guess.shape), free.reshape(guess.shape)


def _collected(
    robot: RobotModel,
    motion: _Motion,
    frame: np.ndarray,
    body: np.ndarray,
    pos_w: np.ndarray,
    force: Float[np.ndarray, "points 3"],
    jacobian: Float[np.ndarray, "points joints 3"],
) -> dict[str, np.ndarray]:
    """Sum the points' forces up over what they act on."""
    n = len(motion.com_w)

    def summed(values: np.ndarray, which: np.ndarray | slice = slice(None)) -> np.ndarray:
        total = np.zeros((n, *values.shape[1:]))
        np.add.at(total, frame[which], values[which])
        return total

    feet = [body == robot.body_names.index(name) for name in robot.foot_body_names]
    pressure = summed(force[:, 2:])
    pushed = pressure > 1e-6
    centre = summed(force[:, 2:] * pos_w[:, :2]) / np.where(pushed, pressure, 1.0)
    return {
        "required_force_w": motion.force_w,
        "required_moment_w": motion.moment_w,
        "residual_force_w": motion.force_w - summed(force),
        "residual_moment_w": motion.moment_w - summed(np.cross(pos_w - motion.com_w[frame], force)),
        "joint_torque": motion.torque - summed(np.einsum("pji,pi->pj", jacobian, force)),
        "foot_force_w": np.stack([summed(force, foot) for foot in feet], axis=1),
        "other_force_w": summed(force, ~(feet[0] | feet[1])),
        "cop_w": np.where(pushed, centre, np.nan),
        "com_w": motion.com_w,
        "com_vel_w": motion.com_vel_w,
        "angular_momentum_w": motion.angular_momentum_w,
        "point_force_w": force,
    }
