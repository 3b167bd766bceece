"""Disturbs a scheduled build in every way a night can, and looks whether the dataset comes out as if nothing had been.

Flow, worker, server and members of the pool are killed with SIGKILL at random times; the disk is filled, a result is
corrupted, the server does not answer for a while as if the network were cut, and at last a source is taken away in the
middle of a run. Between the blows the same deployment is run again, as a person would.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import numpy as np

from benchmarks.flows.material import write_clips
from benchmarks.flows.same import differences, done_twice, half_written
from benchmarks.flows.surroundings import Kind, Surroundings, kill, surroundings

DEPLOYMENT = "build-dataset/on-demand"

_WEIGHTS: dict[Kind, float] = {"member": 0.45, "flow": 0.25, "worker": 0.15, "server": 0.15}
_RUN_WITHIN_S = 900.0
_CUT_S = 20.0
_BEGUN_WITHIN_S = 90.0
_OVER = frozenset({"COMPLETED", "FAILED", "CRASHED", "CANCELLED"})

Log = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What was done to a build, and what became of it."""

    kills: Counter[Kind]
    events: tuple[str, ...]
    differences: tuple[str, ...]
    """From the dataset that nothing disturbed."""
    half_written: tuple[Path, ...]
    done_twice: dict[str, int]
    """Results that were finished more than once, other than the one that was corrupted."""

    @property
    def identical(self) -> bool:
        """Whether the dataset is what it would have been."""
        return not self.differences and not self.half_written and not self.done_twice


@dataclass
class Chaos:
    """One disturbed build."""

    around: Surroundings
    videos: Path
    dataset: Path
    parameters: dict[str, Any]
    rng: np.random.Generator
    log: Log
    own_disk: bool
    """Whether the dataset is on a disk of its own, that may be filled."""
    kills: Counter[Kind] = field(default_factory=Counter)
    events: list[str] = field(default_factory=list)
    corrupted: str | None = None
    _run: str | None = None
    _asked_at: float = 0.0
    _disturbing: bool = False

    def disturb(self, n_kills: int) -> None:
        """Kill until enough were killed, with the other blows in between.

        Raises:
            RuntimeError: The build was finished before that: give it more clips.
        """
        self._disturbing = True
        blows = list(zip((n_kills // 4, n_kills // 2, 3 * n_kills // 4), self._blows(), strict=True))
        while (done := self.kills.total()) < n_kills or blows:
            if blows and done >= blows[0][0] and self._results():
                blows.pop(0)[1]()
            self._keep_running()
            time.sleep(float(self.rng.uniform(0.3, 4.0)))
            self._strike()
        self._disturbing = False

    def finish(self) -> None:
        """Run until a run is completed, undisturbed."""
        for attempt in range(4):
            kind, message = self._wait(self._keep_running())
            self.log(f"last run {attempt + 1}: {kind} {message}")
            self._run = None
            if kind == "COMPLETED":
                return
        raise RuntimeError("the build did not complete when nothing disturbed it any more")

    def _blows(self) -> Sequence[Callable[[], None]]:
        return self._fill_disk, self._corrupt, self._cut_network

    def _strike(self) -> None:
        kinds = list(_WEIGHTS)
        kind = kinds[int(self.rng.choice(len(kinds), p=list(_WEIGHTS.values())))]
        found = self.around.processes()[kind]
        if kind != "server" and found:
            found = [found[int(self.rng.integers(len(found)))]]
        if sum(map(kill, found)):  # a server is two processes, and gone only with both
            self.kills[kind] += 1
            self.log(f"kill {self.kills.total()}: {kind}")

    def _keep_alive(self) -> None:
        """Bring back whatever is gone."""
        found = self.around.processes()
        if not found["server"]:
            self.around.start_server()
        if not found["worker"]:
            self.around.start_worker()

    def _keep_running(self) -> str:
        """Have everything alive and a run under way; return its id."""
        self._keep_alive()
        if self._run is not None:
            kind, message = self._state(self._run)
            if kind in _OVER:
                self.log(f"run ended: {kind} {message}")
                self._run = None
            elif self._is_lost(self._run, kind):
                self._run = None
            if kind == "COMPLETED" and self._disturbing:
                raise RuntimeError(f"all clips were finished after {self.kills.total()} kills: give it more of them")
        if self._run is None:
            self._run = self.around.submit(DEPLOYMENT, self.parameters)
            self._asked_at = time.monotonic()
        return self._run

    def _is_lost(self, run: str, kind: str) -> bool:
        """Give up a run that nobody works on; the automation does it too, but takes a minute and a half."""
        begun = kind == "RUNNING" or time.monotonic() - self._asked_at > _BEGUN_WITHIN_S
        if begun and not self.around.processes()["flow"] and self._state(run)[0] not in _OVER:
            self.around.give_up(run)
            return True
        return False

    def _state(self, run: str) -> tuple[str, str]:
        for _ in range(20):
            with suppress(httpx.HTTPError):
                return self.around.state(run)
            time.sleep(0.5)
        return "UNKNOWN", ""

    def _wait(self, run: str) -> tuple[str, str]:
        deadline = time.monotonic() + _RUN_WITHIN_S
        while time.monotonic() < deadline:
            kind, message = self._state(run)
            if kind in _OVER:
                return kind, message
            time.sleep(1)
            self._is_lost(run, kind)
        raise TimeoutError(f"run {run} did not end within {_RUN_WITHIN_S:.0f} s")

    def _fill_disk(self) -> None:
        """Leave no byte free below the dataset until the run has failed by it."""
        if not self.own_disk:
            self._tell("the disk was not filled: a small one of its own needs root")
            return
        run = self._keep_running()
        ballast = self.dataset.parent / "ballast"
        with ballast.open("wb") as file, suppress(OSError):
            while True:
                file.write(bytes(1 << 20))
                file.flush()
        kind, message = self._wait(run)
        ballast.unlink()
        self._tell(f"disk full: {kind}: {message}")
        self._run = None

    def _corrupt(self) -> None:
        """Flip a byte in a result that is finished."""
        done = self._results()
        victim = done[int(self.rng.integers(len(done)))]
        content = bytearray(victim.read_bytes())
        content[len(content) // 2] ^= 0xFF
        victim.write_bytes(bytes(content))
        self.corrupted = f"{victim.parent.name}/{victim.stem}"
        self._tell(f"flipped a byte of {victim.parent.name}/{victim.name}")

    def _results(self) -> list[Path]:
        return sorted(path.with_suffix(".npz") for path in self.dataset.glob("clips/*/retarget-*.json"))

    def _cut_network(self) -> None:
        """Let the server answer nobody for a while, with connections open, and strike a member meanwhile."""
        self._keep_running()
        servers = self.around.processes()["server"]
        for pid in servers:
            os.kill(pid, signal.SIGSTOP)
        time.sleep(_CUT_S)
        self._strike()
        for pid in servers:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
        self._tell(f"the server did not answer for {_CUT_S:.0f} s")

    def lose_source(self, video: Path) -> None:
        """Let a run find a source that no run has seen, and take it away before its turn comes."""
        self._wait(self._keep_running())
        here = self.videos / video.name
        shutil.copy2(video, here)
        self._run = None
        run = self._keep_running()
        while not self.around.processes()["member"] and self._state(run)[0] not in _OVER:
            time.sleep(0.05)
        here.unlink()  # all files are known by now, and the first process is only beginning
        kind, message = self._wait(run)
        self._run = None
        shutil.copy2(video, here)
        self._tell(f"a source vanished after it was found: {kind}: {message}")

    def _tell(self, event: str) -> None:
        self.events.append(event)
        self.log(event)


def survive(folder: Path, n_kills: int, seed: int, n_clips: int, log: Callable[[str], None]) -> Outcome:
    """Build the same clips twice, in peace and in chaos."""
    videos = folder / "videos"
    write_clips(videos, n_clips, 2.0)
    with small_disk(folder / "disk", 400) as own_disk, surroundings(folder / "around") as around:
        around.deploy()
        parameters = {"videos": [str(videos)], "runner": "processes", "workers": 2}

        def build(name: str) -> Chaos:
            return Chaos(
                around=around,
                videos=videos,
                dataset=folder / "disk" / name / "motions",
                parameters={**parameters, "dataset": str(folder / "disk" / name / "motions")},
                rng=np.random.default_rng(seed),
                log=log,
                own_disk=own_disk,
            )

        peace, disturbed = build("peace"), build("chaos")
        last = sorted(videos.iterdir())[-1]
        shutil.move(last, folder / last.name)
        peace.finish()
        shutil.copy2(folder / last.name, last)
        peace.finish()  # in two builds, as the disturbed one: a dataset remembers its builds
        last.unlink()
        disturbed.disturb(n_kills)
        disturbed.finish()
        disturbed.lose_source(folder / last.name)
        disturbed.finish()
        return outcome(disturbed, peace.dataset)


def outcome(chaos: Chaos, undisturbed: Path) -> Outcome:
    """Hold a disturbed build that was finished against one that nothing disturbed."""
    return Outcome(
        kills=chaos.kills,
        events=tuple(chaos.events),
        differences=tuple(differences(undisturbed, chaos.dataset)),
        half_written=tuple(half_written(chaos.dataset)),
        done_twice={
            name: times
            for name, times in done_twice(chaos.dataset).items()
            if not (chaos.corrupted and name == chaos.corrupted and times == 2)
        },
    )


@contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[bool]:
    """Give a folder on a disk of its own where this may be done (as root, on Linux); say whether it is one."""
    folder.mkdir(parents=True, exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        yield False
        return
    try:
        yield True
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=False)
