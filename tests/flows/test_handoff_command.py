"""``wushu handoff`` and ``wushu decide`` on what a run left: one clear sentence, or a folder to train from."""

from __future__ import annotations

import getpass
import os
import shutil

import numpy as np
import pytest

from flows.cli import main
from pipeline.body import load_body
from pipeline.clip import Source, SourceFacts
from pipeline.decisions import read_decisions
from pipeline.export import read_handoff
from pipeline.home import Home
from pipeline.kfbench import PIECES, stage_piece
from pipeline.process_clip import process_source
from pipeline.sealed import read_sealed
from pipeline.settings import Settings
from pipeline.stages import build_stages
from pipeline.store import Dataset
from pipeline.tracking import FollowConfig
from retarget.result import RetargetResult

FORMATS = ("pbhc", "mjlab")


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Two seconds of the kung-fu form, as a motion file, taken through the chain with its leads; no pictures."""
    folder = tmp_path_factory.mktemp("built")
    motion = stage_piece(PIECES["kungfu_form"], load_body(), size=(640, 360)).motion.part(0.0, 2.0)
    pose = motion.body_pose.reshape(len(motion), -1)
    np.savez(
        folder / "form.npz",
        trans=motion.transl,
        poses=np.hstack([motion.global_orient, pose, np.zeros((len(motion), 6))]),
        betas=motion.betas,
        mocap_framerate=motion.fps,
        gender="neutral",
    )
    before = os.environ.get("MUJOCO_GL")
    os.environ["MUJOCO_GL"] = "disable"
    try:
        stages = build_stages(Settings(formats=FORMATS, tracking=FollowConfig(certify=False)), Home.of_user())
    finally:
        os.environ.pop("MUJOCO_GL")
        os.environ |= {} if before is None else {"MUJOCO_GL": before}
    source = Source.from_file(folder / "form.npz", SourceFacts(licence="CC0"))
    dataset = Dataset.open_or_create(folder / "set")
    (row,) = process_source(source, stages, dataset)
    return dataset, row


def said(capsys):
    out, err = capsys.readouterr()
    return " ".join(f"{out} {err}".split())


def test_the_folder_holds_what_the_run_accepted(built, tmp_path, capsys):
    """The very bytes that the run wrote itself: nothing is resampled twice; and it is told what may not be sold."""
    dataset, row = built
    for to, suffix in (("pbhc", ".pkl"), ("mjlab", ".npz")):
        out = tmp_path / to
        assert main(["handoff", str(dataset.root), "--to", to, "--out", str(out)]) == 0
        (path,) = (out / "train").iterdir()
        written = dataset.clip_dir(row.clip.id) / "handoff" / f"{row.clip.id}.{to}{suffix}"
        first, second = (read_handoff(file, to) for file in (path, written))
        np.testing.assert_array_equal(first.qpos, second.qpos)
        if to == "mjlab":
            assert path.read_bytes() == written.read_bytes()
    told = said(capsys)
    assert "handed over 1 motion: 1 to train on (2.0 s), 0 to validate on (0.0 s)" in told
    assert "note: there is one source only" in told
    assert "is not for commercial use; --commercial leaves it out" in told  # it was read as a file of AMASS
    (entry,) = read_sealed(tmp_path / "mjlab" / "metadata.json")["files"]
    assert entry["lead_in_frames"] > 0
    assert entry["stages"]["leads"]["version"] >= 1


def test_a_person_comes_before_the_verdict(built, tmp_path, capsys):
    """A trim by hand is led and handed over; a rejection leaves nothing, which is said; undone, it is as it was."""
    dataset, row = built
    decide = ["decide", str(dataset.root), row.clip.id[:6]]
    handoff = ["handoff", str(dataset.root), "--to", "mjlab", "--out"]
    assert main([*decide, "accept", "--frames", "5:50", "--reason", "good-punch", "--by", "ann"]) == 0
    told = said(capsys)
    assert "accept of frames 5 to 49 by ann" in told
    assert "the checks say: accepted hands over: frames 5 to 49 as they stood" in told
    assert main([*handoff, str(tmp_path / "trim")]) == 0
    (entry,) = read_sealed(tmp_path / "trim" / "metadata.json")["files"]
    assert (entry["frames"], entry["accepted_by"], entry["decision"]["reason"]) == ([5, 50], "decision", "good-punch")
    solved = dataset.load(row.clip.id, "retarget", row.fingerprints["retarget"], RetargetResult).motion
    back = read_handoff(tmp_path / "trim" / entry["file"], "mjlab")
    n_led = len(back) - entry["lead_in_frames"] - entry["lead_out_frames"]
    assert n_led / 50 == pytest.approx(44 / solved.fps, abs=0.04)

    assert main([*decide, "reject", "--note", "no: [brackets]"]) == 1
    assert "another reviewer decided otherwise: accept of frames 5 to 49 by ann" in said(capsys)
    assert main([*decide, "reject", "--note", "no: [brackets]", "--overrule"]) == 0
    told = said(capsys)
    assert "reviewers differ on it" in told
    assert f"reject by {getpass.getuser()}" in told
    assert "hands over: nothing: reject by" in told
    assert main([*handoff, str(tmp_path / "none")]) == 1
    assert "nothing can be handed over as mjlab: 1 rejected by a person." in said(capsys)
    assert not (tmp_path / "none").exists()

    assert main([*decide, "accept", "--by", "ann", "--overrule"]) == 0
    assert main([*handoff, str(tmp_path / "both")]) == 0
    assert "reviewers differ on it: accept by ann" in said(capsys)

    assert main([*decide, "undo"]) == 0
    for _ in range(2):
        assert main([*decide, "undo", "--by", "ann"]) == 0
    assert "the verdict decides" in said(capsys)
    assert len(read_decisions(dataset, row.clip.id).items) == 6


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("decide", "SET", "form", "undo", "--by", "nobody"), "form: nobody decided nothing here that still stands"),
        (("decide", "SET", "form", "accept", "--frames", "5-50"), "--frames is 5-50. Name the first frame"),
        (("decide", "SET", "form", "accept", "--frames", "5:5000"), "form: frame 4999 is named, and there are 0 to"),
        (("decide", "SET", "form", "accept", "--contacts", "left:5:10"), "--contacts is left:5:10. Name foot"),
        (("decide", "SET", "form", "accept", "--contacts", "left:10:5:stands"), "10:5 is no span"),
        (("decide", "SET", "form", "accept", "--ground-m", "0.5"), "ground_m: the robot is raised by -0.2 to 0.2 m"),
        (("decisions", "import", "SET", "OUT"), "cannot be read (no such file or directory)"),
        (("decisions", "export", "OUT", "OUT"), "holds no readable dataset.json"),
        (("decide", "SET", "form", "accept", "--frames", "50:5"), "50:5 is no span"),
        (("decide", "SET", "form", "reject", "--frames", "5:50"), "name no frames"),
        (("decide", "SET", "form", "reject", "--reason", "Bad Feet"), "a code in lower case with hyphens"),
        (("decide", "SET", "form", "accept", "--fingerprint", "0123"), "solved anew since it was looked at (0123 then"),
        (("decide", "SET", "kata", "accept"), "unknown clip 'kata'"),
        (("handoff", "SET", "--to", "mjlb", "--out", "OUT"), "unknown hand-off format 'mjlb'. Did you mean 'mjlab'?"),
        (("handoff", "SET", "--to", "mjlab", "--out", "SET"), "lies within the dataset"),
        (
            ("handoff", "SET", "--to", "mjlab", "--out", "OUT", "--val-share", "2"),
            "val_share: must lie between 0 and 1",
        ),
        (("handoff", "SET", "--to", "mjlab", "--out", "OUT", "--commercial"), "free for commercial use"),
        (("handoff", "OUT", "--to", "mjlab", "--out", "OUT"), "holds no readable dataset.json"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(built, tmp_path, capsys, words, sentence):
    """Nothing is written, and nothing is decided."""
    dataset, row = built
    before = read_decisions(dataset, row.clip.id)
    places = {"SET": str(dataset.root), "OUT": str(tmp_path / "out")}
    assert main([places.get(word, word) for word in words]) == 1
    assert sentence in said(capsys)
    assert not (tmp_path / "out").exists()
    assert read_decisions(dataset, row.clip.id) == before


def test_a_motion_is_edited_from_the_command_line_and_the_decision_goes_to_another_copy(built, tmp_path, capsys):
    """By a table, of which each line is taken over once; what was refused makes the exit code 1."""
    dataset, row = built
    copy = tmp_path / "copy"
    shutil.copytree(dataset.root, copy)
    decide = ["decide", str(dataset.root), "form", "accept", "--by", "ann", "--ground-m", "-0.01"]
    assert main([*decide, "--contacts", "left:3:9:stands", "right:5:7:lifted", "--reason", "my-own"]) == 0
    told = said(capsys)
    assert "accept (lowered by 1 cm, 2 contacts edited) by ann" in told
    assert "'my-own' is a reason of your own; those that all reviewers share are foot-skate, floating" in told
    before = len(read_decisions(dataset, row.clip.id).items)
    file = tmp_path / "decisions.csv"
    assert main(["decisions", "export", str(dataset.root), str(file)]) == 0
    assert main(["decisions", "import", str(dataset.root), str(file)]) == 0
    assert f"0 taken over, {before} known already, 0 refused" in said(capsys)
    assert main(["decisions", "import", str(copy), str(file)]) == 0
    assert "1 taken over" in said(capsys)
    last = read_decisions(dataset, row.clip.id).items[-1]
    assert read_decisions(Dataset(copy), row.clip.id).items[-1] == last
    assert last.ground_m == -0.01
    assert [(edit.foot, edit.frames, edit.stands) for edit in last.contacts] == [
        ("left", (3, 9), True),
        ("right", (5, 7), False),
    ]
    file.write_bytes(file.read_bytes().replace(row.clip.id.encode(), b"0" * 16))
    assert main(["decisions", "import", str(copy), str(file)]) == 1
    assert "note: line 2: there is no clip '0000000000000000'" in said(capsys)
    assert main(["decide", str(dataset.root), "form", "undo", "--by", "ann"]) == 0
