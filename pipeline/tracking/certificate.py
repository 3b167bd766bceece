"""Turns a robot motion into a certificate that it can be tracked without help, and into the version that was.

A pass certifies; a failure only says that this controller could not, and passes the clip on to a stronger one. It is
no check for faults: a plan repairs what it can, in silence but for the amount, which is measured.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import mujoco
import numpy as np
from jaxtyping import Bool, Float

from pipeline.measurement import Measurement
from pipeline.tracking.plan import Plan, PlanConfig, make_plan
from pipeline.tracking.reference import Reference, ReferenceConfig, reference
from pipeline.tracking.standpoint import Standpoint
from pipeline.tracking.whole_body_qp import WholeBodyQpConfig
from pipeline.tracking.whole_body_run import Run, RunConfig, run_plan
from retarget.progress import Progress, silent
from retarget.spans import true_runs
from robots.arrays import check_settings
from robots.capsules import robot_capsules
from robots.kinematics import link_poses
from robots.model import RobotModel
from robots.motion import RobotMotion


@dataclass(frozen=True, slots=True, kw_only=True)
class T1Config:
    """How a motion is planned and followed."""

    reference: ReferenceConfig = field(default_factory=ReferenceConfig)
    """How the motion is smoothed and put on the floor."""
    plan: PlanConfig = field(default_factory=PlanConfig)
    """How it is repaired."""
    run: RunConfig = field(default_factory=RunConfig)
    """How the plan is followed."""
    help_price: float = 0.1
    """Price of the root wrench where one is given to a robot that falls without, to measure how much it takes; lower
    than in a run that gets none, so that the robot stays up [1/N^2, 1/(N m)^2]."""
    other_height: float = 0.01
    """A part of the robot other than its feet that is lower than this touches the floor [m] ..."""
    other_share: float = 0.02
    """... and where that holds in more than this share of the motion, it is outside what this controller knows."""

    def __post_init__(self) -> None:
        """Check ranges.

        Raises:
            InvalidArray: A number is outside its range.
        """
        check_settings(self, positive=("help_price",), at_most_one=("other_share",))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Repair:
    """What a plan moves of the grounded motion, one value a frame; zero without a plan."""

    links: Float[np.ndarray, " frames"]
    """Mean distance of the links from where they were [m]."""
    shift: Float[np.ndarray, " frames"]
    """Part of it that moves the body as a whole along the floor: the mean of the links' horizontal ways [m]."""
    posture: Float[np.ndarray, " frames"]
    """Mean distance of the links with that taken off: feet laid flat, swings raised, limbs that balance [m]."""
    ankle: Float[np.ndarray, " frames"]
    """Largest change of an ankle's angle [rad]."""

    @classmethod
    def none(cls, n_frames: int) -> Repair:
        """Return what no plan moves."""
        nothing = np.zeros(n_frames)
        return cls(links=nothing, shift=nothing, posture=nothing, ankle=nothing)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class T1Result:
    """What came of following a motion without help; series have one value a frame of the motion."""

    certified: bool
    """Whether the robot followed the plan to its end, nothing helping its root."""
    reason: str
    """One sentence on why, or why not."""
    survival: float
    """Share of the motion that the robot survived."""
    weight: float
    """Of the robot [N]."""
    slack_n: Float[np.ndarray, " frames"]
    """Force on the root that the controller would have needed (certified), or was given in a second run that measures
    it (not certified); NaN where neither run came to [N]."""
    root_error: Float[np.ndarray, " frames"]
    """Distance of the simulated root from the plan's; NaN after a fall [m]."""
    joint_error: Float[np.ndarray, " frames"]
    """Root mean square of the joints' distance from the plan; NaN after a fall [rad]."""
    repair: Repair
    """What the plan moved."""
    planned: RobotMotion | None
    """The plan at the motion's own rate; None where none was made."""
    simulated: RobotMotion | None
    """What the simulated robot did; None where it fell."""

    @property
    def refined(self) -> RobotMotion | None:
        """The physics-refined version: what the robot did where it stayed up, the plan where it fell."""
        return self.simulated if self.simulated is not None else self.planned

    @property
    def slack_mean_n(self) -> float:
        """Mean root force [N]."""
        return _mean(self.slack_n)

    @property
    def slack_p95_n(self) -> float:
        """Root force exceeded in a twentieth of the frames [N]."""
        known = self.slack_n[np.isfinite(self.slack_n)]
        return float(np.percentile(known, 95)) if len(known) else 0.0


def certify(
    robot: RobotModel, motion: RobotMotion, config: T1Config | None = None, progress: Progress = silent
) -> T1Result:
    """Plan a motion and follow the plan without help.

    Args:
        robot: The robot that the motion is of.
        motion: Motion to track.
        config: Settings; defaults when left out.
        progress: Told the number of control steps done and expected, of the run and, after a fall, of that with help.

    Raises:
        JointsDoNotMatch: The motion moves other joints than the robot has.
        WrongDuration: The motion is too short or too long.
    """
    config = config or T1Config()
    standpoint = Standpoint.of(motion)
    ref = reference(robot, standpoint.leave(motion), config.reference)
    weight = float(robot.mj_model().body_mass.sum()) * 9.81
    if not ref.contact.any():
        return _without_plan(ref, weight, "No foot ever touches the floor, so that nothing could carry the robot.")
    others = others_on_floor(robot, ref, config.other_height)
    if others.mean() > config.other_share:
        share = f"{100 * others.mean():.0f} % of the motion"
        return _without_plan(
            ref, weight, f"Hands, knees or trunk touch the floor in {share}; this controller only stands on feet."
        )
    plan = make_plan(robot, ref, config.plan)
    run = run_plan(robot, plan, config.run, progress=progress)
    certified = len(run) == len(plan)
    slack = run.slack if certified else _help_needed(robot, plan, config, progress)
    result = _result(robot, ref, plan, run, slack, weight, certified)
    return replace(result, planned=standpoint.take(result.planned), simulated=standpoint.take(result.simulated))


def _help_needed(robot: RobotModel, plan: Plan, config: T1Config, progress: Progress) -> Float[np.ndarray, "steps 6"]:
    """Let the robot have the root wrench it asks for, and return it."""
    qp: WholeBodyQpConfig = replace(config.run.qp, slack_price=config.help_price)
    return run_plan(robot, plan, replace(config.run, qp=qp), help_root=True, progress=progress).slack


def _result(
    robot: RobotModel,
    ref: Reference,
    plan: Plan,
    run: Run,
    slack: Float[np.ndarray, "steps 6"],
    weight: float,
    certified: bool,
) -> T1Result:
    """Put together what was found."""
    done, n = len(run), len(plan)
    off = run.qpos - plan.qpos[:done]
    fell_at = done / plan.hz
    return T1Result(
        certified=certified,
        reason=(
            "The simulated robot followed the plan to its end, with no help at its root."
            if certified
            else f"The simulated robot fell at {fell_at:.2f} s of {n / plan.hz:.2f} s; a stronger controller may do it."
        ),
        survival=run.survival,
        weight=weight,
        slack_n=_per_frame(ref, np.linalg.norm(slack[:, :3], axis=1)),
        root_error=_per_frame(ref, np.linalg.norm(off[:, :3], axis=1)),
        joint_error=_per_frame(ref, np.sqrt((off[:, 7:] ** 2).mean(axis=1))),
        repair=_repair(robot, ref, plan),
        planned=_as_motion(robot, ref, plan, plan.qpos),
        simulated=_as_motion(robot, ref, plan, run.qpos) if certified else None,
    )


def _without_plan(ref: Reference, weight: float, reason: str) -> T1Result:
    """Say why nothing was tried."""
    nothing = np.full(ref.n_frames, np.nan)
    return T1Result(
        certified=False,
        reason=reason,
        survival=0.0,
        weight=weight,
        slack_n=nothing,
        root_error=nothing,
        joint_error=nothing,
        repair=Repair.none(ref.n_frames),
        planned=None,
        simulated=None,
    )


def others_on_floor(robot: RobotModel, ref: Reference, height: float) -> Bool[np.ndarray, " frames"]:
    """Frames in which a part of the robot other than the feet is at the floor."""
    capsules = [c for c in robot_capsules(robot) if c.body not in robot.foot_body_names]
    model = robot.mj_model()
    data = mujoco.MjData(model)
    body = np.array([model.body(c.body).id for c in capsules])
    ends_b = np.array([(c.start_b, c.end_b) for c in capsules])
    radius = np.array([c.radius for c in capsules])
    samples = _frame_samples(ref)
    low = np.zeros(len(samples), dtype=bool)
    for frame, sample in enumerate(samples):
        data.qpos[:] = ref.qpos[sample]
        mujoco.mj_kinematics(model, data)
        up = data.xmat[body][:, 6:9]
        z = data.xpos[body, 2] - radius + np.einsum("cej,cj->ce", ends_b, up).min(axis=1)
        low[frame] = z.min() < height
    return low


def _frame_samples(ref: Reference) -> np.ndarray:
    """Samples of the reference nearest to the motion's frames."""
    return np.minimum(np.rint(np.arange(ref.n_frames) / ref.fps * ref.hz).astype(int), len(ref) - 1)


def _per_frame(ref: Reference, series: Float[np.ndarray, " steps"]) -> Float[np.ndarray, " frames"]:
    """Largest values around the motion's frames; NaN beyond the end of the series."""
    whole = np.full(len(ref), np.nan)
    whole[: len(series)] = series
    return ref.per_frame(whole)


def _repair(robot: RobotModel, ref: Reference, plan: Plan) -> Repair:
    """Say what the plan moved."""
    samples = _frame_samples(ref)
    before, after = (link_poses(robot, qpos[samples])[0] for qpos in (ref.qpos, plan.qpos))
    moved = after - before
    along = moved.mean(axis=1, keepdims=True) * [1.0, 1.0, 0.0]
    model = robot.mj_model()
    feet = [model.body(name).id for name in robot.foot_body_names]
    columns = [int(model.jnt_qposadr[model.body_jntadr[b]]) for f in feet for b in (f, model.body_parentid[f])]
    return Repair(
        links=np.linalg.norm(moved, axis=2).mean(axis=1),
        shift=np.linalg.norm(along[:, 0], axis=1),
        posture=np.linalg.norm(moved - along, axis=2).mean(axis=1),
        ankle=np.abs(plan.qpos[samples] - ref.qpos[samples])[:, columns].max(axis=1),
    )


def _as_motion(robot: RobotModel, ref: Reference, plan: Plan, qpos: Float[np.ndarray, "n nq"]) -> RobotMotion:
    """Resample states to the frames of the motion, with the plan's contacts."""
    model = robot.mj_model()
    # The last frame may lie a fraction of a step after the last sample.
    beyond = qpos[-1].copy()
    mujoco.mj_integratePos(model, beyond, plan.qvel[-1], 1.0 / plan.hz)
    beyond[7:] = np.clip(beyond[7:], robot.joint_lower, robot.joint_upper)
    contact = plan.contact.astype(float)
    dense = RobotMotion.from_qpos(
        np.vstack([qpos, beyond]),
        fps=plan.hz,
        joint_names=robot.joint_names,
        foot_contact=np.vstack([contact, contact[-1:]]),
    )
    frames = dense.resampled(ref.fps)
    return RobotMotion.from_qpos(
        frames.qpos[: ref.n_frames],
        fps=ref.fps,
        joint_names=robot.joint_names,
        foot_contact=frames.foot_contact[: ref.n_frames],
    )


def measure_t1(result: T1Result) -> tuple[Measurement, ...]:
    """Measure a certificate: whether it was given, what help was missing, how much had to be repaired."""
    of_weight = result.slack_n / result.weight
    fell = true_runs(np.isnan(result.root_error))
    return (
        Measurement(
            name="t1_certified",
            value=float(result.certified),
            unit="1",
            meaning="Whether the simulated robot followed the planned motion to its end without help (1) or not (0).",
        ),
        Measurement(
            name="t1_survival",
            value=result.survival,
            unit="1",
            meaning="Share of the motion until the simulated robot fell, without help.",
            spans=tuple(fell),
        ),
        _mean_measure(
            "t1_slack_mean",
            of_weight,
            "1",
            "Mean force on the root that feet and motors could not give, as a share of the weight.",
        ),
        _mean_measure(
            "t1_root_error", result.root_error, "m", "Mean distance of the simulated root from the plan, until a fall."
        ),
        *_measure_repair(result.repair),
    )


def _measure_repair(repair: Repair) -> tuple[Measurement, ...]:
    return (
        _mean_measure(
            "t1_repair_mean", repair.links, "m", "Mean distance by which the plan moved the links of the robot."
        ),
        _mean_measure(
            "t1_repair_shift", repair.shift, "m", "Mean distance by which the plan moved the robot along the floor."
        ),
        _mean_measure(
            "t1_repair_posture", repair.posture, "m", "Mean distance by which it moved the links besides that."
        ),
        _mean_measure("t1_repair_ankle", repair.ankle, "rad", "Mean over time of the most that an ankle was turned."),
    )


def _mean_measure(name: str, series: Float[np.ndarray, " frames"], unit: str, meaning: str) -> Measurement:
    return Measurement(name=name, value=_mean(series), unit=unit, meaning=meaning, series=series)


def _mean(series: Float[np.ndarray, " frames"]) -> float:
    """Mean of what is known; zero of nothing."""
    known = series[np.isfinite(series)]
    return float(known.mean()) if len(known) else 0.0
