"""Turns a folder of motion files into the benchmark's list of clips: what they are called, and whose group they are in.

Files are only named here; whoever runs the benchmark reads them.
"""

from __future__ import annotations

import csv
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import numpy as np
from jaxtyping import Float

from pipeline.exceptions import PipelineError
from pipeline.kfbench import metrics
from retarget.smpl_motion import SmplMotion

MOTION_ENDINGS = (".bvh", ".bvh.gz")
"""How the files that are performed end."""

INDEX = "index.csv"
"""Table beside the files, or one folder up: columns ``file`` and ``category``, and ``qa_flags`` where known."""

CATEGORY_GROUPS: Mapping[str, str] = {
    "locomotion": "locomotion",
    "walk": "locomotion",
    "walking": "locomotion",
    "run": "locomotion",
    "running": "locomotion",
    "dance": "dance",
    "dancing": "dance",
    "kungfu": "kungfu",
    "kung fu": "kungfu",
    "wushu": "kungfu",
    "martial arts": "kungfu",
    "martial art": "kungfu",
    "karate": "kungfu",
    "kick": "kungfu",
    "kicks": "kungfu",
    "tai chi": "kungfu",
    "taichi": "kungfu",
    "taiji": "kungfu",
    "boxing": "kungfu",
}
"""Category of an index -> group; clips of any other category count in ``all`` only."""

AIRBORNE_M = 0.08
"""Both feet are clearly off the floor from this height over where they stand [m] ..."""
AIRBORNE_S = 0.13
"""... for this long in one go: four frames at 30 a second, longer than a runner's stride floats at that height [s]."""


class NoClips(PipelineError):
    """A benchmark has nothing to be run on."""

    def __init__(self, path: Path, *, problem: str) -> None:
        self.path = path
        super().__init__(f"{path}: {problem}.")


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipFile:
    """One file of a folder and what its index says of it."""

    path: Path
    name: str
    """Its name without endings, as in the lists of clips that weights were trained on."""
    category: str = ""
    """As the index has it; empty where no index names the file."""
    defects: str = ""
    """Known defects of the recording or its conversion (column ``qa_flags``)."""

    @property
    def group(self) -> str | None:
        """The group of its category, if it is one that is reported apart."""
        return CATEGORY_GROUPS.get(re.sub(r"[\s_-]+", " ", self.category.strip().lower()))


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipFolder:
    """What there is to run on in one folder."""

    files: tuple[ClipFile, ...]
    """Those that can be used, by path."""
    index: Path | None = None
    """The table that was found."""
    unlisted: tuple[str, ...] = ()
    """Files that the table does not name; they count in ``all`` only."""


def list_clips(folder: Path) -> ClipFolder:
    """Find every ``.bvh`` and ``.bvh.gz`` below a folder, with its category where an index tells it.

    Raises:
        NoClips: The folder is not there, holds no such file, or its index cannot be read.
    """
    if not folder.is_dir():
        raise NoClips(folder, problem="is no folder. Name one with .bvh or .bvh.gz files in it")
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and path.name.lower().endswith(MOTION_ENDINGS))
    if not paths:
        raise NoClips(folder, problem=f"holds no file that ends in {' or '.join(MOTION_ENDINGS)}. Name another folder")
    index = next((place / INDEX for place in (folder, folder.absolute().parent) if (place / INDEX).is_file()), None)
    rows = {} if index is None else _read_index(index)
    files, unlisted = [], []
    for path in paths:
        row = None if index is None else rows.get(path.absolute().relative_to(index.absolute().parent).as_posix())
        if index is not None and row is None:
            unlisted.append(path.relative_to(folder).as_posix())
        said = row or {}
        files.append(
            ClipFile(
                path=path, name=clip_name(path), category=said.get("category", ""), defects=said.get("qa_flags", "")
            )
        )
    return ClipFolder(files=tuple(files), index=index, unlisted=tuple(unlisted))


def clip_name(path: Path) -> str:
    """Name of a clip: its file's name without endings."""
    name = path.name
    for ending in sorted(MOTION_ENDINGS, key=len, reverse=True):
        if name.lower().endswith(ending):
            return name[: -len(ending)]
    return path.stem


def clip_names(files: Sequence[tuple[Path, Path]]) -> list[str]:
    """Name the clips of files so that each has a name of its own.

    Args:
        files: Each with the folder that it was found below, or its own path where it was named itself.

    Returns:
        A file's name without endings where no other file has it, else its path below the folder, else its whole path.
    """
    short = [clip_name(file) for _, file in files]
    below = [file.name if file == folder else file.relative_to(folder).as_posix() for folder, file in files]
    shorts, belows = (Counter(name.casefold() for name in names) for names in (short, below))
    return [
        name if shorts[name.casefold()] == 1 else path if belows[path.casefold()] == 1 else file.as_posix()
        for name, path, (_, file) in zip(short, below, files, strict=True)
    ]


class ClipMatcher:
    """Tells whether a clip is one of those listed, under whatever longer or shorter name.

    Names are compared token by token, what is between letters and digits left aside and case too. A name counts
    within longer ones (``007_05`` in ``cmu_007_05_iclone``, whichever of them is the listed one): another copy of a
    recording is as seen as the file itself. Part of a token is nothing: ``8`` is not in ``094_08``.
    """

    def __init__(self, names: Iterable[str]) -> None:
        """Take the listed names apart, once for all clips."""
        tokens = [_tokens(name) for name in names]
        self._whole = frozenset(tokens) - {()}
        self._parts = frozenset(part for name in tokens for part in _parts(name))

    def __contains__(self, name: str) -> bool:
        """Whether this clip is listed."""
        tokens = _tokens(name)
        return tokens in self._parts or any(part in self._whole for part in _parts(tokens))


def is_seen(name: str, trained_on: Iterable[str]) -> bool:
    """Whether a clip is among those that weights were trained on, as :class:`ClipMatcher` tells it."""
    return name in _matcher(frozenset(trained_on))


@lru_cache(maxsize=4)
def _matcher(names: frozenset[str]) -> ClipMatcher:
    return ClipMatcher(names)


def _tokens(name: str) -> tuple[str, ...]:
    """Runs of letters and digits, of any script."""
    return tuple(re.findall(r"[^\W_]+", unicodedata.normalize("NFKC", name).casefold()))


def _parts(tokens: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """All runs of neighbouring tokens."""
    return (tokens[i:j] for i in range(len(tokens)) for j in range(i + 1, len(tokens) + 1))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BenchClip:
    """A true motion that is performed before cameras."""

    name: str
    motion: SmplMotion
    group: str | None = None
    """Group of its category; None = in ``all`` only."""
    airborne: bool = field(init=False)
    """Whether both feet leave the floor for a while."""

    def __post_init__(self) -> None:
        """Measure what is measured."""
        object.__setattr__(self, "airborne", is_airborne(self.motion.joints()[0], self.motion.fps))

    @property
    def groups(self) -> tuple[str, ...]:
        """All groups that it counts in before a moving camera."""
        own = (self.group,) if self.group else ()
        return ("all", *own, *(("airborne",) if self.airborne else ()))


def is_airborne(joints_w: Float[np.ndarray, "frames joints 3"], fps: float) -> bool:
    """Whether ankles and feet are all 8 cm above where they stand, for 0.13 s in one go.

    Where they stand is the 10th percentile of the lowest one's height: recordings know their floor to a few
    centimetres only. A clip that is in the air nearly all the time, as none is, would not be found.
    """
    feet = joints_w[:, list(metrics.FEET), 2]
    over = (feet - np.percentile(feet, 10.0, axis=0)).min(axis=1)
    needed = max(1, int(np.ceil(AIRBORNE_S * fps - 1e-9)))
    run = 0
    for high in over > AIRBORNE_M:
        run = run + 1 if high else 0
        if run >= needed:
            return True
    return False


def cut_window(motion: SmplMotion, longest_s: float, rng: np.random.Generator) -> SmplMotion:
    """Return a piece of at most this length; where in a longer motion it lies is drawn, so that no part is favoured."""
    n_frames = max(1, round(longest_s * motion.fps))
    if len(motion) <= n_frames:
        return motion
    start = int(rng.integers(0, len(motion) - n_frames + 1))
    return motion.frames(start, start + n_frames)


def choose(clips: Sequence[BenchClip], count: int, rng: np.random.Generator) -> list[BenchClip]:
    """Draw some of the clips, as evenly from the groups as these allow; all of them if ``count`` is 0.

    Clips that leave the floor are a group of their own here.
    """
    if count == 0 or count >= len(clips):
        return list(clips)
    strata = ["airborne" if clip.airborne else clip.group for clip in clips]
    rank: dict[int, tuple[int, float]] = {}
    for stratum in dict.fromkeys(strata):
        members = [i for i, other in enumerate(strata) if other == stratum]
        # The second number decides who is left out when the last round is not full.
        rank |= {int(i): (turn, rng.random()) for turn, i in enumerate(rng.permutation(members))}
    return [clips[i] for i in sorted(sorted(rank, key=rank.__getitem__)[:count])]


def _read_index(path: Path) -> dict[str, dict[str, str]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            rows = list(csv.DictReader(stream))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise NoClips(path, problem=f"cannot be read ({error}). Mend it or take it away") from error
    if rows and "file" not in rows[0]:
        raise NoClips(path, problem="has no column 'file'. Mend it or take it away")
    return {
        (row["file"] or "").strip(): {
            k: (v or "").strip() for k, v in row.items() if isinstance(k, str) and not isinstance(v, list)
        }
        for row in rows
    }
