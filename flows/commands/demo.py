"""``wushu demo``: two performances with known truth, through the whole chain, with the distance from the truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from rich.markup import escape
from rich.table import Table

from flows.console import bar, console, progress_bars, show_rows
from flows.exceptions import DemoFailed
from flows.prefect_home import local_server, use_project_home
from pipeline.body import SkinnedBody, load_body
from pipeline.evidence import Evidence
from pipeline.exceptions import MissingModelFile
from pipeline.home import Home
from pipeline.kfbench import DemoClip, EvidenceScore, MotionScore, load_truth, render_demo, score_evidence, score_motion
from pipeline.manifest import ManifestRow, Outcome, read_rows
from pipeline.review import PAGE_FILE
from pipeline.store import Dataset, write_bytes
from pipeline.video import fetch_models, find_models
from retarget.result import RetargetResult
from retarget.smpl_motion import SmplMotion


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoScore:
    """How far each stage was from the truth of one demo clip."""

    name: str
    evidence: EvidenceScore
    motion: MotionScore
    robot_residual_mm: float
    """Median distance between the robot's links and where the human's bodies asked them to be [mm]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Demo:
    """Render two short clips (kung fu, dance), run the whole chain on them, and say how far it was from the truth."""

    out: Path = Path("wushu_demo")
    """Folder for videos, truth and results."""
    videos_only: Path | None = None
    """Only put the two videos into this folder, e.g. the `inbox` of the deployments, for other commands to work on."""

    def __call__(self) -> int:
        """Render, run the flow, compare."""
        home, body = Home.of_user(), load_body()
        ensure_models(home)
        if self.videos_only is not None:
            return film_into(self.videos_only, body)
        with progress_bars() as bars:
            clips = render_demo(self.out / "videos", body, bar(bars, "filming the demo's two clips"))
        dataset = run_flow(clips, self.out)
        rows = read_rows(dataset)
        show_rows(rows, dataset)
        console.print(escape(f"page: {dataset.root / PAGE_FILE}"), soft_wrap=True)
        console.print(score_table([score_clip(clip, rows, dataset, body) for clip in clips]))
        console.print(escape(f"videos and truth: {self.out / 'videos'}"), soft_wrap=True)
        for row in rows:
            playback = dataset.clip_dir(row.clip.id) / "playback.mp4"
            console.print(escape(f"watch: {playback}  ({row.clip.name})"), soft_wrap=True)
        return 0


def film_into(folder: Path, body: SkinnedBody) -> int:
    """Put the two videos into a folder, each at once as a whole, as somebody may be watching it."""
    with TemporaryDirectory() as scratch, progress_bars() as bars:
        clips = render_demo(Path(scratch), body, bar(bars, "filming the demo's two clips"))
        for clip in clips:
            write_bytes(folder / clip.video.name, clip.video.read_bytes())
            console.print(escape(str(folder / clip.video.name)), soft_wrap=True)
    return 0


def ensure_models(home: Home) -> None:
    """Fetch the keypoint networks if this is the first time."""
    try:
        find_models(home.models_dir)
    except MissingModelFile:
        with console.status("fetching the keypoint networks (once)"):
            fetch_models(home.models_dir)


def run_flow(clips: Sequence[DemoClip], out: Path) -> Dataset:
    """Run the Prefect flow in this process on the demo's videos.

    Raises:
        DemoFailed: The flow did not complete.
    """
    use_project_home(out)
    from flows.build_dataset import build_dataset  # Prefect takes two seconds to import

    videos = [str(clip.video) for clip in clips]
    with local_server():
        state = build_dataset(videos=videos, dataset=str(out / "dataset"), licence="Apache-2.0", return_state=True)
    if not state.is_completed():
        raise DemoFailed(problem=state.message or str(state.name))
    return Dataset.open(out / "dataset")


def score_clip(clip: DemoClip, rows: Sequence[ManifestRow], dataset: Dataset, body: SkinnedBody) -> DemoScore:
    """Hold the results of one demo clip against its truth.

    Raises:
        DemoFailed: The clip has no motion.
    """
    row = next((row for row in rows if row.clip.name == clip.name), None)
    if row is None or row.outcome is Outcome.BROKEN:
        raise DemoFailed(problem=f"{clip.name} became no motion ({row.error if row else 'not in the dataset'})")
    truth = load_truth(clip.truth)
    evidence = dataset.load(row.clip.id, "evidence", row.fingerprints["evidence"], Evidence)
    motion = dataset.load(row.clip.id, "motion", row.fingerprints["motion"], SmplMotion)
    result = dataset.load(row.clip.id, "retarget", row.fingerprints["retarget"], RetargetResult)
    return DemoScore(
        name=clip.name,
        evidence=score_evidence(evidence, truth, body),
        motion=score_motion(motion, truth, start_s=float(evidence.timestamps[0])),
        robot_residual_mm=1e3 * float(np.median(result.pos_residual_m)),
    )


def score_table(scores: Sequence[DemoScore]) -> Table:
    """Lay the distances out, one column a clip, one row a stage."""
    table = Table("distance from the truth", *(score.name for score in scores), title=None)
    rows = (
        ("video: person found", lambda s: f"{s.evidence.seen:.0%} of frames"),
        ("video: keypoints", lambda s: f"{s.evidence.keypoint_px:.1f} px ({s.evidence.keypoint_share:.1%} of height)"),
        ("video: camera rotation, worst", lambda s: f"{s.evidence.camera_deg:.2f} deg"),
        ("body: pose (PA-MPJPE)", lambda s: f"{s.motion.pa_mpjpe_mm:.0f} mm"),
        ("body: in the world (WA-MPJPE)", lambda s: f"{s.motion.wa_mpjpe_mm:.0f} mm"),
        ("robot: from the body it follows, median", lambda s: f"{s.robot_residual_mm:.0f} mm"),
    )
    for name, show in rows:
        table.add_row(name, *(show(score) for score in scores))
    return table
