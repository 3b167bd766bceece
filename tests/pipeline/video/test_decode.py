"""Decoding keeps the file's own times and turns every unusable file into one sentence."""

from __future__ import annotations

import struct
from fractions import Fraction

import av
import cv2
import numpy as np
import pytest
from av.codec.context import Flags

from pipeline.exceptions import UnreadableVideo
from pipeline.video import probe
from pipeline.video.decode import decode_frames
from pipeline.video.frames import frames_at
from pipeline.video.metadata import deep_tags


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


def _moving_bars(moment, height=96, width=128):
    """A pattern that moves sideways by 6 px a unit of time."""
    rng = np.random.default_rng(3)
    wide = cv2.resize(rng.integers(0, 255, (12, 128), dtype=np.uint8), (1024, height), interpolation=cv2.INTER_CUBIC)
    left = int(6 * moment)
    return cv2.merge([wide[:, left : left + width]] * 3)


def _fields(n, *, top_first=True):
    """Pictures whose first lines are of a moment and whose second lines are of half a picture later."""
    woven = []
    for number in range(n):
        picture = _moving_bars(number).copy()
        late = slice(1, None, 2) if top_first else slice(0, None, 2)
        picture[late] = _moving_bars(number + 0.5)[late]
        woven.append(picture)
    return woven


def _write_flagged(path, pictures):
    """Encode as an interlaced stream, whatever the pictures are."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt, stream.options = "yuv420p", {"crf": "10", "x264-params": "tff=1"}
        flags = Flags.interlaced_dct | Flags.interlaced_me
        stream.codec_context.flags |= flags
        for picture in pictures:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
    return path


def _error(picture, moment):
    return np.abs(picture[4:-4].astype(float) - _moving_bars(moment)[4:-4]).mean()


@pytest.mark.parametrize("top_first", [True, False], ids=["top", "bottom"])
def test_combed_pictures_of_a_stream_that_hides_it_become_whole(write_video, top_first):
    """A broadcast re-encoded without care calls itself progressive; an arm then has two contours."""
    path = write_video(_fields(40, top_first=top_first))
    assert probe(path).interlaced
    woven = list(decode_frames(path, interlaced=False))
    whole = list(decode_frames(path))
    assert [frame.time_s for frame in whole] == [frame.time_s for frame in woven]
    for number in (5, 20, 35):
        combed, made_whole = (
            min(_error(frames[number].rgb, number), _error(frames[number].rgb, number + 0.5))
            for frames in (woven, whole)
        )
        assert made_whole < 0.4 * combed


def test_a_flagged_stream_is_judged_by_its_pictures_where_they_move(tmp_path):
    """Films are broadcast as interlaced; making their whole pictures whole would only blur them."""
    assert probe(_write_flagged(tmp_path / "fields.mp4", _fields(30))).interlaced
    assert probe(_write_flagged(tmp_path / "still.mp4", [_moving_bars(0)] * 30)).interlaced
    assert not probe(_write_flagged(tmp_path / "film.mp4", [_moving_bars(k) for k in range(30)])).interlaced


@pytest.mark.parametrize("n", [1, 2, 30])
def test_no_picture_is_lost_in_deinterlacing(tmp_path, n):
    """The filter looks one picture ahead and has to be emptied at the end."""
    path = _write_flagged(tmp_path / "fields.mp4", _fields(n))
    times = [frame.time_s for frame in decode_frames(path, interlaced=True)]
    assert times == pytest.approx(np.arange(n) / 25)


def test_a_damaged_interlaced_file_is_read_as_far_as_it_goes(write_video):
    """What waits in the filter comes out before the damage ends the reading."""
    rng = np.random.default_rng(0)
    pictures = [np.clip(p + rng.normal(0, 20, p.shape), 0, 255).astype(np.uint8) for p in _fields(75)]
    path = write_video(pictures, options={"movflags": "faststart"})
    path.write_bytes(path.read_bytes()[: int(0.7 * path.stat().st_size)])
    plain = [frame.time_s for frame in decode_frames(path, interlaced=False)]
    assert [frame.time_s for frame in decode_frames(path, interlaced=True)] == plain
    assert plain[-1] > 1.0


@pytest.mark.parametrize("material", [_noise(40), _gray_levels([80] * 40), [_moving_bars(k) for k in range(40)]])
def test_progressive_video_is_left_alone(write_video, material):
    """Noise combs in either parity, a still picture not at all."""
    assert not probe(write_video(material)).interlaced


def test_an_interlaced_picture_with_a_rotation_stays_upright(write_video):
    """The filter must carry the display matrix along."""
    path = _turned_mp4(write_video(_fields(12)), (0, 1 << 16, 0, -(1 << 16), 0, 0, 0, 0, 1 << 30))
    assert next(decode_frames(path, interlaced=True)).rgb.shape[:2] == (128, 96)


def test_a_4k_picture_is_read_at_the_size_asked_for(write_video):
    """Later stages look at 1280 px; the information keeps the video's own."""
    path = write_video([np.full((2160, 3840, 3), 90, dtype=np.uint8)] * 2)
    assert (probe(path).width, probe(path).height) == (3840, 2160)
    frame = next(decode_frames(path, max_side_px=1280))
    assert (frame.rgb.shape, frame.scale) == ((720, 1280, 3), pytest.approx(1 / 3))


def _noted(path, notes, size=(64, 48)):
    with av.open(str(path), "w", options={"movflags": "use_metadata_tags"}) as container:
        container.metadata.update(notes)
        stream = container.add_stream("libx264", rate=30)
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        container.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((*size[::-1], 3), np.uint8), format="rgb24")))
        container.mux(stream.encode())
    return path


def _box(kind, content):
    return struct.pack(">I4s", 8 + len(content), kind) + content


def _with_track_note(path, name, kind, value):
    """Put a note on the picture track, as phones do; the index lies at the end, so that no offset changes."""
    keys = _box(b"keys", struct.pack(">II", 0, 1) + _box(b"mdta", name.encode()))
    item = struct.pack(">II", 8 + 16 + len(value), 1) + _box(b"data", struct.pack(">II", kind, 0) + value)
    handler = _box(b"hdlr", bytes(8) + b"mdta" + bytes(13))
    note = _box(b"meta", handler + keys + _box(b"ilst", item))
    content = bytearray(path.read_bytes())
    movie, track = content.find(b"moov") - 4, content.find(b"trak") - 4
    assert content.find(b"mdat") < movie
    length = struct.unpack_from(">I", content, track)[0]
    content[track + length : track + length] = note
    for at in (movie, track):
        struct.pack_into(">I", content, at, struct.unpack_from(">I", content, at)[0] + len(note))
    path.write_bytes(content)
    return path


def test_androids_note_of_the_capture_rate_is_read(tmp_path):
    """Its slow motion is a file of 30 pictures a second that were taken at 240."""
    info = probe(_noted(tmp_path / "slow.mp4", {"com.android.capture.fps": "240.000000"}))
    assert (info.recorded_fps, info.mean_fps) == (240.0, 30.0)
    assert probe(_noted(tmp_path / "plain.mp4", {})).recorded_fps == 0.0
    assert probe(_noted(tmp_path / "odd.mp4", {"com.android.capture.fps": "fast"})).recorded_fps == 0.0


def test_sonys_xml_tells_the_capture_rate(tmp_path):
    """Slow & Quick motion keeps it in a box of its own at the end of the file."""
    path = _noted(tmp_path / "C0001.MP4", {})
    xml = b'<NonRealTimeMeta><VideoFrame captureFps="119.88p" formatFps="29.97p"/></NonRealTimeMeta>'
    path.write_bytes(path.read_bytes() + _box(b"meta", bytes(4) + _box(b"xml ", bytes(4) + xml)))
    assert probe(path).recorded_fps == pytest.approx(119.88)


@pytest.mark.parametrize(
    ("kind", "value"), [(1, b"27"), (1, b"27.00mm"), (21, struct.pack(">i", 27)), (23, struct.pack(">f", 27.0))]
)
def test_a_phones_note_of_its_lens_is_read_from_the_picture_track(tmp_path, kind, value):
    """27 mm against 36 mm along the longer side, also in portrait."""
    name = "com.apple.quicktime.camera.focal_length.35mm_equivalent"
    path = _with_track_note(_noted(tmp_path / "IMG_1.MOV", {}, size=(640, 360)), name, kind, value)
    assert probe(path).focal_px == pytest.approx(27 / 36 * 640)
    assert next(decode_frames(path)).rgb.shape == (360, 640, 3)
    upright = _turned_mp4(path, (0, 1 << 16, 0, -(1 << 16), 0, 0, 0, 0, 1 << 30))
    assert (probe(upright).width, probe(upright).focal_px) == (360, pytest.approx(480))


@pytest.mark.parametrize("value", [b"", b"none", b"0", b"-3", b"1e9", b"\xff\xfe"])
def test_a_senseless_note_is_no_note(tmp_path, value):
    name = "com.apple.quicktime.camera.focal_length.35mm_equivalent"
    assert probe(_with_track_note(_noted(tmp_path / "IMG_1.MOV", {}), name, 1, value)).focal_px == 0.0


def test_damaged_boxes_hold_no_notes(tmp_path):
    """Any byte of the index may be wrong; reading notes must never be what fails."""
    name = "com.apple.quicktime.camera.focal_length.35mm_equivalent"
    content = _with_track_note(_noted(tmp_path / "IMG_1.MOV", {}), name, 21, struct.pack(">i", 27)).read_bytes()
    rng = np.random.default_rng(0)
    for _ in range(300):
        damaged = bytearray(content)
        for at in rng.integers(0, len(content), 8):
            damaged[at] = rng.integers(256)
        path = tmp_path / "damaged.mov"
        path.write_bytes(damaged[: rng.integers(1, len(content) + 1)])
        assert isinstance(deep_tags(path), dict)
