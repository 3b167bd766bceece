"""Counts what becomes of the clips of a run, for its page and its final state; what it holds does not grow with them.

Of every clip only numbers are kept, of the first hundreds a line in a table, and those that need a look go first.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from prefect.states import Completed, Failed, State

from flows.told import PREPARED, UNFINISHED, ClipTold, TaskTold
from pipeline.manifest import Outcome

SHOWN_CLIPS = 500
"""Lines of the table on a run's page."""
SHOWN_KINDS = 10
"""Reasons on a run's page."""

UNREADABLE = "cannot be read"


@dataclass(slots=True)
class Tally:
    """Numbers of one run."""

    outcomes: Counter[str] = field(default_factory=Counter)
    """Clips by outcome."""
    n_broken: int = 0
    """Clips of which a stage could not go on, and files that cannot be read."""
    n_unfinished: int = 0
    """Clips whose outcome stays open."""
    duration_s: float = 0.0
    usable_s: float = 0.0
    mended_s: float = 0.0
    compute_s: float = 0.0
    """Time that stages took, over all processes [s]."""
    n_ran: int = 0
    n_reused: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    """Clips by what refused or broke them."""
    examples: dict[str, str] = field(default_factory=dict)
    """Of each kind, the sentence of the first clip of which it was the first reason."""
    stopped: str | None = None
    """Why no further clip was begun."""
    _troubled: list[dict[str, str]] = field(default_factory=list)
    _fine: list[dict[str, str]] = field(default_factory=list)
    _n_lines: int = 0

    @property
    def n_clips(self) -> int:
        """Clips at their end, files that cannot be read among them."""
        return self.outcomes.total() + self.n_unfinished

    @property
    def n_bad(self) -> int:
        """Of these, those that gave nothing."""
        return self.n_broken + self.n_unfinished

    @property
    def is_whole(self) -> bool:
        """True if every clip came to its end: nothing was stopped, left open or only prepared."""
        return self.stopped is None and self.n_unfinished == self.outcomes[PREPARED] == 0

    def add(self, told: TaskTold) -> None:
        """Count a task, and the clips that it brought to their end."""
        self.compute_s += told.seconds
        self.n_ran += told.ran
        self.n_reused += told.reused
        for clip in told.clips:
            if clip.outcome == UNFINISHED:
                self.add_unfinished(clip.name, clip.clip_id, clip.reason)
                continue
            self.outcomes[clip.outcome] += 1
            self.n_broken += clip.broken
            self.duration_s += clip.duration_s
            self.usable_s += clip.usable_s
            self.mended_s += clip.mended_s
            self._count_kinds(clip)
            self._note(_line(clip), fine=clip.outcome == Outcome.ACCEPTED)

    def add_unreadable(self, sentence: str) -> None:
        """Count a file that cannot be read."""
        self.outcomes[Outcome.BROKEN.value] += 1
        self.n_broken += 1
        self.kinds[UNREADABLE] += 1
        self.examples.setdefault(UNREADABLE, sentence)
        self._note({"clip": "", "id": "", "outcome": Outcome.BROKEN.value, "usable": "", "reasons": sentence})

    def add_unfinished(self, name: str, clip_id: str, sentence: str) -> None:
        """Count a clip whose outcome stays open."""
        self.n_unfinished += 1
        self._note({"clip": name, "id": clip_id, "outcome": UNFINISHED, "usable": "", "reasons": sentence})

    def table(self) -> list[dict[str, str]]:
        """Return the lines of the page's table, those that need a look first."""
        lines = (self._troubled + self._fine)[:SHOWN_CLIPS]
        if (more := self._n_lines - len(lines)) > 0:
            rest = {"clip": f"... and {more} more", "id": "", "outcome": "", "usable": "", "reasons": ""}
            lines.append(rest | {"reasons": "`wushu dataset ls` shows all"})
        return lines

    def counts(self) -> str:
        """Say how many clips ended how."""
        said = ", ".join(f"{self.outcomes[o.value]} {o.value}" for o in Outcome if o is not Outcome.BROKEN)
        extra = [
            f"{number} {what}"
            for what, number in ((PREPARED, self.outcomes[PREPARED]), (UNFINISHED, self.n_unfinished))
            if number
        ]
        return ", ".join([said, f"{self.n_broken} broken", *extra]) + f" of {self.n_clips} clips"

    def headline(self) -> str:
        """Say how much motion can be used."""
        return (
            f"usable: {self.usable_s:.1f} s of {self.duration_s:.1f} s of motion, {self.mended_s:.1f} s of it "
            "after a repair"
        )

    def final_state(self, max_broken_share: float) -> State[None]:
        """Prefect would call a run with swallowed failures completed; decide it by the share of broken clips."""
        message = f"{self.counts()}; {self.headline()}"
        if self.stopped is not None:
            then = f"Stopped after {self.n_clips} clips; when that is mended, run it again to go on."
            return Failed(message=f"{self.stopped} {then}")
        return Failed(message=message) if self.n_bad > max_broken_share * self.n_clips else Completed(message=message)

    def markdown(self, facts: Sequence[str]) -> str:
        """Lay the run out: headline, counts, what refused most clips, and what else is to be said of it.

        Args:
            facts: Sentences on the dataset and the run.
        """
        lines = [f"# {self.headline()}", "", self.counts(), ""]
        lines += [f"**Stopped:** {self.stopped}", ""] if self.stopped is not None else []
        if self.kinds:
            lines += ["| clips | by what | for example |", "|---|---|---|"]
            top = self.kinds.most_common(SHOWN_KINDS)
            lines += [f"| {number} | `{kind}` | {_cell(self.examples.get(kind, ''))} |" for kind, number in top]
            if len(self.kinds) > SHOWN_KINDS:
                lines.append(f"| | and {len(self.kinds) - SHOWN_KINDS} more | |")
            lines.append("")
        lines += [f"- {fact}" for fact in facts]
        lines.append(
            f"- {self.n_ran} stages ran and took {self.compute_s:.0f} s of computing, {self.n_reused} were done before"
        )
        return "\n".join(lines) + "\n"

    def _count_kinds(self, clip: ClipTold) -> None:
        for kind in clip.kinds:
            self.kinds[kind] += 1
        if clip.kinds:
            self.examples.setdefault(clip.kinds[0], f"{clip.name}: {clip.reason}")

    def _note(self, line: dict[str, str], *, fine: bool = False) -> None:
        self._n_lines += 1
        lines = self._fine if fine else self._troubled
        if len(lines) < SHOWN_CLIPS:
            lines.append(line)


def _line(clip: ClipTold) -> dict[str, str]:
    usable = f"{clip.usable_s:.1f} of {clip.duration_s:.1f} s" if clip.duration_s else ""
    return {
        "clip": clip.name,
        "id": clip.clip_id,
        "outcome": clip.outcome,
        "usable": usable,
        "reasons": clip.reason,
    }


def _cell(text: str) -> str:
    """Keep a sentence within its cell of a table."""
    return text.replace("|", "\\|").replace("\n", " ")
