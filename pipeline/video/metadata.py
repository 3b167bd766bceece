"""Reads from a video's own notes at what rate and through what lens it was recorded.

FFmpeg hands over the notes of the whole file. Two kinds lie deeper in an MP4 or QuickTime file, and are read here box
by box (ISO/IEC 14496-12, Apple's QuickTime File Format): the notes of the picture track, where phones put the lens,
and the XML in which Sony's cameras put the rate.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

CAPTURE_FPS_TAGS = ("com.android.capture.fps", "captureFps")
"""Notes with the rate of the recording [1/s]: Android's cameras; Sony's XML."""
FOCAL_35MM_TAG = "com.apple.quicktime.camera.focal_length.35mm_equivalent"
"""Note with the lens as that of a 35 mm camera [mm], on the file or its picture track: Apple's phones."""

_FULL_FRAME_WIDTH_MM = 36.0
_FIRST_BOXES = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot")
_LARGEST_BOX = 64 << 20  # an index or a note larger than this is not read [bytes]
_SONY_RATE = re.compile(rb'captureFps="([0-9.]+)[pi]"')
_NUMBER = re.compile(r"[0-9]+(\.[0-9]*)?")
_BINARY = {21: ">i", 22: ">I", 23: ">f", 24: ">d", 65: ">b", 66: ">h", 67: ">i", 75: ">B", 76: ">H", 77: ">I"}
_TEXT = 1


def recorded_fps(tags: Mapping[str, str]) -> float:
    """Return how many pictures a second the camera took, by its own note; 0 if there is none [1/s]."""
    rates = (_number(tags.get(name, "")) for name in CAPTURE_FPS_TAGS)
    return next((rate for rate in rates if 0.01 < rate < 1e5), 0.0)


def focal_px(tags: Mapping[str, str], width: int, height: int) -> float:
    """Return the focal length in pixels, by the camera's own note; 0 if there is none.

    The note is taken against 36 mm along the picture's longer side. By the book (CIPA DCG-001) it compares diagonals,
    but phones note the lens as it serves their 4:3 photographs, and film on the full width of the same sensor: against
    the diagonal of a 16:9 picture the focal length would come out 8 % too short. If a camera does note it for the
    16:9 picture's diagonal, it comes out 5 % too long here.

    Args:
        tags: Notes of the file and its picture track.
        width: Width of the picture [px].
        height: Height of the picture [px].
    """
    millimetres = _number(tags.get(FOCAL_35MM_TAG, ""))
    return millimetres / _FULL_FRAME_WIDTH_MM * max(width, height) if 4.0 < millimetres < 2000.0 else 0.0


def deep_tags(path: Path) -> dict[str, str]:
    """Return the notes that FFmpeg does not hand over; none for a file that is no MP4, or a damaged one."""
    try:
        with path.open("rb") as file:
            return _read_file(file, path.stat().st_size)
    except (OSError, struct.error, ValueError):
        return {}


def _number(text: str) -> float:
    """Read the number that a note begins with: 27, 50.00mm, 119.88p; 0 where it begins with none."""
    match = _NUMBER.match(text.strip())
    return float(match.group()) if match else 0.0


def _read_file(file: BinaryIO, size: int) -> dict[str, str]:
    tags: dict[str, str] = {}
    at = 0
    while at + 8 <= size:
        file.seek(at)
        head = file.read(16)
        length, kind = struct.unpack(">I4s", head[:8])
        skip = 8
        if length == 1:
            length, skip = struct.unpack(">Q", head[8:16])[0], 16
        length = length or size - at
        if length < skip or (at == 0 and kind not in _FIRST_BOXES):
            return tags
        if kind in (b"moov", b"meta") and length <= _LARGEST_BOX:
            file.seek(at + skip)
            content = file.read(length - skip)
            tags |= _track_tags(content) if kind == b"moov" else {}
            tags |= _sony_tags(content)
        at += length
    return tags


def _sony_tags(content: bytes) -> dict[str, str]:
    match = _SONY_RATE.search(content) if b"NonRealTimeMeta" in content else None
    return {"captureFps": match.group(1).decode()} if match else {}


def _track_tags(movie: bytes) -> dict[str, str]:
    """Return the notes of the first picture track."""
    for kind, track in _boxes(movie):
        if kind != b"trak":
            continue
        parts = dict(_boxes(track))
        handler = dict(_boxes(parts.get(b"mdia", b""))).get(b"hdlr", b"")
        if handler[8:12] == b"vide":
            return _notes(parts.get(b"meta", b""))
    return {}


def _notes(meta: bytes) -> dict[str, str]:
    """Read a box of keys and values; QuickTime begins it with its first child, MP4 with a version."""
    parts = dict(_boxes(meta if meta[4:8] == b"hdlr" else meta[4:]))
    keys, values = parts.get(b"keys", b""), parts.get(b"ilst", b"")
    names = [name for _, name in _boxes(keys[8:])]
    notes = {}
    for kind, value in _boxes(values):
        number = int.from_bytes(kind, "big")
        data = dict(_boxes(value)).get(b"data", b"")
        if 1 <= number <= len(names) and len(data) >= 8:
            notes[names[number - 1].decode("utf-8", "replace")] = _value(data)
    return notes


def _value(data: bytes) -> str:
    kind, content = struct.unpack(">I", data[:4])[0], data[8:]
    if kind == _TEXT:
        return content.decode("utf-8", "replace")
    form = _BINARY.get(kind)
    return str(struct.unpack(form, content)[0]) if form and struct.calcsize(form) == len(content) else ""


def _boxes(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield kind and content of each box in a row, up to the first that is damaged."""
    at = 0
    while at + 8 <= len(content):
        length, kind = struct.unpack_from(">I4s", content, at)
        if length < 8 or at + length > len(content):
            return
        yield kind, content[at + 8 : at + length]
        at += length
