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


def test_the_flow_keeps_the_figures_of_the_last_good_run(prefect_server, tmp_path):
    from flows.benchmark import benchmark

    figures = tmp_path / "kf_bench.json"

    def run():
        return benchmark(str(figures), estimators=["landmark"], clips=1, seconds=1.0, robot=False, return_state=True)

    first = run()
    assert first.is_completed(), first.message
    kept = json.loads(figures.read_text())
    assert run().is_completed()
    figures.write_text(json.dumps({key: value / 2 for key, value in kept.items()}))
    worse = run()
    assert worse.is_failed() and "is worse than before" in worse.message
    assert json.loads(figures.read_text()) == {key: value / 2 for key, value in kept.items()}
