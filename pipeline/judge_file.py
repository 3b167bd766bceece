"""Turns one file with motion, of a human or of the robot, into a diagnosis and the mender that may save it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pipeline.body import load_body
from pipeline.exceptions import UnknownMotionFile
from pipeline.export import FORMATS, format_of_file, read_handoff
from pipeline.export.handoff import UNKNOWN_CONTACT
from pipeline.home import Home
from pipeline.limits import find_limits
from pipeline.readers import read_motion
from pipeline.readers.recognise import holds_motion
from pipeline.repair import Diagnosis, HumanMender, Mender, RobotMender
from pipeline.settings import Settings
from retarget.retargeter import Retargeter
from robots.g1 import Variant, load_g1
from robots.motion import RobotMotion
from robots.soles import Soles


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class JudgedFile:
    """A file's motion, judged, and whoever can mend it."""

    diagnosis: Diagnosis[Any]
    mender: Mender[Any]
    variant: Variant
    """The G1 that it was judged on."""
    notes: tuple[str, ...]
    """What the reader of the verdict should know, in sentences."""


def judge_file(path: Path, settings: Settings, home: Home) -> JudgedFile:
    """Read a hand-off file (PBHC, GMR, mjlab, CSV) or a human motion (BVH, SMPL), measure it and judge it.

    A human motion is put on the robot first, as in a run.

    Raises:
        UnknownMotionFile: The file is of no kind that is known.
        WushuError: It cannot be read, or the robot cannot follow it.
    """
    if holds_motion(path):
        return _judge_human(path, settings, home)
    name = format_of_file(path)
    if name is None:
        raise UnknownMotionFile(path, suffixes=list(dict.fromkeys(form.suffix for form in FORMATS.values())))
    motion, notes = with_contacts(read_handoff(path, name), FORMATS[name].variant)
    variant: Variant = FORMATS[name].variant
    mender = RobotMender(robot=load_g1(variant), validation=settings.validation, limits=find_limits(settings.limits))
    return JudgedFile(diagnosis=mender.diagnose(motion), mender=mender, variant=variant, notes=notes)


def _judge_human(path: Path, settings: Settings, home: Home) -> JudgedFile:
    body = load_body(settings.body, search_dir=home.bodies_dir)
    file = read_motion(path, body, fps=settings.clips.fps)
    variant: Variant = settings.robot or "29dof"
    mender = HumanMender(
        body=body,
        plausibility=settings.plausibility,
        retargeter=Retargeter(load_g1(variant), settings.retarget),
        robot=load_g1(variant),
        validation=settings.validation,
        limits=find_limits(settings.limits),
        regrounding=settings.repair.regrounding,
    )
    return JudgedFile(diagnosis=mender.diagnose(file.motion), mender=mender, variant=variant, notes=tuple(file.remarks))


def with_contacts(motion: RobotMotion, variant: Variant) -> tuple[RobotMotion, tuple[str, ...]]:
    """Find out who stands where a file does not say; a judge without contacts could refuse only that.

    Also returns what a person should know of it, in sentences.
    """
    if (motion.foot_contact != UNKNOWN_CONTACT).any():
        return motion, ()
    standing = Soles.of(motion, load_g1(variant)).standing()
    note = "the file has no contact labels; they were taken from where the robot's soles are low and slow"
    return replace(motion, foot_contact=standing.astype(float)), (note,)
