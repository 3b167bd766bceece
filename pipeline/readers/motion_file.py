"""What a reader hands over: a motion of a body, and what is known of where it came from."""

from __future__ import annotations

from dataclasses import dataclass

from retarget.smpl_motion import SmplMotion

UNKNOWN_LICENCE = "unknown"
"""What ``MotionFile.licence`` says of a format that binds nobody by itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MotionFile:
    """A motion that existed before, read from its file."""

    motion: SmplMotion
    """The motion, z up, on the floor z = 0, at the rate that was asked for."""
    native_fps: float
    """Rate of the file [1/s]."""
    source_format: str
    """Which format it was: ``amass``, ``smpl_npz``, ``gvhmr`` or ``bvh``."""
    licence: str
    """What the format is known to require of users; ``unknown`` otherwise."""
    remarks: tuple[str, ...]
    """What was inferred, left out or looked odd, a sentence each."""
