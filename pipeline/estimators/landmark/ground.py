"""Finds the ground: which soles bear weight, where the floor lies, which way is up, how a moving camera moved."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from scipy.ndimage import gaussian_filter1d, median_filter
from scipy.special import expit

from pipeline.estimators.landmark.config import LandmarkConfig
from pipeline.estimators.landmark.ground_terms import SECONDS_PER_SAMPLE
from pipeline.estimators.landmark.state import ClipState, camera_axes

_GROUND_STEPS = 12
_LEAN_M = 0.2
"""Horizontal distance between a standing person's centre of mass and their lowest sole corner [m]."""
_PLANE_SPREAD_M = 0.02
"""Unevenness of soles that stand on one floor, as the first fit sees them [m]."""


def contact_probability(
    soles: Float[np.ndarray, "frames soles 3"],
    state: ClipState,
    fps: float,
    config: LandmarkConfig,
    tolerance: float = 1.0,
) -> Float[np.ndarray, "frames soles"]:
    """Probability that each sole corner bears weight: low and slow. Independent of the frame rate.

    Args:
        soles: Sole corners in the frame of ``state`` [m].
        state: Where up and the floor are.
        fps: Frames per second [1/s].
        config: Heights and speeds of contact.
        tolerance: Scale of both; more than one while the fit is still rough.
    """
    height = soles @ state.up - state.floor
    speed = np.linalg.norm(np.gradient(soles, axis=0), axis=-1) * fps
    low = expit(4.0 * (1.0 - height / (tolerance * config.contact_height_m)))
    slow = expit(5.0 * (1.0 - speed / (tolerance * config.contact_speed)))
    return low * slow


def camera_from_support(
    soles: Float[np.ndarray, "frames soles 3"], up: Float[np.ndarray, " 3"], fps: float
) -> Float[np.ndarray, "frames 3"]:
    """Path of a moving camera, from the lowest sole: it stands, so what it seems to move the camera moved.

    Args:
        soles: Sole corners relative to the camera, in axes that do not turn [m].
        up: Unit vector against gravity.
        fps: Frames per second [1/s].
    """
    height = soles @ up
    lowest = (height[:-1] + height[1:]).argmin(axis=1)
    drift = np.diff(soles, axis=0)[np.arange(len(lowest)), lowest] * fps
    window = max(3, int(0.6 * fps) | 1)
    velocity = -median_filter(drift, size=(window, 1), mode="nearest")
    velocity = gaussian_filter1d(velocity, 0.2 * fps, axis=0, mode="nearest")
    return np.concatenate([np.zeros((1, 3)), np.cumsum(velocity, axis=0) / fps])


def fit_ground(
    soles: Float[np.ndarray, "frames soles 3"],
    mass: Float[np.ndarray, "frames 3"],
    state: ClipState,
    up_prior: Float[np.ndarray, " 3"],
    tilt_rad: tuple[float, float],
    fps: float,
    config: LandmarkConfig,
) -> ClipState:
    """Lay a floor under the lowest soles, between what the camera suggests and what the feet say.

    Args:
        soles: Sole corners in the first camera's axes, the camera's motion taken out [m].
        mass: Centre of mass in the same frame [m].
        state: The belief to be given a ground.
        up_prior: Unit vector against gravity that the camera suggests.
        tilt_rad: How far the truth may lie from it by roll and by pitch [rad].
        fps: Frames per second [1/s].
        config: Sizes of errors.
    """
    independent = 1.0 / (SECONDS_PER_SAMPLE * fps)
    state = state.with_ground(up_prior, 0.0)
    for step in range(_GROUND_STEPS):
        height = soles @ state.up
        state = state.with_ground(state.up, float(np.median(height.min(axis=1))))
        excess = height - state.floor
        reach = config.contact_height_m * max(2.0, 6.0 - step)
        weight = independent * np.exp(-0.5 * (excess / reach) ** 2) / _PLANE_SPREAD_M**2
        axes = state.horizontal()
        jac = np.concatenate([soles @ axes.T, -np.ones((*excess.shape, 1))], axis=-1)
        normal = np.einsum("tp,tpi,tpj->ij", weight, jac, jac)
        gradient = np.einsum("tp,tpi,tp->i", weight, jac, excess)
        level = camera_axes(up_prior) / np.array(tilt_rad)[:, None]
        by_tilt = level @ axes.T
        normal[:2, :2] += by_tilt.T @ by_tilt
        gradient[:2] += by_tilt.T @ (level @ state.up)
        lean = mass - soles[np.arange(len(soles)), height.argmin(axis=1)]
        upright = independent / _LEAN_M**2
        normal[[0, 1], [0, 1]] += upright * np.sum((lean @ state.up) ** 2)
        gradient[:2] -= upright * np.einsum("t,ti->i", lean @ state.up, lean @ axes.T)
        tilt = -np.linalg.solve(normal + 1e-9 * np.eye(3), gradient)
        state = state.with_ground(state.up + tilt[:2] @ axes, state.floor + float(tilt[2]))
    return state
