"""The demo's videos show the whole person, large enough, before the cameras that the issue asks for."""

import av
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from pipeline.body import load_body
from pipeline.camera import CameraPath, default_intrinsics
from pipeline.kfbench import PIECES, Truth, load_truth, render_clip, render_demo, stage_piece
from robots.exceptions import WushuError

BODY = load_body("open")


@pytest.fixture(scope="module", params=PIECES)
def staged(request):
    return stage_piece(PIECES[request.param], BODY)


def test_person_is_whole_and_large_in_every_frame(staged):
    """BlazePose wants a large person; cut-off hands would make an unfair benchmark."""
    pixels, depth = staged.camera.project(BODY.verts(staged.motion))
    assert depth.min() > 2.0
    low, high = pixels.min(axis=1), pixels.max(axis=1)
    width, height = staged.image_size
    assert low.min() > 20 and high[:, 0].max() < width - 20 and high[:, 1].max() < height - 20
    assert np.ptp(np.stack([low, high]), axis=0)[:, 1].min() > 0.55 * height


def test_camera_has_the_lens_that_is_assumed_of_unknown_cameras(staged):
    """The demo asks for the pose, not for the focal length."""
    np.testing.assert_array_equal(staged.camera.K, default_intrinsics(1280, 720))


def test_one_camera_stands_and_one_pans_and_walks():
    """A static camera and a moving one, as in real footage."""
    standing, walking = (stage_piece(PIECES[name], BODY).camera for name in ("kungfu_form", "dance"))
    assert np.ptp(standing.pos_w, axis=0).max() == 0.0 and np.ptp(standing.R_w2c, axis=0).max() == 0.0
    turned = Rotation.from_matrix(walking.R_w2c @ walking.R_w2c[0].T).magnitude()
    assert np.degrees(turned).max() > 25.0
    assert np.linalg.norm(walking.pos_w - walking.pos_w[0], axis=1).max() > 0.5
    assert np.degrees(np.abs(np.diff(turned))).max() * 30 < 30.0  # nobody whips a camera round


def excerpt(truth, n_frames, size):
    motion, camera = truth.motion, truth.camera
    parts = (motion.global_orient[:n_frames], motion.body_pose[:n_frames], motion.transl[:n_frames])
    K = np.diag([size[0] / 1280, size[0] / 1280, 1.0]) @ camera.K
    return Truth(
        motion=BODY.motion(30.0, motion.betas, *parts),
        camera=CameraPath(K=K, R_w2c=camera.R_w2c[:n_frames], pos_w=camera.pos_w[:n_frames]),
        image_size=size,
    )


@pytest.mark.render
def test_video_has_one_frame_for_each_frame_of_the_truth_at_its_rate(staged, tmp_path):
    """Frame k of the video is moment k / 30 of the truth."""
    reports = []
    render_clip(tmp_path / "x.mp4", excerpt(staged, 12, (320, 180)), BODY, progress=lambda *done: reports.append(done))
    with av.open(str(tmp_path / "x.mp4")) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.average_rate) == ("h264", 30)
        frames = list(container.decode(stream))
    assert [frame.time for frame in frames] == pytest.approx(np.arange(12) / 30)
    assert {(frame.width, frame.height) for frame in frames} == {(320, 180)}
    assert reports == [(number, 12) for number in range(1, 13)]


@pytest.mark.render
def test_demo_writes_both_clips_with_their_truth(tmp_path):
    """The front door of the room, at the size of a stamp."""
    reports = []
    clips = render_demo(tmp_path / "new", BODY, lambda *done: reports.append(done), size=(128, 72))
    assert [clip.name for clip in clips] == ["kungfu_form", "dance"]
    total = 0
    for clip in clips:
        truth = load_truth(clip.truth)
        with av.open(str(clip.video)) as container:
            assert sum(1 for _ in container.decode(video=0)) == len(truth.motion)
        total += len(truth.motion)
    assert reports == [(number, total) for number in range(1, total + 1)]
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == [
        "dance.mp4",
        "dance.truth.npz",
        "kungfu_form.mp4",
        "kungfu_form.truth.npz",
    ]


@pytest.mark.render
def test_a_folder_that_cannot_be_made_gives_one_sentence(tmp_path):
    """Here a file is in the way."""
    (tmp_path / "taken").write_text("")
    with pytest.raises(WushuError, match="taken"):
        render_demo(tmp_path / "taken", BODY, size=(128, 72))
