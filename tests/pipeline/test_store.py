"""A dataset keeps what was written, finds what was harmed, and never shows half a result."""

from __future__ import annotations

import errno
import json
from dataclasses import replace

import numpy as np
import pytest

from pipeline.clip import Clip, Source, SourceFacts
from pipeline.exceptions import CorruptArtefact, NotADataset, OutputNotWritable
from pipeline.measurement import Measurement, Measurements
from pipeline.store import Dataset, atomic_path, write_json
from retarget.smpl_motion import SmplMotion


@pytest.fixture
def dataset(tmp_path):
    return Dataset.open_or_create(tmp_path / "set")


def a_motion(seed: int = 0, n_frames: int = 5) -> SmplMotion:
    rng = np.random.default_rng(seed)
    return SmplMotion(
        fps=30.0,
        body="made-up",
        betas=rng.normal(size=10),
        rest_joint_pos=rng.normal(size=(24, 3)),
        global_orient=rng.normal(size=(n_frames, 3)),
        body_pose=rng.normal(size=(n_frames, 21, 3)),
        transl=rng.normal(size=(n_frames, 3)),
    )


def some_measurements() -> Measurements:
    series = np.array([0.1, np.nan, 0.3])
    items = (
        Measurement(
            name="skate", value=0.3, unit="m/s", meaning="A foot slides", series=series, spans=((0, 1), (2, 3))
        ),
        Measurement(name="height", value=1.7, unit="m", meaning="A height"),
    )
    return Measurements(stage="plausibility", fps=29.97, n_frames=3, items=items)


def test_a_record_comes_back_as_it_was_saved(dataset):
    """Arrays, None, tuples, NaN in a series and nested records survive the disk to the last bit."""
    motion, measured = a_motion(), some_measurements()
    dataset.save("c", "motion", "f1", motion)
    dataset.save("c", "plausibility", "f2", measured)
    motion_back = dataset.load("c", "motion", "f1", SmplMotion)
    measured_back = dataset.load("c", "plausibility", "f2", Measurements)
    for name in ("betas", "rest_joint_pos", "global_orient", "body_pose", "transl"):
        np.testing.assert_array_equal(getattr(motion, name), getattr(motion_back, name))
    assert motion_back.foot_contact is None
    assert measured_back.items[0].spans == ((0, 1), (2, 3))
    np.testing.assert_array_equal(measured_back.items[0].series, measured.items[0].series)


def test_records_of_one_kind_keep_their_own_arrays_and_lacks(dataset):
    """What takes records apart and together is learnt once a class, and remembers nothing of a record."""
    bare = a_motion()
    with_contact = replace(a_motion(seed=1), foot_contact=np.ones((5, 2)))
    dataset.save("c", "motion", "f1", with_contact)
    dataset.save("c", "motion", "f2", bare)
    for _ in range(2):
        first, second = (dataset.load("c", "motion", name, SmplMotion) for name in ("f1", "f2"))
        np.testing.assert_array_equal(first.transl, with_contact.transl)
        np.testing.assert_array_equal(second.transl, bare.transl)
        assert first.foot_contact is not None and second.foot_contact is None


def test_a_result_whose_array_is_not_among_its_arrays_is_refused(dataset):
    """Both hashes are right, as of a program that wrote nonsense: no number is made up for it."""
    dataset.save("c", "motion", "f1", a_motion())
    path = dataset.clip_dir("c") / "motion-f1.json"
    document = json.loads(path.read_text())
    del document["sha256"]
    document["record"]["transl"] = {"npz": "another"}
    write_json(path, document)
    with pytest.raises(CorruptArtefact, match=r"motion-f1.*does not hold a SmplMotion"):
        dataset.load("c", "motion", "f1", SmplMotion)


def test_equal_records_give_equal_bytes(dataset):
    """Two builds of one dataset can be compared file by file."""
    dataset.save("c", "motion", "a", a_motion())
    dataset.save("c", "motion", "b", a_motion())
    folder = dataset.clip_dir("c")
    assert (folder / "motion-a.npz").read_bytes() == (folder / "motion-b.npz").read_bytes()
    assert (folder / "motion-a.json").read_bytes() == (folder / "motion-b.json").read_bytes()


def test_arrays_are_named_after_their_fields(dataset):
    """Someone who opens the npz without this program finds what they look for."""
    dataset.save("c", "motion", "a", a_motion())
    with np.load(dataset.clip_dir("c") / "motion-a.npz", allow_pickle=False) as npz:
        assert "body_pose" in npz.files


@pytest.mark.parametrize("harm", ["flip a byte", "cut off", "remove", "garble the json", "another json"])
def test_a_harmed_result_is_refused_by_name(dataset, harm):
    """Damage is found when the result is read, not three stages later."""
    dataset.save("c", "motion", "a", a_motion())
    npz = dataset.clip_dir("c") / "motion-a.npz"
    content = bytearray(npz.read_bytes())
    if harm == "flip a byte":
        content[len(content) // 2] ^= 1
        npz.write_bytes(bytes(content))
    elif harm == "cut off":
        npz.write_bytes(bytes(content[:100]))
    elif harm == "remove":
        npz.unlink()
    else:
        npz.with_suffix(".json").write_text("{" if harm == "garble the json" else "[1, 2]")
    with pytest.raises(CorruptArtefact, match=r"motion-a\.(npz|json): .*made anew"):
        dataset.load("c", "motion", "a", SmplMotion)


def test_a_result_of_another_kind_is_refused(dataset):
    """A renamed file does not become a motion."""
    dataset.save("c", "motion", "a", some_measurements())
    with pytest.raises(CorruptArtefact, match="does not hold a SmplMotion"):
        dataset.load("c", "motion", "a", SmplMotion)


def test_an_interrupted_write_leaves_the_old_file_and_no_rubbish(tmp_path):
    """A run killed while writing shows what was there before, or nothing."""
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(KeyboardInterrupt), atomic_path(path) as temporary:
        temporary.write_text("half of the n")
        raise KeyboardInterrupt
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


def test_what_goes_wrong_while_writing_is_not_blamed_on_the_disk(tmp_path):
    """A source that vanishes is another matter than a folder that cannot be written; a full disk is not."""
    with pytest.raises(FileNotFoundError), atomic_path(tmp_path / "a.txt"):
        (tmp_path / "source.mp4").read_bytes()
    full = pytest.raises(OutputNotWritable, match=r"a\.txt: cannot be written \(No space left")
    with full, atomic_path(tmp_path / "a.txt") as temporary:
        temporary.write_text("half")
        raise OSError(errno.ENOSPC, "No space left on device")
    assert not list(tmp_path.iterdir())


def test_a_folder_with_other_things_is_not_taken_over(tmp_path):
    """Nobody's home directory becomes a dataset by a typing error."""
    (tmp_path / "thesis.tex").write_text("precious")
    with pytest.raises(NotADataset, match=r"holds no dataset\.json"):
        Dataset.open_or_create(tmp_path)


def test_a_dataset_of_another_layout_is_refused(tmp_path):
    """A newer program's dataset is not read by guesswork."""
    write_json(tmp_path / "dataset.json", {"layout": 99})
    with pytest.raises(NotADataset, match="has layout 99"):
        Dataset.open(tmp_path)


def test_a_marker_nested_beyond_measure_is_no_dataset(tmp_path):
    """Nothing that lies in a folder makes its reader fail in another way."""
    (tmp_path / "dataset.json").write_bytes(b"[" * 200_000)
    with pytest.raises(NotADataset, match=r"holds no readable dataset\.json"):
        Dataset.open(tmp_path)


def test_an_unwritable_place_is_named(tmp_path):
    """A file in the way of a folder is the unwritable place that even root cannot write."""
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputNotWritable, match=r"file/x\.json: cannot be written"):
        write_json(tmp_path / "file" / "x.json", {})


def test_a_clip_is_known_by_its_content_span_and_person(tmp_path):
    """A renamed copy is the same clip; another span or person is another."""
    first, copy = tmp_path / "a.mp4", tmp_path / "b.mp4"
    first.write_bytes(b"film")
    copy.write_bytes(b"film")
    source = Source.from_file(first)
    clip = Clip.of(source)
    assert clip.id == Clip.of(Source.from_file(copy)).id
    assert len({clip.id, Clip.of(source, person=1).id, Clip.of(source, span_s=(0.0, 1.0)).id}) == 3


def test_a_clip_comes_back_from_its_folder(dataset, tmp_path):
    """The folder alone says what the clip is."""
    video = tmp_path / "böse $(name).mp4"
    video.write_bytes(b"film")
    clip = Clip.of(Source.from_file(video, SourceFacts(licence="CC0")), span_s=(1.0, 2.5))
    dataset.add_clip(clip)
    assert dataset.clip(clip.id) == clip
    assert dataset.clip_ids() == [clip.id]
    assert json.loads((dataset.clip_dir(clip.id) / "clip.json").read_text())["source"]["facts"]["licence"] == "CC0"
