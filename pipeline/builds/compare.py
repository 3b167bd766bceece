"""Says what moved since the build before: clips, outcomes, seconds, and the settings and versions that differ."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pipeline.builds.changes import changed_keys
from pipeline.builds.record import Entry, State, entries_of, read_history
from pipeline.exceptions import CorruptArtefact
from pipeline.manifest import Rows
from pipeline.store import Dataset

_MOVED_S, _MOVED_SCORE = 0.05, 0.005
"""Less is not worth a line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """A dataset in numbers."""

    clips: int
    duration_s: float
    usable_s: float
    outcomes: Mapping[str, int]
    """Outcome -> clips."""

    @classmethod
    def of(cls, entries: Iterable[Entry]) -> Totals:
        """Add up."""
        entries = list(entries)
        return cls(
            clips=len(entries),
            duration_s=sum(entry.duration_s for entry in entries),
            usable_s=sum(entry.usable_s for entry in entries),
            outcomes=Counter(entry.outcome for entry in entries),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """A clip that ended otherwise than before."""

    clip_id: str
    before: Entry
    after: Entry

    @property
    def usable_s(self) -> float:
        """How much more of it can be used [s]."""
        return self.after.usable_s - self.before.usable_s

    @property
    def score(self) -> float:
        """By how much its score rose; zero where there was none, or is none."""
        before, after = self.before.score, self.after.score
        return 0.0 if before is None or after is None else after - before

    @property
    def fails(self) -> tuple[str, ...]:
        """What refuses it now, and did not."""
        return tuple(kind for kind in self.after.kinds if kind not in self.before.kinds)

    @property
    def passes(self) -> tuple[str, ...]:
        """What refused it, and does not now."""
        return tuple(kind for kind in self.before.kinds if kind not in self.after.kinds)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSettings:
    """Settings that clips had, and have others instead."""

    n_clips: int
    changes: tuple[str, ...]
    """``dotted.path: old -> new``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """A dataset as it is, and as the build before left it."""

    before: int
    """Number of that build."""
    after: int | None
    """Number of the build that left it as it is; None if none did that has come to its end."""
    totals: tuple[Totals, Totals]
    """Before, and now."""
    new: tuple[tuple[str, Entry], ...]
    """Clips that were not there, by id; those with the most usable seconds first."""
    gone: tuple[Entry, ...]
    ended_otherwise: tuple[Move, ...]
    """Another outcome; those that moved most seconds first."""
    moved: tuple[Move, ...]
    """The same outcome, other seconds or another score; those that moved most first."""
    settings: tuple[NewSettings, ...]
    versions: tuple[str, ...]
    """Stages of which another version was at work, a clause each."""


def compare(dataset: Dataset, rows: Rows) -> Comparison | None:
    """Hold the outcomes that are there against those of the build before; None if nothing is remembered of one.

    Clips whose outcome cannot be read are left out on both sides.
    """
    history = read_history(dataset)
    unreadable = {error.path.parent.name for error in rows.damaged}
    now = entries_of(rows)
    if history.last is None:
        return None
    is_last = now == _without(history.last, unreadable)
    state = history.before if is_last else history.last
    if state is None:
        return None
    then = _without(state, unreadable)
    both = [Move(clip_id=i, before=then[i], after=now[i]) for i in sorted(set(then) & set(now)) if then[i] != now[i]]
    otherwise = [move for move in both if move.before.outcome != move.after.outcome]
    moved = [move for move in both if move.before.outcome == move.after.outcome and _is_much(move)]
    new = sorted(((i, now[i]) for i in set(now) - set(then)), key=lambda item: (-item[1].usable_s, item[1].name))
    return Comparison(
        before=state.number,
        after=history.last.number if is_last else None,
        totals=(Totals.of(then.values()), Totals.of(now.values())),
        new=tuple(new),
        gone=tuple(sorted((then[i] for i in set(then) - set(now)), key=lambda entry: (-entry.usable_s, entry.name))),
        ended_otherwise=tuple(sorted(otherwise, key=_most_first)),
        moved=tuple(sorted(moved, key=_most_first)),
        settings=_new_settings(dataset, both),
        versions=_new_versions(state, history.last) if is_last else (),
    )


def _without(state: State, unreadable: set[str]) -> dict[str, Entry]:
    return {clip_id: entry for clip_id, entry in state.clips.items() if clip_id not in unreadable}


def _is_much(move: Move) -> bool:
    return abs(move.usable_s) >= _MOVED_S or abs(move.score) >= _MOVED_SCORE


def _most_first(move: Move) -> tuple[float, float, str, str]:
    return -abs(move.usable_s), -abs(move.score), move.after.name, move.clip_id


def _new_settings(dataset: Dataset, moves: Iterable[Move]) -> tuple[NewSettings, ...]:
    """Say which settings differ, for each pair of old and new ones that clips have."""
    pairs = Counter(
        (move.before.settings, move.after.settings) for move in moves if move.before.settings != move.after.settings
    )
    told = []
    for (old, new), n_clips in sorted(pairs.items(), key=lambda item: (-item[1], str(item[0]))):
        try:
            documents = [dataset.settings(name) if name else None for name in (old, new)]
            changes = tuple(changed_keys(documents[0], documents[1]))
        except CorruptArtefact as error:
            changes = (f"{error.path.name} cannot be read",)
        told.append(NewSettings(n_clips=n_clips, changes=changes))
    return tuple(told)


def _new_versions(before: State, after: State) -> tuple[str, ...]:
    return tuple(
        f"{stage}: version {_listed(before.versions[stage])} -> {_listed(versions)}"
        for stage, versions in sorted(after.versions.items())
        if stage in before.versions and before.versions[stage] != versions
    )


def _listed(versions: tuple[int, ...]) -> str:
    return ", ".join(map(str, versions))
