"""Shows what each step of placing people in the world is worth: one switch of ``GvhmrConfig`` turned at a time.

    python -m benchmarks.gvhmr_world [--weights NAME|FILE] [--mocap DIR] [--clips N] [--seed N] [--json FILE]

Clips are performed before a camera on a tripod and before one that moves, seen through the detector's measured errors,
and estimated with the same weights. Clips that the weights learned from are left out. Without a folder of recordings
the built-in choreographies are performed, a few views of each.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from pathlib import Path
from time import perf_counter

import numpy as np

from benchmarks.report import machine, parser
from pipeline.body import SkinnedBody, load_body
from pipeline.estimators.gvhmr.config import GvhmrConfig
from pipeline.estimators.gvhmr.gvhmr_estimator import GvhmrEstimator
from pipeline.estimators.gvhmr.weights import GvhmrWeights, load_weights
from pipeline.estimators.gvhmr.weights_card import weights_dir
from pipeline.evidence import Evidence
from pipeline.home import Home
from pipeline.kfbench import PIECES, perform
from pipeline.kfbench.bench_cameras import IMAGE_SIZE, MOVING_KINDS, STATIC, sample_camera
from pipeline.kfbench.bench_clips import BenchClip, choose, cut_window, is_seen, list_clips
from pipeline.kfbench.bench_score import METRICS, Tally, score_estimate, summarise
from pipeline.readers import read_motion
from pipeline.synthetic import load_detector_model, observe, sample_occlusions

FPS = 30.0
_WINDOW_S = 10.0
_SHORTEST_FRAMES = 30
_VIEWS = 4
"""How often each built-in choreography is filmed."""


def variants(weights: str) -> dict[str, GvhmrConfig]:
    """Return all settings that are compared: each differs from the first by what its name says."""
    own = GvhmrConfig(weights=weights)

    def other(**switches: object) -> GvhmrConfig:
        return GvhmrConfig(**{"weights": weights, **switches})  # type: ignore[arg-type]

    return {
        "default": own,
        "mirrored_too=false": other(mirrored_too=False),
        "gravity=frame": other(gravity="frame"),
        "gravity=frame yaw=shipped": other(gravity="frame", yaw_chain="shipped"),
        "tilt=camera": other(tilt="camera"),
        "path=velocity": other(path="velocity"),
        "gravity=frame path=velocity": other(gravity="frame", path="velocity"),
        "ground=lowest": other(ground="lowest"),
        "smoothing_s=0": other(smoothing_s=0.0),
        "lock_feet=false": other(lock_feet=False),
        "camera=static": other(camera="static"),
        "camera=moving": other(camera="moving"),
        "camera told": own,
        "original": other(world="original"),
    }


def performed(mocap: Path | None, count: int, weights: GvhmrWeights, body: SkinnedBody, seed: int) -> list[BenchClip]:
    """Return what is performed: recordings that the weights do not know, or choreographies."""
    if mocap is None:
        known = {name: perform(piece, body) for name, piece in PIECES.items() if not is_seen(name, weights.trained_on)}
        views = {f"{name} {view}": motion for name, motion in known.items() for view in range(_VIEWS)}
    else:
        files = [file for file in list_clips(mocap).files if not is_seen(file.name, weights.trained_on)]
        views = {file.name: read_motion(file.path, body, fps=FPS).motion for file in files}
    clips = [
        BenchClip(name=name, motion=cut_window(motion, _WINDOW_S, _chance(seed, name)))
        for name, motion in views.items()
        if len(motion) >= _SHORTEST_FRAMES
    ]
    return choose(clips, count, _chance(seed, "clips"))


def film(clip: BenchClip, kind: str, body: SkinnedBody, seed: int) -> Evidence:
    """Return what the detector says of a clip."""
    rng = _chance(seed, clip.name, kind)
    camera = sample_camera(kind, clip.motion.joints()[0], FPS, rng)
    hidden = sample_occlusions(len(clip.motion) / FPS, rng)
    return observe(clip.motion, body, camera, IMAGE_SIZE, load_detector_model(), rng, occlusions=hidden)


def main() -> None:
    """Run the comparison and print it."""
    options = parser(__doc__)
    options.add_argument("--weights", default="wushu", help="name or file of the weights")
    options.add_argument("--mocap", type=Path, metavar="DIR", help="folder with .bvh or .bvh.gz files")
    options.add_argument("--clips", type=int, default=0, metavar="N", help="at most so many of them; 0 = all")
    options.add_argument("--seed", type=int, default=0)
    arguments = options.parse_args()
    weights = load_weights(arguments.weights, weights_dir(Home.of_user()))
    body = load_body("open", search_dir=Home.of_user().bodies_dir)
    estimators = {name: GvhmrEstimator(config, weights=weights) for name, config in variants(arguments.weights).items()}
    tallies: dict[tuple[str, str], list[Mapping[str, Tally]]] = {}
    seconds = dict.fromkeys(estimators, 0.0)
    frames = 0
    for clip in performed(arguments.mocap, arguments.clips, weights, body, arguments.seed):
        moving = str(_chance(arguments.seed, clip.name, "kind").choice(MOVING_KINDS))
        frames += 2 * len(clip.motion)
        for group, kind in (("static", STATIC), ("moving", moving)):
            evidence = film(clip, kind, body, arguments.seed)
            for variant, estimator in estimators.items():
                if variant == "camera told":
                    still = kind in (STATIC, "pan")
                    told = GvhmrConfig(weights=arguments.weights, camera="static" if still else "moving")
                    estimator.config = told
                begun = perf_counter()
                estimate = estimator.estimate(evidence, body)
                seconds[variant] += perf_counter() - begun
                tallies.setdefault((group, variant), []).append(score_estimate(estimate, clip.motion))
    _print(tallies, {name: spent and frames / FPS / spent for name, spent in seconds.items()}, arguments.json)


def _print(
    tallies: Mapping[tuple[str, str], list[Mapping[str, Tally]]], x_real_time: Mapping[str, float], path: Path | None
) -> None:
    columns = [metric for metric in METRICS if metric.key != "accepted_pct"]
    print(f"machine   {machine()}\n")
    print(f"{'':36}" + "".join(f"{metric.key.removesuffix('_mm')[:11]:>12}" for metric in columns) + "  x real time")
    figures: dict[str, float] = {}
    for group in ("static", "moving"):
        for (of_group, variant), clips in tallies.items():
            if of_group != group:
                continue
            values = summarise(clips, seed=0)
            cells = [f"{values[m.key].mean:12.2f}" if m.key in values else f"{'-':>12}" for m in columns]
            print(f"{group:8}{variant:28}{''.join(cells)}{x_real_time[variant]:13.0f}")
            figures |= {f"{variant}_{group}_{key}": value.mean for key, value in values.items()}
        print()
    if path is not None:
        path.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


def _chance(seed: int, *what: str) -> np.random.Generator:
    return np.random.default_rng([seed, *(zlib.crc32(word.encode()) for word in what)])


if __name__ == "__main__":
    main()
