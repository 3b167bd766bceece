"""Looks for the cheapest repair of a refused motion: the least change of the data that keeps the most of its time.

Every proposal is carried out and judged again, so that what is said of it is what happened. Constants come first (a
shift, other axes, another speed, other labels): they undo what a converter did and lose nothing. A cut that keeps
nearly all of the clip is next; then edits that touch every frame (a floor that follows the feet, smoothing). Each is
kept where it makes the reasons to refuse fewer or smaller. What still fails is cut out where the failed checks point
to, and the parts between are judged, and mended, as clips of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Generic, Protocol, TypeVar

import numpy as np
from jaxtyping import Bool, Float, Int

from pipeline.manifest import Attempt
from pipeline.measurement import Measurements, Span, spans_where
from pipeline.repair.config import RepairConfig
from pipeline.repair.record import Piece, Repairs
from pipeline.verdict import CheckResult, Verdict
from retarget.progress import Progress, silent
from retarget.smpl_motion import SmplMotion
from robots.exceptions import WushuError
from robots.motion import RobotMotion

Motion = TypeVar("Motion")

_LARGEST_EXCESS = 20.0
"""What is further beyond its limit than this many times is no worse for that."""
_WORTH = 0.2
"""An edit is kept if it takes off this much of what is wrong, where a broken limit counts one and more."""
_TRIES = 2
"""How often one kind of edit is tried in a motion: again after another edit was kept, and not more often."""


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

    def series(self, stage: str, name: str) -> Float[np.ndarray, " frames"] | None:
        """Return a measurement frame by frame, None if it was not taken or has no series."""
        for group in self.measurements:
            if group.stage == stage and any(item.name == name for item in group.items):
                return group[name].series
        return None

    def fails(self, stage: str, *names: str) -> bool:
        """Tell whether any check of these measurements refused the motion."""
        return any(check.stage == stage and check.measurement in names for check in _refusing(self.verdict))

    def spans(self, stage: str, *names: str) -> list[Span]:
        """Return the frames at which any check of these measurements refused the motion."""
        checks = (c for c in _refusing(self.verdict) if c.stage == stage and c.measurement in names)
        return sorted(span for check in checks for span in check.spans)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Edit(Generic[Motion]):
    """A change of a whole motion that keeps its frames."""

    kind: str
    """Each kind is tried once in the same motion."""
    sentence: str
    """What it does, for the record."""
    apply: Callable[[Motion], Motion]
    constant: bool = True
    """Whether it undoes one constant; otherwise it changes each frame in its own way, and a cut is better."""


class Mender(Protocol[Motion]):
    """Knows one sort of motion: how it is judged, and which edits may save it."""

    def diagnose(self, motion: Motion) -> Diagnosis[Motion]:
        """Measure and judge.

        Raises:
            WushuError: The motion cannot even be measured.
        """
        ...

    def edits(self, diagnosis: Diagnosis[Motion]) -> Iterable[Edit[Motion]]:
        """Propose edits for what failed, the cheapest first; what comes later may never be asked for."""
        ...

    def part(self, motion: Motion, start: int, stop: int) -> Motion:
        """Return some of the frames."""
        ...

    def can_end(self, diagnosis: Diagnosis[Motion]) -> Int[np.ndarray, " frames"]:
        """Grade frames by how well a clip begins or ends there: 0 not at all, 1 a stable stance, 2 on both feet."""
        ...


def mend(
    first: Diagnosis[Motion], mender: Mender[Motion], config: RepairConfig, progress: Progress = silent
) -> Repairs:
    """Return what can be used of a motion that was judged, and all that was tried for it."""
    state = _State(diagnosis=first, done=(), start=0, stride=1.0)
    if first.verdict.accepted:
        return Repairs(attempts=(), pieces=(state.piece(),))
    search = _Search(mender, config, progress)
    pieces = search.saved(state, depth=2)
    return Repairs(attempts=tuple(search.attempts), pieces=tuple(pieces))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _State(Generic[Motion]):
    """A part of the motion after some edits, and which part it is."""

    diagnosis: Diagnosis[Motion]
    done: tuple[str, ...]
    """Sentences of the edits, in order."""
    start: int
    """Its first frame, in frames of the original."""
    stride: float
    """Frames of the original for each of its own: another speed has another number of frames."""
    tried: frozenset[str] = frozenset()
    """Kinds of edits that are known not to help it."""

    def __len__(self) -> int:
        return len(self.diagnosis.robot_motion)

    @property
    def accepted(self) -> bool:
        return self.diagnosis.verdict.accepted

    def frames(self, start: int = 0, stop: int | None = None) -> Span:
        """Some of its frames, in those of the original."""
        stop = len(self) if stop is None else stop
        return round(self.start + start * self.stride), round(self.start + stop * self.stride)

    def piece(self) -> Piece:
        motion = self.diagnosis.motion
        return Piece(
            edits=self.done,
            frames=self.frames(),
            motion=self.diagnosis.robot_motion,
            verdict=self.diagnosis.verdict,
            human=motion if isinstance(motion, SmplMotion) else None,
        )


class _Search(Generic[Motion]):
    """One search: what was done so far, and how many trials are left."""

    def __init__(self, mender: Mender[Motion], config: RepairConfig, progress: Progress) -> None:
        self._mender, self._config, self._progress = mender, config, progress
        self.attempts: list[Attempt] = []

    def saved(self, refused: _State[Motion], depth: int) -> list[Piece]:
        """Return what can be used, with the least change that keeps nearly as much as any other."""
        state = self._edited(refused, constants_only=True)
        if state.accepted:
            return [state.piece()]
        plain: list[Piece] = []
        if self._hope(state) >= self._config.enough * len(state):
            plain = self._cut(state, depth)
            if _frames(plain) >= self._config.enough * len(state) * state.stride:
                return plain
        edited = self._edited(state, constants_only=False)
        if not edited.accepted and state.done != refused.done:  # constants that only seemed to help lead astray
            other = self._edited(replace(refused, tried=frozenset()), constants_only=False, constants_last=True)
            edited = min((edited, other), key=lambda one: _burden(one.diagnosis.verdict))
        if edited.accepted:
            return [edited.piece()]
        if edited.done == state.done:
            return plain or self._cut(state, depth)
        pieces = self._cut(edited, depth)
        if not plain and self._hope(state) * state.stride >= self._config.enough * _frames(pieces):
            plain = self._cut(state, depth)
        return plain if _frames(plain) >= self._config.enough * _frames(pieces) else pieces

    def _edited(self, state: _State[Motion], *, constants_only: bool, constants_last: bool = False) -> _State[Motion]:
        """Keep every edit that makes the reasons to refuse fewer or smaller, as long as there are such edits."""
        tries = dict[str, int]()
        while not state.accepted and not self._spent:
            proposed = self._mender.edits(state.diagnosis)
            edits = (edit for edit in proposed if edit.constant or not constants_only)
            if constants_last:
                edits = iter(sorted(edits, key=lambda edit: edit.constant))
            edit = next((e for e in edits if e.kind not in state.tried and tries.get(e.kind, 0) < _TRIES), None)
            if edit is None:
                break
            state = replace(state, tried=state.tried | {edit.kind})
            tries[edit.kind] = tries.get(edit.kind, 0) + 1
            done = (*state.done, edit.sentence)
            trial = self._try(partial(edit.apply, state.diagnosis.motion), done, state.frames())
            if trial is None:
                continue
            if trial.verdict.accepted or _burden(trial.verdict) < _burden(state.diagnosis.verdict) - _WORTH:
                stride = state.stride * len(state) / len(trial.robot_motion)
                state = replace(state, diagnosis=trial, done=done, stride=stride, tried=frozenset({edit.kind}))
        return state

    def _cut(self, state: _State[Motion], depth: int) -> list[Piece]:
        """Judge the parts between the frames that failed checks point to, and mend those that are refused."""
        pieces: list[Piece] = []
        for start, stop in self._good_parts(state.diagnosis):
            if (start, stop) == (0, len(state)) or depth == 0:
                continue
            frames = state.frames(start, stop)
            done = (*state.done, f"Keep frames {frames[0]}-{frames[1] - 1}.")
            trial = self._try(partial(self._mender.part, state.diagnosis.motion, start, stop), done, frames)
            if trial is None:
                continue
            part = replace(state, diagnosis=trial, done=done, start=state.frames(start)[0], tried=frozenset())
            pieces += [part.piece()] if part.accepted else self.saved(part, depth - 1)
        return sorted(pieces, key=lambda piece: piece.frames)

    def _hope(self, state: _State[Motion]) -> int:
        """Frames of the parts that are worth judging."""
        return sum(stop - start for start, stop in self._good_parts(state.diagnosis) if stop - start < len(state))

    @property
    def _spent(self) -> bool:
        """Whether no trial is left."""
        return len(self.attempts) >= self._config.max_trials

    def _try(self, proposed: Callable[[], Motion], edits: tuple[str, ...], frames: Span) -> Diagnosis[Motion] | None:
        """Judge a proposal and write it down; None if no trial is left, or if it cannot even be measured."""
        if self._spent:
            return None
        try:
            trial = self._mender.diagnose(proposed())
        except WushuError as error:
            self.attempts.append(
                Attempt(edits=edits, frames=frames, duration_s=0.0, accepted=False, rejections=(str(error),), score=0.0)
            )
            return None
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
        grade = np.asarray(self._mender.can_end(refused), dtype=int)
        shortest = max(2, round(self._config.min_piece_s * fps))
        parts = []
        for span in good_spans(bad_frames(refused.verdict, n), fps, self._config):
            start, stop = snapped(span, grade, round(self._config.snap_s * fps))
            if stop - start >= shortest:
                parts.append((start, stop))
        return sorted(parts, key=lambda span: span[0] - span[1])


def snapped(span: Span, grade: Int[np.ndarray, " frames"], reach: int) -> Span:
    """Move the ends of a span inwards to the first and last stance that is stable.

    One on both feet is preferred where it is not more than ``reach`` frames further in; the clip's own first and last
    frame are left where they can be. A span without any stance stays as it is.
    """
    steady = span[0] + np.flatnonzero(grade[slice(*span)])
    if not len(steady):
        return span
    first, last = int(steady[0]), int(steady[-1])
    best = steady[grade[steady] > 1]
    if first > 0 and len(near := best[best <= first + reach]):
        first = int(near[0])
    if last < len(grade) - 1 and len(near := best[best >= last - reach]):
        last = int(near[-1])
    return (first, last + 1) if first <= last else span


def _frames(pieces: Sequence[Piece]) -> int:
    return sum(piece.frames[1] - piece.frames[0] for piece in pieces)


def _burden(verdict: Verdict) -> float:
    """What is wrong: one for each broken limit that refuses, and the logarithm of how far it is broken."""
    return sum(1.0 + float(np.log(_excess(check))) for check in _refusing(verdict))


def _excess(check: CheckResult) -> float:
    """By how many times a value is beyond its limit, whichever side is the bad one."""
    small, large = sorted((abs(check.value), abs(check.limit)))
    return min(large / small, _LARGEST_EXCESS) if small > 0 else _LARGEST_EXCESS


def _refusing(verdict: Verdict) -> list[CheckResult]:
    return [check for check in verdict.checks if not check.passed and check.severity == "reject"]


def bad_frames(verdict: Verdict, n_frames: int) -> Bool[np.ndarray, " frames"]:
    """Mark the frames that the failed rejecting checks point to; a check that points nowhere marks none."""
    bad = np.zeros(n_frames, dtype=bool)
    for check in _refusing(verdict):
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
