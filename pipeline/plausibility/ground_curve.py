"""Turns what carries a body into the height of the ground over time, as far as the estimate lets it wander.

An estimator sums up steps: every step may add a few centimetres, so that the floor drifts, while a stance holds its
height. The curve follows the stances, goes straight through flights (a straight correction leaves a fall its
acceleration), and stays level before the first stance and after the last.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from scipy.linalg import solveh_banded

from retarget.spans import true_runs
from robots.arrays import check_settings


@dataclass(frozen=True, slots=True, kw_only=True)
class GroundConfig:
    """How the ground may move."""

    cutoff_hz: float = 1.5
    """Half of a wave of this frequency is taken for the ground's [Hz], nearly all of slower ones."""
    outlier: float = 0.02
    """A stance further from the curve than this [m] pulls no harder."""
    straight_from: float = 0.1
    """Times without support are crossed in a straight line from this length on [s]."""

    def __post_init__(self) -> None:
        """Check ranges.

        Raises:
            InvalidArray: A number is outside its range.
        """
        check_settings(self, positive=("cutoff_hz", "outlier"))


_STIFF = 1e4
"""How much more a bend costs where nothing carries."""

_ROUNDS = 8
"""Reweightings; the curve moves by less than a millimetre in the last."""


def ground_curve(
    height: Float[np.ndarray, " frames"], held: Bool[np.ndarray, " frames"], fps: float, config: GroundConfig
) -> Float[np.ndarray, " frames"]:
    """Fit a smooth curve to the heights at which the body is carried [m].

    Minimises sum_held huber(h - g) + sum lambda_i (g_{i-1} - 2 g_i + g_{i+1})^2 (Whittaker, "On a new method of
    graduation", Proc. Edinburgh Math. Soc. 1922, with Huber's loss by reweighting). Where nothing ever carries,
    the ground is the median of the lowest points: such a clip has no contact, and its share of contact says so.

    Args:
        height: World height of the body's lowest point [m].
        held: Frames in which it carries.
        fps: Frames per second [1/s].
        config: How the ground may move.
    """
    frames = len(height)
    if not held.any() or frames < 3:
        return np.full(frames, float(np.median(height[held] if held.any() else height)))
    runs = true_runs(held)
    target, weight = height.copy(), held.astype(float)
    for (start, stop), gap in ((runs[0], slice(0, runs[0][0])), (runs[-1], slice(runs[-1][1], frames))):
        target[gap], weight[gap] = float(np.median(height[start:stop])), 1.0
    bend_price = np.full(frames - 2, _bend_price(config.cutoff_hz / fps))
    curve, pull = np.array(target), np.array(weight)
    for _ in range(_ROUNDS):
        curve = _smooth(target, pull, np.where(_bridged(pull, fps, config)[1:-1], _STIFF, 1.0) * bend_price)
        # The body never lies in the ground: where it would, it tells the height of the ground too.
        known = np.where(height < curve - config.outlier / 2, 1.0, weight)
        pull = known * np.minimum(1.0, config.outlier / np.maximum(np.abs(target - curve), 1e-9))
    return curve


def _bend_price(cutoff: float) -> float:
    """Price of a bend at which a wave of the cutoff frequency [1/frame] costs as much bent as left out."""
    return float((2 * np.sin(np.pi * min(cutoff, 0.5))) ** -4)


def _bridged(weight: np.ndarray, fps: float, config: GroundConfig) -> np.ndarray:
    """Frames of the long times in which nothing tells the ground."""
    bridged = np.zeros(len(weight), dtype=bool)
    for start, stop in true_runs(weight == 0):
        bridged[start:stop] = stop - start >= config.straight_from * fps
    return bridged


def _smooth(target: np.ndarray, weight: np.ndarray, bend_price: np.ndarray) -> np.ndarray:
    """Solve (W + D' P D) g = W h, with D the second difference: five bands."""
    bands = np.zeros((3, len(target)))
    bands[2] = weight
    for i, a in enumerate((1.0, -2.0, 1.0)):
        bands[2, i : i + len(bend_price)] += a * a * bend_price
    bands[1, 1:-1] += -2.0 * bend_price
    bands[1, 2:] += -2.0 * bend_price
    bands[0, 2:] = bend_price
    return solveh_banded(bands, weight * target)
