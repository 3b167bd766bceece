"""Turns a staged trial into a video and its truth, once: what lies in the folder already is read."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import closing
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from jaxtyping import UInt8

from benchmarks.trials.cameras import SIZE
from benchmarks.trials.moves import FPS
from benchmarks.trials.staging import Staging, facts_of, truth_of
from benchmarks.trials.stagings import TRIALS
from benchmarks.trials.truth import Trial, load_trial, save_trial, truth_path
from pipeline.camera import CameraPath
from pipeline.record_codec import digest
from pipeline.render import film_people
from pipeline.store import atomic_path
from retarget.progress import Progress, silent

_RENDERING = 1
"""Raised whenever the same staging would be drawn differently, so that videos lying about are made anew."""


def render_trial(name: str, folder: Path, progress: Progress = silent) -> Trial:
    """Film a trial, unless the folder holds it as it would be filmed now.

    Args:
        name: One of ``TRIALS``.
        folder: Where video and truth go; made if missing.
        progress: Told after every frame.

    Raises:
        KeyError: There is no such trial.
        MissingRenderer: No OpenGL on this machine.
        OutputNotWritable: The folder cannot be written.
    """
    staging = TRIALS[name]()
    recipe = _recipe(staging)
    video = folder / f"{name}.mp4"
    if truth_path(folder, name).exists() and video.exists():
        found = load_trial(name, folder)
        if found.recipe == recipe:
            return found
        truth_path(folder, name).unlink()  # a video cut short must not be taken for the old one
    _write_video(video, staging, progress)
    trial = _truth(name, staging, recipe, video)
    save_trial(folder, trial)
    return trial


def _truth(name: str, staging: Staging, recipe: str, video: Path) -> Trial:
    names = list(dict.fromkeys(person for take in staging.takes for person in take.people))
    facts = {person: facts_of(staging, person) for person in names}
    faults = dict(staging.faults)
    for reason in staging.impairs:
        whose = facts.values() if reason == "crossing" else [facts[names[0]]]
        faults[reason] = np.any([of_one.impaired()[reason] for of_one in whose], axis=0)
    faults["cut"] = np.isin(np.arange(len(staging)), staging.cuts)
    cameras = [take.camera for take in staging.takes]
    return Trial(
        name=name,
        recipe=recipe,
        video=video,
        fps=FPS,
        image_size=SIZE,
        cut_times_s=tuple(frame / FPS for frame in staging.cuts),
        people=tuple(truth_of(person, facts[person], staging.impairs) for person in names),
        camera=CameraPath(
            K=cameras[0].K,
            R_w2c=np.concatenate([camera.R_w2c for camera in cameras]),
            pos_w=np.concatenate([camera.pos_w for camera in cameras]),
        ),
        zoom=np.concatenate([take.zooms for take in staging.takes]),
        faults=faults,
    )


def _pictures(staging: Staging) -> Iterator[UInt8[np.ndarray, "height width 3"]]:
    for take in staging.takes:
        # Closed here: a film left to the end of the process outlives the graphics it is drawn with.
        with closing(film_people(list(take.people.values()), take.camera, take.film, zoom=take.zoom)) as film:
            for k, picture in enumerate(film):
                if take.flash is not None and take.flash[k] > 0:
                    picture = (picture + take.flash[k] * (255.0 - picture)).astype(np.uint8)
                yield picture


def _write_video(path: Path, staging: Staging, progress: Progress) -> None:
    with atomic_path(path) as temporary, av.open(str(temporary), "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=Fraction(FPS).limit_denominator(1001))
        stream.width, stream.height = SIZE
        stream.pix_fmt = "yuv420p"
        stream.options = {"crf": "18", "preset": "veryfast"}
        for done, picture in enumerate(_pictures(staging), start=1):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
            progress(done, len(staging))
        container.mux(stream.encode())


def _recipe(staging: Staging) -> str:
    """Digest all that decides the pictures; numbers to a micrometre, which mathematics libraries agree on."""
    content = hashlib.sha256()
    for array in (array for take in staging.takes for array in take.arrays()):
        content.update((np.round(array, 6) + 0.0).tobytes())
    facts = [take.facts() for take in staging.takes]
    faults = {name: np.flatnonzero(frames).tolist() for name, frames in staging.faults.items()}
    return digest([_RENDERING, content.hexdigest(), facts, faults, list(staging.impairs)])
