"""Turns a picture into people and their 33 landmarks, with BlazePose's two networks on LiteRT.

The steps are those of MediaPipe's published pose graph: detector on the letterboxed picture, a turned square round one
person, landmark network on the square, refinement of each landmark on its heat map. The networks are deterministic:
the same picture and square give the same bits whatever the number of threads.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from ai_edge_litert.interpreter import Interpreter
from jaxtyping import Float, UInt8

from pipeline.video.models import BlazePoseModels
from pipeline.video.roi import Roi
from pipeline.video.ssd import INPUT_SIZE, Detection, anchor_centers, decode_detections, sigmoid

CROP_SIZE = 256
"""Side of the square the landmark network looks at [px]."""

N_LANDMARKS = 33
"""Landmarks of the body; the network adds six auxiliary ones, of which 33 and 34 place the next frame's square."""

_HEAT_WINDOW = 7
_HEAT_MIN = 0.5


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pose:
    """One person in one picture."""

    score: float
    """The network's confidence that a person is in the square, in [0, 1]."""
    roi: Roi
    """The square the landmarks were read in."""
    next_roi: Roi
    """The square in which to look for the same person in the next picture."""
    landmarks: Float[np.ndarray, "33 2"]
    """Position on the picture [px]."""
    visibility: Float[np.ndarray, " 33"]
    """Probability that a landmark is not hidden."""
    presence: Float[np.ndarray, " 33"]
    """Probability that a landmark lies inside the picture."""
    landmarks_w: Float[np.ndarray, "33 3"]
    """Metres of an average body, origin between the hips, camera axes."""

    @property
    def box(self) -> Float[np.ndarray, " 4"]:
        """Tight box x0, y0, x1, y1 round all landmarks [px]; reaches outside the picture where they do."""
        return np.concatenate([self.landmarks.min(axis=0), self.landmarks.max(axis=0)])


class _Network:
    """One tflite file, ready to run; not to be shared between threads."""

    def __init__(self, path: Path, threads: int) -> None:
        self._interpreter = Interpreter(model_path=str(path), num_threads=threads)
        self._interpreter.allocate_tensors()
        self._input = self._interpreter.get_input_details()[0]["index"]
        self._outputs = {d["name"]: d["index"] for d in self._interpreter.get_output_details()}

    def __call__(self, image: Float[np.ndarray, "height width 3"]) -> dict[str, np.ndarray]:
        """Return the outputs by name, without their batch dimension."""
        self._interpreter.set_tensor(self._input, image[None])
        self._interpreter.invoke()
        return {name: self._interpreter.get_tensor(index)[0] for name, index in self._outputs.items()}


class BlazePose:
    """Both networks. Keeps no memory of earlier pictures; one instance serves one thread."""

    def __init__(self, models: BlazePoseModels, *, threads: int = 1) -> None:
        """Load the networks.

        Args:
            models: The checked files.
            threads: CPU threads each network computes with.
        """
        self._detector = _Network(models.detector, threads)
        self._landmarker = _Network(models.landmarker, threads)
        self._anchors = anchor_centers()

    def detect(self, rgb: UInt8[np.ndarray, "height width 3"], *, min_score: float = 0.5) -> list[Detection]:
        """Return the people the detector finds, best first, in pixels of the picture."""
        boxed, scale, offset = letterbox(rgb)
        out = self._detector(boxed)
        found = decode_detections(out["Identity"], out["Identity_1"][:, 0], self._anchors, min_score)
        return [
            Detection(
                score=person.score,
                box=(person.box - np.tile(offset, 2)) / scale,
                points=(person.points - offset) / scale,
            )
            for person in found
        ]

    def landmarks(self, rgb: UInt8[np.ndarray, "height width 3"], roi: Roi) -> Pose:
        """Return the landmarks of the person in a square; look at its score before believing them."""
        crop_to_image = roi.crop_to_image(CROP_SIZE)
        crop = cv2.warpAffine(
            rgb,
            crop_to_image,
            (CROP_SIZE, CROP_SIZE),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        )
        out = self._landmarker(crop.astype(np.float32) / np.float32(255.0))
        rows = out["Identity"].reshape(-1, 5).astype(np.float64)
        on_crop = refine_on_heatmaps(rows[:, :2], out["Identity_3"])
        on_image = on_crop @ crop_to_image[:, :2].T + crop_to_image[:, 2]
        metric = out["Identity_4"].reshape(-1, 3)[:N_LANDMARKS].astype(np.float64)
        metric[:, :2] = metric[:, :2] @ roi.rotation().T
        return Pose(
            score=float(out["Identity_1"][0]),
            roi=roi,
            next_roi=Roi.from_alignment_points(on_image[N_LANDMARKS], on_image[N_LANDMARKS + 1]),
            landmarks=on_image[:N_LANDMARKS],
            visibility=sigmoid(rows[:N_LANDMARKS, 3]),
            presence=sigmoid(rows[:N_LANDMARKS, 4]),
            landmarks_w=metric,
        )


def letterbox(
    rgb: UInt8[np.ndarray, "height width 3"],
) -> tuple[Float[np.ndarray, "224 224 3"], float, Float[np.ndarray, " 2"]]:
    """Fit a picture into the detector's square and range [-1, 1], black around it.

    Returns:
        The square, pixels of it per pixel of the picture, and where the picture's corner lies in it [px].
    """
    height, width = rgb.shape[:2]
    scale = INPUT_SIZE / max(height, width)
    fit_w, fit_h = max(1, round(width * scale)), max(1, round(height * scale))
    left, top = (INPUT_SIZE - fit_w) // 2, (INPUT_SIZE - fit_h) // 2
    square = np.full((INPUT_SIZE, INPUT_SIZE, 3), -1.0, dtype=np.float32)
    small = cv2.resize(rgb, (fit_w, fit_h), interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    square[top : top + fit_h, left : left + fit_w] = small / np.float32(127.5) - np.float32(1.0)
    return square, scale, np.array([left, top], dtype=np.float64)


def refine_on_heatmaps(
    points: Float[np.ndarray, "points 2"], heatmaps: Float[np.ndarray, "cells cells points"]
) -> Float[np.ndarray, "points 2"]:
    """Move each point of the crop to the centre of mass of its heat map's 7 x 7 cells around it.

    A point outside the crop, or on a heat map that is nowhere sure (all below one half), stays where it is.

    Args:
        points: Positions on the crop [px].
        heatmaps: Logits, one map a point.
    """
    cells = heatmaps.shape[0]
    center = np.trunc(points * (cells / CROP_SIZE)).astype(np.int64)
    inside = ((center >= 0) & (center < cells)).all(axis=1)
    reach = np.arange(_HEAT_WINDOW) - _HEAT_WINDOW // 2
    cols, rows = center[:, :1] + reach, center[:, 1:] + reach
    usable = ((rows >= 0) & (rows < cells))[:, :, None] & ((cols >= 0) & (cols < cells))[:, None, :]
    logits = heatmaps[
        np.clip(rows, 0, cells - 1)[:, :, None],
        np.clip(cols, 0, cells - 1)[:, None, :],
        np.arange(len(points))[:, None, None],
    ]
    heat = sigmoid(logits) * usable
    total = heat.sum(axis=(1, 2))
    sure = inside & (heat.max(axis=(1, 2)) >= _HEAT_MIN)
    refined = np.stack([(heat * cols[:, None, :]).sum(axis=(1, 2)), (heat * rows[:, :, None]).sum(axis=(1, 2))], axis=1)
    refined *= (CROP_SIZE / cells) / np.maximum(total, 1e-12)[:, None]
    return np.where(sure[:, None], refined, points)
