"""A dataset goes one way, sound and complete, and what has arrived is not sent twice."""

from __future__ import annotations

import os
import shutil
import uuid

import pytest

from pipeline.catalogue.contents import content_sha256, is_below
from pipeline.catalogue.exceptions import BadTarget, ChangedMeanwhile, MissingDriver, NotSound, TargetFailed
from pipeline.catalogue.gc import gc
from pipeline.catalogue.index import write_catalogue
from pipeline.catalogue.publish import Target, publish, published_files
from pipeline.catalogue.verify import verify
from pipeline.exceptions import InUse
from pipeline.manifest import read_rows
from pipeline.sealed import read_sealed, sealed_bytes
from pipeline.store import Dataset


@pytest.fixture
def target(tmp_path):
    return Target.of(f"file://{tmp_path}/published")


def published(tmp_path):
    root = tmp_path / "published"
    return {path.relative_to(root).as_posix(): path for path in root.rglob("*") if path.is_file()}


class CutOff(Target):
    """A real storage whose connection ends after so many files."""

    left = 3

    def send(self, source, name):
        if self.left == 0:
            raise TargetFailed(self.url, problem="the connection ended")
        CutOff.left -= 1
        return Target.send(self, source, name)


def test_what_arrives_is_a_sound_dataset_without_logs_and_strangers(dataset, target, tmp_path, studio, film):
    """It can be opened, verified, and published on; results of other settings stay at home."""
    studio.build(dataset.root, [film()], scale=2.5)
    clip_id = read_rows(dataset)[0].clip.id
    (dataset.clip_dir(clip_id) / "log.jsonl").write_text("{}\n")
    (dataset.root / "notes.txt").write_text("mine")
    sent = publish(dataset, target).sent
    there = published(tmp_path)
    assert set(there) == {*sent, "checksums.json"} and not any("log.jsonl" in n or "notes" in n for n in there)
    assert all(path.read_bytes() == (dataset.root / name).read_bytes() for name, path in there.items() if name in sent)
    assert verify(Dataset.open(tmp_path / "published")).findings == ()
    record = read_sealed(there["checksums.json"])
    assert record["complete"] and record["files"] == {name: content_sha256(there[name]) for name in sent}


def test_content_is_sent_before_what_speaks_of_it(dataset):
    """Settings and recipes, results, the outcome, and the index last of all."""
    names = published_files(dataset)
    place = {name: i for i, name in enumerate(names)}
    assert names[-4:] == ["dataset.json", "manifest.parquet", "README.md", "index.json"]
    for row in read_rows(dataset):
        own = [name for name in names if name.startswith(f"clips/{row.clip.id}/")]
        assert own[-1].endswith("row.json")
        assert max(place[n] for n in names if n.startswith(("settings/", "recipes/"))) < place[own[0]]


def test_a_second_publication_sends_only_what_changed(dataset, target, studio, film):
    """And says what it skipped."""
    first = publish(dataset, target)
    second = publish(dataset, target)
    assert (second.sent, second.skipped) == ((), len(first.sent))
    studio.build(dataset.root, [film(), film("dance", b"dance")])
    third = publish(dataset, target)
    assert 0 < len(third.sent) < len(first.sent) + 20 and not set(third.sent) & {n for n in first.sent if "clips" in n}


@pytest.mark.parametrize("harm", ["remove", "cut off"])
def test_what_was_harmed_at_the_target_is_sent_again(dataset, target, tmp_path, harm):
    """A file that is missing, or of another size, is seen without reading anything back."""
    publish(dataset, target)
    name, path = next((n, p) for n, p in published(tmp_path).items() if n.endswith(".csv"))
    if harm == "remove":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:-1])
    assert publish(dataset, target).sent == (name,)


def test_a_flipped_byte_at_the_target_is_found_when_asked_for(dataset, target, tmp_path):
    """Reading everything back takes as long as sending it, so it is asked for."""
    publish(dataset, target)
    name, path = next((n, p) for n, p in published(tmp_path).items() if n.endswith(".csv"))
    path.write_bytes(b"9" + path.read_bytes()[1:])
    assert publish(dataset, target).sent == ()
    assert publish(dataset, target, recheck=True).sent == (name,)


def test_a_copy_that_was_cut_off_goes_on_where_it_stopped(dataset, target, tmp_path):
    """Until it is done the target says that it is not complete."""
    CutOff.left = 3
    cut = CutOff(target.url, target.fs, target.root)
    with pytest.raises(TargetFailed, match=r"the connection ended\. Check the address.*not sent twice"):
        publish(dataset, cut)
    assert not read_sealed(tmp_path / "published" / "checksums.json")["complete"]
    arrived = set(published(tmp_path)) - {"checksums.json"}
    rest = publish(dataset, target)
    assert len(arrived) == 3 and not arrived & set(rest.sent) and rest.skipped == 3
    assert verify(Dataset.open(tmp_path / "published")).findings == ()


def test_a_cut_off_update_is_never_taken_for_the_old_content(dataset, target, studio, film, tmp_path):
    """A file that was overwritten before the cut is not believed to be what it was before."""
    publish(dataset, target)
    old = {name: path.read_bytes() for name, path in published(tmp_path).items()}
    studio.build(dataset.root, [film()], scale=2.5)
    CutOff.left = 12
    with pytest.raises(TargetFailed):
        publish(dataset, CutOff(target.url, target.fs, target.root))
    assert any(path.read_bytes() != old[name] for name, path in published(tmp_path).items() if "csv" in name)
    studio.build(dataset.root, [film()])
    publish(dataset, target, delete=True)
    new = {name: path.read_bytes() for name, path in published(tmp_path).items()}
    assert new == old


def test_only_what_was_published_is_deleted_and_only_when_asked(dataset, target, studio, film, tmp_path):
    """Files of others at the target are never touched."""
    publish(dataset, target)
    (tmp_path / "published" / "theirs.txt").write_text("theirs")
    studio.build(dataset.root, [film()], people="main")
    kept = publish(dataset, target)
    assert kept.superfluous and not kept.deleted and publish(dataset, target).superfluous == kept.superfluous
    deleted = publish(dataset, target, delete=True)
    assert deleted.deleted == kept.superfluous
    assert set(published(tmp_path)) == {*published_files(dataset), "checksums.json", "theirs.txt"}
    assert publish(dataset, target, delete=True).deleted == ()


@pytest.mark.parametrize("name", ["README.md", "manifest.parquet"])
def test_what_was_not_published_there_is_not_overwritten(dataset, target, tmp_path, name):
    """A project's own README, or its table."""
    path = tmp_path / "published" / name
    path.parent.mkdir()
    path.write_text("theirs")
    with pytest.raises(BadTarget, match=f"holds '{name}', which was not published there and would be overwritten"):
        publish(dataset, target)
    assert {n: p.read_text() for n, p in published(tmp_path).items()} == {name: "theirs"}


def test_a_living_dataset_is_no_target(dataset, target, tmp_path):
    """It has all marks of one, but nobody published it there."""
    shutil.copytree(dataset.root, tmp_path / "published")
    with pytest.raises(BadTarget, match="holds a dataset that was not published there"):
        publish(dataset, target)
    assert "checksums.json" not in published(tmp_path)


@pytest.mark.parametrize("delete", [False, True])
def test_the_place_of_another_dataset_is_not_taken(dataset, target, tmp_path, studio, film, delete):
    """Its clips would be deleted, or stand beside ours with no index."""
    publish(dataset, target)
    before = {name: path.read_bytes() for name, path in published(tmp_path).items()}
    studio.build(tmp_path / "other", [film("dance", b"dance")])
    with pytest.raises(BadTarget, match="holds another dataset, none of whose clips is in this one"):
        publish(Dataset.open(tmp_path / "other"), target, delete=delete)
    assert {name: path.read_bytes() for name, path in published(tmp_path).items()} == before


def test_a_damaged_dataset_is_not_published(dataset, target, tmp_path):
    """Nothing arrives, not even what is sound."""
    (dataset.root / "README.md").write_text("other")
    with pytest.raises(NotSound, match=r"1 fault, nothing was published \(first: README\.md: its content has changed"):
        publish(dataset, target)
    assert published(tmp_path) == {}


def test_a_file_that_changes_while_it_is_sent_is_not_recorded(dataset, target, tmp_path):
    """A build that goes on must not give a target that is half of each."""

    class Meddled(Target):
        def send(self, source, name):
            if name == "README.md":
                source.write_text("changed")
            return Target.send(self, source, name)

    with pytest.raises(ChangedMeanwhile, match=r"README\.md: was changed while it was being published"):
        publish(dataset, Meddled(target.url, target.fs, target.root))
    record = read_sealed(tmp_path / "published" / "checksums.json")
    assert not record["complete"] and "README.md" not in record["files"]


def test_memory_is_a_target_like_others(dataset):
    """Any fsspec address is."""
    target = Target.of(f"memory://{uuid.uuid4().hex}/set")
    sent = publish(dataset, target).sent
    assert set(target.sizes()) == {*sent, "checksums.json"}
    assert publish(dataset, target).sent == ()


def test_a_target_in_the_dataset_or_around_it_is_refused(dataset):
    """It would copy itself into itself."""
    for url in (str(dataset.root), f"file://{dataset.root}/copy", str(dataset.root.parent)):
        with pytest.raises(BadTarget, match="lies in the dataset, or around it"):
            publish(dataset, Target.of(url))


def test_a_record_that_leads_out_of_the_target_is_refused(dataset, target, tmp_path):
    """Somebody else's checksums.json must not make us delete what lies beside the target."""
    beside = tmp_path / "beside.txt"
    beside.write_text("theirs")
    (tmp_path / "published").mkdir()
    record = {"complete": True, "files": {"../beside.txt": "0" * 64}, "underway": []}
    (tmp_path / "published" / "checksums.json").write_bytes(sealed_bytes(record))
    with pytest.raises(BadTarget, match=r"speaks of '\.\./beside\.txt', which is none of ours"):
        publish(dataset, target, delete=True)
    assert beside.exists()


@pytest.mark.parametrize("name", ["", "/etc/passwd", "../x", "a/../../x", "a//b", ".locks/x", "a\\..\\b", "a/."])
def test_names_that_are_no_path_below_are_known(name):
    """Absolute, upwards, hidden, empty."""
    assert not is_below(name)


def test_a_missing_driver_says_what_to_install():
    """The package, not the class."""
    with pytest.raises(MissingDriver, match=r"Run `pip install adlfs`"):
        Target.of("abfs://container/motions")
    with pytest.raises(BadTarget, match=r"Protocol not known: nonsense.*e\.g\. s3://"):
        Target.of("nonsense://bucket")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_storage_that_cannot_be_written_is_one_sentence(dataset, tmp_path):
    """With the system's word for it."""
    (tmp_path / "shut").mkdir(mode=0o500)
    with pytest.raises(TargetFailed, match="Permission denied"):
        publish(dataset, Target.of(str(tmp_path / "shut" / "set")))


def test_a_file_where_the_folder_should_be_is_one_sentence(dataset, tmp_path):
    """Whoever runs it."""
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(TargetFailed):
        publish(dataset, Target.of(str(tmp_path / "taken" / "set")))


def test_a_build_without_an_index_is_not_published(dataset, target):
    """Its readers would not find what is in it."""
    (dataset.root / "index.json").unlink()
    with pytest.raises(NotSound, match=r"index\.json: is missing"):
        publish(dataset, target)
    write_catalogue(dataset)
    assert publish(dataset, target).sent


def test_nobody_tidies_a_dataset_that_is_being_published(dataset, target):
    """Files would go from under the copy."""
    refused = []

    class Watched(Target):
        def send(self, source, name):
            with pytest.raises(InUse):
                gc(dataset)
            refused.append(name)
            return Target.send(self, source, name)

    publish(dataset, Watched(target.url, target.fs, target.root))
    assert refused == published_files(dataset)
