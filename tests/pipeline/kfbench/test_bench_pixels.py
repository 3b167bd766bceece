"""The pixel level measures what the keypoint level measures, on what a front end saw; no loss of it is silent."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pipeline.bench_estimate import BenchConfig, bench_pixels, bench_these, bench_watched
from pipeline.bench_estimate.filming import FrontEnd, staged
from pipeline.bench_estimate.matching import match
from pipeline.bench_estimate.stages import projected_evidence, with_true_camera, with_true_landmarks
from pipeline.bench_estimate.views import draw_view, embodied, into_hall, projected
from pipeline.body import load_body
from pipeline.exceptions import MissingModelFile, NoPersonFound
from pipeline.home import Home
from pipeline.kfbench import PIECES, perform
from pipeline.kfbench.bench_cameras import IMAGE_SIZE, MOVING_KINDS
from pipeline.kfbench.bench_clips import BenchClip
from pipeline.render import MissingRenderer
from pipeline.settings import Settings
from pipeline.synthetic import load_detector_model
from retarget.progress import silent

BODY = load_body()
DANCE = perform(PIECES["dance"], BODY)
CONFIG = BenchConfig(robot=False, views=1, longest_s=1.0)


class Leans:
    """An estimator that reads a little of the evidence, so that other evidence is another figure."""

    name, version, config = "leans", 1, None
    trained_on = frozenset()

    def estimate(self, evidence, body, progress=None):
        n = len(evidence)
        pose = np.zeros((n, 21, 3))
        pose[:, 2, 0] = evidence.kp2d[:, 0, 0] / 1e3
        transl = np.column_stack([evidence.kp2d[:, 11, :2] / 400.0, np.full(n, 0.9)])
        return body.motion(evidence.fps, np.zeros(10), np.tile([np.pi / 2, 0.0, 0.0], (n, 1)), pose, transl)


def modelled(view, progress):
    return [shot.modelled for shot in view.shots]


def run(watch, **changes):
    return bench_watched({"leans": Leans()}, CONFIG, Home.of_user(), watch, **changes)


def a_view(kind="pan", frames=60, seed=0, varied=True, **look):
    clip = BenchClip(name="dance", motion=DANCE.frames(30, 30 + frames), group="dance")
    clip = embodied(clip, BODY, seed) if varied else clip
    view = draw_view(clip, kind, BODY, load_detector_model(), seed, varied=varied)
    return replace(view, look=replace(view.look, **look)) if look else view


def points(view):
    return projected(view, BODY.motion_keypoints(view.clip.motion))


def test_what_the_keypoint_level_is_given_makes_the_figures_of_the_keypoint_level():
    """To the last bit, without what is drawn for pictures only; so the two tables can be compared."""
    known = bench_these({"leans": Leans()}, CONFIG, Home.of_user()).figures()
    figures = run(modelled, varied=False).figures()
    assert known and {key: figures[key] for key in known} == known
    rows = {key: value for key, value in figures.items() if key.startswith("leans_keypoint_")}
    assert {key.replace("leans_keypoint_", "leans_"): value for key, value in rows.items()} == known


def test_the_table_has_all_keys_of_the_keypoint_level_and_those_of_each_step():
    known = bench_these({"leans": Leans()}, CONFIG, Home.of_user()).figures()
    figures = run(modelled).figures()
    assert set(known) <= set(figures)
    for step in ("projected", "modelled", "detected"):
        for key in ("kp_px", "kp_pct", "missed_pct", "swapped_pct", "wrong_pct", "camera_deg", "lost_pct"):
            assert np.isfinite(figures[f"{step}_all_{key}"])
    for key in ("kp_px", "missed_pct", "swapped_pct", "wrong_pct", "camera_deg", "lost_pct"):
        assert figures[f"projected_all_{key}"] == pytest.approx(0.0, abs=1e-5), key
    assert figures["modelled_all_kp_px"] == figures["detected_all_kp_px"] > 1.0


def test_what_is_told_is_true_and_the_rest_is_what_was_seen():
    """Rows of steps differ from what was detected in one thing only: the camera's rotation, or the landmarks."""
    view = next(view for view in (a_view(frames=116, seed=seed) for seed in range(8)) if len(view.shots) == 2)
    true = match(view, projected_evidence(view, BODY, points(view)), points(view), known=True)
    whole = modelled(view, silent)
    seen = match(view, [part(whole[0], 5, 40), whole[1]], points(view), known=True)
    for told, name in ((with_true_camera(view, seen), "R_w2c"), (with_true_landmarks(view, seen, true), "landmarks_w")):
        for after, before in zip(told.pieces, seen.pieces, strict=True):
            changed = [
                field
                for field in ("kp2d", "foot_kp2d", "landmarks_w", "R_w2c", "flags", "boxes", "timestamps")
                if not np.array_equal(getattr(after.evidence, field), getattr(before.evidence, field))
            ]
            assert changed == [name]
    second = with_true_landmarks(view, seen, true).pieces[1].evidence.landmarks_w
    np.testing.assert_array_equal(second, true.pieces[1].evidence.landmarks_w)
    np.testing.assert_allclose(with_true_camera(view, seen).pieces[0].evidence.R_w2c[0], np.eye(3), atol=1e-12)


def test_a_view_with_nobody_in_it_is_a_told_loss():
    """Counted as a lost clip, named in a sentence, and no estimator has a figure of it in any column."""

    def blind(view, progress):
        raise NoPersonFound(Path("x.mp4"), seen_s=0.0)

    result = run(blind)
    assert len(result.lost) == 4 and all(": nobody was found" in sentence for sentence in result.lost)
    assert any(sentence.startswith("dance 1 (static camera): ") for sentence in result.lost)
    figures = result.figures()
    assert figures["detected_all_lost_pct"] == figures["detected_all_missed_pct"] == 100.0
    assert not [key for key in figures if key.startswith("leans")]


def test_a_machine_that_cannot_draw_ends_the_run():
    """Or twenty views would each fail for the same reason."""

    def blocked(view, progress):
        raise MissingRenderer(["egl"])

    with pytest.raises(MissingRenderer):
        run(blocked)


def test_an_estimator_that_fails_costs_the_view_one_sentence():
    class Fails(Leans):
        def estimate(self, evidence, body, progress=None):
            raise NoPersonFound(Path("x.mp4"), seen_s=0.0)

    result = bench_watched({"leans": Leans(), "fails": Fails()}, CONFIG, Home.of_user(), modelled)
    assert len(result.failures) == 4 and result.failures[0].startswith("kungfu_form 1 (static camera), fails: ")
    assert not result.values and not result.lost


def test_somebody_else_is_no_estimate_of_the_person():
    view = a_view()
    away = np.array([500.0, 0.0, 0.0])
    other = [
        replace(evidence, kp2d=evidence.kp2d + away, foot_kp2d=evidence.foot_kp2d + away)
        for evidence in modelled(view, silent)
    ]
    found = match(view, other, points(view))
    assert not found.pieces and found.tally["wrong_pct"].total == 100.0 * 60 and found.tally["lost_pct"].total == 100.0
    assert found.lost[0].startswith("only somebody else was followed")


def part(evidence, first, end):
    frames = slice(first, end)
    names = ("timestamps", "boxes", "kp2d", "foot_kp2d", "landmarks_w", "R_w2c", "flags", "kp_trust", "zoom")
    return replace(evidence, **{name: getattr(evidence, name)[frames] for name in names})


def test_a_clip_that_comes_back_in_parts_is_told_and_each_part_is_held_against_its_own_frames():
    view = a_view(varied=False)
    (whole,) = modelled(view, silent)
    found = match(view, [part(whole, 32, 60), part(whole, 0, 20)], points(view))
    assert [piece.frames[0] for piece in found.pieces] == [0, 32]
    assert found.lost == ("came back in 2 parts, of 1 filmed", "the person is missing in 20% of the frames")
    assert found.tally["missed_pct"].total / found.tally["missed_pct"].weight == pytest.approx(20.0)
    assert not found.whole


def test_left_taken_for_right_is_counted():
    view = a_view(varied=False)
    (whole,) = modelled(view, silent)
    order = [0, *(i + 1 if i % 2 else i - 1 for i in range(1, 17))]
    kp2d = np.concatenate([points(view)[:, :17], np.ones((60, 17, 1))], axis=2)
    turned = np.where(np.arange(60)[:, None, None] < 15, kp2d[:, order], kp2d)
    tally = match(view, [replace(whole, kp2d=turned)], points(view)).tally["swapped_pct"]
    # Seen from the side, left and right lie on each other and cannot be told apart.
    assert 100.0 * 5 < tally.total <= 100.0 * 15 and tally.weight == 60


def test_a_body_of_its_own_keeps_the_feet_where_they_were():
    """Angles stay, limbs do not; nobody sinks into the floor."""
    clip = BenchClip(name="dance", motion=DANCE.frames(0, 60), group="dance")
    one, two = embodied(clip, BODY, 0).motion, embodied(clip, BODY, 1).motion
    assert np.array_equal(one.body_pose, clip.motion.body_pose) and not np.array_equal(one.betas, two.betas)
    lowest = [motion.joints()[0][..., 2].min() for motion in (clip.motion, one, two)]
    np.testing.assert_allclose(lowest, lowest[0], atol=1e-9)


@pytest.mark.parametrize("kind", MOVING_KINDS)
def test_the_hall_changes_nothing_in_the_picture_and_holds_camera_and_person(kind):
    """Person and camera are turned together, to where walls and furniture are behind them."""
    for seed in range(2):
        view = a_view(kind, frames=115, seed=seed, bystander=None, post=None)
        for shot in view.shots:
            people, camera, film = staged(view, shot, BODY, IMAGE_SIZE)
            seen = camera.project(BODY.motion_keypoints(people[0].motion))[0]
            np.testing.assert_allclose(seen, points(view)[shot.first : shot.end], atol=1e-6)
            _, _, size = into_hall(view, shot)
            assert size == film.hall.size
            assert (np.abs(camera.pos_w[:, 1]) < 5.0 * size).all() and (camera.pos_w[:, 0] > -1.1 * size).all()


def test_some_moving_views_are_cut_and_their_shots_cover_all_frames():
    views = [a_view(frames=116, seed=seed) for seed in range(8)]
    cut = [view for view in views if len(view.shots) == 2]
    assert 0 < len(cut) < len(views)
    for view in cut:
        assert view.shots[0].end == view.shots[1].first and view.shots[1].end == 116
        assert view.shots[1].modelled.timestamps[0] == pytest.approx(view.shots[1].first / 30.0)
    assert len({view.look.hall for view in views}) > 4 and len({view.look.clothes for view in views}) > 2


@pytest.mark.render
def test_a_filmed_clip_is_found_measured_and_kept(tmp_path, keypoint_models):
    """The whole front end on two rendered seconds; a second look at them neither films nor watches again."""
    front_end = FrontEnd(tmp_path, BODY, Settings(), Home.of_user(), size=(640, 360))
    view = a_view("static", frames=36, seed=1, varied=False, shutter=0.0)
    steps = []
    found = front_end(view, lambda done, total: steps.append((done, total)))
    result = match(view, found, points(view))
    tally = {key: value.total / value.weight for key, value in result.tally.items()}
    assert result.whole and result.lost == ()
    assert tally["kp_pct"] < 6.0 and tally["missed_pct"] < 10.0 and tally["swapped_pct"] == tally["wrong_pct"] == 0.0
    assert found[0].image_size == IMAGE_SIZE and steps[-1] == (72, 72)
    assert sorted(done for done, _ in steps) == [done for done, _ in steps]
    video, before = front_end.video_of(view), {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    again = front_end(view, silent)
    np.testing.assert_array_equal(again[0].kp2d, found[0].kp2d)
    assert before == {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()} and video in before
    broken = next(path for path in before if path.suffix == ".npz")
    broken.write_bytes(b"cut off")
    np.testing.assert_array_equal(front_end(view, silent)[0].kp2d, found[0].kp2d)  # watched again, not filmed
    assert video.stat().st_mtime_ns == before[video]
    darker = replace(view, look=replace(view.look, light=0.5))
    moved = replace(view.shots[0].camera, pos_w=view.shots[0].camera.pos_w + 0.01)
    elsewhere = replace(view, shots=(replace(view.shots[0], camera=moved),))
    assert len({front_end.video_of(one) for one in (view, darker, elsewhere)}) == 3


def test_without_the_networks_nothing_is_filmed(tmp_path):
    home = replace(Home.of_user(), models_dir=tmp_path / "none")
    with pytest.raises(MissingModelFile):
        bench_pixels(replace(CONFIG, estimators=("landmark",)), home, folder=tmp_path / "videos")
    assert not (tmp_path / "videos").exists()
