"""A sealed document comes back as it was, and any other bytes in its place are found out."""

from __future__ import annotations

import json
import os

import pytest

from pipeline.exceptions import CorruptArtefact
from pipeline.sealed import read_sealed, sealed_bytes

DOCUMENT = {"name": "kata", "values": [1, 2.5, None, {"deep": "\u00e9"}]}


def test_a_document_comes_back_as_it_was(tmp_path):
    """The seal is not part of what is read."""
    (tmp_path / "a.json").write_bytes(sealed_bytes(DOCUMENT))
    assert read_sealed(tmp_path / "a.json") == DOCUMENT


def test_equal_content_gives_equal_bytes():
    """The order in which keys were put in shows nowhere."""
    assert sealed_bytes(dict(reversed(DOCUMENT.items()))) == sealed_bytes(DOCUMENT)


@pytest.mark.parametrize("document", [DOCUMENT, {"a": {"sha256": "x"}}, {"z": 1}, {}])
def test_every_flipped_byte_is_found(tmp_path, document):
    """Also one in white space, or in the seal itself, be it the first key, the last, or the only one."""
    path, whole = tmp_path / "a.json", sealed_bytes(document)
    path.write_bytes(whole)
    assert read_sealed(path) == document
    for at in range(len(whole)):
        for flip in (0x01, 0x20, 0x80):
            path.write_bytes(whole[:at] + bytes([whole[at] ^ flip]) + whole[at + 1 :])
            with pytest.raises(CorruptArtefact, match=r"a\.json: .*(changed|damaged|wrote).*made anew"):
                read_sealed(path)


@pytest.mark.parametrize(
    "content", [b"", b"{}", b"[1]", b"null", b"\xff\xfe", sealed_bytes(DOCUMENT)[:-3], b"[" * 200_000]
)
def test_what_is_no_sealed_document_is_refused(tmp_path, content):
    """Empty, cut short, written by something else, or nested beyond measure."""
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(CorruptArtefact, match=r"a\.json"):
        read_sealed(tmp_path / "a.json")


def test_a_seal_of_what_is_written_otherwise_holds_nothing(tmp_path):
    """The same content in other spacing is not what was written."""
    loose = json.dumps(json.loads(sealed_bytes(DOCUMENT)), indent=1, sort_keys=False)
    for content in (loose, loose.replace('": ', '" : '), json.dumps(json.loads(loose), sort_keys=True)):
        (tmp_path / "a.json").write_bytes(content.encode())
        with pytest.raises(CorruptArtefact, match=r"a\.json: .*changed"):
            read_sealed(tmp_path / "a.json")


def test_a_missing_document_is_named(tmp_path):
    """The sentence says what is not there."""
    with pytest.raises(CorruptArtefact, match=r"a\.json: no such file"):
        read_sealed(tmp_path / "a.json")


@pytest.mark.parametrize("document", [{"x": float("nan")}, {"sha256": "mine"}])
def test_what_cannot_be_sealed_is_refused(document):
    """JSON has no NaN, and two things cannot have the seal's name."""
    with pytest.raises(ValueError):
        sealed_bytes(document)


def test_what_is_no_file_is_told_and_not_waited_for(tmp_path):
    """A pipe without a writer would be opened for ever, and a device be read for ever."""
    os.mkfifo(tmp_path / "pipe.json")
    (tmp_path / "zero.json").symlink_to("/dev/zero")
    for name in ("pipe.json", "zero.json"):
        with pytest.raises(CorruptArtefact, match="is no file"):
            read_sealed(tmp_path / name)
    with pytest.raises(CorruptArtefact, match="is a directory"):
        read_sealed(tmp_path)
