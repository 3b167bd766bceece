"""Turns a human's poses into a robot's as they come: causal, feet held where they stand, limits kept to the last bit.

A stream and a clip run through the same compiled kernel and give the same bits; see
:mod:`retarget.engine.online_steps` for what is done in a frame.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Bool, Float

from retarget.body_trajectory import BodyTrajectory
from retarget.clip_target import FrameTarget
from retarget.correspondence import load_correspondence
from retarget.engine.foot_anchors import new_anchor_state
from retarget.engine.frame_solver import cold_start
from retarget.engine.jit import plain
from retarget.engine.online_steps import (
    ASK,
    ASK_AND_FOLLOW,
    CONCLUDE,
    OnlineAnswer,
    OnlineState,
    run_frames,
)
from retarget.exceptions import SubjectOfAnotherTable
from retarget.human_checks import check_ankle_height, check_legs, check_speed
from retarget.online_setup import AnchorConfig, OnlineConfig, contacts_of, new_scratch, online_params
from retarget.subject import Subject
from robots.exceptions import InvalidArray, UnknownName
from robots.motion import RobotMotion

if TYPE_CHECKING:
    from robots.model import RobotModel


__all__ = ["AnchorConfig", "OnlineConfig", "OnlineFrame", "OnlineResult", "OnlineRetargeter"]


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

        The first construction after an installation compiles, which takes about twenty seconds.

        Args:
            robot: Robot description.
            subject: The human's bodies and bones; see :mod:`retarget.subject`.
            fps: Frames that the stream has in a second [1/s].
            config: Settings; defaults when left out.

        Raises:
            InvalidArray: ``fps`` is not a positive number, or the subject's ankle is nowhere near a known floor.
            ImplausibleLegLength: The subject is far from a person's size.
            InvalidCorrespondence: The table cannot be read.
            SubjectOfAnotherTable: The subject was measured for another table, or for a robot with other joints.
            UnknownName: The table names a body, joint or link that human or robot lack.
        """
        if not (np.isfinite(fps) and fps > 0):
            raise InvalidArray("fps", problem=f"must be positive, got {fps}")
        self.robot, self.subject, self.fps, self.config = robot, subject, float(fps), config or OnlineConfig()
        self.correspondence = load_correspondence(self.config.correspondence).on_robot(robot.body_names)
        if subject.points != self.correspondence.human_points:
            raise SubjectOfAnotherTable(self.correspondence.name, robot.name)
        check_legs(subject.bones.rest_pos, self.correspondence)
        if self.config.floor is not None:  # else only differences between feet count
            check_ankle_height(subject.ankle_height)
        self._params = online_params(robot, subject, self.correspondence, self.config)
        self._scratch = new_scratch(self._params, len(subject.names))
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

        One frame does not tell whether its axes, unit and rate are a person's: :func:`subject_from_motion` and
        :meth:`run` do, on a piece of the stream.

        Args:
            pos_w: Positions of the subject's bodies in the world, z up [m].
            quat_wxyz_w: Their orientations.
            contact_prob: Probability that each foot bears weight, if the estimator tells it; else it is told from
                speed and height.
            frames_missed: Frames of the stream that were lost since the last call. The robot may then move as far as
                its joints get in that time, and speeds of the human are taken over it. After a long gap
                :meth:`reset` is better: joints that are far from where they should be take some frames to get there.

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

        What was remembered before is forgotten first. What is remembered afterwards is the clip's end: a :meth:`step`
        goes on from there, and after :meth:`reset` begins anew.

        Args:
            trajectory: A motion of the subject, at the stream's frame rate. Contact probabilities are used if it has
                those of all feet; trust is not.

        Raises:
            InvalidArray: The trajectory has another frame rate than the stream.
            ImplausibleSpeed: The human outruns everybody.
            UnknownName: It lacks a body of the subject.
        """
        if trajectory.fps != self.fps:
            raise InvalidArray("fps", problem=f"is {trajectory.fps}, but the stream was said to have {self.fps}")
        for name in self.subject.names:
            if name not in trajectory.names:
                raise UnknownName("human body", name, trajectory.names)
        root = [trajectory.names.index(name) for name in self.subject.points[0]]
        check_speed(trajectory.pos_w[:, root].mean(axis=1, keepdims=True), self.fps)
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
            contacts=contacts_of(self.correspondence, self.subject, self.config)[1],
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
    return plain(quat / np.sqrt(square)[..., None])  # the quotient keeps the order of memory, also an odd one
