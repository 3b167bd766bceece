"""Turns folders of motion files into good clips: hand-off files as they are, human motion retargeted first.

The built-in set is recorded motion where a machine has it, else the two performances of the demo. Its recorded clips
are those without a known defect (an empty ``qa_flags`` in the index) and not among :data:`NOT_ON_FEET`. They are sorted
by name; limits were chosen on every other one from the first (``even``), and are reported on those between (``odd``).
Human motion is cut first and retargeted then, as a run does.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Literal
from zipfile import BadZipFile, ZipFile

from benchmarks.validation.exceptions import NoMotions
from benchmarks.validation.sweep import GoodClip
from pipeline.body import load_body
from pipeline.export import FORMATS, format_of_file, read_handoff
from pipeline.judge_file import with_contacts
from pipeline.kfbench import PIECES, perform
from pipeline.readers import MOTION_SUFFIXES, read_motion
from retarget.progress import Progress, silent
from retarget.retargeter import Retargeter
from retarget.smpl_motion import SmplMotion
from robots.exceptions import WushuError
from robots.g1 import load_g1

SHARED_DIR = Path(__file__).parents[2].parent / "shared" / "data"
"""Where recorded motion lies, on machines that have it."""

Split = Literal["even", "odd", "all"]
"""Which of the recorded clips to take."""

LONGEST_S = 10.0
"""Recorded clips of the built-in set are cut to their first seconds [s]."""

NOT_ON_FEET = {
    "cmu/049_08.npz": "cartwheels: the hands bear weight, and no label says so",
}
"""Recorded clips without defects that are no examples of what `clean` asks for, and why."""

RATE = 30.0
"""Frame rate at which human motion is read [1/s]."""


def anchors(folder: Path = SHARED_DIR / "pbhc_motions") -> list[GoodClip]:
    """Return the released motions of PBHC, if this machine has them."""
    return [clip for clip in handoff_clips(folder) if clip.source == "pbhc"]


def built_in(split: Split, data: Path = SHARED_DIR, every: int = 1, progress: Progress = silent) -> list[GoodClip]:
    """Return recorded motion put on the G1 (every n-th clip), or the demo's performances where there is none."""
    body, retargeter = load_body(), Retargeter(load_g1())
    files = list(recorded_files(data / "smpl", split))[::every]
    if not files:
        pieces = ((name, perform(piece, body)) for name, piece in PIECES.items())
        return [_retargeted(name, "demo", motion, retargeter) for name, motion in pieces]
    clips = []
    for done, path in enumerate(files, start=1):
        motion = read_motion(path, body, fps=RATE).motion
        motion = motion.frames(0, min(len(motion), round(LONGEST_S * motion.fps)))
        clips.append(_retargeted(path.stem, path.parent.name, motion, retargeter))
        progress(done, len(files))
    return clips


def recorded_files(folder: Path, split: Split) -> Iterator[Path]:
    """Yield the clips of an index that have no known defect."""
    index = folder / "index.csv"
    if not index.is_file():
        return
    with index.open(encoding="utf-8", newline="") as stream:
        good = sorted(row["file"] for row in csv.DictReader(stream) if not row["qa_flags"])
    wanted = {"even": slice(0, None, 2), "odd": slice(1, None, 2), "all": slice(None)}[split]
    yield from (folder / name for name in good[wanted] if name not in NOT_ON_FEET)


def clips_of(folder: Path, progress: Progress = silent) -> tuple[list[GoodClip], list[str]]:
    """Read every motion in a folder; also return the sentences of those that could not be read.

    Where a hand-off file does not say who stands, it is found out as ``wushu validate`` does.

    Raises:
        NoMotions: There is none.
    """
    refusals: list[str] = []
    clips = handoff_clips(folder, refusals)
    human = [path for path in _files(folder, MOTION_SUFFIXES) if not _is_mjlab(path)]
    if human:
        clips += _read_human(human, refusals, progress)
    if not clips and not refusals:
        raise NoMotions(folder)
    return clips, refusals


def handoff_clips(folder: Path, refusals: list[str] | None = None) -> list[GoodClip]:
    """Read the hand-off files of a folder; sentences of those that could not be read are added to a list."""
    clips = []
    for name, handoff in FORMATS.items():
        for path in _files(folder, (handoff.suffix,)):
            if format_of_file(path) != name or (name == "mjlab" and not _is_mjlab(path)):
                continue
            try:
                motion, _ = with_contacts(read_handoff(path, name), handoff.variant)
            except WushuError as error:
                if refusals is not None:
                    refusals.append(str(error))
                continue
            robot = load_g1(handoff.variant)
            clips.append(GoodClip(name=path.stem, source=name, motion=motion, robot=robot, recorded=False))
    return clips


def _read_human(paths: Sequence[Path], refusals: list[str], progress: Progress) -> list[GoodClip]:
    body, retargeter, clips = load_body(), Retargeter(load_g1()), []
    for done, path in enumerate(paths, start=1):
        try:
            human = read_motion(path, body, fps=RATE).motion
            clips.append(_retargeted(path.name.split(".")[0], path.parent.name, human, retargeter))
        except WushuError as error:
            refusals.append(str(error))
        progress(done, len(paths))
    return clips


def _retargeted(name: str, source: str, human: SmplMotion, retargeter: Retargeter) -> GoodClip:
    motion = retargeter.retarget(human.body_trajectory()).motion
    return GoodClip(name=name, source=source, motion=motion, robot=retargeter.robot, recorded=True, human=human)


def spread(clips: Sequence[GoodClip], count: int, first: Iterable[str] = ()) -> list[GoodClip]:
    """Choose some clips: those named first, then evenly spaced ones of the rest."""
    named = set(first)
    chosen = [clip for clip in clips if clip.name in named]
    rest = [clip for clip in clips if clip.name not in named]
    missing = min(max(count - len(chosen), 0), len(rest))
    return chosen + [rest[i * len(rest) // missing] for i in range(missing)]


def _files(folder: Path, suffixes: tuple[str, ...]) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file() and path.name.lower().endswith(suffixes))


def _is_mjlab(path: Path) -> bool:
    """Tell mjlab's npz from those of human motion by what it holds."""
    if not path.name.lower().endswith(".npz"):
        return False
    try:
        with ZipFile(path) as archive:
            return "body_pos_w.npy" in archive.namelist()
    except (BadZipFile, OSError):
        return False
