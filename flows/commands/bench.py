"""``wushu bench estimate``: how far every estimator is from the truth, on motions that are known."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal

import tyro
from platformdirs import user_cache_path
from rich.markup import escape
from rich.table import Table
from threadpoolctl import threadpool_limits

from flows.console import bar, console, progress_bars, show_error, show_warning
from flows.exceptions import CannotWrite
from flows.solver import ready_solver
from pipeline.bench_estimate import BenchConfig, StepListener, bench_estimators, bench_pixels
from pipeline.bench_estimate.stages import CAMERA_TOLD, DETECTED, KEYPOINT, LANDMARKS_TOLD, MODELLED, PROJECTED
from pipeline.home import Home
from pipeline.kfbench.bench_result import GROUPS, TRUTH, BenchResult
from pipeline.kfbench.bench_score import METRICS, STAGE_METRICS, Metric, Value
from pipeline.settings import Settings, load_settings

_DEFAULTS = BenchConfig()
_PIXEL_DEFAULTS = BenchConfig(clips=10, longest_s=4.0, robot_clips=4)  # 20 videos: minutes, not hours
_VERSIONS = ("wushu", "numpy", "scipy", "torch", "pin", "mujoco")


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """`wushu bench estimate`: hold the estimators against known motions, seen by drawn cameras and a noisy detector.

    Numbers come with 95 % intervals over clips. No video of yours is needed; docs/kf-bench.md says what is done.
    """

    what: tyro.conf.Positional[Literal["estimate"]]
    """What is measured: from what is seen to the human motion."""
    level: Literal["keypoint", "pixel"] = "keypoint"
    """Where the chain is entered: at the keypoints that a detector would report, or at videos that are rendered and
    watched, which takes minutes."""
    mocap: Path | None = None
    """Folder with .bvh and .bvh.gz files, and index.csv in it or beside it; else the built-in choreographies."""
    seed: int = 0
    """Decides everything that is drawn: clips, pieces of them, cameras, noise, intervals."""
    estimators: str = ""
    """Names with commas between; else all there are."""
    json: Path | None = None
    """Also write the numbers to this file, as one flat object."""
    clips: int | None = None
    """At most so many clips, drawn evenly from the groups; 0 = all; else 24, or 10 (20 videos) at level pixel."""
    seconds: float | None = None
    """Longest piece of a clip [s]; else 10, or 4 at level pixel."""
    videos: Path | None = None
    """Level pixel: where videos and what was seen in them are kept, so that a run goes on where it ended; else in the
    user's cache."""
    seen: bool = False
    """Also clips that the weights of a compared estimator were trained on."""
    flagged: bool = False
    """Also clips with known defects (column qa_flags of the index)."""
    robot: bool = True
    """Also put a sample on the robot and count what is accepted; takes seconds for each clip and estimator."""
    robot_clips: int | None = None
    """Size of that sample; else 12, or 4 at level pixel."""
    preset: Path | None = None
    """TOML file with settings of the estimators and judges, as `wushu run` takes it."""

    def __call__(self) -> int:
        """Measure, show, write; 1 if a file could not be read or a clip could not be estimated."""
        config = self._config()
        if self.json is not None and not self.json.absolute().parent.is_dir():
            raise CannotWrite(self.json, problem="its folder is not there", remedy="Make it, or name another --json")
        if config.robot:
            ready_solver()
        with threadpool_limits(limits=1), progress_bars() as bars:
            result = self._result(config, lambda step: bar(bars, step))
        _show(result, self.seed)
        if self.json is not None:
            _write(self.json, result)
        return int(bool(result.failures))

    def _result(self, config: BenchConfig, on_step: StepListener) -> BenchResult:
        home = Home.of_user()
        if self.level == "keypoint":
            return bench_estimators(config, home, on_step)
        folder = user_cache_path("wushu") / "kf-bench" if self.videos is None else self.videos
        return bench_pixels(config, home, on_step, folder=folder)

    def _config(self) -> BenchConfig:
        usual = _DEFAULTS if self.level == "keypoint" else _PIXEL_DEFAULTS
        return BenchConfig(
            mocap=self.mocap,
            seed=self.seed,
            estimators=tuple(name.strip() for name in self.estimators.split(",") if name.strip()),
            clips=usual.clips if self.clips is None else self.clips,
            longest_s=usual.longest_s if self.seconds is None else self.seconds,
            seen=self.seen,
            flagged=self.flagged,
            robot=self.robot,
            robot_clips=usual.robot_clips if self.robot_clips is None else self.robot_clips,
            settings=Settings() if self.preset is None else load_settings(self.preset),
        )


def _show(result: BenchResult, seed: int) -> None:
    """Print one table a group, then all that must be known to read them."""
    for group in GROUPS:
        rows = {estimator: row for (estimator, of), row in result.values.items() if of == group}
        if rows:
            for title, part in _tables(group, rows).items():
                console.print(_table(title, result.clips[group], part))
        else:
            console.print(f"{group}: no clip", highlight=False)
    for sentence in result.notes:
        console.print(f"[dim]-[/] {escape(sentence)}", highlight=False, soft_wrap=True)
    for name, speed in result.x_real_time.items():
        console.print(f"[dim]-[/] {escape(name)}: {speed:.3g} x real time", highlight=False)
    console.print(f"[dim]-[/] seed {seed}; {escape(_provenance())}", highlight=False, soft_wrap=True)
    for sentence in result.lost:
        show_warning(f"lost: {sentence}")
    for sentence in result.failures:
        show_error(sentence)
    if result.failures:
        show_warning(f"{len(result.failures)} files or clips are missing from the numbers, see above")


def _tables(group: str, rows: Mapping[str, Mapping[str, Value]]) -> dict[str, dict[str, Mapping[str, Value]]]:
    """Split a group's rows by title: all in one, or at level pixel the keypoints, then each estimator by steps."""
    if DETECTED not in rows:
        return {group: dict(rows)}
    steps = (PROJECTED, MODELLED, DETECTED)
    tables = {f"{group}, keypoints": {name: rows[name] for name in steps if name in rows}}
    for name in rows:
        own = {
            step: rows[f"{name}_{step}"]
            for step in (PROJECTED, KEYPOINT, LANDMARKS_TOLD, CAMERA_TOLD)
            if f"{name}_{step}" in rows
        }
        if own:
            truth = {TRUTH: rows[TRUTH]} if TRUTH in rows else {}
            tables[f"{group}, {name}"] = {**own, "pixel": rows[name], **truth}
    return tables


def _table(title: str, clips: int, rows: Mapping[str, Mapping[str, Value]]) -> Table:
    """One line a metric, one column an estimator: value and interval."""
    table = Table(title=f"{title}: {clips} clips", title_justify="left")
    table.add_column("metric", no_wrap=True)
    table.add_column("", style="dim")
    for name in rows:
        table.add_column(escape(name), justify="right", no_wrap=True)
    for metric in (*METRICS, *STAGE_METRICS):
        if any(metric.key in row for row in rows.values()):
            cells = (_cell(row.get(metric.key), metric, clips) for row in rows.values())
            table.add_row(metric.key, f"{metric.meaning} ({metric.unit})", *cells)
    return table


def _cell(value: Value | None, metric: Metric, clips: int) -> str:
    if value is None:
        return "-"
    digits = metric.digits
    number = f"{value.mean:.{digits}f}"
    if abs(value.low) != float("inf"):
        number += f" [{value.low:.{digits}f}, {value.high:.{digits}f}]"
    return escape(number + ("" if value.clips == clips else f" of {value.clips}"))


def _write(path: Path, result: BenchResult) -> None:
    try:
        path.write_text(json.dumps(result.figures(), indent=1, allow_nan=False) + "\n", encoding="utf-8")
    except OSError as error:
        problem = f"cannot be written ({error.strerror or error})"
        raise CannotWrite(path, problem=problem, remedy="Name another file with --json") from error


def _provenance() -> str:
    """Date, machine and versions: a number without them cannot be compared."""
    versions = []
    for name in _VERSIONS:
        try:
            versions.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            continue
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines() if cpuinfo.is_file() else []
    models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    machine = f"{models[0] if models else platform.processor()}, {os.cpu_count()} cores, {platform.system()}"
    date = f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC"
    return f"{date}; {machine}; Python {platform.python_version()}, {', '.join(versions)}"
