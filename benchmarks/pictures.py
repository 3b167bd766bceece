"""Measures how well cuts are found in the montage trial, and what looking for them costs next to decoding."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.trials import Trial, load_trial
from pipeline.video.decode import decode_frames
from pipeline.video.pictures import mark_pictures

MONTAGE = "montage"
"""Trial with cuts, and with a fast pan, a flash, somebody close and a zoom that are none."""

_HALF_A_PICTURE = 0.5
_MAX_SIDE_PX = 1280  # what the front end looks at
_RUNS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class CutFigures:
    """How found cuts agree with the true ones: a cut counts only at its very picture."""

    recall: float
    """Share of the true cuts that were found; 1 where there are none."""
    precision: float
    """Share of the found cuts that are true; 1 where none was found."""
    missed_s: tuple[float, ...]
    """Times of true cuts that were not found [s]."""
    invented_s: tuple[float, ...]
    """Times of found cuts that are none [s]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkingCost:
    """What marking costs a picture, each the least of several runs on this machine."""

    marking_ms: float
    """Marking a picture that is decoded, on one core [ms]."""
    decoding_ms: float
    """Decoding one, on FFmpeg's threads [ms]."""

    @property
    def ratio(self) -> float:
        """Marking next to decoding: this travels between machines, milliseconds do not."""
        return self.marking_ms / self.decoding_ms


def cut_figures(trial: Trial) -> CutFigures:
    """Look for the cuts of a rendered trial."""
    frames = decode_frames(trial.video, max_side_px=_MAX_SIDE_PX)
    found = [picture.frame.time_s for picture in mark_pictures(frames) if picture.starts_shot]
    return compare_cuts(found[1:], trial.cut_times_s, tolerance_s=_HALF_A_PICTURE / trial.fps)


def compare_cuts(found_s: Iterable[float], true_s: Iterable[float], *, tolerance_s: float) -> CutFigures:
    """Pair found cuts with true ones."""
    found, true = np.array(sorted(found_s)), np.array(sorted(true_s))
    agrees = np.abs(found[:, None] - true[None, :]) <= tolerance_s
    was_found, is_true = agrees.any(axis=0), agrees.any(axis=1)
    return CutFigures(
        recall=float(was_found.mean()) if len(true) else 1.0,
        precision=float(is_true.mean()) if len(found) else 1.0,
        missed_s=tuple(float(t) for t in true[~was_found]),
        invented_s=tuple(float(t) for t in found[~is_true]),
    )


def marking_cost(video: Path, *, n_frames: int = 150) -> MarkingCost:
    """Time decoding and marking in the same run, so that their ratio does not depend on what else the machine does."""
    marking, decoding = [], []
    for _ in range(_RUNS):
        start = time.perf_counter()
        source = decode_frames(video, max_side_px=_MAX_SIDE_PX, interlaced=False)
        frames = [frame for frame, _ in zip(source, range(n_frames), strict=False)]
        source.close()
        decoded = time.perf_counter()
        for _ in mark_pictures(frame for frame in frames):
            pass
        marking.append((time.perf_counter() - decoded) / len(frames))
        decoding.append((decoded - start) / len(frames))
    return MarkingCost(marking_ms=1e3 * min(marking), decoding_ms=1e3 * min(decoding))


def main() -> None:
    """Print the figures of the montage rendered into the folder named as the first argument."""
    trial = load_trial(MONTAGE, Path(sys.argv[1]))
    figures, cost = cut_figures(trial), marking_cost(trial.video)
    print(f"cut_recall {figures.recall:.3f} of {len(trial.cut_times_s)}, cut_precision {figures.precision:.3f}")
    print(f"missed at {figures.missed_s} s, invented at {figures.invented_s} s")
    print(f"marking {cost.marking_ms:.2f} ms a picture, {cost.ratio:.2f} of decoding's {cost.decoding_ms:.2f} ms")


if __name__ == "__main__":
    main()
