"""What counts as a bad frame, and what as found."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.quality import BadFrameFigures, bad_frame_figures
from benchmarks.trials import PersonTruth, Trial
from pipeline.evidence import FrameFlag
from pipeline.video.recording import PersonTrack, Recording, Shot

N, HEIGHT = 20, 400.0
LEFT_KNEE = 13


def _figures(*, off_px: float = 0.0, moved=(), flagged=(), unseen=(), flag=FrameFlag.ODD_LIMBS) -> BadFrameFigures:
    """Figures of a track that is right but for one knee in some frames, flagged in others, missing in others."""
    truth = np.random.default_rng(0).uniform(100, 500, (N, 21, 2))
    always, never = np.ones(N, dtype=bool), np.zeros(N, dtype=bool)
    person = PersonTruth(
        name="main",
        kp2d=truth,
        visible=np.ones((N, 21), dtype=bool),
        smear_px=np.zeros((N, 21)),
        height_px=np.full(N, HEIGHT),
        planted=never,
    )
    fault = never.copy()
    fault[:10] = True
    trial = Trial(
        name="faults",
        recipe="",
        video=Path("none.mp4"),
        fps=30.0,
        image_size=(640, 640),
        cut_times_s=(),
        people=(person,),
        camera=None,
        zoom=np.ones(N),
        faults={"blur": fault},
    )
    seen = always.copy()
    seen[list(unseen)] = False
    kp2d = np.concatenate([truth[:, :17], np.full((N, 17, 1), 0.9)], axis=2)
    kp2d[list(moved), LEFT_KNEE, 0] += off_px
    flags = np.zeros(N, dtype=np.uint16)
    flags[list(flagged)] = int(flag)
    n_seen = int(seen.sum())
    track = PersonTrack(
        pictures=np.flatnonzero(seen),
        boxes=np.zeros((n_seen, 4)),
        kp2d=kp2d[seen],
        foot_kp2d=np.ones((n_seen, 4, 3)),
        landmarks_w=np.zeros((n_seen, 33, 3)),
        kp_trust=np.ones((n_seen, 21)),
        flags=flags[seen],
    )
    recording = Recording(
        image_size=(640, 640),
        K=np.eye(3),
        K_source="default",
        native_fps=30.0,
        times=np.arange(N) / 30.0,
        repeated_times=np.zeros(0),
        R_w2c=np.broadcast_to(np.eye(3), (N, 3, 3)),
        zoom=np.ones(N),
        camera_flags=np.zeros(N, dtype=np.uint16),
        shots=(Shot(first=0, end=N, people=(track,)),),
    )
    return bad_frame_figures(recording, trial)


def test_what_is_right_is_not_bad():
    found = _figures().frames
    assert (found.n_bad, found.n_marked, found.recall, found.precision) == (0, 0, 1.0, 1.0)


@pytest.mark.parametrize(("share", "bad"), [(0.099, 0), (0.101, 3)])
def test_a_tenth_of_the_height_makes_a_joint_wrong(share, bad):
    found = _figures(off_px=share * HEIGHT, moved=(2, 3, 12))
    assert found.frames.n_bad == bad
    assert found.keypoints.n_bad == bad


def test_recall_and_precision_count_frames():
    """Two of three bad frames are among four flagged ones."""
    found = _figures(off_px=90.0, moved=(2, 3, 12), flagged=(2, 3, 15, 16))
    assert found.frames.recall == pytest.approx(2 / 3)
    assert found.frames.precision == pytest.approx(1 / 2)
    assert found.by_fault["blur"].recall == 1.0
    assert found.by_fault["clean"].recall == 0.0


def test_a_frame_without_the_person_is_bad_and_says_so():
    """Nobody to trust is no way to trust somebody wrong."""
    found = _figures(unseen=(5, 6))
    assert (found.frames.n_bad, found.frames.recall, found.frames.precision) == (2, 1.0, 1.0)


def test_flags_of_the_camera_say_nothing_of_the_keypoints():
    found = _figures(off_px=90.0, moved=(2,), flagged=(2,), flag=FrameFlag.CAMERA_SHAKEN)
    assert found.frames.n_marked == 0
