"""Looks for the cheapest repair of a refused motion: first one that keeps every frame, then the parts that are good.

Every proposal is carried out and judged again, so that what is said of it is what happened. Repairs that keep all
frames (a shift, another speed, other labels) are tried one after the other and kept where they leave fewer reasons to
refuse; what still fails is cut out where the failed checks point to, and the parts between are judged as clips.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

import numpy as np
from jaxtyping import Bool

from pipeline.manifest import Attempt
from pipeline.measurement import Measurements, Span, spans_where
from pipeline.repair.config import RepairConfig
from pipeline.repair.record import Piece, Repairs
from pipeline.verdict import Verdict
from retarget.progress import Progress, silent
from retarget.smpl_motion import SmplMotion
from robots.motion import RobotMotion

Motion = TypeVar("Motion")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Diagnosis(Generic[Motion]):
    """A motion, what it measures, and what came of it."""

    motion: Motion
    """What is edited: a human's or a robot's motion."""
    robot_motion: RobotMotion
    """What would be handed off."""
    measurements: tuple[Measurements, ...]
    verdict: Verdict

    def value(self, stage: str, name: str) -> float | None:
        """Return a measurement's value, None if it was not taken."""
        for group in self.measurements:
            if group.stage == stage and any(item.name == name for item in group.items):
                return group[name].value
        return None

    def fails(self, stage: str, *names: str) -> bool:
        """Tell whether any check of these measurements refused the motion."""
        return any(
            not check.passed and check.severity == "reject" and check.stage == stage and check.measurement in names
            for check in self.verdict.checks
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Edit(Generic[Motion]):
    """A change of a whole motion that keeps its frames."""

    kind: str
    """Each kind is tried once."""
    sentence: str
    """What it does, for the record."""
    apply: Callable[[Motion], Motion]


class Mender(Protocol[Motion]):
    """Knows one sort of motion: how it is judged, and which edits may save it."""

    def diagnose(self, motion: Motion) -> Diagnosis[Motion]:
        """Measure and judge.

        Raises:
            WushuError: The motion cannot even be measured.
        """
        ...

    def edits(self, diagnosis: Diagnosis[Motion]) -> Sequence[Edit[Motion]]:
        """Propose edits for what failed, the cheapest first."""
        ...

    def part(self, motion: Motion, start: int, stop: int) -> Motion:
        """Return some of the frames."""
        ...

    def can_end(self, diagnosis: Diagnosis[Motion]) -> Bool[np.ndarray, " frames"]:
        """Mark frames at which a clip may begin or end: stable stances."""
        ...


def mend(
    first: Diagnosis[Motion], mender: Mender[Motion], config: RepairConfig, progress: Progress = silent
) -> Repairs:
    """Return what can be used of a motion that was judged, and all that was tried for it."""
    search = _Search(mender, config, progress)
    if first.verdict.accepted:
        whole = _piece(first, (), (0, len(first.robot_motion)))
        return Repairs(attempts=(), pieces=(whole,))
    pieces = search.pieces_of(first)
    return Repairs(attempts=tuple(search.attempts), pieces=tuple(pieces))


def _piece(accepted: Diagnosis[Any], edits: tuple[str, ...], frames: Span) -> Piece:
    human = accepted.motion if isinstance(accepted.motion, SmplMotion) else None
    return Piece(edits=edits, frames=frames, motion=accepted.robot_motion, verdict=accepted.verdict, human=human)


class _Search(Generic[Motion]):
    """One search: what was done so far, and how many trials are left."""

    def __init__(self, mender: Mender[Motion], config: RepairConfig, progress: Progress) -> None:
        self._mender, self._config, self._progress = mender, config, progress
        self.attempts: list[Attempt] = []

    def pieces_of(self, first: Diagnosis[Motion]) -> list[Piece]:
        """Edit the whole, then cut it; frames are told in those of the original."""
        current, done = self._edited(first)
        n_first, n_now = len(first.robot_motion), len(current.robot_motion)
        frame_ratio = n_first / n_now  # another speed has another number of frames
        if current.verdict.accepted:
            return [_piece(current, done, (0, n_first))]
        return self._cut(current, done, offset=0.0, frame_ratio=frame_ratio, depth=2)

    def _edited(self, first: Diagnosis[Motion]) -> tuple[Diagnosis[Motion], tuple[str, ...]]:
        """Keep every edit that leaves fewer reasons to refuse, as long as there are such edits."""
        current, done, tried = first, (), set[str]()
        whole = (0, len(first.robot_motion))
        while not current.verdict.accepted:
            edit = next((e for e in self._mender.edits(current) if e.kind not in tried), None)
            if edit is None:
                break
            tried.add(edit.kind)
            trial = self._try(edit.apply(current.motion), (*done, edit.sentence), whole)
            if trial is not None and _better(trial, current):
                current, done = trial, (*done, edit.sentence)
        return current, done

    def _cut(
        self, refused: Diagnosis[Motion], done: tuple[str, ...], *, offset: float, frame_ratio: float, depth: int
    ) -> list[Piece]:
        """Judge the parts between the frames that failed checks point to, and cut those again that are refused."""
        n = len(refused.robot_motion)
        pieces: list[Piece] = []
        for start, stop in self._good_parts(refused):
            if (start, stop) == (0, n):
                continue
            frames = (round((offset + start) * frame_ratio), round((offset + stop) * frame_ratio))
            edits = (*done, f"Keep frames {frames[0]}-{frames[1] - 1}.")
            trial = self._try(self._mender.part(refused.motion, start, stop), edits, frames)
            if trial is None:
                continue
            if trial.verdict.accepted:
                pieces.append(_piece(trial, edits, frames))
            elif depth > 1:
                pieces += self._cut(trial, done, offset=offset + start, frame_ratio=frame_ratio, depth=depth - 1)
        return sorted(pieces, key=lambda piece: piece.frames)

    def _try(self, motion: Motion, edits: tuple[str, ...], frames: Span) -> Diagnosis[Motion] | None:
        """Judge a proposal and write it down; None if no trial is left."""
        if len(self.attempts) >= self._config.max_trials:
            return None
        trial = self._mender.diagnose(motion)
        self.attempts.append(
            Attempt(
                edits=edits,
                frames=frames,
                duration_s=len(trial.robot_motion) / trial.robot_motion.fps,
                accepted=trial.verdict.accepted,
                rejections=trial.verdict.rejections,
                score=trial.verdict.score,
            )
        )
        self._progress(len(self.attempts), None)
        return trial

    def _good_parts(self, refused: Diagnosis[Motion]) -> list[Span]:
        """Parts without a bad frame, the longest first, that begin and end in a stable stance."""
        fps, n = refused.robot_motion.fps, len(refused.robot_motion)
        can_end = self._mender.can_end(refused)
        shortest = max(2, round(self._config.min_piece_s * fps))
        parts = []
        for start, stop in good_spans(bad_frames(refused.verdict, n), fps, self._config):
            stances = np.flatnonzero(can_end[start:stop])
            if len(stances):
                start, stop = start + int(stances[0]), start + int(stances[-1]) + 1
            if stop - start >= shortest:
                parts.append((start, stop))
        return sorted(parts, key=lambda span: span[0] - span[1])


def _better(trial: Diagnosis[Any], current: Diagnosis[Any]) -> bool:
    """Fewer reasons to refuse count first, then the score."""
    before, after = len(current.verdict.rejections), len(trial.verdict.rejections)
    return after < before or (after == before and trial.verdict.score > current.verdict.score + 0.01)


def bad_frames(verdict: Verdict, n_frames: int) -> Bool[np.ndarray, " frames"]:
    """Mark the frames that the failed rejecting checks point to; a check that points nowhere marks none."""
    bad = np.zeros(n_frames, dtype=bool)
    for check in verdict.checks:
        if not check.passed and check.severity == "reject":
            for start, stop in check.spans:
                bad[start:stop] = True
    return bad


def good_spans(bad: Bool[np.ndarray, " frames"], fps: float, config: RepairConfig) -> tuple[Span, ...]:
    """Return the spans between bad frames, with the config's margins taken off."""
    bad = bad.copy()
    for start, stop in spans_where(~bad):
        if stop - start <= config.max_gap_s * fps and start > 0 and stop < len(bad):
            bad[start:stop] = True
    margin = round(config.margin_s * fps)
    for start, stop in spans_where(bad):
        bad[max(0, start - margin) : stop + margin] = True
    return spans_where(~bad)
