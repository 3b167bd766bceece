"""Turns which feet stand into targets that hold them where they are, frame by frame as they come, compiled.

A sole has two anchor points, heel and toe; each is a task of its own whose horizontal price is zero until the foot
stands and that point touches the floor. Then it is held where it *is*: nothing is pulled to where the human's foot is,
so nothing jumps. Two held points keep place and heading and leave the foot free to tilt; a foot that rolls over its toe
lets go of its heel. At lift-off the foot's target is shifted to where the foot is, and the shift fades out.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from retarget.engine.jit import piece
from retarget.engine.quadratic import carried


class AnchorParams(NamedTuple):
    """Which tasks the feet are, and how they are held; see :class:`retarget.online.AnchorConfig`."""

    foot_task: Int[np.ndarray, " feet"]
    """Task that leads each foot."""
    region: Int[np.ndarray, " feet"]
    """Column of each foot among the contact regions."""
    patch: Int[np.ndarray, " feet"]
    """Floor patch of each foot's sole."""
    point_task: Int[np.ndarray, "feet points"]
    """Tasks of the anchor points."""
    lever: Float[np.ndarray, "feet points 3"]
    """Anchor points from the point of the foot's task, in the link's frame [m]."""
    weight: float
    turn_weight: float
    rise_s: float
    fade_s: float
    reach_m: float
    touch_m: float
    lifted_m: float


class AnchorState(NamedTuple):
    """What the anchors remember between frames."""

    held: Bool[np.ndarray, "feet points"]
    """Points that are held."""
    grip: Float[np.ndarray, "feet points"]
    """How far the price of each held point has risen: 0 at touch-down, 1 in the end."""
    anchor_w: Float[np.ndarray, "feet points 2"]
    """Where they are held [m]."""
    gap_w: Float[np.ndarray, "feet points 2"]
    """How far the human's foot asked for another place when the point was taken hold of [m]."""
    point_w: Float[np.ndarray, "feet points 3"]
    """Where the robot's points are [m]."""
    asked: Float[np.ndarray, "feet 3"]
    """Target of each foot's point before it is shifted [m]."""
    asked_rot: Float[np.ndarray, "feet 3 3"]
    """Target orientation of each foot before it is turned."""
    residual: Float[np.ndarray, "feet 4"]
    """Place [m] and heading [rad] of the robot's foot from what was asked for."""
    shift: Float[np.ndarray, "feet 4"]
    """Shift [m] and turn about z [rad] of the foot's target at lift-off."""
    fade: Float[np.ndarray, " feet"]
    """Share of the time left in which the shift fades, 1 at lift-off."""
    wait_s: Float[np.ndarray, " feet"]
    """Time before a foot that was let go may be held again [s]."""
    let_go: Bool[np.ndarray, " feet"]
    """Answer: feet that stand, but whose anchor was let go in this frame."""


def new_anchor_state(n_feet: int, n_points: int) -> AnchorState:
    """Return the memory of feet that have not been seen yet."""
    return AnchorState(
        held=np.zeros((n_feet, n_points), dtype=bool),
        grip=np.zeros((n_feet, n_points)),
        anchor_w=np.zeros((n_feet, n_points, 2)),
        gap_w=np.zeros((n_feet, n_points, 2)),
        point_w=np.zeros((n_feet, n_points, 3)),
        asked=np.zeros((n_feet, 3)),
        asked_rot=np.zeros((n_feet, 3, 3)),
        residual=np.zeros((n_feet, 4)),
        shift=np.zeros((n_feet, 4)),
        fade=np.zeros(n_feet),
        wait_s=np.zeros(n_feet),
        let_go=np.zeros(n_feet, dtype=bool),
    )


@piece
def lead_feet(dt, standing, params, state, target):  # noqa: ANN001, ANN201
    """Change the targets of one frame so that standing feet stay; compiled, allocates nothing.

    Args:
        dt: Time since the last frame [s].
        standing: Contact regions that bear weight.
        params: An :class:`AnchorParams`.
        state: An :class:`AnchorState`, changed in place.
        target: A :class:`FrameTarget` at the table's prices; what it asks of feet and anchors is changed, and the soles
            that are planted are set.
    """
    pos_w, rot_w, position_weight, planted = target.pos_w, target.rot_w, target.position_weight, target.planted
    for foot in range(len(params.foot_task)):
        task = params.foot_task[foot]
        stands = standing[params.region[foot]]
        for i in range(3):
            state.asked[foot, i] = pos_w[task, i]
            for j in range(3):
                state.asked_rot[foot, i, j] = rot_w[task, i, j]
        was_held = _any_held(state.held[foot])
        state.let_go[foot] = False
        _release(foot, stands, params, state)
        is_held = _any_held(state.held[foot])
        state.wait_s[foot] = max(state.wait_s[foot] - dt, 0.0)
        if was_held and not is_held:
            state.fade[foot] = 1.0
            for i in range(4):
                state.shift[foot, i] = state.residual[foot, i]
            if stands:
                state.wait_s[foot] = params.fade_s
                state.let_go[foot] = True
        else:
            state.fade[foot] = max(state.fade[foot] - dt / params.fade_s, 0.0)
        planted[params.patch[foot]] = stands
        _shift_foot(foot, task, state, pos_w, rot_w)
        most = _price_anchors(foot, task, dt, params, state, target)
        for i in range(3):  # the floor and the anchors place the foot; its target decides how it is turned
            position_weight[task, i] *= 1.0 - most
        if params.turn_weight > target.rotation_weight[task] > 0.0:
            target.rotation_weight[task] = _between(target.rotation_weight[task], params.turn_weight, most)


@piece
def _any_held(held):  # noqa: ANN001, ANN202
    """Tell whether any point of a foot is held."""
    count = 0
    for point in range(len(held)):
        count += held[point]
    return count > 0


@piece
def _asked_point(asked, asked_rot, lever, axis):  # noqa: ANN001, ANN202
    """One coordinate of where the human's foot asks an anchor point to be."""
    turned = asked_rot[axis, 0] * lever[0] + asked_rot[axis, 1] * lever[1] + asked_rot[axis, 2] * lever[2]
    return asked[axis] + turned


@piece
def _release(foot, stands, params, state):  # noqa: ANN001, ANN202
    """Let go of points of a foot that stands no more, that have risen, or that are asked to be elsewhere."""
    asked, asked_rot = state.asked[foot], state.asked_rot[foot]
    for point in range(state.held.shape[1]):
        if not state.held[foot, point]:
            continue
        lever = params.lever[foot, point]
        away, slip = 0.0, 0.0
        for axis in range(2):
            anchor = state.anchor_w[foot, point, axis]
            change = _asked_point(asked, asked_rot, lever, axis) - anchor - state.gap_w[foot, point, axis]
            away += change * change
            slid = state.point_w[foot, point, axis] - anchor
            slip += slid * slid
        risen = state.point_w[foot, point, 2] > params.lifted_m
        if not stands or risen or max(away, slip) > params.reach_m * params.reach_m:
            state.held[foot, point] = False
            state.grip[foot, point] = 0.0


@piece
def _shift_foot(foot, task, state, pos_w, rot_w):  # noqa: ANN001, ANN202
    """Shift and turn the foot's target by what is left of its shift."""
    left = state.fade[foot]
    if left <= 0.0:
        return
    left = left * left * (3.0 - 2.0 * left)
    for i in range(3):
        pos_w[task, i] += left * state.shift[foot, i]
    angle = left * state.shift[foot, 3]
    c, s = np.cos(angle), np.sin(angle)
    for j in range(3):
        x, y = rot_w[task, 0, j], rot_w[task, 1, j]
        rot_w[task, 0, j], rot_w[task, 1, j] = c * x - s * y, s * x + c * y


@piece
def _between(low, high, share):  # noqa: ANN001, ANN202
    """Go from one price to another by equal ratios, for prices span orders of magnitude."""
    return high if share >= 1.0 else low * (high / low) ** share


@piece
def _price_anchors(foot, task, dt, params, state, target):  # noqa: ANN001, ANN202
    """Set the targets and prices of a foot's anchors; return how far their grip has risen."""
    pos_w, position_weight = target.pos_w, target.position_weight
    low = max(position_weight[task, 0], 1.0)
    most = 0.0
    for point in range(state.held.shape[1]):
        anchor = params.point_task[foot, point]
        for i in range(3):
            position_weight[anchor, i] = 0.0
        if not state.held[foot, point]:
            continue
        grip = min(state.grip[foot, point] + dt / params.rise_s, 1.0)
        state.grip[foot, point] = grip
        most = max(most, grip)
        for i in range(2):
            pos_w[anchor, i] = state.anchor_w[foot, point, i]
            position_weight[anchor, i] = _between(low, params.weight, grip)
    return most


@piece
def take_hold(q, planted, tasks, rot, pos, params, state):  # noqa: ANN001, ANN201
    """Read where the robot's feet are now, and take hold of points that stand; compiled, allocates nothing.

    Args:
        q: The answer of this frame.
        planted: Floor patches that bear weight.
        tasks: Body, point and rotation of every task, as :class:`FrameProblem` has them.
        rot: Rotations of the bodies' frames (bodies, 3, 3) at ``q``.
        pos: Their origins from the base's (bodies, 3) [m].
        params: An :class:`AnchorParams`.
        state: An :class:`AnchorState`, changed in place.
    """
    for foot in range(len(params.foot_task)):
        _read_foot(foot, q, tasks, rot, pos, params, state)
        if not planted[params.patch[foot]] or state.wait_s[foot] > 0.0:
            continue
        asked, asked_rot = state.asked[foot], state.asked_rot[foot]
        for point in range(state.held.shape[1]):
            if state.held[foot, point] or state.point_w[foot, point, 2] > params.touch_m:
                continue
            state.held[foot, point] = True
            state.grip[foot, point] = 0.0
            lever = params.lever[foot, point]
            for axis in range(2):
                at = state.point_w[foot, point, axis]
                state.anchor_w[foot, point, axis] = at
                state.gap_w[foot, point, axis] = _asked_point(asked, asked_rot, lever, axis) - at


@piece
def _read_foot(foot, q, tasks, rot, pos, params, state):  # noqa: ANN001, ANN202
    """Read the anchor points of a foot, and how far it is from where it was asked to be."""
    bodies, points, links = tasks
    for point in range(state.held.shape[1]):
        task = params.point_task[foot, point]
        x, y, z = carried(rot, pos, bodies[task], points[task])
        state.point_w[foot, point, 0] = q[0] + x
        state.point_w[foot, point, 1] = q[1] + y
        state.point_w[foot, point, 2] = q[2] + z
    task = params.foot_task[foot]
    body = bodies[task]
    x, y, z = carried(rot, pos, body, points[task])
    state.residual[foot, 0] = q[0] + x - state.asked[foot, 0]
    state.residual[foot, 1] = q[1] + y - state.asked[foot, 1]
    state.residual[foot, 2] = q[2] + z - state.asked[foot, 2]
    state.residual[foot, 3] = _turn_about_z(rot[body], links[task], state.asked_rot[foot])


@piece
def _turn_about_z(body, link, asked):  # noqa: ANN001, ANN202
    """Return by how much ``body link`` is turned about z from ``asked`` (the twist of ``body link asked^T``)."""
    cosine, sine = 0.0, 0.0
    for k in range(3):
        x, y = 0.0, 0.0
        for i in range(3):
            x += body[0, i] * link[i, k]
            y += body[1, i] * link[i, k]
        cosine += x * asked[0, k] + y * asked[1, k]
        sine += y * asked[0, k] - x * asked[1, k]
    return np.arctan2(sine, cosine)
