"""Says which files of a dataset count: those that its outcomes are made of.

Names that stand in files are taken for paths only if they are digests of ours, or lie below the folder they speak of.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path, PurePosixPath

from pipeline.decisions import DECISIONS_FILE
from pipeline.exceptions import CorruptArtefact
from pipeline.manifest import ROW_FILE, ManifestRow
from pipeline.record_codec import digest, from_plain
from pipeline.sealed import read_sealed
from pipeline.stage import WrittenFiles
from pipeline.store import Dataset, Origin

CLIP_FILE = "clip.json"
CLIPS_FILE = "clips.json"
LOG_FILE = "log.jsonl"
CHECKSUMS_FILE = "checksums.json"
"""What publishing leaves in the folder of a dataset that was published."""

_DIGEST = re.compile(r"[0-9a-f]{16}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What a stored result says of itself."""

    folder: str
    """Id of the clip in whose folder it lies."""
    stage: str
    fingerprint: str
    origin: Origin | None
    """What it was made from, if it says."""
    content: str
    """Digest of the record and its arrays: equal results have equal ones."""
    files: WrittenFiles | None
    """The files it wrote beside itself, if that is what it is."""


def is_digest(name: str) -> bool:
    """Tell whether a name is one that this program gives to clips, recipes and settings."""
    return _DIGEST.fullmatch(name) is not None


def is_below(name: str) -> bool:
    """Tell whether a relative path stays below its folder, and is no hidden file."""
    path = PurePosixPath(name)
    plain_parts = all(part and not part.startswith(".") and "\\" not in part for part in name.split("/"))
    return bool(name) and plain_parts and not path.is_absolute()


def content_sha256(path: Path) -> str:
    """Hash a file of a dataset without loading it whole.

    Raises:
        CorruptArtefact: It is missing, or may not be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise CorruptArtefact(path, problem=(error.strerror or str(error)).lower()) from error


def read_told(dataset: Dataset, folder: str, stage: str, fingerprint: str, *, arrays: bool = False) -> Told:
    """Read what a result says of itself; its arrays are held against their hash only if asked for, which takes longer.

    Raises:
        CorruptArtefact: A file is missing, altered or cut off.
    """
    path = dataset.clip_dir(folder) / f"{stage}-{fingerprint}.json"
    document = dataset.document(folder, stage, fingerprint) if arrays else read_sealed(path)
    said = document.get("origin")
    try:
        origin = None if said is None else from_plain(Origin, said)
    except (ValueError, KeyError, TypeError, ExceptionGroup) as error:
        raise CorruptArtefact(path, problem="does not say what it was made from") from error
    return Told(
        folder=folder,
        stage=stage,
        fingerprint=fingerprint,
        origin=origin,
        content=digest([document.get("record"), document.get("npz_sha256")]),
        files=_written_files(document.get("record")),
    )


def results_of(dataset: Dataset, row: ManifestRow) -> dict[str, str]:
    """Say in which clip's folder each of an outcome's results lies, by stage; those that are nowhere are left out."""
    found: dict[str, str] = {}
    for stage, fingerprint in row.fingerprints.items():
        for folder in dict.fromkeys([row.clip.id, row.clip.whole.id]):
            if dataset.has(folder, stage, fingerprint):
                found[stage] = folder
                break
    return found


def in_order(inputs: Mapping[str, Collection[str]]) -> list[str]:
    """Sort stages so that each comes after those it reads; otherwise by name.

    Args:
        inputs: Stage -> stages it reads; those that are no keys are not minded.
    """
    known = {name: sorted(set(inputs[name]) & set(inputs)) for name in sorted(inputs)}
    try:
        return list(TopologicalSorter(known).static_order())
    except CycleError:  # nothing that this program wrote
        return sorted(inputs)


def files_of(dataset: Dataset, row: ManifestRow) -> Iterator[Path]:
    """List the files that an outcome is made of, wherever in the dataset they lie; of harmed results only their own."""
    folder = dataset.clip_dir(row.clip.id)
    yield from (folder / name for name in (CLIP_FILE, ROW_FILE))
    whole = dataset.clip_dir(row.clip.whole.id)
    yield from (path for path in (whole / CLIP_FILE, whole / CLIPS_FILE, folder / DECISIONS_FILE) if path.is_file())
    if row.settings is not None and is_digest(row.settings):
        yield dataset.root / "settings" / f"{row.settings}.json"
    for stage, owner in results_of(dataset, row).items():
        yield from result_files(dataset, owner, stage, row.fingerprints[stage])


def result_files(dataset: Dataset, folder: str, stage: str, fingerprint: str) -> Iterator[Path]:
    """List a result's own two files, its recipe, and the files that it wrote."""
    path = dataset.clip_dir(folder) / f"{stage}-{fingerprint}.json"
    yield from (path, path.with_suffix(".npz"))
    try:
        told = read_told(dataset, folder, stage, fingerprint)
    except CorruptArtefact:
        return
    if told.origin is not None and is_digest(told.origin.recipe):
        yield dataset.root / "recipes" / f"{told.origin.recipe}.json"
    if told.files is not None:
        yield from (dataset.clip_dir(folder) / name for name in told.files.sha256 if is_below(name))


def _written_files(record: object) -> WrittenFiles | None:
    try:
        return from_plain(WrittenFiles, record) if isinstance(record, dict) and "sha256" in record else None
    except (ValueError, KeyError, TypeError, ExceptionGroup):
        return None
