"""The motions of a clip that can be shown: the one that was solved, and each piece of it as it was mended."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

from pipeline.body import load_body
from pipeline.handing.human_side import settings_of
from pipeline.manifest import ManifestRow, read_row
from pipeline.measurement import Measurements, Span
from pipeline.plausibility import PlausibilityConfig, measure_human
from pipeline.repair import Piece, Repairs
from pipeline.review_desk.clip_item import require_row
from pipeline.review_desk.exceptions import UnknownPart
from pipeline.review_desk.scene import poses
from pipeline.review_desk.series import Series, series_of
from pipeline.store import Dataset
from pipeline.validation import ValidationConfig, measure_robot
from pipeline.variants import shown_variant, stage_of
from pipeline.verdict import CheckResult
from retarget.result import RetargetResult
from robots.exceptions import WushuError
from robots.g1 import load_g1
from robots.motion import RobotMotion

_PIECE = re.compile(r"piece-([1-9][0-9]{0,4})")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PieceView:
    """A part of a clip as it is after a repair; its frames begin at 0."""

    number: int
    frames: Span
    """Frames of the clip's motion that it is made of; the speed may be another."""
    n_frames: int
    """Of the piece."""
    fps: float
    """[1/s]."""
    edits: tuple[str, ...]
    score: float
    accepted: bool
    checks: tuple[CheckResult, ...]
    series: tuple[Series, ...]
    """By the same names as the clip's; none of the human where his body is not on this machine."""
    damaged: tuple[str, ...]
    """What could not be measured anew, and why."""


def shown_motion(dataset: Dataset, clip_id: str, of: str = "") -> RobotMotion:
    """Read a motion of the robot that is shown.

    Args:
        dataset: Where the clip is.
        clip_id: The clip.
        of: ``piece-<number>``, or nothing for the clip as it stands.

    Raises:
        UnknownClip: There is no such clip.
        UnknownPart: It has no such piece, or no motion.
        CorruptArtefact: It is damaged.
    """
    require_row(dataset, clip_id)
    row = read_row(dataset, clip_id)
    if not of:
        stage = stage_of("retarget", shown_variant(row.fingerprints))
        if stage not in row.fingerprints:
            raise UnknownPart(clip_id, part="motion")
        return dataset.load(clip_id, stage, row.fingerprints[stage], RetargetResult).motion
    found = _PIECE.fullmatch(of)
    if found is None:
        raise UnknownPart(clip_id, part=of)
    return _piece(dataset, row, int(found[1])).motion


def shown_poses(dataset: Dataset, clip_id: str, of: str = "") -> Float[np.ndarray, "frames bodies 7"]:
    """Read where every link of the shown robot is, as little-endian float32; arguments and errors as above."""
    motion = shown_motion(dataset, clip_id, of)
    return poses(motion, shown_variant(read_row(dataset, clip_id).fingerprints))


def piece_view(dataset: Dataset, clip_id: str, number: int, *, bodies_dir: Path | None = None) -> PieceView:
    """Read a piece, and measure it as it was measured when it was judged.

    Args:
        dataset: Where the clip is.
        clip_id: The clip.
        number: From 1.
        bodies_dir: Folder of bodies that the user imported; without it, only the open body is known.

    Raises:
        UnknownClip: There is no such clip.
        UnknownPart: It has no such piece.
        CorruptArtefact: The piece is damaged.
    """
    require_row(dataset, clip_id)
    row = read_row(dataset, clip_id)
    piece = _piece(dataset, row, number)
    damaged: list[str] = []
    series = tuple(series_of(_measured(dataset, row, piece, bodies_dir, damaged), piece.verdict))
    return PieceView(
        number=number,
        frames=piece.frames,
        n_frames=len(piece.motion),
        fps=piece.motion.fps,
        edits=piece.edits,
        score=piece.verdict.score,
        accepted=piece.verdict.accepted,
        checks=piece.verdict.checks,
        series=series,
        damaged=tuple(damaged),
    )


def _piece(dataset: Dataset, row: ManifestRow, number: int) -> Piece:
    if not (1 <= number <= len(row.pieces) and "repair" in row.fingerprints):
        raise UnknownPart(row.clip.id, part=f"piece-{number}")
    pieces = dataset.load(row.clip.id, "repair", row.fingerprints["repair"], Repairs).pieces
    if number > len(pieces):
        raise UnknownPart(row.clip.id, part=f"piece-{number}")
    return pieces[number - 1]


def _measured(
    dataset: Dataset, row: ManifestRow, piece: Piece, bodies_dir: Path | None, damaged: list[str]
) -> Iterator[Measurements]:
    """Measure human and robot, each if that can be done here."""
    variant = shown_variant(row.fingerprints)
    try:
        if piece.human is not None:
            config = settings_of(dataset, row, "plausibility", PlausibilityConfig)
            yield measure_human(piece.human, load_body(piece.human.body, search_dir=bodies_dir), config)
    except WushuError as error:
        damaged.append(f"the human of this piece is not measured: {error}")
    try:
        config = settings_of(dataset, row, stage_of("validation", variant), ValidationConfig)
        yield measure_robot(piece.motion, load_g1(variant), config)
    except WushuError as error:
        damaged.append(f"the robot of this piece is not measured: {error}")
