"""The bench judges everyone on the same views, repeats itself, hides no broken file, and never on clips learned."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from pipeline.bench_estimate import BenchConfig, bench_estimators, bench_these, contenders, keypoint_level
from pipeline.bench_estimate import config as bench_config
from pipeline.body import load_body
from pipeline.exceptions import PipelineError
from pipeline.home import Home
from pipeline.kfbench import PIECES, perform
from pipeline.kfbench.bench_clips import NoClips
from pipeline.kfbench.bench_result import GROUPS
from retarget.smpl_skeleton import SMPL_JOINT_NAMES, SMPL_PARENTS
from robots.exceptions import InvalidArray, UnknownName

BODY = load_body()
DANCE = perform(PIECES["dance"], BODY)
NAMES = {
    "pelvis": "Hips", "spine1": "Spine", "spine2": "Spine1", "spine3": "Spine2", "neck": "Neck", "head": "Head",
    "hip": "UpLeg", "knee": "Leg", "ankle": "Foot", "foot": "ToeBase", "collar": "Shoulder", "shoulder": "Arm",
    "elbow": "ForeArm", "wrist": "Hand", "hand": "HandTip",
}  # fmt: skip


class Still:
    """An estimator of a person who stands upright on the spot, whatever is seen: quick, wrong, and always the same."""

    name, version, config = "still", 1, None

    def __init__(self, trained_on: frozenset[str] = frozenset(), upright: bool = True) -> None:
        self.trained_on = trained_on
        self.upright = upright
        self.seen = []

    def estimate(self, evidence, body, progress=None):
        self.seen.append(evidence)
        n = len(evidence)
        orient = np.tile([np.pi / 2, 0.0, 0.0] if self.upright else [0.0, 0.0, 0.0], (n, 1))
        return body.motion(evidence.fps, np.zeros(10), orient, np.zeros((n, 21, 3)), np.tile([0.0, 0.0, 0.9], (n, 1)))


class TooFewFrames(PipelineError):
    def __init__(self) -> None:
        super().__init__("a minute is too short.")


class Refuses(Still):
    """An estimator that cannot do what a moving camera saw."""

    def estimate(self, evidence, body, progress=None):
        if np.ptp(evidence.R_w2c, axis=0).max() > 0:
            raise TooFewFrames
        return super().estimate(evidence, body)


@pytest.fixture
def offer(monkeypatch):
    """Let the bench know these estimators and no others."""

    def these(**estimators):
        table = {name: (lambda: None, lambda config, made=made: made) for name, made in estimators.items()}
        monkeypatch.setattr(contenders, "ESTIMATORS", table)
        monkeypatch.setattr(bench_config, "ESTIMATORS", table)

    return these


def bvh_name(name: str) -> str:
    side, _, part = name.partition("_")
    return f"{side.capitalize()}{NAMES[part]}" if part else NAMES[side]


def write_bvh(path: Path, motion) -> None:
    """The motion in centimetres, y up, its zero pose SMPL's."""
    path.parent.mkdir(parents=True, exist_ok=True)
    to_file = Rotation.from_rotvec([-np.pi / 2, 0, 0]).as_matrix()
    pos_w, rot_w = motion.joints()
    turned, rest = to_file @ rot_w, 100.0 * motion.rest_joint_pos
    lines, columns = ["HIERARCHY"], [100.0 * pos_w[:, 0] @ to_file.T]

    def visit(joint: int) -> None:
        parent = SMPL_PARENTS[joint]
        offset = rest[joint] - rest[parent] if parent >= 0 else np.zeros(3)
        lines.append(f"{'JOINT' if parent >= 0 else 'ROOT'} {bvh_name(SMPL_JOINT_NAMES[joint])}")
        lines.extend(["{", "OFFSET " + " ".join(f"{x:.6f}" for x in offset)])
        places = "" if parent >= 0 else "Xposition Yposition Zposition "
        lines.append(f"CHANNELS {6 if places else 3} {places}Zrotation Yrotation Xrotation")
        local = np.swapaxes(turned[:, parent], 1, 2) @ turned[:, joint] if parent >= 0 else turned[:, joint]
        with warnings.catch_warnings(action="ignore"):  # a square elbow has many angles, and any of them will do
            columns.append(Rotation.from_matrix(local).as_euler("ZYX", degrees=True))
        children = [j for j, p in enumerate(SMPL_PARENTS) if p == joint]
        for child in children:
            visit(child)
        lines.extend([] if children else ["End Site", "{", "OFFSET 0 0 1", "}"])
        lines.append("}")

    visit(0)
    table = np.concatenate(columns, axis=1)
    lines += ["MOTION", f"Frames: {len(table)}", f"Frame Time: {1 / motion.fps:.8f}"]
    path.write_text("\n".join(lines + [" ".join(f"{x:.6f}" for x in row) for row in table]) + "\n")


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Three takes, one broken and one that is too short, with an index."""
    place = tmp_path_factory.mktemp("mocap")
    write_bvh(place / "a" / "094_04.bvh", DANCE.frames(0, 60))
    write_bvh(place / "a" / "135_03.bvh", perform(PIECES["kungfu_form"], BODY).frames(0, 50))
    write_bvh(place / "b" / "odd.bvh", DANCE.frames(100, 150))
    write_bvh(place / "b" / "blink.bvh", DANCE.frames(0, 10))
    (place / "b" / "broken.bvh").write_text("HIERARCHY\nROOT Hips\n{")
    rows = "a/094_04.bvh,dance,\na/135_03.bvh,martial_arts,\nb/odd.bvh,gesture,R_Wrist:136\nb/blink.bvh,dance,\n"
    (place / "index.csv").write_text("file,category,qa_flags\n" + rows)
    return place


def run(**config):
    return bench_estimators(BenchConfig(**{"robot": False, **config}), Home.of_user())


def test_a_seed_is_a_result(offer):
    """Another seed is another."""
    offer(still=Still())
    first, again, other = (run(seed=seed, views=1, longest_s=1.0) for seed in (3, 3, 4))
    assert first.figures() == again.figures()
    assert first.figures() != other.figures()


def test_every_estimator_gets_the_same_evidence(offer):
    one, two = Still(), Still()
    offer(one=one, two=two)
    result = run(views=1, longest_s=1.0)
    assert len(one.seen) == 4  # two pieces, before a camera at rest and before one that moves
    assert all(a is b for a, b in zip(one.seen, two.seen, strict=True))
    still = [np.ptp(evidence.R_w2c, axis=0).max() == 0 for evidence in one.seen]
    assert still == [True, False, True, False]
    figures = result.figures()
    assert figures["one_all_pa_mpjpe_mm"] == figures["two_all_pa_mpjpe_mm"] > 0
    assert {key.split("_")[1] for key in figures} == {"all", "dance", "kungfu", "static"}
    assert all(np.isfinite(value) for value in figures.values())
    assert figures["one_all_mpjpe_mm_lo"] <= figures["one_all_mpjpe_mm"] <= figures["one_all_mpjpe_mm_hi"]


def test_estimators_made_elsewhere_stand_on_the_same_views(offer):
    """What a switch gains is a difference of two columns of the bench, not of two benches."""
    named, variant = Still(), Still()
    offer(named=named)
    expected = run(views=2, longest_s=1.0)
    kinds = []
    config = BenchConfig(robot=False, views=2, longest_s=1.0)
    made: dict[str, Any] = {"switch=off": variant}
    found = bench_these(made, config, Home.of_user(), on_view=kinds.append, notes=("one",))
    for a, b in zip(named.seen, variant.seen, strict=True):
        np.testing.assert_array_equal(a.kp2d, b.kp2d)
        np.testing.assert_array_equal(a.R_w2c, b.R_w2c)
    assert found.values["switch=off", "all"] == expected.values["named", "all"]
    assert kinds[::2] == ["static"] * 4 and "static" not in kinds[1::2]
    assert found.notes == ("one", *expected.notes)


def test_evidence_does_not_tell_a_dolly_from_a_tripod(offer, monkeypatch):
    """Both are reported as cameras that never turn, to the last bit: an estimator has to see the difference."""
    still = Still()
    offer(still=still)
    monkeypatch.setattr(keypoint_level, "MOVING_KINDS", ("dolly",))
    run(views=1, longest_s=1.0)
    assert len(still.seen) == 4
    for evidence in still.seen:
        np.testing.assert_array_equal(evidence.R_w2c, np.broadcast_to(np.eye(3), evidence.R_w2c.shape))


def test_a_clip_keeps_its_camera_whatever_else_is_in_the_folder(offer):
    """Chance belongs to the clip, so that figures of a clip can be compared between runs."""
    one, two = Still(), Still()
    offer(still=one)
    run(views=1, longest_s=1.0)
    offer(still=two)
    run(views=3, longest_s=1.0)
    assert any(np.array_equal(one.seen[1].kp2d, evidence.kp2d) for evidence in two.seen)


def test_a_broken_file_costs_one_sentence_and_the_others_are_measured(offer, folder):
    offer(still=Still())
    result = run(mocap=folder)
    assert len(result.failures) == 1 and "broken.bvh" in result.failures[0]
    assert result.clips == {"all": 2, "locomotion": 0, "dance": 1, "kungfu": 1, "airborne": 0, "static_camera": 2}
    notes = " ".join(result.notes)
    assert "1 clips with known defects" in notes and "1 clips are shorter than 1 s" in notes
    assert "1 files are not in" in notes  # the broken one
    assert run(mocap=folder, flagged=True).clips["all"] == 3


def test_clips_that_weights_have_seen_are_left_out_for_everyone(offer, folder):
    """One estimator's training clips are no test for the comparison either."""
    offer(still=Still(), learned=Still(trained_on=frozenset({"094_04"})))
    held_out, all_of_them = run(mocap=folder), run(mocap=folder, seen=True)
    assert held_out.clips["dance"] == 0 and all_of_them.clips["dance"] == 1
    assert any("held out: 1 clips that weights were trained on are left out" in note for note in held_out.notes)
    assert any("not held out: weights were trained on 1 of" in note for note in all_of_them.notes)
    offer(still=Still())
    assert run(mocap=folder).clips["dance"] == 1


def test_without_an_index_all_clips_are_in_one_group(offer, folder):
    offer(still=Still())
    result = run(mocap=folder / "a" / ".." / "b", flagged=True)
    assert result.clips["all"] == 1  # its parent's index counts
    lonely = folder.parent / "lonely"
    write_bvh(lonely / "in" / "x.bvh", DANCE.frames(0, 40))
    result = run(mocap=lonely / "in")
    assert result.clips == {group: int(group in ("all", "static_camera")) for group in GROUPS}
    assert any("no index.csv was found" in note for note in result.notes)


def test_a_folder_with_nothing_left_says_why(offer, folder, tmp_path):
    offer(still=Still(trained_on=frozenset({"094_04", "135_03", "odd", "blink", "broken"})))
    with pytest.raises(NoClips, match=r"no clip is left to run on\. Say --seen"):
        run(mocap=folder)
    (tmp_path / "bad.bvh").write_text("HIERARCHY\nROOT")
    with pytest.raises(NoClips, match=r"no clip could be used \(.*bad\.bvh"):
        run(mocap=tmp_path)


def test_what_one_cannot_do_counts_for_nobody(offer):
    """Or the one that gives up on hard views would look better."""
    offer(still=Still(), refuses=Refuses())
    result = run(views=1, longest_s=1.0)
    assert len(result.failures) == 2 and "refuses: a minute is too short." in result.failures[0]
    assert {group for _, group in result.values} == {"static_camera"}


def test_an_estimate_of_another_length_is_no_number(offer):
    """Frame k would be held against another moment."""

    class Shorter(Still):
        def estimate(self, evidence, body, progress=None):
            return super().estimate(evidence, body).frames(0, 20)

    offer(shorter=Shorter())
    result = run(views=1, longest_s=1.0)
    assert not result.values and len(result.failures) == 4
    assert "shorter: estimate: has 20 frames at 30 /s, the truth 30" in result.failures[0]


def test_takes_of_the_same_name_are_different_clips(offer, tmp_path):
    """Their numbers stand apart, whatever folders and endings they have."""
    for place in ("x/1.bvh", "y/x/1.bvh", "y/2.bvh"):
        write_bvh(tmp_path / place, DANCE.frames(0, 40))
    offer(still=Still())
    result = run(mocap=tmp_path)
    assert result.values["still", "all"]["pa_mpjpe_mm"].clips == 3


def test_the_share_of_accepted_motions_stands_beside_the_truths(offer):
    """The truth of a choreography is accepted, and judged once for all views; one who lies in the air is refused."""
    offer(still=Still(), lying=Still(upright=False))
    result = run(views=1, longest_s=1.0, robot=True, robot_clips=1, clips=1)
    truth, lying = (result.values[name, "all"]["accepted_pct"] for name in ("truth", "lying"))
    assert lying.mean == 0.0 and lying.high < 100.0
    assert truth.mean == 100.0 and truth.clips == 1
    assert any("accepted on the robot: 1 clips" in note and "no repair" in note for note in result.notes)


@pytest.mark.parametrize(
    ("config", "error", "sentence"),
    [
        ({"estimators": ("landmrk",)}, UnknownName, "unknown estimator 'landmrk'. Did you mean 'landmark'"),
        ({"seed": -1}, InvalidArray, "seed: must be 0 or more, got -1"),
        ({"clips": -2}, InvalidArray, "clips: must be 0 or more"),
        ({"robot_clips": 0}, InvalidArray, "robot_clips: must be 1 or more"),
        ({"longest_s": float("nan")}, InvalidArray, "longest_s: must be 1 s or more, got nan"),
    ],
)
def test_options_that_make_no_sense_are_refused(config, error, sentence):
    with pytest.raises(error) as caught:
        BenchConfig(**config)
    assert sentence in str(caught.value)


def test_what_cannot_be_made_is_left_out_unless_it_was_named(offer, monkeypatch):
    """Weights that are not here are no reason to measure nobody; asked for by name they are."""
    offer(still=Still())

    def fail(config):
        raise TooFewFrames

    table = {**contenders.ESTIMATORS, "weightless": (lambda: None, fail)}
    monkeypatch.setattr(contenders, "ESTIMATORS", table)
    monkeypatch.setattr(bench_config, "ESTIMATORS", table)
    result = run(views=1, longest_s=1.0)
    assert any(note.startswith("weightless is left out: ") for note in result.notes)
    with pytest.raises(TooFewFrames):
        run(views=1, longest_s=1.0, estimators=("still", "weightless"))
