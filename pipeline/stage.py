"""What a stage is: a step that reads results of earlier steps and gives one record, named by all that decides it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pipeline.clip import Clip, file_sha256
from pipeline.record_codec import digest, plain
from pipeline.store import Origin, Recipe
from retarget.progress import Progress

Resource = Literal["cpu", "gpu"]
"""What of a machine only so many stages can have at once."""


def nothing_special() -> None:
    """Need nothing that an installation does not have."""


def no_facts(clip: Clip) -> None:
    """Say that nothing the user may know of a source decides a stage's result."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StageContext:
    """What a stage may know besides the results it reads."""

    clip: Clip
    clip_dir: Path
    """Folder for files meant for people and trainers."""
    progress: Progress


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenFiles:
    """Result of a stage that writes files for others instead of a record for the next stage."""

    sha256: dict[str, str]
    """Path below the clip's folder -> hash of the content."""
    notes: tuple[str, ...] = ()
    """What the reader of the files should know."""
    withdrawn: tuple[str, ...] = ()
    """Paths below the clip's folder at which other settings leave a file, and these leave none."""
    seconds: dict[str, float] = field(default_factory=dict)
    """Length of the motion that was handed off, by format, refined versions and leads not counted [s]."""

    @classmethod
    def of(
        cls, clip_dir: Path, paths: Iterable[Path], notes: tuple[str, ...] = (), withdrawn: Iterable[Path] = ()
    ) -> WrittenFiles:
        """Describe files that were just written below the clip's folder, or taken away."""
        return cls(
            sha256={str(path.relative_to(clip_dir)): file_sha256(path) for path in paths},
            notes=notes,
            withdrawn=tuple(str(path.relative_to(clip_dir)) for path in withdrawn),
        )

    def are_as_left(self, clip_dir: Path) -> bool:
        """Tell whether every file is still there, unchanged, and none that was taken away came back."""
        if any((clip_dir / p).exists() for p in self.withdrawn):
            return False
        return all((clip_dir / p).is_file() and file_sha256(clip_dir / p) == h for p, h in self.sha256.items())


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One step: reads results of earlier stages, gives one record."""

    name: str
    version: int
    """Raised whenever the same input and config give another result."""
    config: Any
    """Everything else that decides the result, as JSON types."""
    reads: tuple[str, ...]
    """Stages whose results ``run`` takes, in this order."""
    result: type
    run: Callable[..., Any]
    licences: tuple[str, ...] = ()
    """Licences of models and bodies that shape the result."""
    of_whole: bool = False
    """One result for a source as a whole, that all its clips share."""
    facts: Callable[[Clip], Any] = no_facts
    """What the user said of the clip's source that decides the result, as JSON types."""

    resource: Resource = "cpu"
    """What it occupies while it runs."""
    require: Callable[[], None] = nothing_special
    """Called before anything runs, where the stage will be needed; raises what its lack on this machine is called."""

    @property
    def recipe(self) -> Recipe:
        """What decides its results, whatever the clip."""
        return Recipe(name=self.name, version=self.version, config=self.config)

    def owner(self, clip: Clip) -> Clip:
        """Return the clip in whose folder the result lies."""
        return clip.whole if self.of_whole else clip

    def origin(self, clip: Clip, inputs: Mapping[str, str]) -> Origin:
        """Return all that decides the result besides the clip, given the fingerprints of the results it reads."""
        return Origin(recipe=self.recipe.digest, facts=self.facts(clip), inputs=dict(inputs))

    def fingerprint(self, clip: Clip, inputs: Mapping[str, str]) -> str:
        """Name the result by all that decides it."""
        return digest([self.owner(clip).id, plain(self.origin(clip, inputs))])
