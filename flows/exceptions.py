"""Errors of ``flows``: facts in, one sentence out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from robots.exceptions import WushuError


class FlowsError(WushuError):
    """Base of the errors of ``flows``."""


class NoMotion(FlowsError):
    """A clip was asked for that never became a motion."""

    def __init__(self, clip: str, *, reason: str | None) -> None:
        self.clip = clip
        super().__init__(f"{clip} has no robot motion: {reason or 'it was not processed to the end; run it again'}")


class Overruled(FlowsError):
    """A ruling would overrule another reviewer's, and nobody said that it should."""

    def __init__(self, clip: str, *, told: str) -> None:
        self.clip = clip
        super().__init__(f"{clip}: another reviewer decided otherwise: {told}. `--overrule` decides all the same.")


class DemoFailed(FlowsError):
    """The demo's own clips did not go through the chain."""

    def __init__(self, *, problem: str) -> None:
        super().__init__(f"the demo did not finish: {problem}. Run `wushu doctor` to see what is missing.")


class CannotWrite(FlowsError):
    """A result was to be written where it must not be, or cannot be."""

    def __init__(self, path: Path, *, problem: str, remedy: str) -> None:
        self.path = path
        super().__init__(f"{path}: {problem}. {remedy}.")


class CannotRead(FlowsError):
    """A file that was named cannot be read."""

    def __init__(self, path: Path, *, problem: str) -> None:
        self.path = path
        super().__init__(f"{path}: cannot be read ({problem}). Name another file.")


class NothingToLearn(FlowsError):
    """There is no clip to learn from."""

    def __init__(self, where: Sequence[Path]) -> None:
        self.where = tuple(where)
        places = ", ".join(map(str, where)) or "nothing"
        super().__init__(
            f"{places}: no motion file to learn from is left. Name files or folders with .bvh, .bvh.gz or .npz in "
            "them, and hold fewer of them out."
        )


class OptionOutOfRange(FlowsError):
    """An option has a value that nothing can be done with."""

    def __init__(self, option: str, value: object, *, allowed: str) -> None:
        self.option = option
        self.value = value
        super().__init__(f"--{option} is {value}. Name {allowed}.")


class UnknownHoldOut(FlowsError):
    """Clips are to be held out that are not among those given."""

    def __init__(self, near: Mapping[str, Sequence[str]]) -> None:
        self.near = {name: tuple(others) for name, others in near.items()}
        told = [f"{name} (near: {', '.join(others)})" if others else name for name, others in self.near.items()]
        super().__init__(
            f"--hold-out: no clip is called {', '.join(told)}. Name clips that are there, or leave it out."
        )


class ProcessKilled(FlowsError):
    """The process that ran a clip's task ended under it, every time."""

    def __init__(self, clip: str, *, times: int) -> None:
        self.clip = clip
        self.times = times
        super().__init__(
            f"{clip}: its process was killed {times} times (out of memory?). Let fewer workers run at a time, or cut "
            "the video into shorter pieces, and run again."
        )


class NoDask(FlowsError):
    """Dask was asked for where it is not installed."""

    def __init__(self) -> None:
        super().__init__(
            "Dask is not installed here: `pip install 'wushu[dask]'`, or take the runner `processes` or `threads`."
        )


class DaskUnreachable(FlowsError):
    """No Dask cluster answers."""

    def __init__(self, address: str, *, problem: str) -> None:
        self.address = address
        super().__init__(
            f"{address}: no Dask cluster answers ({problem}). Start one with `dask scheduler` and `dask worker`, or "
            "name no address to use this machine."
        )


class ServerUnreachable(FlowsError):
    """No Prefect server answers where the settings say it is."""

    def __init__(self, url: str, *, problem: str) -> None:
        self.url = url
        super().__init__(
            f"{url}: no Prefect server answers ({problem}). Start it with `make server`, or point PREFECT_API_URL at "
            "the one that runs."
        )


class RunStopped(FlowsError):
    """A task met what will stop every other one too: the disk is full, a model is missing, the dataset is damaged.

    It holds another error's sentence, and nothing else, so that it can travel between processes.
    """


class TaskBug(FlowsError):
    """A task ended by an error that nobody foresaw."""

    @classmethod
    def of(cls, clip: str, error: Exception) -> TaskBug:
        """Tell of the error in a sentence that can travel between processes."""
        return cls(f"{clip}: {type(error).__name__}: {error}. This is a bug: please report it.")


class NoGpuLimit(FlowsError):
    """The GPU is asked for, and the server does not count who uses it."""

    def __init__(self, limit: str) -> None:
        super().__init__(
            f"the Prefect server has no concurrency limit '{limit}', so that any number of clips would use the GPU at "
            'once. Run `make deploy`, or set gvhmr.device to "cpu".'
        )


class NotComparable(FlowsError):
    """New figures of a benchmark cannot be held against those of the last good run."""

    def __init__(self, path: Path, *, problem: str) -> None:
        self.path = path
        super().__init__(f"{path}: {problem}. Name another file for the figures, or delete this one to begin anew.")


class GpuNeverFree(FlowsError):
    """The GPU was held by others for longer than anyone waits."""

    def __init__(self, limit: str, *, waited_s: float) -> None:
        super().__init__(
            f"the GPU was not free for {waited_s / 60:.0f} min: somebody held the Prefect server's concurrency limit "
            f"'{limit}'. If nobody uses it, free it by `prefect gcl update {limit} --active-slots 0`, and run again."
        )


class UnknownStage(FlowsError):
    """A stage is named that no clip goes through."""

    def __init__(self, name: str, *, stages: Sequence[str]) -> None:
        self.name = name
        super().__init__(f"until: there is no stage '{name}'. Name one of {', '.join(stages)}.")


class NothingToBuild(FlowsError):
    """Nothing was found to work on."""

    def __init__(self, where: Sequence[str]) -> None:
        self.where = tuple(where)
        if not where:
            super().__init__("nothing was named: give videos or motion files, or a folder that holds some")
            return
        super().__init__(
            f"{', '.join(where)}: holds no video and no motion file. Put some there; `wushu demo --videos-only "
            f"{where[0]}` makes two to begin with."
        )


class NoSuchFolder(FlowsError):
    """A folder to watch is not there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        super().__init__(f"{folder}: there is no such folder on the worker's machine. Make it, or name another.")


class NotRevalidated(FlowsError):
    """What was measured of a clip cannot be held against other limits."""

    def __init__(self, clip: str, *, problem: str) -> None:
        self.clip = clip
        super().__init__(f"{clip}: {problem}. It stays as it is; build it from its source again.")


class PortTaken(FlowsError):
    """Another program answers on a port."""

    def __init__(self, host: str, port: int, *, free: int | None) -> None:
        self.port = port
        self.free = free
        remedy = "Take another by --port" if free is None else f"Port {free} is free: --port {free}"
        super().__init__(f"port {port} of {host} is in use, perhaps by another `wushu review`. {remedy}.")


class NoReviewService(FlowsError):
    """The review is asked for where what serves it is not installed."""

    def __init__(self, *, missing: str) -> None:
        self.missing = missing
        super().__init__(f"the review needs {missing}, which is not installed here: `pip install 'wushu[review]'`.")
