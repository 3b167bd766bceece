"""Errors of ``pipeline.catalogue``."""

from __future__ import annotations

from pipeline.exceptions import MachineFault, PipelineError


class CatalogueError(PipelineError):
    """Base of this room's errors."""


class NotSound(CatalogueError):
    """A dataset is to be published, and some of its files are not as they were written."""

    def __init__(self, root: object, *, faults: int, first: str) -> None:
        self.faults = faults
        super().__init__(
            f"{root}: {faults} {'fault' if faults == 1 else 'faults'}, nothing was published (first: {first}). Run "
            "`wushu dataset verify` on it, which names all of them and what helps."
        )


class ChangedMeanwhile(CatalogueError):
    """A file became another while it was being copied."""

    def __init__(self, path: str) -> None:
        self.path = path
        super().__init__(f"{path}: was changed while it was being published. Wait for the build, and publish again.")


class BadTarget(CatalogueError):
    """A dataset cannot be published to the address that was named."""

    def __init__(self, url: str, *, problem: str) -> None:
        self.url = url
        super().__init__(f"{url}: {problem}")


class MissingDriver(MachineFault):
    """The storage that was named needs a package that is not here."""

    def __init__(self, url: str, *, package: str) -> None:
        self.package = package
        super().__init__(f"{url}: needs a driver that is not installed. Run `pip install {package}`, and try again.")


class TargetFailed(MachineFault):
    """The storage refused, or could not be reached."""

    def __init__(self, url: str, *, problem: str) -> None:
        self.url = url
        super().__init__(
            f"{url}: {problem.strip().rstrip('.')}. Check the address, its access and the network, and publish again: "
            "what has arrived is not sent twice."
        )
