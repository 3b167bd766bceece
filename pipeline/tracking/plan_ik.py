"""Turns feet and a centre-of-mass path into whole-body configurations that stay near a reference.

One weighted least-squares step a frame in the robot's velocities, inside the joint limits: feet and centre of mass
weigh so much that they are met, and the reference's posture decides the rest. Each frame begins where the one before
ended, moved on as the reference moves; at control rate one or two steps are exact to micrometres.
"""

from __future__ import annotations

from dataclasses import dataclass

import mujoco
import numpy as np
from jaxtyping import Float
from scipy.ndimage import distance_transform_edt
from scipy.spatial.transform import Rotation

from pipeline.tracking.plan_footholds import FootPaths
from pipeline.tracking.reference import Reference
from retarget.box_qp import solve_box_qp
from robots.arrays import check_settings
from robots.model import RobotModel


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanIkConfig:
    """What a frame costs; costs are sums of squares of ``price * error``."""

    stance_weight: float = 3000.0
    """Price of a standing foot off its foothold [1/m]."""
    turn_share: float = 0.1
    """What a radian of a foot's orientation costs against a metre of its place: about what the sole's ends move."""
    swing_weight: float = 100.0
    """Price of a swinging foot off its way [1/m]."""
    landing_s: float = 0.15
    """Time before and after a stance in which one price becomes the other [s]."""
    com_weight: float = 300.0
    """Price of the centre of mass off its path, along the floor [1/m]."""
    height_weight: float = 200.0
    """The same for its height [1/m]; lower, for it gives way where a leg is too short."""
    root_turn_weight: float = 3.0
    """Price of the root's orientation off the reference [1/rad]."""
    settle_weight: float = 10.0
    """Price of the root, and of a carrying foot along the floor, off the reference while feet are laid flat [1/m]."""
    joint_weight: float = 1.0
    """Price of a joint of waist and arms off the reference [1/rad]."""
    leg_weight: float = 0.2
    """The same for joints of the legs, which feet and centre of mass decide [1/rad]."""
    change_weight: float = 1.0
    """Price of moving otherwise than the reference moves from one frame to the next [1/rad]; keeps the motion calm
    where a joint meets its limit."""
    momentum_weight: float = 0.025
    """Price of an angular momentum about the centre of mass off the reference's [1/(N m s)]; without it the trunk is
    thrown about for the centre of mass's sake, which moves the zero-moment point more than the path does."""
    least_knee: float = 0.2
    """Bend that a knee keeps [rad]; a straight leg cannot give way along itself, and bends at a jerk when it must. It
    costs millimetres of height."""
    iterations: int = 2
    """Steps a frame."""
    first_iterations: int = 50
    """Steps of the first frame, which begins at the reference."""

    def __post_init__(self) -> None:
        """Check ranges.

        Raises:
            InvalidArray: A number is outside its range.
        """
        weights = ("joint_weight", "leg_weight", "root_turn_weight", "stance_weight", "swing_weight", "settle_weight")
        check_settings(self, positive=(*weights, "iterations", "first_iterations"))


def follow(
    robot: RobotModel,
    guide: Float[np.ndarray, "n nq"],
    hz: float,
    feet: FootPaths,
    com_w: Float[np.ndarray, "n 3"],
    momentum_w: Float[np.ndarray, "n 3"],
    config: PlanIkConfig,
) -> Float[np.ndarray, "n nq"]:
    """Solve all frames, one after the other.

    Args:
        robot: The robot.
        guide: Gives posture and root orientation.
        hz: Frames per second [1/s].
        feet: Where the feet are.
        com_w: Where the centre of mass is [m].
        momentum_w: Angular momentum about it that is wanted [N m s].
        config: Prices.
    """
    solver = _FrameIk(robot, config)
    qpos, q, step = np.empty_like(guide), guide[0].copy(), np.empty(solver.model.nv)
    com_price = np.array([config.com_weight, config.com_weight, config.height_weight]) ** 2
    price = _foot_prices(feet, hz, config)
    for i in range(len(guide)):
        if i > 0:
            solver.move_along(q, guide[i - 1], guide[i], step)
        for _ in range(config.iterations if i > 0 else config.first_iterations):
            solver.begin(q, guide[i])
            solver.add_com(com_w[i], com_price)
            if i > 0:
                solver.add_momentum(qpos[i - 1], q, hz, momentum_w[i], config.momentum_weight**2)
            for foot in range(2):
                place = np.full(3, price[i, foot])
                solver.add_foot(foot, feet.pos_w[i, foot], feet.rot_w[i, foot], place, place * config.turn_share**2)
            solver.step(q, calm=i > 0)
        qpos[i] = q
    return qpos


def _foot_prices(feet: FootPaths, hz: float, config: PlanIkConfig) -> Float[np.ndarray, "n 2"]:
    """Squared prices of both feet; a swing's rises to that of a stance around it, so that nothing gives way at once."""
    width = max(1, round(config.landing_s * hz))
    price = np.empty(feet.contact.shape)
    for foot in range(2):
        stands = feet.contact[:, foot]
        away = distance_transform_edt(~stands) if stands.any() else np.full(len(stands), width)
        share = np.clip(np.asarray(away) / width, 0.0, 1.0)
        price[:, foot] = config.stance_weight ** (2 * (1 - share)) * config.swing_weight ** (2 * share)
    return price


def settle(
    robot: RobotModel,
    ref: Reference,
    heading: Float[np.ndarray, "n 2"],
    config: PlanIkConfig,
) -> Float[np.ndarray, "n nq"]:
    """Lay the feet that carry flat on the floor, each frame by itself as near to the reference as the ankles allow.

    Where they stand and how high the pelvis is gives way; so it shows where the feet of a robot would have to stand
    whose soles are flat. Feet in the air and the balance are left alone.

    Args:
        robot: The robot.
        ref: What to stay near.
        heading: Directions that flat feet should have [rad].
        config: Prices.
    """
    solver = _FrameIk(robot, config)
    qpos = ref.qpos.copy()
    flat = Rotation.from_rotvec(heading.reshape(-1, 1) * [0.0, 0.0, 1.0]).as_matrix().reshape(len(ref), 2, 3, 3)
    goal = ref.foot_pos_w.copy()
    goal[..., 2] = -robot.sole_points_b[:, 2].min()
    loose, stiff = config.settle_weight**2, config.stance_weight**2
    place, turn = np.array([loose, loose, stiff]), np.array([stiff, stiff, 0.0]) * config.turn_share**2
    turn[2] = loose * config.turn_share**2
    step, q = np.empty(solver.model.nv), ref.qpos[0].copy()
    for i in range(len(ref)):
        if i > 0:
            solver.move_along(q, ref.qpos[i - 1], ref.qpos[i], step)
        for _ in range(config.iterations if i > 0 else config.first_iterations):
            solver.begin(q, ref.qpos[i], root_price=loose)
            for foot in np.flatnonzero(ref.contact[i]):
                solver.add_foot(int(foot), goal[i, foot], flat[i, foot], place, turn)
            solver.step(q, calm=i > 0)
        qpos[i] = q
    return qpos


class _FrameIk:
    """One frame's least-squares problem, with room to build it in."""

    def __init__(self, robot: RobotModel, config: PlanIkConfig) -> None:
        self.model = robot.mj_model()
        self._data = mujoco.MjData(self.model)
        self._feet = [self.model.body(name).id for name in robot.foot_body_names]
        self._calm = config.change_weight**2
        nv = self.model.nv
        knees = np.array(["knee" in name for name in robot.joint_names])
        self._lower = np.where(knees, np.maximum(robot.joint_lower, config.least_knee), robot.joint_lower)
        self._upper = robot.joint_upper
        legs = np.array([any(part in name for part in ("hip", "knee", "ankle")) for name in robot.joint_names])
        joints = np.where(legs, config.leg_weight, config.joint_weight)
        # The root's place is the centre of mass's and the feet's to decide; a trace of weight keeps it unique.
        self._posture = np.concatenate([np.full(3, 0.1), np.full(3, config.root_turn_weight), joints]) ** 2
        self._jac, self._jac_rot = np.empty((3, nv)), np.empty((3, nv))
        self._off, self._missed = np.empty(nv), 0.0
        self._hessian, self._pull = np.empty((nv, nv)), np.empty(nv)

    def move_along(self, q: np.ndarray, before: np.ndarray, after: np.ndarray, step: np.ndarray) -> None:
        """Move ``q`` as the reference moves from one frame to the next, in place."""
        mujoco.mj_differentiatePos(self.model, step, 1.0, before, after)
        self._move(q, step)

    def begin(self, q: np.ndarray, ref_qpos: np.ndarray, *, root_price: float = 0.0) -> None:
        """Linearise at ``q``, with nothing asked for but the reference's posture (and root place, at a price)."""
        data = self._data
        data.qpos[:] = q
        mujoco.mj_kinematics(self.model, data)
        mujoco.mj_comPos(self.model, data)
        mujoco.mj_differentiatePos(self.model, self._off, 1.0, q, ref_qpos)
        weight = self._posture.copy()
        weight[:3] += root_price
        self._hessian[:], self._pull[:] = np.diag(weight), weight * self._off
        self._missed = 0.0

    def add_com(self, goal_w: np.ndarray, price: np.ndarray) -> None:
        """Ask for a place of the centre of mass."""
        mujoco.mj_jacSubtreeCom(self.model, self._data, self._jac, 0)
        self._add(self._jac, goal_w - self._data.subtree_com[0], price)

    def add_momentum(self, before: np.ndarray, q: np.ndarray, hz: float, goal_w: np.ndarray, price: float) -> None:
        """Ask for an angular momentum about the centre of mass on the way from the frame before."""
        mujoco.mj_angmomMat(self.model, self._data, self._jac, 0)
        mujoco.mj_differentiatePos(self.model, self._off, 1.0, before, q)
        self._jac *= hz
        weighted = price * self._jac
        self._hessian += weighted.T @ self._jac
        self._pull += weighted.T @ (goal_w - self._jac @ self._off)

    def add_foot(self, foot: int, pos_w: np.ndarray, rot_w: np.ndarray, place: np.ndarray, turn: np.ndarray) -> None:
        """Ask for a pose of a foot, at prices along the world's axes."""
        body = self._feet[foot]
        mujoco.mj_jacBody(self.model, self._data, self._jac, self._jac_rot, body)
        self._add(self._jac, pos_w - self._data.xpos[body], place)
        self._add(self._jac_rot, turn_between(self._data.xmat[body].reshape(3, 3), rot_w), turn)

    def _add(self, jac: np.ndarray, error: np.ndarray, price: np.ndarray) -> None:
        weighted = jac * price[:, None]
        self._hessian += weighted.T @ jac
        self._pull += weighted.T @ error
        self._missed += float(price @ error**2)

    def step(self, q: np.ndarray, *, calm: bool) -> None:
        """Move ``q`` to the minimum, in place."""
        # What is out of reach would make undamped steps swing to and fro (Sugihara, "Solvability-unconcerned inverse
        # kinematics by the Levenberg-Marquardt method", IEEE Trans. Robotics 27, 2011).
        self._hessian[np.diag_indices(len(self._pull))] += self._missed + (self._calm if calm else 0.0)
        lower = np.concatenate([np.full(6, -np.inf), np.minimum(self._lower - q[7:], 0.0)])
        upper = np.concatenate([np.full(6, np.inf), np.maximum(self._upper - q[7:], 0.0)])
        self._move(q, solve_box_qp(self._hessian, -self._pull, lower, upper))

    def _move(self, q: np.ndarray, step: np.ndarray) -> None:
        mujoco.mj_integratePos(self.model, q, step, 1.0)
        np.clip(q[7:], self._lower, self._upper, out=q[7:])


def turn_between(rot: Float[np.ndarray, "3 3"], goal: Float[np.ndarray, "3 3"]) -> Float[np.ndarray, " 3"]:
    """Rotation vector in world axes that turns one orientation into another [rad]."""
    turn = goal @ rot.T
    axis = 0.5 * np.array([turn[2, 1] - turn[1, 2], turn[0, 2] - turn[2, 0], turn[1, 0] - turn[0, 1]])
    sine, cosine = float(np.linalg.norm(axis)), 0.5 * (float(np.trace(turn)) - 1.0)
    return axis if sine < 1e-9 else axis * (np.arctan2(sine, cosine) / sine)
