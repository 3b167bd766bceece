"""Turns the true places of a person's points before a camera into what BlazePose would say of them.

The errors have the size, memory and company that were measured (docs/detector-noise.md): they grow with speed,
distance and a turned back, neighbours err together, and confidence knows only part of it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float

from pipeline.synthetic.disturbance import Disturbance, draw_disturbance, wander
from pipeline.synthetic.point_sets import KEYPOINTS, LANDMARK_KEYPOINT, LANDMARKS, LIMBS, PointSet
from pipeline.synthetic.processes import wandering
from pipeline.synthetic.situation import Situation, situation
from pipeline.synthetic.tables import (
    BLAZEPOSE_TABLES,
    DetectorTables,
    SurenessTable,
    blazepose_tables,
    read_tables,
)
from robots.exceptions import InvalidArray

_BEHIND_M = 0.05
"""What lies nearer than this to the camera's plane is not seen [m]."""
_FARTHEST = 3.0
"""No point is reported farther outside than so many pictures' diagonals."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Seen:
    """What a detector says of clips, keypoints and landmarks failing together."""

    keypoints: Float[np.ndarray, "*batch frames 21 3"]
    """COCO-17, heels, toes: x, y [px] and confidence."""
    trust: Float[np.ndarray, "*batch frames 21"]
    """As ``Evidence.kp_trust``."""
    landmarks: Float[np.ndarray, "*batch frames 33 3"]
    """As ``Evidence.landmarks_w``."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DetectorModel:
    """A detector with measured errors; keeps no state, so that one serves any number of clips."""

    tables: DetectorTables
    """What was measured."""
    noise: float = 1.0
    """By how much all errors are multiplied; 0 reports the truth."""

    def scaled(self, noise: float) -> DetectorModel:
        """Return the same detector with so many times its errors; its faults (exchanged, lost limbs) end at 0.

        Raises:
            InvalidArray: The factor is negative or not finite.
        """
        if not (np.isfinite(noise) and noise >= 0):
            raise InvalidArray("noise", problem=f"must be zero or more, got {noise}")
        return replace(self, noise=float(noise))

    def disturbance(
        self,
        batch: tuple[int, ...],
        n_frames: int,
        *,
        fps: float,
        rng: np.random.Generator,
        hidden: Bool[np.ndarray, "*batch frames 21"] | None = None,
    ) -> Disturbance:
        """Draw what goes wrong, to be given to :meth:`keypoints` and :meth:`landmarks` of the same clips.

        Args:
            batch: Number of clips, in as many dimensions as one likes.
            n_frames: Length of each.
            fps: Frames a second [1/s].
            rng: Source of chance.
            hidden: Keypoints that something hides; see :mod:`pipeline.synthetic.occlusion`.
        """
        return draw_disturbance(self.tables, batch, n_frames, fps=fps, rng=rng, hidden=hidden)

    def detect(
        self,
        keypoints_c: Float[np.ndarray, "*batch frames 21 3"],
        landmarks_c: Float[np.ndarray, "*batch frames 33 3"],
        *,
        focal_px: Float[np.ndarray, "*batch"] | float,
        principal_px: Float[np.ndarray, "*batch 2"],
        image_size: Float[np.ndarray, "*batch 2"] | tuple[int, int],
        fps: float,
        rng: np.random.Generator,
        hidden: Bool[np.ndarray, "*batch frames 21"] | None = None,
    ) -> Seen:
        """Report keypoints and landmarks of the same clips, which fail at the same moments.

        Args:
            keypoints_c: True places in camera axes [m].
            landmarks_c: The same of BlazePose's 33 points; see :func:`landmark_regressor`.
            focal_px: Focal length [px].
            principal_px: Principal point [px].
            image_size: Width and height [px].
            fps: Frames a second [1/s].
            rng: Source of chance.
            hidden: Keypoints that something hides; see :mod:`pipeline.synthetic.occlusion`.
        """
        *batch, n_frames, _, _ = np.shape(keypoints_c)
        what = self.disturbance(tuple(batch), n_frames, fps=fps, rng=rng, hidden=hidden)
        keypoints, trust = self.keypoints(
            keypoints_c, focal_px=focal_px, principal_px=principal_px, image_size=image_size, fps=fps, rng=rng,
            disturbance=what,
        )  # fmt: skip
        landmarks = self.landmarks(landmarks_c, focal_px=focal_px, fps=fps, rng=rng, disturbance=what)
        return Seen(keypoints=keypoints, trust=trust, landmarks=landmarks)

    def keypoints(
        self,
        points_c: Float[np.ndarray, "*batch frames 21 3"],
        *,
        focal_px: Float[np.ndarray, "*batch"] | float,
        principal_px: Float[np.ndarray, "*batch 2"],
        image_size: Float[np.ndarray, "*batch 2"] | tuple[int, int],
        fps: float,
        rng: np.random.Generator,
        disturbance: Disturbance | None = None,
    ) -> tuple[Float[np.ndarray, "*batch frames 21 3"], Float[np.ndarray, "*batch frames 21"]]:
        """Report COCO-17 keypoints, heels and toes.

        What is behind the camera or reported outside the picture has no confidence.

        Args:
            points_c: True places in camera axes [m].
            focal_px: Focal length [px].
            principal_px: Principal point [px].
            image_size: Width and height [px].
            fps: Frames a second [1/s].
            rng: Source of chance.
            disturbance: What goes wrong; drawn if left out.

        Returns:
            x, y [px] and confidence, and the trust in [0, 1] of each.

        Raises:
            InvalidArray: The points are not finite or there are not 21 of them.
        """
        points_c = _checked(points_c, len(KEYPOINTS.names))
        batch, n_frames = points_c.shape[:-3], points_c.shape[-3]
        what = disturbance or self.disturbance(batch, n_frames, fps=fps, rng=rng)
        focal = np.broadcast_to(np.asarray(focal_px, dtype=np.float64), batch)
        view = situation(points_c, KEYPOINTS, focal_px=focal, fps=fps)
        depth = np.maximum(points_c[..., 2:], _BEHIND_M)
        principal = np.broadcast_to(np.asarray(principal_px, dtype=np.float64), (*batch, 2))
        size = np.broadcast_to(np.asarray(image_size, dtype=np.float64), (*batch, 2))
        pixels = focal[..., None, None, None] * points_c[..., :2] / depth + principal[..., None, None, :]
        drag = (self.noise * self.tables.faults.lost_size) * view.height_px[..., None, None] * what.drag[..., :2]
        pixels = self._with_faults(pixels, what, drag, KEYPOINTS)
        pixels += view.height_px[..., None, None] * self.noise * self._keypoint_error(view, what)
        diagonal = np.linalg.norm(size, axis=-1)[..., None, None, None]
        centre = 0.5 * size[..., None, None, :]
        pixels = centre + np.clip(pixels - centre, -_FARTHEST * diagonal, _FARTHEST * diagonal)
        seen = (points_c[..., 2] > _BEHIND_M) & (pixels >= 0).all(axis=-1) & (pixels < size[..., None, None, :]).all(-1)
        confidence = 1.0 / (1.0 + np.exp(-self._sureness(self.tables.confidence, view, what, fps, rng)))
        trust = np.clip(self._sureness(self.tables.trust, view, what, fps, rng), 0.0, 1.0) * (
            points_c[..., 2] > _BEHIND_M
        )
        return np.concatenate([pixels, (confidence * seen)[..., None]], axis=-1), trust

    def landmarks(
        self,
        points_c: Float[np.ndarray, "*batch frames 33 3"],
        *,
        fps: float,
        rng: np.random.Generator,
        focal_px: Float[np.ndarray, "*batch"] | float = 1000.0,
        disturbance: Disturbance | None = None,
    ) -> Float[np.ndarray, "*batch frames 33 3"]:
        """Report BlazePose's "world" landmarks: metres of an average body about the hips, in camera axes.

        Args:
            points_c: True places in camera axes [m].
            fps: Frames a second [1/s].
            rng: Source of chance.
            focal_px: Focal length, which tells how large the person is in the picture [px].
            disturbance: What goes wrong; drawn if left out.

        Raises:
            InvalidArray: The points are not finite or there are not 33 of them.
        """
        points_c = _checked(points_c, len(LANDMARKS.names))
        batch, n_frames, tables = points_c.shape[:-3], points_c.shape[-3], self.tables
        what = disturbance or self.disturbance(batch, n_frames, fps=fps, rng=rng)
        focal = np.broadcast_to(np.asarray(focal_px, dtype=np.float64), batch)
        view = situation(points_c, LANDMARKS, focal_px=focal, fps=fps)
        size = (
            tables.average_stature / view.stature * np.exp(self.noise * tables.size_spread * rng.standard_normal(batch))
        )
        hips = points_c[..., LANDMARKS.index("left_hip", "right_hip"), :].mean(axis=-2, keepdims=True)
        about = (points_c - hips) * size[..., None, None, None]
        about[..., 2] *= 1.0 + min(self.noise, 1.0) * (tables.depth_gain - 1.0)
        drag = (self.noise * tables.faults.lost_size * tables.average_stature) * what.drag
        about = self._with_faults(about, what, drag, LANDMARKS)
        about += self.noise * self._landmark_error(view, what, fps, rng)
        return about - about[..., LANDMARKS.index("left_hip", "right_hip"), :].mean(axis=-2, keepdims=True)

    def _keypoint_error(self, view: Situation, what: Disturbance) -> np.ndarray:
        table = self.tables.keypoints
        size = np.exp(_weighed(view, table.log_scale) + table.unrest * what.unrest) * self._hidden_factor(what)
        return table.bias * what.bias + table.axis_scale * size[..., None] * what.wander

    def _landmark_error(self, view: Situation, what: Disturbance, fps: float, rng: np.random.Generator) -> np.ndarray:
        table, keypoint, shared = self.tables.landmarks, np.array(LANDMARK_KEYPOINT), self.tables.shared
        shape = view.covariates.shape[:-1]
        own = wander(table.correlation, table.slow_share, shape, 3, lasting_s=table.slow_s, fps=fps, rng=rng)
        own[..., :2] *= np.sqrt(1.0 - shared**2)
        own[..., :2] += shared * what.wander[..., keypoint, :]
        size = np.exp(_weighed(view, table.log_scale) + table.unrest * what.unrest[..., keypoint])
        size *= self._hidden_factor(what)[..., keypoint]
        bias = rng.standard_normal((*shape[:-2], 1, shape[-1], 3))
        return table.bias * bias + table.axis_scale * size[..., None] * own

    def _hidden_factor(self, what: Disturbance) -> np.ndarray:
        return np.where(what.hidden, self.tables.faults.hidden_factor, 1.0)

    def _with_faults(
        self,
        values: Float[np.ndarray, "*batch frames points axes"],
        what: Disturbance,
        drag: Float[np.ndarray, "*batch frames 4 axes"],
        points: PointSet,
    ) -> Float[np.ndarray, "*batch frames points axes"]:
        """Exchange left and right where they are swapped, then drag lost limbs away, their middles half as far."""
        if self.noise == 0.0:
            return values
        out = values.copy()
        for pair, kind in enumerate(("arm", "leg")):
            left, right = (points.index(*points.with_root(f"{side}_{kind}")) for side in ("left", "right"))
            swapped = what.swapped[..., pair, None, None]
            out[..., left, :] = np.where(swapped, values[..., right, :], values[..., left, :])
            out[..., right, :] = np.where(swapped, values[..., left, :], values[..., right, :])
        for number, limb in enumerate(LIMBS):
            members = points.limb(limb)
            share = np.where(np.arange(len(members)) == 0, 0.5, 1.0)
            out[..., members, :] += share[:, None] * drag[..., number, None, :]
        return out

    def _sureness(
        self, table: SurenessTable, view: Situation, what: Disturbance, fps: float, rng: np.random.Generator
    ) -> np.ndarray:
        own = wandering(what.unrest.shape, lasting_s=table.spread_s, fps=fps, rng=rng)
        latent = _weighed(view, table.weights) + table.of_unrest * what.unrest + table.spread * own
        return latent + table.hidden * what.hidden


def load_detector_model(path: Path = BLAZEPOSE_TABLES) -> DetectorModel:
    """Load a detector; without a path BlazePose as measured.

    Raises:
        InvalidDetectorTables: The file is missing, damaged or lacks a number.
    """
    return DetectorModel(tables=blazepose_tables() if path == BLAZEPOSE_TABLES else read_tables(path))


def _weighed(view: Situation, weights: Float[np.ndarray, "points 7"]) -> Float[np.ndarray, "*batch frames points"]:
    return (view.covariates * weights).sum(axis=-1)


def _checked(points_c: np.ndarray, n_points: int) -> Float[np.ndarray, "*batch frames points 3"]:
    points_c = np.asarray(points_c, dtype=np.float64)
    if points_c.ndim < 3 or points_c.shape[-2:] != (n_points, 3) or points_c.shape[-3] < 1:
        raise InvalidArray("points_c", problem=f"has shape {points_c.shape}, expected (..., frames, {n_points}, 3)")
    if not np.isfinite(points_c).all():
        raise InvalidArray("points_c", problem="holds NaN or infinity")
    return points_c
