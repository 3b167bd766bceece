"""Throws what users throw at ``wushu run`` and looks at what comes back.

    python -m benchmarks.bad_inputs [--json FILE]

Each case runs the command in a process of its own, together with a good motion file. It is clear if the exit code is
right, one sentence names the file, the cause and the remedy, there is no traceback, the good file was finished, and
nothing half-written is left.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import wave
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from benchmarks.report import Figure, parser, report
from pipeline.exceptions import PipelineError
from pipeline.manifest import Outcome, read_rows
from pipeline.store import Dataset

_FILE_LIMIT_BYTES = 60_000
"""Largest file a process with a "full disk" may write: enough for the small results, too little for a motion's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BadInput:
    """One thing that goes wrong."""

    name: str
    make: Callable[[Path], list[str]]
    """Puts the input into an empty folder and returns the arguments of ``wushu run`` that name it."""
    says: tuple[str, ...]
    """Parts of the one sentence: file, cause, remedy."""
    good_finishes: bool = True
    """Whether the good file beside it can be finished."""
    environment: Mapping[str, str] = field(default_factory=dict)
    full_disk: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Reaction:
    """What the command did."""

    code: int
    text: str
    """Everything printed, in one line."""
    problems: tuple[str, ...]
    """What was not as it should be; empty = clear."""


def write_video(path: Path, pictures: list[np.ndarray]) -> None:
    """Encode pictures at 25 per second."""
    with av.open(str(path), "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=Fraction(25))
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        for picture in pictures:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())


def noise_pictures(n: int, *, seed: int = 0) -> list[np.ndarray]:
    """Pictures of nothing."""
    rng = np.random.default_rng(seed)
    ground = np.repeat(np.repeat(rng.integers(60, 200, (12, 20, 3), dtype=np.uint8), 20, axis=0), 20, axis=1)
    return [np.clip(ground + rng.integers(0, 8, ground.shape), 0, 255).astype(np.uint8) for _ in range(n)]


def write_good_motion(path: Path, n_frames: int = 45) -> None:
    """Write somebody who stands in a T-pose and nods, as BVH."""
    joint = "CHANNELS 3 Zrotation Xrotation Yrotation"
    tree = (
        ("Hips", 0, "0 0 0"), ("Spine", 1, "0 10 0"), ("Spine1", 2, "0 20 0"), ("Neck", 3, "0 22 0"),
        ("Head", 4, "0 9 0"), ("LeftShoulder", 3, "3 18 0"), ("LeftArm", 4, "14 0 0"), ("LeftForeArm", 5, "27 0 0"),
        ("LeftHand", 6, "25 0 0"), ("RightShoulder", 3, "-3 18 0"), ("RightArm", 4, "-14 0 0"),
        ("RightForeArm", 5, "-27 0 0"), ("RightHand", 6, "-25 0 0"), ("LeftUpLeg", 1, "9 -4 0"),
        ("LeftLeg", 2, "0 -41 0"), ("LeftFoot", 3, "0 -42 0"), ("LeftToeBase", 4, "0 -6 14"),
        ("RightUpLeg", 1, "-9 -4 0"), ("RightLeg", 2, "0 -41 0"), ("RightFoot", 3, "0 -42 0"),
        ("RightToeBase", 4, "0 -6 14"),
    )  # fmt: skip
    lines, depth = ["HIERARCHY"], -1
    for index, (name, level, offset) in enumerate(tree):
        while depth >= level:
            lines.append("}")
            depth -= 1
        lines += [f"{'JOINT' if index else 'ROOT'} {name}", "{", f"OFFSET {offset}"]
        lines.append(joint if index else "CHANNELS 6 Xposition Yposition Zposition Zrotation Xrotation Yrotation")
        if index + 1 == len(tree) or tree[index + 1][1] <= level:
            lines += ["End Site", "{", "OFFSET 0 0 5", "}"]
        depth = level
    lines += ["}"] * (depth + 1) + ["MOTION", f"Frames: {n_frames}", "Frame Time: 0.0333333"]
    for frame in range(n_frames):
        row = np.zeros(3 + 3 * len(tree))
        row[1] = 93.0
        row[3 + 3 * 4 + 1] = 10.0 * np.sin(0.2 * frame)
        lines.append(" ".join(f"{value:.5f}" for value in row))
    path.write_text("\n".join(lines) + "\n")


def _file(name: str, content: bytes) -> Callable[[Path], list[str]]:
    def make(folder: Path) -> list[str]:
        (folder / name).write_bytes(content)
        return [str(folder / name)]

    return make


def _video(name: str, n_pictures: int, keep: float = 1.0) -> Callable[[Path], list[str]]:
    def make(folder: Path) -> list[str]:
        write_video(folder / name, noise_pictures(n_pictures))
        content = (folder / name).read_bytes()
        (folder / name).write_bytes(content[: int(keep * len(content))])
        return [str(folder / name)]

    return make


def _sound(folder: Path) -> list[str]:
    with wave.open(str(folder / "song.mp4"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(b"\0\0" * 800)
    return [str(folder / "song.mp4")]


def _motion(name: str, change: Callable[[str], str]) -> Callable[[Path], list[str]]:
    def make(folder: Path) -> list[str]:
        write_good_motion(folder / name)
        (folder / name).write_text(change((folder / name).read_text()))
        return [str(folder / name)]

    return make


def _pickled_arrays(folder: Path) -> list[str]:
    arrays = {"poses": np.array([{"run": "me"}], dtype=object), "trans": np.zeros((9, 3)), "mocap_framerate": 30.0}
    np.savez(folder / "amass.npz", allow_pickle=True, **arrays)  # what an attacker would make
    return [str(folder / "amass.npz")]


def _empty_folder(folder: Path) -> list[str]:
    (folder / "inbox").mkdir()
    return [str(folder / "inbox")]


def _sources(text: str) -> Callable[[Path], list[str]]:
    def make(folder: Path) -> list[str]:
        (folder / "sources.toml").write_text(text)
        return [str(folder)]

    return make


def _in_the_way(folder: Path) -> list[str]:
    (folder / "file").write_text("")
    return ["--dataset", str(folder / "file" / "set")]


def _no_dataset(folder: Path) -> list[str]:
    (folder / "thesis").mkdir()
    (folder / "thesis" / "chapter1.tex").write_text("")
    return ["--dataset", str(folder / "thesis")]


def _preset(folder: Path) -> list[str]:
    (folder / "my.toml").write_text("limts = 'clean'\n")
    return ["--preset", str(folder / "my.toml")]


CASES = (
    BadInput(
        name="not a video",
        make=_file("letter.mp4", b"Dear Sir, " * 99),
        says=("letter.mp4: is not a video", "convert it"),
    ),
    BadInput(name="zero bytes", make=_file("empty.mp4", b""), says=("empty.mp4: is empty", "download it again")),
    BadInput(name="cut off", make=_video("cut.mp4", 50, 0.6), says=("cut.mp4: ", "cut off", "download it again")),
    BadInput(name="sound only", make=_sound, says=("song.mp4: holds no video stream", "has pictures")),
    BadInput(
        name="one picture", make=_video("one.mp4", 1), says=("one.mp4: a person was seen for only 0.0 s", "Film one")
    ),
    BadInput(
        name="no person", make=_video("wall.mp4", 40), says=("wall.mp4: a person was seen for only 0.0 s", "Film one")
    ),
    BadInput(
        name="no such file",
        make=lambda folder: [str(folder / "gone.mp4")],
        says=("gone.mp4: there is no such file", "Check"),
    ),
    BadInput(
        name="odd name",
        make=_file("kata [bold] ü $(x);\n.mp4", b"x" * 99),
        says=("kata [bold] ü $(x); .mp4: is not a video",),
    ),
    BadInput(
        name="a folder without videos",
        make=_empty_folder,
        says=("inbox: is a folder that holds no video", "Name another"),
    ),
    BadInput(
        name="sources.toml misspelt",
        make=_sources("[defaults]\nhight_m = 1.7\n"),
        says=("sources.toml: ", "hight_m", "docs/sources.md"),
        good_finishes=False,
    ),
    BadInput(
        name="sources.toml leads out",
        make=_sources('[files."../x.mp4"]\n'),
        says=("sources.toml: ", "leads out of the folder"),
        good_finishes=False,
    ),
    BadInput(name="arrays that are pickles", make=_pickled_arrays, says=("amass.npz: ", "pickle")),
    BadInput(
        name="a pickle as .pt",
        make=_file("hmr4d_results.pt", b"\x80\x04cos\nsystem\n(S'echo'\ntR."),
        says=("hmr4d_results.pt: ",),
    ),
    BadInput(name="BVH cut off", make=_motion("cut.bvh", lambda text: text[: len(text) * 2 // 3]), says=("cut.bvh: ",)),
    BadInput(
        name="BVH with NaN", make=_motion("nan.bvh", lambda text: text.replace("93.00000", "nan")), says=("nan.bvh: ",)
    ),
    BadInput(
        name="BVH of a dog",
        make=_motion("dog.bvh", lambda text: text.replace("Leg", "Paw").replace("Hips", "Tail")),
        says=("dog.bvh: ",),
    ),
    BadInput(
        name="output in the way",
        make=_in_the_way,
        says=("set", "cannot be written", "name another folder"),
        good_finishes=False,
    ),
    BadInput(name="output is no dataset", make=_no_dataset, says=("thesis: ", "Name a dataset"), good_finishes=False),
    BadInput(
        name="disk full",
        make=lambda folder: [],
        says=("cannot be written", "Free space"),
        good_finishes=False,
        full_disk=True,
    ),
    BadInput(
        name="no keypoint networks",
        make=_video("kata.mp4", 40),
        says=("not on this machine", "wushu models fetch"),
        good_finishes=False,  # what stops every video is said before anything runs
        environment={"XDG_CACHE_HOME": "/nonexistent"},
    ),
    BadInput(name="no such body", make=lambda folder: ["--body", "smpl"], says=("smpl", "open"), good_finishes=False),
    BadInput(name="preset misspelt", make=_preset, says=("my.toml", "limts"), good_finishes=False),
)


def react(case: BadInput, folder: Path) -> Reaction:
    """Run a case in an empty folder and look at everything it left."""
    inputs = folder / "in"
    inputs.mkdir()
    arguments = case.make(inputs)
    good = folder / "good.bvh"
    write_good_motion(good)
    dataset = folder / "set"
    if "--dataset" not in arguments:
        arguments += ["--dataset", str(dataset)]
    done = subprocess.run(
        [sys.executable, "-m", "flows.cli", "run", str(good), *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
        env={**os.environ, "MUJOCO_GL": "disable", "COLUMNS": "400", **case.environment},
        preexec_fn=_limit_files if case.full_disk else None,
    )
    text = " ".join((done.stdout + done.stderr).split())
    return Reaction(code=done.returncode, text=text, problems=tuple(_problems(case, done.returncode, text, dataset)))


def _limit_files() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (_FILE_LIMIT_BYTES, _FILE_LIMIT_BYTES))


def _problems(case: BadInput, code: int, text: str, dataset: Path) -> list[str]:
    problems = []
    if code != 1:
        problems.append(f"exit code {code}")
    if "Traceback" in text:
        problems.append("a traceback")
    problems += [f"'{part}' is not said" for part in case.says if part not in text]
    if list(dataset.rglob(".part-*")):
        problems.append("half-written files are left")
    try:
        rows = {row.clip.source.name: row for row in read_rows(Dataset.open(dataset))} if dataset.exists() else {}
    except PipelineError as error:
        return [*problems, f"the dataset is harmed: {error}"]
    if case.good_finishes and ("good" not in rows or rows["good"].outcome is Outcome.BROKEN):
        problems.append("the good file was not finished")
    return problems


def figures() -> list[Figure]:
    """Run all cases, say what was wrong with each, and count."""
    clear = 0
    for case in CASES:
        with tempfile.TemporaryDirectory() as folder:
            reaction = react(case, Path(folder))
        clear += not reaction.problems
        print(f"{'; '.join(reaction.problems) or 'clear':<20}  {case.name}")
    return [
        Figure(key="bad_inputs", value=len(CASES), unit="cases", meaning="thrown at wushu run"),
        Figure(key="bad_inputs_clear", value=clear, unit="cases", meaning="answered as they should", bar="all"),
    ]


def main() -> None:
    """Run all cases and report."""
    options = parser(__doc__).parse_args()
    report(figures(), options.json)


if __name__ == "__main__":
    main()
