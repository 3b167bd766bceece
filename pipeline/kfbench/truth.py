"""Keeps what really happened in a demo video beside it: the person's motion and the camera's path."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline.camera import CameraPath
from pipeline.exceptions import PipelineError
from pipeline.record_codec import decode, encode
from pipeline.store import atomic_path
from retarget.smpl_motion import SmplMotion
from robots.exceptions import InvalidArray

_DOCUMENT = "document"


class InvalidTruth(PipelineError):
    """A file that should hold the truth of a demo video does not."""

    def __init__(self, path: Path, *, problem: str) -> None:
        self.path = path
        self.problem = problem
        super().__init__(f"{path}: holds no truth of a demo video ({problem}). Run `wushu demo` to render it anew.")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Truth:
    """What a perfect estimate of a demo video would be."""

    motion: SmplMotion
    """The person; frame k is frame k of the video, at time k / fps."""
    camera: CameraPath
    """The camera that filmed it, in the same world."""
    image_size: tuple[int, int]
    """Width and height of the video [px]."""

    def __post_init__(self) -> None:
        """Check that person and camera go together."""
        if len(self.camera.pos_w) != len(self.motion):
            raise InvalidArray("camera", problem=f"has {len(self.camera.pos_w)} frames, the motion {len(self.motion)}")


def save_truth(path: Path, truth: Truth) -> None:
    """Write the truth as an npz without pickle.

    Raises:
        OutputNotWritable: The folder cannot be written.
    """
    document, arrays = encode(truth)
    with atomic_path(path) as temporary:
        np.savez_compressed(temporary, allow_pickle=False, **{_DOCUMENT: np.array(json.dumps(document))}, **arrays)


def load_truth(path: Path) -> Truth:
    """Read the truth of a demo video; nothing in the file is executed.

    Raises:
        InvalidTruth: The file is missing, damaged or of another kind.
    """
    try:
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as npz:
            arrays = dict(npz)
        return decode(Truth, json.loads(str(arrays.pop(_DOCUMENT))), arrays)
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile, ExceptionGroup) as error:
        raise InvalidTruth(path, problem=f"{type(error).__name__}: {error}".splitlines()[0]) from error
