"""The Prefect flow ``benchmark``: KF-Bench with a preset, held against the best figures of good runs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from prefect import flow, get_run_logger
from prefect.artifacts import create_table_artifact
from prefect.states import Completed, Failed, State

from flows.building import failed_with
from flows.exceptions import NotComparable
from flows.run_page import put_on_page
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
    """Measure how far the estimators are from the truth, and fail if they are worse than they were.

    Args:
        figures: JSON file with the best numbers of good runs; left alone if something is worse, or failed.
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
        last = Figures.read(Path(figures), of=_measured(config, preset))
        if robot:
            ready_solver()
        result = bench_estimators(config, Home.of_user())
        worse = regressions(last.values, result.figures(), tolerance)
        _publish(result, last.values)
        for sentence in (*result.failures, *result.notes, *worse):
            get_run_logger().warning(sentence)
        if worse or result.failures:
            return Failed(message="; ".join([*worse, *result.failures[:3]]))
        last.with_better(result.figures()).write(Path(figures))
    except WushuError as error:
        return failed_with(error)
    told = f"{len(result.figures())} figures, none worse than before"
    return Completed(message=told if last.values else "first figures")


def _measured(config: BenchConfig, preset: str | None) -> dict[str, Any]:
    """Say what figures are of; of others they say nothing. Defaults may change with the program: that is measured."""
    return {
        "seed": config.seed,
        "clips": config.clips,
        "seconds": config.longest_s,
        "robot": config.robot,
        "mocap": None if config.mocap is None else str(config.mocap),
        "estimators": list(config.estimators),
        "preset": None if preset is None else hashlib.sha256(Path(preset).read_bytes()).hexdigest(),
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """The best that good runs gave, and what was measured."""

    of: Mapping[str, Any]
    values: Mapping[str, float]

    @classmethod
    def read(cls, path: Path, of: Mapping[str, Any]) -> Figures:
        """Read them; there are none if there is no file.

        Args:
            path: JSON file that :meth:`write` wrote.
            of: What will be measured.

        Raises:
            NotComparable: The file is of no use, or of something else.
        """
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            found = cls(of=dict(content["of"]), values={str(k): float(v) for k, v in content["figures"].items()})
        except FileNotFoundError:
            return cls(of=of, values={})
        except (OSError, ValueError, TypeError, AttributeError, KeyError) as error:
            problem = f"holds no figures of a benchmark ({type(error).__name__}: {error})"
            raise NotComparable(path, problem=problem) from error
        if other := [
            f"{key} was {found.of.get(key)}, is {value}" for key, value in of.items() if found.of.get(key) != value
        ]:
            raise NotComparable(path, problem=f"its figures are of another benchmark: {'; '.join(other)}")
        return found

    def with_better(self, new: Mapping[str, float]) -> Figures:
        """Keep the better of the old and the new, so that a little worse every week adds up."""
        values = dict(new)
        for key, old in self.values.items():
            if (metric := _metric(key)) is not None and key in new:
                values[key] = max(old, new[key]) if metric in _MORE_IS_BETTER else min(old, new[key])
        return replace(self, values=values)

    def write(self, path: Path) -> None:
        """Write them.

        Raises:
            OutputNotWritable: The folder cannot be written.
        """
        write_bytes(path, (json.dumps({"of": self.of, "figures": self.values}, indent=1) + "\n").encode())


def regressions(before: Mapping[str, float], after: Mapping[str, float], tolerance: float) -> list[str]:
    """Say which figures are gone, or worse by more than a share of what they were; ends of intervals do not count."""
    said = []
    for key, old in before.items():
        if (metric := _metric(key)) is None:
            continue
        if key not in after:
            said.append(f"{key} is missing: it was {old:.4g}")
            continue
        loss = old - after[key] if metric in _MORE_IS_BETTER else after[key] - old
        if not loss <= tolerance * abs(old):
            said.append(f"{key} is worse than before: {old:.4g} -> {after[key]:.4g}")
    return said


def _metric(key: str) -> str | None:
    """Return what a figure measures; None for ends of intervals."""
    return next((metric.key for metric in METRICS if key.endswith(f"_{metric.key}")), None)


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
    told = "distance from the truth, by group and estimator"
    put_on_page(create_table_artifact, table=table, key="kf-bench", description=told)
