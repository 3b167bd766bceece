"""Files are found with what their index says, groups are those of categories, and jumps are found by measuring."""

from dataclasses import replace
from pathlib import Path
from time import process_time

import numpy as np
import pytest

from pipeline.body import load_body
from pipeline.kfbench import PIECES, perform
from pipeline.kfbench.bench_clips import (
    BenchClip,
    ClipFile,
    ClipMatcher,
    NoClips,
    choose,
    clip_name,
    clip_names,
    cut_window,
    is_airborne,
    is_seen,
    list_clips,
)


@pytest.fixture(scope="module")
def motion():
    return perform(PIECES["kungfu_form"], load_body())


def touch(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("HIERARCHY\n")
    return folder


INDEX = (
    "file,category,qa_flags\ncmu/135_03.bvh.gz,martial_arts,\ncmu/005_02.bvh,dance,R_Wrist:136\ncmu/x.bvh,gesture,\n"
)


def test_every_motion_below_the_folder_is_found(tmp_path):
    folder = touch(tmp_path, "a.bvh", "deep/er/b.BVH.gz", "deep/c.bvh.gz", "notes.txt", "d.npz")
    found = list_clips(folder)
    assert sorted(file.name for file in found.files) == ["a", "b", "c"]
    assert found.index is None and not found.unlisted
    assert all(file.group is None for file in found.files)


@pytest.mark.parametrize("named", ["mocap", "mocap/cmu"])
def test_the_index_lies_in_the_folder_or_its_parent(tmp_path, named):
    """Names in it count from where it lies."""
    touch(tmp_path / "mocap", "cmu/135_03.bvh.gz", "cmu/005_02.bvh", "cmu/x.bvh", "cmu/new.bvh")
    (tmp_path / "mocap" / "index.csv").write_text(INDEX)
    found = list_clips(tmp_path / named)
    groups = {file.name: file.group for file in found.files}
    assert groups == {"135_03": "kungfu", "005_02": "dance", "x": None, "new": None}
    assert {file.name: file.defects for file in found.files if file.defects} == {"005_02": "R_Wrist:136"}
    assert len(found.unlisted) == 1 and found.unlisted[0].endswith("new.bvh")


@pytest.mark.parametrize(
    ("category", "group"),
    [
        ("locomotion", "locomotion"),
        ("Martial Arts", "kungfu"),
        ("martial_arts", "kungfu"),
        ("karate", "kungfu"),
        ("tai-chi", "kungfu"),
        ("kicks", "kungfu"),
        ("dance", "dance"),
        ("acrobatics", None),
        ("", None),
    ],
)
def test_categories_have_groups(category, group):
    assert ClipFile(path=Path("x.bvh"), name="x", category=category).group == group


def test_folders_with_nothing_to_run_on_say_so(tmp_path):
    with pytest.raises(NoClips, match="is no folder"):
        list_clips(tmp_path / "nowhere")
    with pytest.raises(NoClips, match=r"holds no file that ends in \.bvh or \.bvh\.gz"):
        list_clips(touch(tmp_path, "a.txt"))


@pytest.mark.parametrize("text", ["category\ndance\n", b"\xff\xfe\x00file"])
def test_an_index_that_is_none_is_refused(tmp_path, text):
    folder = touch(tmp_path, "a.bvh")
    path = folder / "index.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(NoClips, match=r"index\.csv: (has no column 'file'|cannot be read)"):
        list_clips(folder)


def test_short_and_odd_rows_of_an_index_do_no_harm(tmp_path):
    """Missing cells are empty, spare ones are nobody's."""
    folder = touch(tmp_path, "a.bvh", "b.bvh")
    (folder / "index.csv").write_text("file,category\na.bvh\nb.bvh,dance,spare,cells\n")
    assert {file.name: file.group for file in list_clips(folder).files} == {"a": None, "b": "dance"}


def test_a_clip_is_seen_under_any_name_that_holds_its_own():
    """The same take in another conversion is as seen as the file itself; a take whose name goes on is another."""
    trained = frozenset({"094_04", "007_05"})
    assert is_seen("094_04", trained) and is_seen("cmu_007_05_iclone_cc_rig", trained)
    assert not is_seen("094_041", trained) and not is_seen("1094_04", trained) and not is_seen("094_05", trained)
    assert not is_seen("094_04", frozenset())
    assert clip_name(Path("x/094_04.bvh.gz")) == clip_name(Path("094_04.bvh")) == "094_04"


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("094_08", "094_08_mirrored", True),
        ("Form_A", "wushu-form a.take2", True),
        ("094_08", "cmu/094_08.bvh", True),
        ("太极拳", "2024 太极拳", True),
        ("cafe\u0301", "CAFÉ_1", True),
        ("8", "094_08", False),
        ("4_08", "094_08", False),
        ("094_08", "094_x_08", False),
        ("08_094", "094_08", False),
        ("", "094_08", False),
        ("__", "094__08", False),
        ("", "", False),
    ],
)
def test_who_holds_whose_name_makes_no_difference(one, other, same):
    """A copy may be called longer or shorter than what is listed; but a digit within a number is nobody's name."""
    assert (other in ClipMatcher([one])) is same and (one in ClipMatcher([other])) is same


def test_thousands_of_names_are_taken_apart_once():
    """A benchmark asks of each of its files whether it was among all that weights have learned from."""
    listed = frozenset(f"{subject:03d}_{take:02d}" for subject in range(150) for take in range(20))
    start = process_time()
    assert sum(is_seen(f"cmu_{subject:03d}_07_rig", listed) for subject in range(1000)) == 150
    assert process_time() - start < 1.0


def test_each_clip_has_a_name_of_its_own():
    """Files of one name in two folders are two clips; only they need the long name."""
    a, b = Path("a"), Path("b")
    files = [(a, a / "x.bvh"), (a, a / "y/01.bvh"), (a, a / "z/01.bvh.gz"), (a, a / "p.bvh"), (b, b / "P.npz")]
    assert clip_names(files) == ["x", "y/01.bvh", "z/01.bvh.gz", "p.bvh", "P.npz"]
    twice = [(a, a / "1.bvh"), (b, b / "1.bvh"), (b / "c/1.bvh", b / "c/1.bvh")]
    assert clip_names(twice) == ["a/1.bvh", "b/1.bvh", "b/c/1.bvh"]
    assert clip_names([]) == []


def test_a_hop_is_airborne_and_a_step_is_not(motion):
    """Both feet 20 cm up for a third of a second; one foot, or a tenth of a second, is no flight."""
    assert not BenchClip(name="form", motion=motion).airborne
    lifts = np.zeros((len(motion), 3))
    lifts[80:90, 2] = 0.2
    hopping = replace(motion, transl=motion.transl + lifts)
    clip = BenchClip(name="hop", motion=hopping, group="kungfu")
    assert clip.airborne and clip.groups == ("all", "kungfu", "airborne")
    lifts[83:] = 0.0
    assert not is_airborne(replace(motion, transl=motion.transl + lifts).joints()[0], motion.fps)
    one_foot = motion.joints()[0].copy()
    one_foot[60:120, [7, 10], 2] += 0.5
    assert not is_airborne(one_foot, motion.fps)


def test_a_floor_of_another_height_makes_nobody_fly(motion):
    assert not is_airborne(motion.joints()[0] + [0.0, 0.0, 0.3], motion.fps)


def test_windows_are_no_longer_than_asked_and_lie_anywhere(motion):
    starts = set()
    for seed in range(20):
        window = cut_window(motion, 2.0, np.random.default_rng(seed))
        assert len(window) == 60
        starts.add(float(window.transl[0, 0]))
    assert len(starts) > 10
    assert cut_window(motion, 60.0, np.random.default_rng(0)) is motion


def test_a_draw_takes_evenly_from_the_groups(motion):
    """Thirty walks, three forms and a leap: seven clips are not seven walks."""
    few = motion.frames(0, 40)
    leap = few.moved(np.where((np.arange(40) > 20)[:, None] & (np.arange(40) < 30)[:, None], [0.0, 0.0, 0.3], 0.0))
    clips = [BenchClip(name=str(i), motion=few, group="locomotion") for i in range(30)]
    clips += [BenchClip(name=f"k{i}", motion=few, group="kungfu") for i in range(3)]
    clips += [BenchClip(name="leap", motion=leap, group="locomotion")]

    def draw(count: int, seed: int) -> list[str]:
        return [clip.name for clip in choose(clips, count, np.random.default_rng(seed))]

    assert draw(7, 0)[3:] == ["k0", "k1", "k2", "leap"]
    assert draw(7, 0) == draw(7, 0) != draw(7, 1)
    assert draw(0, 0) == draw(99, 0) == [clip.name for clip in clips]
    assert len(draw(20, 0)) == 20
