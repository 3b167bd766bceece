"""A folder that a trainer takes as it is: complete, checked, the same each time, and never half of one."""

from __future__ import annotations

import csv
import json
import pickle
import re
import resource
import shutil
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

from pipeline.exceptions import CorruptArtefact, OutputNotWritable
from pipeline.export import FORMATS, read_handoff
from pipeline.hand_edits import ContactEdit
from pipeline.handing import HandoffOptions, Why, hand_over
from pipeline.handing.exceptions import FolderTaken, HandOverRunning, NothingToHandOver
from pipeline.handing.readme import COMMANDS
from pipeline.leads_stage import LedJudge
from pipeline.record_codec import plain
from pipeline.sealed import read_sealed
from pipeline.settings import Settings
from robots.exceptions import UnknownName
from robots.g1 import load_g1

REPOSITORY = Path(__file__).parents[3]
FPS, LEAD = 30, 15


def contents(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def beside(folder):
    """What lies in a folder's parent besides it and the dataset."""
    return sorted(p.name for p in folder.parent.iterdir() if p.name not in (folder.name, "set"))


@pytest.fixture
def five(build):
    """Five sources, one of them with two clips."""
    for name in ("a", "b", "c", "d"):
        build.add(name)
    for part in (0, 1):
        build.add("e", part=part)
    return build


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
    assert beside(out) == []


def test_no_source_stands_on_both_sides(five, tmp_path):
    """Two clips of one video go together, whichever side that is."""
    for seed in range(5):
        out = tmp_path / f"out{seed}"
        files = hand_over(five.dataset, out, HandoffOptions(to="unitree-csv", val_share=0.4, seed=seed)).files
        sides = {side: {f.source_sha256 for f in files if f.split == side} for side in ("train", "val")}
        assert sides["train"] and sides["val"]
        assert not sides["train"] & sides["val"]
        assert {f.split for f in files} == {Path(f.file).parts[0] for f in files}


def test_the_metadata_says_where_a_motion_comes_from_and_what_it_may_be_used_for(build, tmp_path):
    """A person's decision, a difficulty, the versions that made it; JSON that is sealed, and a table."""
    nc = build.add("kick", outcome="rejected", licences=("CC BY-NC 4.0",), cap=1.4, score=0.4)
    build.decide(nc, "accept", frames=(10, 40), reason="good-kick")
    build.add("=form()", cap=0.25)
    bad = build.add("bad", outcome="rejected")
    out = tmp_path / "out"
    hand_over(build.dataset, out, HandoffOptions(to="unitree-csv", val_share=0.0))
    document = read_sealed(out / "metadata.json")
    kept, form = sorted(document["files"], key=lambda entry: entry["source"], reverse=True)
    assert (kept["clip"], kept["frames"], kept["kind"], kept["accepted_by"]) == (nc.id, [10, 40], "part", "decision")
    assert kept["decision"]["reason"] == "good-kick"
    assert not kept["rejections"]  # what refused the clip is not in these frames
    assert kept["score"] > 0.4
    assert kept["edits"] == ["frames 10 to 39 were kept, by ann"]
    assert (kept["difficulty"], form["difficulty"], form["follows_without_help"]) == (1.0, 0.25, True)
    assert (kept["commercial_use"], form["commercial_use"], document["commercial_use"]) == (
        "forbidden",
        "allowed",
        "forbidden",
    )
    assert form["stages"]["retarget"]["version"] == 7
    assert document["stage_versions"]["leads"] == [7]
    assert document["settings"] == [build.settings]
    assert document["joint_order"] == list(load_g1("29dof").joint_names)
    assert [item["name"] for item in document["left_out"]] == [bad.id]
    first, *rows = csv.reader((out / "metadata.csv").read_text(encoding="utf-8").splitlines())
    assert first[:2] == ["file", "split"]
    assert {row[first.index("source")] for row in rows} == {"kick", "'=form()"}
    (out / "metadata.json").write_bytes((out / "metadata.json").read_bytes().replace(b'"allowed"', b'"alloweD"'))
    with pytest.raises(CorruptArtefact, match="has changed since it was written"):
        read_sealed(out / "metadata.json")


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


def test_the_same_dataset_gives_the_same_folder(five, tmp_path):
    """To the last byte, into another folder or into the same; a folder that was harmed is made whole."""
    options = HandoffOptions(to="pbhc", val_share=0.3)
    out, other = tmp_path / "out", tmp_path / "deep" / "other"
    assert hand_over(five.dataset, out, options).changed
    first = contents(out)
    times = {path: path.stat().st_mtime_ns for path in out.rglob("*")}
    assert not hand_over(five.dataset, out, options).changed
    assert times == {path: path.stat().st_mtime_ns for path in out.rglob("*")}
    hand_over(five.dataset, other, options)
    assert contents(other) == first
    victim = next((out / "train").iterdir())
    victim.write_bytes(victim.read_bytes()[:-1])
    assert hand_over(five.dataset, out, options).changed
    assert contents(out) == first
    assert beside(out) == ["deep"]


def test_a_later_hand_over_takes_the_place_of_the_former(five, tmp_path):
    """What is no longer accepted is gone, whatever format it was in."""
    out = tmp_path / "out"
    hand_over(five.dataset, out, HandoffOptions(to="pbhc"))
    bundle = hand_over(five.dataset, out, HandoffOptions(to="unitree-csv"))
    assert {p.suffix for p in out.rglob("*") if p.parent.name in ("train", "val")} == {".csv"}
    assert bundle.changed
    assert beside(out) == []


@pytest.mark.parametrize(
    ("strange", "said"),
    [
        ("notes.txt", "is not empty, and no earlier hand-over made it"),
        ("train/mine.csv", "no earlier hand-over made it"),
        ("file", "is no folder"),
        ("former/logs/model.pt", "holds 'logs/model.pt', which no hand-over wrote and this one would remove"),
        ("former/train/mine.csv", "holds 'train/mine.csv'"),
        ("former/link", "holds 'link'"),
        ("in the dataset", "lies within the dataset"),
    ],
)
def test_a_folder_that_holds_something_else_is_refused_and_untouched(five, tmp_path, strange, said):
    """Results of training lie there, perhaps: they would be lost."""
    out, options = tmp_path / "out", HandoffOptions(to="unitree-csv")
    if strange == "file":
        out.write_text("mine")
    elif strange == "in the dataset":
        out = five.dataset.root / "clips" / "out"
    else:
        if strange.startswith("former/"):
            hand_over(five.dataset, out, options)
        path = out / strange.removeprefix("former/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.symlink_to(tmp_path) if path.name == "link" else path.write_text("mine")
    before = contents(tmp_path)
    with pytest.raises(FolderTaken, match=re.escape(said)):
        hand_over(five.dataset, out, options)
    after = contents(tmp_path)
    assert {name for name in before.keys() ^ after.keys() if ".locks" not in name} == set()


def test_nothing_accepted_is_one_sentence_and_no_folder(build, tmp_path):
    """It counts what stands in the way, and says what to do."""
    options = HandoffOptions(to="pbhc")
    with pytest.raises(NothingToHandOver, match=r"set: holds no clip to hand over as pbhc\. Make some with"):
        hand_over(build.dataset, tmp_path / "out", options)
    for name in ("a", "b"):
        build.add(name, outcome="rejected")
    build.add("c", outcome="broken")
    build.add("d", variants=("29dof",))
    said = (
        r"nothing can be handed over as pbhc: 2 refused by the checks, .*1 without a motion of this robot.*The first: "
    )
    with pytest.raises(NothingToHandOver, match=said) as told:
        hand_over(build.dataset, tmp_path / "out", options)
    assert told.value.counts[Why.BROKEN] == 1
    assert [p.name for p in tmp_path.iterdir()] == ["set"]


def test_an_unknown_format_is_named_with_those_that_are(build, tmp_path):
    """Before anything is read or written."""
    with pytest.raises(
        UnknownName, match=r"unknown hand-off format 'mjlb'\. Did you mean 'mjlab'\? Known: pbhc, mjlab"
    ):
        hand_over(build.dataset, tmp_path / "out", HandoffOptions(to="mjlb"))
    assert not (tmp_path / "out").exists()


def test_a_full_disk_leaves_the_former_folder_as_it_was(five, tmp_path):
    """And nothing half-written beside it."""
    out = tmp_path / "out"
    hand_over(five.dataset, out, HandoffOptions(to="unitree-csv"))
    before = contents(out)
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, limit[1]))
    try:
        with pytest.raises(OutputNotWritable, match="cannot be written"):
            hand_over(five.dataset, out, HandoffOptions(to="mjlab"))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
        signal.signal(signal.SIGXFSZ, handler)
    assert contents(out) == before
    assert beside(out) == []


def test_a_kill_leaves_nothing_half_written_and_the_next_run_ends_it(five, tmp_path):
    """Killed while the last motion is written: the place is empty; what lay beside it is taken up and swept."""
    out = tmp_path / "out"
    program = f"""
        import os, signal
        from pathlib import Path
        from pipeline.handing import HandoffOptions, hand_over
        from pipeline.store import Dataset

        def kill(done, total):
            if done == total - 1:
                os.kill(os.getpid(), signal.SIGKILL)

        hand_over(Dataset.open(Path({str(five.dataset.root)!r})), Path({str(out)!r}), HandoffOptions(to="pbhc"), kill)
    """
    killed = subprocess.run([sys.executable, "-c", textwrap.dedent(program)], cwd=REPOSITORY)
    assert killed.returncode == -signal.SIGKILL
    assert not out.exists()
    assert beside(out) == [".out.part"]
    hand_over(five.dataset, out, HandoffOptions(to="pbhc"))
    assert beside(out) == []


def test_an_exchange_that_was_cut_short_is_undone(five, tmp_path):
    """Killed between two renames, the former folder is under another name; it comes back, and is then replaced."""
    out = tmp_path / "out"
    hand_over(five.dataset, out, HandoffOptions(to="pbhc"))
    before = contents(out)
    former = tmp_path / ".out.part" / "former"
    former.parent.mkdir()
    out.rename(former)
    assert not hand_over(five.dataset, out, HandoffOptions(to="pbhc")).changed
    assert contents(out) == before
    shutil.copytree(out, former)
    hand_over(five.dataset, out, HandoffOptions(to="pbhc"))
    assert beside(out) == []


@pytest.mark.parametrize("last", [False, True])
def test_two_at_once_do_not_mix(five, tmp_path, last):
    """The second is told, whenever it comes, and takes nothing from the first."""
    out = tmp_path / "out"
    told = []

    def again(done, total):
        if done == (total if last else 0) and not told:
            with pytest.raises(HandOverRunning, match="another hand-over is writing there") as error:
                hand_over(five.dataset, out, HandoffOptions(to="pbhc"))
            told.append(error)

    bundle = hand_over(five.dataset, out, HandoffOptions(to="pbhc"), again)
    assert told
    assert len(bundle.files) == len(list(out.rglob("*.pkl"))) == 6
    assert subprocess.run(["sha256sum", "-c", "--quiet", "SHA256SUMS"], cwd=out, check=True)
    assert beside(out) == []


@pytest.mark.parametrize("way", ["link", "folder", "link within"])
def test_what_lies_where_it_would_be_written_is_left_alone(build, tmp_path, way):
    """The place beside the folder has a plain name: somebody may have put something of that name there."""
    build.add("kick")
    (victim := tmp_path / "victim").mkdir()
    (victim / "mine.txt").write_text("mine")
    part = tmp_path / ".out.part"
    if way == "folder":
        victim.rename(part)
    elif way == "link":
        part.symlink_to(victim)
    else:
        part.mkdir()
        (part / "former").symlink_to(victim)
    with pytest.raises(FolderTaken, match=r"\.out\.part: is in the way, and no hand-over made it"):
        hand_over(build.dataset, tmp_path / "out", HandoffOptions(to="unitree-csv"))
    assert ((part if way == "folder" else victim) / "mine.txt").read_text() == "mine"


def test_a_folder_whose_metadata_was_harmed_is_made_whole(build, tmp_path):
    """Its sums still say what a hand-over wrote there; what else lies there is refused as ever."""
    build.add("kick")
    out, options = tmp_path / "out", HandoffOptions(to="unitree-csv")
    hand_over(build.dataset, out, options)
    first = contents(out)
    (out / "metadata.json").write_bytes(first["metadata.json"][:100])
    (out / "train" / "mine.csv").write_text("mine")
    with pytest.raises(FolderTaken, match=r"holds 'train/mine.csv'"):
        hand_over(build.dataset, out, options)
    (out / "train" / "mine.csv").unlink()
    assert hand_over(build.dataset, out, options).changed
    assert contents(out) == first


def test_a_dataset_that_cannot_be_written_is_handed_over(build, tmp_path):
    """Nothing in it is changed; where nobody can lock, nobody can tidy either."""
    build.add("kick")
    (build.dataset.root / ".locks").write_text("no folder can be made here")
    assert len(hand_over(build.dataset, tmp_path / "out", HandoffOptions(to="unitree-csv")).files) == 1


def test_the_readme_says_how_training_starts_as_it_was_checked(five, tmp_path):
    """The commands are those of the page that is held against the consumers, with a file that is there."""
    page = (REPOSITORY / "docs" / "handoff-consumers.md").read_text(encoding="utf-8")
    words = re.compile(r"(?<= )[-+]+[a-z][\w.-]+(?:=[\w/]+)?|scripts/\S+\.py|-m \S+")
    known = set(words.findall(page))
    for to in FORMATS:
        out = tmp_path / to
        hand_over(five.dataset, out, HandoffOptions(to=to, val_share=0.2))
        text = (out / "README.md").read_text(encoding="utf-8")
        command = re.search(r"\n    (python (?:.*\\\n)*.*)\n", text)
        assert command is not None
        asked = set(words.findall(command[1].replace("\\\n", " ")))
        assert len(asked) >= 2
        assert asked <= known, asked - known
        named = re.search(r"train/[\w.-]+", command[1])
        assert named is not None
        assert (out / named[0]).is_file()
        assert "CC BY 4.0, J. Doe" in text
        assert "All of it may be used commercially" in text
    assert "BeyondMimic is served by this CSV" in COMMANDS["unitree-csv"]


def test_what_users_wrote_stays_text(build, tmp_path):
    """A licence with markup in it, or with braces, is shown as it is and breaks nothing."""
    build.add("kick", licences=("<script>{0}{first}</script>\n# MIT",))
    hand_over(build.dataset, tmp_path / "out", HandoffOptions(to="gmr"))
    text = (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    assert "- &lt;script>{0}{first}&lt;/script> # MIT\n" in text
    assert "Not known to be free for commercial use" in text
    assert json.loads((tmp_path / "out" / "metadata.json").read_text())["commercial_use"] == "unknown"


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
