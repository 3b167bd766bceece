"""A stage whose results change says so by its version: otherwise old results would be taken for new ones.

``data/stage_outputs.json`` holds figures of every stage's result on one small clip, with the stage's version. They are
compared with a tolerance, because processors round differently; words are compared but for the digits in them. After a
change that is meant: raise the stage's version and write the file anew with
``WUSHU_RECORD_STAGE_OUTPUTS=1 python -m pytest tests/pipeline/test_stage_versions.py``.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from matplotlib.image import imread

from pipeline.body import load_body
from pipeline.clip import Clip, Source
from pipeline.export import FORMATS
from pipeline.export.safe_pickle import load_arrays
from pipeline.home import Home
from pipeline.kfbench import PIECES, stage_piece
from pipeline.process_clip import cut_source, fingerprints, process_clip
from pipeline.record_codec import encode
from pipeline.settings import Settings
from pipeline.stage import Stage, WrittenFiles
from pipeline.stages import Stages, build_stages
from pipeline.store import Dataset
from pipeline.video import ClipConfig

RECORDED = Path(__file__).parent / "data" / "stage_outputs.json"
RECORDING = bool(os.environ.get("WUSHU_RECORD_STAGE_OUTPUTS"))

_CLIP_ID = re.compile(r"\b[0-9a-f]{16}\b")

TOLERANCE = 2e-3
"""Of a figure, as a share of the size of what it is taken from."""


@dataclass(frozen=True)
class Built:
    """A clip that went through all its stages."""

    clip: Clip
    stages: tuple[Stage, ...]
    dataset: Dataset

    def figures(self, stage: Stage) -> dict[str, Any]:
        """Return the figures of one stage's result."""
        owner, fingerprint = stage.owner(self.clip), fingerprints(self.clip, self.stages)[stage.name]
        record = self.dataset.load(owner.id, stage.name, fingerprint, stage.result)
        if isinstance(record, WrittenFiles):
            folder = self.dataset.clip_dir(owner.id)
            return {
                path.replace(self.clip.id, "ID"): found
                for path in sorted(record.sha256)
                for found in [figures_of_file(folder / path)]
            }
        document, arrays = encode(record)
        return figures_of_document(document, arrays)


def figures_of_file(path: Path) -> Any:
    if path.suffix in (".png", ".jpg"):
        return figures_of_array(imread(path))
    if path.suffix == ".mp4":
        with av.open(path) as film:
            frames = [frame.to_ndarray(format="gray") for frame in film.decode(video=0)]
        return figures_of_array(np.stack(frames)[:, ::8, ::8].astype(float))
    return figures_of_document(everything_in(path), {})


def everything_in(path: Path) -> Any:
    """Return all that a hand-off file holds, also what no reader of ours needs, as the consumer's names call it."""
    if path.suffix == ".npz":
        with np.load(path, allow_pickle=False) as npz:
            return dict(npz)
    if path.suffix == ".csv":
        return {"rows": np.loadtxt(path, delimiter=",")}
    return load_arrays(path, format_name="pickle")


def figures_of_document(document: Any, arrays: dict[str, np.ndarray]) -> dict[str, Any]:
    """Return one entry for each array, one for all other numbers, and one for all words, in their order."""
    found = {name: array for name, array in arrays.items() if array.dtype.kind in "fiub"}
    numbers: list[float] = []
    words: list[str] = []
    _gather(document, "", found, numbers, words)
    return {
        **{name: figures_of_array(array) for name, array in sorted(found.items())},
        "numbers": figures_of_array(np.array(numbers, dtype=float)),
        "words": [len(words), hashlib.sha256("\n".join(words).encode()).hexdigest()[:16]],
    }


def _gather(node: Any, at: str, arrays: dict[str, np.ndarray], numbers: list[float], words: list[str]) -> None:
    """Walk a document; digits inside words are numbers too, but not ones to a thousandth."""
    if isinstance(node, dict):
        for key in sorted(node):
            words.append(_CLIP_ID.sub("ID", key))
            _gather(node[key], f"{at}/{_CLIP_ID.sub('ID', key)}", arrays, numbers, words)
    elif isinstance(node, list | tuple):
        for item in node:
            _gather(item, at, arrays, numbers, words)
    elif isinstance(node, np.ndarray | np.generic):
        arrays[at] = np.asarray(node)
    elif isinstance(node, bool | int | float):
        numbers.append(float(node))
    else:
        words.append(re.sub(r"[-0-9.e+]+", "", _CLIP_ID.sub("ID", str(node))))


def figures_of_array(array: np.ndarray) -> list[float]:
    """Return size, mean, root mean square, and a projection that tells the order of the elements."""
    flat = np.nan_to_num(np.asarray(array, dtype=float).ravel(), posinf=0.0, neginf=0.0)
    if not flat.size:
        return [0.0, 0.0, 0.0, 0.0]
    projection = float(flat @ np.cos(np.arange(flat.size))) / np.sqrt(flat.size)
    figures = [float(flat.size), float(flat.mean()), float(np.sqrt((flat**2).mean())), projection]
    return [float(f"{value:.9g}") for value in figures]


def same(old: Any, new: Any) -> bool:
    """Tell whether two sets of figures agree; figures of an array are measured by its root mean square."""
    if isinstance(old, dict):
        return isinstance(new, dict) and old.keys() == new.keys() and all(same(old[k], new[k]) for k in old)
    if isinstance(old, list) and len(old) == 4 and not isinstance(old[0], list):
        return old[0] == new[0] and bool(np.allclose(old[1:], new[1:], rtol=0, atol=TOLERANCE * old[2] + 1e-9))
    if isinstance(old, list):
        return len(old) == len(new) and all(same(a, b) for a, b in zip(old, new, strict=True))
    return old == new


def build(source: Source, stages: Stages, folder: Path) -> Built:
    dataset = Dataset.open_or_create(folder)
    (clip,) = cut_source(Clip.of(source), stages, dataset).clips
    row, _ = process_clip(clip, stages.of(clip), dataset)
    assert row.error is None
    return Built(clip, stages.of(clip), dataset)


@pytest.fixture(scope="module")
def motion_file(tmp_path_factory) -> Built:
    """Two seconds of the kung-fu form as a file of motion, through everything but the pictures of bodies."""
    folder = tmp_path_factory.mktemp("stages")
    motion = stage_piece(PIECES["kungfu_form"], load_body(), size=(640, 360)).motion.part(0.0, 2.0)
    np.savez(
        folder / "form.npz",
        trans=motion.transl,
        poses=np.hstack([motion.global_orient, motion.body_pose.reshape(len(motion), -1), np.zeros((len(motion), 6))]),
        betas=motion.betas,
        mocap_framerate=motion.fps,
        gender="neutral",
    )
    stages = build_stages(Settings(formats=tuple(FORMATS)), Home.of_user())
    return build(Source.from_file(folder / "form.npz"), stages, folder / "set")


@pytest.fixture(scope="module")
def video(tmp_path_factory, short_clip, keypoint_models) -> Built:
    """A film of it, as far as the motion."""
    settings = Settings()
    stages = build_stages(settings, Home.of_user())
    first = Stages(video=stages.video[:3], motion_file=(), cutting=ClipConfig(), settings={})
    return build(Source.from_file(short_clip.video), first, tmp_path_factory.mktemp("film") / "set")


def check(kind: str, built: Built) -> None:
    recorded = json.loads(RECORDED.read_text()) if RECORDED.exists() else {}
    found = {stage.name: {"version": stage.version, "figures": built.figures(stage)} for stage in built.stages}
    if RECORDING:
        RECORDED.write_text(json.dumps({**recorded, kind: found}, indent=1, sort_keys=True) + "\n")
        pytest.skip(f"{RECORDED.name} was written anew: look at what changed in it")
    old = recorded[kind]
    changed = [name for name in found if name in old and not same(old[name]["figures"], found[name]["figures"])]
    unraised = [name for name in changed if found[name]["version"] == old[name]["version"]]
    assert not unraised[:1], f"{unraised[0]} gives other results than before and has the same version: raise it"
    stale = [name for name in found if name not in old or found[name]["version"] != old[name]["version"]]
    assert not stale + changed, f"write {RECORDED.name} anew, for {', '.join(stale + changed)}"
    assert old.keys() == found.keys()


@pytest.mark.render
def test_a_motion_files_stages_give_what_their_versions_promise(motion_file):
    """Only the first stage that changed is told: those after it read other inputs."""
    check("motion file", motion_file)


@pytest.mark.render
def test_a_videos_first_stages_give_what_their_versions_promise(video):
    """What comes after the motion is the same code as for a motion file."""
    check("video", video)


def test_a_small_change_of_a_result_is_seen():
    """Half a per cent of one array is enough, and so is another order of its elements; rounding is not."""
    array = np.random.default_rng(0).normal(size=(50, 29))
    old = {"joint_pos": figures_of_array(array)}
    assert same(old, {"joint_pos": figures_of_array(array * (1 + 1e-7))})
    assert not same(old, {"joint_pos": figures_of_array(array * 1.005)})
    assert not same(old, {"joint_pos": figures_of_array(array[:, ::-1])})
    assert not same(old, {"joint_pos": figures_of_array(array[1:])})


def test_another_word_of_the_same_length_is_seen():
    """Numbers inside words may round differently, and a clip's id is its input's."""
    old = figures_of_document({"reason": "the left foot slides 3.2 cm", "clip": "0123456789abcdef"}, {})
    assert same(old, figures_of_document({"reason": "the left foot slides 3.1 cm", "clip": "f" * 16}, {}))
    assert not same(old, figures_of_document({"reason": "the best foot slides 3.2 cm", "clip": "f" * 16}, {}))


@pytest.mark.render
def test_every_array_of_a_hand_off_file_is_compared(motion_file):
    """Trainers take speeds, links and contacts too."""
    (stage,) = (stage for stage in motion_file.stages if stage.name == "handoff")
    files = motion_file.figures(stage)
    held = {name.rpartition("/")[2].partition(".")[2]: set(figures) for name, figures in files.items()}
    assert {"body_ang_vel_w", "joint_vel"} <= {name.strip("/") for name in held["mjlab.npz"]}
    assert {"contact_mask", "pose_aa"} <= {name.rpartition("/")[2] for name in held["pbhc.pkl"]}
