"""The door from evidence to human motion: what every estimator offers, and which ones there are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from pipeline.body import SkinnedBody
from pipeline.estimators.gvhmr.config import GvhmrConfig
from pipeline.estimators.gvhmr.gvhmr_estimator import GvhmrEstimator
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

    @property
    def trained_on(self) -> frozenset[str]:
        """Names of the clips that it learned from; empty where nothing was learned."""
        ...

    @property
    def data_sha256(self) -> str:
        """Hash of what it learned; empty where nothing was learned."""
        ...

    @property
    def licences(self) -> tuple[str, ...]:
        """Terms that what it learned puts its motions under."""
        ...

    def estimate(self, evidence: Evidence, body: SkinnedBody, progress: Progress = silent) -> SmplMotion:
        """Return a motion of ``body`` in a z-up world whose floor is z = 0, at the evidence's frame rate.

        Raises:
            PipelineError: The evidence does not allow it; the message says why.
        """
        ...


ESTIMATORS: dict[str, tuple[type[Any], Callable[[Any], Estimator]]] = {
    "landmark": (LandmarkConfig, LandmarkEstimator),
    "gvhmr": (GvhmrConfig, GvhmrEstimator),
}
"""Name -> the config's type, and what makes an estimator from such a config."""
