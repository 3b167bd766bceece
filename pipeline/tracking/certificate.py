"""Turns a robot motion into a certificate that it can be tracked without help, and into the version that was.

A pass certifies that a robot whose soles feel a flat floor, and whose limbs pass through each other, kept its balance
along a plan near the motion; a failure only says that this controller could not, and passes the clip on to a stronger
one. It is no check for faults: a plan repairs what it can, in silence but for the amount, which is measured and
bounded (:mod:`~pipeline.tracking.certificate_rule`).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import mujoco
import numpy as np
from jaxtyping import Float, Int

from pipeline.flight_physics import GRAVITY
from pipeline.tracking.certificate_rule import CertificateRule, Evidence, Repair
from pipeline.tracking.floor_contact import others_on_floor
from pipeline.tracking.plan import Plan, PlanConfig, make_plan
from pipeline.tracking.reference import Reference, ReferenceConfig, reference
from pipeline.tracking.standpoint import Standpoint
from pipeline.tracking.whole_body_qp import WholeBodyQpConfig
from pipeline.tracking.whole_body_run import Run, RunConfig, run_plan
from retarget.progress import Progress, silent
from robots.arrays import check_settings
from robots.model import RobotModel
from robots.motion import RobotMotion

_CERTIFIED = (
    "The simulated robot followed the plan to its end, with no help at its root; its limbs may cross, as only its "
    "soles touch anything."
)


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
    """A part of the robot other than its feet that is lower than this touches the floor [m]; motions that do so in a
    larger share of their frames than the rule allows are outside what this controller knows."""
    rule: CertificateRule = field(default_factory=CertificateRule)
    """When a run to the plan's end certifies the motion."""

    def __post_init__(self) -> None:
        """Check ranges.

        Raises:
            InvalidArray: A number is outside its range.
        """
        check_settings(self, positive=("help_price",))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class T1Result:
    """What came of following a motion without help; series have one value a frame of the motion."""

    certified: bool
    """Whether the robot followed a plan near the motion to its end, nothing helping its root."""
    reason: str
    """One sentence on why, or why not."""
    survival: float
    """Share of the motion that the robot survived."""
    weight: float
    """Of the robot [N]."""
    slack_n: Float[np.ndarray, " frames"]
    """Force on the root that the controller would have needed, or, after a fall, was given in a second run that
    measures it; NaN where neither run came to [N]."""
    root_error: Float[np.ndarray, " frames"]
    """Distance of the simulated root from the plan's; NaN after a fall [m]."""
    joint_error: Float[np.ndarray, " frames"]
    """Root mean square of the joints' distance from the plan; NaN after a fall [rad]."""
    unsolved_share: float
    """Share of the control steps in which the controller found no torques and held the limbs' weight."""
    repair: Repair
    """What the plan moved."""
    planned: RobotMotion | None
    """The plan at the motion's own rate; None where none was made."""
    simulated: RobotMotion | None
    """What the simulated robot did; None where it fell."""

    @property
    def refined(self) -> RobotMotion | None:
        """The physics-refined version: what the robot did on the way to a certificate; None without one."""
        return self.simulated if self.certified else None


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
    weight = float(robot.mj_model().body_mass.sum()) * GRAVITY
    if not ref.contact.any():
        return _without_plan(ref, weight, "No foot ever touches the floor, so that nothing could carry the robot.")
    others = float(others_on_floor(robot, ref.qpos[_frame_samples(ref)], config.other_height).mean())
    if others > config.rule.others_share:
        share = f"{100 * others:.0f} % of the motion"
        return _without_plan(
            ref, weight, f"Hands, knees or trunk touch the floor in {share}; this controller only stands on feet."
        )
    plan = make_plan(robot, ref, config.plan)
    run = run_plan(robot, plan, config.run, progress=progress)
    slack = run.slack if len(run) == len(plan) else _help_needed(robot, plan, config, progress)
    result = _result(robot, ref, plan, run, slack, weight, config)
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
    config: T1Config,
) -> T1Result:
    """Put together what was found."""
    done = len(run)
    ended = done == len(plan)
    off = run.qpos - plan.qpos[:done]
    root_error, joint_error = np.linalg.norm(off[:, :3], axis=1), np.sqrt((off[:, 7:] ** 2).mean(axis=1))
    samples = _frame_samples(ref)
    repair = Repair.of(robot, ref.qpos[samples], plan.qpos[samples])
    objection = f"The simulated robot fell at {done / plan.hz:.2f} s of {len(plan) / plan.hz:.2f} s"
    if ended:
        evidence = Evidence(
            root_error=root_error,
            joint_error=joint_error,
            unsolved_share=run.unsolved_share,
            others_share=float(others_on_floor(robot, run.qpos[samples], config.other_height).mean()),
            repair=repair,
        )
        objection = config.rule.objection(evidence)
    return T1Result(
        certified=not objection,
        reason=f"{objection}; a stronger controller may do it." if objection else _CERTIFIED,
        survival=run.survival,
        weight=weight,
        slack_n=_per_frame(ref, np.linalg.norm(slack[:, :3], axis=1)),
        root_error=_per_frame(ref, root_error),
        joint_error=_per_frame(ref, joint_error),
        unsolved_share=run.unsolved_share,
        repair=repair,
        planned=_as_motion(robot, ref, plan, plan.qpos),
        simulated=_as_motion(robot, ref, plan, run.qpos) if ended else None,
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
        unsolved_share=0.0,
        repair=Repair.none(ref.n_frames),
        planned=None,
        simulated=None,
    )


def _frame_samples(ref: Reference) -> Int[np.ndarray, " frames"]:
    """Samples of the reference nearest to the motion's frames."""
    return np.minimum(np.rint(np.arange(ref.n_frames) / ref.fps * ref.hz).astype(int), len(ref) - 1)


def _per_frame(ref: Reference, series: Float[np.ndarray, " steps"]) -> Float[np.ndarray, " frames"]:
    """Largest values around the motion's frames; NaN beyond the end of the series."""
    whole = np.full(len(ref), np.nan)
    whole[: len(series)] = series
    return ref.per_frame(whole)


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
