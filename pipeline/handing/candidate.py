"""A motion of a dataset that may be handed over, and why another one is not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from pipeline.decisions import Decision
from pipeline.deliverable import Kind
from pipeline.licences import Use
from pipeline.manifest import ManifestRow
from pipeline.measurement import Span
from pipeline.variants import shown_variant
from robots.g1 import Variant


class Why(StrEnum):
    """Why a motion is not handed over, in words that follow a number."""

    BROKEN = "that could not be used"
    REFUSED = "refused by the checks"
    REJECTED = "rejected by a person"
    OUTDATED = "decided on when the motion was another"
    DAMAGED = "harmed on the disk"
    NO_MOTION = "without a motion of this robot"
    WITHHELD = "refused for this robot"
    PART = "that are only parts"
    SCORE = "scored too low"
    LICENCE = "not known to be free for commercial use"
    BALANCE = "beyond what the median source gives"
    UNSOUND = "that failed the check of the written file"


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """A motion that is not handed over."""

    name: str
    """What its file would be called, without the ending; the clip's id where that is not known."""
    clip: str
    """What people call the clip."""
    why: Why
    sentence: str
    """Why, and what to do, for people."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A motion that may be handed over; its arrays stay on the disk."""

    name: str
    """What its file is called, without the ending."""
    row: ManifestRow
    """The clip."""
    kind: Kind
    variant: Variant
    """The G1 whose motion it is."""
    frames: Span
    """Frames of the clip's motion that it is made of."""
    duration_s: float
    """Its length, without leads [s]."""
    score: float
    """Rank in [0, 1] by its own verdict; of what a person cut, of the whole until it is cut and judged."""
    use: Use
    """Whether it may be used commercially."""
    decision: Decision | None = None
    """Of a person, that holds; None where the verdict decides."""
    by_hand: bool = False
    """It is cut from what was solved, and led, as a person wants it: the dataset holds no deliverable of it."""

    @property
    def source(self) -> str:
        """Hash of the source: what stands on one side of a split, and what is balanced."""
        return self.row.clip.source.sha256

    @property
    def unseen(self) -> bool:
        """Tell whether a person decided, and saw the motion of another robot."""
        return self.by_hand and self.variant != shown_variant(self.row.fingerprints)

    def left_out(self, why: Why, sentence: str) -> LeftOut:
        """Say that it is not handed over after all."""
        return LeftOut(name=self.name, clip=self.row.clip.name, why=why, sentence=sentence)


def counts(left_out: Iterable[LeftOut]) -> dict[str, int]:
    """Count by reason, the most frequent first."""
    return {why.value: number for why, number in Counter(item.why for item in left_out).most_common()}
