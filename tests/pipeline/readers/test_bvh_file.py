"""Laws of the BVH parser: what it accepts, and that everything else is refused with one sentence."""

from __future__ import annotations

import gzip

import numpy as np
import pytest

from pipeline.readers import UnreadableMotion
from pipeline.readers import bvh_file as module
from pipeline.readers.bvh_file import read_bvh

GOOD = """HIERARCHY
ROOT Hips
{
  OFFSET 0 1 0
  CHANNELS 6 Xposition Yposition Zposition Zrotation Yrotation Xrotation
  JOINT Left Arm {
    OFFSET 1.5 0 0
    CHANNELS 3 Yrotation Zrotation Xrotation
    End Site
    {
      OFFSET 0 2 0
    }
  }
}
MOTION
Frames: 2
Frame Time: 0.025
0 1 2 3 4 5 6 7 8
1 1 2 3 4 5 6 7 9
"""


def written(tmp_path, text):
    path = tmp_path / "a.bvh"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def test_joints_channels_and_values_are_as_written(tmp_path):
    bvh = read_bvh(written(tmp_path, GOOD))
    assert [joint.name for joint in bvh.joints] == ["Hips", "Left Arm", "Left Arm End Site"]
    assert [joint.parent for joint in bvh.joints] == [-1, 0, 1]
    assert bvh.joints[1].channels == ("Yrotation", "Zrotation", "Xrotation")
    assert bvh.joints[1].first_channel == 6
    assert bvh.joints[2].offset == (0.0, 2.0, 0.0)
    assert bvh.frame_time_s == 0.025
    assert np.array_equal(bvh.values[:, 8], [8, 9])


@pytest.mark.parametrize(
    "text",
    [
        GOOD.replace("\n", "\r\n"),
        GOOD.replace("  ", "\t"),
        "\ufeff" + GOOD,
        GOOD.replace("Xrotation", "XROTATION").replace("OFFSET", "Offset").replace("Frames:", "Frames:\t"),
        GOOD + "\n\n",
        gzip.compress(GOOD.encode()),
    ],
    ids=["crlf", "tabs", "bom", "case", "blank lines", "gzip"],
)
def test_spelling_does_not_matter(tmp_path, text):
    """Exporters differ in line ends, tabs, byte order marks and case; the motion is the same."""
    plain, other = read_bvh(written(tmp_path, GOOD)), read_bvh(written(tmp_path, text))
    assert np.array_equal(plain.values, other.values)
    assert plain.joints == other.joints


def test_a_missing_frame_time_is_told_from_a_wrong_one(tmp_path):
    assert read_bvh(written(tmp_path, GOOD.replace("Frame Time: 0.025\n", ""))).frame_time_s is None
    with pytest.raises(UnreadableMotion, match="Frame Time: 0"):
        read_bvh(written(tmp_path, GOOD.replace("0.025", "0")))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "is empty"),
        ("hello", "does not begin with HIERARCHY"),
        (GOOD[:60], "no MOTION part"),
        (GOOD.split("MOTION", maxsplit=1)[0].rstrip()[:-1] + "MOTION\nFrames: 1\n", "leaves 'Hips' open"),
        (GOOD.replace("MOTION", "}\nMOTION"), "a brace too many"),
        (GOOD.replace("MOTION", "ROOT Two { OFFSET 0 0 0 }\nMOTION"), "second skeleton"),
        (GOOD.replace("OFFSET 1.5", "OFFSET x"), "'x' in the OFFSET of joint 'Left Arm'"),
        (GOOD.replace("OFFSET 1.5", "OFFSET nan"), "'nan' in the OFFSET"),
        (GOOD.replace("CHANNELS 3 Y", "CHANNELS 7 Y"), "7 channels"),
        (GOOD.replace("3 Yrotation Z", "3 Zrotation Z"), "a channel twice"),
        (GOOD.replace("3 Yrotation", "3 Wrotation"), "the channel 'Wrotation'"),
        (GOOD.replace("    OFFSET 1.5 0 0\n", ""), "no OFFSET"),
        (GOOD.replace("JOINT Left Arm {", "JOINT {"), "without a name"),
        (GOOD.replace("JOINT", "BONE"), "'BONE' where a joint should begin"),
        (GOOD.replace("Frames: 2\n", ""), "lacks the line 'Frames:'"),
        (GOOD.replace("Frames: 2", "Frames: 3"), "says 3 frames and holds 2"),
        (GOOD.replace("7 9\n", "7\n"), "cut short or damaged"),
        (GOOD.replace("7 9", "7 nine"), "cannot be read"),
        (GOOD.replace("7 9", "7 nan"), "frame 1 holds nan"),
        (GOOD.replace("7 9", "7 1e300"), r"frame 1 holds 1e\+300"),
        (GOOD.split("0 1 2", maxsplit=1)[0], "holds no frames"),
        (gzip.compress(GOOD.encode())[:80], "cannot be unpacked"),
    ],
)
def test_damage_is_refused_in_one_sentence(tmp_path, text, sentence):
    with pytest.raises(UnreadableMotion, match=sentence) as caught:
        read_bvh(written(tmp_path, text))
    assert str(caught.value).startswith(str(tmp_path / "a.bvh"))
    assert "\n" not in str(caught.value)


def test_any_cut_is_noticed(tmp_path):
    """Wherever a copy broke off, no shorter motion is taken for the whole one."""
    for length in range(0, len(GOOD.rstrip())):
        with pytest.raises(UnreadableMotion):
            read_bvh(written(tmp_path, GOOD[:length]))


def test_what_unpacks_without_end_is_refused(tmp_path, monkeypatch):
    """A few kilobytes of gzip can hold gigabytes."""
    monkeypatch.setattr(module, "MAX_TEXT_BYTES", 1024**2)
    with pytest.raises(UnreadableMotion, match="longer than 1 MiB"):
        read_bvh(written(tmp_path, gzip.compress(GOOD.encode() + b"\n" * 2 * 1024**2)))


def test_a_skeleton_may_be_a_thousand_joints_deep(tmp_path):
    """No recursion: depth is memory, not stack."""
    depth = 3000
    head = "HIERARCHY\nROOT a { OFFSET 0 0 0 CHANNELS 1 Xrotation\n" + "JOINT b { OFFSET 0 1 0\n" * depth
    bvh = read_bvh(written(tmp_path, head + "}" * (depth + 1) + "\nMOTION\nFrames: 1\nFrame Time: 1\n5\n"))
    assert len(bvh.joints) == depth + 1
