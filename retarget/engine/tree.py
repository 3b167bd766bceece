"""Turns a Pinocchio model into the arrays that compiled code reads: bodies, joints and who hangs on whom.

Body 0 is the floating base; body ``b`` is moved by joint ``b - 1``, whose angle is ``q[6 + b]`` and whose place in a
step is ``5 + b``. The frame of each body is Pinocchio's joint frame turned so that the hinge's axis is z.

A matrix that couples only coordinates of one chain is packed row by row: row ``i`` holds the entries of coordinate
``chain[i, k]``, which are ``i`` itself and then its ancestors, at ``row_start[i] + k`` (Featherstone, "Efficient
factorization of the joint-space inertia matrix for branched kinematic trees", IJRR 2005).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pinocchio as pin
from jaxtyping import Float, Int

from retarget.exceptions import UnsupportedJoint
from robots.exceptions import UnknownName


class KinematicTree(NamedTuple):
    """A floating base with hinges."""

    body_parent: Int[np.ndarray, " bodies"]
    """Body that each body hangs on; 0 for the base itself. Parents come before their children."""
    placement_rot: Float[np.ndarray, "bodies 3 3"]
    """Rotation of each body's frame in its parent's at joint angle 0."""
    placement_pos: Float[np.ndarray, "bodies 3"]
    """Origin of each body's frame in its parent's [m]."""
    turned_rot: Float[np.ndarray, "bodies 3 3"]
    """Rotation of each body's frame in Pinocchio's joint frame."""
    chain: Int[np.ndarray, "nv depth"]
    """Each coordinate and its ancestors, up to the base's translation along x."""
    chain_length: Int[np.ndarray, " nv"]
    """Entries of ``chain`` that count."""
    row_start: Int[np.ndarray, " nv+1"]
    """Where each row of a packed matrix begins; the last is the number of entries."""
    joint_lower: Float[np.ndarray, " joints"]
    """Lower ends of the joints [rad]."""
    joint_upper: Float[np.ndarray, " joints"]
    """Upper ends of the joints [rad]."""

    @property
    def n_bodies(self) -> int:
        """Number of bodies, the base included."""
        return len(self.body_parent)

    @property
    def nv(self) -> int:
        """Number of coordinates of a step."""
        return len(self.chain)

    @property
    def n_packed(self) -> int:
        """Number of entries of a packed matrix."""
        return int(self.row_start[-1])


class Attachment(NamedTuple):
    """Where a point of a link is, in the terms of the tree."""

    body: int
    """Body that carries the link."""
    point: Float[np.ndarray, " 3"]
    """The point in the body's frame [m]."""
    rot: Float[np.ndarray, "3 3"]
    """Rotation of the link in the body's frame."""


def build_tree(model: pin.Model) -> KinematicTree:
    """Read a model with a free-flyer root and revolute joints.

    Raises:
        UnsupportedJoint: A joint is not a hinge, or the root is not free.
    """
    axes = _hinge_axes(model)
    turned = np.stack([np.eye(3), *(_frame_with_z(axis) for axis in axes)])
    parent = np.array([0] + [model.parents[j] - 1 for j in range(2, model.njoints)])
    placement = [model.jointPlacements[j] for j in range(1, model.njoints)]
    chain, length = _chains(parent)
    return KinematicTree(
        body_parent=parent,
        placement_rot=np.stack(
            [turned[p].T @ m.rotation @ t for p, m, t in zip(parent, placement, turned, strict=True)]
        ),
        placement_pos=np.stack([turned[p].T @ m.translation for p, m in zip(parent, placement, strict=True)]),
        turned_rot=turned,
        chain=chain,
        chain_length=length,
        row_start=np.concatenate([[0], np.cumsum(length)]),
        joint_lower=np.array(model.lowerPositionLimit[7:]),
        joint_upper=np.array(model.upperPositionLimit[7:]),
    )


def attach(model: pin.Model, tree: KinematicTree, link: str, point_b: Float[np.ndarray, " 3"]) -> Attachment:
    """Find the body that carries a link, and a point of the link in that body's frame.

    Raises:
        UnknownName: The robot has no such link.
    """
    if not model.existFrame(link, pin.FrameType.BODY):
        links = [frame.name for frame in model.frames if frame.type == pin.FrameType.BODY]
        raise UnknownName("robot link", link, links)
    frame = model.frames[model.getFrameId(link, pin.FrameType.BODY)]
    body = frame.parentJoint - 1
    back = tree.turned_rot[body].T
    return Attachment(body, back @ frame.placement.act(np.asarray(point_b, float)), back @ frame.placement.rotation)


def unpacked(tree: KinematicTree, packed: Float[np.ndarray, "*frames packed"]) -> Float[np.ndarray, "*frames nv nv"]:
    """Return packed matrices as full symmetric ones."""
    rows = np.repeat(np.arange(tree.nv), tree.chain_length)
    columns = np.concatenate([tree.chain[i, :n] for i, n in enumerate(tree.chain_length)])
    full = np.zeros((*packed.shape[:-1], tree.nv, tree.nv))
    full[..., rows, columns] = packed
    full[..., columns, rows] = packed
    return full


def packed(tree: KinematicTree, full: Float[np.ndarray, "*frames nv nv"]) -> Float[np.ndarray, "*frames packed"]:
    """Return the entries of full matrices that couple coordinates of one chain."""
    rows = np.repeat(np.arange(tree.nv), tree.chain_length)
    columns = np.concatenate([tree.chain[i, :n] for i, n in enumerate(tree.chain_length)])
    return full[..., rows, columns]


def _hinge_axes(model: pin.Model) -> Float[np.ndarray, "joints 3"]:
    """Axes of the joints in their own frames, read off a turn by one radian."""
    if model.njoints < 2 or model.joints[1].nq != 7:
        raise UnsupportedJoint(model.names[min(1, model.njoints - 1)], wanted="a free-flyer at the root")
    data, q = model.createData(), pin.neutral(model)
    if any(model.joints[j].nq != 1 for j in range(2, model.njoints)):
        odd = next(j for j in range(2, model.njoints) if model.joints[j].nq != 1)
        raise UnsupportedJoint(model.names[odd], wanted="a hinge with one angle")
    q[7:] = 1.0
    pin.forwardKinematics(model, data, q)
    axes = np.empty((model.njoints - 2, 3))
    for j in range(2, model.njoints):
        turn = model.jointPlacements[j].actInv(data.liMi[j])
        axes[j - 2] = pin.log3(turn.rotation)
        if np.abs(turn.translation).max() > 1e-12 or abs(np.linalg.norm(axes[j - 2]) - 1.0) > 1e-12:
            raise UnsupportedJoint(model.names[j], wanted="a hinge with one angle")
    axes[np.abs(axes) < 1e-15] = 0.0
    return axes / np.linalg.norm(axes, axis=1, keepdims=True)


def _frame_with_z(axis: Float[np.ndarray, " 3"]) -> Float[np.ndarray, "3 3"]:
    """Return a rotation whose third column is ``axis``."""
    x = np.roll(np.eye(3)[np.abs(axis).argmax()], 1)  # not parallel: the largest entry has moved on
    x = x - (x @ axis) * axis
    x /= np.linalg.norm(x)
    return np.stack([x, np.cross(axis, x), axis], axis=1)


def _chains(parent: Int[np.ndarray, " bodies"]) -> tuple[Int[np.ndarray, "nv depth"], Int[np.ndarray, " nv"]]:
    """Each coordinate with its ancestors, and how many these are."""
    above = [[*range(i, -1, -1)] for i in range(6)]
    for body in range(1, len(parent)):
        above.append([5 + body, *above[5 + int(parent[body])]])
    length = np.array([len(row) for row in above])
    chain = np.zeros((len(above), length.max()), dtype=np.int64)
    for i, row in enumerate(above):
        chain[i, : len(row)] = row
    return chain, length
