"""The retargeting benchmark on its real inputs, where a machine has them, and what it draws."""

import sys

import numpy as np
import pytest

from benchmarks import retarget
from benchmarks.retargeting.bars import METRICS
from benchmarks.retargeting.clips import BENCH_DIR, load_clips
from benchmarks.retargeting.exceptions import NoRealMotion
from benchmarks.retargeting.metrics import mean_score
from benchmarks.retargeting.peers import GmrPeer
from benchmarks.retargeting.real import RealClip, RealRow, find_files, print_real, real_figures
from benchmarks.retargeting.scoring import score_motions
from benchmarks.retargeting.trade_off import TradeOffPoint, drawn
from robots.g1 import load_g1

needs_clips = pytest.mark.skipif(not any(BENCH_DIR.glob("*.npz")), reason=f"no bench clips in {BENCH_DIR}")


@needs_clips
def test_stored_gmr_output_scores_what_was_published_of_it():
    """Seven clips gave 72.5 mm, 27.2 mm calibrated, 6.5 deg, 2.1 cm/s: other formulas give other figures."""
    robot, clips = load_g1(), load_clips(BENCH_DIR)
    row = mean_score(score_motions(robot, clips, [clip.gmr_qpos for clip in clips]))
    assert row["pos_mm"] == pytest.approx(72.5, rel=0.03)
    assert row["pos_calibrated_mm"] == pytest.approx(27.2, rel=0.05)
    assert row["ori_deg"] == pytest.approx(6.52, rel=0.1)
    assert row["skate_mean_cms"] == pytest.approx(2.1, rel=0.1)
    assert row["limit_excess_rad"] < 1e-15
    assert {metric.key for metric in METRICS} >= set(row) - {"drift_max_mm"}


@needs_clips
def test_peer_follows_the_stored_run():
    """Rules restated right give the same motion, but where our robot's wider hips let it go elsewhere."""
    robot = load_g1()
    clip = min(load_clips(BENCH_DIR), key=len).part(0, 60)
    motion = GmrPeer(clip, robot).solve(clip)
    ours, stored = (score_motions(robot, [clip], [qpos])[0].tracking for qpos in (motion, clip.gmr_qpos))
    assert ours.cost == pytest.approx(stored.cost, rel=0.02)
    assert np.median(np.abs(motion - clip.gmr_qpos)[:, 7:]) < 1e-4


def test_benchmark_says_where_it_found_no_clips(tmp_path, monkeypatch):
    """One sentence and an exit code, not a traceback."""
    monkeypatch.setattr(sys, "argv", ["retarget", "--clips", str(tmp_path)])
    with pytest.raises(SystemExit, match="holds no bench clip"):
        retarget.main()


def test_sample_of_recorded_motion_is_the_same_every_time(tmp_path):
    """Figures of one machine must be comparable with another's."""
    for source in ("cmu", "bandai", "raw"):
        (tmp_path / "mocap" / source).mkdir(parents=True)
        for number in range(9):
            (tmp_path / "mocap" / source / f"{number}.bvh.gz").touch()
    found = find_files(tmp_path, per_source=3)
    assert {source: len(paths) for source, paths in found.items()} == {"bandai": 3, "cmu": 3}
    assert found == find_files(tmp_path, per_source=3)
    with pytest.raises(NoRealMotion, match="--real"):
        find_files(tmp_path / "mocap", per_source=3)


def test_refusals_are_counted_and_said(tmp_path, capsys):
    """A file that was refused is no file that was solved."""
    refused = RealClip(path=tmp_path / "odd.bvh.gz", refusal="odd.bvh.gz: is empty.")
    rows = [RealRow(source="cmu", clips=(refused,))]
    assert real_figures(rows) == []
    print_real(rows)
    assert "odd.bvh.gz: is empty." in capsys.readouterr().out


def test_picture_puts_less_skate_to_the_left_and_less_angle_below():
    """A picture with an axis the wrong way round would teach the opposite."""
    curve = [TradeOffPoint(label="1", skate_cms=2.0, ori_deg=6.2), TradeOffPoint(label="9", skate_cms=0.2, ori_deg=8.4)]
    picture = drawn([curve], TradeOffPoint(label="GMR", skate_cms=2.1, ori_deg=6.8))
    assert picture.std() > 5
    blue = np.argwhere((picture == (180, 90, 20)).all(axis=2))
    right, left = blue[blue[:, 1].argmax()], blue[blue[:, 1].argmin()]
    assert left[0] < right[0]  # the planted end: less skate, left; more angle, higher up
