"""The door from evidence to human motion: what every estimator offers, and which ones there are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from pipeline.body import SkinnedBody
from pipeline.estimators.landmark import LandmarkConfig, LandmarkEstimator
from pipeline.evidence import Evidence
from retarget.progress import Progress, silent
from retarget.smpl_motion import SmplMotion


class Estimator(Protocol):
    """Turns what was seen of a person into a motion in the world."""

    name: str
    """Key in ``ESTIMATORS``."""
    version: int
    """Raised whenever the same evidence and config give another motion."""
    config: Any
    """The frozen dataclass it was made from."""

    def estimate(self, evidence: Evidence, body: SkinnedBody, progress: Progress = silent) -> SmplMotion:
        """Return a motion of ``body`` in a z-up world whose floor is z = 0, at the evidence's frame rate.

        Raises:
            PipelineError: The evidence does not allow it; the message says why.
        """
        ...


ESTIMATORS: dict[str, tuple[type[Any], Callable[[Any], Estimator]]] = {
    "landmark": (LandmarkConfig, LandmarkEstimator),
}
"""Name -> the config's type, and what makes an estimator from such a config."""
