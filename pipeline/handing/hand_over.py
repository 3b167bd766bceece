"""Makes of a dataset the folder that a trainer of the G1 takes: motions, their metadata, checksums, and what to do."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pipeline.clip import file_sha256
from pipeline.deliverable import Deliverable, Deliverables
from pipeline.exceptions import CorruptArtefact, MachineFault
from pipeline.export import HandoffFormat, find_format, fk_error_mm
from pipeline.handing.balance import balance
from pipeline.handing.by_hand import made_by_hand
from pipeline.handing.candidate import Candidate, LeftOut, Why, counts
from pipeline.handing.exceptions import FolderTaken, NothingToHandOver
from pipeline.handing.folder import METADATA, SUMS, put_in_place, require_free, staged, sums_of
from pipeline.handing.metadata import FileEntry, Side, file_entry, metadata_bytes, metadata_csv, stages_made
from pipeline.handing.options import HandoffOptions
from pipeline.handing.readme import readme_text
from pipeline.handing.selection import let_in, select
from pipeline.handing.split import split_sources
from pipeline.licences import Use, use_of
from pipeline.store import Dataset, write_bytes
from retarget.progress import Progress, silent
from robots.exceptions import WushuError
from robots.g1 import load_g1

LARGEST_FK_ERROR_MM = 0.1
"""A link that stands farther from where MuJoCo has it is no rounding: an axis, an order or a unit is wrong [mm]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """A folder that was handed over."""

    path: Path
    files: tuple[FileEntry, ...]
    """Sorted by path."""
    left_out: tuple[LeftOut, ...]
    notes: tuple[str, ...]
    """What the user should know."""
    changed: bool
    """False if the folder held the very same before."""

    def seconds(self, side: Side) -> float:
        """Sum up one side's motion, without leads [s]."""
        return sum(entry.duration_s for entry in self.files if entry.split == side)

    def count(self, side: Side) -> int:
        """Count one side's files."""
        return sum(entry.split == side for entry in self.files)

    @property
    def use(self) -> Use:
        """Whether all of it may be used commercially."""
        return use_of(licence for entry in self.files for licence in entry.licences)


def hand_over(
    dataset: Dataset,
    out: Path,
    options: HandoffOptions,
    progress: Progress = silent,
    *,
    bodies_dir: Path | None = None,
) -> Bundle:
    """Write the motions of a dataset that are accepted, as one consumer reads them, whole or not at all.

    Args:
        dataset: Nothing in it is changed; it is kept from being tidied meanwhile.
        out: A new or empty folder, or one that an earlier call wrote, which is replaced.
        options: Which motions, for whom.
        progress: Hears of motions as they are written.
        bodies_dir: Folder of bodies that the user imported: the human of what a person cut is judged with his body.

    Raises:
        UnknownName: There is no such format.
        NothingToHandOver: No motion can be handed over; nothing was written.
        FolderTaken: The folder holds something else, or lies within the dataset.
        HandOverRunning: Another program writes there.
        OutputNotWritable: The folder cannot be written, or the disk is full.
    """
    form = find_format(options.to)
    out = out.absolute()
    if dataset.root.resolve() in (out.resolve(), *out.resolve().parents):
        raise FolderTaken(out, problem="lies within the dataset")
    require_free(out)
    with dataset.being_read():
        selected = select(dataset, options)
        candidates, left_out, told = list(selected.taken), list(selected.left_out), list(selected.notes)
        if options.balance:
            candidates, too_much, still_too_much = balance(candidates)
            left_out += too_much
            told += still_too_much
        if not candidates:
            raise _nothing(dataset, options, left_out)
        with staged(out) as staging:
            written, unsound = _write(dataset, candidates, options, staging, progress, bodies_dir)
            left_out += unsound
            if not written:
                raise _nothing(dataset, options, left_out)
            entries, notes = _part(written, options, staging)
            notes = (*told, *notes)
            _describe(staging, entries, left_out, notes, options, form)
            changed = put_in_place(staging, out)
    return Bundle(path=out, files=tuple(entries), left_out=tuple(left_out), notes=notes, changed=changed)


def _write(
    dataset: Dataset,
    candidates: Sequence[Candidate],
    options: HandoffOptions,
    staging: Path,
    progress: Progress,
    bodies_dir: Path | None,
) -> tuple[list[FileEntry], list[LeftOut]]:
    """Write every motion and look at each file as its consumer will; what does not pass is taken away."""
    written: list[FileEntry] = []
    left_out: list[LeftOut] = []
    for number, candidate in enumerate(candidates):
        progress(number, len(candidates))
        path = staging / f"{candidate.name}{find_format(options.to).suffix}"
        try:
            found = _write_one(dataset, candidate, options, path, bodies_dir)
        except MachineFault:
            raise
        except CorruptArtefact as error:
            found = candidate.left_out(Why.DAMAGED, str(error))
        except WushuError as error:
            found = candidate.left_out(Why.UNSOUND, str(error))
        if isinstance(found, FileEntry):
            written.append(found)
        else:
            path.unlink(missing_ok=True)
            left_out.append(found)
    progress(len(candidates), len(candidates))
    return written, left_out


def _write_one(
    dataset: Dataset, chosen: Candidate, options: HandoffOptions, path: Path, bodies_dir: Path | None
) -> FileEntry | LeftOut:
    item = deliverable(dataset, chosen, bodies_dir)
    candidate = let_in(chosen, item.verdict, options)
    if isinstance(candidate, LeftOut):
        return candidate
    form = find_format(options.to)
    robot = load_g1(item.variant)
    handed = form.write(item.motion, robot, path)
    if problems := form.check(path):
        return candidate.left_out(Why.UNSOUND, " ".join(problems))
    error_mm = fk_error_mm(form, path, item.motion, robot)
    if not error_mm <= LARGEST_FK_ERROR_MM:
        told = f"a link of the written file is {error_mm:.2g} mm from where MuJoCo has it."
        return candidate.left_out(Why.UNSOUND, told)
    return file_entry(
        candidate,
        item,
        handed,
        sha256=file_sha256(path),
        fk_error_mm=error_mm,
        stages=stages_made(dataset, candidate.row),
    )


def deliverable(dataset: Dataset, candidate: Candidate, bodies_dir: Path | None = None) -> Deliverable:
    """Return a candidate's motion with its leads; what a person cut, or accepted though refused, gets them here.

    Raises:
        CorruptArtefact: The dataset does not hold it any more, or not as it was.
        WushuError: It cannot be led.
    """
    row = candidate.row
    if not candidate.by_hand:
        delivered = dataset.load(row.clip.id, "leads", row.fingerprints["leads"], Deliverables)
        item = delivered.find(candidate.name, candidate.variant)
        assert item is not None  # it was found when the candidate was chosen
        return item
    decision = candidate.decision
    assert decision is not None  # by whose hand it is
    return made_by_hand(
        dataset,
        row,
        candidate.variant,
        frames=candidate.frames,
        changes=decision.edits,
        by=decision.by,
        bodies_dir=bodies_dir,
    ).item


def _part(
    written: Sequence[FileEntry], options: HandoffOptions, staging: Path
) -> tuple[list[FileEntry], tuple[str, ...]]:
    """Move each motion to its side."""
    seconds: dict[str, float] = defaultdict(float)
    for entry in written:
        seconds[entry.source_sha256] += entry.duration_s
    split = split_sources(seconds, val_share=options.val_share, seed=options.seed)
    entries = []
    for entry in written:
        side: Side = "val" if entry.source_sha256 in split.val else "train"
        (staging / side).mkdir(exist_ok=True)
        (staging / entry.file).replace(staging / side / entry.file)
        entries.append(replace(entry, split=side, file=f"{side}/{entry.file}"))
    return sorted(entries, key=lambda entry: entry.file), split.notes


def _describe(
    staging: Path,
    entries: Sequence[FileEntry],
    left_out: Sequence[LeftOut],
    notes: Sequence[str],
    options: HandoffOptions,
    form: HandoffFormat,
) -> None:
    write_bytes(staging / METADATA, metadata_bytes(entries, left_out, notes, options, form))
    write_bytes(staging / "metadata.csv", metadata_csv(entries))
    write_bytes(staging / "README.md", readme_text(entries, left_out, notes, options, form).encode())
    write_bytes(staging / SUMS, sums_of(staging))


def _nothing(dataset: Dataset, options: HandoffOptions, left_out: Sequence[LeftOut]) -> NothingToHandOver:
    first = f"{left_out[0].clip}: {left_out[0].sentence}" if left_out else None
    return NothingToHandOver(dataset.root, to=options.to, counts=counts(left_out), first=first)
