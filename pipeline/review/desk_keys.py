"""What the keys of the desktop's viewer do: the same as those of the review page, as far as MuJoCo's window tells them.

The window tells which key was pressed and not whether Shift was held, so that ten frames have keys of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Protocol

from pipeline.decisions import REASON_CODES
from pipeline.measurement import Span

SPEEDS = (0.1, 0.25, 0.5, 1.0, 2.0, 4.0)

_ESCAPE, _RIGHT, _LEFT, _DOWN, _UP, _PAGE_UP, _PAGE_DOWN = 256, 262, 263, 264, 265, 266, 267  # GLFW's key codes
_SHIFTS = (340, 344)
_DIGITS = "1234567890-="

HELP = (
    ("Space", "play, pause"),
    ("Left Right", "step a frame"),
    ("PgUp PgDn", "step ten frames"),
    (", .", "slower, faster"),
    ("j k, Down Up", "next, previous clip"),
    ("[ ]", "keep from here, to here"),
    ("c", "clear these marks"),
    ("a", "accept, of it what is marked"),
    ("r", "reject: then a digit says why"),
    ("u", "undo your last decision"),
    ("g", "show the human"),
    ("h", "this help"),
    ("Ctrl+Q", "close"),
)


class Desk(Protocol):
    """Where a reviewer's decisions go; each answer is a sentence to be shown."""

    @property
    def n_clips(self) -> int:
        """How many clips there are to go through."""
        ...

    def accept(self, clip: int, frames: Span | None) -> str:
        """Accept a clip, or some frames of it."""
        ...

    def reject(self, clip: int, reason: str) -> str:
        """Reject a clip."""
        ...

    def undo(self, clip: int) -> str:
        """Take one's last ruling on a clip back."""
        ...


@dataclass(slots=True)
class Playhead:
    """Which frame is shown."""

    n_frames: int
    frame: float = 0.0
    paused: bool = False

    def step(self, frames: int) -> None:
        """Move by so many frames, round and round, and stay there."""
        self.paused = True
        self.frame = (int(self.frame) + frames) % self.n_frames

    def advance(self, frames: float) -> int:
        """Move on unless paused, round and round; return the frame to show."""
        if not self.paused:
            self.frame = (self.frame + frames) % self.n_frames
        return int(self.frame)


@dataclass(slots=True)
class Controls:
    """What is shown, and how the keys change it; knows no window."""

    desk: Desk
    playhead: Playhead
    clip: int = 0
    """Which of the desk's clips is shown; whoever shows them gives each its playhead."""
    speed: float = 1.0
    marks: tuple[int | None, int | None] = (None, None)
    """First frame to keep, and the last."""
    ghost: bool = False
    help: bool = False
    asks_why: bool = False
    """The next digit says why the clip is rejected."""
    message: str = ""
    _keys: Mapping[int, Callable[[], None]] = field(init=False)

    def __post_init__(self) -> None:
        """Say which key does what."""
        self._keys = MappingProxyType(
            {
                ord(" "): self._toggle,
                _RIGHT: lambda: self.playhead.step(1),
                _LEFT: lambda: self.playhead.step(-1),
                _PAGE_DOWN: lambda: self.playhead.step(10),
                _PAGE_UP: lambda: self.playhead.step(-10),
                ord(","): lambda: self._faster(-1),
                ord("."): lambda: self._faster(1),
                **dict.fromkeys((ord("J"), _DOWN), lambda: self._go(1)),
                **dict.fromkeys((ord("K"), _UP), lambda: self._go(-1)),
                ord("["): lambda: self._mark(int(self.playhead.frame), self.marks[1]),
                ord("]"): lambda: self._mark(self.marks[0], int(self.playhead.frame)),
                ord("C"): lambda: self._mark(None, None),
                ord("A"): self._accept,
                ord("R"): self._ask_why,
                ord("U"): lambda: self._say(self.desk.undo(self.clip)),
                ord("G"): self._toggle_ghost,
                ord("H"): self._toggle_help,
            }
        )

    @property
    def kept(self) -> Span | None:
        """The frames between the marks, first and one after the last; None if nothing is marked."""
        if self.marks == (None, None):
            return None
        first, last = self.marks
        return first or 0, (self.playhead.n_frames if last is None else last + 1)

    def press(self, key: int) -> None:
        """Do what a key stands for; others do nothing."""
        if key in _SHIFTS:
            return
        if self.asks_why:
            self._answer(key)
        elif key in self._keys:
            self.message = ""
            self._keys[key]()

    def begin(self, n_frames: int) -> None:
        """Begin to show another clip."""
        self.playhead = Playhead(n_frames=n_frames, paused=self.playhead.paused)
        self.marks, self.asks_why, self.message = (None, None), False, ""

    def told(self) -> list[tuple[str, str]]:
        """Return what is shown of all this, besides the clip's own name, two columns."""
        head = self.playhead
        lines = [("frame", f"{int(head.frame)} of {head.n_frames}{', paused' if head.paused else ''}")]
        lines += [("speed", f"{self.speed:g}x")] if self.speed != 1.0 else []
        lines += [("keep frames", f"{self.kept[0]}-{self.kept[1] - 1}")] if self.kept else []
        if self.asks_why:
            lines += [("reject, because", "(Esc: not)"), *((digit, REASON_CODES[code]) for digit, code in reasons())]
        elif self.help:
            lines += HELP
        else:
            lines += [("h", "help")]
        return lines

    def _toggle(self) -> None:
        self.playhead.paused = not self.playhead.paused

    def _toggle_ghost(self) -> None:
        self.ghost = not self.ghost

    def _toggle_help(self) -> None:
        self.help = not self.help

    def _faster(self, by: int) -> None:
        at = next((i for i, speed in enumerate(SPEEDS) if speed >= self.speed - 1e-6), len(SPEEDS) - 1)
        self.speed = SPEEDS[min(max(at + by, 0), len(SPEEDS) - 1)]

    def _go(self, by: int) -> None:
        self.clip = (self.clip + by) % self.desk.n_clips

    def _mark(self, first: int | None, last: int | None) -> None:
        if first is not None and last is not None and first > last:
            self._say("the part to keep would end before it begins: mark its beginning with [ and its end with ]")
            return
        self.marks = (first, last)

    def _accept(self) -> None:
        self._say(self.desk.accept(self.clip, self.kept))

    def _ask_why(self) -> None:
        self.asks_why = True

    def _answer(self, key: int) -> None:
        self.asks_why = False
        code = next((code for digit, code in reasons() if ord(digit) == key), None)
        self._say(self.desk.reject(self.clip, code) if code is not None else "not rejected")

    def _say(self, sentence: str) -> None:
        self.message = sentence


def reasons() -> list[tuple[str, str]]:
    """Return the digits that say why a clip is rejected, and what they say."""
    return list(zip(_DIGITS, (code for code in REASON_CODES if code != "good"), strict=False))
