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


class DemoFailed(FlowsError):
    """The demo's own clips did not go through the chain."""

    def __init__(self, *, problem: str) -> None:
        super().__init__(f"the demo did not finish: {problem}. Run `wushu doctor` to see what is missing.")


class CannotWrite(FlowsError):
    """A result was to be written where it must not be, or cannot be."""

    def __init__(self, path: Path, *, problem: str, remedy: str) -> None:
        self.path = path
        super().__init__(f"{path}: {problem}. {remedy}.")


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
