"""The validation benchmark from good motion to figures, on clips whose answer is known."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from benchmarks.report import report
from benchmarks.validation.acceptance import acceptance_figures, exact_figures
from benchmarks.validation.exact import flight_checks_failed, jump, slow_jump_speed_err_pct, standing, static_residual_n
from benchmarks.validation.exceptions import NoMotions
from benchmarks.validation.fault_table import fault_figures, fault_rows, markdown
from benchmarks.validation.faults import FAULTS, families
from benchmarks.validation.good_motion import anchors, clips_of, spread
from benchmarks.validation.sweep import GoodClip, Outcome, try_clean, try_faults
from pipeline.export import FORMATS
from pipeline.limits import find_limits
from pipeline.validation import ValidationConfig
from robots.g1 import load_g1


@pytest.fixture(scope="module")
def robot():
    return load_g1()


@pytest.fixture(scope="module")
def stander(robot):
    return GoodClip(name="stander", source="made", motion=standing(robot, 2.0), robot=robot, recorded=True)


@pytest.fixture(scope="module")
def outcomes(stander):
    clean = find_limits("clean")
    return [Outcome.of(trial, clean) for trial in try_faults([stander], FAULTS, ValidationConfig())]


def test_who_stands_still_is_carried_by_the_floor(robot):
    assert static_residual_n(robot) < 1e-3


def test_a_ballistic_jump_passes_and_a_slowed_one_is_caught_with_its_speed(robot):
    clean = find_limits("clean")
    assert not flight_checks_failed(robot, clean, speed=1.0)
    assert flight_checks_failed(robot, clean, speed=0.7)
    assert slow_jump_speed_err_pct(robot) <= 5.0


def test_a_robot_that_stands_still_is_clean(stander):
    (trial,) = try_clean([stander], ValidationConfig())
    outcome = Outcome.of(trial, find_limits("clean"))
    assert outcome.accepted, outcome.rejected_by


@pytest.mark.parametrize("key", ["drift_3cms", "bobbing_5cm_1hz", "slide_3dms", "noise_30mrad", "y_up", "empty_labels"])
def test_gross_faults_of_a_stance_are_found(outcomes, key):
    """What lasts all the time is found even in two seconds of standing; the identity read as xyzw is but a turn."""
    (outcome,) = [outcome for outcome in outcomes if outcome.fault == key]
    assert not outcome.accepted
    assert outcome.iou > 0.6


def test_every_family_that_had_room_has_its_keys_and_the_table_a_line_for_each_fault(outcomes):
    rows = fault_rows(FAULTS, outcomes)
    keys = {figure.key for figure in fault_figures(rows)}
    tried = {row.fault.name for row in rows if row.clips}
    assert {f"{name}_{what}" for name in tried for what in ("detected_pct", "iou")} <= keys
    assert set(families()) - tried == {"wrong_fps", "speed", "mirror", "freeze", "hang"}  # nobody flies or moves
    table = markdown(rows)
    assert len(table.splitlines()) == len(FAULTS) + 2
    assert "no clip has room for it" in table


def test_the_figures_of_one_folder_are_numbers_with_the_promised_keys(robot, tmp_path, capsys):
    """Hand-off files go in, a flat JSON object of numbers comes out."""
    FORMATS["unitree-csv"].write(standing(robot, 2.0), robot, tmp_path / "stander.csv")
    clips, refusals = clips_of(tmp_path)
    assert [clip.name for clip in clips] == ["stander"] and not refusals
    figures = exact_figures() + acceptance_figures(list(try_clean(clips, ValidationConfig())))
    report(figures, tmp_path / "figures.json")
    values = json.loads((tmp_path / "figures.json").read_text())
    wanted = {
        "accepted_trainable_pct",
        "accepted_clean_pct",
        "static_residual_n",
        "slow_jump_speed_err_pct",
        "checks_fps",
    }
    assert wanted <= set(values)
    assert all(math.isfinite(value) for value in values.values())


def test_a_file_that_cannot_be_read_is_told_and_ends_nothing(tmp_path):
    (tmp_path / "broken.csv").write_text("1,2,3\n")
    clips, refusals = clips_of(tmp_path)
    assert not clips
    assert "broken.csv" in refusals[0]


def test_a_folder_without_motion_is_told_by_name(tmp_path):
    with pytest.raises(NoMotions, match="holds no motion; name a folder"):
        clips_of(tmp_path)


def test_the_same_fault_in_the_same_clip_is_the_same_whatever_else_is_tried(stander):
    config = ValidationConfig()
    chosen = [fault for fault in FAULTS if fault.key == "teleport_15cm"]
    (alone,) = try_faults([stander], chosen, config)
    among = [t for t in try_faults([stander], [*chosen, FAULTS[0]], config) if t.fault is chosen[0]]
    np.testing.assert_array_equal(alone.faulty.motion.qpos, among[0].faulty.motion.qpos)


def test_clips_are_spread_over_the_set_and_those_named_come_first(robot):
    clips = [
        GoodClip(name=str(i), source="made", motion=jump(robot, speed=1.0), robot=robot, recorded=True)
        for i in range(10)
    ]
    assert [clip.name for clip in spread(clips, 4, ["7"])] == ["7", "0", "3", "6"]
    assert len(spread(clips, 50)) == 10


def test_the_released_motions_pass_the_tier_that_is_theirs():
    """PBHC trained them; only machines that have them can tell."""
    clips = anchors()
    if not clips:
        pytest.skip("PBHC's motions are not on this machine")
    trainable = find_limits("trainable")
    for trial in try_clean(clips, ValidationConfig()):
        outcome = Outcome.of(trial, trainable)
        assert outcome.accepted, (trial.clip.name, outcome.rejected_by)
