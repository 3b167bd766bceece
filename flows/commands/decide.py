"""``wushu decide DATASET CLIP accept|reject|undo``: a person's ruling, which a hand-over puts before the verdict."""

from __future__ import annotations

import getpass
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import tyro
from rich.markup import escape

from flows.console import console, show_warning
from flows.exceptions import NoMotion, OptionOutOfRange
from pipeline.decisions import Decision, Ruling, add_decision, can_undo, read_decisions, standing
from pipeline.handing import seen_by_reviewers
from pipeline.manifest import ManifestRow, find_row
from pipeline.measurement import Span
from pipeline.store import Dataset
from pipeline.variants import shown_variant, stage_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Decide:
    """Accept a clip, or a part of it, or reject it, whatever the checks say; or take your last ruling back.

    A ruling speaks of the motion as it is now: when it is solved anew, an acceptance counts no longer.
    """

    dataset: tyro.conf.Positional[Path]
    """A folder made by `wushu run`."""
    clip: tyro.conf.Positional[str]
    """Id of the clip, the beginning of it, or its name."""
    ruling: tyro.conf.Positional[Literal["accept", "reject", "undo"]]
    """What you say of it."""
    frames: str | None = None
    """Frames to keep of an accepted clip, `A:B`: the first, and the one after the last, as the report counts them."""
    reason: str = ""
    """Code in lower case with hyphens, by which rulings are counted: foot-skate, wrong-person, good-kick..."""
    note: str = ""
    """In your own words."""
    by: str | None = None
    """Who decides; your login if it is left out."""

    def __call__(self) -> int:
        """Keep the ruling and say what holds now."""
        dataset = Dataset.open(self.dataset)
        row = find_row(dataset, self.clip)
        fingerprint = seen_by_reviewers(row)
        if fingerprint is None:
            raise NoMotion(row.clip.name, reason=row.error)
        decision = Decision(
            clip_id=row.clip.id,
            fingerprint=fingerprint,
            ruling=Ruling(self.ruling),
            by=_login() if self.by is None else self.by,
            at=datetime.now(UTC).isoformat(timespec="seconds"),
            frames=_span(self.frames),
            reason=self.reason,
            note=self.note,
        )
        with dataset.in_use(on_wait=_tell_waiting):
            _check(dataset, row, decision)
            add_decision(dataset, decision)
        _show(dataset, row)
        return 0


def _tell_waiting() -> None:
    show_warning("waiting: the dataset is being tidied (`wushu dataset gc`), or repaired.")


def _login() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError) as error:  # a container's user without a name
        raise OptionOutOfRange("by", "left out, and your login has no name here", allowed="who decides") from error


def _span(text: str | None) -> Span | None:
    if text is None:
        return None
    start, colon, stop = text.partition(":")
    if not (colon and start.isdecimal() and stop.isdecimal()):
        raise OptionOutOfRange("frames", text, allowed="the first frame and the one after the last, as 30:120")
    return int(start), int(stop)


def _check(dataset: Dataset, row: ManifestRow, decision: Decision) -> None:
    """Refuse what could never hold: frames that are not there, nothing to take back."""
    if decision.ruling is Ruling.UNDO and not can_undo(read_decisions(dataset, row.clip.id), decision.by):
        raise OptionOutOfRange("by", decision.by, allowed=f"whoever decided on {row.clip.name}: this one did not")
    if decision.frames is None:
        return
    from retarget.result import RetargetResult

    solved = stage_of("retarget", shown_variant(row.fingerprints))
    n_frames = len(dataset.load(row.clip.id, solved, decision.fingerprint, RetargetResult).motion)
    if decision.frames[1] > n_frames:
        raise OptionOutOfRange(
            "frames", f"{decision.frames[0]}:{decision.frames[1]}", allowed=f"frames in 0:{n_frames}"
        )


def _show(dataset: Dataset, row: ManifestRow) -> None:
    decisions = read_decisions(dataset, row.clip.id)
    for sentence in decisions.damaged:
        show_warning(sentence)
    held = standing(decisions, seen_by_reviewers(row))
    told = "the verdict decides" if held.decision is None else held.decision.told
    stale = "; the motion was solved anew since" if held.stale and held.decision is not None else ""
    console.print(f"{escape(row.clip.name)}: {escape(told)}{stale}", highlight=False, soft_wrap=True)
    if decisions.items and row.verdict is not None:
        console.print(f"the checks say: {row.outcome.value}", highlight=False)
