"""Turns the true places of a person's points before a camera into what BlazePose would say of them.

The errors have the size, memory and company that were measured (docs/detector-noise.md): they grow with speed,
distance and a turned back, neighbours err together, and confidence knows only part of it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float

from pipeline.synthetic.disturbance import Disturbance, draw_disturbance
from pipeline.synthetic.point_sets import BONES, KEYPOINTS, LANDMARK_KEYPOINT, LANDMARKS, LIMBS, PointSet
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
        focal = np.broadcast_to(np.asarray(focal_px, dtype=np.float64), batch)
        principal = np.broadcast_to(np.asarray(principal_px, dtype=np.float64), (*batch, 2))[..., None, None, :]
        size = np.broadcast_to(np.asarray(image_size, dtype=np.float64), (*batch, 2))[..., None, None, :]
        what = disturbance or self.disturbance(batch, n_frames, fps=fps, rng=rng)
        view = situation(points_c, KEYPOINTS, focal_px=focal, fps=fps)
        height_px = view.height_px[..., None, None]
        before = points_c[..., 2] > _BEHIND_M
        offset = (self._grip() * view.stature)[..., None, None, None] * (self.tables.offset @ view.trunk_c)
        pixels = _project(points_c + offset, focal, principal)
        unseen = what.hidden | ~before | ~_inside(pixels, size)
        drag = self.tables.faults.lost_size * height_px * what.drag[..., :2]
        pixels, faulty = self._with_faults(pixels, view, what, drag, KEYPOINTS)
        pixels += height_px * self.noise * self._keypoint_error(view, what, unseen)
        reach = _FARTHEST * np.linalg.norm(size, axis=-1, keepdims=True)
        pixels = 0.5 * size + np.clip(pixels - 0.5 * size, -reach, reach)
        confidence = 1.0 / (1.0 + np.exp(-_latent(self.tables.confidence, view, what, what.confidence, unseen, faulty)))
        confidence *= before & _inside(pixels, size)
        trust = np.clip(_latent(self.tables.trust, view, what, what.trust, unseen, faulty), 0.0, 1.0) * before
        return np.concatenate([pixels, confidence[..., None]], axis=-1), trust

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
        focal = np.broadcast_to(np.asarray(focal_px, dtype=np.float64), batch)
        what = disturbance or self.disturbance(batch, n_frames, fps=fps, rng=rng)
        view = situation(points_c, LANDMARKS, focal_px=focal, fps=fps)
        gains = 1.0 + self._grip() * (tables.bone_gain - 1.0)
        size = tables.average_stature / view.stature[..., None, None]
        size = size * np.exp(self.noise * tables.size_spread * what.landmark_size)
        about = size[..., None] * with_bones(points_c, gains)
        drag = tables.faults.lost_size * tables.average_stature * what.drag
        about, _ = self._with_faults(about, view, what, drag, LANDMARKS)
        about += self.noise * self._landmark_error(view, what)
        return about - about[..., LANDMARKS.index("left_hip", "right_hip"), :].mean(axis=-2, keepdims=True)

    def _grip(self) -> float:
        """How much of what is always the same about the detector's errors is made: it does not grow with the noise."""
        return min(self.noise, 1.0)

    def _keypoint_error(self, view: Situation, what: Disturbance, unseen: np.ndarray) -> np.ndarray:
        table = self.tables.keypoints
        size = np.exp(_weighed(view, table.log_scale) + table.unrest * what.unrest)
        size = np.minimum(size, table.largest) * np.where(unseen, self.tables.faults.hidden_factor, 1.0)
        return table.bias * what.bias + table.axis_scale * size[..., None] * what.wander

    def _landmark_error(self, view: Situation, what: Disturbance) -> np.ndarray:
        table, keypoint, shared = self.tables.landmarks, np.array(LANDMARK_KEYPOINT), self.tables.shared
        own = what.landmark_wander.copy()
        own[..., :2] *= np.sqrt(1.0 - shared**2)
        own[..., :2] += shared * what.wander[..., keypoint, :]
        size = np.exp(_weighed(view, table.log_scale) + table.unrest * what.unrest[..., keypoint])
        size = (
            np.minimum(size, table.largest)
            * np.where(what.hidden, self.tables.faults.hidden_factor, 1.0)[..., keypoint]
        )
        return table.bias * what.landmark_bias + table.axis_scale * size[..., None] * own

    def _with_faults(
        self,
        values: Float[np.ndarray, "*batch frames points axes"],
        view: Situation,
        what: Disturbance,
        drag: Float[np.ndarray, "*batch frames 4 axes"],
        points: PointSet,
    ) -> tuple[Float[np.ndarray, "*batch frames points axes"], Bool[np.ndarray, "*batch frames points"]]:
        """Exchange left and right where they are swapped, drag lost limbs away; also return whose fault it shows."""
        faulty = np.zeros(values.shape[:-1], dtype=bool)
        if self.noise == 0.0:
            return values, faulty
        table, out = self.tables.faults, values.copy()
        for pair, (kind, weights) in enumerate(zip(("arm", "leg"), table.swap, strict=True)):
            left, right = (points.index(*points.with_root(f"{side}_{kind}")) for side in ("left", "right"))
            swapped = what.swap[..., pair] < view.covariates_of(left + right, unsigned=True) @ weights
            out[_at(swapped, left + right)] = values[_at(swapped, right + left)]
            faulty[_at(swapped, left + right)] = True
        for number, limb in enumerate(LIMBS):
            limb_points = points.limb(limb).tolist()
            lost = what.loss[..., number] < view.covariates_of(limb_points) @ table.lost[int("leg" in limb)]
            share = np.where(np.arange(len(limb_points)) == 0, table.lost_middle, 1.0)
            out[_at(lost, limb_points)] += self.noise * share[:, None] * drag[..., number, :][lost][:, None]
            faulty[_at(lost, limb_points)] = True
        return out, faulty


def load_detector_model(path: Path = BLAZEPOSE_TABLES) -> DetectorModel:
    """Load a detector; without a path BlazePose as measured.

    Raises:
        InvalidDetectorTables: The file is missing, damaged or lacks a number.
    """
    return DetectorModel(tables=blazepose_tables() if path == BLAZEPOSE_TABLES else read_tables(path))


def with_bones(
    points_c: Float[np.ndarray, "*batch frames 33 3"], gains: Float[np.ndarray, "33 2"]
) -> Float[np.ndarray, "*batch frames 33 3"]:
    """Return landmarks about the middle of the hips [m], each bone made longer across and along the line of sight."""
    hips = points_c[..., LANDMARKS.index("left_hip", "right_hip"), :].mean(axis=-2, keepdims=True)
    across, along = (np.linalg.solve(BONES, gain[:, None] * BONES) for gain in gains.T)
    about = np.swapaxes(points_c - hips, -1, -2)
    longer = [about[..., axis, :] @ gain.T for axis, gain in enumerate((across, across, along))]
    return np.stack(longer, axis=-1)


def _at(frames: Bool[np.ndarray, "*batch frames"], members: list[int]) -> tuple[np.ndarray, ...]:
    """Index of some points in some frames, which are few."""
    return (*(index[:, None] for index in np.nonzero(frames)), np.array(members)[None])


def _project(points_c: np.ndarray, focal: np.ndarray, principal: np.ndarray) -> Float[np.ndarray, "*batch frames 21 2"]:
    return focal[..., None, None, None] * points_c[..., :2] / np.maximum(points_c[..., 2:], _BEHIND_M) + principal


def _inside(pixels: np.ndarray, size: np.ndarray) -> Bool[np.ndarray, "*batch frames 21"]:
    return np.all((pixels >= 0) & (pixels < size), axis=-1)


def _latent(
    table: SurenessTable, view: Situation, what: Disturbance, own: np.ndarray, unseen: np.ndarray, faulty: np.ndarray
) -> Float[np.ndarray, "*batch frames 21"]:
    """How sure the detector is, before it is made a number from 0 to 1."""
    usual = _weighed(view, table.weights) + table.of_unrest * what.unrest + table.spread * own
    return usual + table.hidden * unseen + table.faulty * faulty


def _weighed(view: Situation, weights: Float[np.ndarray, "points 7"]) -> Float[np.ndarray, "*batch frames points"]:
    return np.einsum("...k,...k->...", view.covariates, weights)


def _checked(points_c: np.ndarray, n_points: int) -> Float[np.ndarray, "*batch frames points 3"]:
    points_c = np.asarray(points_c, dtype=np.float64)
    if points_c.ndim < 3 or points_c.shape[-2:] != (n_points, 3) or points_c.shape[-3] < 1:
        raise InvalidArray("points_c", problem=f"has shape {points_c.shape}, expected (..., frames, {n_points}, 3)")
    if not np.isfinite(points_c).all():
        raise InvalidArray("points_c", problem="holds NaN or infinity")
    return points_c
