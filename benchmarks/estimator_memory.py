"""How much memory the estimator takes for clips of growing length, and how fast it is.

    python -m benchmarks.estimator_memory [--frames 1150 4600 18000] [--rounds 4] [--json FILE]

Each length is a process of its own: the demo's dance before its walking camera, played to and fro, with 2 px of noise
on the keypoints. ``peak_mb`` is by how much the estimate raises the process' peak resident set; ``fps`` is frames a
second of processor time. Fewer ``--rounds`` (and as many steps) save time; the peak is that of the first step.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np

from benchmarks.perfect import perfect_evidence
from benchmarks.report import Figure, parser, report
from pipeline.body import load_body
from pipeline.estimators import LandmarkConfig, LandmarkEstimator
from pipeline.evidence import Evidence
from pipeline.kfbench import PIECES, stage_piece

_NOISE_PX = 2.0
_WARM_UP_FRAMES = 30


def main() -> None:
    """Measure every length in a fresh process and report."""
    options = parser(__doc__)
    options.add_argument("--frames", type=int, nargs="+", default=[1150, 4600, 18000])
    options.add_argument("--rounds", type=int, default=LandmarkConfig().rounds)
    options.add_argument("--alone", action="store_true", help="measure one length in this process")
    chosen = options.parse_args()
    if chosen.alone:
        print(*peak_and_speed(chosen.frames[0], chosen.rounds))
        return
    figures = []
    for n_frames in chosen.frames:
        command = [sys.executable, "-m", "benchmarks.estimator_memory", "--alone"]
        command += ["--frames", str(n_frames), "--rounds", str(chosen.rounds)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        peak_mb, fps = map(float, done.stdout.split())
        figures += [
            Figure(key=f"estimator_peak_mb_{n_frames}", value=peak_mb, unit="MB", meaning=f"{n_frames} frames"),
            Figure(key=f"estimator_fps_{n_frames}", value=fps, unit="frames/s", meaning="of processor time"),
        ]
    report(figures, chosen.json)


def peak_and_speed(n_frames: int, rounds: int) -> tuple[float, float]:
    """Estimate a clip: rise of this process' peak resident set [MB], frames a second of processor time [1/s]."""
    body = load_body()
    evidence = long_evidence(perfect_evidence(stage_piece(PIECES["dance"], body), body), n_frames)
    default = LandmarkConfig()
    config = replace(default, rounds=rounds, iterations=default.iterations if rounds == default.rounds else rounds)
    LandmarkEstimator(config).estimate(long_evidence(evidence, _WARM_UP_FRAMES), body)  # imports and caches
    before, start = _peak_mb(), time.process_time()
    LandmarkEstimator(config).estimate(evidence, body)
    return _peak_mb() - before, n_frames / (time.process_time() - start)


def long_evidence(evidence: Evidence, n_frames: int) -> Evidence:
    """Play evidence to and fro until it is long enough, with noise on its keypoints."""
    there = np.arange(len(evidence))
    frames = np.resize(np.concatenate([there, there[::-1]]), n_frames)
    names = ("boxes", "foot_kp2d", "landmarks_w", "R_w2c", "flags", "kp_trust", "zoom")
    kp2d = evidence.kp2d[frames]
    kp2d[..., :2] += np.random.default_rng(0).normal(0.0, _NOISE_PX, kp2d[..., :2].shape)
    return replace(
        evidence,
        timestamps=np.arange(n_frames) / evidence.fps,
        kp2d=kp2d,
        **{name: getattr(evidence, name)[frames] for name in names},
    )


def _peak_mb() -> float:
    """Largest resident set of this process so far [MB]; Linux counts it in kilobytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
