"""Turns random corrections, tried out in simulation, into the one to be made: CEM or MPPI over the knots of a spline.

Sources: the cross-entropy method (Rubinstein 1999; Kobilarov, "Cross-entropy motion planning", IJRR 2012) and model
predictive path integral control (Williams et al., "Information theoretic MPC for model-based reinforcement learning",
ICRA 2017). Every correction tried from one state stays in the pool for all rounds from that state.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from jaxtyping import Float

from robots.arrays import check_settings
from robots.exceptions import InvalidArray

Evaluate = Callable[[Float[np.ndarray, "samples knots joints"]], Float[np.ndarray, " samples"]]
"""Returns the cost of each correction."""

Method = Literal["cem", "mppi"]
"""How the next corrections follow from the costs of those tried."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchConfig:
    """How many corrections are tried, and how the next ones follow from their costs."""

    method: Method = "cem"
    """CEM goes on from the mean and spread of the best; MPPI from a mean weighted by cost, with narrowing noise."""
    samples: int = 60
    """Corrections a round."""
    iterations: int = 3
    """Rounds from each state; one alone falls within seconds."""
    elite_share: float = 0.1
    """Share of a round that CEM takes as the best."""
    temperature: float = 0.1
    """Cost at which MPPI's weight falls by e, as a share of the distance from the best to the median."""
    narrowing: float = 0.6
    """What MPPI's noise is multiplied by after each round."""
    narrowest: float = 0.05
    """CEM's spread never falls below this share of the noise."""
    carried: int = 2
    """Best corrections that are tried again, moved on, from the next state."""

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            InvalidArray: A number is outside its range, or nobody knows the method.
        """
        check_settings(
            self,
            positive=("samples", "iterations", "elite_share", "temperature", "narrowing"),
            at_most_one=("elite_share", "narrowing"),
        )
        if self.method not in (known := get_args(Method)):
            raise InvalidArray("method", problem=f"must be one of {', '.join(known)}, got {self.method!r}")


def search(
    evaluate: Evaluate,
    mean: Float[np.ndarray, "knots joints"],
    carried: Float[np.ndarray, "carried knots joints"],
    noise: Float[np.ndarray, " joints"],
    config: SearchConfig,
    rng: np.random.Generator,
) -> tuple[Float[np.ndarray, "knots joints"], Float[np.ndarray, "carried knots joints"]]:
    """Return the correction to be made and the best ones that were tried.

    No correction at all, the mean and the best of the state before are among those tried in the first round. The
    last mean is tried too and made only if none was better: between two good ones may lie a fall.

    Args:
        evaluate: Simulates corrections.
        mean: Correction of the state before, moved on.
        carried: Best corrections of the state before, moved on.
        noise: Standard deviation of each joint's knots [rad].
        config: Settings.
        rng: Source of all randomness.
    """
    spread = np.broadcast_to(noise, mean.shape)
    given = np.concatenate([mean[None], np.zeros_like(mean)[None], carried])
    tried, costs = np.empty((0, *mean.shape)), np.empty(0)
    for _ in range(config.iterations):
        samples = mean + spread * rng.standard_normal((config.samples, *mean.shape))
        samples[: len(given)] = given[: config.samples]
        tried = np.concatenate([tried, samples])
        costs = np.concatenate([costs, evaluate(samples)])
        mean, spread = _narrowed(tried, costs, spread, noise, config)
        given = mean[None]
    tried, costs = np.concatenate([tried, given]), np.concatenate([costs, evaluate(given)])
    order = np.argsort(costs, kind="stable")
    return tried[order[0]], tried[order[: config.carried]]


def _narrowed(
    tried: Float[np.ndarray, "tried knots joints"],
    costs: Float[np.ndarray, " tried"],
    spread: Float[np.ndarray, "knots joints"],
    noise: Float[np.ndarray, " joints"],
    config: SearchConfig,
) -> tuple[Float[np.ndarray, "knots joints"], Float[np.ndarray, "knots joints"]]:
    """Return mean and spread of the next round."""
    if config.method == "cem":
        count = min(max(round(config.elite_share * config.samples), 2), len(costs))
        elite = tried[np.argsort(costs, kind="stable")[:count]]
        wider = np.maximum(0.5 * (spread + elite.std(axis=0)), config.narrowest * noise)
        return elite.mean(axis=0), wider
    best = costs.min()
    scale = config.temperature * (np.median(costs) - best)
    weight = np.exp(-(costs - best) / max(scale, 1e-9))
    return np.tensordot(weight / weight.sum(), tried, axes=1), config.narrowing * spread
