"""Residuals of the ground: soles in contact stand still on the floor, none goes through it, and people balance."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from pipeline.estimators.landmark.body_points import POINT_NAMES, SOLES
from pipeline.estimators.landmark.config import LandmarkConfig
from pipeline.estimators.landmark.normal_equations import Rows
from pipeline.estimators.landmark.state import Placed, camera_axes

SECONDS_PER_SAMPLE = 0.5
"""Time after which errors of a foot's position count as new ones [s]."""
_CORNERS_PER_FOOT = 4
_HIPS = tuple(POINT_NAMES.index(f"{side}_hip") for side in ("left", "right"))


def sole_lock(placed: Placed, contact: Float[np.ndarray, "frames soles"], fps: float, config: LandmarkConfig) -> Rows:
    """Speed of soles that are in contact in two successive frames."""
    scale = fps / config.lock_speed
    soles, jacobian = placed.points[:, SOLES], placed.jacobian[:, SOLES]
    return Rows(
        residual=scale * np.diff(soles, axis=0),
        jacobians=(-scale * jacobian[:-1], scale * jacobian[1:]),
        weight=contact[:-1] * contact[1:],
        kernel="cauchy",
        scale=5.0,
    )


def sole_height(placed: Placed, contact: Float[np.ndarray, "frames soles"], config: LandmarkConfig) -> tuple[Rows, ...]:
    """Distance of soles in contact from the floor, and depth of any below it."""
    state = placed.state
    soles = placed.points[:, SOLES]
    height = soles @ state.up - state.floor
    by_frame = np.einsum("a,tpan->tpn", state.up, placed.jacobian[:, SOLES], optimize=True)[..., None, :]
    by_ground = np.concatenate([soles @ state.horizontal().T, -np.ones((*height.shape, 1))], axis=-1)[..., None, :]
    residual = height[..., None] / config.floor_m
    touching = Rows(
        residual=residual,
        jacobians=(by_frame / config.floor_m,),
        weight=contact,
        border=by_ground / config.floor_m,
        kernel="cauchy",
        scale=3.0,
    )
    below = Rows(
        residual=residual,
        jacobians=(by_frame / config.floor_m,),
        weight=(height < 0.0).astype(float),
        border=by_ground / config.floor_m,
        kernel="cauchy",
        scale=3.0,
    )
    return touching, below


def balance(placed: Placed, contact: Float[np.ndarray, "frames soles"], config: LandmarkConfig) -> Rows:
    """Horizontal distance between the hips and the feet that bear the weight.

    It tells the pitch of the camera where the floor does not: seen from the front, a leaning person and a
    tilted camera look alike.
    """
    support = contact.sum(axis=1)
    share = contact / np.maximum(support, 1e-6)[:, None]
    hips = list(_HIPS)
    offset = placed.points[:, hips].mean(axis=1) - np.einsum("tp,tpa->ta", share, placed.points[:, SOLES])
    by_frame = placed.jacobian[:, hips].mean(axis=1)
    by_frame = by_frame - np.einsum("tp,tpan->tan", share, placed.jacobian[:, SOLES], optimize=True)
    horizontal = placed.state.horizontal()
    by_ground = np.zeros((len(offset), 1, 2, 3))
    by_ground[:, 0, 0, 0] = by_ground[:, 0, 1, 1] = -(offset @ placed.state.up)  # as up tilts, so does the horizon
    return Rows(
        residual=(offset @ horizontal.T)[:, None] / config.balance_m,
        jacobians=((horizontal @ by_frame)[:, None] / config.balance_m,),
        weight=np.clip(support, 0.0, 1.0)[:, None],
        border=by_ground / config.balance_m,
        kernel="cauchy",
        scale=1.0,
    )


def camera_level(placed: Placed, up_prior: Float[np.ndarray, "3"], tilt_rad: tuple[float, float], fps: float) -> Rows:
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
        jacobians=(np.zeros((1, 1, 2, placed.unknowns.n)),),
        weight=np.full((1, 1), _CORNERS_PER_FOOT * SECONDS_PER_SAMPLE * fps),
        border=by_ground,
    )
