"""``wushu handoff DATASET --to FORMAT --out DIR``: the accepted motions in one folder, as a trainer reads them."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import tyro
from rich.markup import escape
from rich.padding import Padding

from flows.console import bar, console, progress_bars, show_warning
from pipeline.handing import Bundle, HandoffOptions, LeftOut, hand_over
from pipeline.home import Home
from pipeline.licences import Use
from pipeline.store import Dataset

_SHOWN_OF_A_REASON = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Handoff:
    """Gather what is accepted, by people first and by the checks second, for one trainer of the G1.

    All of it is written, or nothing; the same dataset gives the same folder.
    """

    dataset: tyro.conf.Positional[Path]
    """A folder made by `wushu run`."""
    options: Annotated[HandoffOptions, tyro.conf.arg(name="")] = field()
    """Which motions, for whom."""
    out: Path
    """A new folder, or one that an earlier hand-over wrote, which is replaced."""

    def __call__(self) -> int:
        """Write the folder and say what is in it, and what is not."""
        dataset = Dataset.open(self.dataset)
        with progress_bars() as bars:
            heard = bar(bars, f"{self.options.to} files")
            bundle = hand_over(dataset, self.out, self.options, heard, bodies_dir=Home.of_user().bodies_dir)
        _show(bundle)
        return 0


def _show(bundle: Bundle) -> None:
    for note in bundle.notes:
        show_warning(note)
    _show_left_out(bundle.left_out)
    sides = ", ".join(
        f"{bundle.count(side)} to {'train' if side == 'train' else 'validate'} on ({bundle.seconds(side):.1f} s)"
        for side in ("train", "val")
    )
    console.print(
        f"[bold green]handed over[/]  {len(bundle.files)} motion{'s' * (len(bundle.files) != 1)}: {sides}",
        highlight=False,
    )
    if bundle.use is not Use.ALLOWED:
        said = (
            "is not for commercial use" if bundle.use is Use.FORBIDDEN else "is not known to be free for commercial use"
        )
        console.print(f"some of it {said}; --commercial leaves it out", highlight=False)
    same = "" if bundle.changed else " (as it was before)"
    console.print(f"folder: {escape(str(bundle.path))}{same}; README.md there says how to train", soft_wrap=True)


def _show_left_out(left_out: tuple[LeftOut, ...]) -> None:
    """Count by reason, and tell of the first few; all are in the metadata."""
    by_why: dict[str, list[LeftOut]] = defaultdict(list)
    for item in left_out:
        by_why[item.why.value].append(item)
    for why, items in by_why.items():
        console.print(f"left out: {len(items)} {why}", highlight=False)
        for item in items[:_SHOWN_OF_A_REASON]:
            told = escape(f"- {item.clip} ({item.name}): {item.sentence}")
            console.print(Padding(told, (0, 0, 0, 4)), highlight=False)
        if len(items) > _SHOWN_OF_A_REASON:
            console.print(f"    ... and {len(items) - _SHOWN_OF_A_REASON} more in metadata.json", highlight=False)
