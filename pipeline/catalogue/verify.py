"""Reads a dataset again, all of it, and tells what is not as it was written.

Every document is held against its seal and its name, every result against its hash and its fingerprint, every film,
picture and hand-off file against the result that wrote it, the index against the outcomes. A clip's ``log.jsonl`` is
read by nobody and is not looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from pipeline.catalogue.clip_check import check_clip
from pipeline.catalogue.contents import CHECKSUMS_FILE, is_digest
from pipeline.catalogue.findings import Finding, Tell, half_written, stranger
from pipeline.catalogue.index import INDEX_FILE, MADE_TOGETHER, check_index, rebuild_index
from pipeline.exceptions import CorruptArtefact, InUse, OutputNotWritable
from pipeline.record_codec import digest
from pipeline.sealed import read_sealed
from pipeline.store import LAYOUT_VERSION, PART_FILES, Dataset, remove_file, write_json
from retarget.progress import Progress, silent

MARKER = "dataset.json"
_FOLDERS = ("settings", "recipes", "clips")


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What was found in a dataset."""

    findings: tuple[Finding, ...]
    n_clips: int
    """Folders that were looked through."""
    in_work: bool
    """A build was running on it, whose unfinished work may be among the findings."""

    @property
    def faults(self) -> tuple[Finding, ...]:
        """What is not as it was written."""
        return tuple(finding for finding in self.findings if finding.kind == "fault")


def verify(dataset: Dataset, progress: Progress = silent, tell: Tell = lambda finding: None) -> Checked:
    """Read everything in a dataset and tell what is wrong; nothing is changed.

    Args:
        dataset: What to read.
        progress: Hears how many clips' folders are done.
        tell: Hears of every finding at once.
    """
    in_work = is_in_work(dataset)
    findings: list[Finding] = []

    def found(more: Iterator[Finding]) -> None:
        for finding in more:
            findings.append(finding)
            tell(finding)

    found(_check_root(dataset))
    for folder in ("settings", "recipes"):
        found(_check_named_by_digest(dataset, folder))
    folders = sorted((dataset.root / "clips").iterdir()) if (dataset.root / "clips").is_dir() else []
    for done, folder in enumerate(folders):
        progress(done, len(folders))
        found(check_clip(dataset, folder))
    progress(len(folders), len(folders))
    found(check_index(dataset))
    return Checked(findings=tuple(findings), n_clips=len(folders), in_work=in_work)


def repair(dataset: Dataset, checked: Checked, rebuild: Callable[[Dataset], object] = rebuild_index) -> list[str]:
    """Take away what is damaged, so that the next run makes it anew; return which files, below the dataset's folder.

    The marker, ``dataset.json``, is written anew instead.

    Decisions of people are never touched, nor files that are not ours. Index and card are made anew at once.

    Args:
        dataset: The one that was verified.
        checked: What was found in it.
        rebuild: Makes index and card of it, and the page if it knows how.

    Raises:
        InUse: A build is running.
        OutputNotWritable: A file may not be removed.
    """
    with dataset.alone():
        mended = []
        for name in sorted({name for finding in checked.faults for name in finding.remove}):
            if (dataset.root / name).is_file() and dataset.holds(dataset.root / name):
                remove_file(dataset.root / name)
                mended.append(name)
        if any(finding.path == MARKER for finding in checked.faults):
            write_json(dataset.root / MARKER, {"layout": LAYOUT_VERSION})
            mended.append(MARKER)
    rebuild(dataset)
    return mended


def is_in_work(dataset: Dataset) -> bool:
    """Tell whether a build is running on a dataset now; on one that cannot be written, none is."""
    try:
        with dataset.alone():
            return False
    except InUse:
        return True
    except OutputNotWritable:
        return False


def _check_root(dataset: Dataset) -> Iterator[Finding]:
    """Look at the dataset's own folder."""
    for name in (MARKER, CHECKSUMS_FILE):
        if (dataset.root / name).exists():
            try:
                read_sealed(dataset.root / name)
            except CorruptArtefact as error:
                remedy = "Add --repair, which writes it anew" if name == MARKER else "Delete it; publishing writes it"
                yield Finding(
                    path=name, problem=error.problem, remedy=remedy, remove=(CHECKSUMS_FILE,) * (name != MARKER)
                )
    known = {MARKER, INDEX_FILE, CHECKSUMS_FILE, *MADE_TOGETHER, *_FOLDERS}
    for path in sorted(dataset.root.iterdir()):
        if path.match(PART_FILES):
            yield half_written(path.name)
        elif path.name not in known and not path.name.startswith("."):
            yield stranger(path.name)


def _check_named_by_digest(dataset: Dataset, folder: str) -> Iterator[Finding]:
    """Look at the settings, or the recipes: each is named by its content."""
    for path in sorted((dataset.root / folder).glob("*")):
        name = f"{folder}/{path.name}"
        if path.match(PART_FILES):
            yield half_written(name)
        elif path.suffix != ".json" or not is_digest(path.stem) or not path.is_file():
            yield stranger(name)
        elif (problem := _problem_of_content(dataset, folder, path)) is not None:
            yield Finding(path=name, problem=problem, remove=(name,))


def _problem_of_content(dataset: Dataset, folder: str, path: Path) -> str | None:
    try:
        own = digest(dataset.settings(path.stem)) if folder == "settings" else dataset.recipe(path.stem).digest
    except CorruptArtefact as error:
        return error.problem
    return None if own == path.stem else "has another content than its name says"
