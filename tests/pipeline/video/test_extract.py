"""From a video of a person whose every joint is known to evidence, with the real networks."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from pipeline.body import load_body
from pipeline.camera import CameraPath, default_intrinsics
from pipeline.clip import Clip, Source
from pipeline.evidence import FrameFlag
from pipeline.exceptions import NoPersonFound, UnreadableVideo
from pipeline.render import FilmConfig, film_person
from pipeline.render.stage import look_at
from pipeline.video import ClipConfig, VideoConfig, cut_clips, evidence_of, watch_video
from retarget.progress import silent

pytestmark = pytest.mark.render

N, FPS = 48, 24.0
SIZE = (640, 360)
STATIC = VideoConfig(static_camera=True)


def extract_evidence(path, config, models, progress=silent, **clips):
    """Evidence of the first clip of a video."""
    recording = watch_video(path, config, models, progress)
    cutting = ClipConfig(**clips)
    clip = cut_clips(recording, Clip.of(Source.from_file(path)), cutting)[0]
    return evidence_of(recording, clip, cutting)


@dataclass
class Film:
    pictures: list[np.ndarray]
    empty: np.ndarray
    keypoints: np.ndarray
    R_w2c: np.ndarray

    @property
    def times_ms(self):
        return np.rint(1000 * np.arange(N) / FPS).astype(int).tolist()


def _about_z(angle_deg):
    return Rotation.from_rotvec(np.radians(angle_deg)[:, None] * [0.0, 0.0, 1.0]).as_matrix()


@pytest.fixture(scope="module")
def film() -> Film:
    """Two seconds of somebody who raises an arm, before a camera that pans by 8 degrees; then the empty hall."""
    body = load_body("open")
    along = np.linspace(0, 1, N)
    upright = Rotation.from_matrix([[0, 0, 1], [1, 0, 0], [0, 1, 0]]).as_rotvec()  # SMPL axes to a world with z up
    pose = np.zeros((N + 1, 21, 3))
    pose[:, 15, 2] = -1.1  # left arm down, right arm from down to raised
    pose[:N, 16, 2] = 1.1 - 1.8 * along
    transl = np.tile([0.0, 0.0, 0.95], (N + 1, 1))
    transl[N] += [0.0, 50.0, 0.0]
    motion = body.motion(FPS, np.zeros(10), np.tile(upright, (N + 1, 1)), pose, transl)
    pan = _about_z(np.append(8.0 * along - 4.0, 0.0))
    R_w2c = look_at(np.array([-1.0, 0.0, -0.08])) @ pan
    path = CameraPath(K=default_intrinsics(*SIZE), R_w2c=R_w2c, pos_w=np.tile([4.6, 0.0, 1.25], (N + 1, 1)))
    pictures = list(film_person(body, motion, path, FilmConfig(width=SIZE[0], height=SIZE[1], shadows=False)))
    keypoints, _ = path.project(body.keypoints(body.verts(motion)))
    return Film(pictures[:N], pictures[N], keypoints[:N], R_w2c[:N])


@pytest.fixture(scope="module")
def evidence(film, keypoint_models, write_video):
    path = write_video(film.pictures, times_ms=film.times_ms)
    return extract_evidence(path, VideoConfig(), keypoint_models)


def _true_keypoints(film, timestamps):
    native = np.arange(N) / FPS
    flat = film.keypoints.reshape(N, -1)
    at = np.stack([np.interp(timestamps, native, column) for column in flat.T], axis=1)
    return at.reshape(len(timestamps), 21, 2)


def test_keypoints_lie_on_the_person(film, evidence):
    """Measured in the front end's specification: 1.3 % of the person's height in the median."""
    truth = _true_keypoints(film, evidence.timestamps)
    found = np.concatenate([evidence.kp2d, evidence.foot_kp2d], axis=1)[..., :2]
    height = np.ptp(truth[..., 1], axis=1).mean()
    error = np.linalg.norm(found - truth, axis=2) / height
    assert np.median(error) < 0.02
    assert np.percentile(error, 95) < 0.08
    inside = (truth >= evidence.boxes[:, None, :2] - 0.06 * height) & (
        truth <= evidence.boxes[:, None, 2:] + 0.06 * height
    )
    assert inside.mean() > 0.98


def test_left_and_right_are_the_persons_own(evidence):
    """The person faces the camera, so their left is on the right of the picture, and +x in camera axes."""
    names = {"left": (5, 11, 15), "right": (6, 12, 16)}
    for left, right in zip(names["left"], names["right"], strict=True):
        assert (evidence.kp2d[:, left, 0] > evidence.kp2d[:, right, 0]).all()
    assert (evidence.landmarks_w[:, 11, 0] > evidence.landmarks_w[:, 12, 0]).all()


def test_landmarks_are_metres_in_camera_axes_about_the_hips(evidence):
    """y points down: the nose lies above the hips by half a metre or more, the ankles below."""
    assert np.abs(evidence.landmarks_w[:, 23:25].mean(axis=1)).max() < 0.05
    assert (evidence.landmarks_w[:, 0, 1] < -0.45).all()
    assert (evidence.landmarks_w[:, 27:29, 1] > 0.5).all()


def test_the_camera_is_followed_though_a_person_moves_before_it(film, evidence):
    native = np.arange(N) / FPS
    yaw = np.interp(evidence.timestamps, native, np.linspace(0, 8, N))
    turned = film.R_w2c[0] @ _about_z(yaw) @ film.R_w2c[0].T
    error = Rotation.from_matrix(evidence.R_w2c @ np.swapaxes(turned, 1, 2)).magnitude()
    assert np.degrees(error).max() < 0.2
    assert not (evidence.flags & FrameFlag.CAMERA_UNSURE).any()


def test_a_zoom_is_measured_and_taken_out(film, evidence, keypoint_models, write_video):
    """Seen through a lens that zooms in by a quarter, the person is where they would be without."""
    zoom = 1.0 + 0.25 * np.clip((np.arange(N) - 12) / 24, 0, 1)
    c = default_intrinsics(*SIZE)[:2, 2]
    pictures = [
        cv2.warpAffine(picture, np.column_stack([z * np.eye(2), (1 - z) * c]), SIZE)
        for picture, z in zip(film.pictures, zoom, strict=True)
    ]
    found = extract_evidence(write_video(pictures, times_ms=film.times_ms), VideoConfig(), keypoint_models)
    height = np.ptp(evidence.kp2d[..., 1], axis=1).mean()
    error = np.linalg.norm(found.kp2d[..., :2] - evidence.kp2d[..., :2], axis=2) / height
    assert np.median(error) < 0.01
    assert np.median(error[-8:]) < 0.015  # left in, the zoom would put head and feet off by 0.1
    zooming = (found.flags & FrameFlag.CAMERA_ZOOMING) > 0
    assert 0.3 < zooming.mean() < 0.7
    assert any("the camera zooms" in remark for remark in found.remarks)


def test_evidence_is_uniform_and_knows_where_it_came_from(evidence):
    assert evidence.fps == 30.0
    assert evidence.native_fps == pytest.approx(FPS, rel=1e-3)
    assert np.diff(evidence.timestamps) == pytest.approx(np.full(len(evidence) - 1, 1 / 30))
    assert evidence.timestamps[0] == 0.0
    assert len(evidence) == int((N - 1) / FPS * 30) + 1
    assert evidence.image_size == SIZE
    assert (evidence.K_source, evidence.undecoded_s) == ("default", 0.0)
    assert pytest.approx(default_intrinsics(*SIZE)) == evidence.K
    between = (evidence.flags & FrameFlag.INTERPOLATED) > 0
    assert 0.5 < between.mean() < 0.7  # of five frames at 30/s, three lie off those at 24/s
    assert not (evidence.flags & FrameFlag.NO_PERSON).any()


def test_an_absence_is_cut_off_at_the_ends_and_marked_in_the_middle(film, keypoint_models, write_video):
    """The clock stays the video's; confidence is zero where nobody was seen."""
    pictures = [film.empty] * 12 + film.pictures[:30] + [film.empty] * 10 + film.pictures[30:] + [film.empty] * 12
    times_ms = np.rint(1000 * np.arange(len(pictures)) / FPS).astype(int).tolist()
    evidence = extract_evidence(write_video(pictures, times_ms=times_ms), STATIC, keypoint_models)
    assert evidence.timestamps[0] == pytest.approx(12 / FPS, abs=1e-3)
    assert evidence.timestamps[-1] == pytest.approx(69 / FPS, abs=1 / 30 + 1e-3)
    absent = (evidence.flags & FrameFlag.NO_PERSON) > 0
    seen_s = evidence.timestamps[absent]
    assert seen_s.min() == pytest.approx(41.5 / FPS, abs=1.5 / FPS)
    assert seen_s.max() == pytest.approx(51.5 / FPS, abs=1.5 / FPS)
    assert (evidence.kp2d[absent, :, 2] == 0).all()
    assert (evidence.kp2d[~absent, :, 2].mean(axis=1) > 0.5).all()
    across = evidence.kp2d[absent, 11, :2]
    assert np.diff(across, n=2, axis=0) == pytest.approx(0.0, abs=1e-6)


def test_an_empty_hall_holds_no_person(film, keypoint_models, write_video):
    path = write_video([film.empty] * 30)
    with pytest.raises(NoPersonFound, match=r"clip\.mp4: a person was seen for only 0\.0 s"):
        extract_evidence(path, STATIC, keypoint_models)


def test_half_a_second_of_a_person_is_no_motion(film, keypoint_models, write_video):
    path = write_video(film.pictures[:12] + [film.empty] * 18)
    with pytest.raises(NoPersonFound, match=r"only 0\.\d s"):
        extract_evidence(path, STATIC, keypoint_models)


def test_what_a_damaged_file_lacks_is_said(film, keypoint_models, write_video):
    path = write_video(film.pictures, times_ms=film.times_ms, options={"movflags": "faststart"})
    path.write_bytes(path.read_bytes()[: int(0.8 * path.stat().st_size)])
    evidence = extract_evidence(path, STATIC, keypoint_models)
    assert evidence.timestamps[-1] + evidence.undecoded_s == pytest.approx(N / FPS, abs=0.1)
    assert evidence.undecoded_s > 0.25


def test_the_same_video_gives_the_same_bits(film, keypoint_models, write_video):
    """Threads may finish in any order, the result may not show it."""
    path = write_video(film.pictures, times_ms=film.times_ms)
    once, again = (extract_evidence(path, VideoConfig(threads=n), keypoint_models) for n in (1, 2))
    for name in ("kp2d", "foot_kp2d", "landmarks_w", "boxes", "R_w2c", "flags", "kp_trust"):
        assert np.array_equal(getattr(once, name), getattr(again, name)), name


def test_a_known_lens_and_a_known_tripod_are_believed(film, keypoint_models, write_video):
    config = VideoConfig(static_camera=True, focal_px=500.0)
    path = write_video(film.pictures, times_ms=film.times_ms)
    evidence = extract_evidence(path, config, keypoint_models, fps=20.0)
    assert (evidence.K[0, 0], evidence.K[1, 1], evidence.K_source, evidence.fps) == (500.0, 500.0, "user", 20.0)
    assert np.array_equal(evidence.R_w2c, np.broadcast_to(np.eye(3), evidence.R_w2c.shape))


def test_keypoints_are_in_the_videos_pixels_whatever_the_networks_saw(film, evidence, keypoint_models, write_video):
    """4K is shrunk before anything looks at it; what comes out is in 4K all the same."""
    config = VideoConfig(max_side_px=SIZE[0] * 3 // 4)
    shrunk = extract_evidence(write_video(film.pictures, times_ms=film.times_ms), config, keypoint_models)
    assert shrunk.image_size == SIZE
    assert np.median(np.abs(shrunk.kp2d[..., :2] - evidence.kp2d[..., :2])) < 2.0


def test_progress_counts_every_decoded_frame(film, keypoint_models, write_video):
    heard = []
    path = write_video(film.pictures, times_ms=film.times_ms)
    extract_evidence(path, STATIC, keypoint_models, lambda done, total: heard.append((done, total)))
    assert heard == [(i + 1, N) for i in range(N)]


def test_an_unreadable_video_is_not_hidden_by_the_threads(tmp_path, keypoint_models):
    path = tmp_path / "letter.mp4"
    path.write_text("no video", encoding="utf-8")
    with pytest.raises(UnreadableVideo, match="letter"):
        extract_evidence(path, VideoConfig(), keypoint_models)
