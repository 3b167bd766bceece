"""What the commands show on a terminal: progress while they work, tables when they are done."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars

from flows.rounding_off import Rounded
from pipeline.manifest import ManifestRow, Outcome, Rows
from pipeline.process_clip import StageListener
from pipeline.review import usable_sentence
from pipeline.store import Dataset
from retarget.progress import Progress

console = Console(emoji=False)  # a name that holds ":fire:" is that name
error_console = Console(stderr=True, emoji=False)

_SHOWN_REASONS = 6
_COLOUR = {Outcome.ACCEPTED: "green", Outcome.MENDED: "cyan", Outcome.REJECTED: "yellow", Outcome.BROKEN: "red"}


@contextmanager
def progress_bars() -> Iterator[Bars]:
    """Show progress bars while the block runs; none where nobody watches, as they would leave empty lines in a log."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Bars(*columns, console=error_console, transient=True, disable=not error_console.is_terminal) as bars:
        yield bars


def bar(bars: Bars, description: str) -> Progress:
    """Add a bar and return what fills it."""
    task = bars.add_task(escape(description), total=None)
    return lambda done, total: bars.update(task, completed=done, total=total)


def clip_listener(bars: Bars, name: str, n_stages: int) -> StageListener:
    """Give one clip a line that shows the stage at work and how far it is."""
    task = bars.add_task(escape(name), total=n_stages)
    begun = 0

    def on_stage(stage: str) -> Progress:
        nonlocal begun
        bars.update(task, description=f"{escape(name)}: {stage}", completed=begun)
        position, begun = begun, begun + 1

        def report(done: int, total: int | None) -> None:
            bars.update(task, completed=position + (done / total if total else 0.0))

        return report

    return on_stage


def show_warning(message: object) -> None:
    """Print one sentence that the user should know and that stops nothing."""
    error_console.print(f"[yellow]note:[/] {escape(str(message))}", highlight=False, soft_wrap=True)


def show_error(error: Exception | str) -> None:
    """Print one sentence for the user; brackets in it, as in names of files, are text and no markup."""
    error_console.print(f"[bold red]error:[/] {escape(str(error))}", highlight=False, soft_wrap=True)


def show_rows(rows: Sequence[ManifestRow], dataset: Dataset) -> None:
    """Print each clip's outcome, why it was not accepted, and where its results are; and what of them is damaged."""
    for row in rows:
        outcome = f"[bold {_COLOUR[row.outcome]}]{row.outcome.value:<8}[/]"
        console.print(
            f"{outcome}  {escape(row.clip.name)}  {escape(str(dataset.clip_dir(row.clip.id)))}", soft_wrap=True
        )
        reasons = [*row.reasons, *([row.error] if row.error is not None and row.verdict is not None else [])]
        for reason in reasons[:_SHOWN_REASONS]:
            console.print(Padding(f"- {escape(reason)}", (0, 0, 0, 4)), highlight=False)
        if len(reasons) > _SHOWN_REASONS:
            console.print(f"    ... and {len(reasons) - _SHOWN_REASONS} more in row.json", highlight=False)
        for number, piece in enumerate(row.pieces if row.outcome is Outcome.MENDED else (), start=1):
            said = escape(" ".join(piece.edits))
            console.print(f"    + part {number}, {piece.duration_s:.1f} s, accepted after: {said}", highlight=False)
        for remark in row.remarks:
            console.print(Padding(f"[dim]note:[/] {escape(remark)}", (0, 0, 0, 4)), highlight=False)
    console.print(usable_sentence(rows), highlight=False)
    counts = ", ".join(f"{sum(row.outcome is outcome for row in rows)} {outcome.value}" for outcome in Outcome)
    console.print(f"{counts}; dataset: {escape(str(dataset.root))}", highlight=False, soft_wrap=True)
    for error in rows.damaged if isinstance(rows, Rows) else ():
        show_error(error)


def show_rounded(rounded: Rounded) -> None:
    """Say where the page of the whole dataset is, whatever part of it was asked for, and what in it is damaged."""
    for sentence in rounded.damaged:
        show_warning(sentence)
    console.print(f"page: {escape(str(rounded.page))}", highlight=False, soft_wrap=True)
    console.print(f"watch and decide: {escape(rounded.review_command)}", highlight=False, soft_wrap=True)
