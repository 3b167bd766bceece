"""Laws of the benchmark beyond the checks of the robot: the human, simulation, and folders with unreadable files."""

from __future__ import annotations

import json
import sys
from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from benchmarks import validate
from benchmarks.report import Figure
from benchmarks.validation.closed_loop import MODERATE, closed_loop_figures, mixed_set
from benchmarks.validation.exact import standing
from benchmarks.validation.fault_table import fault_figures, fault_rows, markdown
from benchmarks.validation.faults import FAULTS
from benchmarks.validation.good_motion import clips_of
from benchmarks.validation.human_faults import HUMAN_FAULTS
from benchmarks.validation.human_sweep import BALANCE_RULE, chain_figures, try_human_faults, try_humans
from benchmarks.validation.page import BEGIN, END, write_page
from benchmarks.validation.sweep import GoodClip, try_clean
from benchmarks.validation.unassisted import certificate_figures, certify_clips, sampling_figures
from pipeline.body import load_body
from pipeline.export import FORMATS
from pipeline.limits import find_limits
from pipeline.plausibility import PlausibilityConfig
from pipeline.validation import ValidationConfig
from retarget.smpl_motion import SmplMotion
from retarget.smpl_skeleton import SMPL_JOINT_NAMES
from robots.g1 import load_g1


@pytest.fixture(scope="module")
def body():
    return load_body()


@pytest.fixture(scope="module")
def robot():
    return load_g1()


@pytest.fixture(scope="module")
def human(body) -> SmplMotion:
    """Two seconds of standing with hanging arms, soles on the floor."""
    frames = 60
    pose = np.zeros((frames, 21, 3))
    for side, sign in (("left", -1.0), ("right", 1.0)):
        pose[:, SMPL_JOINT_NAMES.index(f"{side}_shoulder") - 1, 2] = sign * 1.2
    upright = np.tile(Rotation.from_euler("x", 90, degrees=True).as_rotvec(), (frames, 1))
    motion = body.motion(30.0, np.zeros(10), upright, pose, np.zeros((frames, 3)))
    return motion.moved((0.0, 0.0, -body.verts(motion.frames(0, 1))[0, :, 2].min()))


@pytest.fixture(scope="module")
def stander(robot, human):
    return GoodClip(name="stander", source="made", motion=standing(robot, 2.0), robot=robot, recorded=True, human=human)


def counted(clip, body, limits):
    """Figures of the chain over one clip, by key."""
    robot_trials = list(try_clean([clip], ValidationConfig()))
    human_trials = list(try_humans([clip], body, PlausibilityConfig()))
    figures, refused = chain_figures(robot_trials, human_trials, limits)
    return {figure.key: figure.value for figure in figures}, refused


def test_who_stands_still_passes_the_whole_chain(stander, body):
    values, refused = counted(stander, body, find_limits("clean"))
    assert not refused
    assert values == {"false_alarm_chain_pct": 0.0, "false_alarm_human_pct": 0.0, "balance_rule_pct": 0.0}


def test_what_only_pbhc_s_balance_rule_refuses_is_counted_apart(stander, human, body):
    """Who leans over at the end is to be trimmed; nobody made a mistake."""
    lean = 0.5 - 0.5 * np.cos(np.linspace(0.0, np.pi, len(human)))
    bent = np.array(human.body_pose)
    for name in ("spine1", "spine2", "spine3"):
        bent[:, SMPL_JOINT_NAMES.index(name) - 1, 0] = 0.5 * lean
    clean = find_limits("clean")
    strict = replace(
        clean, items=tuple(replace(i, maximum=0.05) if i.measurement in BALANCE_RULE else i for i in clean.items)
    )
    values, refused = counted(replace(stander, human=replace(human, body_pose=bent)), body, strict)
    assert set(refused["made/stander"]) <= set(BALANCE_RULE)
    assert values["balance_rule_pct"] == 100.0
    assert values["false_alarm_chain_pct"] == 0.0


def test_faults_of_the_human_have_keys_of_their_own(stander, body):
    """They stand in one JSON file with those of the robot; who does not jump shows no wrong speed."""
    assert not {fault.key for fault in HUMAN_FAULTS} & {fault.key for fault in FAULTS}
    assert not {fault.name for fault in HUMAN_FAULTS} & {fault.name for fault in FAULTS}
    chosen = [f for f in HUMAN_FAULTS if f.key in ("human_slide_0p3ms", "human_teleport_15cm") or f.flying]
    trials = list(try_human_faults([stander], chosen, body, PlausibilityConfig()))
    assert {trial.fault.key for trial in trials if trial.fault} == {"human_slide_0p3ms", "human_teleport_15cm"}
    clean = find_limits("clean")
    rows = fault_rows(chosen, [trial.outcome(clean) for trial in trials])
    values = {figure.key: figure.value for figure in fault_figures(rows)}
    assert values["human_slide_0p3ms_detected_pct"] == values["human_teleport_15cm_detected_pct"] == 100.0
    assert "`root_acc`" in markdown(rows)


def test_the_mixed_set_holds_good_motion_and_bad_and_every_moderate_fault_exists(stander):
    assert set(MODERATE) <= {fault.key for fault in FAULTS}
    clips = [replace(stander, name=str(i)) for i in range(6)]
    mixed = mixed_set(list(try_clean(clips, ValidationConfig())), FAULTS, 6)
    assert [trial.fault is None for trial in mixed] == [True] * 3 + [False] * 3
    assert len({trial.clip.name for trial in mixed}) == 6


def test_a_stance_is_followed_with_help_and_certified_without(stander):
    trials = list(try_clean([stander], ValidationConfig()))
    (speed,) = closed_loop_figures(trials)  # one motion has no rank
    assert speed.key == "closed_loop_x_realtime" and speed.value > 0
    values = {figure.key: figure.value for figure in certificate_figures(list(certify_clips([stander])))}
    assert values["t1_certified_pct"] == 100.0
    assert values["t1_x_realtime"] > 0


def test_motions_too_short_to_be_followed_are_left_out(stander, robot):
    short = replace(stander, motion=standing(robot, 0.1))
    assert list(certify_clips([short])) == []
    assert certificate_figures([]) == sampling_figures([]) == []


def test_files_without_labels_get_those_that_wushu_validate_would_find(robot, tmp_path):
    """A CSV names no contacts; without any, the judge could refuse only that."""
    FORMATS["unitree-csv"].write(standing(robot, 1.0), robot, tmp_path / "stander.csv")
    (clip,), _ = clips_of(tmp_path)
    np.testing.assert_array_equal(clip.motion.foot_contact, 1.0)


def test_a_bad_file_costs_a_sentence_and_the_exit_status_and_the_others_go_on(robot, tmp_path, monkeypatch, capsys):
    FORMATS["unitree-csv"].write(standing(robot, 1.0), robot, tmp_path / "stander.csv")
    (tmp_path / "broken.csv").write_text("1,2,3\n")
    (tmp_path / "broken.bvh").write_text("no motion\n")
    (tmp_path / "broken.pkl").write_bytes(b"\x80\x04")
    skipped = ["--skip-faults", "--skip-repair", "--skip-tracking"]
    given = ["validate", "--motions", str(tmp_path), "--json", str(tmp_path / "out.json"), *skipped]
    monkeypatch.setattr(sys, "argv", given)
    with pytest.raises(SystemExit, match="3 files could not be read"):
        validate.main()
    told = capsys.readouterr().out
    assert all(told.count(f"broken.{ending}:") == 1 for ending in ("csv", "bvh", "pkl"))
    assert json.loads((tmp_path / "out.json").read_text())["accepted_clean_pct"] == 100.0


def test_a_page_keeps_what_people_wrote_around_the_figures(tmp_path):
    page = tmp_path / "page.md"
    figure = Figure(key="false_alarm_pct", value=4.0, unit="%", meaning="of 99 clips", bar="<= 5")
    page.write_text(f"# Title\n\n{BEGIN}\nold\n{END}\n\nEnd.\n")
    for _ in range(2):
        write_page(page, [figure], [], ["motion    99 clips"])
        text = page.read_text()
        assert text.startswith(f"# Title\n\n{BEGIN}\n") and text.endswith(f"\n{END}\n\nEnd.\n")
        assert "| `false_alarm_pct` | 4 % | <= 5 | of 99 clips |" in text and "old" not in text
    fresh = tmp_path / "fresh.md"
    write_page(fresh, [figure], [], [])
    assert "false_alarm_pct" in fresh.read_text()
