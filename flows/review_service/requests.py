"""Reads what a page sends, word by word: nothing is taken for what it is not."""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite
from typing import Any

from flows.review_service.answers import Refused
from pipeline.decisions import Ruling
from pipeline.hand_edits import FEET, MOST_CONTACTS, ContactEdit, HandEdits
from pipeline.measurement import Span
from pipeline.review_desk.journal import DecisionRequest

_MOST_FRAMES = 10**9


def decision_request(clip_id: str, said: Mapping[str, Any]) -> DecisionRequest:
    """Read what is decided on a clip.

    Raises:
        Refused, InvalidArray: A field is missing, or is something else than it should be.
    """
    changes = hand_edits(said)
    seen = said.get("seen")
    if seen is not None and not _is_count(seen):
        raise _wrong("seen", "how many decisions the page knows of, or null")
    if not isinstance(overrule := said.get("overrule", False), bool):
        raise _wrong("overrule", "true or false")
    return DecisionRequest(
        clip_id=clip_id,
        ruling=_ruling(said.get("ruling")),
        by=_text(said, "by"),
        fingerprint=_text(said, "fingerprint"),
        seen=seen,
        overrule=overrule,
        frames=span_or_none(said.get("frames"), "frames"),
        ground_m=changes.ground_m,
        contacts=changes.contacts,
        reason=_text(said, "reason", ""),
        note=_text(said, "note", ""),
    )


def hand_edits(said: Mapping[str, Any]) -> HandEdits:
    """Read what is changed of a motion.

    Raises:
        Refused, InvalidArray: It is none that could be made.
    """
    ground_m, contacts = said.get("ground_m") or 0.0, said.get("contacts") or []
    if isinstance(ground_m, bool) or not isinstance(ground_m, int | float) or not _is_length(ground_m):
        raise _wrong("ground_m", "a number of metres")
    if not isinstance(contacts, list) or len(contacts) > MOST_CONTACTS:
        raise _wrong("contacts", f"a list of at most {MOST_CONTACTS} edits")
    return HandEdits(ground_m=float(ground_m), contacts=tuple(_contact(edit) for edit in contacts))


def span_or_none(said: object, name: str) -> Span | None:
    """Read a span of frames.

    Raises:
        Refused: It is none.
    """
    if said is None:
        return None
    if not isinstance(said, list) or len(said) != 2 or not all(_is_count(number) for number in said):
        raise _wrong(name, "null, or the first frame and the one after the last, as [10, 90]")
    return said[0], said[1]


def _contact(said: object) -> ContactEdit:
    wrong = _wrong("contacts", 'edits as {"foot": "left", "frames": [10, 20], "stands": true}')
    if not isinstance(said, dict):
        raise wrong
    frames, foot, stands = span_or_none(said.get("frames"), "contacts"), said.get("foot"), said.get("stands")
    if frames is None or foot not in FEET or not isinstance(stands, bool):
        raise wrong
    return ContactEdit(foot=foot, frames=frames, stands=stands)


def _ruling(said: object) -> Ruling:
    if said not in [str(ruling) for ruling in Ruling]:
        raise _wrong("ruling", "accept, reject or undo")
    return Ruling(str(said))


def _text(said: Mapping[str, Any], name: str, default: str | None = None) -> str:
    text = said.get(name)
    text = default if text is None else text
    if not isinstance(text, str):
        raise _wrong(name, "a text")
    return text


def _is_length(said: float) -> bool:
    try:
        return isfinite(said)
    except OverflowError:  # a whole number that no float can hold
        return False


def _is_count(said: object) -> bool:
    return isinstance(said, int) and not isinstance(said, bool) and 0 <= said < _MOST_FRAMES


def _wrong(name: str, wanted: str) -> Refused:
    return Refused(422, "invalid", f"{name}: must be {wanted}")
