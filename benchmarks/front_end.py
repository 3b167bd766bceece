"""The front end, measured on rendered videos whose cuts, people, camera and faults are known.

    python -m benchmarks.front_end [--json FILE] [--trials DIR] [--skip-long] [--skip-bad-inputs]

Rendering the trials takes some minutes the first time; ``--trials`` keeps them. A person is found in a picture when
the median error of their visible keypoints is below a tenth of their height. The ten minutes of 1080p are a demo clip
played forwards and backwards over and over; the peak is that of a process that watches it and nothing else.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from fractions import Fraction
from itertools import islice
from pathlib import Path

import av
import numpy as np

from benchmarks import bad_inputs, people, pictures, quality
from benchmarks.camera import camera_max_deg, true_boxes, true_camera
from benchmarks.report import Figure, parser, report
from benchmarks.trials import render_trial
from pipeline.body import load_body
from pipeline.home import Home
from pipeline.kfbench import PIECES, render_clip, stage_piece
from pipeline.video import BlazePoseModels, VideoConfig, find_models, watch_video
from pipeline.video.blazepose import BlazePose
from pipeline.video.decode import decode_frames
from pipeline.video.people import ShotPeople

_WARM_UP_FRAMES = 5
_LONG_S = 600.0


def main() -> None:
    """Measure and report."""
    options = parser(__doc__)
    options.add_argument("--trials", type=Path, metavar="DIR", help="where the rendered trials lie or go")
    options.add_argument("--skip-long", action="store_true", help="leave out the ten minutes of 1080p")
    options.add_argument("--skip-bad-inputs", action="store_true", help="leave out the bad inputs")
    chosen = options.parse_args()
    models = find_models(Home.of_user().models_dir)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        trials = chosen.trials or folder
        figures = [] if chosen.skip_long else long_figures(folder)
        figures += [*speed_figures(folder, models), *people_figures(trials, models), *cut_figures(trials)]
        figures += [*camera_figures(trials), *quality.figures(quality.measure(trials, models))]
        if not chosen.skip_bad_inputs:
            figures += bad_inputs.figures()
    report(figures, chosen.json)


def keypoints_fps(video: Path, models: BlazePoseModels, *, n_frames: int = 150, threads: int = 2) -> float:
    """Return frames/s of search, landmark network and following on pictures that are already decoded."""
    people_of_shot = ShotPeople(BlazePose(models, threads=threads), VideoConfig())
    frames = list(islice(decode_frames(video), n_frames + _WARM_UP_FRAMES))
    for frame in frames[:_WARM_UP_FRAMES]:
        people_of_shot.update(frame.time_s, frame.rgb)
    start = time.perf_counter()
    for frame in frames[_WARM_UP_FRAMES:]:
        people_of_shot.update(frame.time_s, frame.rgb)
    return (len(frames) - _WARM_UP_FRAMES) / (time.perf_counter() - start)


def front_end_fps(video: Path, models: BlazePoseModels) -> float:
    """Return pictures/s from the file to the finished recording, loading the networks included."""
    start = time.perf_counter()
    recording = watch_video(video, VideoConfig(), models)
    return (len(recording.times) + len(recording.repeated_times)) / (time.perf_counter() - start)


def speed_figures(folder: Path, models: BlazePoseModels) -> list[Figure]:
    """Speed on both demo clips at 720p: a still camera and a moving one; the slower counts."""
    body = load_body()
    speeds = []
    for name, piece in PIECES.items():
        render_clip(folder / f"{name}.mp4", stage_piece(piece, body), body)
        speeds.append(front_end_fps(folder / f"{name}.mp4", models))
    meaning = "decoding, people and camera; slower demo clip"
    return [Figure(key="front_end_fps_720p", value=min(speeds), unit="frames/s", meaning=meaning, bar=">= 45")]


def long_figures(folder: Path) -> list[Figure]:
    """Peak memory and speed of a process that watches ten minutes of 1080p."""
    video = folder / "long.mp4"
    body = load_body()
    render_clip(folder / "lap.mp4", stage_piece(PIECES["kungfu_form"], body), body)
    write_long(folder / "lap.mp4", video)
    done = subprocess.run(
        [sys.executable, "-c", "import sys; from benchmarks.front_end import peak; peak(sys.argv[1])", str(video)],
        capture_output=True,
        text=True,
        check=True,
    )
    peak_mb, fps, shots = map(float, done.stdout.split())
    meaning = f"watching 10 min of 1080p ({shots:.0f} shot)"
    return [
        Figure(key="peak_rss_mb_10min_1080p", value=peak_mb, unit="MB", meaning=meaning, bar="<= 2500"),
        Figure(key="front_end_fps_1080p", value=fps, unit="frames/s", meaning="the same run"),
    ]


def peak(video: str) -> None:
    """Watch a video; print the peak of this process's memory [MB], the speed [1/s] and the number of shots."""
    start = time.perf_counter()
    recording = watch_video(Path(video), VideoConfig(), find_models(Home.of_user().models_dir))
    fps = len(recording.times) / (time.perf_counter() - start)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, fps, len(recording.shots))


def write_long(lap: Path, out: Path) -> None:
    """Play a clip forwards and backwards at 1080p for ten minutes."""
    pictures = [frame.rgb for frame in decode_frames(lap)]
    with av.open(str(out), "w") as container:
        stream = container.add_stream("libx264", rate=Fraction(30))
        stream.width, stream.height, stream.pix_fmt = 1920, 1080, "yuv420p"
        stream.options = {"crf": "23", "preset": "veryfast", "bf": "0"}
        one_round = [*pictures, *pictures[-2:0:-1]]
        n_rounds = int(np.ceil(_LONG_S * 30 / len(one_round)))
        for number, picture in enumerate(_repeated(one_round, n_rounds)):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(1920, 1080, "yuv420p")
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def _repeated(pictures: list[np.ndarray], times: int) -> Iterator[np.ndarray]:
    for _ in range(times):
        yield from pictures


def people_figures(trials: Path, models: BlazePoseModels) -> list[Figure]:
    """How surely a small person is found, and whether two who cross keep their identity."""
    small = render_trial("small_180", trials)
    rate = people.detection_rate(small, people.watch_people(small.video, models))
    figures = [Figure(key="detect_rate_person_180px", value=rate, unit="1", meaning="of pictures", bar=">= 0.9")]
    for name, bar in (("crossing", "0"), ("crossing_alike", "")):
        trial = render_trial(name, trials)
        switches = people.id_switches(trial, people.watch_people(trial.video, models))
        meaning = "two people meet twice" + (", in equal clothes" if name.endswith("alike") else "")
        figures.append(Figure(key=f"id_switches_{name}", value=switches, unit="switches", meaning=meaning, bar=bar))
    return figures


def cut_figures(trials: Path) -> list[Figure]:
    """Recall and precision of cuts, over all trials that have some and those with pans, a zoom and jolts."""
    staged = [render_trial(name, trials) for name in ("montage", "faults", "pan", "pan_move", "zoom", "shake")]
    found = [pictures.cut_figures(trial) for trial in staged]
    n_true = sum(len(trial.cut_times_s) for trial in staged)
    n_hit = n_true - sum(len(figures.missed_s) for figures in found)
    n_found = n_hit + sum(len(figures.invented_s) for figures in found)
    counts = f"{n_true} cuts, {n_found} found"
    return [
        Figure(key="cut_recall", value=n_hit / n_true, unit="1", meaning=counts, bar=">= 0.98"),
        Figure(key="cut_precision", value=n_hit / max(1, n_found), unit="1", meaning=counts, bar=">= 0.95"),
    ]


def camera_figures(trials: Path) -> list[Figure]:
    """Worst error of the camera's rotation, with the true focal length."""
    figures = []
    for name in ("pan", "pan_move"):
        trial = render_trial(name, trials)
        truth = true_camera(trial)
        error = camera_max_deg(trial.video, truth, truth.K, boxes=true_boxes(trial))
        figures.append(
            Figure(key=f"camera_max_deg_{name}", value=error, unit="deg", meaning="rotation, worst frame", bar="<= 0.5")
        )
    return figures


if __name__ == "__main__":
    main()
