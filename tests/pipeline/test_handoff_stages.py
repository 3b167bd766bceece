"""What a clip delivers is kept with its leads, and the files of every format are written from that alone."""

import json
from dataclasses import replace
from types import MappingProxyType

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from pipeline.clip import Clip, Source
from pipeline.deliverable import Deliverable, Deliverables, Withheld
from pipeline.export import FORMATS, check_handoff, fk_error_mm
from pipeline.hand_edits import ContactEdit, HandEdits
from pipeline.handoff_stage import handoff_stage
from pipeline.leads_stage import LedJudge, deliver_trimmed, leads_stage
from pipeline.settings import Settings
from pipeline.stage import StageContext
from pipeline.store import Dataset
from pipeline.validation import measure_robot
from pipeline.variants import VariantPlan
from retarget.lead import LeadConfig
from retarget.progress import silent
from robots.exceptions import InvalidArray
from robots.g1 import load_g1
from robots.motion import RobotMotion


@pytest.fixture(scope="module")
def swaying():
    """Three seconds of a robot that stands with bent arms, away from its standing pose, and sways them."""
    g1 = load_g1("23dof")
    time = np.arange(90)[:, None] / 30
    joints = np.tile(g1.default_joint_pos, (90, 1))
    for number, joint in enumerate(g1.joint_names):
        if "shoulder" in joint or "elbow" in joint:
            joints[:, number] += 0.3 * np.sin(3.0 * time[:, 0] + number)
    return RobotMotion(
        fps=30,
        joint_names=g1.joint_names,
        root_pos_w=np.tile([1.0, 2.0, g1.default_root_height], (90, 1)),
        root_quat_wxyz=Rotation.from_rotvec(np.tile([0, 0, 0.7], (90, 1))).as_quat(scalar_first=True),
        joint_pos=joints,
        foot_contact=np.ones((90, 2)),
    )


@pytest.fixture(scope="module")
def whole(swaying):
    return deliver_trimmed(swaying, "23dof", (0, 90), LedJudge.of(Settings()), name="ab12")


def limits(path, name, maximum):
    path.write_text(f"[validation.{name}]\nmaximum = {maximum!r}\nadvice = 'Slower.'\n")
    return Settings(limits=str(path))


def same(first, second):
    return np.allclose(first.qpos, second.qpos, atol=1e-12) and np.array_equal(first.foot_contact, second.foot_contact)


def test_leads_begin_and_end_in_the_standing_pose_and_leave_the_motion_as_it_was(swaying, whole):
    assert min(whole.n_lead_in, whole.n_lead_out) > 10 and whole.notes == ()
    g1 = load_g1("23dof")
    assert np.abs(whole.motion.joint_pos[[0, -1]] - g1.default_joint_pos).max() < 1e-6
    assert same(whole.core, swaying)
    assert whole.core_s == 3.0
    assert (whole.kind, whole.frames, whole.edits) == ("whole", (0, 90), ())


def test_a_trim_cuts_the_motion_before_it_is_led(swaying):
    """A person kept the middle: what is delivered begins and ends there, and says so."""
    part = deliver_trimmed(swaying, "23dof", (20, 70), LedJudge.of(Settings()), name="ab12")
    assert same(part.core, swaying.frames(20, 70))
    assert (part.kind, part.frames, part.edits) == ("part", (20, 70), ("frames 20 to 69 were kept, by hand",))
    assert part.n_lead_in > 10


def test_a_motion_is_raised_and_its_contacts_are_set_before_it_is_cut(swaying):
    """Frames are those of the whole clip; what was done is said, by whom; an edit of what was cut off is none."""
    lifted = ContactEdit(foot="left", frames=(30, 40), stands=False)
    changes = HandEdits(ground_m=0.02, contacts=(lifted, replace(lifted, frames=(75, 80))))
    judge_led = LedJudge.of(Settings())
    item = deliver_trimmed(swaying, "23dof", (20, 70), judge_led, name="ab12", changes=changes, by="ann")
    contact = swaying.foot_contact[20:70].copy()
    contact[10:20, 0] = 0.0
    np.testing.assert_array_equal(item.core.foot_contact, contact)
    np.testing.assert_allclose(item.core.root_pos_w, swaying.root_pos_w[20:70] + np.array([0, 0, 0.02]))
    np.testing.assert_allclose(item.core.joint_pos, swaying.joint_pos[20:70])
    assert item.edits == (
        "the robot was raised by 2 cm, by ann",
        "the left foot was set to bear no weight in frames 30 to 39, by ann",
        "frames 20 to 69 were kept, by ann",
    )


def test_an_edited_motion_is_judged_anew(swaying, whole):
    """A robot that is put into the air stands no more on its feet."""
    judge_led = LedJudge.of(Settings())
    item = deliver_trimmed(swaying, "23dof", (0, 90), judge_led, name="ab12.kept0-90", changes=HandEdits(ground_m=0.15))
    assert (item.kind, item.frames) == ("whole", (0, 90))
    assert whole.verdict.accepted and not item.verdict.accepted


def test_a_later_contact_edit_holds_where_two_speak_of_the_same_frames(swaying):
    first = ContactEdit(foot="right", frames=(10, 30), stands=False)
    changed = HandEdits(contacts=(first, replace(first, frames=(20, 30), stands=True))).applied(swaying)
    assert not changed.foot_contact[10:20, 1].any() and changed.foot_contact[20:30, 1].all()


def test_contacts_that_are_not_there_cannot_be_set(swaying):
    changes = HandEdits(contacts=(ContactEdit(foot="left", frames=(80, 91), stands=True),))
    with pytest.raises(InvalidArray, match="contacts: speak of frame 90, and there are 90"):
        deliver_trimmed(swaying, "23dof", (0, 90), LedJudge.of(Settings()), name="ab12", changes=changes)


@pytest.mark.parametrize("frames", [(5, 5), (-1, 30), (40, 20), (0, 91)])
def test_frames_that_are_not_there_cannot_be_kept(swaying, frames):
    with pytest.raises(InvalidArray, match=r"frames: frames .* are kept, and there are 90"):
        deliver_trimmed(swaying, "23dof", frames, LedJudge.of(Settings()), name="ab12")


def test_what_a_person_accepts_is_led_though_the_limits_refuse_it(swaying, tmp_path):
    """The leads are not blamed for what the motion does by itself."""
    settings = limits(tmp_path / "strict.toml", "joint_speed", 0.1)
    item = deliver_trimmed(swaying, "23dof", (0, 90), LedJudge.of(settings), name="ab12")
    assert not item.verdict.accepted and "Slower." in item.verdict.rejections[0]
    assert min(item.n_lead_in, item.n_lead_out) > 10


def test_leads_that_would_be_refused_are_left_out_and_the_note_says_why(swaying, whole, tmp_path):
    """A limit between what was measured on the motion alone and with its leads."""
    g1, config = load_g1("23dof"), Settings().validation
    alone, led = ({i.name: i.value for i in measure_robot(m, g1, config).items} for m in (swaying, whole.motion))
    worse = {name: led[name] / max(alone[name], 1e-9) for name in alone if led[name] > 1e-3}
    name = max(worse, key=lambda name: worse[name])
    assert worse[name] > 1.5
    settings = limits(tmp_path / "between.toml", name, (alone[name] + led[name]) / 2)
    item = deliver_trimmed(swaying, "23dof", (0, 90), LedJudge.of(settings), name="ab12")
    assert item.verdict.accepted
    assert (item.n_lead_in, item.n_lead_out) == (0, 0) and same(item.motion, swaying)
    assert item.notes[0].startswith("no leads: with them the motion is refused. validation: ")


def test_no_leads_are_put_where_none_are_wanted(swaying):
    settings = Settings(leads=LeadConfig(lead_in=False, lead_out=False))
    item = deliver_trimmed(swaying, "23dof", (0, 90), LedJudge.of(settings), name="ab12")
    assert (item.n_lead_in, item.n_lead_out, item.notes) == (0, 0, ())


@pytest.mark.parametrize("name", ["../../evil", "ab12/x", "ab12.part1/../x", "kata", "", "ab12\n", ".part1"])
def test_a_name_that_is_no_clips_is_refused(whole, name):
    """Files are called by it, also where somebody else wrote the record."""
    with pytest.raises(InvalidArray, match=r"^name: must be a clip's id, or a part or version of one, got"):
        replace(whole, name=name)
    with pytest.raises(InvalidArray, match=r"^name: must be a clip's id"):
        Withheld(name=name, variant="29dof", reason="refused")


def test_the_recipe_of_the_stage_holds_all_that_decides_about_leads(tmp_path):
    """So that it can be done again when the limits file is gone."""
    settings = limits(tmp_path / "mine.toml", "joint_speed", 0.1)
    made = LedJudge.of(settings)
    config = leads_stage(settings, VariantPlan.of("29dof", ("mjlab",))).config
    (tmp_path / "mine.toml").unlink()
    assert LedJudge.of_recipe(json.loads(json.dumps(config))) == made


def test_leads_longer_than_the_motion_are_none(whole):
    with pytest.raises(InvalidArray, match="frames of leads do not fit into"):
        replace(whole, n_lead_in=len(whole.motion))


@pytest.fixture
def context(tmp_path):
    video = tmp_path / "kata.mp4"
    video.write_bytes(b"film")
    clip = Clip.of(Source.from_file(video))
    return StageContext(clip=clip, clip_dir=tmp_path / "set" / "clips" / clip.id, progress=silent)


def test_what_is_delivered_comes_back_from_the_dataset(whole, context, tmp_path):
    dataset = Dataset.open_or_create(tmp_path / "set")
    withheld = (Withheld(name="ab12", variant="29dof", reason="g1_29dof cannot follow it"),)
    kept = Deliverables(items=(whole,), withheld=withheld)
    dataset.save(context.clip.id, "leads", "f00d", kept)
    back = dataset.load(context.clip.id, "leads", "f00d", Deliverables)
    item = back.find("ab12", "23dof")
    assert item is not None and same(item.motion, whole.motion)
    assert (item.n_lead_in, item.n_lead_out, item.verdict) == (whole.n_lead_in, whole.n_lead_out, whole.verdict)
    assert back.withheld == withheld and back.names == ("ab12",)
    assert back.find("ab12", "29dof") is None
    assert back.reason_withheld("ab12", "29dof") == "g1_29dof cannot follow it"


def test_every_format_is_written_from_what_is_delivered(whole, context):
    """One motion, resampled once for each; seconds are of the motion itself, refined versions beside it."""
    name = context.clip.id
    items = (
        replace(whole, name=name),
        replace(whole, name=f"{name}.refined", kind="refined", notes=("no lead-out from there",)),
    )
    plan = VariantPlan(shown="23dof", solved_for=MappingProxyType(dict.fromkeys(FORMATS, "23dof")))
    (context.clip_dir / "handoff").mkdir(parents=True)
    (context.clip_dir / "handoff" / f"{name}.part1.pbhc.pkl").write_bytes(b"of other settings")
    left = handoff_stage(plan).run(context, Deliverables(items=items))
    expected = {f"handoff/{n}.{f}{FORMATS[f].suffix}" for n in (name, f"{name}.refined") for f in FORMATS}
    assert set(left.sha256) == {f"handoff/{p.name}" for p in (context.clip_dir / "handoff").iterdir()} == expected
    assert left.seconds == dict.fromkeys(FORMATS, 3.0)
    assert left.are_as_left(context.clip_dir)
    for format_name, form in FORMATS.items():
        path = context.clip_dir / "handoff" / f"{name}.{format_name}{form.suffix}"
        assert check_handoff(path, format_name) == ()
        assert fk_error_mm(form, path, whole.motion, load_g1("23dof")) < 0.1
        first, last = whole.leads_at(form.fps)
        assert f"{path.name}: the first {first} and the last {last} frames are leads" in left.notes
    assert f"{name}.refined (g1_23dof): no lead-out from there" in left.notes


def test_what_is_withheld_is_told_for_each_format_and_written_for_none(context):
    name = context.clip.id
    plan = VariantPlan(shown="29dof", solved_for=MappingProxyType({"pbhc": "23dof", "gmr": "29dof"}))
    withheld = Withheld(name=name, variant="23dof", reason="the motion of g1_23dof was refused. Too fast.")
    left = handoff_stage(plan).run(context, Deliverables(items=(), withheld=(withheld,)))
    assert left.notes == (f"{name}: not handed off as pbhc: the motion of g1_23dof was refused. Too fast.",)
    assert left.sha256 == {} and left.seconds == {"pbhc": 0.0, "gmr": 0.0}


def test_the_formats_decide_the_files_and_nothing_of_what_is_delivered():
    """Another format is one more file of the same motion; leads, limits and verdicts are behind it."""
    two, three = (
        handoff_stage(VariantPlan.of(None, formats)) for formats in (("pbhc", "mjlab"), ("pbhc", "mjlab", "gmr"))
    )
    assert two.reads == three.reads == ("leads",)
    assert two.config != three.config


def test_a_deliverable_is_one_variant_of_one_name(whole):
    other: Deliverable = replace(whole, name="ab12.part2")
    both = Deliverables(items=(whole, other))
    assert both.names == ("ab12", "ab12.part2")
    assert both.find("ab12.part2", "23dof") is other
