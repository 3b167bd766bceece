"""What a person cuts or edits is judged by all that the clip was judged by: the robot, and the human behind it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pipeline.body import load_body
from pipeline.body.body_file import write_body
from pipeline.exceptions import CorruptArtefact
from pipeline.hand_edits import NO_EDITS, ContactEdit, HandEdits
from pipeline.handing import HandoffOptions, hand_over
from pipeline.handing.by_hand import led_judge_of, made_by_hand
from pipeline.handing.selection import select
from pipeline.kfbench import PIECES, stage_piece
from pipeline.manifest import read_row, write_row
from pipeline.plausibility import PlausibilityConfig, measure_human
from pipeline.record_codec import digest, plain
from pipeline.review_desk.preview import preview
from pipeline.store import Origin, Recipe
from pipeline.verdict import judge
from robots.exceptions import InvalidArray

CONFIG = PlausibilityConfig(stable_distance=0.09)
"""Other than the default, so that whoever measures by the default is found out."""

RAISED = HandEdits(ground_m=0.001)
STEPPED = HandEdits(contacts=(ContactEdit(foot="left", frames=(20, 30), stands=False),))


@pytest.fixture(scope="module")
def human():
    """Two seconds of a kick: out of balance where they begin and end, and not in between."""
    return stage_piece(PIECES["kungfu_form"], load_body(), size=(640, 360)).motion.frames(30, 90)


@pytest.fixture
def kick(build, human):
    """A clip with its human, refused for him."""
    return with_human(build, build.add("kick", outcome="rejected"), human, load_body())


def with_human(build, clip, human, body):
    """Add to a clip what a run leaves of its human."""
    row, prints = read_row(build.dataset, clip.id), {}
    measured = measure_human(human, body, CONFIG)
    for stage, record, config in (("motion", human, []), ("plausibility", measured, plain(CONFIG))):
        recipe = Recipe(name=stage, version=1, config=config)
        build.dataset.add_recipe(recipe)
        prints[stage] = digest([clip.id, stage])
        build.dataset.save(clip.id, stage, prints[stage], record, Origin(recipe=recipe.digest, facts=None, inputs={}))
    verdict = judge((measured,), led_judge_of(build.dataset, row).limits)
    write_row(build.dataset, replace(row, fingerprints={**row.fingerprints, **prints}, verdict=verdict))
    return clip


def judged(build, clip):
    verdict = read_row(build.dataset, clip.id).verdict
    assert verdict is not None
    return verdict.checks


def of_human(checks):
    return [check for check in checks if check.stage == "plausibility"]


def failed(checks):
    return [check.measurement for check in checks if not check.passed and check.severity == "reject"]


@pytest.mark.parametrize("edits", [RAISED, STEPPED])
def test_an_edit_of_the_robot_leaves_the_human_as_he_was_judged(build, kick, edits):
    """A millimetre does not bring a centre of mass over its feet."""
    before = of_human(judged(build, kick))
    shown = preview(build.dataset, kick.id, None, edits)
    assert "com_cop_start" in failed(before)
    assert of_human(shown.checks) == before and shown.not_judged == ()
    assert not shown.as_json["accepted"] and any("com_cop_start" in text for text in shown.item.verdict.rejections)


def test_a_cut_measures_its_human_anew_as_the_clips_was(build, kick, human):
    """By the same settings and limits: what was cut off is held against nobody, what is left is."""
    measured = measure_human(human.frames(10, 60), load_body(), CONFIG)
    whole = failed(of_human(judged(build, kick)))
    row = read_row(build.dataset, kick.id)
    made = made_by_hand(build.dataset, row, "29dof", frames=(10, 60), changes=NO_EDITS, by="ann")
    limits = led_judge_of(build.dataset, row).limits
    assert of_human(made.item.verdict.checks) == list(judge((measured,), limits).checks)
    assert whole == ["com_cop_start", "com_cop_end"] and failed(of_human(made.item.verdict.checks)) == ["com_cop_end"]


def test_the_motion_that_is_handed_over_says_what_the_preview_said(build, kick, tmp_path):
    """Score and rejections are of human and robot, and the same."""
    shown = preview(build.dataset, kick.id, (10, 60), RAISED)
    build.decide(kick, "accept", frames=(10, 60), ground_m=0.001)
    (entry,) = hand_over(build.dataset, tmp_path / "out", HandoffOptions(to="unitree-csv")).files
    assert (entry.score, entry.rejections) == (shown.item.verdict.score, shown.item.verdict.rejections)
    assert any("com_cop_end" in reason for reason in entry.rejections)


def test_a_human_whose_body_is_not_here_is_told_and_accepts_nothing(build, human, tmp_path):
    """Each check that was not taken by its name; with the body they are taken."""
    bodies = tmp_path / "bodies"
    bodies.mkdir()
    write_body(replace(load_body(), name="mine"), bodies / "mine.npz")
    body = load_body("mine", search_dir=bodies)
    moved = replace(human, body="mine", rest_joint_pos=body.rest_joints(human.betas))  # stored to a nanometre
    own = with_human(build, build.add("own"), moved, body)
    told = preview(build.dataset, own.id, (10, 60)).as_json
    asked = {f"{c.stage}.{c.measurement}" for c in of_human(judged(build, own))}
    assert set(told["not_judged"]) == asked and "plausibility.com_cop_start" in asked
    assert told["accepted"] is False and not any(c["stage"] == "plausibility" for c in told["checks"])
    (note,) = [note for note in told["notes"] if note.startswith("not judged on these frames: plausibility.")]
    assert "'mine'" in note and "com_cop_start, " in note
    build.decide(own, "accept", frames=(10, 60))
    (entry,) = hand_over(build.dataset, tmp_path / "out", HandoffOptions(to="unitree-csv")).files
    assert note in entry.notes
    (entry,) = hand_over(build.dataset, tmp_path / "out", HandoffOptions(to="unitree-csv"), bodies_dir=bodies).files
    assert note not in entry.notes and any("com_cop_end" in reason for reason in entry.rejections)
    shown = preview(build.dataset, own.id, (10, 60), bodies_dir=bodies)
    assert shown.not_judged == () and failed(of_human(shown.checks)) == ["com_cop_end"]
    assert of_human(preview(build.dataset, own.id, None, RAISED).checks)  # measured when he was whole


def test_a_preview_has_the_curves_of_human_and_robot(build, kick):
    """One value a frame kept, leads aside; of what nobody changed there is nothing to compare."""
    for frames, edits, n in (((10, 60), NO_EDITS, 50), (None, RAISED, 60)):
        series = preview(build.dataset, kick.id, frames, edits).as_json["series"]
        assert {one["stage"] for one in series} == {"plausibility", "validation"}
        assert {len(one["values"]) for one in series} == {n}
    assert preview(build.dataset, kick.id, None).series == ()


def test_a_motion_of_the_human_of_another_length_is_not_taken_for_his(build, human):
    """Told, instead of a cut elsewhere."""
    clip = with_human(build, build.add("odd"), human.frames(0, 55), load_body())
    shown = preview(build.dataset, clip.id, (10, 50))
    assert any("the human's motion has 55 frames and the robot's 60" in note for note in shown.item.notes)
    assert shown.not_judged


@pytest.mark.parametrize(("frames", "kept"), [((5, 6), "1 frame would"), ((5, 7), "2 frames would")])
def test_a_cut_of_hardly_a_frame_is_no_motion_and_one_sentence_says_so(build, kick, tmp_path, frames, kept):
    """To who looks at it beforehand, and to who hands it over all the same."""
    with pytest.raises(InvalidArray, match=rf"^frames: {kept} be kept, and of fewer than 3 no motion can be judged"):
        preview(build.dataset, kick.id, frames)
    build.decide(kick, "accept", frames=frames)
    selected = select(build.dataset, HandoffOptions(to="unitree-csv"))
    assert selected.taken == ()
    assert kept in selected.left_out[0].sentence and selected.left_out[0].sentence.endswith("Decide again.")


def test_a_short_cut_is_told_to_be_one(build, kick):
    """Its score is that of a few frames."""
    told = preview(build.dataset, kick.id, (5, 10)).as_json["notes"]
    assert "only 5 frames (0.17 s) are kept: that is too short for the checks to say much" in told
    assert not any("too short" in note for note in preview(build.dataset, kick.id, (5, 30)).as_json["notes"])


def test_harm_to_what_was_measured_is_told_and_hides_nothing(build, kick):
    """A result that was changed is no reason to take the human for sound."""
    path = build.dataset.clip_dir(kick.id) / f"plausibility-{digest([kick.id, 'plausibility'])}.json"
    path.write_bytes(path.read_bytes().replace(b"com_cop", b"com_cap"))
    with pytest.raises(CorruptArtefact):
        preview(build.dataset, kick.id, None, RAISED)
