"""Holds the flow on two processes against two bare processes that do the same stages without Prefect."""

from __future__ import annotations

import json
import multiprocessing
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from threadpoolctl import threadpool_limits

from benchmarks.flows.surroundings import ROOT, Surroundings
from pipeline.clip import Clip, Source
from pipeline.home import Home
from pipeline.process_clip import cut_source, prepare_clip
from pipeline.settings import load_settings
from pipeline.stages import Stages, build_stages
from pipeline.store import Dataset

UNTIL = "verdict"
"""Retargeting, validation and what they need, and no more."""

ONE_ROBOT = 'formats = ["mjlab"]\n'
"""Settings that solve for one variant of the robot: half the computing, beside which orchestration shows more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Both:
    """Wall times of the same clips, both ways [s]."""

    flow_s: float
    bare_s: float

    @property
    def flow_x_bare(self) -> float:
        """Throughput of the flow as a share of the bare processes'."""
        return self.bare_s / self.flow_s

    def overhead_pct(self, few: Both) -> float:
        """What the flow takes longer for each clip more than a run of a few has [%]: start and end left out."""
        return 100.0 * ((self.flow_s - few.flow_s) / (self.bare_s - few.bare_s) - 1.0)


def compare(clips: list[Path], folder: Path, around: Surroundings, workers: int = 2, settings: str = "") -> Both:
    """Time both on the same clips: bare, flow, flow, bare, each into a dataset of its own; means of the two.

    So a machine that grows slower or faster meanwhile favours neither. Both times hold the start and the end of the
    processes. What either imports before it begins is outside its time, as is the server, which runs already.
    """
    folder.mkdir(parents=True)
    preset = folder / "preset.toml"
    preset.write_text(settings)
    bare_s = bare(clips, folder / "bare_1", preset, workers)
    flow_s = flow(clips, folder / "flow_1", preset, around, workers)
    flow_s += flow(clips, folder / "flow_2", preset, around, workers)
    bare_s += bare(clips, folder / "bare_2", preset, workers)
    return Both(flow_s=flow_s / 2, bare_s=bare_s / 2)


def flow(clips: list[Path], dataset: Path, preset: Path, around: Surroundings, workers: int) -> float:
    """Run the flow [s]: from its call to its end, the server running already."""
    parameters = {
        "videos": [str(clip) for clip in clips],
        "dataset": str(dataset),
        "preset": str(preset),
        "until": UNTIL,
        "runner": "processes",
        "workers": workers,
    }
    command = [sys.executable, "-m", "benchmarks.flows.run_flow", json.dumps(parameters)]
    done = subprocess.run(command, env=around.env, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(done.stdout + done.stderr)
    return float(json.loads(done.stdout.strip().splitlines()[-1])["seconds"])


def bare(clips: list[Path], dataset: Path, preset: Path, workers: int) -> float:
    """Do the same with a pool of processes and nothing else [s]."""
    started = time.perf_counter()
    target = Dataset.open_or_create(dataset)
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context, initializer=_one_thread) as pool:
        for _ in pool.map(_work, [str(c) for c in clips], [str(target.root)] * len(clips), [str(preset)] * len(clips)):
            pass
    return time.perf_counter() - started


def _one_thread() -> None:
    threadpool_limits(limits=1)


@lru_cache(maxsize=1)
def _stages(preset: str) -> Stages:
    return build_stages(load_settings(Path(preset)), Home.of_user())


def _work(clip: str, dataset: str, preset: str) -> None:
    stages, target = _stages(preset), Dataset.open(Path(dataset))
    for part in cut_source(Clip.of(Source.from_file(Path(clip))), stages, target).clips:
        if prepare_clip(part, stages.of(part), target, UNTIL) is not None:
            raise RuntimeError(f"{clip} broke")
