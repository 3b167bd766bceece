"""Takes away what a dataset's outcomes do not use: results of other settings, half-written files, withdrawn clips.

Kept are: all that a present outcome is made of; everything of a clip that is not finished, or whose outcome cannot be
read; logs and decisions of clips that stay; every file that is not ours. A clip about which somebody decided is kept
whole, and said.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.builds import settings_named
from pipeline.catalogue.contents import CLIP_FILE, CLIPS_FILE, LOG_FILE, files_of, is_below, is_digest, read_told
from pipeline.decisions import DECISIONS_FILE
from pipeline.exceptions import CorruptArtefact
from pipeline.manifest import ROW_FILE, read_row
from pipeline.sealed import read_sealed
from pipeline.store import PART_FILES, Dataset, remove_file
from retarget.progress import Progress, silent


@dataclass(frozen=True, slots=True, kw_only=True)
class Removal:
    """A file that is used no more."""

    path: str
    """Below the dataset's folder."""
    n_bytes: int
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Tidied:
    """What was taken away, or would be."""

    removals: tuple[Removal, ...]
    kept: tuple[str, ...]
    """What might be thought superfluous and stays, a sentence each."""

    @property
    def n_bytes(self) -> int:
        """Disk space that is freed [bytes]."""
        return sum(removal.n_bytes for removal in self.removals)


@dataclass(slots=True)
class _Plan:
    """What is found while the clips are looked through."""

    live: set[Path] = field(default_factory=set)
    """Files that are used."""
    whole_folders: set[str] = field(default_factory=set)
    """Clips of which everything stays."""
    unreadable: bool = False
    """An outcome cannot be read: it may be made of whatever is there."""
    gone: set[str] = field(default_factory=set)
    """Clips that their source is cut into no more."""
    kept: list[str] = field(default_factory=list)


def gc(dataset: Dataset, *, dry_run: bool = False, progress: Progress = silent) -> Tidied:
    """Take away what no outcome uses, or only say what that would be.

    Raises:
        InUse: A build is running on the dataset.
        OutputNotWritable: A file may not be removed.
    """
    with dataset.alone():
        plan = _look_through(dataset, progress)
        removals = tuple(r for r in _removals(dataset, plan) if dataset.holds(dataset.root / r.path))
        if not dry_run:
            for removal in removals:
                remove_file(dataset.root / removal.path)
            for clip_id in plan.gone:
                _remove_folder(dataset.clip_dir(clip_id))
    return Tidied(removals=removals, kept=tuple(plan.kept))


def _look_through(dataset: Dataset, progress: Progress) -> _Plan:
    """Find out for each clip what of it is used."""
    plan = _Plan()
    folders = sorted((dataset.root / "clips").glob("*"))
    for done, folder in enumerate(folders):
        progress(done, len(folders))
        if folder.is_dir() and is_digest(folder.name):
            _look_at(dataset, folder, plan)
            _spare_links(folder, plan)
    progress(len(folders), len(folders))
    plan.live.update(dataset.root / "settings" / f"{name}.json" for name in settings_named(dataset))
    return plan


def _look_at(dataset: Dataset, folder: Path, plan: _Plan) -> None:
    clip_id, name = folder.name, f"clips/{folder.name}"
    try:
        if (folder / ROW_FILE).exists():
            row = read_row(dataset, clip_id)
            plan.live.update(files_of(dataset, row))
            return
        whole = dataset.clip(clip_id).whole.id
        cut_into = dataset.clip_dir(whole) / CLIPS_FILE
        living = read_sealed(cut_into).get("clips", []) if cut_into.exists() else [clip_id]
    except CorruptArtefact as error:
        if not folder.is_symlink():  # which is told for itself
            plan.kept.append(
                f"{name}: everything in it is kept, as {error.path.name} cannot be read ({error.problem})."
            )
        plan.unreadable = True
        plan.whole_folders.add(clip_id)
        _keep_shared(dataset, clip_id, plan)
        return
    unfinished = [i for i in living if not (is_digest(str(i)) and (dataset.clip_dir(i) / ROW_FILE).exists())]
    if clip_id in unfinished or (clip_id == whole and unfinished):
        plan.whole_folders.update((clip_id, whole))  # the next run goes on from here
    elif clip_id == whole:
        return  # what of it its clips share is told by their outcomes
    elif (folder / DECISIONS_FILE).exists():
        plan.kept.append(f"{name}: its source is cut into it no more; kept, as somebody decided about it.")
        plan.whole_folders.add(clip_id)
    else:
        plan.gone.add(clip_id)


def _spare_links(folder: Path, plan: _Plan) -> None:
    """Keep what lies behind a link: it is not in the dataset, and others may need it."""
    if folder.is_symlink():
        plan.whole_folders.add(folder.name)
        plan.gone.discard(folder.name)
    links = [path for path in (folder, *folder.iterdir()) if path.is_symlink() and path.is_dir()]
    plan.kept += [f"clips/{p.relative_to(folder.parent)}: is a link; what lies behind it is kept." for p in links]


def _keep_shared(dataset: Dataset, clip_id: str, plan: _Plan) -> None:
    """Keep what a clip may share with others of its source; without knowing the source, what all clips share."""
    try:
        plan.whole_folders.add(dataset.clip(clip_id).whole.id)
    except CorruptArtefact:
        plan.whole_folders.update(path.parent.name for path in (dataset.root / "clips").glob(f"*/{CLIPS_FILE}"))


def _removals(dataset: Dataset, plan: _Plan) -> Iterator[Removal]:
    """List the files that go, each with its reason."""
    recipes: set[str] = set()
    for folder in sorted((dataset.root / "clips").glob("*")):
        if folder.is_dir() and is_digest(folder.name):
            yield from _of_clip(dataset, folder, plan)
            recipes |= _recipes_kept(dataset, folder.name, plan)
    for kind in ("recipes", "settings"):
        for path in sorted((dataset.root / kind).glob("*.json")):
            if is_digest(path.stem) and path not in plan.live and path.stem not in recipes:
                if kind == "settings" and plan.unreadable:
                    continue
                yield _removal(dataset, path, "nothing that is kept was made with it")
    for path in sorted((*dataset.root.glob(PART_FILES), *dataset.root.glob(f"[!.]*/{PART_FILES}"))):
        if path.is_file():
            yield _removal(dataset, path, "was left half-written by a killed run")


def _of_clip(dataset: Dataset, folder: Path, plan: _Plan) -> Iterator[Removal]:
    """List the files of one clip that go."""
    for path in sorted((*folder.glob(PART_FILES), *folder.glob(f"*/{PART_FILES}"))):
        yield _removal(dataset, path, "was left half-written by a killed run")
    if folder.name in plan.whole_folders:
        return
    gone = folder.name in plan.gone
    why = "its clip was withdrawn" if gone else "belongs to other settings than the outcome"
    results = dataset.results(folder.name)
    own = {folder / f"{stage}-{name}{suffix}" for stage, name in results for suffix in (".json", ".npz")}
    halves = {path for path in folder.glob("*-*.npz") if is_digest(path.stem.rpartition("-")[2])} - own
    written = {folder / name for result in results for name in _written_by(dataset, folder.name, *result)}
    last = {folder / name for name in (LOG_FILE, CLIP_FILE)} if gone else set()
    for path in sorted(path for path in own | written | last if path not in plan.live and path.is_file()):
        yield _removal(dataset, path, why)
    for path in sorted(halves):
        yield _removal(dataset, path, "is half of a result, left by a killed run")


def _written_by(dataset: Dataset, clip_id: str, stage: str, fingerprint: str) -> list[str]:
    """Return the files that a result names, below its clip's folder; none if it is harmed."""
    try:
        files = read_told(dataset, clip_id, stage, fingerprint).files
    except CorruptArtefact:
        return []
    return [name for name in (files.sha256 if files else ()) if is_below(name)]


def _recipes_kept(dataset: Dataset, clip_id: str, plan: _Plan) -> set[str]:
    """Return the recipes of the results that stay in a folder of which everything stays."""
    found: set[str] = set()
    for stage, fingerprint in dataset.results(clip_id) if clip_id in plan.whole_folders else ():
        try:
            origin = dataset.origin(clip_id, stage, fingerprint)
        except CorruptArtefact:
            continue
        found |= {origin.recipe} if origin is not None else set()
    return found


def _removal(dataset: Dataset, path: Path, why: str) -> Removal:
    name = path.relative_to(dataset.root).as_posix()
    return Removal(path=name, n_bytes=path.lstat().st_size, why=why)


def _remove_folder(folder: Path) -> None:
    """Take away a withdrawn clip's folder, unless something of somebody else's is in it."""
    if folder.is_dir() and all(path.name.startswith(".") and path.is_file() for path in folder.iterdir()):
        for path in list(folder.iterdir()):
            remove_file(path)
