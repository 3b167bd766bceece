"""Says how two datasets differ, and why: of each clip the first results that are not the same, and what made them so.

Stages are named by all that decides them, so that the cause of a difference is found and not guessed: another version
of a stage, another setting, another fact of the source. Where all that is equal and the bytes are not, another machine
or other libraries made them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pipeline.builds import changed_keys
from pipeline.catalogue.contents import Told, in_order, read_told, results_of
from pipeline.exceptions import CorruptArtefact
from pipeline.manifest import ManifestRow, read_rows
from pipeline.store import Dataset
from retarget.progress import Progress, silent

_SHOWN_KEYS = 6
_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """How a dataset differs from another, the old one."""

    gone: tuple[str, ...]
    """Clips that only the old one has, by name and id."""
    new: tuple[str, ...]
    """Clips that only the new one has."""
    replaced: tuple[str, ...]
    """Sources of one name and of other content."""
    outcomes: tuple[str, ...]
    """Clips that ended otherwise, or with another score or length, a sentence each."""
    causes: Mapping[str, tuple[str, ...]]
    """Why results differ, a sentence -> the clips for which it holds."""
    damaged: tuple[str, ...]
    """Outcomes that could not be compared, a sentence each."""

    @property
    def is_none(self) -> bool:
        """True if the datasets are equal in all that was compared."""
        return not any((self.gone, self.new, self.replaced, self.outcomes, self.causes, self.damaged))


def diff(old: Dataset, new: Dataset, progress: Progress = silent) -> Difference:
    """Compare two datasets by their outcomes and the results that these are made of."""
    before, after = read_rows(old), read_rows(new)
    by_id = ({row.clip.id: row for row in before}, {row.clip.id: row for row in after})
    gone = [row for row in before if row.clip.id not in by_id[1]]
    added = [row for row in after if row.clip.id not in by_id[0]]
    both = sorted(set(by_id[0]) & set(by_id[1]))
    outcomes: list[str] = []
    causes: dict[str, list[str]] = defaultdict(list)
    for done, clip_id in enumerate(both):
        progress(done, len(both))
        rows = by_id[0][clip_id], by_id[1][clip_id]
        outcomes += _outcome(*rows)
        for cause in _causes(old, new, *rows):
            causes[cause].append(rows[0].clip.name)
    progress(len(both), len(both))
    return Difference(
        gone=tuple(map(_called, gone)),
        new=tuple(map(_called, added)),
        replaced=tuple(_replaced(gone, added)),
        outcomes=tuple(outcomes),
        causes={cause: tuple(names) for cause, names in sorted(causes.items(), key=lambda item: -len(item[1]))},
        damaged=tuple(str(error) for error in (*before.damaged, *after.damaged)),
    )


def _called(row: ManifestRow) -> str:
    return f"{row.clip.name} ({row.clip.id})"


def _replaced(gone: list[ManifestRow], added: list[ManifestRow]) -> Iterator[str]:
    """Find sources that are called the same and are not."""
    old = {row.clip.source.name: row.clip.source.sha256 for row in gone}
    new = {row.clip.source.name: row.clip.source.sha256 for row in added}
    for name in sorted(set(old) & set(new)):
        if old[name] != new[name]:
            yield f"{name}: another file of the same name (sha256 {old[name][:12]} -> {new[name][:12]})"


def _outcome(old: ManifestRow, new: ManifestRow) -> Iterator[str]:
    """Say in one line what became of a clip, if it is something else."""
    said = []
    if old.outcome is not new.outcome:
        said.append(f"{old.outcome} -> {new.outcome}")
    scores = [row.verdict.score if row.verdict else 0.0 for row in (old, new)]
    for name, unit, (a, b) in (
        ("score", "", scores),
        ("usable", " s", (old.usable_s, new.usable_s)),
        ("motion", " s", (old.duration_s, new.duration_s)),
    ):
        if abs(a - b) > _ROUNDING:
            said.append(f"{name} {a:.4g} -> {b:.4g}{unit}")
    if old.licences != new.licences:
        lost, got = sorted(set(old.licences) - set(new.licences)), sorted(set(new.licences) - set(old.licences))
        said.append(f"licences {', '.join(lost) or 'nothing'} -> {', '.join(got) or 'nothing'}")
    if old.error != new.error:
        said.append(f"error {old.error or 'none'} -> {new.error or 'none'}")
    if said:
        yield f"{new.clip.name}: {'; '.join(said)}"


def _causes(old: Dataset, new: Dataset, before: ManifestRow, after: ManifestRow) -> Iterator[str]:
    """Name the first results that differ, and why, and of those after them what differs by itself.

    A setting that several stages have is told of the first of them.
    """
    try:
        olds, news = _told(old, before), _told(new, after)
    except CorruptArtefact as error:
        yield f"not compared, as a result cannot be read: {error}"
        return
    differing = {name for name in {*olds, *news} if _name(olds.get(name)) != _name(news.get(name))}
    reads = {name: {*_inputs(olds.get(name)), *_inputs(news.get(name))} for name in differing}
    said: set[str] = set()
    for stage in in_order(reads):
        a, b = olds.get(stage), news.get(stage)
        own = _own_changes(old, new, a, b)
        fresh = [change for change in own if ": " not in change or _tail(change) not in said]
        said.update(map(_tail, own))
        if not reads[stage] & differing:
            yield f"{stage}: {_listed(own) if own else _unexplained(a, b)}"
        elif fresh:
            yield f"{stage}: {_listed(fresh)}"


def _tail(change: str) -> str:
    """Return what a changed setting is, wherever in a stage's settings it stands."""
    key, sign, values = change.partition(": ")
    return key.rpartition(".")[2] + sign + values


def _told(dataset: Dataset, row: ManifestRow) -> dict[str, Told]:
    owners = results_of(dataset, row).items()
    return {stage: read_told(dataset, owner, stage, row.fingerprints[stage]) for stage, owner in owners}


def _name(told: Told | None) -> tuple[str, str] | None:
    return None if told is None else (told.fingerprint, told.content)


def _inputs(told: Told | None) -> Mapping[str, str]:
    return {} if told is None or told.origin is None else told.origin.inputs


def _unexplained(before: Told | None, after: Told | None) -> str:
    """Say why results differ that were made by the same recipe from the same results."""
    if before is None or after is None:
        return f"only in the {'new' if before is None else 'old'} one"
    if before.fingerprint == after.fingerprint:
        return "same input, version and settings, other bytes: made by other libraries or on another machine"
    return "named otherwise, for no cause that is recorded"


def _own_changes(old: Dataset, new: Dataset, before: Told | None, after: Told | None) -> list[str]:
    """Say what of all that decides a result, besides the results it reads, is not the same."""
    if before is None or after is None or before.origin is None or after.origin is None:
        return []
    said = [*_recipes(old, new, before.origin.recipe, after.origin.recipe)]
    said += [f"of the source: {key}" for key in changed_keys(before.origin.facts, after.origin.facts)]
    reads = [", ".join(sorted(told.origin.inputs)) or "nothing" for told in (before, after) if told.origin]
    return [*said, *([f"reads {reads[0]} -> {reads[1]}"] if reads[0] != reads[1] else [])]


def _recipes(old: Dataset, new: Dataset, before: str, after: str) -> Iterator[str]:
    """Say how what a stage does differs."""
    if before == after:
        return
    try:
        a, b = old.recipe(before), new.recipe(after)
    except CorruptArtefact as error:
        yield f"another recipe, of which {error.path.name} cannot be read"
        return
    if a.version != b.version:
        yield f"version {a.version} -> {b.version}"
    yield from changed_keys(a.config, b.config, "settings")


def _listed(changes: list[str]) -> str:
    more = [f"and {len(changes) - _SHOWN_KEYS} more"] if len(changes) > _SHOWN_KEYS else []
    return ", ".join([*changes[:_SHOWN_KEYS], *more])
