"""Residuals of evidence and of habit: keypoints, directions, smoothness, pose, limits, camera motion."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from pipeline.estimators.landmark import so3
from pipeline.estimators.landmark.body_points import BODY_DIFFERENCE, KEYPOINTS
from pipeline.estimators.landmark.config import LandmarkConfig
from pipeline.estimators.landmark.joint_table import (
    JOINT_LIVELINESS,
    JOINT_LOWER,
    JOINT_MEAN,
    JOINT_SPREAD,
    JOINT_UPPER,
    MOVING_JOINTS,
)
from pipeline.estimators.landmark.normal_equations import BlockRows, Rows
from pipeline.estimators.landmark.observation import Observation
from pipeline.estimators.landmark.state import Placed

_STRIKE = 2.0
_NO_TAIL = 1e3
_HABIT_IN_GAP = 0.01
_ORIGIN_M = 1e-3


def reprojection(
    placed: Placed, seen: Observation, depth: Float[np.ndarray, " frames"], config: LandmarkConfig
) -> Rows:
    """Distance between projected and seen keypoints, in metres at the person's depth.

    Args:
        placed: The body.
        seen: The evidence.
        depth: Depth of the person [m]; held fixed, or shrinking towards the camera would lower the cost.
        config: Sizes of errors.
    """
    relative = placed.points[:, KEYPOINTS] - placed.state.camera_pos[:, None]
    x, y, z = np.moveaxis(np.einsum("tij,tpj->tpi", seen.R_w2c, relative), -1, 0)
    z = np.maximum(z, 0.1)
    scale = depth[:, None, None] / config.keypoint_m

    def jacobians() -> tuple[np.ndarray]:
        by_point = np.zeros((*x.shape, 2, 3))
        by_point[..., 0, 0] = by_point[..., 1, 1] = 1.0 / z
        by_point[..., 0, 2], by_point[..., 1, 2] = -x / z**2, -y / z**2
        by_point = scale[..., None] * by_point @ seen.R_w2c[:, None]
        jacobian = by_point @ placed.jacobian[:, KEYPOINTS]
        if placed.unknowns.camera_moves:
            block = placed.unknowns.camera_block
            jacobian[..., 3 * block : 3 * block + 3] = -by_point
        return (jacobian,)

    return Rows(
        residual=(np.stack([x / z, y / z], axis=-1) - seen.rays) * scale,
        jacobians=jacobians,
        weight=seen.ray_weight,
        kernel="geman_mcclure",
        scale=config.outlier,
    )


def bone_directions(placed: Placed, seen: Observation, config: LandmarkConfig) -> Rows:
    """Difference between directions on the body and in the 3D landmarks; depth counts less."""
    vectors = np.einsum("dp,tpa->tda", BODY_DIFFERENCE, placed.points, optimize=True)
    length = np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-6)
    unit = vectors / length
    whiten = 1.0 / np.array([config.direction_rad, config.direction_rad, config.depth_direction_rad])
    turn = whiten[:, None] * seen.R_landmark
    residual = np.einsum("tij,tdj->tdi", turn, unit) - whiten * seen.directions

    def jacobians() -> tuple[np.ndarray]:
        frames, n_points, _, n = placed.jacobian.shape
        moved = (BODY_DIFFERENCE @ placed.jacobian.reshape(frames, n_points, 3 * n)).reshape(frames, -1, 3, n)
        tangent = (np.eye(3) - unit[..., :, None] * unit[..., None, :]) / length[..., None]
        return ((turn[:, None] @ tangent) @ moved,)

    return Rows(
        residual=residual,
        jacobians=jacobians,
        weight=seen.direction_weight,
        kernel="geman_mcclure",
        scale=config.outlier,
    )


def _tail(seen: Observation) -> Float[np.ndarray, "frames 1"]:
    """Standard deviations of acceleration beyond which it is a strike or a landing rather than noise.

    Without evidence there is no strike to be seen: gaps are bridged with a quadratic cost, which spreads
    acceleration evenly, where a heavy tail would put all of it into one frame.
    """
    unseen = ~seen.usable
    return np.where(unseen[:-2] | unseen[1:-1] | unseen[2:], _NO_TAIL, _STRIKE)[:, None]


def joint_smoothness(placed: Placed, seen: Observation, config: LandmarkConfig) -> BlockRows:
    """Angular acceleration of every joint; heavy-tailed, because strikes and landings are real."""
    rotation = placed.state.rotation[:, list(MOVING_JOINTS)]
    turn = so3.log(rotation[:-1].swapaxes(-1, -2) @ rotation[1:])
    scale = seen.fps**2 / (config.liveliness * JOINT_LIVELINESS)[:, None]

    def jacobians() -> tuple[np.ndarray, ...]:
        by_end = so3.right_jacobian_inverse(turn)
        by_start = -by_end.swapaxes(-1, -2)  # the left Jacobian's inverse is the right one's transpose
        unit = scale[..., None]
        return -unit * by_start[:-1], unit * (by_start[1:] - by_end[:-1]), unit * by_end[1:]

    return BlockRows(
        residual=scale * (turn[1:] - turn[:-1]),
        jacobians=jacobians,
        weight=np.ones((len(turn) - 1, len(MOVING_JOINTS))),
        columns=placed.unknowns.joint_blocks,
        kernel="cauchy",
        scale=_tail(seen),
    )


def _acceleration(
    position: Float[np.ndarray, "frames 3"],
    fps: float,
    usual: float,
    block: int,
    tail: np.ndarray,
    weight: Float[np.ndarray, " frames"] | None = None,
) -> BlockRows:
    weight = np.ones(len(position)) if weight is None else weight
    scale = fps**2 / usual
    unit = np.broadcast_to(scale * np.eye(3), (len(position) - 2, 1, 3, 3))
    return BlockRows(
        residual=scale * (position[2:] - 2.0 * position[1:-1] + position[:-2])[:, None],
        jacobians=lambda: (unit, -2.0 * unit, unit),
        weight=np.minimum(np.minimum(weight[:-2], weight[1:-1]), weight[2:])[:, None],
        columns=np.array([block]),
        kernel="cauchy",
        scale=tail,
    )


def root_smoothness(placed: Placed, seen: Observation, config: LandmarkConfig) -> BlockRows:
    """Acceleration of the pelvis."""
    return _acceleration(placed.state.root_pos, seen.fps, config.root_acceleration, 0, _tail(seen))


def camera_motion(placed: Placed, seen: Observation, config: LandmarkConfig) -> tuple[BlockRows, ...]:
    """Speed and acceleration of a camera that changes its place; nothing for one that does not."""
    if not placed.unknowns.camera_moves:
        return ()
    position, block = placed.state.camera_pos, placed.unknowns.camera_block
    scale, steady = seen.fps / config.camera_speed, seen.camera_weight
    unit = np.broadcast_to(scale * np.eye(3), (len(position) - 1, 1, 3, 3))
    speed = BlockRows(
        residual=scale * np.diff(position, axis=0)[:, None],
        jacobians=lambda: (-unit, unit),
        weight=np.minimum(steady[:-1], steady[1:])[:, None],
        columns=np.array([block]),
        kernel="cauchy",
    )
    usual, quadratic = config.camera_acceleration, np.array([[_NO_TAIL]])
    return speed, _acceleration(position, seen.fps, usual, block, quadratic, steady)


def camera_origin(placed: Placed) -> tuple[BlockRows, ...]:
    """Hold a moving camera's first place, which nothing else does, where the frame of the whole clip begins."""
    if not placed.unknowns.camera_moves:
        return ()
    unit = np.eye(3)[None, None] / _ORIGIN_M
    rows = BlockRows(
        residual=placed.state.camera_pos[:1, None] / _ORIGIN_M,
        jacobians=lambda: (unit,),
        weight=np.ones((1, 1)),
        columns=np.array([placed.unknowns.camera_block]),
    )
    return (rows,)


def pose_habit(placed: Placed, seen: Observation, config: LandmarkConfig) -> BlockRows:
    """Weak pull towards everyday poses; it decides what no evidence tells, such as how the spine shares a bend.

    In a gap it nearly lets go: the way across is that of least acceleration, not a visit to the resting pose.
    """
    spread = config.pose_prior * JOINT_SPREAD
    residual = (placed.joint_rotvec - JOINT_MEAN) / spread
    return BlockRows(
        residual=residual,
        jacobians=lambda: (so3.right_jacobian_inverse(placed.joint_rotvec) / spread[..., None],),
        weight=np.broadcast_to(np.where(seen.usable, 1.0, _HABIT_IN_GAP)[:, None], residual.shape[:2]),
        columns=placed.unknowns.joint_blocks[1:],
    )


def joint_limits(placed: Placed, config: LandmarkConfig) -> BlockRows:
    """Excess over the joints' limits; nothing within them."""
    excess = placed.joint_rotvec - np.clip(placed.joint_rotvec, JOINT_LOWER, JOINT_UPPER)
    active = (excess != 0.0) / config.limit_rad
    return BlockRows(
        residual=excess / config.limit_rad,
        jacobians=lambda: (active[..., None] * so3.right_jacobian_inverse(placed.joint_rotvec),),
        weight=np.ones(excess.shape[:2]),
        columns=placed.unknowns.joint_blocks[1:],
    )
