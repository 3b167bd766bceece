"""Decoding keeps the file's own times and turns every unusable file into one sentence."""

from __future__ import annotations

import struct
from fractions import Fraction

import av
import numpy as np
import pytest

from pipeline.exceptions import UnreadableVideo
from pipeline.video import probe
from pipeline.video.decode import decode_frames
from pipeline.video.frames import frames_at


def _gray_levels(levels, height=48, width=64):
    return [np.full((height, width, 3), level, dtype=np.uint8) for level in levels]


def _noise(n, seed=0):
    return list(np.random.default_rng(seed).integers(0, 255, (n, 48, 64, 3), dtype=np.uint8))


def _turned_mp4(path, matrix):
    """Write a display matrix into the track header, as phones do."""
    content = bytearray(path.read_bytes())
    start = content.find(b"tkhd") + 8 + 20 + 16  # version and flags, five 32-bit fields, reserved and layer
    assert struct.unpack(">9i", content[start : start + 36])[0] == 1 << 16
    content[start : start + 36] = struct.pack(">9i", *matrix)
    path.write_bytes(content)
    return path


def test_frames_of_a_variable_rate_keep_their_times(write_video):
    """Relabelling a variable rate as a constant one would speed the motion up and down."""
    times_ms = [0, 40, 80, 200, 210, 500, 1000]
    path = write_video(_gray_levels([30] * 7), times_ms=times_ms)
    assert [frame.time_s for frame in decode_frames(path)] == pytest.approx(np.array(times_ms) / 1000, abs=1e-4)


@pytest.mark.parametrize(
    ("name", "codec"),
    [("a.mp4", "libx264"), ("a.mkv", "libx264"), ("a.ts", "libx264"), ("a.avi", "mpeg4"), ("a.webm", "libvpx")],
)
def test_every_container_starts_at_zero(write_video, name, codec):
    """A transport stream's clock starts anywhere; evidence is on the clock that begins with the first picture."""
    path = write_video(_gray_levels([30] * 30), name=name, codec=codec)
    assert [frame.time_s for frame in decode_frames(path)] == pytest.approx(np.arange(30) / 25, abs=2e-3)
    info = probe(path)
    assert (info.width, info.height, info.codec != "") == (64, 48, True)
    assert info.duration_s == pytest.approx(1.2, abs=0.05)


@pytest.mark.parametrize(
    ("matrix", "corner"),
    [
        ((0, 1 << 16, 0, -(1 << 16), 0, 0, 0, 0, 1 << 30), (0, -1)),
        ((-(1 << 16), 0, 0, 0, -(1 << 16), 0, 0, 0, 1 << 30), (-1, -1)),
        ((0, -(1 << 16), 0, 1 << 16, 0, 0, 0, 0, 1 << 30), (-1, 0)),
    ],
    ids=["clockwise", "half turn", "counterclockwise"],
)
def test_a_phone_held_sideways_gives_upright_pictures(write_video, matrix, corner):
    """The picture's top left corner goes where the display matrix sends it, and the size turns with it."""
    picture = np.zeros((48, 64, 3), dtype=np.uint8)
    picture[:16, :16] = 255
    path = _turned_mp4(write_video([picture] * 5), matrix)
    upright = next(decode_frames(path)).rgb
    size = (48, 64) if matrix[0] else (64, 48)
    assert upright.shape[:2] == size
    assert (probe(path).height, probe(path).width) == size
    assert upright[corner].min() > 200
    assert np.mean(upright > 128) == pytest.approx(16 * 16 / (48 * 64), abs=0.02)


def test_pixels_that_are_not_square_are_stretched_to_be(tmp_path):
    """Else a person on DVD is a quarter too thin, and so are all bones."""
    path = tmp_path / "dvd.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt, stream.sample_aspect_ratio = 60, 48, "yuv420p", Fraction(4, 3)
        for picture in _gray_levels([80] * 3, width=60):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
    assert next(decode_frames(path)).rgb.shape[:2] == (48, 80)
    assert (probe(path).width, probe(path).height) == (80, 48)


def test_large_pictures_are_shrunk_and_say_so(write_video):
    """Later stages divide by the scale to return to the video's pixels."""
    frame = next(decode_frames(write_video(_gray_levels([90])), max_side_px=32))
    assert frame.rgb.shape == (24, 32, 3)
    assert frame.scale == 0.5


def test_frames_at_gives_the_nearest_picture(write_video):
    """The overlay of frame k must lie on the picture that frame k was measured in."""
    levels = [20, 60, 100, 140, 180]
    path = write_video(_gray_levels(levels), times_ms=[0, 100, 200, 300, 400])
    shown = [picture.mean() for picture in frames_at(path, np.array([0.0, 0.04, 0.06, 0.2, 0.26, 0.4, 0.9]))]
    assert shown == pytest.approx([20, 20, 60, 100, 140, 180, 180], abs=4)


def test_a_file_cut_off_late_is_read_as_far_as_it_goes(write_video):
    """Half a choreography is better than none; the caller sees how much is missing."""
    path = write_video(_noise(75), options={"movflags": "faststart"})
    path.write_bytes(path.read_bytes()[: int(0.7 * path.stat().st_size)])
    last = [frame.time_s for frame in decode_frames(path)][-1]
    assert 1.0 <= last < 2.5
    assert probe(path).duration_s == pytest.approx(3.0, abs=0.05)


@pytest.mark.parametrize("share", [0.3, 0.1])
def test_a_file_cut_off_early_is_refused(write_video, share):
    """Less than a second is no motion: better say that the file is broken than that nobody is in it."""
    path = write_video(_noise(50), options={"movflags": "faststart"})
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    with pytest.raises(UnreadableVideo, match=r"clip\.mp4: its first pictures cannot be decoded.*download it again"):
        list(decode_frames(path))


def test_a_short_but_whole_file_is_not_called_broken(write_video):
    """Its length is for the stage to judge that looks for a person."""
    assert len(list(decode_frames(write_video(_noise(5))))) == 5


def _make_empty(folder):
    (folder / "empty.mp4").touch()
    return folder / "empty.mp4"


def _make_text(folder):
    (folder / "letter.mp4").write_text("Dear reader, this is no video.\n" * 50, encoding="utf-8")
    return folder / "letter.mp4"


def _make_noise(folder):
    (folder / "noise.mp4").write_bytes(np.random.default_rng(0).bytes(50_000))
    return folder / "noise.mp4"


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda folder: folder / "nowhere.mp4", r"nowhere\.mp4: no such file\. Check the path\."),
        (lambda folder: folder, r"is a directory\. Name the video files in it\."),
        (_make_empty, r"empty\.mp4: is empty \(0 bytes\)\. Copy or download it again\."),
        (_make_text, r"letter\.mp4: is not a video, or a video cut off before its index\..*ffmpeg"),
        (_make_noise, r"noise\.mp4: is not a video"),
    ],
    ids=["absent", "directory", "empty", "text", "noise"],
)
@pytest.mark.parametrize("read", [probe, lambda path: list(decode_frames(path))], ids=["probe", "decode"])
def test_what_is_no_video_gets_one_sentence(tmp_path, make, says, read):
    """The sentence names the file, the cause and what to do."""
    with pytest.raises(UnreadableVideo, match=says):
        read(make(tmp_path))


def test_sound_without_pictures_is_refused(sound_only):
    with pytest.raises(UnreadableVideo, match=r"sound\.wav: holds no video stream, only audio"):
        probe(sound_only)


def test_an_mp4_without_its_index_is_refused(write_video):
    """A recording that was interrupted: all pictures are there, and nothing says where."""
    path = write_video(_noise(30))
    content = path.read_bytes()
    path.write_bytes(content[: content.find(b"moov") - 4])
    with pytest.raises(UnreadableVideo, match="cut off before its index"):
        probe(path)
