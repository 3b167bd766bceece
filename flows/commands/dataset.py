"""``wushu dataset``: what is in a dataset, whether it is sound, what is left over, how two differ, where it goes."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro
from rich.markup import escape

from flows.commands.dataset_show import ListClips, Show
from flows.console import bar, console, progress_bars, show_error, show_warning
from flows.exceptions import OptionOutOfRange
from flows.rounding_off import round_off
from pipeline.catalogue.diff import Difference, diff
from pipeline.catalogue.findings import Finding
from pipeline.catalogue.gc import gc
from pipeline.catalogue.publish import Target, publish
from pipeline.catalogue.verify import MARKER, repair, verify
from pipeline.exceptions import NotADataset
from pipeline.store import Dataset, is_dataset
from robots.exceptions import WushuError

_SHOWN = 10
TROUBLE = 2
"""Exit code of a comparison that could not be made, as that of diff(1)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Index:
    """Make index, card and page anew from the outcomes of the clips."""

    dataset: tyro.conf.Positional[Path] = Path("wushu_dataset")
    """A dataset."""

    def __call__(self) -> int:
        """Make them; 1 if an outcome cannot be read."""
        dataset = Dataset.open(self.dataset)
        rounded = round_off(dataset)
        for sentence in rounded.damaged:
            show_error(sentence)
        _say(f"{len(rounded.rows)} clips in {dataset.root / 'manifest.parquet'}")
        return int(bool(rounded.damaged))


@dataclass(frozen=True, slots=True, kw_only=True)
class Verify:
    """Read everything again and name each file that is not as it was written."""

    dataset: tyro.conf.Positional[Path] = Path("wushu_dataset")
    """A dataset."""
    repair: bool = False
    """Take away what is damaged, so that the next run makes it anew; decisions of people are never touched."""

    def __call__(self) -> int:
        """Tell what is found; 1 if anything is damaged."""
        dataset = _open_to_check(self.dataset)
        with progress_bars() as bars:
            checked = verify(dataset, bar(bars, "reading clips"), _tell)
        if checked.in_work and checked.findings:
            show_warning("a build is running on it: what it is writing may be among these. Look again when it is done.")
        faults = len(checked.faults)
        _say(f"{checked.n_clips} folders read, {faults} {'fault' if faults == 1 else 'faults'}")
        if self.repair and faults:
            _tell_repaired(repair(dataset, checked, round_off))
        return int(faults > 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tidy:
    """Remove results that no outcome uses, files of killed runs, and clips that were withdrawn.

    Refused while a build runs. A build with the same settings afterwards reuses all that it would have before.
    """

    dataset: tyro.conf.Positional[Path] = Path("wushu_dataset")
    """A dataset."""
    dry_run: bool = False
    """Only tell what would go."""

    def __call__(self) -> int:
        """Tidy, and say what went."""
        with progress_bars() as bars:
            tidied = gc(Dataset.open(self.dataset), dry_run=self.dry_run, progress=bar(bars, "looking through clips"))
        for removal in tidied.removals if self.dry_run else ():
            _say(f"{removal.path}: {removal.why}")
        for sentence in tidied.kept:
            show_warning(sentence)
        what = "would go" if self.dry_run else "removed"
        _say(f"{len(tidied.removals)} files {what}, {tidied.n_bytes / 1e6:.1f} MB")
        return 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Diff:
    """Say how two datasets differ, and why: setting, version, fact, source, or machine.

    Exit code 0: no difference; 1: they differ; 2: they could not be compared.
    """

    old: tyro.conf.Positional[Path]
    """A dataset."""
    new: tyro.conf.Positional[Path]
    """Another."""

    def __call__(self) -> int:
        """Compare, and tell."""
        try:
            with progress_bars() as bars:
                found = diff(Dataset.open(self.old), Dataset.open(self.new), bar(bars, "comparing clips"))
        except WushuError as error:
            show_error(error)
            return TROUBLE
        _show_difference(found)
        return int(not found.is_none)


@dataclass(frozen=True, slots=True, kw_only=True)
class Publish:
    """Copy a dataset one way to a folder or any storage that fsspec knows; what has arrived is not sent twice."""

    dataset: tyro.conf.Positional[Path]
    """A dataset, which is verified first."""
    url: tyro.conf.Positional[str]
    """Where to, e.g. /mnt/nas/motions, s3://bucket/motions, ssh://host/path."""
    option: tyro.conf.UseAppendAction[tuple[str, ...]] = ()
    """Options of the storage's driver, as key=value; a value that is JSON is read as such. Keep secrets in the
    environment or in the driver's own files."""
    delete: bool = False
    """Remove files that were published before and count no more; others there are never touched."""
    recheck: bool = False
    """Read back every file there, instead of believing sizes and the list of what was published."""

    def __call__(self) -> int:
        """Copy, and say what was sent."""
        target = Target.of(self.url, dict(map(_option, self.option)))
        with progress_bars() as bars:
            done = publish(
                Dataset.open(self.dataset),
                target,
                delete=self.delete,
                recheck=self.recheck,
                progress=bar(bars, "sending files"),
                on_verify=bar(bars, "verifying clips"),
            )
        _say(f"{len(done.sent)} files sent, {done.skipped} were there, {len(done.deleted)} deleted: {self.url}")
        if done.superfluous:
            show_warning(
                f"{len(done.superfluous)} files there count no more (first: {done.superfluous[0]}). Add --delete, "
                "which removes what was published before and nothing else."
            )
        return 0


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetCommand:
    """Look into a dataset, check it, tidy it, compare two, publish one."""

    job: (
        Annotated[ListClips, tyro.conf.subcommand("ls")]
        | Annotated[Show, tyro.conf.subcommand("show")]
        | Annotated[Verify, tyro.conf.subcommand("verify")]
        | Annotated[Tidy, tyro.conf.subcommand("gc")]
        | Annotated[Diff, tyro.conf.subcommand("diff")]
        | Annotated[Publish, tyro.conf.subcommand("publish")]
        | Annotated[Index, tyro.conf.subcommand("index")]
    )

    def __call__(self) -> int:
        """Do the job."""
        return self.job()


def _open_to_check(root: Path) -> Dataset:
    """Open a dataset even if its marker is damaged beyond reading, which is among what is looked for."""
    try:
        return Dataset.open(root)
    except NotADataset:
        if not is_dataset(root):
            raise
        try:
            json.loads((root / "dataset.json").read_bytes())
        except (ValueError, RecursionError):
            return Dataset(root)
        raise


def _tell(finding: Finding) -> None:
    if finding.kind == "fault":
        show_error(str(finding))
    else:
        show_warning(finding)


def _tell_repaired(mended: list[str]) -> None:
    """Say what was done, and what is left to do: a run makes anew what was removed."""
    removed = [name for name in mended if name != MARKER]
    done = [f"{len(removed)} damaged {'file' if len(removed) == 1 else 'files'} removed"] if removed else []
    done += [f"{MARKER} written anew"] if MARKER in mended else []
    _say(", ".join([*done, "index made anew. "]) + ("Run the build again, and v" if removed else "V") + "erify again.")


def _show_difference(found: Difference) -> None:
    """Print causes first, then what became of the clips."""
    for cause, clips in found.causes.items():
        names = ", ".join(clips[:3]) + (" ..." if len(clips) > 3 else "")
        _say(f"{cause} [{len(clips)} {'clip' if len(clips) == 1 else 'clips'}: {names}]")
    for title, items in (
        ("only in the old one", found.gone),
        ("only in the new one", found.new),
        ("replaced", found.replaced),
        ("outcomes", found.outcomes),
    ):
        if items:
            console.print(f"[bold]{title}[/] ({len(items)})", highlight=False)
        for item in items[:_SHOWN]:
            _say(f"  {item}")
        if len(items) > _SHOWN:
            _say(f"  ... and {len(items) - _SHOWN} more")
    for sentence in found.damaged:
        show_error(sentence)
    if found.is_none:
        _say("no difference")


def _option(text: str) -> tuple[str, object]:
    """Read ``key=value``.

    Raises:
        OptionOutOfRange: It has no key.
    """
    key, sign, value = text.partition("=")
    if not sign or not key:
        raise OptionOutOfRange("option", text, allowed="a key and a value, e.g. --option profile=lab")
    try:
        return key, json.loads(value)
    except ValueError:
        return key, value


def _say(sentence: str) -> None:
    console.print(escape(sentence), highlight=False, soft_wrap=True)
