"""Turns a plan into what the simulated robot does of it under the whole-body controller, with or without help."""

from __future__ import annotations

from dataclasses import dataclass, field

import mujoco
import numpy as np
from jaxtyping import Float

from pipeline.tracking.plan import Plan
from pipeline.tracking.plant import fallen, plant, without_log
from pipeline.tracking.whole_body_qp import WholeBodyQp, WholeBodyQpConfig
from retarget.progress import Progress, silent
from robots.arrays import check_settings
from robots.model import RobotModel


@dataclass(frozen=True, slots=True, kw_only=True)
class RunConfig:
    """The plant, and when it has fallen."""

    qp: WholeBodyQpConfig = field(default_factory=WholeBodyQpConfig)
    """The controller."""
    substeps: int = 2
    """Steps of the simulation to one of the controller, whose torques are held meanwhile."""
    friction: float = 0.8
    """Between soles and floor."""
    drop_m: float = 0.25
    """Fallen once the root is this far under the plan's [m]."""
    tilt_rad: float = 1.0
    """Fallen once the root leans this much from the plan's [rad]."""
    drift_m: float = 0.5
    """Lost once the root is this far from the plan's [m]."""

    def __post_init__(self) -> None:
        """Check ranges.

        Raises:
            InvalidArray: A number is outside its range.
        """
        check_settings(self, positive=("substeps", "friction", "drop_m", "tilt_rad", "drift_m"))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Run:
    """What the robot did, up to its fall."""

    qpos: Float[np.ndarray, "steps nq"]
    """Generalised positions at the plan's samples; fewer than the plan's if the robot fell."""
    torque: Float[np.ndarray, "steps joints"]
    """Motor torques from there to the next sample [N m]."""
    slack: Float[np.ndarray, "steps 6"]
    """Root wrench that the controller would have needed, or was given [N, N m]."""
    survival: float
    """Share of the plan's duration that the robot survived."""
    unsolved: int
    """Control steps whose programme had no solution."""

    @property
    def unsolved_share(self) -> float:
        """Share of the control steps whose programme had no solution."""
        return self.unsolved / max(len(self), 1)

    def __len__(self) -> int:
        """Return the number of samples."""
        return len(self.qpos)


@without_log()
def run_plan(
    robot: RobotModel,
    plan: Plan,
    config: RunConfig | None = None,
    *,
    help_root: bool = False,
    progress: Progress = silent,
) -> Run:
    """Simulate the robot from the plan's first state on.

    Args:
        robot: The robot.
        plan: What to follow.
        config: Settings; defaults when left out.
        help_root: Apply the root wrench that the controller asks for; for measuring it, never for a certificate.
        progress: Told the number of samples done.
    """
    config = config or RunConfig()
    model, data = _at_start(robot, plan, config)
    controller = WholeBodyQp(robot, model, config.qp)
    n = len(plan)
    qpos, torque, slack = np.empty((n, model.nq)), np.zeros((n, model.nv - 6)), np.zeros((n, 6))
    done, unsolved = n, 0
    for i in range(n):
        qpos[i] = data.qpos
        if _lost(qpos[i], plan.qpos[i], config):
            done = i
            break
        mujoco.mj_step1(model, data)
        decided = controller.solve(data, plan, i)
        torque[i], slack[i] = decided.torque, decided.slack
        unsolved += not decided.solved
        data.qfrc_applied[6:] = decided.torque
        data.qfrc_applied[:6] = decided.slack if help_root else 0.0
        mujoco.mj_step2(model, data)
        for _ in range(config.substeps - 1):
            mujoco.mj_step(model, data)
        if i % 200 == 0:
            progress(i, n)
    progress(n, n)
    return Run(qpos=qpos[:done], torque=torque[:done], slack=slack[:done], survival=done / n, unsolved=unsolved)


def _at_start(robot: RobotModel, plan: Plan, config: RunConfig) -> tuple[mujoco.MjModel, mujoco.MjData]:
    """Plant in the plan's first state, its motors off."""
    model = plant(robot, timestep_s=1.0 / (plan.hz * config.substeps), friction=config.friction)
    model.opt.disableflags |= mujoco.mjtDisableBit.mjDSBL_ACTUATION  # torques come in as generalised forces
    data = mujoco.MjData(model)
    data.qpos[:], data.qvel[:] = plan.qpos[0], plan.qvel[0]
    return model, data


def _lost(qpos: Float[np.ndarray, " nq"], wanted: Float[np.ndarray, " nq"], config: RunConfig) -> bool:
    """Whether the robot has fallen, or gone elsewhere."""
    away = np.linalg.norm(qpos[:3] - wanted[:3])
    return bool(fallen(qpos, wanted, drop_m=config.drop_m, tilt_rad=config.tilt_rad)) or not away < config.drift_m
