"""The main job, measured: the demo's time and distance from its truth, the speed of every stage, hand-off accuracy.

    python -m benchmarks.pipeline [--json FILE]

``demo_s`` is the wall time of ``wushu demo`` after installation: filming two clips of about 6.6 s, the Prefect flow
with its server, and the comparison. ``<stage>_fps`` are frames of evidence a second of one stage running alone, over
both clips. Distances are means over both clips, except the camera's and those called max. Definitions of the MPJPEs:
``pipeline.kfbench.metrics``.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.front_end import front_end_fps, keypoints_fps
from benchmarks.report import Figure, parser, report
from flows.commands.demo import DemoScore, ensure_models, score_clip
from pipeline.body import load_body
from pipeline.clip import Clip, Source
from pipeline.evidence import Evidence
from pipeline.export import FORMATS, fk_error_mm
from pipeline.home import Home
from pipeline.kfbench import PIECES, DemoClip
from pipeline.manifest import ManifestRow, read_rows
from pipeline.process_clip import fingerprints, process_clip
from pipeline.settings import Settings
from pipeline.stages import build_stages
from pipeline.store import Dataset
from pipeline.variants import VariantPlan, stage_of
from pipeline.video import find_models
from retarget.result import RetargetResult
from robots.g1 import load_g1
from robots.kinematics import link_poses

ORACLE = Path(__file__).parents[1] / "tests" / "robots" / "data" / "g1_oracle.npz"


def main() -> None:
    """Measure and report."""
    options = parser(__doc__).parse_args()
    home = Home.of_user()
    ensure_models(home)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        demo_s = time_demo(folder / "demo")
        clips = [demo_clip(folder / "demo" / "videos", piece) for piece in PIECES]
        figures = [
            Figure(key="demo_s", value=demo_s, unit="s", meaning="wushu demo after installation", bar="<= 180"),
            *front_end_figures([clip.video for clip in clips], home),
            *accuracy_figures(clips, Dataset.open(folder / "demo" / "dataset")),
            *stage_figures(clips, Dataset.open_or_create(folder / "alone"), home),
        ]
    report(figures, options.json)


def time_demo(out: Path) -> float:
    """Run the demo as a user does [s]."""
    started = time.perf_counter()
    subprocess.run([Path(sys.executable).parent / "wushu", "demo", "--out", out], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def demo_clip(folder: Path, piece: str) -> DemoClip:
    """Name the files of one of the demo's clips."""
    return DemoClip(name=piece, video=folder / f"{piece}.mp4", truth=folder / f"{piece}.truth.npz")


def front_end_figures(videos: list[Path], home: Home) -> list[Figure]:
    """Speed of the keypoints alone, and of decoding, keypoints and camera together; the slower of the clips."""
    models = find_models(home.models_dir)
    keypoints = min(keypoints_fps(video, models) for video in videos)
    front_end = min(front_end_fps(video, models) for video in videos)
    return [
        Figure(key="keypoints_fps_720p", value=keypoints, unit="frames/s", meaning="BlazePose alone", bar=">= 80"),
        Figure(key="front_end_fps_720p", value=front_end, unit="frames/s", meaning="whole front end", bar=">= 40"),
    ]


def accuracy_figures(clips: list[DemoClip], dataset: Dataset) -> list[Figure]:
    """How far the demo's results are from its truth, the model from its oracle, the hand-off files from MuJoCo."""
    rows, body = read_rows(dataset), load_body()
    scores: list[DemoScore] = [score_clip(clip, rows, dataset, body) for clip in clips]
    pa, wa = (float(np.mean([getattr(s.motion, key) for s in scores])) for key in ("pa_mpjpe_mm", "wa_mpjpe_mm"))
    camera = max(score.evidence.camera_deg for score in scores)
    accepted = sum(row.verdict is not None and row.verdict.accepted for row in rows)
    handoff = max(handoff_fk_mm(row, dataset) for row in rows)
    return [
        Figure(key="demo_accepted", value=accepted, unit="clips", meaning="of the demo's two, tier trainable"),
        Figure(key="demo_pa_mpjpe_mm", value=pa, unit="mm", meaning="pose of the estimated body"),
        Figure(key="demo_wa_mpjpe_mm", value=wa, unit="mm", meaning="estimated body in the world"),
        Figure(key="demo_camera_deg", value=camera, unit="deg", meaning="camera rotation, worst frame", bar="< 0.5"),
        Figure(key="g1_fk_max_mm", value=g1_fk_mm(), unit="mm", meaning="links against frozen oracle", bar="< 0.01"),
        Figure(key="handoff_fk_max_mm", value=handoff, unit="mm", meaning="files against MuJoCo", bar="<= 0.1"),
    ]


def g1_fk_mm() -> float:
    """Largest distance of a link from the oracle's place for it [mm]."""
    with np.load(ORACLE, allow_pickle=False) as oracle:
        pos_w, _ = link_poses(load_g1(), oracle["qpos"])
        return 1e3 * float(np.linalg.norm(pos_w - oracle["pos_w"], axis=-1).max())


def handoff_fk_mm(row: ManifestRow, dataset: Dataset) -> float:
    """Largest distance of a link in any hand-off file from MuJoCo's kinematics of the motion made for it [mm]."""
    errors = []
    with tempfile.TemporaryDirectory() as name:
        for key, variant in VariantPlan.of(None, FORMATS).solved_for.items():
            target, robot, stage = FORMATS[key], load_g1(variant), stage_of("retarget", variant)
            motion = dataset.load(row.clip.id, stage, row.fingerprints[stage], RetargetResult).motion
            path = Path(name) / f"{key}{target.suffix}"
            target.write(motion, robot, path)
            errors.append(fk_error_mm(target, path, motion, robot))
    return max(errors)


def stage_figures(clips: list[DemoClip], dataset: Dataset, home: Home) -> list[Figure]:
    """Speed of every stage alone, without Prefect, over the demo's clips."""
    chain = build_stages(Settings(), home).video
    seconds = {stage.name: 0.0 for stage in chain}
    n_frames = 0
    for demo in clips:
        clip = Clip.of(Source.from_file(demo.video))
        _, reports = process_clip(clip, chain, dataset)
        n_frames += len(dataset.load(clip.id, "evidence", fingerprints(clip, chain)["evidence"], Evidence))
        for done in reports:
            seconds[done.stage] += done.seconds
    return [
        Figure(key=f"{name}_fps", value=n_frames / spent, unit="frames/s", meaning=f"stage {name} alone")
        for name, spent in seconds.items()
    ]


if __name__ == "__main__":
    main()
