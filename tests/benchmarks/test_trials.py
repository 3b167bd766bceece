"""The truth beside a trial video is the truth of its pictures: a figure measured against it means nothing otherwise."""

from dataclasses import replace

import av
import cv2
import numpy as np
import pytest

from benchmarks.trials import TRIALS, load_trial, render_trial
from benchmarks.trials.cameras import orbit, sliced_camera, turned
from benchmarks.trials.moves import FPS, at_times, between, lap, piece, sliced, the_body, walk, yawed
from benchmarks.trials.render import _recipe
from benchmarks.trials.staging import Staging, Take, facts_of, truth_of
from benchmarks.trials.wardrobe import dressed
from pipeline.render import FilmConfig, film_people

PLAIN = FilmConfig(shadows=False, samples=0)


def few_frames(take, frames):
    people = {
        name: replace(performer, motion=sliced(performer.motion, frames)) for name, performer in take.people.items()
    }
    return Take(people=people, camera=sliced_camera(take.camera, frames), film=PLAIN, cut=take.cut)


@pytest.mark.render
@pytest.mark.parametrize("name", ["crossing", "small_120", "lying", "upside_down"])
def test_visible_keypoints_lie_on_their_own_person(name):
    """Seen alone, the person covers them; what the truth calls hidden, another covers."""
    take = few_frames(TRIALS[name]().takes[0], slice(60, 61))
    staging = Staging(takes=[take], impairs=("crossing",))
    (empty,) = film_people([], take.camera, PLAIN)
    masks = {}
    for who, performer in take.people.items():
        (alone,) = film_people([performer], take.camera, PLAIN)
        changed = (np.abs(alone.astype(int) - empty).max(axis=2) > 2).astype(np.uint8)
        masks[who] = cv2.dilate(changed, np.ones((5, 5)))
    for who in take.people:
        truth = truth_of(who, facts_of(staging, who), staging.impairs)
        x, y = np.round(truth.kp2d[0]).astype(int).T
        assert masks[who][y, x].all()
        others = [mask for other, mask in masks.items() if other != who]
        covered = np.any([mask[y, x] > 0 for mask in others], axis=0) if others else np.zeros(21, dtype=bool)
        assert covered[~truth.visible[0]].all()
    if name == "crossing":
        assert any(facts_of(staging, who).by_person.sum() >= 7 for who in take.people)


@pytest.fixture
def brief(monkeypatch):
    """Two shots of one person in three frames each, the second half out of the picture."""

    def stage(shift=3.0):
        motion = between(piece("dance"), 2.0, 0.1)
        aside = yawed(motion, 0.0, shift=(0.0, shift, 0.0))
        camera = orbit(len(motion))
        takes = [Take(people={"main": dressed(m, "red")}, camera=camera, film=PLAIN) for m in (motion, aside)]
        return Staging(takes=takes, impairs=("crop",))

    monkeypatch.setitem(TRIALS, "brief", stage)
    return stage


@pytest.mark.render
def test_a_trial_is_rendered_once_and_again_when_it_is_staged_differently(brief, tmp_path, monkeypatch):
    """Minutes of rendering are spared, and yet nobody measures against an outdated video."""
    first = render_trial("brief", tmp_path)
    written = first.video.stat().st_mtime_ns
    again = render_trial("brief", tmp_path)
    assert again.video.stat().st_mtime_ns == written
    monkeypatch.setitem(TRIALS, "brief", lambda: brief(shift=3.5))
    assert render_trial("brief", tmp_path).recipe != first.recipe
    assert first.video.stat().st_mtime_ns != written


@pytest.mark.render
def test_what_is_saved_is_what_is_loaded(brief, tmp_path):
    """Pictures, cuts, people and faults keep their frames."""
    made, found = render_trial("brief", tmp_path), load_trial("brief", tmp_path)
    with av.open(str(found.video)) as container:
        assert sum(1 for _ in container.decode(video=0)) == len(found.zoom) == 6
    assert found.cut_times_s == (3 / FPS,) == made.cut_times_s
    assert found.faults["cut"].tolist() == [False] * 3 + [True, False, False]
    (person,) = found.people
    np.testing.assert_array_equal(person.kp2d, made.people[0].kp2d)
    assert person.visible[:3].all() and not person.visible[3:].any()
    np.testing.assert_array_equal(person.planted, found.faults["crop"])
    with pytest.raises(ValueError, match="read-only"):
        person.kp2d[0] = 0


def test_stagings_are_the_same_each_time():
    """A recipe that wandered would render everything anew, and figures would not compare."""
    for name in ("small_180", "shake", "crossing"):
        assert _recipe(TRIALS[name]()) == _recipe(TRIALS[name]())


def test_the_montage_has_twenty_cuts_and_what_is_none():
    """Recall needs enough cuts, precision needs what looks like one."""
    staging = TRIALS["montage"]()
    assert len(staging.cuts) >= 20
    seams = [start for start, take in zip(staging.starts, staging.takes, strict=True) if take.cut]
    assert seams == [0, *staging.cuts]
    assert all(frames.any() for frames in staging.faults.values())
    for event in ("fast_pan", "flash", "zoom"):
        assert not staging.faults[event][[*staging.cuts]].any()


def test_takes_of_one_shot_go_on_where_the_last_one_ended():
    """The blurred second is filmed apart: it must not jump, or the truth hides a cut."""
    staging = TRIALS["faults"]()
    starts = np.array(staging.starts[1:])
    seams = [start for start, take in zip(starts, staging.takes[1:], strict=True) if not take.cut]
    kp2d = facts_of(Staging(takes=staging.takes[:3]), "main").kp2d
    step = np.linalg.norm(np.diff(kp2d, axis=0), axis=2).max(axis=1)
    assert len(seams) == 2
    for seam in seams:
        around = np.concatenate([step[seam - 4 : seam - 1], step[seam : seam + 3]])
        assert step[seam - 1] < 1.5 * around.max()


@pytest.mark.parametrize(("name", "height"), [("small_120", 120), ("small_240", 240)])
def test_a_small_person_is_as_small_as_named(name, height):
    """The detection rate is reported for a height in pixels."""
    facts = facts_of(TRIALS[name](), "main")
    np.testing.assert_allclose(facts.height_px, height, rtol=0.05)
    assert facts.inside.all()


def test_feet_of_a_walker_stand_still_in_stance():
    """A sliding walk would be easier to track than a real one."""
    motion = walk(lap(0.9, 0.35), duration_s=4.0, speed=0.6, step_s=0.55)
    heels = the_body().motion_keypoints(motion)[:, [17, 19]]
    speed = np.linalg.norm(np.diff(heels, axis=0), axis=2) * FPS
    assert (speed.min(axis=1) < 0.05).mean() > 0.95
    way = np.linalg.norm(np.diff(motion.transl[:, :2], axis=0), axis=1).sum()
    assert way == pytest.approx(4.0 * 0.6, rel=0.2)


def test_a_motion_played_at_its_own_times_is_itself():
    """Between two frames it lies between, at its frames it is exact."""
    motion = piece("kungfu_form")
    same = at_times(motion, np.arange(len(motion)) / FPS)
    np.testing.assert_allclose(same.joints()[0], motion.joints()[0], atol=1e-9)


def test_turning_the_camera_right_moves_the_scene_left():
    """The sign of a pan's truth."""
    camera = orbit(2, azimuth_deg=0.0)
    for angles, axis, sign in (({"yaw_deg": [0, 5.0]}, 0, -1), ({"yaw_deg": [0, 0], "pitch_deg": [0, 5.0]}, 1, 1)):
        path = turned(camera, **{name: np.array(values, dtype=float) for name, values in angles.items()})
        pixels, _ = path.project(np.tile([0.0, 0.0, 0.9], (2, 1, 1)))
        assert sign * (pixels[1, 0, axis] - pixels[0, 0, axis]) > 50
