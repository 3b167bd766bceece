"""Turns a reference into an attempt to follow it with nothing but the robot's own motors: sampling control (T2).

Every few hundredths of a second the controller simulates random corrections of the joint targets over the next
half second and makes the best. Targets are ``q + (kd dq + tau) / kp`` of what is followed, so that without a
correction the position loops give its torques. The idea to follow motions so goes back to Hämäläinen et al.,
"Online motion synthesis using sequential Monte Carlo" (SIGGRAPH 2014) and Howell et al., "Predictive Sampling" (2022).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from time import process_time

import mujoco
import numpy as np
from jaxtyping import Float
from mujoco import rollout

from pipeline.tracking.feed_forward import feed_forward
from pipeline.tracking.levelled import as_reference, levelled
from pipeline.tracking.plan import Plan
from pipeline.tracking.plant import fallen, gains, plant, without_log
from pipeline.tracking.reference import Reference
from pipeline.tracking.sampling_cost import CostWeights, FollowingCost, joint_shares
from pipeline.tracking.sampling_result import PassRule, T2Result
from pipeline.tracking.sampling_search import SearchConfig, search
from pipeline.tracking.sampling_spline import KnotSpline
from retarget.progress import Progress, silent
from robots.arrays import check_settings
from robots.model import RobotModel

_STATE = mujoco.mjtState.mjSTATE_FULLPHYSICS


@dataclass(frozen=True, slots=True, kw_only=True)
class PlantConfig:
    """The robot that is really moved; the controller's model is always the nominal one."""

    step_s: float = 0.005
    """Of its simulation [s]."""
    friction: float = 0.8
    """Between soles and floor."""
    mass_scale: float = 1.0
    """All masses and inertias times this."""
    self_collision: bool = False
    """Whether parts of the robot touch each other."""

    def __post_init__(self) -> None:
        """Check the ranges."""
        check_settings(self, positive=("step_s", "friction", "mass_scale"))


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplingConfig:
    """How the controller looks ahead, what it tries and what it wants."""

    horizon_s: float = 0.6
    """How far it looks ahead [s]; with 0.4 it sees a fall too late to step."""
    knots: int = 5
    """Of the correction over the horizon."""
    replan_s: float = 0.04
    """How often it looks anew [s]."""
    model_step_s: float = 0.01
    """Of the simulation it looks ahead with [s]; steps of 0.02 are half the work, but a kick falls with them."""
    model_iterations: int = 10
    """Of the contact solver in that simulation."""
    friction: float = 0.8
    """Between soles and floor in that simulation."""
    search: SearchConfig = field(default_factory=SearchConfig)
    """What it tries."""
    noise: float = 0.0375
    """Standard deviation of a correction, as a share of the one that takes a motor to its limit ..."""
    noise_least_rad: float = 0.01
    """... but at least this ..."""
    noise_most_rad: float = 0.09
    """... and at most this [rad]."""
    arm_noise: float = 0.4
    """The same for the arms, as a share of the other joints': they hardly balance."""
    fade: float = 0.7
    """Share of the correction's end that is taken over into the part of the horizon that comes into sight."""
    cost: CostWeights = field(default_factory=CostWeights)
    """What it wants."""
    plant: PlantConfig = field(default_factory=PlantConfig)
    """What it controls."""
    lost_m: float = 0.5
    """A root further than this from where it should be no longer follows [m]."""
    rule: PassRule = field(default_factory=PassRule)
    """When the motion counts as followed."""
    threads: int = 1
    """Threads that simulate; the result does not depend on it."""

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            InvalidArray: A number is outside its range.
        """
        positive = (
            "horizon_s",
            "replan_s",
            "model_step_s",
            "model_iterations",
            "friction",
            "noise",
            "threads",
        )
        check_settings(self, positive=(*positive, "lost_m"))
        KnotSpline(horizon_s=self.horizon_s, knots=self.knots)  # checks them


def follow_best(
    reference: Reference,
    robot: RobotModel,
    config: SamplingConfig | None = None,
    *,
    seeds: tuple[int, ...] = (0, 1),
    target: Reference | Plan | None = None,
    progress: Progress = silent,
) -> T2Result:
    """Follow a motion, with the next seed where the one before fell; returns the first survivor or the longest.

    Args:
        reference: See :func:`follow`.
        robot: The robot.
        config: Settings; defaults when left out.
        seeds: Of the attempts, at least one.
        target: See :func:`follow`.
        progress: See :func:`follow`; starts anew with every attempt.
    """
    attempts: list[T2Result] = []
    for seed in seeds:
        attempts.append(follow(reference, robot, config, seed=seed, target=target, progress=progress))
        if attempts[-1].fell_at_s is None:
            break
    return max(attempts, key=lambda attempt: attempt.survival)


def follow(
    reference: Reference,
    robot: RobotModel,
    config: SamplingConfig | None = None,
    *,
    seed: int = 0,
    target: Reference | Plan | None = None,
    progress: Progress = silent,
) -> T2Result:
    """Let the simulated robot follow a motion without any help at its root.

    The same seed gives the same result on the same machine.

    Args:
        reference: The motion.
        robot: The robot.
        config: Settings; defaults when left out.
        seed: Of the samples.
        target: What is followed in its stead: the same motion repaired until feet can carry it. When left out, that
            is a light plan, see :func:`~pipeline.tracking.levelled.levelled`. The robot begins in its first sample,
            moving as it does.
        progress: Told the number of samples done and expected.
    """
    config = config or SamplingConfig()
    started = process_time()
    if target is None:
        followed = levelled(reference, robot)
    else:
        followed = target if isinstance(target, Reference) else as_reference(target, reference, robot)
    with without_log(), rollout.Rollout(nthread=config.threads if config.threads > 1 else 0) as pool:
        controller = _Controller(robot, followed, config, pool, seed)
        qpos, saturated, fell_at = _drive(controller, robot, followed, config, progress)
    return T2Result(
        reference=reference,
        seed=seed,
        fell_at_s=None if fell_at is None else fell_at / reference.hz,
        qpos=qpos,
        target_qpos=followed.qpos[: len(qpos)],
        saturated=saturated,
        joint_names=robot.joint_names,
        cpu_s=process_time() - started,
        rule=config.rule,
    )


class _Controller:
    """Looks ahead from a state and returns the joint targets until the next look."""

    def __init__(
        self, robot: RobotModel, target: Reference, config: SamplingConfig, pool: rollout.Rollout, seed: int
    ) -> None:
        self.config, self.pool, self.rng = config, pool, np.random.default_rng(seed)
        self.model = plant(robot, timestep_s=config.model_step_s, friction=config.friction)
        self.model.opt.iterations = config.model_iterations
        self.data = [mujoco.MjData(self.model) for _ in range(config.threads)]
        kp, kd = gains(self.model)
        torque = feed_forward(robot, target, config.friction)
        self.targets = target.qpos[:, 7:] + (kd * target.qvel[:, 6:] + torque) / kp
        self.wanted = np.hstack([target.qpos, target.qvel])
        steps = max(round(config.horizon_s / config.model_step_s), 1)
        self.cost = FollowingCost(robot, config.cost, steps)
        self.stride = max(round(config.model_step_s * target.hz), 1)
        self.held = max(round(config.replan_s * target.hz), 1)
        reach = config.noise * self.model.actuator_forcerange[:, 1] / kp
        share = joint_shares(robot, legs=1.0, waist=1.0, arms=config.arm_noise)
        self.noise = share * np.clip(reach, config.noise_least_rad, config.noise_most_rad)
        spline = KnotSpline(horizon_s=config.horizon_s, knots=config.knots)
        self.ahead = spline.basis(np.arange(steps) * config.model_step_s)
        self.now = spline.basis(np.arange(self.held) / target.hz)
        self.shift = spline.shift(self.held / target.hz, config.fade)
        self.mean = np.zeros((config.knots, robot_joints := len(robot.joint_names)))
        self.carried = np.empty((0, config.knots, robot_joints))
        size = mujoco.mj_stateSize(self.model, _STATE)
        self.states = np.empty((config.search.samples, steps, size))

    def plan(self, sample: int, state: Float[np.ndarray, " size"]) -> Float[np.ndarray, "held joints"]:
        """Return the joint targets from a sample of the motion on, given the plant's state."""
        last = len(self.targets) - 1
        steps = sample + self.stride * np.arange(len(self.ahead))
        base = self.targets[np.minimum(steps, last)]
        wanted = self.wanted[np.minimum(steps + self.stride, last)]

        def evaluate(corrections: Float[np.ndarray, "samples knots joints"]) -> Float[np.ndarray, " samples"]:
            initial = np.tile(state, (len(corrections), 1))
            states = self.states[: len(corrections)]
            self.pool.rollout(self.model, self.data, initial, base + self.ahead @ corrections, state=states)
            price = (np.square(corrections / self.noise)).mean(axis=(1, 2))
            return self.cost(states[:, :, 1:], wanted) + self.config.cost.control * price

        best, carried = search(evaluate, self.mean, self.carried, self.noise, self.config.search, self.rng)
        self.mean = self.shift @ best
        self.carried = self.shift @ carried
        return self.targets[np.minimum(sample + np.arange(self.held), last)] + self.now @ best


def _drive(
    controller: _Controller, robot: RobotModel, target: Reference, config: SamplingConfig, progress: Progress
) -> tuple[np.ndarray, np.ndarray, int | None]:
    """Move the plant to the end of the motion or to the first sample at which it lies or is lost."""
    model = plant(
        robot,
        timestep_s=config.plant.step_s,
        friction=config.plant.friction,
        self_collision=config.plant.self_collision,
        mass_scale=config.plant.mass_scale,
    )
    data = mujoco.MjData(model)
    data.qpos[:], data.qvel[:] = target.qpos[0], target.qvel[0]
    substeps = max(round(1 / (target.hz * config.plant.step_s)), 1)
    qpos, saturated = np.empty_like(target.qpos), np.zeros(len(target), dtype=bool)
    qpos[0] = data.qpos
    state = np.empty(mujoco.mj_stateSize(model, _STATE))
    limit = 0.999 * model.actuator_forcerange[:, 1]
    end = len(target) - 1
    for start in range(0, end, controller.held):
        mujoco.mj_getState(model, data, state, _STATE)
        commands = controller.plan(start, state)
        stop = min(start + controller.held, end)
        for i in range(start, stop):
            data.ctrl[:] = commands[i - start]
            mujoco.mj_step(model, data, substeps)
            qpos[i + 1] = data.qpos
            saturated[i + 1] = (np.abs(data.actuator_force) > limit).any()
        rows = slice(start + 1, stop + 1)
        away = np.linalg.norm(qpos[rows, :3] - target.qpos[rows, :3], axis=1)
        bad = fallen(qpos[rows], target.qpos[rows]) | ~(away < config.lost_m)
        if bad.any():
            fell_at = rows.start + int(np.argmax(bad))
            return qpos[:fell_at], saturated[:fell_at], fell_at
        progress(stop, end)
    return qpos, saturated, None
