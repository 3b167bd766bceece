"""Watches the memory of one flow run over many small clips."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from benchmarks.flows.surroundings import ROOT, Surroundings
from benchmarks.flows.throughput import ONE_ROBOT, UNTIL

_EVERY_S = 2.0
_PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """Resident memory at one time [MB]."""

    done: int
    """Clips whose first stage was done by then."""
    flow_mb: float
    member_mb: float
    """Of the largest member of the pool."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """A run, as its memory went."""

    samples: tuple[Sample, ...]
    seconds: float

    def growth_mb(self, after: int) -> float:
        """How much more the flow and its largest member take at the end than when ``after`` clips were done [MB].

        Medians over a tenth of the run on either side, as memory that is about to be freed comes and goes.
        """
        last = self.samples[-1].done
        early = [s for s in self.samples if after <= s.done <= after + last / 10]
        late = [s for s in self.samples if s.done >= 0.9 * last]
        return _median_mb(late) - _median_mb(early)

    @property
    def largest_member_mb(self) -> float:
        """Most that one member of the pool ever had [MB]."""
        return max(sample.member_mb for sample in self.samples)


def watch(clips: Path, n_clips: int, folder: Path, around: Surroundings, workers: int = 2) -> Watched:
    """Run the flow on a folder of clips, and look at its processes every two seconds."""
    folder.mkdir(parents=True)
    (folder / "preset.toml").write_text(ONE_ROBOT)
    parameters = {
        "videos": [str(clips)],
        "dataset": str(folder / "set"),
        "preset": str(folder / "preset.toml"),
        "until": UNTIL,
        "runner": "processes",
        "workers": workers,
    }
    command = [sys.executable, "-m", "benchmarks.flows.run_flow", json.dumps(parameters)]
    samples: list[Sample] = []
    started = time.perf_counter()
    with (folder / "flow.log").open("wb") as log:
        process = subprocess.Popen(command, env=around.env, cwd=ROOT, stdout=log, stderr=log)
        while process.poll() is None:
            time.sleep(_EVERY_S)
            samples += _sample(around, folder / "set")
    if process.returncode != 0 or not samples or samples[-1].done < 0.9 * n_clips:
        raise RuntimeError((folder / "flow.log").read_text()[-3000:])
    return Watched(samples=tuple(samples), seconds=time.perf_counter() - started)


def _sample(around: Surroundings, dataset: Path) -> list[Sample]:
    found = around.processes()
    flows, members = ([_rss_mb(pid) for pid in found[kind]] for kind in ("flow", "member"))
    if not flows or not members:
        return []
    done = sum(1 for _ in os.scandir(dataset / "clips")) if (dataset / "clips").is_dir() else 0
    return [Sample(done=done, flow_mb=sum(flows), member_mb=max(members))]


def _rss_mb(pid: int) -> float:
    with suppress(OSError):
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE / 1e6
    return 0.0


def _median_mb(samples: list[Sample]) -> float:
    totals = sorted(sample.flow_mb + sample.member_mb for sample in samples)
    return totals[len(totals) // 2]
