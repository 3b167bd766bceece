"""Turns a human's poses into a robot's as they come: causal, feet held where they stand, limits kept to the last bit.

A stream and a clip run through the same compiled kernel and give the same bits; see
:mod:`retarget.engine.online_steps` for what is done in a frame.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np
from jaxtyping import Bool, Float

from retarget.body_trajectory import BodyTrajectory
from retarget.causal_contacts import CausalContactConfig, CausalContactParams, CausalContactState, causal_contacts
from retarget.clip_target import FrameTarget
from retarget.correspondence import Correspondence, load_correspondence
from retarget.engine.foot_anchors import AnchorParams, new_anchor_state
from retarget.engine.frame_problem import FrameTask, IkConfig, build_problem, new_workspace
from retarget.engine.frame_solver import cold_start
from retarget.engine.jit import plain
from retarget.engine.online_steps import (
    ASK,
    ASK_AND_FOLLOW,
    CONCLUDE,
    BoxScratch,
    OnlineAnswer,
    OnlineParams,
    OnlineScratch,
    OnlineState,
    TargetScratch,
    run_frames,
)
from retarget.floor_patches import floor_patches
from retarget.rest_pose import RobotRest, robot_rest
from retarget.subject import Subject
from retarget.target_map import target_map
from robots.exceptions import InvalidArray, UnknownName
from robots.motion import RobotMotion

if TYPE_CHECKING:
    from robots.model import RobotModel


@dataclass(frozen=True, slots=True, kw_only=True)
class AnchorConfig:
    """How standing feet are held."""

    weight: float = 3000.0
    """Price of horizontal distance of heel and toe from where they touched down [1/m]."""
    turn_weight: float = 20.0
    """Least price of the angle between a held foot and the human's [1/rad]: else noise of the leg tilts the sole. It is
    the human's tilt that is asked for; no foot is forced flat."""
    rise_s: float = 0.05
    """Time in which the price rises after touch-down [s]."""
    fade_s: float = 0.15
    """Time after lift-off in which the foot returns to where the human asks it to be [s]."""
    reach_m: float = 0.08
    """An anchor is let go if the human's foot leaves it by more than this, or the robot's is torn away [m]."""
    touch_m: float = 0.01
    """Heel or toe of a standing foot is held once it is lower than this [m]."""
    lifted_m: float = 0.02
    """Heel or toe is let go once it is higher than this, as in a foot that rolls over its toe [m]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OnlineConfig:
    """How a stream of human poses becomes a stream of robot poses."""

    correspondence: str = "smpl_to_g1"
    """Name of a table that ships with the product, or path of a TOML file."""
    speed_tier: Literal["soft", "hard"] = "soft"
    """Which of the robot's two joint speed limits to keep."""
    floor: float | None = 0.0
    """Height of the floor in the human's world [m]; None to learn it from the feet, targets are lifted with it."""
    smoothing: float = 0.5
    """Price of a joint away from its reference, times the square root of the time between frames [s^0.5/rad]; calms
    the motion, costs lag. In this unit the lag is a time, whatever the frame rate."""
    carry: float = 0.0
    """Share of a joint's speed with which its reference goes on from the frame before; 0 holds it still."""
    head_start: float = 1.0
    """Share of the velocity of the last frame with which the solver begins; changes the effort, hardly the answer."""
    contact: CausalContactConfig = field(default_factory=CausalContactConfig)
    """When a region bears weight."""
    anchor: AnchorConfig = field(default_factory=AnchorConfig)
    """How standing feet are held."""
    ik: IkConfig = field(default_factory=lambda: IkConfig(max_iterations=10))
    """Prices and effort of a frame. Its ``reference_weight`` is not read: see ``smoothing``."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OnlineFrame:
    """What became of one frame."""

    qpos: Float[np.ndarray, " 7+joints"]
    """Generalised positions in MuJoCo's order: root position [m], root quaternion wxyz, joints [rad]."""
    contact_prob: Float[np.ndarray, " feet"]
    """Probability that each foot bears weight."""
    standing: Bool[np.ndarray, " feet"]
    """Feet that stand."""
    let_go: Bool[np.ndarray, " feet"]
    """Feet that stand, but whose anchor was let go in this frame: the human's foot slid, or the robot cannot reach."""
    pos_residual_m: Float[np.ndarray, " bodies"]
    """Distance of each link's point from where the human asked it to be, before feet were held [m]."""
    rot_residual_rad: Float[np.ndarray, " bodies"]
    """Angle of each link from how the human asked it to be turned [rad]."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OnlineResult:
    """What became of a clip that ran through the online mode."""

    motion: RobotMotion
    """The robot's motion; ``foot_contact`` is 1 where a foot stands."""
    body_names: tuple[str, ...]
    """Human bodies that were followed: the columns of the residuals."""
    contact_prob: Float[np.ndarray, "frames feet"]
    """Probability that each foot bears weight."""
    let_go: Bool[np.ndarray, "frames feet"]
    """See :class:`OnlineFrame`."""
    pos_residual_m: Float[np.ndarray, "frames bodies"]
    """See :class:`OnlineFrame`."""
    rot_residual_rad: Float[np.ndarray, "frames bodies"]
    """See :class:`OnlineFrame`."""


class OnlineRetargeter:
    """Retargets a stream to one robot; it remembers the frames it has seen, so each stream needs its own."""

    def __init__(self, robot: RobotModel, subject: Subject, *, fps: float, config: OnlineConfig | None = None) -> None:
        """Prepare robot and subject once; the first frame then costs no more than solving it.

        The first construction after an installation compiles, which takes about a minute.

        Args:
            robot: Robot description.
            subject: The human's bodies and bones; see :mod:`retarget.subject`.
            fps: Frames that the stream has in a second [1/s].
            config: Settings; defaults when left out.

        Raises:
            InvalidArray: ``fps`` is not a positive number.
            InvalidCorrespondence: The table cannot be read.
            UnknownName: The table names a body, joint or link that human or robot lack.
        """
        if not (np.isfinite(fps) and fps > 0):
            raise InvalidArray("fps", problem=f"must be positive, got {fps}")
        self.robot, self.subject, self.fps, self.config = robot, subject, float(fps), config or OnlineConfig()
        self.correspondence = load_correspondence(self.config.correspondence)
        self._params = _online_params(robot, subject, self.correspondence, self.config)
        self._scratch = _new_scratch(self._params, len(subject.names))
        self._state = self._new_state()
        self._one = self._new_answer(1)
        self._pos, self._quat = np.zeros((1, len(subject.names), 3)), np.zeros((1, len(subject.names), 4))
        self._dt = np.zeros(1)
        self._advance(self._pos[:0], self._quat[:0], np.zeros((0, 0)), self._dt[:0], self._one)  # compiles

    def reset(self) -> None:
        """Forget all frames; the next one is solved from nothing."""
        self._state = self._new_state()

    def step(
        self,
        pos_w: Float[np.ndarray, "bodies 3"],
        quat_wxyz_w: Float[np.ndarray, "bodies 4"],
        contact_prob: Float[np.ndarray, " feet"] | None = None,
        *,
        frames_missed: int = 0,
    ) -> OnlineFrame:
        """Retarget the next frame.

        Args:
            pos_w: Positions of the subject's bodies in the world, z up [m].
            quat_wxyz_w: Their orientations.
            contact_prob: Probability that each foot bears weight, if the estimator tells it; else it is told from
                speed and height.
            frames_missed: Frames of the stream that were lost since the last call. The robot may then move as far as
                its joints get in that time, and speeds of the human are taken over it. After a long gap, call
                :meth:`reset`.

        Returns:
            What became of it; its arrays are the caller's.

        Raises:
            InvalidArray: Something has the wrong shape or holds NaN or infinity. Nothing is remembered of such a frame:
                leave it out, and tell the next call that one was missed.
        """
        n = len(self.subject.names)
        self._pos[0] = _finite("pos_w", pos_w, (n, 3))
        self._quat[0] = _unit("quat_wxyz_w", _finite("quat_wxyz_w", quat_wxyz_w, (n, 4)))
        prob = _NO_PROB if contact_prob is None else self._told(contact_prob)
        if frames_missed < 0:
            raise InvalidArray("frames_missed", problem=f"must not be negative, got {frames_missed}")
        self._dt[0] = (1 + frames_missed) / self.fps
        self._advance(self._pos, self._quat, prob, self._dt, self._one)
        one = self._one
        return OnlineFrame(
            qpos=one.qpos[0].copy(),
            contact_prob=one.contact_prob[0].copy(),
            standing=one.standing[0].copy(),
            let_go=one.let_go[0].copy(),
            pos_residual_m=one.pos_residual[0].copy(),
            rot_residual_rad=one.rot_residual[0].copy(),
        )

    def run(self, trajectory: BodyTrajectory) -> OnlineResult:
        """Retarget a clip from its first frame, as if it came as a stream; the same as repeated :meth:`step`.

        Args:
            trajectory: A motion of the subject, at the stream's frame rate. Contact probabilities are used if it has
                those of all feet; trust is not.

        Raises:
            InvalidArray: The trajectory has another frame rate than the stream.
            UnknownName: It lacks a body of the subject.
        """
        if trajectory.fps != self.fps:
            raise InvalidArray("fps", problem=f"is {trajectory.fps}, but the stream was said to have {self.fps}")
        for name in self.subject.names:
            if name not in trajectory.names:
                raise UnknownName("human body", name, trajectory.names)
        columns = [trajectory.names.index(name) for name in self.subject.names]
        n_frames, feet = len(trajectory), list(self.correspondence.feet)
        prob = np.zeros((n_frames, 0))
        if trajectory.contact_prob is not None and set(feet) <= set(trajectory.contact_regions):
            prob = plain(trajectory.contact_prob[:, [trajectory.contact_regions.index(foot) for foot in feet]])
        answer = self._new_answer(n_frames)
        self.reset()
        self._advance(
            plain(trajectory.pos_w[:, columns]),
            _unit("quat_wxyz_w", trajectory.quat_wxyz_w[:, columns]),
            prob,
            np.full(n_frames, 1 / self.fps),
            answer,
        )
        return OnlineResult(
            motion=RobotMotion.from_qpos(
                answer.qpos,
                fps=self.fps,
                joint_names=self.robot.joint_names,
                foot_contact=answer.standing.astype(float),
            ),
            body_names=tuple(body.human for body in self.correspondence.bodies),
            contact_prob=answer.contact_prob,
            let_go=answer.let_go,
            pos_residual_m=answer.pos_residual,
            rot_residual_rad=answer.rot_residual,
        )

    def _advance(
        self, pos: np.ndarray, quat: np.ndarray, prob: np.ndarray, dt: np.ndarray, answer: OnlineAnswer
    ) -> None:
        """Run the kernel, the first frame of all from a cold start."""
        params, state, scratch = self._params, self._state, self._scratch
        rest = 0
        if len(pos) and not state.contacts.begun[0]:
            rest, first = 1, (pos[:1], quat[:1], prob[:1], dt[:1])
            run_frames(*first, ASK, params, state, scratch, answer)
            asked = scratch.targets
            target = FrameTarget(asked.pos_w, asked.rot_w, asked.position_weight, asked.rotation_weight, asked.planted)
            state.q[:] = cold_start(target, params.problem, scratch.work)[0]
            run_frames(*first, CONCLUDE, params, state, scratch, answer)
        remaining = OnlineAnswer(*(field[rest:] for field in answer)) if rest else answer
        run_frames(pos[rest:], quat[rest:], prob[rest:], dt[rest:], ASK_AND_FOLLOW, params, state, scratch, remaining)

    def _told(self, contact_prob: Float[np.ndarray, " feet"]) -> Float[np.ndarray, "1 feet"]:
        """Check what an estimator tells of the feet."""
        prob = _finite("contact_prob", contact_prob, (len(self.correspondence.feet),))
        if prob.min() < 0.0 or prob.max() > 1.0:
            raise InvalidArray("contact_prob", problem="holds a probability outside [0, 1]")
        return plain(prob)[None]

    def _new_state(self) -> OnlineState:
        """Memory before the first frame."""
        n_feet, n_points = self._params.anchors.point_task.shape
        n_joints = len(self._params.speed_limit)
        return OnlineState(
            q=np.zeros(7 + n_joints),
            velocity=np.zeros(6 + n_joints),
            contacts=_contacts(self.correspondence, self.subject, self.config)[1],
            anchors=new_anchor_state(n_feet, n_points),
        )

    def _new_answer(self, n_frames: int) -> OnlineAnswer:
        """Room for the answers of some frames."""
        n_feet, n_bodies = len(self.correspondence.feet), len(self.correspondence.bodies)
        return OnlineAnswer(
            qpos=np.zeros((n_frames, 7 + len(self._params.speed_limit))),
            contact_prob=np.zeros((n_frames, n_feet)),
            standing=np.zeros((n_frames, n_feet), dtype=bool),
            let_go=np.zeros((n_frames, n_feet), dtype=bool),
            pos_residual=np.zeros((n_frames, n_bodies)),
            rot_residual=np.zeros((n_frames, n_bodies)),
        )


_NO_PROB = np.zeros((1, 0))
"""What is handed on if no estimator tells of contacts."""


def _finite(name: str, value: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Check shape and finiteness; quicker than a copy that is checked."""
    array = np.asarray(value, dtype=np.float64)
    if array.shape != shape:
        raise InvalidArray(name, problem=f"has shape {array.shape}, expected {shape}")
    if not np.isfinite(array).all():
        raise InvalidArray(name, problem="holds NaN or infinity; leave the frame out and say so with frames_missed")
    return array


def _unit(name: str, quat: np.ndarray) -> np.ndarray:
    """Normalise quaternions that are nearly unit."""
    square = (quat * quat).sum(axis=-1)
    if np.abs(square - 1.0).max() > 2e-3:
        worst = float(square.flat[np.abs(square - 1.0).argmax()]) ** 0.5
        raise InvalidArray(name, problem=f"is not made of unit quaternions (a norm of {worst:.4g})")
    return quat / np.sqrt(square)[..., None]


def _contacts(
    correspondence: Correspondence, subject: Subject, config: OnlineConfig
) -> tuple[CausalContactParams, CausalContactState]:
    """Parameters and memory of the contacts of the feet."""
    heights = [subject.ankle_height] * len(correspondence.feet)
    return causal_contacts(heights, config.contact, floor=config.floor)


def _online_params(
    robot: RobotModel, subject: Subject, correspondence: Correspondence, config: OnlineConfig
) -> OnlineParams:
    """Put robot, subject and settings together."""
    model = robot.pin_model()
    rest = robot_rest(model, correspondence)
    anchors, points = _anchors(robot, correspondence, rest, config.anchor)
    tasks = [FrameTask(link, point) for link, point in zip(rest.links, rest.point_b, strict=True)]
    foot = anchors.foot_task[0]
    mapping = target_map(
        correspondence,
        rest,
        subject.bones,
        names=subject.names,
        human_ankle_height=subject.ankle_height,
        robot_ankle_height=float(rest.point_b[foot, 2] - np.asarray(robot.sole_points_b)[:, 2].min()),
    )
    column = {name: i for i, name in enumerate(subject.names)}
    position = np.zeros((len(tasks) + len(points), 3))
    rotation = np.zeros(len(tasks) + len(points))
    position[: len(tasks)] = np.array([body.position_weight for body in correspondence.bodies])[:, None]
    rotation[: len(tasks)] = [body.rotation_weight for body in correspondence.bodies]
    speed = robot.velocity_limit_soft if config.speed_tier == "soft" else robot.velocity_limit
    return OnlineParams(
        problem=build_problem(
            model, [*tasks, *points], floor_patches(correspondence, robot), robot.default_joint_pos, config.ik
        ),
        mapping=mapping._replace(origin=mapping.origin.copy()),
        start_origin=mapping.origin,
        contacts=_contacts(correspondence, subject, config)[0],
        contact_body=np.array([column[human] for human in correspondence.feet.values()]),
        anchors=anchors,
        position_weight=position,
        rotation_weight=rotation,
        reference_weight=np.full(len(speed), config.smoothing),
        speed_limit=np.array(speed),
        carry=float(config.carry),
        head_start=float(config.head_start),
    )


def _anchors(
    robot: RobotModel, correspondence: Correspondence, rest: RobotRest, config: AnchorConfig
) -> tuple[AnchorParams, list[FrameTask]]:
    """Heel and toe of every foot as tasks that follow those of the table."""
    sole = np.asarray(robot.sole_points_b)
    ends = np.array([[sole[:, 0].min(), 0.0, sole[:, 2].min()], [sole[:, 0].max(), 0.0, sole[:, 2].min()]])
    feet = np.array([correspondence.index(human) for human in correspondence.feet.values()])
    points = [FrameTask(rest.links[foot], end) for foot in feet for end in ends]
    n_tasks, n_feet = len(correspondence.bodies), len(feet)
    return AnchorParams(
        foot_task=feet,
        region=np.arange(n_feet),
        patch=np.arange(n_feet),
        point_task=n_tasks + np.arange(n_feet * len(ends)).reshape(n_feet, len(ends)),
        lever=ends[None] - rest.point_b[feet][:, None],
        weight=float(config.weight),
        turn_weight=float(config.turn_weight),
        rise_s=float(config.rise_s),
        fade_s=float(config.fade_s),
        reach_m=float(config.reach_m),
        touch_m=float(config.touch_m),
        lifted_m=float(config.lifted_m),
    ), points


def _new_scratch(params: OnlineParams, n_bodies: int) -> OnlineScratch:
    """Memory that nothing is remembered in."""
    n_tasks, n_joints, n_regions = len(params.rotation_weight), len(params.speed_limit), len(params.contact_body)
    return OnlineScratch(
        work=new_workspace(params.problem),
        targets=TargetScratch(
            human_rot=np.zeros((n_bodies, 3, 3)),
            contact_point=np.zeros((n_regions, 3)),
            told=np.zeros(n_regions, dtype=bool),
            pos_w=np.zeros((n_tasks, 3)),
            rot_w=np.zeros((n_tasks, 3, 3)),
            asked_pos=np.zeros((n_tasks, 3)),
            asked_rot=np.zeros((n_tasks, 3, 3)),
            position_weight=np.zeros((n_tasks, 3)),
            rotation_weight=np.zeros(n_tasks),
            planted=np.zeros(len(params.problem.patch_body), dtype=bool),
        ),
        box=BoxScratch(
            before=np.zeros(7 + n_joints),
            step=np.zeros(6 + n_joints),
            lower=np.zeros(n_joints),
            upper=np.zeros(n_joints),
            reference=np.zeros(n_joints),
            reference_weight=np.zeros(n_joints),
        ),
    )
