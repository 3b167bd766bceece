"""Turns a human's poses into configurations of the robot, frame by frame as they come, compiled.

One kernel serves a stream (one frame a call) and a clip (all frames in one call), so that both give the same bits. It
allocates nothing: what it remembers is in :class:`OnlineState`, what it scribbles on in :class:`OnlineScratch`. The
first frame is asked and concluded alike, and solved by a cold start in between.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from retarget.causal_contacts import CausalContactParams, CausalContactState, update_contacts
from retarget.clip_target import FrameTarget
from retarget.engine.foot_anchors import AnchorParams, AnchorState, lead_feet, take_hold
from retarget.engine.frame_problem import FrameProblem, Workspace
from retarget.engine.frame_solver import solve_frame
from retarget.engine.jit import compiled
from retarget.engine.quadratic import carried, place_bodies
from retarget.target_map import TargetMap, map_frame, matrices_from_quats

_INSIDE = 1.0 - 1e-12
"""Share of the reach of a joint that is used: rounding of differences must not pass the limit."""


class OnlineParams(NamedTuple):
    """What does not change from frame to frame."""

    problem: FrameProblem
    """Tasks of the table, then the anchor points of the feet; floor patches of the soles first."""
    mapping: TargetMap
    """The human's poses to the table's targets. Its ``origin`` is set anew at a first frame."""
    start_origin: Float[np.ndarray, "tasks 3"]
    """``origin`` of a human that begins at x = y = 0 [m]."""
    contacts: CausalContactParams
    """When a region bears weight."""
    contact_body: Int[np.ndarray, " regions"]
    """Human body whose point tells of each region."""
    anchors: AnchorParams
    """How standing feet are held."""
    position_weight: Float[np.ndarray, "tasks 3"]
    """Prices along world axes before any foot is held [1/m]."""
    rotation_weight: Float[np.ndarray, " tasks"]
    """Prices of angles [1/rad]."""
    reference_weight: Float[np.ndarray, " joints"]
    """Price of each joint away from its reference, times the square root of the time between frames [s^0.5/rad]."""
    speed_limit: Float[np.ndarray, " joints"]
    """[rad/s]"""
    carry: float
    """Share of the speed of the last frame with which the reference goes on."""
    about_start: bool
    """Whether the human's world shrinks about where the human begins, not about x = y = 0."""


class OnlineState(NamedTuple):
    """What is remembered between frames."""

    q: Float[np.ndarray, " nq"]
    """Answer of the last frame."""
    velocity: Float[np.ndarray, " joints"]
    """Joint speeds that led to it [rad/s]."""
    contacts: CausalContactState
    anchors: AnchorState


class OnlineScratch(NamedTuple):
    """Memory that nothing is remembered in."""

    work: Workspace
    human_rot: Float[np.ndarray, "bodies 3 3"]
    contact_point: Float[np.ndarray, "regions 3"]
    told: Bool[np.ndarray, " regions"]
    pos_w: Float[np.ndarray, "tasks 3"]
    rot_w: Float[np.ndarray, "tasks 3 3"]
    asked_pos: Float[np.ndarray, "tasks 3"]
    """Target points before feet were held [m]."""
    asked_rot: Float[np.ndarray, "tasks 3 3"]
    """Target orientations before feet were held."""
    position_weight: Float[np.ndarray, "tasks 3"]
    planted: Bool[np.ndarray, " patches"]
    lower: Float[np.ndarray, " joints"]
    upper: Float[np.ndarray, " joints"]
    reference: Float[np.ndarray, " joints"]
    reference_weight: Float[np.ndarray, " joints"]


class OnlineAnswer(NamedTuple):
    """Answers of one frame or many."""

    qpos: Float[np.ndarray, "frames nq"]
    """Generalised positions, quaternion wxyz."""
    contact_prob: Float[np.ndarray, "frames regions"]
    """Probability that a region bears weight."""
    standing: Bool[np.ndarray, "frames regions"]
    """Regions that bear weight."""
    let_go: Bool[np.ndarray, "frames feet"]
    """Feet that bear weight, but whose anchor was let go in this frame."""
    pos_residual: Float[np.ndarray, "frames bodies"]
    """Distance of each tracked point from where the human asked it to be [m]."""
    rot_residual: Float[np.ndarray, "frames bodies"]
    """Angle of each link from how the human asked it to be turned [rad]."""


@compiled
def run_frames(pos, quat_wxyz, prob, dt, params, state, scratch, answer):  # noqa: ANN001, ANN201
    """Retarget frames that have one before them, one after the other; each sees only those before it.

    Args:
        pos: Positions of the human's bodies (frames, bodies, 3) [m].
        quat_wxyz: Their orientations (frames, bodies, 4).
        prob: Probability that regions bear weight (frames, regions), told by an estimator; (frames, 0) if not told.
        dt: Time since the frame before (frames) [s].
        params: An :class:`OnlineParams`.
        state: An :class:`OnlineState`, changed in place.
        scratch: An :class:`OnlineScratch`.
        answer: An :class:`OnlineAnswer`, filled.
    """
    for frame in range(len(pos)):
        ask(pos[frame], quat_wxyz[frame], prob[frame], dt[frame], params, state, scratch)
        _follow(dt[frame], params, state, scratch)
        conclude(frame, params, state, scratch, answer)


@compiled
def ask(pos, quat_wxyz, prob, dt, params, state, scratch):  # noqa: ANN001, ANN201
    """Turn one frame of the human into targets in which standing feet stay."""
    if not state.contacts.begun[0]:
        _begin_world(pos, params)
    _tell_contacts(pos, prob, dt, params, state, scratch)
    _set_targets(pos, quat_wxyz, params, state, scratch)
    lead_feet(
        dt,
        state.contacts.standing,
        params.anchors,
        state.anchors,
        scratch.pos_w,
        scratch.rot_w,
        scratch.position_weight,
        scratch.planted,
    )


@compiled
def conclude(frame, params, state, scratch, answer):  # noqa: ANN001, ANN201
    """Take hold of feet that have touched down, now that ``state.q`` is known, and write the answers of a frame."""
    tree, work = params.problem.tree, scratch.work
    place_bodies(state.q, tree, work.rot, work.pos, work.axes)
    take_hold(state.q, state.contacts.standing, params.problem, work, params.anchors, state.anchors)
    _report(frame, params, state, scratch, answer)


@compiled
def _begin_world(pos, params):  # noqa: ANN001, ANN202
    """Fix the place about which the human's world shrinks."""
    mapping = params.mapping
    for task in range(len(mapping.ratio)):
        for axis in range(3):
            mapping.origin[task, axis] = params.start_origin[task, axis]
        if params.about_start and mapping.base[task] < 0:
            for axis in range(2):
                start = pos[mapping.point_body[mapping.point_start[0]], axis]
                mapping.origin[task, axis] += (1.0 - mapping.ratio[task]) * start


@compiled
def _tell_contacts(pos, prob, dt, params, state, scratch):  # noqa: ANN001, ANN202
    """Tell what bears weight: by the estimator's word where it gives it, else from speed and height."""
    told = len(prob)
    for region in range(len(params.contact_body)):
        for axis in range(3):
            scratch.contact_point[region, axis] = pos[params.contact_body[region], axis]
    begun = state.contacts.begun[0]
    for region in range(told):
        was = state.contacts.standing[region] if begun else prob[region] > 0.5
        bar = params.contacts.end_probability if was else params.contacts.begin_probability
        scratch.told[region] = prob[region] > bar
    update_contacts(scratch.contact_point, dt, params.contacts, state.contacts)
    for region in range(told):
        state.contacts.prob[region] = prob[region]
        state.contacts.standing[region] = scratch.told[region]


@compiled
def _set_targets(pos, quat_wxyz, params, state, scratch):  # noqa: ANN001, ANN202
    """Map the human's poses onto targets at the table's prices."""
    matrices_from_quats(quat_wxyz, scratch.human_rot)
    map_frame(params.mapping, pos, scratch.human_rot, scratch.pos_w, scratch.rot_w)
    floor = params.mapping.ratio[0] * state.contacts.floor[0]
    for task in range(len(params.mapping.ratio)):
        scratch.pos_w[task, 2] -= floor
        for axis in range(3):
            scratch.asked_pos[task, axis] = scratch.pos_w[task, axis]
            for column in range(3):
                scratch.asked_rot[task, axis, column] = scratch.rot_w[task, axis, column]
    for task in range(len(scratch.position_weight)):
        for axis in range(3):
            scratch.position_weight[task, axis] = params.position_weight[task, axis]
    scratch.planted[:] = False


@compiled
def _follow(dt, params, state, scratch):  # noqa: ANN001, ANN202
    """Solve a frame that has one before it, no joint moving faster than it may."""
    tree = params.problem.tree
    for joint in range(len(params.speed_limit)):
        angle = state.q[7 + joint]
        reach = params.speed_limit[joint] * dt * _INSIDE
        scratch.lower[joint] = max(tree.joint_lower[joint], angle - reach)
        scratch.upper[joint] = min(tree.joint_upper[joint], angle + reach)
        ahead = angle + params.carry * state.velocity[joint] * dt
        scratch.reference[joint] = min(max(ahead, scratch.lower[joint]), scratch.upper[joint])
        scratch.reference_weight[joint] = params.reference_weight[joint] / np.sqrt(dt)
        state.velocity[joint] = angle  # kept here until the new angle is known
    solve_frame(
        state.q,
        scratch.lower,
        scratch.upper,
        scratch.reference,
        scratch.reference_weight,
        FrameTarget(scratch.pos_w, scratch.rot_w, scratch.position_weight, params.rotation_weight, scratch.planted),
        params.problem,
        params.problem.max_iterations,
        scratch.work,
    )
    for joint in range(len(params.speed_limit)):
        state.velocity[joint] = (state.q[7 + joint] - state.velocity[joint]) / dt


@compiled
def _report(frame, params, state, scratch, answer):  # noqa: ANN001, ANN202
    """Write the answers of a frame."""
    q, work = state.q, scratch.work
    for i in range(len(q)):
        answer.qpos[frame, i] = q[i]
    answer.qpos[frame, 3] = q[6]
    for i in range(3):
        answer.qpos[frame, 4 + i] = q[3 + i]
    for region in range(len(state.contacts.prob)):
        answer.contact_prob[frame, region] = state.contacts.prob[region]
        answer.standing[frame, region] = state.contacts.standing[region]
    for foot in range(len(state.anchors.let_go)):
        answer.let_go[frame, foot] = state.anchors.let_go[foot]
    problem = params.problem
    for task in range(answer.pos_residual.shape[1]):
        body = problem.task_body[task]
        x, y, z = carried(work.rot, work.pos, body, problem.task_point[task])
        x, y, z = (
            q[0] + x - scratch.asked_pos[task, 0],
            q[1] + y - scratch.asked_pos[task, 1],
            q[2] + z - scratch.asked_pos[task, 2],
        )
        answer.pos_residual[frame, task] = np.sqrt(x * x + y * y + z * z)
        answer.rot_residual[frame, task] = _angle(work.rot[body], problem.task_rot[task], scratch.asked_rot[task])


@compiled
def _angle(body, link, asked):  # noqa: ANN001, ANN202
    """Return the angle between ``body link`` and ``asked``, accurate near zero: from ``|A - B|^2 = 8 sin^2(a / 2)``."""
    square = 0.0
    for i in range(3):
        for j in range(3):
            d = body[i, 0] * link[0, j] + body[i, 1] * link[1, j] + body[i, 2] * link[2, j] - asked[i, j]
            square += d * d
    return 2.0 * np.arcsin(min(np.sqrt(square / 8.0), 1.0))
