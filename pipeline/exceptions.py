"""Errors of ``pipeline``: facts in, one sentence out. Rooms derive their own from :class:`PipelineError`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from robots.exceptions import WushuError


class PipelineError(WushuError):
    """Base of the errors of ``pipeline``."""


class MachineFault(PipelineError):
    """The machine lacks what a step needs: no fault of the clip, whose outcome stays open."""


class InvalidLimits(PipelineError):
    """A limits file cannot be used."""

    def __init__(self, path: Path, *, problem: str) -> None:
        self.path = path
        self.problem = problem
        super().__init__(f"{path}: not a limits file ({problem}). Copy one of the presets and change its numbers.")


class NothingJudged(PipelineError):
    """A set of limits says nothing of what was measured, so that whatever it accepts is accepted unseen."""

    def __init__(self, tier: str, *, stages: Sequence[str]) -> None:
        self.tier = tier
        super().__init__(
            f"tier '{tier}' has no limit on {' or '.join(stages)}, so that nothing would be judged. Copy one of the "
            "presets and change its numbers."
        )


class UnreadableVideo(PipelineError):
    """A file could not be opened or decoded as a video."""

    def __init__(self, path: Path, *, problem: str, remedy: str) -> None:
        self.path = path
        self.problem = problem
        super().__init__(f"{path}: {problem}. {remedy}")


class UnsteadySource(PipelineError):
    """A source's file is not what it was identified by: no outcome of its clips, which stay as they were."""

    def __init__(self, path: Path, *, problem: str, remedy: str) -> None:
        self.path = path
        self.problem = problem
        super().__init__(f"{path}: {problem}. {remedy}")


class NoPersonFound(PipelineError):
    """A video decodes, but nobody was seen in it long enough to make a motion."""

    def __init__(self, path: Path, *, seen_s: float) -> None:
        self.path = path
        self.seen_s = seen_s
        super().__init__(
            f"{path}: a person was seen for only {seen_s:.1f} s. Film one whole person, at least a third of "
            "the picture high, for a second or more."
        )


class MissingModelFile(MachineFault):
    """A file that must be fetched once is not on this machine."""

    def __init__(self, path: Path, *, what: str, command: str) -> None:
        self.path = path
        super().__init__(f"{what} is not on this machine ({path}). Run `{command}` once; it needs the network.")


class NotADataset(PipelineError):
    """A directory was named as a dataset and is none."""

    def __init__(self, path: Path, *, problem: str) -> None:
        self.path = path
        self.problem = problem
        super().__init__(f"{path}: {problem}. Name a dataset of `wushu run`, or a new folder.")


class InUse(PipelineError):
    """A dataset is in work, and what was asked for would take files from under those who work on it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        super().__init__(f"{path}: a build is running on it. Wait until it is done, or stop it, and try again.")


class DatasetGone(MachineFault):
    """A dataset that was opened is not there any more."""

    def __init__(self, path: Path) -> None:
        self.path = path
        super().__init__(
            f"{path}: the dataset is not there any more: it was moved, or its disk is not mounted. Put it back, and "
            "try again."
        )


class BeingTidied(MachineFault):
    """A dataset is being tidied, and whoever asked did not wait for the end of it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        super().__init__(f"{path}: it is being tidied (`wushu dataset gc`), or repaired. Try again when that is done.")


class CorruptArtefact(PipelineError):
    """A file of a dataset is missing, damaged or of another kind."""

    def __init__(self, path: Path, *, problem: str) -> None:
        self.path = path
        self.problem = problem
        super().__init__(f"{path}: {problem}. Delete the file and run again; it will be made anew.")


class OutputNotWritable(MachineFault):
    """A result could not be written."""

    def __init__(self, path: Path, *, problem: str) -> None:
        self.path = path
        self.problem = problem
        super().__init__(f"{path}: cannot be written ({problem}). Free space, fix permissions, or name another folder.")


class DecidedMeanwhile(PipelineError):
    """Someone decided on a clip, and whoever decides now did not see it, or did not say that they overrule it."""

    def __init__(self, clip: str, *, told: str) -> None:
        self.clip = clip
        self.told = told
        super().__init__(f"{clip}: decided meanwhile: {told}. Look at it, and overrule it if you stand by yours.")


class InvalidSettings(PipelineError):
    """A settings file names something that does not exist, or holds a wrong value."""

    def __init__(self, path: Path, *, problem: str) -> None:
        self.path = path
        self.problem = problem
        super().__init__(f"{path}: {problem}")


class InvalidSources(PipelineError):
    """A ``sources.toml`` cannot be used."""

    def __init__(self, path: Path, *, problem: str) -> None:
        self.path = path
        self.problem = problem
        super().__init__(f"{path}: {problem}. See docs/sources.md for what it may say.")


class UnknownMotionFile(PipelineError):
    """A file is neither a hand-off file nor a motion of a human."""

    def __init__(self, path: Path, *, suffixes: Sequence[str]) -> None:
        self.path = path
        super().__init__(
            f"{path}: no kind of motion file that is known. Name one that ends in {', '.join(suffixes)}, or a human's "
            "motion (.bvh, SMPL parameters in .npz)."
        )
