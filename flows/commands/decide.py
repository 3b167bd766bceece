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
from flows.exceptions import NoMotion, OptionOutOfRange, Overruled
from pipeline.decisions import REASON_CODES, Ruling, disputed, read_decisions, standing
from pipeline.exceptions import DecidedMeanwhile
from pipeline.hand_edits import FEET, ContactEdit
from pipeline.handing import hands_over, seen_by_reviewers
from pipeline.manifest import ManifestRow, find_row
from pipeline.measurement import Span
from pipeline.store import Dataset


@dataclass(frozen=True, slots=True, kw_only=True)
class Decide:
    """Accept a clip, or a part of it, or reject it, whatever the checks say; or take your last ruling back.

    A ruling speaks of the motion as it is now: when it is solved anew, an acceptance counts no longer.
    """

    dataset: tyro.conf.Positional[Path]
    """A folder made by `wushu run`."""
    clip: tyro.conf.Positional[str]
    """Id or name of the clip, or the beginning of either."""
    ruling: tyro.conf.Positional[Literal["accept", "reject", "undo"]]
    """What you say of it."""
    frames: str | None = None
    """Frames to keep of an accepted clip, `A:B`: the first, and the one after the last, as the report counts them."""
    ground_m: float = 0.0
    """Raise the robot of an accepted clip by so many metres, at most 0.2; lower it where negative."""
    contacts: tuple[str, ...] = ()
    """Say which foot bears weight where, in an accepted clip: `left:30:45:stands`, `right:50:60:lifted`."""
    reason: str = ""
    """Code in lower case with hyphens, by which rulings are counted: foot-skate, wrong-person, good..."""
    note: str = ""
    """In your own words."""
    by: str | None = None
    """Who decides; your login if it is left out."""
    overrule: bool = False
    """Decide otherwise than another reviewer whose ruling stands."""
    fingerprint: str | None = None
    """Of the motion that you saw, as a clip's page names it: refused if the clip has another by now."""

    def __call__(self) -> int:
        """Keep the ruling and say what holds now."""
        from pipeline.review_desk.journal import DecisionRequest, decide

        dataset = Dataset.open(self.dataset)
        row = find_row(dataset, self.clip)
        fingerprint = seen_by_reviewers(row)
        if fingerprint is None:
            raise NoMotion(row.clip.name, reason=row.error)
        request = DecisionRequest(
            clip_id=row.clip.id,
            fingerprint=self.fingerprint or fingerprint,
            ruling=Ruling(self.ruling),
            by=_login() if self.by is None else self.by,
            overrule=self.overrule,
            frames=_span(self.frames),
            ground_m=self.ground_m,
            contacts=tuple(_contact(text) for text in self.contacts),
            reason=self.reason,
            note=self.note,
        )
        try:
            decide(dataset, request, datetime.now(UTC).isoformat(timespec="seconds"), on_wait=_tell_waiting)
        except DecidedMeanwhile as error:
            raise Overruled(row.clip.name, told=error.told) from error
        if request.reason and request.reason not in REASON_CODES:
            known = ", ".join(REASON_CODES)
            show_warning(f"'{request.reason}' is a reason of your own; those that all reviewers share are {known}")
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


def _contact(text: str) -> ContactEdit:
    foot, *numbers, does = text.split(":") if text.count(":") == 3 else ("", "")
    if foot not in FEET or does not in ("stands", "lifted") or not all(number.isdecimal() for number in numbers):
        raise OptionOutOfRange("contacts", text, allowed="foot, first frame, the one after the last, and what it does")
    start, stop = map(int, numbers)
    return ContactEdit(foot=foot, frames=(start, stop), stands=does == "stands")


def _show(dataset: Dataset, row: ManifestRow) -> None:
    decisions = read_decisions(dataset, row.clip.id)
    for sentence in decisions.damaged:
        show_warning(sentence)
    held = standing(decisions, seen_by_reviewers(row))
    told = "the verdict decides" if held.decision is None else held.decision.told
    stale = "; the motion was solved anew since" if held.stale and held.decision is not None else ""
    console.print(f"{escape(row.clip.name)}: {escape(told)}{stale}", highlight=False, soft_wrap=True)
    if disputed(decisions):
        show_warning("reviewers differ on it, which is shown until they agree or one of them takes it back.")
    if decisions.items and row.verdict is not None:
        console.print(f"the checks say: {row.outcome.value}", highlight=False)
    taken = hands_over(dataset, row, decisions)
    console.print(f"hands over: {escape(taken)}", highlight=False, soft_wrap=True)
