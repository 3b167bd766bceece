"""A file holds the motion that was solved and judged for its own joints, and what is done is not done again."""

from __future__ import annotations

import os
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from pipeline.body import load_body
from pipeline.clip import Clip, Source
from pipeline.export import FORMATS, fk_error_mm
from pipeline.home import Home
from pipeline.kfbench import PIECES, stage_piece
from pipeline.manifest import Outcome
from pipeline.process_clip import fingerprints, process_source
from pipeline.settings import Settings
from pipeline.stages import build_stages
from pipeline.store import Dataset
from pipeline.tracking import FollowConfig
from pipeline.validation import measure_robot
from pipeline.variants import VariantPlan, shown_variant
from retarget.correspondence import correspondence_path
from retarget.exceptions import InvalidCorrespondence
from retarget.lead import LeadConfig
from retarget.result import RetargetResult
from retarget.smpl_skeleton import SMPL_JOINT_NAMES
from robots.g1 import load_g1
from robots.g1.table import WRIST_JOINTS
from robots.kinematics import link_poses, qpos_in_order

NO_LEADS = LeadConfig(lead_in=False, lead_out=False)
NOT_FOLLOWED = FollowConfig(certify=False)
ALL = ("pbhc", "mjlab", "unitree-csv")


@pytest.fixture(scope="module")
def form(tmp_path_factory):
    """Two seconds of the kung-fu form with turning wrists, as a motion file."""
    motion = stage_piece(PIECES["kungfu_form"], load_body(), size=(640, 360)).motion.part(0.0, 2.0)
    pose = motion.body_pose.copy()
    time = np.arange(len(motion)) / motion.fps
    for side, sign in (("left", 1.0), ("right", -1.0)):
        pose[:, SMPL_JOINT_NAMES.index(f"{side}_wrist") - 1] += 0.5 * np.sin(3 * time)[:, None] * [0.5, 0.5, sign]
    path = tmp_path_factory.mktemp("form") / "form.npz"
    np.savez(
        path,
        trans=motion.transl,
        poses=np.hstack([motion.global_orient, pose.reshape(len(motion), -1), np.zeros((len(motion), 6))]),
        betas=motion.betas,
        mocap_framerate=motion.fps,
        gender="neutral",
    )
    return Source.from_file(path)


@pytest.fixture(scope="module")
def chain():
    """The stages of a motion file under some settings; no pictures are drawn."""

    def make(**settings):
        before = os.environ.get("MUJOCO_GL")
        os.environ["MUJOCO_GL"] = "disable"
        try:
            return build_stages(Settings(**{"leads": NO_LEADS, "tracking": NOT_FOLLOWED, **settings}), Home.of_user())
        finally:
            os.environ.pop("MUJOCO_GL")
            os.environ |= {} if before is None else {"MUJOCO_GL": before}

    return make


@pytest.fixture(scope="module")
def done(form, chain, tmp_path_factory):
    """The form taken through the default chain, and its two solutions."""
    dataset = Dataset.open_or_create(tmp_path_factory.mktemp("default") / "set")
    (row,) = process_source(form, chain(), dataset)
    assert row.outcome is Outcome.ACCEPTED, row.reasons
    load = lambda stage: dataset.load(row.clip.id, stage, row.fingerprints[stage], RetargetResult)  # noqa: E731
    return SimpleNamespace(
        row=row, dataset=dataset, full=load("retarget").motion, welded=load("retarget_23dof").motion, source=form
    )


def file_of(dataset, row, name):
    return dataset.clip_dir(row.clip.id) / "handoff" / f"{row.clip.id}.{name}{FORMATS[name].suffix}"


@pytest.mark.parametrize(
    ("robot", "formats", "shown", "solved_for"),
    [
        (None, ALL, "29dof", {"pbhc": "23dof", "mjlab": "29dof", "unitree-csv": "29dof"}),
        (None, ("pbhc",), "23dof", {"pbhc": "23dof"}),
        (None, ("mjlab",), "29dof", {"mjlab": "29dof"}),
        (None, (), "29dof", {}),
        ("29dof", ("pbhc",), "29dof", {"pbhc": "23dof"}),
        ("23dof", ALL, "23dof", {"pbhc": "23dof", "mjlab": "23dof", "unitree-csv": "23dof"}),
    ],
)
def test_no_format_gets_a_motion_with_joints_that_it_lacks(robot, formats, shown, solved_for):
    """Joints that a format has in addition may stand at zero; joints that it lacks may not have moved."""
    plan = VariantPlan.of(robot, formats)
    assert (plan.shown, plan.solved_for, plan.variants[0]) == (shown, solved_for, shown)
    assert set(plan.variants) == {shown, *solved_for.values()}
    for name, variant in plan.solved_for.items():
        assert set(load_g1(variant).joint_names) <= set(load_g1(FORMATS[name].variant).joint_names)


def test_pbhcs_links_stand_where_the_23_joints_were_solved(done):
    """All bodies, from the file's rotation vectors alone; cut off the 29 joints, hands would be centimetres away."""
    robot, path = load_g1("23dof"), file_of(done.dataset, done.row, "pbhc")
    found = FORMATS["pbhc"].link_positions(path)
    solved, _ = link_poses(robot, qpos_in_order(robot, done.welded))
    assert 1e3 * np.linalg.norm(found - solved, axis=-1).max() <= 0.01
    assert fk_error_mm(FORMATS["pbhc"], path, done.welded, robot) <= 0.01
    wrists = [done.full.joint_names.index(name) for name in WRIST_JOINTS]
    assert np.rad2deg(np.abs(done.full.joint_pos[:, wrists]).max()) > 10
    shared = [done.full.joint_names.index(name) for name in robot.joint_names]
    assert np.abs(done.full.joint_pos[:, shared] - done.welded.joint_pos).max() > 0.01


def test_joints_are_handed_off_under_their_names(done):
    """Each file's column is the joint of that name in the motion solved for it."""
    for name, solved in {"pbhc": done.welded, "unitree-csv": done.full}.items():
        back = FORMATS[name].read(file_of(done.dataset, done.row, name))
        assert set(back.joint_names) == set(solved.joint_names)
        columns = [solved.joint_names.index(joint) for joint in back.joint_names]
        assert np.abs(back.joint_pos - solved.joint_pos[:, columns]).max() < 2e-6


def test_what_is_handed_off_is_what_was_measured(done):
    """Measuring the file's own motion again gives the numbers that decided; those of the 29 joints are others."""
    measured = {
        prefix: {k.split(".")[1]: v for k, v in done.row.metrics.items() if k.startswith(f"{prefix}.")}
        for prefix in ("validation", "validation_23dof")
    }
    motion = FORMATS["pbhc"].read(file_of(done.dataset, done.row, "pbhc"))
    again = measure_robot(motion, load_g1("23dof"), Settings().validation)
    assert {item.name: item.value for item in again.items} == pytest.approx(
        measured["validation_23dof"], rel=2e-3, abs=1e-5
    )
    assert measured["validation"]["joint_speed"] != pytest.approx(measured["validation_23dof"]["joint_speed"], rel=2e-3)


def refusing(done, tmp_path, *, worse):
    """Limits that lie between what was measured on the two robots: only the one named is refused."""
    better = {"validation": "validation_23dof", "validation_23dof": "validation"}[worse]
    values = {
        key.split(".")[1]: (value, done.row.metrics[f"{better}.{key.split('.')[1]}"])
        for key, value in done.row.metrics.items()
        if key.startswith(f"{worse}.") and value > 0
    }
    name, (high, low) = max(values.items(), key=lambda item: item[1][0] / max(item[1][1], 1e-9))
    assert high > low
    path = tmp_path / "between.toml"
    path.write_text(f"[validation.{name}]\nmaximum = {(high + low) / 2!r}\nadvice = 'Between.'\n")
    return str(path)


def test_a_file_is_withheld_where_its_own_motion_is_refused(done, chain, tmp_path):
    """The clip and the other files stay accepted, and the row says what is missing and why."""
    limits = refusing(done, tmp_path, worse="validation_23dof")
    (row,) = process_source(done.source, chain(limits=limits), done.dataset)
    assert row.outcome is Outcome.ACCEPTED
    assert [file_of(done.dataset, row, name).exists() for name in ALL] == [False, True, True]
    (remark,) = (remark for remark in row.remarks if "pbhc" in remark)
    assert ": not handed off as pbhc: the motion of g1_23dof was refused. validation: " in remark
    assert "Between." in remark
    assert process_source(done.source, chain(limits=limits, formats=("pbhc",)), done.dataset)[0].outcome is (
        Outcome.REJECTED
    )
    process_source(done.source, chain(), done.dataset)
    assert all(file_of(done.dataset, row, name).exists() for name in ALL)


def test_nothing_of_a_refused_clip_is_handed_off(done, chain, tmp_path):
    """The shown robot's verdict is the clip's; a file of a refused clip would be found by who takes all files."""
    limits = refusing(done, tmp_path, worse="validation")
    (row,) = process_source(done.source, chain(limits=limits), done.dataset)
    assert row.outcome is Outcome.REJECTED
    assert not any(file_of(done.dataset, row, name).exists() for name in ALL)
    process_source(done.source, chain(), done.dataset)


def names_of_new(clip, before, after) -> set[str]:
    """Stages whose results another setting does not share."""
    old, new = fingerprints(clip, before.motion_file), fingerprints(clip, after.motion_file)
    return {name for name in new if new[name] != old.get(name)}


@pytest.mark.parametrize(
    ("settings", "redone"),
    [
        ({"robot": "29dof"}, set()),
        ({"formats": ("mjlab",)}, {"repair", "leads", "handoff", "report"}),
        ({"formats": ("pbhc",)}, {"repair", "tracking_23dof", "leads", "handoff", "picture", "report"}),
        ({"formats": ("pbhc",), "robot": "29dof"}, {"handoff"}),
        ({"robot": "23dof"}, {"repair", "tracking_23dof", "leads", "handoff", "picture", "report"}),
    ],
)
def test_another_choice_of_robot_or_formats_solves_nothing_again(form, chain, settings, redone):
    """Both solutions keep their names, whichever of them is shown; files and the picture follow the choice."""
    assert names_of_new(Clip.of(form), chain(), chain(**settings)) == redone


def test_a_choice_that_lacked_one_robot_adds_only_that(done, chain, form, tmp_path):
    """From mjlab alone to all formats: the welded robot is solved and judged, the rest is there."""
    only, default = chain(formats=("mjlab",)), chain()
    added = {"retarget_23dof", "validation_23dof", "verdict_23dof", "repair", "leads", "handoff", "report"}
    assert names_of_new(Clip.of(form), only, default) == added
    dataset = Dataset.open_or_create(tmp_path / "set")
    (row,) = process_source(form, only, dataset)
    kept = {p: p.stat().st_mtime_ns for p in dataset.clip_dir(row.clip.id).glob("*-*.json")}
    (again,) = process_source(form, default, dataset)
    assert again.fingerprints == done.row.fingerprints
    assert all(p.stat().st_mtime_ns == time for p, time in kept.items())


def test_a_robot_of_23_joints_serves_every_format(form, chain, tmp_path):
    """Who owns one gets the same links in all files, wrists at zero, and is told so."""
    dataset = Dataset.open_or_create(tmp_path / "set")
    (row,) = process_source(form, chain(robot="23dof"), dataset)
    assert {"retarget", "validation", "verdict"}.isdisjoint(row.fingerprints)
    assert (row.outcome, shown_variant(row.fingerprints)) == (Outcome.ACCEPTED, "23dof")
    motion = FORMATS["unitree-csv"].read(file_of(dataset, row, "unitree-csv"))
    assert not motion.joint_pos[:, np.isin(motion.joint_names, WRIST_JOINTS)].any()
    full, welded = load_g1("29dof"), load_g1("23dof")
    pos_w, _ = link_poses(full, motion.qpos)
    shared = [full.body_names.index(name) for name in welded.body_names]
    pbhc = FORMATS["pbhc"].link_positions(file_of(dataset, row, "pbhc"))
    assert 1e3 * np.abs(pos_w[:, shared] - pbhc).max() < 0.02
    assert sum("the wrists stand at zero" in remark for remark in row.remarks) == 2


def test_a_table_that_does_not_say_where_welded_links_are_is_refused_before_any_work(chain, tmp_path):
    """One sentence names the robot, the link and the entry; formats with all joints need none."""
    text = correspondence_path("smpl_to_g1").read_text(encoding="utf-8")
    start, stop = text.index("[welded.left"), text.index("# Regions besides")
    table = tmp_path / "mine.toml"
    table.write_text(text[:start] + text[stop:], encoding="utf-8")
    retarget = replace(Settings().retarget, correspondence=str(table))
    chain(retarget=retarget, formats=("mjlab",))
    with pytest.raises(InvalidCorrespondence, match=r"g1_23dof has no link '(left_wrist_yaw_link)'.*\[welded\.\1\]"):
        chain(retarget=retarget)
