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
from retarget.engine.jit import compiled, piece
from retarget.engine.quadratic import carried, integrate, place_base, place_bodies
from retarget.target_map import TargetMap, map_frame, matrices_from_quats

_INSIDE = 1.0 - 1e-12
"""Share of the reach of a joint that is used: rounding of differences must not pass the limit."""

_HEAD_START_S = 0.1
"""Longest time that a velocity is trusted for [s]: after a gap it would throw the robot out of the solver's reach."""

_FAR_M, _FAR_TURNED = 0.5, 2.0
"""Distance [m] and angle [rad] from which on the base is set on its target: no human gets that far in a frame, and a
half turn has no way down for a solver."""


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
    head_start: float
    """Share of the velocity of the last frame with which the solver begins."""


class OnlineState(NamedTuple):
    """What is remembered between frames."""

    q: Float[np.ndarray, " nq"]
    """Answer of the last frame."""
    velocity: Float[np.ndarray, " nv"]
    """Velocity that led to it: of the base along and about world axes, of the joints [m/s, rad/s]."""
    contacts: CausalContactState
    anchors: AnchorState


class TargetScratch(NamedTuple):
    """What a frame asks for, on the way from the human to the solver."""

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
    rotation_weight: Float[np.ndarray, " tasks"]
    planted: Bool[np.ndarray, " patches"]


class BoxScratch(NamedTuple):
    """Where a frame begins and where it may go."""

    before: Float[np.ndarray, " nq"]
    step: Float[np.ndarray, " nv"]
    lower: Float[np.ndarray, " joints"]
    upper: Float[np.ndarray, " joints"]
    reference: Float[np.ndarray, " joints"]
    reference_weight: Float[np.ndarray, " joints"]


class OnlineScratch(NamedTuple):
    """Memory that nothing is remembered in."""

    work: Workspace
    targets: TargetScratch
    box: BoxScratch


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


ASK, CONCLUDE, ASK_AND_FOLLOW = 0, 1, 2
"""Parts of a frame: set its targets; take up the answer that was put into the state; all, solving it in between."""


@compiled
def run_frames(pos, quat_wxyz, prob, dt, part, params, state, scratch, answer):  # noqa: ANN001, ANN201
    """Retarget frames one after the other; each sees only those before it.

    Records are taken apart here, once: handing on all their arrays costs a microsecond a call.

    Args:
        pos: Positions of the human's bodies (frames, bodies, 3) [m].
        quat_wxyz: Their orientations (frames, bodies, 4).
        prob: Probability that regions bear weight (frames, regions), told by an estimator; (frames, 0) if not told.
        dt: Time since the frame before (frames) [s].
        part: ``ASK_AND_FOLLOW``; a first frame has none to follow: ``ASK``, solve it, ``CONCLUDE``.
        params: An :class:`OnlineParams`.
        state: An :class:`OnlineState`, changed in place.
        scratch: An :class:`OnlineScratch`.
        answer: An :class:`OnlineAnswer`, filled.
    """
    problem, mapping, work, box = params.problem, params.mapping, scratch.work, scratch.box
    tree, tasks = problem.tree, (problem.task_body, problem.task_point, problem.task_rot)
    prices = (params.position_weight, params.rotation_weight)
    contacts, feet, targets = state.contacts, state.anchors, scratch.targets
    target = FrameTarget(
        targets.pos_w, targets.rot_w, targets.position_weight, targets.rotation_weight, targets.planted
    )
    for frame in range(len(pos)):
        if part != CONCLUDE:
            if not contacts.begun[0]:
                _begin_world(pos[frame], params.start_origin, mapping)
            _tell_contacts(pos[frame], prob[frame], dt[frame], params.contacts, params.contact_body, contacts, targets)
            _set_targets(pos[frame], quat_wxyz[frame], contacts.floor[0], mapping, prices, targets)
            lead_feet(dt[frame], contacts.standing, params.anchors, feet, target)
        if part == ASK and prob.shape[1] == 0:
            targets.planted[:] = False  # a first frame does not tell how fast feet are: none is nailed down unheard
        if part == ASK_AND_FOLLOW:
            _set_box(
                dt[frame],
                params.speed_limit,
                params.reference_weight,
                params.carry,
                state.q,
                state.velocity,
                tree.joint_lower,
                tree.joint_upper,
                box,
            )
            _move_on(dt[frame], params.head_start, state.velocity, state.q, box)
            _find_base(state.q, problem.base_task, tasks, target, tree, work, box)
            solve_frame(
                state.q,
                box.lower,
                box.upper,
                box.reference,
                box.reference_weight,
                target,
                problem,
                problem.max_iterations,
                work,
            )
            _set_velocity(box.before, state.q, dt[frame], state.velocity)
        if part != ASK:
            if not _same(work.q, state.q):  # else the solver's last trial was taken, and the bodies are there already
                place_bodies(state.q, tree, work.rot, work.pos, work.axes)
            take_hold(state.q, targets.planted, tasks, work.rot, work.pos, params.anchors, feet)
            _write_answer(frame, state.q, contacts, feet.let_go, answer)
            _write_residuals(frame, state.q, tasks, work.rot, work.pos, targets.asked_pos, targets.asked_rot, answer)


@piece
def _same(a, b):  # noqa: ANN001, ANN202
    """Tell whether two configurations are the same."""
    count = 0
    for i in range(len(a)):
        count += a[i] == b[i]
    return count == len(a)


@piece
def _begin_world(pos, start_origin, mapping):  # noqa: ANN001, ANN202
    """Let the human's world shrink about where the human begins."""
    for task in range(len(mapping.ratio)):
        for axis in range(3):
            mapping.origin[task, axis] = start_origin[task, axis]
        if mapping.base[task] < 0:
            for axis in range(2):
                start = pos[mapping.point_body[mapping.point_start[0]], axis]
                mapping.origin[task, axis] += (1.0 - mapping.ratio[task]) * start


@piece
def _tell_contacts(pos, prob, dt, params, body, state, targets):  # noqa: ANN001, ANN202
    """Tell what bears weight: by the estimator's word where it gives it, else from speed and height."""
    point, told, begun = targets.contact_point, targets.told, state.begun[0]
    for region in range(len(body)):
        for axis in range(3):
            point[region, axis] = pos[body[region], axis]
    for region in range(len(prob)):
        was = state.standing[region] if begun else prob[region] > 0.5
        told[region] = prob[region] > (params.end_probability if was else params.begin_probability)
    update_contacts(point, dt, params, state)
    for region in range(len(prob)):
        state.prob[region] = prob[region]
        state.standing[region] = told[region]


@piece
def _set_targets(pos, quat_wxyz, floor, mapping, prices, targets):  # noqa: ANN001, ANN202
    """Map the human's poses onto targets at the table's prices."""
    pos_w, rot_w, asked_pos, asked_rot = targets.pos_w, targets.rot_w, targets.asked_pos, targets.asked_rot
    matrices_from_quats(quat_wxyz, targets.human_rot)
    map_frame(mapping, pos, targets.human_rot, pos_w, rot_w)
    lowered = mapping.ratio[0] * floor
    for task in range(len(mapping.ratio)):
        pos_w[task, 2] -= lowered
        for axis in range(3):
            asked_pos[task, axis] = pos_w[task, axis]
            for column in range(3):
                asked_rot[task, axis, column] = rot_w[task, axis, column]
    position_weight, rotation_weight = prices
    for task in range(len(rotation_weight)):
        targets.rotation_weight[task] = rotation_weight[task]
        for axis in range(3):
            targets.position_weight[task, axis] = position_weight[task, axis]
    targets.planted[:] = False


@piece
def _set_box(dt, speed, weight, carry, q, velocity, least, most, box):  # noqa: ANN001, ANN202
    """Set how far joints may move, and what they stay near."""
    lower, upper, reference, price = box.lower, box.upper, box.reference, box.reference_weight
    for joint in range(len(speed)):
        angle = q[7 + joint]
        reach = speed[joint] * dt * _INSIDE
        lower[joint] = max(least[joint], angle - reach)
        upper[joint] = min(most[joint], angle + reach)
        ahead = angle + carry * velocity[6 + joint] * dt
        reference[joint] = min(max(ahead, lower[joint]), upper[joint])
        price[joint] = weight[joint] / np.sqrt(dt)


@piece
def _move_on(dt, share, velocity, q, box):  # noqa: ANN001, ANN202
    """Begin where the robot would be if it went on as before, which saves the solver a step."""
    before, step = box.before, box.step
    for i in range(len(q)):
        before[i] = q[i]
    for i in range(len(velocity)):
        step[i] = share * velocity[i] * min(dt, _HEAD_START_S)
    integrate(before, step, q)


@piece
def _find_base(q, task, tasks, target, tree, work, box):  # noqa: ANN001, ANN202
    """Set a base that is far from its target on it, and take it for where the base was, for that is no velocity."""
    bodies, points, links = tasks
    if task < 0:
        return
    body = bodies[task]
    if body == 0:
        place_base(q, work.rot, work.pos)
    else:
        place_bodies(q, tree, work.rot, work.pos, work.axes)
    turned = _angle(work.rot[body], links[task], target.rot_w[task]) > _FAR_TURNED
    there, square = carried(work.rot, work.pos, body, points[task]), 0.0
    for axis in range(3):
        square += (target.pos_w[task, axis] - q[axis] - there[axis]) ** 2
    if not (turned or square > _FAR_M * _FAR_M):
        return
    if turned:
        _turn_base(q, work.rot[body], links[task], target.rot_w[task], box.step)
        place_bodies(q, tree, work.rot, work.pos, work.axes)
    there = carried(work.rot, work.pos, body, points[task])
    for axis in range(3):
        q[axis] = target.pos_w[task, axis] - there[axis]
    for i in range(7):
        box.before[i] = q[i]


@piece
def _turn_base(q, body, link, asked, step):  # noqa: ANN001, ANN202
    """Turn the base by ``asked (body link)^T``, more than a right angle: its quaternion is read from its main axis."""
    trace, i = 0.0, 0
    for axis in range(3):
        trace += _turn_entry(body, link, asked, axis, axis)
        if _turn_entry(body, link, asked, axis, axis) > _turn_entry(body, link, asked, i, i):
            i = axis
    j, k = (i + 1) % 3, (i + 2) % 3
    main = 0.5 * np.sqrt(1.0 + 2.0 * _turn_entry(body, link, asked, i, i) - trace)
    cosine = (_turn_entry(body, link, asked, k, j) - _turn_entry(body, link, asked, j, k)) / (4.0 * main)
    angle, sine = 2.0 * np.arccos(cosine), np.sqrt(1.0 - cosine * cosine)
    step[:] = 0.0
    step[3 + i] = angle * main / sine
    for other in (j, k):
        both = _turn_entry(body, link, asked, i, other) + _turn_entry(body, link, asked, other, i)
        step[3 + other] = angle * both / (4.0 * main * sine)
    integrate(q, step, q)


@piece
def _turn_entry(body, link, asked, i, j):  # noqa: ANN001, ANN202
    """One entry of ``asked (body link)^T``."""
    entry = 0.0
    for k in range(3):
        entry += asked[i, k] * (body[j, 0] * link[0, k] + body[j, 1] * link[1, k] + body[j, 2] * link[2, k])
    return entry


@piece
def _set_velocity(before, q, dt, velocity):  # noqa: ANN001, ANN202
    """Set the velocity between two frames; the base's turn is short, so that twice the sine of its half will do."""
    for i in range(3):
        velocity[i] = (q[i] - before[i]) / dt
    ax, ay, az, aw = before[3], before[4], before[5], before[6]
    bx, by, bz, bw = q[3], q[4], q[5], q[6]
    twice = 2.0 / dt if aw * bw + ax * bx + ay * by + az * bz > 0.0 else -2.0 / dt
    velocity[3] = twice * (bx * aw - bw * ax - by * az + bz * ay)
    velocity[4] = twice * (by * aw - bw * ay - bz * ax + bx * az)
    velocity[5] = twice * (bz * aw - bw * az - bx * ay + by * ax)
    for i in range(6, len(velocity)):
        velocity[i] = (q[i + 1] - before[i + 1]) / dt


@piece
def _write_answer(frame, q, contacts, let_go, answer):  # noqa: ANN001, ANN202
    """Write configuration and contacts of a frame."""
    for i in range(len(q)):
        answer.qpos[frame, i] = q[i]
    answer.qpos[frame, 3] = q[6]
    for i in range(3):
        answer.qpos[frame, 4 + i] = q[3 + i]
    for region in range(len(contacts.prob)):
        answer.contact_prob[frame, region] = contacts.prob[region]
        answer.standing[frame, region] = contacts.standing[region]
    for foot in range(len(let_go)):
        answer.let_go[frame, foot] = let_go[foot]


@piece
def _write_residuals(frame, q, tasks, rot, pos, asked_pos, asked_rot, answer):  # noqa: ANN001, ANN202
    """Write how far the tracked points of a frame are from where they were asked to be."""
    bodies, points, links = tasks
    for task in range(answer.pos_residual.shape[1]):
        body = bodies[task]
        x, y, z = carried(rot, pos, body, points[task])
        dx, dy, dz = q[0] + x - asked_pos[task, 0], q[1] + y - asked_pos[task, 1], q[2] + z - asked_pos[task, 2]
        answer.pos_residual[frame, task] = np.sqrt(dx * dx + dy * dy + dz * dz)
        answer.rot_residual[frame, task] = _angle(rot[body], links[task], asked_rot[task])


@piece
def _angle(body, link, asked):  # noqa: ANN001, ANN202
    """Return the angle between ``body link`` and ``asked``, accurate near zero: from ``|A - B|^2 = 8 sin^2(a / 2)``."""
    square = 0.0
    for i in range(3):
        for j in range(3):
            d = body[i, 0] * link[0, j] + body[i, 1] * link[1, j] + body[i, 2] * link[2, j] - asked[i, j]
            square += d * d
    return 2.0 * np.arcsin(min(np.sqrt(square / 8.0), 1.0))
