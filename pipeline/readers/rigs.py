"""Tells by the names of a file's joints which rig it is, and which of its joints is which of SMPL's."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from pipeline.readers.bvh_file import BvhFile
from pipeline.readers.exceptions import UnreadableMotion
from retarget.smpl_skeleton import SMPL_JOINT_NAMES

RIGS_FILE = Path(__file__).parent / "data" / "rigs.toml"
"""The table of rigs."""

_PAIRED = ("hip", "knee", "ankle", "foot", "collar", "shoulder", "elbow", "wrist")
_MIDDLE = ("pelvis", "spine1", "spine2", "spine3", "neck", "head")
_OPTIONAL = ("spine1", "spine2", "spine3", "collar")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rig:
    """A way of naming joints."""

    name: str
    """How the table calls it."""
    tells: str
    """How a user would call it."""
    names: dict[str, tuple[str, ...]]
    """Per SMPL joint the names it may have here, the likeliest first."""
    requires: tuple[str, ...]
    """Joints that must be there besides, which tell this rig from similar ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MappedRig:
    """Where SMPL's joints are in one file."""

    rig: str
    """Name of the rig."""
    joints: dict[str, int]
    """Number of the file's joint per SMPL joint; what the rig lacks is absent."""


@cache
def rigs() -> tuple[Rig, ...]:
    """Return the known rigs, special ones before general ones."""
    table = tomllib.loads(RIGS_FILE.read_text())
    return tuple(_rig(name, entry) for name, entry in table.items())


def find_rig(path: Path, bvh: BvhFile) -> MappedRig:
    """Return the first rig whose joints are all in the file.

    Raises:
        UnreadableMotion: No rig fits; the sentence names what the closest one lacks.
    """
    numbers = _numbers(bvh)
    closest: tuple[int, str] | None = None
    for rig in rigs():
        joints, missing = _match(rig, numbers)
        if not missing:
            return MappedRig(rig=rig.name, joints=joints)
        if closest is None or len(missing) < closest[0]:
            closest = (len(missing), f"the closest known rig ({rig.tells}) would need also {', '.join(missing)}")
    names = ", ".join(joint.name for joint in bvh.joints if joint.channels)
    shown = names if len(names) < 200 else f"{names[:200]}..."
    problem = f"its joints ({shown}) are of no known rig: {closest[1] if closest else ''}"
    raise UnreadableMotion(path, problem=problem, remedy=f"Rename the joints, or add the rig to {RIGS_FILE.name}")


def _rig(name: str, entry: dict) -> Rig:
    """Spell out a row of the table for both sides."""
    names: dict[str, tuple[str, ...]] = {joint: _alternatives(entry[joint]) for joint in _MIDDLE if joint in entry}
    for joint in _PAIRED:
        for side, spelled in entry["sides"].items():
            names[f"{side}_{joint}"] = tuple(word.format(side=spelled) for word in _alternatives(entry[joint]))
    return Rig(name=name, tells=entry["tells"], names=names, requires=tuple(entry.get("requires", ())))


def _alternatives(value: str | list[str]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)


def _match(rig: Rig, numbers: dict[str, int]) -> tuple[dict[str, int], list[str]]:
    """Return the joints found, and the names of those that are missed."""
    joints: dict[str, int] = {}
    missing = [name for name in rig.requires if _plain(name) not in numbers]
    for joint, names in rig.names.items():
        found = next((numbers[_plain(name)] for name in names if _plain(name) in numbers), None)
        if found is not None:
            joints[joint] = found
        elif not joint.endswith(_OPTIONAL):
            missing.append(names[0].replace("/", " End Site"))
    for lower, upper in (("spine1", "spine2"), ("spine1", "spine3"), ("spine2", "spine3")):
        if lower in joints and joints[lower] == joints.get(upper):
            del joints[lower]  # a rig with fewer spine joints: what there is turns the chest
    return {name: joints[name] for name in SMPL_JOINT_NAMES if name in joints}, missing


def _numbers(bvh: BvhFile) -> dict[str, int]:
    """Joint numbers by plain name, with ``name/`` for the End Site below; of equal names the first."""
    numbers: dict[str, int] = {}
    for number, joint in enumerate(bvh.joints):
        if joint.name.endswith(" End Site") and not joint.channels:
            numbers.setdefault(f"{_plain(bvh.joints[joint.parent].name)}/", number)
        else:
            numbers.setdefault(_plain(joint.name), number)
    return numbers


def _plain(name: str) -> str:
    """Name without namespace, case, spaces and underscores."""
    return name.rpartition(":")[2].lower().replace(" ", "").replace("_", "")
