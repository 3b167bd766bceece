"""What a reviewer is told of a clip: all of it where it is sound, the rest and a sentence where it is not."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from pipeline.body import load_body
from pipeline.clip import Clip, Source
from pipeline.home import Home
from pipeline.kfbench import PIECES, stage_piece
from pipeline.manifest import read_row
from pipeline.process_clip import cut_source, process_clip
from pipeline.repair import Repairs
from pipeline.review import PlaybackConfig
from pipeline.review_desk.as_json import as_json
from pipeline.review_desk.clip_item import read_item
from pipeline.review_desk.clip_view import clip_view
from pipeline.review_desk.exceptions import UnknownClip, UnknownPart
from pipeline.review_desk.ghost import human_in_film, human_in_robot_world
from pipeline.review_desk.pieces import piece_view, shown_motion, shown_poses
from pipeline.review_desk.video_facts import lay_out
from pipeline.settings import Settings
from pipeline.stages import build_stages
from pipeline.store import Dataset
from pipeline.tracking import FollowConfig
from retarget.lead import LeadConfig
from retarget.result import RetargetResult
from retarget.smpl_skeleton import SMPL_JOINT_NAMES
from robots.g1 import load_g1


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """Three seconds of the kung-fu form through the chain, once, with a small film where one can be drawn."""
    folder = tmp_path_factory.mktemp("desk")
    motion = stage_piece(PIECES["kungfu_form"], load_body(), size=(640, 360)).motion.part(0.0, 3.0)
    np.savez(
        folder / "form.npz",
        trans=motion.transl,
        poses=np.hstack([motion.global_orient, motion.body_pose.reshape(len(motion), -1), np.zeros((len(motion), 6))]),
        betas=motion.betas,
        mocap_framerate=motion.fps,
        gender="neutral",
    )
    settings = Settings(
        formats=("mjlab",),
        leads=LeadConfig(lead_in=False, lead_out=False),
        tracking=FollowConfig(certify=False),
        playback=PlaybackConfig(height_px=180),
    )
    stages = build_stages(settings, Home.of_user())
    dataset = Dataset.open_or_create(folder / "set")
    (clip,) = cut_source(Clip.of(Source.from_file(folder / "form.npz")), stages, dataset).clips
    row, _ = process_clip(clip, stages.of(clip), dataset)
    assert row.error is None
    return dataset, clip.id


@pytest.fixture
def own(kept, tmp_path):
    """A copy of it, to be harmed."""
    dataset, clip_id = kept
    shutil.copytree(dataset.root, tmp_path / "set")
    return Dataset.open(tmp_path / "set"), clip_id


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))


@pytest.mark.parametrize(
    ("outcome", "decided", "state"),
    [
        ("accepted", None, "todo"),
        ("rejected", {"ruling": "accept"}, "accepted"),
        ("mended", {"ruling": "accept", "frames": (3, 9)}, "trimmed"),
        ("accepted", {"ruling": "reject", "reason": "jitter"}, "rejected"),
        ("broken", None, "todo"),
    ],
)
def test_the_line_of_a_clip_tells_how_it_ended_and_what_was_decided(build, outcome, decided, state):
    """Both are there, and neither hides the other."""
    clip = build.add("kick", outcome=outcome)
    if decided:
        build.decide(clip, **decided)
    item = read_item(build.dataset, clip.id)
    assert (item.outcome, item.state, item.stale, item.disputed) == (outcome, state, False, False)
    assert item.n_decisions == bool(decided) and (item.decision is not None) == bool(decided)
    assert (item.reason == "") == (outcome == "accepted")
    assert item.kinds == {"accepted": (), "broken": ("broken.recording",)}.get(outcome, ("validation.skate_mean",))
    assert json.dumps(as_json(item), allow_nan=False)


def test_a_decision_on_an_older_motion_is_stale_and_two_that_differ_are_a_dispute(build):
    """The page can say so without reading the motion."""
    clip = build.add("kick")
    build.decide(clip, "accept", stale=True)
    assert read_item(build.dataset, clip.id).stale
    build.decide(clip, "accept")
    build.decide(clip, "reject", by="bob")
    item = read_item(build.dataset, clip.id)
    assert item.disputed and not item.stale and item.state == "rejected"
    build.decide(clip, "undo", by="bob")
    item = read_item(build.dataset, clip.id)
    assert not item.disputed and item.state == "accepted"


def test_a_row_that_cannot_be_read_is_a_damaged_clip_with_its_decisions(build):
    """It stays in the list, under its name."""
    clip = build.add("kick")
    build.decide(clip, "reject", note="slides")
    flip(build.dataset.clip_dir(clip.id) / "row.json")
    view = clip_view(build.dataset, clip.id)
    assert (view.item.outcome, view.item.name, view.item.state) == ("damaged", "kick", "rejected")
    assert view.n_frames == 0 and "row.json" in str(view.problem) and view.decisions[0].note == "slides"


@pytest.mark.parametrize("clip_id", ["", "..", "../../etc/passwd", "0" * 16, "A" * 16, "a" * 17, "0" * 15 + "\n"])
def test_an_id_that_is_none_becomes_no_path(build, clip_id):
    """One sentence, whatever was sent."""
    with pytest.raises(UnknownClip, match=r"no clip .*Reload"):
        clip_view(build.dataset, clip_id)


def test_a_broken_clip_has_a_problem_and_no_motion(build):
    """Its error, whole."""
    view = clip_view(build.dataset, build.add("noise", outcome="broken").id)
    assert (view.n_frames, view.problem, view.video, view.ghost) == (0, "nobody is seen.", None, None)


@pytest.mark.render
def test_the_view_holds_film_series_and_limits_of_one_motion(kept):
    """Each counts the same frames, and every check of the verdict with a series has its limit under it."""
    dataset, clip_id = kept
    view, row = clip_view(dataset, clip_id), read_row(dataset, clip_id)
    assert view.damaged == () and row.verdict is not None
    assert view.n_frames == len(shown_motion(dataset, clip_id)) and view.video is not None
    assert view.video.n_frames == -(-view.n_frames // view.video.step)
    assert [(p.name, p.x, p.width) for p in view.video.panels] == [("body", 0, 160), ("robot", 160, 160)]
    assert all(len(series.values) == view.n_frames for series in view.series)
    drawn = {(s.stage, s.name): s for s in view.series}
    for check in row.verdict.checks:
        series = drawn.get((check.stage, check.measurement))
        if series is None:
            continue
        limit = next(bound for bound in series.limits if bound.limit == check.limit)
        kept_to = check.value <= check.limit if limit.upper else check.value >= check.limit
        assert kept_to == check.passed
    assert json.dumps(as_json(view), allow_nan=False)


@pytest.mark.parametrize("stage", ["plausibility", "validation", "leads", "retarget", "repair", "motion"])
def test_a_flipped_byte_costs_its_part_of_the_view_and_a_sentence(own, stage):
    """The other parts are as they were."""
    dataset, clip_id = own
    whole = clip_view(dataset, clip_id)
    fingerprint = read_row(dataset, clip_id).fingerprints[stage]
    flip(dataset.clip_dir(clip_id) / f"{stage}-{fingerprint}.npz")
    view = clip_view(dataset, clip_id)
    assert view.n_frames == whole.n_frames and view.checks == whole.checks
    told = [sentence for sentence in view.damaged if sentence not in whole.damaged]
    assert len(told) == (stage not in ("repair", "motion"))  # which the view does not read
    assert all(stage in sentence for sentence in told)
    if stage == "retarget":
        assert not view.stances and view.ghost is None and len(view.series) == len(whole.series)


@pytest.mark.render
@pytest.mark.parametrize("harm", ["missing", "empty", "cut", "another"])
def test_a_film_that_cannot_be_played_costs_the_film_only(own, harm):
    """The motion is there without it."""
    dataset, clip_id = own
    film = dataset.clip_dir(clip_id) / "playback.mp4"
    content = film.read_bytes()
    film.unlink()
    if harm == "another":
        write_film(film)
    elif harm != "missing":
        film.write_bytes(content[: len(content) // 2 if harm == "cut" else 0])
    view = clip_view(dataset, clip_id)
    assert (view.video is None) == (harm != "cut")  # whose index comes first: it is shown as far as it plays
    assert view.n_frames and view.series
    assert len(view.damaged) == 1 and "playback.mp4" in view.damaged[0] and "Run the dataset again" in view.damaged[0]


def write_film(path: Path) -> None:
    from fractions import Fraction

    import av

    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=Fraction(30))
        stream.width, stream.height, stream.pix_fmt = 320, 180, "yuv420p"
        for _ in range(7):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((180, 320, 3), np.uint8), format="rgb24")))
        container.mux(stream.encode())


@pytest.mark.parametrize(("source", "height"), [(None, 480), (853, 480), (640, 360), (271, 480), (203, 180)])
def test_panels_cover_the_picture_as_it_was_put_together(source, height):
    """Also where an odd width lost its last column."""
    view = PlaybackConfig(height_px=height).view_size[0]
    total = ((source or 0) + 2 * view) // 2 * 2
    panels = lay_out(total, height)
    assert [panel.name for panel in panels] == [*(["source"] if source else []), "body", "robot"]
    assert [panel.x for panel in panels] == list(np.cumsum([0, *(panel.width for panel in panels)])[:-1])
    assert panels[-1].x + panels[-1].width == total and abs(panels[-1].x - ((source or 0) + view)) <= 1


def test_numbers_are_as_short_as_a_reader_needs_and_nan_is_null():
    """JSON has no NaN; five digits are enough."""
    values = np.array([0.1 + 0.2, np.nan, 1e-9 / 3, 123456.789, -np.inf, 0.0, 2.0, 1e-300])
    assert as_json(values) == [0.3, None, 3.3333e-10, 123456.8, None, 0.0, 2.0, 0.0]
    assert as_json({"a": (1, True, None, 1 / 3, float("nan"))}) == {"a": [1, True, None, 0.33333, None]}
    rng = np.random.default_rng(0)
    many = rng.normal(size=500) * 10.0 ** rng.integers(-6, 5, 500)
    assert as_json(many) == [as_json(float(number)) for number in many]
    assert all(abs(short - number) <= 5e-5 * abs(number) for short, number in zip(as_json(many), many, strict=True))


def test_the_human_stands_where_the_robot_stands(kept):
    """His ankles near its ankles, his hips near its hips: their difference is that of two bodies, no place or size."""
    dataset, clip_id = kept
    joints = human_in_robot_world(dataset, clip_id)
    links = shown_poses(dataset, clip_id)[..., :3]
    names = load_g1("29dof").body_names
    for joint, link, most in (
        ("left_ankle", "left_ankle_roll_link", 0.08),
        ("right_ankle", "right_ankle_roll_link", 0.08),
        ("left_knee", "left_knee_link", 0.10),
        ("right_hip", "right_hip_roll_link", 0.10),
    ):
        away = np.linalg.norm(joints[:, SMPL_JOINT_NAMES.index(joint)] - links[:, names.index(link)], axis=-1)
        assert np.median(away) < most, (joint, np.median(away))


@pytest.mark.render
def test_the_human_in_the_film_stands_on_the_robots_panel(kept):
    """x is counted from the left of the whole picture."""
    dataset, clip_id = kept
    pixels, view = human_in_film(dataset, clip_id), clip_view(dataset, clip_id)
    assert view.video is not None and pixels.dtype == np.dtype("<f4")
    panel = view.video.panels[-1]
    assert (pixels[..., 0] > panel.x).all() and (pixels[..., 0] < panel.x + panel.width).all()
    assert (pixels[..., 1] > 0).all() and (pixels[..., 1] < view.video.height).all()
    head, foot = (pixels[:, SMPL_JOINT_NAMES.index(name), 1] for name in ("head", "left_foot"))
    assert (head < foot).all()


def test_a_piece_is_measured_as_when_it_was_judged(kept):
    """Each check of its verdict has the value that its series was reduced to."""
    dataset, clip_id = kept
    row = read_row(dataset, clip_id)
    if not row.pieces:
        pytest.skip("this motion was not mended")
    piece = piece_view(dataset, clip_id, 1)
    saved = dataset.load(clip_id, "repair", row.fingerprints["repair"], Repairs).pieces[0]
    assert piece.damaged == () and piece.accepted and piece.n_frames == len(saved.motion)
    measured = {(s.stage, s.name): s.value for s in piece.series}
    checked = {(c.stage, c.measurement): c.value for c in saved.verdict.checks}
    both = measured.keys() & checked.keys()
    assert len(both) > 10 and all(measured[key] == pytest.approx(checked[key], abs=1e-9) for key in both)
    assert shown_poses(dataset, clip_id, "piece-1").shape == (piece.n_frames, len(load_g1("29dof").body_names), 7)


@pytest.mark.parametrize("of", ["piece-0", "piece-99", "piece--1", "piece-1/..", "other", "preview-1"])
def test_what_a_clip_does_not_have_is_said(kept, of):
    """In a sentence with the name that was asked for."""
    with pytest.raises(UnknownPart, match="has no"):
        shown_motion(*kept, of=of)


def test_the_shown_motion_is_the_solved_one(kept):
    """Frame by frame."""
    dataset, clip_id = kept
    row = read_row(dataset, clip_id)
    solved = dataset.load(clip_id, "retarget", row.fingerprints["retarget"], RetargetResult)
    np.testing.assert_array_equal(shown_motion(dataset, clip_id).qpos, solved.motion.qpos)
