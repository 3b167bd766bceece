"""Measures the human of what a person cut or edited, as he was measured when the clip was judged.

What a person changes is the robot's motion, and the checks judge both. An edit leaves the human as he was; of a cut he
is cut alike.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from pipeline.body import load_body
from pipeline.exceptions import CorruptArtefact
from pipeline.manifest import ManifestRow
from pipeline.measurement import Measurements, Span
from pipeline.plausibility import PlausibilityConfig, measure_human
from pipeline.record_codec import from_plain
from pipeline.store import Dataset
from retarget.smpl_motion import SmplMotion
from robots.exceptions import WushuError

STAGE = "plausibility"
"""Who measures the human, also in the limits."""

Config = TypeVar("Config")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class HumanSide:
    """What was measured of the human, or why nothing could be."""

    measured: Measurements | None = None
    problem: str = ""
    """For the end of a sentence, with its full stop; empty if he was measured."""


def human_side(
    dataset: Dataset, row: ManifestRow, frames: Span, n_frames: int, *, bodies_dir: Path | None = None
) -> HumanSide:
    """Measure the human of some frames of a clip; of all of them, return what was measured.

    Args:
        dataset: Holds the human's motion, and how it was measured.
        row: The clip.
        frames: What is kept.
        n_frames: Of the robot's motion, which goes with the human's frame by frame.
        bodies_dir: Folder of bodies that the user imported; without it, only the open body is known.

    Raises:
        CorruptArtefact: The dataset does not hold it any more, or not as it was.
    """
    if not {"motion", STAGE} <= row.fingerprints.keys():
        return HumanSide(problem="the dataset holds no motion of the human.")
    if frames == (0, n_frames):
        return HumanSide(measured=dataset.load(row.clip.id, STAGE, row.fingerprints[STAGE], Measurements))
    human = dataset.load(row.clip.id, "motion", row.fingerprints["motion"], SmplMotion)
    if len(human) != n_frames:
        return HumanSide(problem=f"the human's motion has {len(human)} frames and the robot's {n_frames}.")
    config = settings_of(dataset, row, STAGE, PlausibilityConfig)
    try:
        body = load_body(human.body, search_dir=bodies_dir)
        return HumanSide(measured=measure_human(human.frames(*frames), body, config))
    except WushuError as error:
        return HumanSide(problem=str(error))


def settings_of(dataset: Dataset, row: ManifestRow, stage: str, cls: type[Config]) -> Config:
    """Read by what settings a stage of a clip measured: the user's may be others by now.

    Raises:
        CorruptArtefact: The dataset does not say.
    """
    folder = dataset.clip_dir(row.clip.id)
    if stage not in row.fingerprints:
        raise CorruptArtefact(folder, problem=f"holds no result of stage '{stage}'")
    origin = dataset.origin(row.clip.id, stage, row.fingerprints[stage])
    if origin is None:
        raise CorruptArtefact(folder, problem=f"does not say how stage '{stage}' was run")
    config = dataset.recipe(origin.recipe).config
    try:
        return from_plain(cls, config[0] if isinstance(config, list) else config)
    except (ValueError, TypeError, KeyError, IndexError, ExceptionGroup, WushuError) as error:
        path = dataset.root / "recipes" / f"{origin.recipe}.json"
        raise CorruptArtefact(path, problem=f"does not hold a {cls.__name__}") from error
