"""The Prefect flow ``benchmark``: KF-Bench with a preset, held against the figures of the last good run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from prefect import flow, get_run_logger
from prefect.artifacts import create_table_artifact
from prefect.states import Completed, Failed, State

from flows.building import failed_with
from flows.solver import ready_solver
from pipeline.bench_estimate import BenchConfig, bench_estimators
from pipeline.home import Home
from pipeline.kfbench.bench_result import BenchResult
from pipeline.kfbench.bench_score import METRICS
from pipeline.settings import Settings, load_settings
from pipeline.store import write_bytes
from robots.exceptions import WushuError

_MORE_IS_BETTER = frozenset({"accepted_pct"})
"""Of all metrics; of the others less is better."""


@flow(name="benchmark")
def benchmark(
    figures: str = "kf_bench.json",
    preset: str | None = None,
    mocap: str | None = None,
    estimators: list[str] | None = None,
    seed: int = 0,
    clips: int = 24,
    seconds: float = 10.0,
    robot: bool = True,
    tolerance: float = 0.02,
) -> State[Any]:
    """Measure how far the estimators are from the truth, and fail if they are worse than in the last good run.

    Args:
        figures: JSON file with the numbers of the last good run; written anew unless something became worse.
        preset: TOML file with settings of the estimators and judges; left out, the defaults.
        mocap: Folder with .bvh and .bvh.gz files; left out, the built-in choreographies.
        estimators: Names; left out, all there are.
        seed: Decides everything that is drawn. Runs of different seeds cannot be compared.
        clips: At most so many clips; 0 takes all.
        seconds: Longest piece of a clip [s].
        robot: Also put a sample on the robot and count what is accepted.
        tolerance: By what share a figure may be worse before it is told.
    """
    try:
        config = BenchConfig(
            mocap=None if mocap is None else Path(mocap),
            seed=seed,
            estimators=tuple(estimators or ()),
            clips=clips,
            longest_s=seconds,
            robot=robot,
            settings=Settings() if preset is None else load_settings(Path(preset)),
        )
        if robot:
            ready_solver()
        result = bench_estimators(config, Home.of_user())
        before = _last(Path(figures))
        worse = regressions(before, result.figures(), tolerance)
        _publish(result, before)
        if not worse:
            write_bytes(Path(figures), (json.dumps(result.figures(), indent=1) + "\n").encode())
    except WushuError as error:
        return failed_with(error)
    for sentence in (*result.failures, *result.notes, *worse):
        get_run_logger().warning(sentence)
    if worse or result.failures:
        return Failed(message="; ".join([*worse, *result.failures[:3]]))
    return Completed(message=f"{len(result.figures())} figures, none worse than before" if before else "first figures")


def regressions(before: Mapping[str, float], after: Mapping[str, float], tolerance: float) -> list[str]:
    """Say which figures became worse by more than a share of what they were; ends of intervals are not looked at."""
    said = []
    for key, old in before.items():
        metric = next((metric.key for metric in METRICS if key.endswith(f"_{metric.key}")), None)
        if metric is None or key not in after:
            continue
        loss = old - after[key] if metric in _MORE_IS_BETTER else after[key] - old
        if loss > tolerance * abs(old):
            said.append(f"{key} is worse than before: {old:.4g} -> {after[key]:.4g}")
    return said


def _last(path: Path) -> dict[str, float]:
    """Read the figures of the last run; none if there was none, or the file is of no use."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return {str(key): float(value) for key, value in content.items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError, AttributeError) as error:
        get_run_logger().warning("%s: cannot be read (%s); nothing to compare with", path, error)
        return {}


def _publish(result: BenchResult, before: Mapping[str, float]) -> None:
    table = []
    for (estimator, group), row in result.values.items():
        for metric in METRICS:
            if (value := row.get(metric.key)) is not None:
                old = before.get(f"{estimator}_{group}_{metric.key}")
                table.append(
                    {
                        "group": group,
                        "estimator": estimator,
                        "metric": f"{metric.key}: {metric.meaning} ({metric.unit})",
                        "value": round(value.mean, metric.digits + 1),
                        "before": "" if old is None else round(old, metric.digits + 1),
                    }
                )
    create_table_artifact(table=table, key="kf-bench", description="distance from the truth, by group and estimator")
