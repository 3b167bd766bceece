"""What a hand-over says of its files: where each comes from, how good and how hard it is, what it may be used for."""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from pipeline.decisions import Decision
from pipeline.deliverable import Deliverable, Kind
from pipeline.exceptions import CorruptArtefact
from pipeline.export import Handoff, HandoffFormat
from pipeline.handing.candidate import Candidate, LeftOut
from pipeline.handing.options import HandoffOptions
from pipeline.licences import Use, use_of
from pipeline.manifest import ManifestRow
from pipeline.measurement import Span
from pipeline.record_codec import plain
from pipeline.sealed import sealed_bytes
from pipeline.store import Dataset
from pipeline.variants import shown_variant, stage_of
from robots.g1 import Variant, load_g1

KIND = "wushu hand-over"
"""What ``metadata.json`` says that it is: by this a former hand-over is known."""

LAYOUT = 1

Side = Literal["train", "val"]

HARDEST = 1.0
"""Difficulty of a motion that needs its whole weight borne, or more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StageMade:
    """A result that a file was made from."""

    fingerprint: str
    version: int | None
    """Of the stage; None if the dataset does not say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileEntry:
    """One motion file of a hand-over."""

    file: str
    """Path below the folder."""
    split: Side
    sha256: str
    clip: str
    """Id of the clip in its dataset."""
    clip_name: str
    source: str
    """Name of the source's file."""
    source_sha256: str
    source_span_s: tuple[float, float] | None
    """Which part of the source the clip is, on the source's clock; None = all [s]."""
    person: int
    kind: Kind
    """``whole``, ``part`` of a clip, or ``refined``: what the simulated robot did without help."""
    robot: Variant
    """The G1 that the motion was solved and judged for."""
    frames: Span
    """Frames of the clip's motion that it is made of, first and one after the last."""
    clip_fps: float
    """Rate of these frames [1/s]."""
    fps: int
    """Rate of the file [1/s]."""
    n_frames: int
    lead_in_frames: int
    """At the beginning of the file, from the standing pose; no part of what was performed."""
    lead_out_frames: int
    """At its end, to the standing pose."""
    duration_s: float
    """Without leads [s]."""
    score: float
    """Rank in [0, 1], 1 = nothing to wish for."""
    difficulty: float | None
    """See :func:`difficulty`."""
    follows_without_help: bool | None
    """Whether the simulated robot followed the clip to its end by a plan, without help; None: not tried."""
    tier: str
    """Limits that it was judged by."""
    accepted_by: Literal["verdict", "decision"]
    decision: Decision | None
    rejections: tuple[str, ...]
    """What the verdict on this very motion holds against it, where a person accepted it all the same."""
    edits: tuple[str, ...]
    notes: tuple[str, ...]
    licences: tuple[str, ...]
    commercial_use: Use
    fk_error_mm: float
    """Largest distance of a link from where MuJoCo has it [mm]."""
    settings: str | None
    """Digest of the settings of the build, a file in the dataset's folder ``settings``."""
    stages: dict[str, StageMade]


def difficulty(row: ManifestRow) -> float | None:
    """Return how much help a simulated robot needs to get through a clip, from 0 (none) to 1; None if it was not tried.

    It is the smallest cap on the force at the pelvis with which the robot under position control comes to the end, as
    a share of its weight (``assist_cap``), and 1 from there on. It speaks of the clip as it was solved, also where
    the file is a part or another version of it.
    """
    cap = row.metrics.get(f"{_tracking(row)}.assist_cap")
    return None if cap is None else min(cap, HARDEST)


def follows_without_help(row: ManifestRow) -> bool | None:
    """Tell whether the simulated robot followed the clip without help; None if that was not tried."""
    certified = row.metrics.get(f"{_tracking(row)}.t1_certified")
    return None if certified is None else certified == 1.0


def file_entry(
    candidate: Candidate,
    item: Deliverable,
    handed: Handoff,
    *,
    sha256: str,
    fk_error_mm: float,
    stages: dict[str, StageMade],
) -> FileEntry:
    """Say all that is known of a written motion, which is to be trained on until it is put on a side."""
    row, clip = candidate.row, candidate.row.clip
    lead_in, lead_out = item.leads_at(handed.fps)
    return FileEntry(
        file=handed.path.name,
        split="train",
        sha256=sha256,
        clip=clip.id,
        clip_name=clip.name,
        source=clip.source.name,
        source_sha256=clip.source.sha256,
        source_span_s=clip.span_s,
        person=clip.person,
        kind=item.kind,
        robot=item.variant,
        frames=item.frames,
        clip_fps=item.motion.fps,
        fps=handed.fps,
        n_frames=handed.n_frames,
        lead_in_frames=lead_in,
        lead_out_frames=lead_out,
        duration_s=item.core_s,
        score=candidate.score,
        difficulty=difficulty(row),
        follows_without_help=follows_without_help(row),
        tier=item.verdict.tier,
        accepted_by="verdict" if candidate.decision is None else "decision",
        decision=candidate.decision,
        rejections=item.verdict.rejections,
        edits=item.edits,
        notes=(*item.notes, *handed.notes),
        licences=row.licences,
        commercial_use=candidate.use,
        fk_error_mm=round(fk_error_mm, 4),
        settings=row.settings,
        stages=stages,
    )


def stages_made(dataset: Dataset, row: ManifestRow) -> dict[str, StageMade]:
    """Say by which version of each stage a clip's results were made."""
    return {
        stage: StageMade(fingerprint=fingerprint, version=_version(dataset, row, stage, fingerprint))
        for stage, fingerprint in row.fingerprints.items()
    }


def _version(dataset: Dataset, row: ManifestRow, stage: str, fingerprint: str) -> int | None:
    """Return what the dataset says of a result; a harmed one, perhaps a picture, is no reason to stop."""
    owner = next((c.id for c in (row.clip, row.clip.whole) if dataset.has(c.id, stage, fingerprint)), None)
    try:
        origin = None if owner is None else dataset.origin(owner, stage, fingerprint)
        return None if origin is None else dataset.recipe(origin.recipe).version
    except CorruptArtefact:
        return None


def metadata_bytes(
    entries: Sequence[FileEntry],
    left_out: Sequence[LeftOut],
    notes: Sequence[str],
    options: HandoffOptions,
    form: HandoffFormat,
) -> bytes:
    """Return ``metadata.json``: sealed, and the same for the same content."""
    versions: dict[str, set[int]] = defaultdict(set)
    for entry in entries:
        for stage, made in entry.stages.items():
            versions[stage] |= set() if made.version is None else {made.version}
    document = {
        "kind": KIND,
        "layout": LAYOUT,
        "format": options.to,
        "fps": form.fps,
        "robot": load_g1(form.variant).name,
        "joint_order": list(load_g1(form.variant).joint_names),
        "options": asdict(options),
        "files": [plain(entry) for entry in entries],
        "split": {side: _side(side, entries) for side in ("train", "val")},
        "licences": sorted({licence for entry in entries for licence in entry.licences}),
        "commercial_use": use_of(licence for entry in entries for licence in entry.licences).value,
        "settings": sorted({entry.settings for entry in entries if entry.settings is not None}),
        "stage_versions": {stage: sorted(known) for stage, known in versions.items()},
        "left_out": [plain(item) for item in left_out],
        "notes": list(notes),
    }
    return sealed_bytes(document)


_COLUMNS = (
    "file",
    "split",
    "clip",
    "clip_name",
    "source",
    "kind",
    "fps",
    "n_frames",
    "lead_in_frames",
    "lead_out_frames",
    "duration_s",
    "score",
    "difficulty",
    "follows_without_help",
    "accepted_by",
    "commercial_use",
    "sha256",
)


def metadata_csv(entries: Sequence[FileEntry]) -> bytes:
    """Return the figures of the files as a table."""
    text = io.StringIO(newline="")
    table = csv.writer(text, lineterminator="\n")
    table.writerow(_COLUMNS)
    for entry in entries:
        document = plain(entry)
        table.writerow(["" if document[name] is None else _cell(document[name]) for name in _COLUMNS])
    return text.getvalue().encode()


def _cell(value: Any) -> str:
    """Write a value so that no spreadsheet takes a name for a formula."""
    text = f"{value:.6g}" if isinstance(value, float) else str(value)
    return f"'{text}" if isinstance(value, str) and text[:1] in "=+-@\t\r" else text


def _side(side: str, entries: Sequence[FileEntry]) -> dict[str, Any]:
    of_side = [entry for entry in entries if entry.split == side]
    return {
        "files": len(of_side),
        "seconds": round(sum(entry.duration_s for entry in of_side), 3),
        "sources": sorted({entry.source_sha256 for entry in of_side}),
    }


def _tracking(row: ManifestRow) -> str:
    return stage_of("tracking", shown_variant(row.fingerprints))
