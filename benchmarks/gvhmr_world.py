"""Shows what each step of placing people in the world is worth: one switch of ``GvhmrConfig`` turned at a time.

    python -m benchmarks.gvhmr_world [--weights NAME|FILE] [--mocap DIR] [--clips N] [--seed N] [--seen] [--json FILE]

Every variant runs in KF-Bench with the same weights, on the clips, cameras and noise that `wushu bench estimate` has
for the same folder, number of clips and seed (docs/kf-bench.md).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from benchmarks.report import machine, parser
from pipeline.bench_estimate import BenchConfig, bench_these
from pipeline.estimators.gvhmr.config import GvhmrConfig
from pipeline.estimators.gvhmr.gvhmr_estimator import GvhmrEstimator
from pipeline.estimators.gvhmr.weights import load_weights
from pipeline.estimators.gvhmr.weights_card import weights_dir
from pipeline.home import Home
from pipeline.kfbench.bench_cameras import STATIC
from pipeline.kfbench.bench_result import BenchResult
from pipeline.kfbench.bench_score import METRICS

TOLD = "camera told"
"""Name of the variant that is told whether the camera changes its place."""
_ON_THE_SPOT = (STATIC, "pan")
_GROUPS = {"static": "static_camera", "moving": "all"}


def variants(weights: str) -> dict[str, GvhmrConfig]:
    """Return all settings that are compared: each differs from the first by what its name says."""
    own = GvhmrConfig(weights=weights)

    def other(**switches: object) -> GvhmrConfig:
        return GvhmrConfig(**{"weights": weights, **switches})  # type: ignore[arg-type]

    return {
        "default": own,
        "mirrored_too=false": other(mirrored_too=False),
        "refine=false": other(refine=False),
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
        TOLD: own,
        "original": other(world="original"),
    }


def compare(configs: Mapping[str, GvhmrConfig], bench: BenchConfig, home: Home) -> BenchResult:
    """Run all variants, which share their weights, in the bench.

    Raises:
        WushuError: The weights are not there, or there is nothing to run on.
    """
    weights = load_weights(next(iter(configs.values())).weights, weights_dir(home))
    estimators = {name: GvhmrEstimator(config, weights=weights) for name, config in configs.items()}

    def tell(kind: str) -> None:
        if TOLD in estimators:
            camera = "static" if kind in _ON_THE_SPOT else "moving"
            estimators[TOLD].config = GvhmrConfig(weights=configs[TOLD].weights, camera=camera)

    return bench_these(estimators, bench, home, on_view=tell)


def main() -> None:
    """Run the comparison and print it."""
    defaults = BenchConfig()
    options = parser(__doc__)
    options.add_argument("--weights", default="wushu", help="name or file of the weights")
    options.add_argument("--mocap", type=Path, metavar="DIR", help="folder with .bvh or .bvh.gz files")
    options.add_argument("--clips", type=int, default=defaults.clips, metavar="N", help="at most so many; 0 = all")
    options.add_argument("--seed", type=int, default=defaults.seed)
    options.add_argument("--seen", action="store_true", help="also clips that the weights learned from")
    arguments = options.parse_args()
    bench = BenchConfig(
        mocap=arguments.mocap, clips=arguments.clips, seed=arguments.seed, seen=arguments.seen, robot=False
    )
    _print(compare(variants(arguments.weights), bench, Home.of_user()), arguments.json)


def _print(result: BenchResult, path: Path | None) -> None:
    columns = [metric for metric in METRICS if metric.key != "accepted_pct"]
    print(f"machine   {machine()}\n")
    print(f"{'':36}" + "".join(f"{metric.key.removesuffix('_mm')[:11]:>12}" for metric in columns) + "  x real time")
    figures: dict[str, float] = {}
    for label, group in _GROUPS.items():
        for (variant, of_group), values in result.values.items():
            if of_group != group:
                continue
            cells = [f"{values[m.key].mean:12.2f}" if m.key in values else f"{'-':>12}" for m in columns]
            print(f"{label:8}{variant:28}{''.join(cells)}{result.x_real_time[variant]:13.0f}")
            figures |= {f"{variant}_{label}_{key}": value.mean for key, value in values.items()}
        print()
    for sentence in (*result.notes, *result.failures):
        print(f"- {sentence}")
    if path is not None:
        path.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
