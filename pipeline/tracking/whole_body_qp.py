"""Turns a robot's state and a plan into joint torques: one small quadratic programme at every control step.

Unknowns are the accelerations, the edges of a friction pyramid at every sole point that carries, and a wrench on the
root that no robot has. The equations of motion of the six root coordinates are equalities, torque limits inequalities;
tasks ask for accelerations that lead back to the plan. The wrench is priced so high that it stays zero as long as
feet and motors can do what is needed; it is never applied unless asked for. See Herzog et al., "Momentum control with
hierarchical inverse dynamics on a torque-controlled humanoid", Autonomous Robots 40 (2016), with weights in place of
ranks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import daqp
import mujoco
import numpy as np
from jaxtyping import Bool, Float

from pipeline.tracking.plan import Plan
from pipeline.tracking.plan_ik import turn_between
from robots.arrays import check_settings
from robots.model import RobotModel


@dataclass(frozen=True, slots=True, kw_only=True)
class WholeBodyQpConfig:
    """How the state is led back to the plan, and what errors of acceleration cost (squared, times the price)."""

    friction: float = 0.6
    """Tangential force against normal force that is planned with; less than the floor gives."""
    com_gain: float = 60.0
    """Stiffness of the centre of mass's place [1/s^2]; dampings are critical for all gains."""
    com_price: float = 300.0
    """Of its acceleration [s^4/m^2]."""
    momentum_gain: float = 5.0
    """How fast the angular momentum about it is led back [1/s]."""
    momentum_price: float = 0.1
    """Of its rate of change [1/(N m)^2]."""
    root_gain: float = 100.0
    """Stiffness of the root's orientation [1/s^2]."""
    root_price: float = 1.0
    """Of its angular acceleration [s^4/rad^2]."""
    joint_gain: float = 200.0
    """Stiffness of the joints [1/s^2]."""
    joint_price: float = 0.3
    """Of their accelerations [s^4/rad^2]."""
    stance_gain: float = 100.0
    """Stiffness of a standing foot's place and orientation [1/s^2]."""
    stance_price: float = 100.0
    """Of its acceleration [s^4/m^2, s^4/rad^2 at a tenth]."""
    swing_gain: float = 400.0
    """Stiffness of a swinging foot's place and orientation [1/s^2]."""
    swing_price: float = 10.0
    """Of its acceleration [s^4/m^2, s^4/rad^2 at a tenth]."""
    force_price: float = 1e-6
    """Of a contact force along an edge of its pyramid [1/N^2]; shares the load evenly."""
    slack_price: float = 100.0
    """Of the root wrench [1/N^2, 1/(N m)^2]."""
    carry_s: float = 0.1
    """Over what time the centre of mass's path moves to where the feet landed [s]."""
    touch_height: float = 0.008
    """A planned contact bears weight only once its sole is lower than this [m]."""

    def __post_init__(self) -> None:
        """Check ranges.

        Raises:
            InvalidArray: A number is outside its range.
        """
        check_settings(self, positive=("friction", "joint_price", "force_price", "slack_price"))


class QpSolution(NamedTuple):
    """What a control step decides."""

    qacc: Float[np.ndarray, " nv"]
    """Accelerations [m/s^2, rad/s^2]."""
    torque: Float[np.ndarray, " joints"]
    """Of the motors [N m]."""
    force_w: Float[np.ndarray, "2 points 3"]
    """From the floor at the points of both soles [N]."""
    slack: Float[np.ndarray, " 6"]
    """Force [N] in the world and moment [N m] in the root's frame at the root's origin that would have been needed."""
    solved: bool
    """Whether the solver found the minimum; torques hold the weight of the limbs otherwise."""


_FORCE_UNIT = 100.0
_ACC_UNIT = 10.0
"""Units of the solver's unknowns [N, m/s^2]; they keep its matrices well-conditioned."""


class WholeBodyQp:
    """Builds and solves the programme; one for each simulation."""

    def __init__(self, robot: RobotModel, model: mujoco.MjModel, config: WholeBodyQpConfig | None = None) -> None:
        """Take the plant.

        Args:
            robot: The robot that the plant is made of.
            model: The plant; its masses are known to the controller.
            config: Settings; defaults when left out.
        """
        self.config = config or WholeBodyQpConfig()
        self._model, self._limit = model, robot.effort_limit
        self._feet = [model.body(name).id for name in robot.foot_body_names]
        self._points_b = robot.sole_points_b
        mu = self.config.friction
        # |fx| + |fy| <= mu fz: inside the cone whichever way the foot turns.
        self._edges = np.array([[mu, 0, 1], [-mu, 0, 1], [0, mu, 1], [0, -mu, 1]], dtype=float)
        self._mass = float(model.body_mass.sum())
        self._mass_matrix = np.empty((model.nv, model.nv))
        self._jac = np.empty((2, 6, model.nv))
        self._jac_dot = np.empty((6, model.nv))
        self._carried = np.zeros(3)

    def solve(self, data: mujoco.MjData, plan: Plan, i: int) -> QpSolution:
        """Decide accelerations, torques and forces.

        Args:
            data: State of the plant, with positions and velocities brought up to date (``mj_step1``).
            plan: What to follow.
            i: Its present sample.
        """
        model = self._model
        mujoco.mj_fullM(model, data, self._mass_matrix)
        for foot, body in enumerate(self._feet):
            mujoco.mj_jacBody(model, data, self._jac[foot, :3], self._jac[foot, 3:], body)
        standing = self._standing(data, plan.contact[i])
        self._take_up(data, plan, i, standing)
        hessian, pull = self._tasks(data, plan, i, standing)
        push = self._generators(data, standing)
        return self._solved(data, standing, hessian, pull, push)

    def _standing(self, data: mujoco.MjData, planned: Bool[np.ndarray, " 2"]) -> Bool[np.ndarray, " 2"]:
        """Feet that are planned to carry and touch the floor."""
        lowest = [(self._points_b @ data.xmat[body].reshape(3, 3)[2]).min() + data.xpos[body, 2] for body in self._feet]
        return planned & (np.array(lowest) < self.config.touch_height)

    def _take_up(self, data: mujoco.MjData, plan: Plan, i: int, standing: Bool[np.ndarray, " 2"]) -> None:
        """Carry the centre of mass's path over to feet that landed elsewhere than planned."""
        if standing.any():
            off = (data.xpos[self._feet, :2] - plan.foot_pos_w[i, :, :2])[standing].mean(axis=0)
            self._carried[:2] += (off - self._carried[:2]) / (1.0 + self.config.carry_s * plan.hz)

    def _tasks(
        self, data: mujoco.MjData, plan: Plan, i: int, standing: Bool[np.ndarray, " 2"]
    ) -> tuple[Float[np.ndarray, "nv nv"], Float[np.ndarray, " nv"]]:
        """Return Hessian and pull of all tasks on the accelerations."""
        config = self.config
        hessian, pull = self._posture(data, plan, i)
        root = data.xmat[1].reshape(3, 3)
        mass_matrix, bias = self._mass_matrix, data.qfrc_bias
        # The root's rows of the equations of motion are the rates of the momentum and of its moment about the root.
        com = data.subtree_com[0]
        force_jac, force_bias = mass_matrix[:3], bias[:3]
        com_vel = mass_matrix[:3] @ data.qvel / self._mass
        wanted = plan.com_acc_w[i] + config.com_gain * (plan.com_w[i] + self._carried - com)
        wanted = wanted + 2.0 * np.sqrt(config.com_gain) * (plan.com_vel_w[i] - com_vel)
        fall = force_bias / self._mass + self._model.opt.gravity
        _add(hessian, pull, force_jac / self._mass, wanted - fall, config.com_price)
        arm = _cross_matrix(com - data.xpos[1])
        turn_jac = root @ mass_matrix[3:6] - arm @ force_jac
        turn_bias = root @ bias[3:6] - arm @ force_bias
        momentum = turn_jac @ data.qvel
        wanted = plan.momentum_rate_w[i] + config.momentum_gain * (plan.momentum_w[i] - momentum)
        _add(hessian, pull, turn_jac, wanted - turn_bias, config.momentum_price)
        for foot in range(2):
            self._add_foot(hessian, pull, data, plan, i, foot, bool(standing[foot]))
        return hessian, pull

    def _posture(
        self, data: mujoco.MjData, plan: Plan, i: int
    ) -> tuple[Float[np.ndarray, "nv nv"], Float[np.ndarray, " nv"]]:
        """Lead root orientation and joints back to the plan."""
        config = self.config
        off = np.empty(self._model.nv)
        mujoco.mj_differentiatePos(self._model, off, 1.0, data.qpos, plan.qpos[i])
        price = np.full(len(off), config.joint_price)
        price[:3], price[3:6] = 1e-4, config.root_price
        gain = np.full(len(off), config.joint_gain)
        gain[:3], gain[3:6] = config.com_gain, config.root_gain
        wanted = plan.qacc[i] + gain * off + 2.0 * np.sqrt(gain) * (plan.qvel[i] - data.qvel)
        return np.diag(price), price * wanted

    def _add_foot(
        self,
        hessian: np.ndarray,
        pull: np.ndarray,
        data: mujoco.MjData,
        plan: Plan,
        i: int,
        foot: int,
        standing: bool,
    ) -> None:
        """Hold a standing foot where it is planned, and lead a swinging one along its way."""
        config, body = self.config, self._feet[foot]
        jac = self._jac[foot]
        mujoco.mj_jacDot(self._model, data, self._jac_dot[:3], self._jac_dot[3:], data.xpos[body], body)
        gain = config.stance_gain if standing else config.swing_gain
        # A foot that should stand and does not yet touch must come down, or the robot falls over the one that does.
        price = config.stance_price if standing or plan.contact[i, foot] else config.swing_price
        velocity = jac @ data.qvel
        turn = turn_between(data.xmat[body].reshape(3, 3), plan.foot_rot_w[i, foot])
        off = np.concatenate([plan.foot_pos_w[i, foot] - data.xpos[body], turn])
        if standing:  # pulling a foot along the floor that bears weight only tips it over
            off[[0, 1, 5]] = 0.0
        wanted = plan.foot_acc_w[i, foot] + gain * off + 2.0 * np.sqrt(gain) * (plan.foot_vel_w[i, foot] - velocity)
        wanted -= self._jac_dot @ data.qvel
        prices = price * np.array([1.0, 1.0, 1.0, 0.1, 0.1, 0.1])
        hessian += jac.T @ (prices[:, None] * jac)
        pull += jac.T @ (prices * wanted)

    def _generators(self, data: mujoco.MjData, standing: Bool[np.ndarray, " 2"]) -> Float[np.ndarray, "edges nv"]:
        """Generalised forces of a newton along each pyramid edge of each sole point that carries."""
        rows = []
        for foot in np.flatnonzero(standing):
            arm = self._points_b @ data.xmat[self._feet[foot]].reshape(3, 3).T
            jac, edges = self._jac[foot], self._edges
            moment = np.cross(arm[:, None], edges[None])  # of every edge at every point
            linear = np.broadcast_to(edges @ jac[:3], (len(arm), 4, jac.shape[1]))
            rows.append((linear + moment @ jac[3:]).reshape(-1, jac.shape[1]))
        return np.concatenate(rows) if rows else np.zeros((0, self._model.nv))

    def _solved(
        self, data: mujoco.MjData, standing: np.ndarray, hessian: np.ndarray, pull: np.ndarray, push: np.ndarray
    ) -> QpSolution:
        """Solve for edges, accelerations and slack, in this order."""
        config, edges, nv = self.config, len(push), self._model.nv
        n = edges + nv + 6
        H, f = np.zeros((n, n)), np.zeros(n)
        diagonal = np.arange(n)
        H[diagonal[:edges], diagonal[:edges]] = config.force_price * _FORCE_UNIT**2
        H[edges:-6, edges:-6] = hessian * _ACC_UNIT**2
        H[diagonal[-6:], diagonal[-6:]] = config.slack_price * _FORCE_UNIT**2
        f[edges:-6] = -pull * _ACC_UNIT
        A = np.zeros((nv, n))
        A[:, :edges] = -push.T * _FORCE_UNIT
        A[:, edges:-6] = self._mass_matrix * _ACC_UNIT
        A[:6, -6:] = -np.eye(6) * _FORCE_UNIT
        bias = data.qfrc_bias
        upper = np.concatenate([np.full(edges, 1e30), -bias[:6], self._limit - bias[6:]])
        lower = np.concatenate([np.zeros(edges), -bias[:6], -self._limit - bias[6:]])
        sense = np.zeros(edges + nv, dtype=np.int32)
        sense[edges : edges + 6] = 5
        x, _, flag, _ = daqp.solve(H, f, A, upper, lower, sense)
        if flag < 1 or not np.isfinite(x).all():
            return self._holding(bias)
        force = np.zeros((2, len(self._points_b), 3))
        force[standing] = (x[:edges].reshape(-1, len(self._points_b), 4) * _FORCE_UNIT) @ self._edges
        torque = A[6:] @ x + bias[6:]
        return QpSolution(
            x[edges:-6] * _ACC_UNIT, np.clip(torque, -self._limit, self._limit), force, x[-6:] * _FORCE_UNIT, True
        )

    def _holding(self, bias: np.ndarray) -> QpSolution:
        """What is done where the solver gives up: the limbs' own weight is held."""
        torque = np.clip(bias[6:], -self._limit, self._limit)
        return QpSolution(np.zeros(len(bias)), torque, np.zeros((2, len(self._points_b), 3)), bias[:6].copy(), False)


def _add(hessian: np.ndarray, pull: np.ndarray, jac: np.ndarray, wanted: np.ndarray, price: float) -> None:
    """Add a task to the normal equations, in place."""
    hessian += price * (jac.T @ jac)
    pull += price * (jac.T @ wanted)


def _cross_matrix(v: Float[np.ndarray, " 3"]) -> Float[np.ndarray, "3 3"]:
    """Matrix of the cross product with a vector from the left."""
    return np.array([[0.0, -v[2], v[1]], [v[2], 0.0, -v[0]], [-v[1], v[0], 0.0]])
