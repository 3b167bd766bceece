"""Turns a reference and its torques into how much help at the root the simulated robot needs to follow it.

Position loops with feed-forward alone never hold a humanoid up for more than a second or two, whatever the motion.
A spring at the pelvis whose force is capped stands for the balance that a trained policy would add; the smallest cap
that survives measures how far the motion is from being physical.
"""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass
from itertools import pairwise
from math import acos, hypot, sqrt

import mujoco
import numpy as np
from jaxtyping import Bool, Float
from scipy.ndimage import maximum_filter1d

from pipeline.tracking.plant import SOLE_ON_FLOOR, fallen, gains, sole_geoms, without_log
from pipeline.tracking.reference import Reference
from robots.arrays import check_settings
from robots.exceptions import InvalidArray

UNCAPPED = float("inf")
"""Cap of a root spring that may pull as hard as it likes."""

_Six = tuple[float, float, float, float, float, float]

_BLOCK = 50
"""Samples between two looks at whether the robot has fallen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AssistConfig:
    """The spring between the pelvis and where it should be, and how its smallest cap is searched."""

    spring: float = 1500.0
    """Force per metre [N/m]."""
    damper: float = 150.0
    """Force per speed [N s/m]."""
    turn_spring: float = 150.0
    """Moment per angle [N m/rad]."""
    turn_damper: float = 15.0
    """Moment per angular speed [N m s/rad]."""
    moment_arm: float = 0.306
    """The moment is capped at this times the force's cap [m]: 0.3 of the G1's weight go with 30 N m."""
    caps: tuple[float, ...] = (0.0, 0.1, 0.2, 0.3, 0.45, 0.6)
    """Ladder of caps that are all tried, ascending [share of the weight]; the first is zero, open loop."""
    resolution: float = 0.01
    """The smallest cap is found to this [share of the weight]."""
    worst_cap: float = 2.0
    """What a motion counts that needs more than this, or that not even the uncapped spring brings to its end."""
    swing_touches: bool = False
    """Whether a foot that the reference swings can touch the floor. Position loops lag by more than the centimetre or
    two by which a walker lifts its toes; the toe stubs and the help carries the robot from then on (0.75 of the weight
    instead of 0.15), which says nothing of the motion: any policy lifts the foot a little higher."""
    touch_margin_s: float = 0.03
    """A foot may touch so long before and after the reference has it carry [s]."""
    lost_m: float = 0.5
    """A pelvis further than this from where it should be no longer follows [m]."""

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            InvalidArray: A number is outside its range, or the caps do not ascend from zero.
        """
        check_settings(self, positive=("resolution", "worst_cap", "lost_m", "moment_arm"))
        if self.caps[:1] != (0.0,) or any(above <= below for below, above in pairwise(self.caps)):
            raise InvalidArray("caps", problem=f"must ascend from 0, got {self.caps}; 0 is the run without help")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AssistedRun:
    """One simulation under one cap, sample by sample; NaN after a fall."""

    cap: float
    """Largest force at the root [share of the weight]."""
    fell_at: int | None
    """First sample at which the robot lay or was lost; None if it came to the end."""
    force: Float[np.ndarray, " n"]
    """Force at the root [N]."""
    moment: Float[np.ndarray, " n"]
    """Moment at the root [N m]."""
    root_error: Float[np.ndarray, " n"]
    """Distance of the pelvis from where it should be [m]."""
    joint_error: Float[np.ndarray, " n"]
    """Root mean square over the joints of their errors [rad]."""
    effort: Float[np.ndarray, " n"]
    """Largest motor torque, as a share of that motor's limit."""

    @property
    def survival(self) -> float:
        """Share of the motion before the fall."""
        return 1.0 if self.fell_at is None else self.fell_at / len(self.force)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CapSearch:
    """How much help a motion needs."""

    smallest: float
    """Smallest cap that survives, as do all larger ones on the ladder [share of the weight]."""
    open_loop: AssistedRun
    """The run without help."""
    uncapped: AssistedRun
    """The run with all the help it wanted."""
    last_fall: AssistedRun | None
    """The run that fell with the largest cap; None if even the open loop survives."""
    survival: tuple[tuple[float, float], ...]
    """Every cap that was tried and its share of the motion before the fall, ascending."""


def smallest_cap(
    model: mujoco.MjModel, reference: Reference, torque: Float[np.ndarray, "n joints"], config: AssistConfig
) -> CapSearch:
    """Find the smallest cap of the root's help under which the robot follows a motion to its end.

    Survival need not grow with the cap: a fall may go well by chance. So all caps of the ladder are tried, and the
    answer is the lowest one from which on everything above survives; between it and the failure below, bisection
    refines it to ``resolution``, taking survival as ordered within this one rung. Above the ladder, the help that the
    uncapped run asked for at its worst is a cap that survives, and the upper end of the bisection.

    Args:
        model: The plant, see :func:`pipeline.tracking.plant.plant`.
        reference: What to follow.
        torque: Feed-forward of the joints [N m].
        config: Spring and caps.
    """
    runs = {cap: follow(model, reference, torque, cap, config) for cap in (*config.caps, UNCAPPED)}
    if runs[UNCAPPED].fell_at is not None:
        smallest = config.worst_cap
    else:
        rungs = [cap for cap, run in runs.items() if run.fell_at is not None]
        low = max(rungs, default=-config.resolution)
        above = [cap for cap in (*config.caps, _demand(model, runs[UNCAPPED], config)) if cap > low]
        smallest = min([*above, config.worst_cap])
        while rungs and smallest - low > config.resolution:
            middle = (low + smallest) / 2
            runs[middle] = follow(model, reference, torque, middle, config)
            low, smallest = (low, middle) if runs[middle].fell_at is None else (middle, smallest)
    falls = [cap for cap, run in runs.items() if run.fell_at is not None]
    return CapSearch(
        smallest=smallest,
        open_loop=runs[config.caps[0]],
        uncapped=runs[UNCAPPED],
        last_fall=runs[max(falls)] if falls else None,
        survival=tuple((cap, runs[cap].survival) for cap in sorted(runs)),
    )


def _demand(model: mujoco.MjModel, run: AssistedRun, config: AssistConfig) -> float:
    """Return the cap that would not have changed a run [share of the weight]."""
    weight = body_weight(model)
    return float(max(np.nanmax(run.force), np.nanmax(run.moment) / config.moment_arm)) / weight


def body_weight(model: mujoco.MjModel) -> float:
    """Return the weight of the robot [N]."""
    return float(model.body_mass.sum() * np.linalg.norm(model.opt.gravity))


@without_log()
def follow(
    model: mujoco.MjModel,
    reference: Reference,
    torque: Float[np.ndarray, "n joints"],
    cap: float,
    config: AssistConfig,
) -> AssistedRun:
    """Simulate the robot following a motion from its first sample on, helped at the root up to a cap.

    Args:
        model: The plant; its time step divides the control period.
        reference: What to follow.
        torque: Feed-forward of the joints [N m].
        cap: Largest force at the root [share of the weight].
        config: The spring.
    """
    kp, kd = gains(model)
    targets = reference.qpos[:, 7:] + (kd * reference.qvel[:, 6:] + torque) / kp
    simulation = _Simulation(model, reference, targets, cap * body_weight(model), config)
    fell_at = None
    for start in range(0, len(reference) - 1, _BLOCK):
        rows = slice(start + 1, min(start + _BLOCK, len(reference) - 1) + 1)
        simulation.advance(rows.start - 1, rows.stop - 1)
        reached, wanted = simulation.qpos[rows], reference.qpos[rows]
        lost = np.linalg.norm(reached[:, :3] - wanted[:, :3], axis=1)
        bad = fallen(reached, wanted, drop_m=config.lost_m) | ~(lost < config.lost_m)
        if bad.any():
            fell_at = rows.start + int(np.argmax(bad))
            break
    return simulation.run(cap, fell_at)


class _Simulation:
    """A plant at work, with what it did so far."""

    def __init__(
        self,
        model: mujoco.MjModel,
        reference: Reference,
        targets: Float[np.ndarray, "n joints"],
        force_cap: float,
        config: AssistConfig,
    ) -> None:
        """Put the robot at the first sample, moving as the reference does."""
        self.model = copy(model)  # its damping changes with every step
        self.reference, self.targets, self.config = reference, targets, config
        self.force_cap = force_cap
        self.moment_cap = force_cap * config.moment_arm
        self.steps = max(round(1 / (reference.hz * model.opt.timestep)), 1)
        self.data = mujoco.MjData(self.model)
        self.data.qpos[:], self.data.qvel[:] = reference.qpos[0], reference.qvel[0]
        self.root = np.hstack([reference.qpos[:, :7], reference.qvel[:, :6]]).tolist()
        self.qpos = np.full(reference.qpos.shape, np.nan)
        self.qpos[0] = reference.qpos[0]
        self.touching = self._touching().tolist()
        self.soles = sole_geoms(model)
        self.help = np.zeros((len(reference), 2))
        self.motor = np.zeros((len(reference), model.nu))

    def advance(self, start: int, stop: int) -> None:
        """Simulate from one sample to another."""
        data, root_qpos, root_qvel = self.data, self.data.qpos[:7], self.data.qvel[:6]
        applied, damping = self.data.qfrc_applied[:6], self.model.dof_damping[:6]
        for i in range(start, stop):
            data.ctrl[:] = self.targets[i]
            if i == 0 or self.touching[i] != self.touching[i - 1]:
                self._set_touching(self.touching[i])
            pull, drag, self.help[i] = self._wrench(root_qpos.tolist() + root_qvel.tolist(), self.root[i])
            applied[:], damping[:] = pull, drag
            mujoco.mj_step(self.model, data, self.steps)
            self.qpos[i + 1] = data.qpos
            self.motor[i] = data.actuator_force
        self.help[stop], self.motor[stop] = self.help[stop - 1], self.motor[stop - 1]

    def _touching(self) -> Bool[np.ndarray, "n 2"]:
        """Say when each foot may touch the floor."""
        if self.config.swing_touches:
            return np.ones((len(self.reference), 2), dtype=bool)
        reach = round(self.config.touch_margin_s * self.reference.hz)
        return maximum_filter1d(self.reference.contact, 2 * reach + 1, axis=0)

    def _set_touching(self, touching: list[bool]) -> None:
        """Let the floor feel a foot, or not."""
        for soles, touches in zip(self.soles, touching, strict=True):
            self.model.geom_contype[soles] = SOLE_ON_FLOOR if touches else 0

    def _wrench(self, state: list[float], wanted: list[float]) -> tuple[_Six, _Six, tuple[float, float]]:
        """Return the help at the root without its drag on the root's own speed, that drag, and its norms with it.

        The drag is left to MuJoCo, whose integrator takes it implicitly: the pelvis alone is so light that an
        explicit damper would shake it to pieces. Plain numbers: for a handful of them NumPy would cost more than the
        simulation itself.
        """
        config = self.config
        x, y, z, w, i, j, k, vx, vy, vz, p, q, r = state
        x0, y0, z0, w0, i0, j0, k0, vx0, vy0, vz0, p0, q0, r0 = wanted
        fx = config.spring * (x0 - x) + config.damper * vx0
        fy = config.spring * (y0 - y) + config.damper * vy0
        fz = config.spring * (z0 - z) + config.damper * vz0
        # The turn from the root to where it should be, conj(q) q0, in the root's own axes.
        a = w * w0 + i * i0 + j * j0 + k * k0
        b = w * i0 - i * w0 - j * k0 + k * j0
        c = w * j0 - j * w0 - k * i0 + i * k0
        d = w * k0 - k * w0 - i * j0 + j * i0
        if a < 0.0:
            a, b, c, d = -a, -b, -c, -d
        sine = sqrt(b * b + c * c + d * d)
        turn = config.turn_spring * (2.0 * acos(min(a, 1.0)) / sine if sine > 1e-9 else 2.0)
        # The wanted spin comes in the wanted axes: turn it by the same rotation, v + 2 u x (u x v + a v).
        ex, ey, ez = c * r0 - d * q0 + a * p0, d * p0 - b * r0 + a * q0, b * q0 - c * p0 + a * r0
        mx = turn * b + config.turn_damper * (p0 + 2.0 * (c * ez - d * ey))
        my = turn * c + config.turn_damper * (q0 + 2.0 * (d * ex - b * ez))
        mz = turn * d + config.turn_damper * (r0 + 2.0 * (b * ey - c * ex))
        force = hypot(fx - config.damper * vx, fy - config.damper * vy, fz - config.damper * vz)
        moment = hypot(mx - config.turn_damper * p, my - config.turn_damper * q, mz - config.turn_damper * r)
        less = min(1.0, self.force_cap / force) if force > 0.0 else 1.0
        less_turn = min(1.0, self.moment_cap / moment) if moment > 0.0 else 1.0
        drag, drag_turn = less * config.damper, less_turn * config.turn_damper
        return (
            (less * fx, less * fy, less * fz, less_turn * mx, less_turn * my, less_turn * mz),
            (drag, drag, drag, drag_turn, drag_turn, drag_turn),
            (less * force, less_turn * moment),
        )

    def run(self, cap: float, fell_at: int | None) -> AssistedRun:
        """Return what happened up to a fall."""
        end = len(self.reference) if fell_at is None else fell_at
        error = self.qpos[:end] - self.reference.qpos[:end]
        effort = np.abs(self.motor[:end]) / self.model.actuator_forcerange[:, 1]
        return AssistedRun(
            cap=cap,
            fell_at=fell_at,
            force=self._padded(self.help[:end, 0]),
            moment=self._padded(self.help[:end, 1]),
            root_error=self._padded(np.linalg.norm(error[:, :3], axis=1)),
            joint_error=self._padded(np.sqrt((error[:, 7:] ** 2).mean(axis=1))),
            effort=self._padded(effort.max(axis=1)),
        )

    def _padded(self, series: Float[np.ndarray, " part"]) -> Float[np.ndarray, " n"]:
        return np.pad(series, (0, len(self.reference) - len(series)), constant_values=np.nan)
