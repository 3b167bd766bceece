"""The demo, whole: what a newcomer sees first must be true every time."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from flows.commands.demo import score_clip
from pipeline.body import load_body
from pipeline.kfbench import PIECES, DemoClip
from pipeline.manifest import Outcome, read_rows
from pipeline.store import Dataset


@pytest.mark.slow
@pytest.mark.render
@pytest.mark.timeout(900)
def test_the_demo_can_be_used_and_is_near_its_truth(keypoint_models, tmp_path):
    """Both clips pass, as they are or after a repair; bounds leave a fifth of what was measured for rounding."""
    wushu = Path(sys.executable).parent / "wushu"
    done = subprocess.run([wushu, "demo", "--out", tmp_path], capture_output=True, text=True, check=False, timeout=800)
    assert done.returncode == 0, done.stdout + done.stderr
    dataset, body = Dataset.open(tmp_path / "dataset"), load_body()
    rows = read_rows(dataset)
    assert {row.clip.name for row in rows} == set(PIECES)
    assert all(row.outcome in (Outcome.ACCEPTED, Outcome.MENDED) for row in rows)
    for name in PIECES:
        folder = tmp_path / "videos"
        clip = DemoClip(name=name, video=folder / f"{name}.mp4", truth=folder / f"{name}.truth.npz")
        score = score_clip(clip, rows, dataset, body)
        assert score.evidence.seen == 1.0
        assert score.evidence.camera_deg < 0.5
        assert score.motion.pa_mpjpe_mm < 60
        assert score.motion.wa_mpjpe_mm < 90
