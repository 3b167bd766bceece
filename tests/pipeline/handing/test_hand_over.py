"""Motions as a trainer reads them: complete, checked, of every robot, as the verdict and people want them."""

from __future__ import annotations

import pickle
import subprocess
from pathlib import Path

import numpy as np
import pytest

from pipeline.export import FORMATS, read_handoff
from pipeline.hand_edits import ContactEdit
from pipeline.handing import HandoffOptions, Why, hand_over
from pipeline.handing.exceptions import NothingToHandOver
from pipeline.leads_stage import LedJudge
from pipeline.record_codec import plain
from pipeline.settings import Settings
from robots.g1 import load_g1

FPS, LEAD = 30, 15


@pytest.mark.parametrize("to", FORMATS)
def test_every_format_comes_whole_and_checked(five, to, tmp_path):
    """Files that read back as the motion with its leads, on two sides, with figures and sums beside them."""
    out = tmp_path / "out"
    bundle = hand_over(five.dataset, out, HandoffOptions(to=to, val_share=0.3))
    form = FORMATS[to]
    assert len(bundle.files) == 6
    assert {path.name for path in out.iterdir()} == {
        "train",
        "val",
        "metadata.json",
        "metadata.csv",
        "README.md",
        "SHA256SUMS",
    }
    for entry in bundle.files:
        motion = read_handoff(out / entry.file, to)
        assert form.check(out / entry.file) == ()
        assert len(motion) == entry.n_frames
        seconds = (entry.n_frames - entry.lead_in_frames - entry.lead_out_frames) / entry.fps
        assert seconds == pytest.approx(entry.duration_s, abs=2 / entry.fps)
        assert entry.lead_in_frames == pytest.approx(LEAD / FPS * entry.fps, abs=1)
        assert (entry.fps, entry.fk_error_mm < 0.1) == (form.fps, True)
    assert subprocess.run(["sha256sum", "-c", "--quiet", "SHA256SUMS"], cwd=out, check=True)
    assert {path.name for path in tmp_path.iterdir()} == {"out", "set"}


def test_no_source_stands_on_both_sides(five, tmp_path):
    """Two clips of one video go together, whichever side that is."""
    for seed in range(5):
        out = tmp_path / f"out{seed}"
        files = hand_over(five.dataset, out, HandoffOptions(to="unitree-csv", val_share=0.4, seed=seed)).files
        sides = {side: {f.source_sha256 for f in files if f.split == side} for side in ("train", "val")}
        assert sides["train"] and sides["val"]
        assert not sides["train"] & sides["val"]
        assert {f.split for f in files} == {Path(f.file).parts[0] for f in files}


def test_a_trim_holds_the_frames_that_were_kept(build, tmp_path):
    """And nothing of the rest; its settings ask for no leads."""
    clip = build.add("kick")
    build.decide(clip, "accept", frames=(10, 40))
    (entry,) = hand_over(build.dataset, tmp_path / "out", HandoffOptions(to="unitree-csv")).files
    motion = read_handoff(tmp_path / "out" / entry.file, "unitree-csv")
    (path,) = build.dataset.clip_dir(clip.id).glob("retarget-*.npz")
    with np.load(path, allow_pickle=False) as solved:
        np.testing.assert_allclose(motion.joint_pos, solved["motion.joint_pos"][10:40], atol=1e-6)


@pytest.mark.parametrize(("to", "variant"), [("unitree-csv", "29dof"), ("pbhc", "23dof")])
def test_an_edit_reaches_the_file_of_every_robot(build, to, variant, tmp_path):
    """Height and contacts, also of the robot that nobody saw; the metadata says what was done, and by whom."""
    clip = build.add("kick")
    lifted = ContactEdit(foot="left", frames=(20, 30), stands=False)
    build.decide(clip, "accept", ground_m=0.01, contacts=(lifted,))
    (entry,) = hand_over(build.dataset, tmp_path / "out", HandoffOptions(to=to)).files
    assert entry.file == f"train/{clip.id}.kept0-60{FORMATS[to].suffix}"
    assert entry.edits == (
        "the robot was raised by 1 cm, by ann",
        "the left foot was set to bear no weight in frames 20 to 29, by ann",
    )
    assert entry.decision.contacts == (lifted,)
    motion = read_handoff(tmp_path / "out" / entry.file, to)
    np.testing.assert_allclose(motion.root_pos_w[:, 2], load_g1(variant).default_root_height + 0.01, atol=1e-5)
    if to == "pbhc":
        content = pickle.loads((tmp_path / "out" / entry.file).read_bytes())[f"{clip.id}.kept0-60"]
        left = np.ones(60)
        left[20:30] = 0.0
        np.testing.assert_array_equal(content["contact_mask"], np.column_stack([left, np.ones(60)]))


def test_an_edited_motion_that_nobody_saw_is_held_against_its_own_verdict(build, tmp_path):
    """The reviewer accepts that of the shown robot, whatever the limits say of it."""
    (tmp_path / "strict.toml").write_text("[validation.joint_speed]\nmaximum = 0.01\nadvice = 'Slower.'\n")
    build.judge_led = LedJudge.of(Settings(limits=str(tmp_path / "strict.toml")))
    clip = build.add("kick")
    build.decide(clip, "accept", ground_m=0.01)
    with pytest.raises(NothingToHandOver, match=r"1 refused for this robot.*g1_23dof was refused"):
        hand_over(build.dataset, tmp_path / "out", HandoffOptions(to="pbhc"))
    (entry,) = hand_over(build.dataset, tmp_path / "out", HandoffOptions(to="unitree-csv")).files
    assert entry.rejections


def test_a_decision_needs_no_limits_file(build, tmp_path):
    """The file that the clip was built with was moved or changed; the dataset knows what stood in it."""
    build.settings = build.dataset.add_settings(plain(Settings(limits="/gone/my.toml")))
    clip = build.add("kick", outcome="rejected")
    build.decide(clip, "accept", frames=(10, 40))
    (entry,) = hand_over(build.dataset, tmp_path / "out", HandoffOptions(to="unitree-csv")).files
    assert (entry.clip, entry.lead_in_frames) == (clip.id, 0)


def test_a_file_that_its_consumer_could_not_use_is_left_out_and_told(build, tmp_path):
    """A person may accept a motion beyond the joints' ends; the trainer would be asked for what no robot does."""
    good, bent = build.add("good"), build.add("bent", bend_rad=3.0)
    bundle = hand_over(build.dataset, tmp_path / "out", HandoffOptions(to="mjlab"))
    assert [entry.clip for entry in bundle.files] == [good.id]
    (left,) = bundle.left_out
    assert (left.name, left.why) == (bent.id, Why.UNSOUND)
    assert "knee" in left.sentence
    assert len(list((tmp_path / "out").rglob("*.npz"))) == 1


def test_a_balanced_hand_over_leaves_the_worst_of_a_long_source_out(build, tmp_path):
    """Three clips of one video against two videos of one: the best one stays, the others are told."""
    for part, score in enumerate((0.5, 0.9, 0.7)):
        build.add("long", part=part, score=score)
    build.add("a")
    build.add("b")
    bundle = hand_over(build.dataset, tmp_path / "out", HandoffOptions(to="unitree-csv", balance=True))
    assert sorted(entry.score for entry in bundle.files if entry.source == "long") == [0.9]
    assert [item.why for item in bundle.left_out] == [Why.BALANCE, Why.BALANCE]
    assert "Balanced" in (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
