"""Errors of the estimators."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from pipeline.exceptions import MachineFault, PipelineError


class TooLittleEvidence(PipelineError):
    """There are too few frames with a person to make a motion from."""

    def __init__(self, *, usable: int, total: int, needed: int) -> None:
        self.usable = usable
        self.total = total
        self.needed = needed
        super().__init__(
            f"the person is visible in only {usable} of {total} frames, and a motion needs at least {needed}. "
            "Choose a longer span in which the whole body is in the picture."
        )


class UnusableWeights(PipelineError):
    """A file of weights, or a checkpoint to import, cannot be used."""

    def __init__(self, path: Path, *, problem: str, remedy: str) -> None:
        self.path = path
        self.problem = problem
        super().__init__(f"{path}: {problem}. {remedy}.")


class UnknownWeights(PipelineError):
    """No weights of that name are on this machine."""

    def __init__(self, name: str, *, known: Iterable[str], remedy: str) -> None:
        self.name = name
        self.known = tuple(known)
        super().__init__(f"no weights '{name}' on this machine. Known: {', '.join(self.known) or 'none'}. {remedy}.")


class WeightsOfAnotherBody(PipelineError):
    """Weights would give betas of one body to a motion of another."""

    def __init__(self, weights: str, *, wanted: str, given: str, remedy: str) -> None:
        self.wanted = wanted
        self.given = given
        super().__init__(
            f"{weights}: its betas belong to body '{wanted}', not to '{given}', and would make a person of wrong "
            f"proportions. {remedy}."
        )


class WeightsWithoutImages(PipelineError):
    """Image features are to be made for weights that have no use for them."""

    def __init__(self, weights: str) -> None:
        self.weights = weights
        super().__init__(
            f"the weights '{weights}' take no image features. Run with `--features.network none`, or with GVHMR's own "
            "weights: `--gvhmr.weights official`."
        )


class ExtraNotInstalled(MachineFault):
    """Something was asked for that needs packages which are installed on request only."""

    def __init__(self, what: str, *, packages: Iterable[str], extra: str, otherwise: str = "") -> None:
        self.packages = tuple(packages)
        remedies = [f"Run `pip install 'wushu[{extra}]'`", *([otherwise] if otherwise else [])]
        super().__init__(f"{what} needs {' and '.join(self.packages)}, not installed here. {', or '.join(remedies)}.")


class DeviceMissing(MachineFault):
    """The network is to run where this machine has nothing for it to run on."""

    def __init__(self, device: str, *, torch_version: str, option: str = "--gvhmr.device") -> None:
        self.device = device
        super().__init__(
            f"the network is to run on '{device}', which torch {torch_version} does not find here. Set "
            f"`{option} cpu`, or install torch's build for the graphics card and its driver."
        )
