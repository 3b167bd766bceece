"""The weekly benchmark tells what became worse, and only that."""

from __future__ import annotations

import json

import pytest

pytestmark = [pytest.mark.prefect, pytest.mark.filterwarnings("ignore")]


def test_a_figure_that_became_worse_is_told_and_one_that_became_better_is_not():
    """More accepted clips are better, of all else less is; ends of intervals and new figures say nothing."""
    from flows.benchmark import regressions

    before = {
        "fit_all_mpjpe_mm": 50.0,
        "fit_all_accepted_pct": 40.0,
        "fit_all_drift_cm": 5.0,
        "fit_all_mpjpe_mm_hi": 1.0,
    }
    after = {
        "fit_all_mpjpe_mm": 50.5,
        "fit_all_accepted_pct": 30.0,
        "fit_all_drift_cm": 4.0,
        "fit_all_mpjpe_mm_hi": 9.0,
    }
    assert regressions(before, after, 0.02) == ["fit_all_accepted_pct is worse than before: 40 -> 30"]
    assert len(regressions(before, after, 0.0)) == 2
    assert regressions({}, after, 0.0) == []
    assert regressions({"gvhmr_all_mpjpe_mm": 50.0}, after, 0.02) == ["gvhmr_all_mpjpe_mm is missing: it was 50"]
    assert len(regressions({"fit_all_mpjpe_mm": 50.0}, {"fit_all_mpjpe_mm": float("nan")}, 0.02)) == 1


def test_the_best_is_kept_so_that_a_little_worse_every_week_is_told(tmp_path):
    """Figures that say nothing about better or worse are those of the last run."""
    from flows.benchmark import Figures

    kept = Figures(of={"seed": 0}, values={"fit_all_mpjpe_mm": 50.0, "fit_all_accepted_pct": 40.0})
    new = {"fit_all_mpjpe_mm": 50.5, "fit_all_accepted_pct": 41.0, "fit_all_mpjpe_mm_hi": 9.0}
    kept.with_better(new).write(tmp_path / "figures.json")
    again = Figures.read(tmp_path / "figures.json", of={"seed": 0})
    assert again.values == {"fit_all_mpjpe_mm": 50.0, "fit_all_accepted_pct": 41.0, "fit_all_mpjpe_mm_hi": 9.0}


def test_figures_of_another_benchmark_are_not_compared_nor_lost(tmp_path):
    """Another seed, preset or number of clips measures something else; a file of no use is not written over."""
    from flows.benchmark import Figures
    from flows.exceptions import NotComparable

    path = tmp_path / "figures.json"
    Figures(of={"seed": 0, "clips": 24}, values={}).write(path)
    with pytest.raises(NotComparable, match=r"of another benchmark: seed was 0, is 1\. Name another file"):
        Figures.read(path, of={"seed": 1, "clips": 24})
    path.write_text('{"fit_all_mpjpe_mm": 50.0}')
    with pytest.raises(NotComparable, match=r"holds no figures of a benchmark .*delete this one to begin anew"):
        Figures.read(path, of={"seed": 0})


def test_the_flow_keeps_the_figures_of_the_last_good_run(prefect_server, tmp_path):
    from flows.benchmark import benchmark

    figures = tmp_path / "kf_bench.json"

    def run():
        return benchmark(str(figures), estimators=["landmark"], clips=1, seconds=1.0, robot=False, return_state=True)

    first = run()
    assert first.is_completed(), first.message
    kept = json.loads(figures.read_text())
    half = kept | {"figures": {key: value / 2 for key, value in kept["figures"].items()}}
    figures.write_text(json.dumps(half))
    worse = run()
    assert worse.is_failed() and "is worse than before" in worse.message
    assert json.loads(figures.read_text()) == half
    other = benchmark(str(figures), estimators=["landmark"], clips=1, seed=1, return_state=True)
    assert other.is_failed() and "seed was 0, is 1" in other.message
