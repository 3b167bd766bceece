"""What was measured of a detector's errors, as it lies in a file: fields, their units, reading and writing."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, fields
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from pipeline.synthetic.exceptions import InvalidDetectorTables
from pipeline.synthetic.point_sets import KEYPOINTS, LANDMARKS
from pipeline.synthetic.situation import COVARIATES
from robots.arrays import check_settings, checked_array, freeze_fields
from robots.exceptions import InvalidArray

BLAZEPOSE_TABLES = Path(__file__).parent / "data" / "blazepose.json"
"""Measured with ``python -m benchmarks.detector_noise``."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ErrorTable:
    """Errors of a set of points along some axes: a constant, and a wandering one whose size wanders too.

    error = bias + axis_scale * exp(log_scale . covariates + unrest * n) * (sqrt(slow_share) * a + sqrt(1 - slow_share)
    * w), where ``n`` and ``a`` wander with variance 1, ``a`` with ``correlation`` between points, and
    ``w`` remembers but for a moment.
    """

    bias: Float[np.ndarray, "points axes"]
    """Standard deviation over clips of the constant error [statures, or m of the average body]."""
    log_scale: Float[np.ndarray, "points 7"]
    """Natural logarithm of the wandering error's size, per covariate of the situation."""
    axis_scale: Float[np.ndarray, "points axes"]
    """Share of that size along each axis [1]."""
    largest: Float[np.ndarray, " points"]
    """Size that is never exceeded, however odd the situation [statures, or m of the average body]."""
    unrest: Float[np.ndarray, " points"]
    """How much the logarithm of the size wanders of itself [1]."""
    slow_share: Float[np.ndarray, " points"]
    """Share of the wandering error's variance that has a long memory [1]."""
    slow_s: float
    """Memory of that share [s]."""
    smooth_s: float
    """Memory of the filter that makes it smooth from frame to frame [s]."""
    quick_s: float
    """Memory of the rest [s]."""
    correlation: Float[np.ndarray, "axes points points"]
    """Between the points, axis by axis, of the constant error and of the share with a long memory [1]."""
    root: Float[np.ndarray, "axes points points"] = field(init=False)
    """Matrices L with L L^T the correlation."""

    def __post_init__(self) -> None:
        """Check shapes and ranges."""
        dims: dict[str, int] = {}
        n = len(COVARIATES)
        shapes = {
            "bias": ("points", "axes"),
            "log_scale": ("points", n),
            "axis_scale": ("points", "axes"),
            "largest": ("points",),
            "unrest": ("points",),
            "slow_share": ("points",),
            "correlation": ("axes", "points", "points"),
        }
        checked = {k: checked_array(k, getattr(self, k), shape, dims) for k, shape in shapes.items()}
        freeze_fields(self, checked | {"root": _root(checked["correlation"])})
        if (self.slow_share < 0).any() or (self.slow_share > 1).any():
            raise InvalidArray("slow_share", problem="holds a share outside [0, 1]")
        if min(part.min() for part in (self.bias, self.axis_scale, self.unrest, self.largest)) < 0:
            raise InvalidArray("bias, axis_scale, unrest or largest", problem="holds a negative number")
        check_settings(self)


def _root(correlation: np.ndarray) -> np.ndarray:
    """Return L with L L^T the correlation, made positive where rounding left it not quite so."""
    values, vectors = np.linalg.eigh(correlation)
    root = vectors * np.sqrt(np.maximum(values, 0.0))[:, None, :]
    return root / np.maximum(np.linalg.norm(root, axis=2, keepdims=True), 1e-9)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SurenessTable:
    """How sure of each keypoint a detector seems: a number in [0, 1] made of a linear latent one."""

    weights: Float[np.ndarray, "21 7"]
    """What the situation adds, per covariate."""
    of_unrest: Float[np.ndarray, " 21"]
    """What the error's wandering size (one standard deviation) adds: negative where the detector notices."""
    spread: Float[np.ndarray, " 21"]
    """Standard deviation of what wanders apart from all that."""
    spread_s: float
    """Memory of it [s]."""
    hidden: float
    """Added where the point is hidden or truly outside the picture."""
    faulty: float
    """Added where the limb is exchanged or lost."""

    def __post_init__(self) -> None:
        """Check shapes."""
        n, covariates = len(KEYPOINTS.names), len(COVARIATES)
        shapes = {"weights": (n, covariates), "of_unrest": (n,), "spread": (n,)}
        freeze_fields(self, {k: checked_array(k, getattr(self, k), shape) for k, shape in shapes.items()})
        check_settings(self, signed=("hidden", "faulty"))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FaultTable:
    """Spells in which limbs are plainly wrong: the share of time, by the situation, and how long they last.

    A limb is at fault where a course that wanders with variance 1 lies below ``weights . covariates``, the mean over
    its points (probit); for exchanges the mean is over both limbs, and ``far_side`` counts without its sign.
    """

    swap: Float[np.ndarray, "2 7"]
    """Of the exchange of arms and of legs."""
    swap_s: float
    """Memory of the course [s]."""
    lost: Float[np.ndarray, "2 7"]
    """Of one arm, of one leg being somewhere else."""
    lost_s: float
    """Memory of the course [s]."""
    lost_size: float
    """Standard deviation along each axis of how far off the end of a lost limb is [statures]."""
    lost_middle: float
    """Share of that for its middle joint [1]."""
    hidden_factor: float
    """By how much the errors of what is hidden, or truly outside the picture, grow [1]."""

    def __post_init__(self) -> None:
        """Check shapes and ranges."""
        shapes = {"swap": (2, len(COVARIATES)), "lost": (2, len(COVARIATES))}
        freeze_fields(self, {k: checked_array(k, getattr(self, k), shape) for k, shape in shapes.items()})
        check_settings(self)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DetectorTables:
    """All that was measured of a detector."""

    offset: Float[np.ndarray, "21 3"]
    """Where the detector sees each keypoint, from where the body has it: left, up, forward of the trunk [statures]."""
    bone_gain: Float[np.ndarray, "33 2"]
    """Length that a landmark's bone is reported with over its true one, across and along the line of sight [1]."""
    keypoints: ErrorTable
    """Errors across the picture [statures]."""
    landmarks: ErrorTable
    """Errors of the landmarks in camera axes [m of the average body]."""
    unrest_s: float
    """Memory of the errors' wandering size [s]."""
    unrest_smooth_s: float
    """Memory of the filter that makes it smooth from frame to frame [s]."""
    shared: float
    """Correlation of a landmark's lateral error with that of its keypoint [1]."""
    average_stature: float
    """Stature of the body that the landmarks are given for [m]."""
    size_spread: float
    """Standard deviation over clips of the logarithm of the landmarks' size [1]."""
    confidence: SurenessTable
    """Confidence; the latent number is its logit."""
    trust: SurenessTable
    """Trust; the latent number is clipped to [0, 1]."""
    faults: FaultTable
    """Exchanged and lost limbs."""

    def __post_init__(self) -> None:
        """Check sizes and ranges."""
        for table, points, axes in ((self.keypoints, KEYPOINTS, 2), (self.landmarks, LANDMARKS, 3)):
            if table.bias.shape != (len(points.names), axes):
                raise InvalidArray("bias", problem=f"has shape {table.bias.shape}")
        freeze_fields(
            self,
            {
                "offset": checked_array("offset", self.offset, (21, 3)),
                "bone_gain": checked_array("bone_gain", self.bone_gain, (33, 2)),
            },
        )
        check_settings(self, positive=("average_stature",), at_most_one=("shared",))


_PARTS: dict[str, type] = {
    "keypoints": ErrorTable,
    "landmarks": ErrorTable,
    "confidence": SurenessTable,
    "trust": SurenessTable,
    "faults": FaultTable,
}


def read_tables(path: Path = BLAZEPOSE_TABLES) -> DetectorTables:
    """Read a detector's tables.

    Raises:
        InvalidDetectorTables: The file is missing, damaged or lacks a number.
    """
    try:
        document = json.loads(path.read_text())
        parts = {name: kind(**_numbers(document.pop(name))) for name, kind in _PARTS.items()}
        document.pop("remarks", None)
        return DetectorTables(**parts, **_numbers(document))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, InvalidArray) as error:
        raise InvalidDetectorTables(path, problem=f"{type(error).__name__}: {error}".splitlines()[0]) from error


@cache
def blazepose_tables() -> DetectorTables:
    """Return the tables that come with the program; they are immutable."""
    return read_tables()


def _numbers(part: dict[str, Any]) -> dict[str, Any]:
    return {name: np.array(value) if isinstance(value, list) else value for name, value in part.items()}


def document_of(tables: DetectorTables, digits: int = 4) -> dict[str, Any]:
    """Return what :func:`read_tables` reads, with so many significant digits."""

    def rounded(value: Any) -> Any:
        if isinstance(value, np.ndarray):
            return [rounded(item) for item in value]
        return float(f"{float(value):.{digits}g}")

    document: dict[str, Any] = {}
    for entry in fields(tables):
        value = getattr(tables, entry.name)
        if entry.name in _PARTS:
            parts = [part.name for part in fields(value) if part.init]
            document[entry.name] = {part: rounded(getattr(value, part)) for part in parts}
        else:
            document[entry.name] = rounded(value)
    return document
