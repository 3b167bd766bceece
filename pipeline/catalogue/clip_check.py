"""Looks through one clip's folder: every file in it is as it was written, or it is told what is wrong with it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.catalogue.contents import (
    CLIP_FILE,
    CLIPS_FILE,
    LOG_FILE,
    Told,
    content_sha256,
    is_below,
    is_digest,
    read_told,
    results_of,
)
from pipeline.catalogue.findings import RUN_AGAIN, Finding, half_written, left_over, stranger
from pipeline.clip import Clip
from pipeline.decisions import DECISIONS_FILE, read_decisions, standing
from pipeline.exceptions import CorruptArtefact
from pipeline.manifest import ROW_FILE, ManifestRow, read_row
from pipeline.record_codec import digest, plain
from pipeline.sealed import read_sealed
from pipeline.store import PART_FILES, Dataset


@dataclass(slots=True, kw_only=True)
class _Folder:
    """What is known of a clip's folder while it is looked through."""

    dataset: Dataset
    path: Path
    explained: set[str] = field(default_factory=set)
    """Files, below the folder, of which it is known what they are."""
    results: dict[tuple[str, str], Told] = field(default_factory=dict)
    row: ManifestRow | None = None

    @property
    def id(self) -> str:
        return self.path.name

    def name(self, file: str) -> str:
        """Return the path of a file below the dataset's folder."""
        return f"clips/{self.id}/{file}"

    def fault(self, file: str, problem: str, *also: str, remedy: str = RUN_AGAIN) -> Finding:
        """Tell of a file that the next run makes anew once it, and what else is named, is away."""
        remove = tuple(self.name(name) for name in (file, *also))
        return Finding(path=self.name(file), problem=problem, remedy=remedy, remove=remove)

    def has(self, file: str) -> bool:
        """Tell whether a file is there; from now on it is explained."""
        self.explained.add(file)
        return (self.path / file).is_file()


def check_clip(dataset: Dataset, path: Path) -> Iterator[Finding]:
    """Find what in a clip's folder is not as it was written."""
    if not path.is_dir() or not is_digest(path.name) or not _is_begun(dataset, path):
        if not path.name.startswith("."):
            yield stranger(f"clips/{path.name}")
        return
    folder = _Folder(dataset=dataset, path=path)
    yield from _check_identity(folder)
    yield from _check_results(folder)
    yield from _check_row(folder)
    yield from _check_written(folder)
    yield from _check_decisions(folder)
    yield from _check_others(folder)


def _is_begun(dataset: Dataset, path: Path) -> bool:
    """Tell whether anything in a folder speaks of a clip."""
    own = (CLIP_FILE, CLIPS_FILE, ROW_FILE, DECISIONS_FILE)
    return any((path / name).exists() for name in own) or bool(dataset.results(path.name))


def _check_identity(folder: _Folder) -> Iterator[Finding]:
    """Hold what the clip is against the folder's name."""
    folder.has(CLIP_FILE)
    try:
        clip = folder.dataset.clip(folder.id)
        again = Clip.of(clip.source, span_s=clip.span_s, person=clip.person)
        if not clip.id == again.id == folder.id:
            yield folder.fault(CLIP_FILE, "says that it is another clip than its folder")
    except CorruptArtefact as error:
        yield folder.fault(CLIP_FILE, error.problem)
    if not folder.has(CLIPS_FILE):
        return
    try:
        ids = read_sealed(folder.path / CLIPS_FILE).get("clips", [])
    except CorruptArtefact as error:
        yield folder.fault(CLIPS_FILE, error.problem)
        return
    for clip_id in ids:
        if not is_digest(str(clip_id)) or not (folder.dataset.clip_dir(str(clip_id)) / CLIP_FILE).is_file():
            problem = f"names a clip that was not begun ({clip_id!s:.16})"
            yield Finding(path=folder.name(CLIPS_FILE), problem=problem, remedy="Run the build again", kind="leftover")


def _check_results(folder: _Folder) -> Iterator[Finding]:
    """Hold each result against its seal, its hash, its fingerprint, and what it says it was made by."""
    for stage, fingerprint in folder.dataset.results(folder.id):
        own, arrays = (f"{stage}-{fingerprint}{suffix}" for suffix in (".json", ".npz"))
        folder.explained.update((own, arrays))
        try:
            told = read_told(folder.dataset, folder.id, stage, fingerprint, arrays=True)
        except CorruptArtefact as error:
            yield folder.fault(error.path.name, error.problem, *{own, arrays} - {error.path.name})
            continue
        folder.results[stage, fingerprint] = told
        if (problem := _problem_of_origin(folder, told)) is not None:
            yield folder.fault(own, problem, arrays)


def _problem_of_origin(folder: _Folder, told: Told) -> str | None:
    """Say what is wrong with what a result says it was made from."""
    if told.origin is None:
        return None
    recipe = told.origin.recipe
    if told.fingerprint != digest([folder.id, plain(told.origin)]):
        return "was made from something else than its name says"
    if not is_digest(recipe) or not (folder.dataset.root / "recipes" / f"{recipe}.json").is_file():
        return f"was made by a recipe that is not there (recipes/{recipe:.16}.json)"
    try:
        stage = folder.dataset.recipe(recipe).name
    except CorruptArtefact:
        return None  # told of the recipe itself
    return None if stage == told.stage else f"was made by the stage '{stage}'"


def _check_row(folder: _Folder) -> Iterator[Finding]:
    """Hold the outcome against its seal, its folder, and the results and settings that it names."""
    if not folder.has(ROW_FILE):
        return
    try:
        row = read_row(folder.dataset, folder.id)
    except CorruptArtefact as error:
        yield folder.fault(ROW_FILE, error.problem)
        return
    folder.row = row
    settings = row.settings
    if settings is not None and not (
        is_digest(settings) and (folder.dataset.root / "settings" / f"{settings}.json").is_file()
    ):
        yield folder.fault(ROW_FILE, f"comes from settings that are not there (settings/{settings:.16}.json)")
    for stage in sorted(set(row.fingerprints) - set(results_of(folder.dataset, row))):
        yield folder.fault(ROW_FILE, f"names a result that is not there ({stage}-{row.fingerprints[stage]:.16})")


def _check_written(folder: _Folder) -> Iterator[Finding]:
    """Hold films, pictures and hand-off files against the results that wrote them."""
    current = set(folder.row.fingerprints.items()) if folder.row is not None else set()
    of_others: dict[str, set[str]] = {}
    for key, told in folder.results.items():
        if told.files is None:
            continue
        own = tuple(f"{told.stage}-{told.fingerprint}{suffix}" for suffix in (".json", ".npz"))
        if unsafe := [name for name in (*told.files.sha256, *told.files.withdrawn) if not is_below(name)]:
            yield folder.fault(own[0], f"speaks of a file outside its folder ({unsafe[0]:.60})", own[1])
            continue
        if key not in current:
            for name, sha256 in told.files.sha256.items():
                of_others.setdefault(name, set()).add(sha256)
            continue
        yield from _check_current(folder, told, own)
    for name in sorted(set(of_others) - folder.explained):
        if not folder.has(name):
            continue
        if content_sha256(folder.path / name) not in of_others[name]:
            yield folder.fault(name, "its content has changed since it was written")
        elif folder.row is not None:
            yield left_over(folder.name(name))


def _check_current(folder: _Folder, told: Told, own: tuple[str, ...]) -> Iterator[Finding]:
    """Hold the files of a result that counts against it."""
    files = told.files
    for name, sha256 in sorted(files.sha256.items() if files else ()):
        if not folder.has(name):
            yield folder.fault(name, "is missing", *own)
        elif content_sha256(folder.path / name) != sha256:
            yield folder.fault(name, "its content has changed since it was written", *own)
    for name in files.withdrawn if files else ():
        if folder.has(name):
            yield folder.fault(name, "was taken away by the last run, and is there again")


def _check_decisions(folder: _Folder) -> Iterator[Finding]:
    """Tell of decisions that cannot be read; if somebody decided again since, they do no harm."""
    if not folder.has(DECISIONS_FILE):
        return
    path = folder.path / DECISIONS_FILE
    try:
        decisions = read_decisions(folder.dataset, folder.id)
    except OSError as error:
        problem, remedy = (error.strerror or str(error)).lower(), "Fix its permissions"
        yield Finding(path=folder.name(DECISIONS_FILE), problem=problem, remedy=remedy)
        return
    torn = len(decisions.after) < len(decisions.damaged)
    kind = "fault" if torn or standing(decisions, None).doubtful else "leftover"
    for sentence in decisions.damaged:
        problem = sentence.removeprefix(f"{path}: ").split(". ")[0].rstrip(".")
        yield Finding(path=folder.name(DECISIONS_FILE), problem=problem, remedy="Decide again", kind=kind)


def _check_others(folder: _Folder) -> Iterator[Finding]:
    """Tell of files that nothing explains."""
    folder.has(LOG_FILE)
    for path in sorted(folder.path.rglob("*")):
        name = path.relative_to(folder.path).as_posix()
        if path.match(PART_FILES):
            yield half_written(folder.name(name))
        elif path.is_dir() or name in folder.explained or any(part.startswith(".") for part in Path(name).parts):
            continue
        elif path.suffix == ".npz" and "/" not in name and is_digest(path.stem.rpartition("-")[2]):
            yield half_written(folder.name(name))
        else:
            yield stranger(folder.name(name))
