"""Keeps what really happens in a trial video: cuts, people, camera, and the faults that were planted."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float

from pipeline.camera import CameraPath
from pipeline.record_codec import decode, encode
from pipeline.store import atomic_path
from robots.arrays import checked_array, freeze_fields
from robots.exceptions import InvalidArray

_DOCUMENT = "document"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PersonTruth:
    """One person throughout a trial; NaN and False in frames of shots that this person is not in."""

    name: str
    """Who it is; the same name is the same person, also after a cut."""
    kp2d: Float[np.ndarray, "frames 21 2"]
    """COCO-17, then left heel, left toe, right heel, right toe, also where they are hidden or outside [px]."""
    visible: Bool[np.ndarray, "frames 21"]
    """Inside of the picture and not hidden by a thing or another person; the own body may be in the way."""
    smear_px: Float[np.ndarray, "frames 21"]
    """Length of the path that each keypoint draws in the picture while the shutter is open [px]."""
    height_px: Float[np.ndarray, " frames"]
    """How tall the person would stand upright at the pelvis' distance [px]."""
    planted: Bool[np.ndarray, " frames"]
    """A fault of the trial impairs this person in this frame: blurred, hidden in part, not all inside."""

    def __post_init__(self) -> None:
        """Check shapes."""
        dims: dict[str, int] = {}
        freeze_fields(
            self,
            {
                "kp2d": checked_array("kp2d", self.kp2d, ("frames", 21, 2), dims, finite=False),
                "visible": checked_array("visible", self.visible, ("frames", 21), dims, dtype=np.bool_),
                "smear_px": checked_array("smear_px", self.smear_px, ("frames", 21), dims, finite=False),
                "height_px": checked_array("height_px", self.height_px, ("frames",), dims, finite=False),
                "planted": checked_array("planted", self.planted, ("frames",), dims, dtype=np.bool_),
            },
        )

    @property
    def present(self) -> Bool[np.ndarray, " frames"]:
        """True in the shots that this person is in, seen or not."""
        return np.isfinite(self.height_px)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Trial:
    """A rendered video and what a perfect front end would say of it; frame k is at time k / fps."""

    name: str
    """One of ``TRIALS``."""
    recipe: str
    """Digest of all that decides the pictures."""
    video: Path
    """H.264 in MP4."""
    fps: float
    """Frames per second [1/s]."""
    image_size: tuple[int, int]
    """Width and height [px]."""
    cut_times_s: tuple[float, ...]
    """Time of the first picture of each shot but the first [s]."""
    people: tuple[PersonTruth, ...]
    """Everyone who appears, the main person first."""
    camera: CameraPath | None
    """The camera; its ``K`` holds where ``zoom`` is 1, and its world is another after each cut to another place."""
    zoom: Float[np.ndarray, " frames"]
    """Focal length in units of the camera's ``K``."""
    faults: dict[str, Bool[np.ndarray, " frames"]]
    """Frames of each planted fault, by its name."""

    def __post_init__(self) -> None:
        """Check that everything is equally long."""
        dims: dict[str, int] = {}
        zoom = checked_array("zoom", self.zoom, ("frames",), dims)
        faults = {
            name: checked_array(f"fault {name}", frames, ("frames",), dims, dtype=np.bool_)
            for name, frames in self.faults.items()
        }
        lengths = {len(person.kp2d) for person in self.people} | {len(zoom)}
        lengths |= set() if self.camera is None else {len(self.camera.pos_w)}
        if len(lengths) != 1:
            raise InvalidArray("people", problem=f"zoom and camera differ in length: {sorted(lengths)} frames")
        freeze_fields(self, {"zoom": zoom, "faults": faults})


def truth_path(folder: Path, name: str) -> Path:
    """Where the truth of a trial lies."""
    return folder / f"{name}.truth.npz"


def save_trial(folder: Path, trial: Trial) -> None:
    """Write the truth beside the video, as an npz without pickle.

    Raises:
        OutputNotWritable: The folder cannot be written.
    """
    document, arrays = encode(replace(trial, video=Path(trial.video.name)))
    with atomic_path(truth_path(folder, trial.name)) as temporary, temporary.open("wb") as stream:
        np.savez_compressed(stream, allow_pickle=False, **{_DOCUMENT: np.array(json.dumps(document))}, **arrays)


def load_trial(name: str, folder: Path) -> Trial:
    """Read a trial that was rendered before.

    Raises:
        OSError: It was not.
    """
    with np.load(io.BytesIO(truth_path(folder, name).read_bytes()), allow_pickle=False) as npz:
        arrays = dict(npz)
    trial = decode(Trial, json.loads(str(arrays.pop(_DOCUMENT))), arrays)
    return replace(trial, video=folder / trial.video)
