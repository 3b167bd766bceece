"""Measures what is said of the camera against rendered trials: its rotation, zoom and shake, and the time it takes.

    python -m benchmarks.camera FOLDER [--json FILE]

The trials are rendered into FOLDER where they are not there yet. People are masked where they truly are, so that only
the tracking of the background is measured.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Bool, Float, UInt8

from benchmarks.report import Figure, parser, report
from benchmarks.trials import Trial, render_trial
from pipeline.camera import CameraPath
from pipeline.kfbench import metrics
from pipeline.video.camera_rotation import CameraMotion, CameraRotationTracker
from pipeline.video.config import VideoConfig
from pipeline.video.decode import decode_frames

Boxes = Sequence[Sequence[Float[np.ndarray, " 4"]]]


def main() -> None:
    """Measure and report."""
    options = parser(__doc__)
    options.add_argument("folder", type=Path)
    chosen = options.parse_args()
    trials = {name: render_trial(name, chosen.folder) for name in ("pan", "pan_move", "zoom", "shake")}
    report([*rotation_figures(trials), *flag_figures(trials), *time_figures(trials)], chosen.json)


def rotation_figures(trials: dict[str, Trial]) -> list[Figure]:
    """Largest error of the rotation, with the true focal length and with one that is a fifth too short or long."""
    figures = []
    for name, trial in trials.items():
        for suffix, factor in (("", 1.0), ("_focal_minus_20", 0.8), ("_focal_plus_20", 1.2)):
            truth = true_camera(trial)
            K = truth.K * np.array([[factor, 1, 1], [1, factor, 1], [1, 1, 1]])
            error = camera_max_deg(trial.video, truth, K, boxes=true_boxes(trial))
            bar = "<= 0.5" if name.startswith("pan") and factor == 1.0 else ""
            key = f"camera_max_deg_{name}{suffix}"
            figures.append(Figure(key=key, value=error, unit="deg", meaning="rotation, worst frame", bar=bar))
    return figures


def flag_figures(trials: dict[str, Trial]) -> list[Figure]:
    """Recall and precision of zoom and shake, each where it is planted and in all trials together."""
    found = {name: follow_camera(t.video, true_camera(t).K, boxes=true_boxes(t)) for name, t in trials.items()}
    figures = []
    for fault, flag in (("zoom", "zooming"), ("shake", "shaken")):
        planted = {name: trial.faults.get(fault, np.zeros(len(trial.zoom), bool)) for name, trial in trials.items()}
        said = np.concatenate([getattr(found[name], flag) for name in trials])
        recall, precision = recall_and_precision(said, np.concatenate(list(planted.values())))
        figures += [
            Figure(key=f"{fault}_recall", value=recall, unit="", meaning=f"frames of the {fault} found"),
            Figure(
                key=f"{fault}_precision", value=precision, unit="", meaning="over all four trials, one frame's grace"
            ),
        ]
    error = 100 * float(np.abs(found["zoom"].zoom / trials["zoom"].zoom - 1.0).max())
    figures.append(Figure(key="zoom_max_percent", value=error, unit="%", meaning="focal length, worst frame"))
    return figures


def time_figures(trials: dict[str, Trial]) -> list[Figure]:
    """Processor time per picture of following the background, without decoding and shrinking."""
    figures = []
    for name, trial in trials.items():
        pictures = list(gray_pictures(trial.video, VideoConfig().camera_side_px))
        boxes = shrunken(true_boxes(trial), pictures[0].shape[1] / trial.image_size[0])
        start = time.process_time()
        _follow(pictures, _shrunken_intrinsics(true_camera(trial).K, pictures[0].shape[1] / trial.image_size[0]), boxes)
        spent = 1e3 * (time.process_time() - start) / len(pictures)
        figures.append(Figure(key=f"camera_ms_{name}", value=spent, unit="ms", meaning="processor time a picture"))
    return figures


def camera_max_deg(video: Path, truth: CameraPath, K: Float[np.ndarray, "3 3"], *, boxes: Boxes | None = None) -> float:
    """Return the largest error of the camera's rotation since the first picture [deg].

    Args:
        video: What the camera filmed, one shot.
        truth: Where it was in every picture.
        K: Intrinsics to assume [px].
        boxes: Everything that moves by itself, for every picture; nothing if not given [px].
    """
    found = follow_camera(video, K, boxes=boxes)
    return metrics.camera_error_deg(found.R_w2c, truth.R_w2c[: len(found.R_w2c)])


def follow_camera(video: Path, K: Float[np.ndarray, "3 3"], *, boxes: Boxes | None = None) -> CameraMotion:
    """Return what the tracker says of a video of one shot, at the size in which the front end looks at it."""
    side_px = VideoConfig().camera_side_px
    pictures = list(gray_pictures(video, side_px))
    boxes = [[] for _ in pictures] if boxes is None else boxes
    ratio = side_px / (2.0 * max(K[0, 2], K[1, 2]))
    return _follow(pictures, _shrunken_intrinsics(K, ratio), shrunken(boxes, ratio))


def recall_and_precision(
    said: Bool[np.ndarray, " frames"], planted: Bool[np.ndarray, " frames"]
) -> tuple[float, float]:
    """Return the share of planted frames that were found, and of those said that were planted or next to it."""
    near = planted | np.roll(planted, 1) | np.roll(planted, -1)
    return float((said & planted).sum() / max(1, planted.sum())), float((said & near).sum() / max(1, said.sum()))


def true_camera(trial: Trial) -> CameraPath:
    """Return the camera of a trial that has but one."""
    assert trial.camera is not None, f"{trial.name} is not filmed by one camera"
    return trial.camera


def true_boxes(trial: Trial) -> Boxes:
    """Return the boxes of the true keypoints of everybody in a picture [px]."""
    return [
        [np.concatenate([p.kp2d[k].min(axis=0), p.kp2d[k].max(axis=0)]) for p in trial.people if p.present[k]]
        for k in range(len(trial.zoom))
    ]


def shrunken(boxes: Boxes, ratio: float) -> Boxes:
    """Return boxes in a picture shrunk by a ratio [px]."""
    return [[box * ratio for box in here] for here in boxes]


def gray_pictures(video: Path, side_px: int) -> Iterator[UInt8[np.ndarray, "height width"]]:
    """Yield the pictures of a video as the front end shows them to the camera's tracker."""
    for frame in decode_frames(video):
        height, width = frame.rgb.shape[:2]
        ratio = min(1.0, side_px / max(height, width))
        size = round(width * ratio), round(height * ratio)
        yield cv2.cvtColor(cv2.resize(frame.rgb, size, interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY)


def _follow(pictures: Sequence[UInt8[np.ndarray, "height width"]], K: np.ndarray, boxes: Boxes) -> CameraMotion:
    tracker = CameraRotationTracker(K)
    for picture, here in zip(pictures, boxes, strict=True):
        tracker.update(picture, here)
    return tracker.finish()


def _shrunken_intrinsics(K: Float[np.ndarray, "3 3"], ratio: float) -> Float[np.ndarray, "3 3"]:
    return np.diag([ratio, ratio, 1.0]) @ K


if __name__ == "__main__":
    main()
