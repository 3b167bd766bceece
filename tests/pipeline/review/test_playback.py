"""Views stay in step in the written video, whatever their sizes; the playhead obeys its keys."""

from __future__ import annotations

import av
import cv2
import numpy as np
import pytest

from pipeline.review import NoDesktop, PlaybackConfig, play_on_desktop, render_playback
from robots.exceptions import InvalidArray


def brightness_of(path, n_views):
    """Mean brightness of each third (or half) of each frame of a video, away from the labels."""
    values = []
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            picture = frame.to_ndarray(format="rgb24")[100:-60]
            values.append([part.mean() for part in np.array_split(picture, n_views, axis=1)])
    return np.array(values)


@pytest.mark.parametrize(("fps", "expected_frames"), [(30.0, 40), (60.0, 20), (24.0, 40), (40.0, 20)])
def test_every_frame_shows_all_views_at_one_time(tmp_path, fps, expected_frames):
    """Each view is a grey ramp in time: in the video they must be equally far along in every frame."""
    path = tmp_path / "playback.mp4"
    ramp = [np.full((240, 240, 3), 20 + 5 * i, dtype=np.uint8) for i in range(40)]
    views = ((np.repeat(np.repeat(p, 2, 0), 2, 1), p, p) for p in ramp)
    seen = []
    render_playback(
        path,
        views,
        titles=("a", "b", "c"),
        fps=fps,
        n_frames=40,
        config=PlaybackConfig(height_px=240),
        progress=lambda done, total: seen.append((done, total)),
    )
    shown = brightness_of(path, 3)
    assert len(shown) == expected_frames
    assert np.abs(shown - shown[:, :1]).max() < 3.0
    assert (np.diff(shown[:, 0]) > 2.0).all()
    assert seen[-1] == (40, 40)


def test_a_reviewer_can_step_back_and_a_list_can_show_a_still(tmp_path):
    """No frame waits for more than half a second of others; the index comes first; a still shows the middle."""
    path, poster = tmp_path / "playback.mp4", tmp_path / "poster.jpg"
    ramp = [np.full((240, 240, 3), 20 + 3 * i, dtype=np.uint8) for i in range(60)]
    config = PlaybackConfig(height_px=240)
    render_playback(
        path, ((p, p) for p in ramp), titles=("a", "b"), fps=30.0, n_frames=60, config=config, poster=poster
    )
    with av.open(str(path)) as container:
        keyframes = [index for index, frame in enumerate(container.decode(video=0)) if frame.key_frame]
    assert keyframes[0] == 0 and max(np.diff([*keyframes, 60])) <= 15
    content = path.read_bytes()
    assert content.index(b"moov") < content.index(b"mdat")
    still = cv2.imread(str(poster))
    assert still.shape == (160, 320, 3)
    assert abs(still[60:100].mean() - ramp[30].mean()) < 3.0


def litter(rng):
    """Leave memory that was used for something else, in pieces of all sizes, as another film would."""
    pieces = [rng.integers(0, 255, int(rng.integers(1, 2_000_000)), dtype=np.uint8) for _ in range(20)]
    del pieces[::2]
    return pieces


def moving_pictures():
    """Thirty pictures of smooth noise that drifts, so that the encoder has something to follow."""
    coarse = np.random.default_rng(0).integers(0, 255, (20, 40, 3), dtype=np.uint8)
    scene = cv2.resize(coarse, (640, 320), interpolation=cv2.INTER_CUBIC)
    return [scene[shift : shift + 240, 2 * shift : 2 * shift + 426].copy() for shift in range(30)]


def test_a_film_is_the_same_whatever_the_process_did_before(tmp_path):
    """Byte for byte: a dataset that is built again, in another order or after a crash, is the same dataset."""
    rng, pictures, films = np.random.default_rng(0), moving_pictures(), set()
    for _ in range(6):
        path = tmp_path / "playback.mp4"
        pieces = litter(rng)
        views = ((p, p[::-1]) for p in pictures)
        config = PlaybackConfig(height_px=240)
        render_playback(path, views, titles=("a", "b"), fps=30.0, n_frames=len(pictures), config=config)
        films.add(path.read_bytes())
        del pieces
    assert len(films) == 1


@pytest.mark.parametrize(("field", "value"), [("height_px", 63), ("height_px", 101), ("fps", 0.0), ("crf", 99)])
def test_settings_that_no_encoder_takes_are_refused(field, value):
    """The encoder's own message would name neither the setting nor its range."""
    with pytest.raises(InvalidArray, match=field):
        PlaybackConfig(**{field: value})


def test_without_a_screen_the_viewer_says_what_to_watch_instead(monkeypatch):
    """A server has no window; the sentence names the file that is there for it."""
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.setattr("sys.platform", "linux")
    with pytest.raises(NoDesktop, match=r"playback\.mp4"):
        play_on_desktop(None, None)  # type: ignore[arg-type]
