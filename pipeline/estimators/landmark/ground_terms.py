"""Residuals of the ground: soles in contact stand still on the floor, none goes through it, and people balance."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from pipeline.estimators.landmark.body_points import CENTRE_OF_MASS, SOLES
from pipeline.estimators.landmark.config import LandmarkConfig
from pipeline.estimators.landmark.normal_equations import Rows
from pipeline.estimators.landmark.state import Placed, camera_axes

SECONDS_PER_SAMPLE = 0.5
"""Time after which errors of a foot's position count as new ones [s]."""
_CORNERS_PER_FOOT = 4
_CORNER_LOAD = np.array([0.58, 0.14, 0.14, 0.14])
"""Share of a standing foot's load on its heel and on its three front corners: the centre of pressure lies at about
42 % of the foot's length, 5 cm before the ankle (Winter 2009, ch. 5.2.9)."""


def sole_lock(placed: Placed, contact: Float[np.ndarray, "frames soles"], fps: float, config: LandmarkConfig) -> Rows:
    """Speed of soles that are in contact in two successive frames."""
    scale = fps / config.lock_speed

    def jacobians() -> tuple[np.ndarray, ...]:
        jacobian = placed.jacobian[:, SOLES]
        return -scale * jacobian[:-1], scale * jacobian[1:]

    return Rows(
        residual=scale * np.diff(placed.points[:, SOLES], axis=0),
        jacobians=jacobians,
        weight=contact[:-1] * contact[1:],
        kernel="cauchy",
        scale=5.0,
    )


def sole_height(placed: Placed, contact: Float[np.ndarray, "frames soles"], config: LandmarkConfig) -> Rows:
    """Distance from the floor of soles that are in contact or below it."""
    state = placed.state
    soles = placed.points[:, SOLES]
    height = soles @ state.up - state.floor

    def jacobians() -> tuple[np.ndarray]:
        by_frame = np.einsum("a,tpan->tpn", state.up, placed.jacobian[:, SOLES], optimize=True)
        return (by_frame[..., None, :] / config.floor_m,)

    by_ground = np.concatenate([soles @ state.horizontal().T, -np.ones((*height.shape, 1))], axis=-1)[..., None, :]
    return Rows(
        residual=height[..., None] / config.floor_m,
        jacobians=jacobians,
        weight=contact + (height < 0.0),
        border=by_ground / config.floor_m,
        kernel="cauchy",
        scale=3.0,
    )


def balance(placed: Placed, contact: Float[np.ndarray, "frames soles"], config: LandmarkConfig) -> Rows:
    """Horizontal distance of the centre of mass from the line between the feet that bear weight.

    It tells the pitch of the camera, and the depth of the trunk, where the floor does not: seen from the front, a
    leaning person and a tilted camera look alike.
    """
    state, n = placed.state, placed.unknowns.n
    by_foot = contact.reshape(len(contact), 2, -1)
    corner = _CORNER_LOAD * (by_foot + 1e-6)
    corner /= corner.sum(axis=-1, keepdims=True)
    share = _support_share(placed, by_foot, corner)
    weights = np.tile(CENTRE_OF_MASS, (len(contact), 1))
    weights[:, SOLES] -= (share[..., None] * corner).reshape(contact.shape)
    offset = np.einsum("tp,tpa->ta", weights, placed.points)
    horizontal = state.horizontal()

    def jacobians() -> tuple[np.ndarray]:
        jacobian = np.matmul(weights[:, None], placed.jacobian.reshape(len(weights), -1, 3 * n)).reshape(-1, 3, n)
        return ((horizontal @ jacobian)[:, None] / config.balance_m,)

    by_ground = np.zeros((len(offset), 1, 2, 3))
    by_ground[:, 0, 0, 0] = by_ground[:, 0, 1, 1] = -(offset @ state.up)  # as up tilts, so does the horizon
    return Rows(
        residual=(offset @ horizontal.T)[:, None] / config.balance_m,
        jacobians=jacobians,
        weight=by_foot.max(axis=(1, 2))[:, None],
        border=by_ground / config.balance_m,
        kernel="cauchy",
        scale=2.0,
    )


def _support_share(
    placed: Placed, contact: Float[np.ndarray, "frames 2 corners"], corner: Float[np.ndarray, "frames 2 corners"]
) -> Float[np.ndarray, "frames 2"]:
    """Share of the weight on each foot that brings the support nearest to the centre of mass.

    Held fixed in derivatives: at the nearest point it changes nothing to first order.
    """
    horizontal = placed.state.horizontal()
    mass = np.einsum("p,tpa->ta", CENTRE_OF_MASS, placed.points) @ horizontal.T
    soles = placed.points[:, SOLES].reshape(*contact.shape, 3)
    feet = np.einsum("tfc,tfca->tfa", corner, soles) @ horizontal.T
    line = feet[:, 0] - feet[:, 1]
    along = np.sum((mass - feet[:, 1]) * line, axis=-1) / np.maximum(np.sum(line**2, axis=-1), 1e-4)
    left, right = contact.max(axis=-1).T
    left_share = np.clip(along, np.minimum(1.0 - right, left), np.maximum(1.0 - right, left))
    return np.stack([left_share, 1.0 - left_share], axis=-1)


def camera_level(placed: Placed, up_prior: Float[np.ndarray, " 3"], tilt_rad: tuple[float, float], fps: float) -> Rows:
    """How far ``up`` is from where the camera suggests, by roll and by pitch.

    The soles of many frames speak of the same two angles with the same errors; the camera's word is weighed
    against one of them for every ``SECONDS_PER_SAMPLE``, not against each.
    """
    state = placed.state
    axes = camera_axes(up_prior) / np.array(tilt_rad)[:, None]
    by_ground = np.zeros((1, 1, 2, 3))
    by_ground[0, 0, :, :2] = axes @ state.horizontal().T
    return Rows(
        residual=(axes @ state.up)[None, None],
        jacobians=lambda: (np.zeros((1, 1, 2, placed.unknowns.n)),),
        weight=np.full((1, 1), _CORNERS_PER_FOOT * SECONDS_PER_SAMPLE * fps),
        border=by_ground,
    )
