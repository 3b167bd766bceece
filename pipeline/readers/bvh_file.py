"""Turns the text of a BVH file into its joints and its table of channel values, or says why it is none.

BVH has no standard; this follows what Biovision's files and the programs that read them agree on. A joint's name
may hold spaces, its brace may stand on the same line, keywords may be in any case. Each frame is one line.
"""

from __future__ import annotations

import gzip
import io
import re
import zlib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import numpy as np
from jaxtyping import Float

from pipeline.readers.exceptions import UnreadableMotion

CHANNELS = ("Xposition", "Yposition", "Zposition", "Xrotation", "Yrotation", "Zrotation")
"""What a channel can be called."""

MAX_TEXT_BYTES = 512 * 1024**2
"""Largest text that is read: hours of motion; beyond lie broken files and gzip bombs."""

LARGEST = 1e8
"""Largest number that is believed: a hundred kilometres in millimetres."""

EXPORT_AGAIN = "Export it again as BVH"
"""What helps against a damaged file."""

_MOTION_LINE = re.compile(r"^[ \t]*MOTION[ \t]*\r?$", re.MULTILINE | re.IGNORECASE)
_CANONICAL = {name.lower(): name for name in CHANNELS}


@dataclass(frozen=True, slots=True, kw_only=True)
class BvhJoint:
    """One node of the hierarchy; the leaves called End Site are joints without channels."""

    name: str
    """Its name; ``<parent> End Site`` for a leaf."""
    parent: int
    """Number of the parent, always smaller than its own; -1 for the root."""
    offset: tuple[float, float, float]
    """Where it lies in the parent's frame [unit of the file]."""
    channels: tuple[str, ...]
    """Its channels in the listed order, as in ``CHANNELS``."""
    first_channel: int
    """Column of its first channel."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BvhFile:
    """What a BVH file holds, nothing interpreted."""

    joints: tuple[BvhJoint, ...]
    """Parents before children."""
    frame_time_s: float | None
    """Time from frame to frame [s]; None where the file does not say."""
    values: Float[np.ndarray, "frames channels"]
    """Positions [unit of the file] and angles [deg], as written."""

    def __len__(self) -> int:
        """Return the number of frames."""
        return len(self.values)

    def children(self, joint: int) -> list[int]:
        """Numbers of the joints that hang on this one."""
        return [number for number, other in enumerate(self.joints) if other.parent == joint]


def read_bvh(path: Path) -> BvhFile:
    """Read a ``.bvh`` or ``.bvh.gz`` file.

    Raises:
        UnreadableMotion: It is no BVH file, is cut short, or contradicts itself.
        OSError: It cannot be opened.
    """
    text = _text(path)
    head, *rest = _MOTION_LINE.split(text, maxsplit=1)
    if not head.lstrip("\ufeff \t\r\n").upper().startswith("HIERARCHY"):
        raise UnreadableMotion(path, problem="does not begin with HIERARCHY, so it is no BVH file", remedy=EXPORT_AGAIN)
    if not rest:
        raise UnreadableMotion(path, problem="has no MOTION part: it is cut short", remedy=EXPORT_AGAIN)
    joints = _Hierarchy(path, head.lstrip("\ufeff")).joints()
    n_frames, frame_time_s, table = _motion_head(path, rest[0])
    values = _table(path, table, n_frames, sum(len(joint.channels) for joint in joints))
    return BvhFile(joints=tuple(joints), frame_time_s=frame_time_s, values=values)


def _text(path: Path) -> str:
    """Read the text, unpacked, with an end to how much."""
    with path.open("rb") as stream:
        packed = stream.read(2) == b"\x1f\x8b"
        stream.seek(0)
        try:
            source = gzip.GzipFile(fileobj=stream) if packed else stream
            raw = source.read(MAX_TEXT_BYTES + 1)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise UnreadableMotion(path, problem=f"cannot be unpacked ({error})", remedy="Pack it again") from error
    if len(raw) > MAX_TEXT_BYTES:
        limit = f"{MAX_TEXT_BYTES // 1024**2} MiB"
        raise UnreadableMotion(path, problem=f"is longer than {limit}", remedy="Cut the motion into parts")
    if not raw.strip():
        raise UnreadableMotion(path, problem="is empty", remedy="Copy or export it again")
    return raw.decode("utf-8", errors="replace")


class _Hierarchy:
    """Reads the joints from the words of the HIERARCHY part."""

    def __init__(self, path: Path, text: str) -> None:
        self.path = path
        self.words = text.replace("{", " { ").replace("}", " } ").split()
        self.at = 1  # after HIERARCHY

    def joints(self) -> list[BvhJoint]:
        """Return the joints, parents first.

        Raises:
            UnreadableMotion: The part is not well formed.
        """
        joints: list[BvhJoint] = []
        open_joints: list[int] = []
        n_channels = 0
        while self.at < len(self.words):
            word = self._next()
            if word == "}":
                if not open_joints:
                    self._refuse("closes a brace too many")
                open_joints.pop()
                continue
            parent = open_joints[-1] if open_joints else -1
            name = self._name(word.upper(), joints, parent)
            offset, channels = self._body(name)
            joints.append(
                BvhJoint(name=name, parent=parent, offset=offset, channels=channels, first_channel=n_channels)
            )
            n_channels += len(channels)
            open_joints.append(len(joints) - 1)
        if open_joints:
            self._refuse(f"leaves '{joints[open_joints[-1]].name}' open")
        if n_channels == 0:
            self._refuse("moves nothing: no joint has channels")
        return joints

    def _name(self, keyword: str, joints: list[BvhJoint], parent: int) -> str:
        """Read the name of the joint that begins here, up to its opening brace."""
        if keyword == "ROOT" and joints:
            self._refuse(f"holds a second skeleton below '{joints[0].name}'", "Export one skeleton a file")
        if (keyword == "ROOT") == (parent >= 0) or keyword not in ("ROOT", "JOINT", "END"):
            self._refuse(f"has '{keyword}' where a joint should begin")
        parts = []
        while (word := self._next()) != "{":
            parts.append(word)
        if keyword == "END":
            return f"{joints[parent].name} End Site"
        if not parts:
            self._refuse("has a joint without a name")
        return " ".join(parts)

    def _body(self, name: str) -> tuple[tuple[float, float, float], tuple[str, ...]]:
        """Read offset and channels, which stand before the children."""
        offset: tuple[float, float, float] | None = None
        channels: tuple[str, ...] = ()
        while self.at < len(self.words) and self.words[self.at].upper() in ("OFFSET", "CHANNELS"):
            if self._next().upper() == "OFFSET":
                offset = (self._number(name), self._number(name), self._number(name))
            else:
                channels = self._channels(name)
        if offset is None:
            self._refuse(f"gives joint '{name}' no OFFSET")
        return offset, channels

    def _channels(self, name: str) -> tuple[str, ...]:
        """Read the list of channels."""
        count = self._next()
        if not count.isdigit() or int(count) > len(CHANNELS):
            self._refuse(f"gives joint '{name}' {count} channels, at most {len(CHANNELS)} are possible")
        words = [self._next() for _ in range(int(count))]
        channels = tuple(_CANONICAL.get(word.lower(), "") for word in words)
        if "" in channels:
            self._refuse(f"gives joint '{name}' the channel '{words[channels.index('')]}'")
        if len(set(channels)) < len(channels):
            self._refuse(f"gives joint '{name}' a channel twice")
        return channels

    def _number(self, name: str) -> float:
        """Read one finite number."""
        word = self._next()
        try:
            value = float(word)
        except ValueError:
            self._refuse(f"has '{word}' in the OFFSET of joint '{name}'")
        if not abs(value) <= LARGEST:
            self._refuse(f"has '{word}' in the OFFSET of joint '{name}'")
        return value

    def _next(self) -> str:
        """Return the next word."""
        if self.at >= len(self.words):
            self._refuse("ends in the middle of a joint")
        self.at += 1
        return self.words[self.at - 1]

    def _refuse(self, problem: str, remedy: str = EXPORT_AGAIN) -> NoReturn:
        raise UnreadableMotion(self.path, problem=f"its HIERARCHY {problem}", remedy=remedy)


def _motion_head(path: Path, tail: str) -> tuple[int, float | None, str]:
    """Split the MOTION part into number of frames, frame time and table."""
    n_frames: int | None = None
    frame_time_s: float | None = None
    stream = io.StringIO(tail)
    while True:
        start = stream.tell()
        line = stream.readline()
        key, colon, value = line.partition(":")
        if not colon:
            if line.strip() or not line:
                break
            continue
        number = _positive(path, key.strip(), value.strip())
        if key.strip().lower() == "frames":
            n_frames = int(number)
        elif key.strip().lower() == "frame time":
            frame_time_s = number
    if n_frames is None:
        raise UnreadableMotion(path, problem="its MOTION part lacks the line 'Frames:'", remedy=EXPORT_AGAIN)
    stream.seek(start)
    return n_frames, frame_time_s, stream.read()


def _positive(path: Path, key: str, value: str) -> float:
    """Read the number after a key."""
    try:
        number = float(value)
    except ValueError:
        number = float("nan")
    if not (np.isfinite(number) and number > 0):
        raise UnreadableMotion(path, problem=f"its MOTION part says '{key}: {value}'", remedy=EXPORT_AGAIN)
    return number


def _table(path: Path, text: str, n_frames: int, n_channels: int) -> Float[np.ndarray, "frames channels"]:
    """Read the frames."""
    lines = [line for line in text.splitlines() if line.strip()]
    if not lines:
        raise UnreadableMotion(path, problem="holds no frames", remedy=EXPORT_AGAIN)
    widths = Counter(len(line.split()) for line in (*lines[:2], lines[-1]))
    if set(widths) != {n_channels}:
        problem = f"a frame has {', '.join(map(str, widths))} values, its joints have {n_channels} channels"
        raise UnreadableMotion(path, problem=f"{problem}: cut short or damaged", remedy=EXPORT_AGAIN)
    try:
        values = np.loadtxt(lines, dtype=np.float64, ndmin=2, comments=None)
    except ValueError as error:
        raise UnreadableMotion(path, problem=f"its frames cannot be read ({error})", remedy=EXPORT_AGAIN) from error
    absurd = ~(np.abs(values) <= LARGEST)
    if absurd.any():
        frame, column = (int(n) for n in np.argwhere(absurd)[0])
        problem = f"frame {frame} holds {values[frame, column]:g}"
        raise UnreadableMotion(path, problem=problem, remedy=EXPORT_AGAIN)
    if len(values) != n_frames:
        problem = f"says {n_frames} frames and holds {len(values)}"
        remedy = "Export it again, or correct the line 'Frames:' if all frames are there"
        raise UnreadableMotion(path, problem=problem, remedy=remedy)
    return values
