"""A pickle of ten bytes cannot ask for a gigabyte, whichever reader it is given to."""

import pickle
import struct
import tracemalloc
import zipfile

import pytest

from pipeline.body.exceptions import NotABodyModel
from pipeline.body.inert_pickle import read_inert_pickle
from pipeline.bounded_unpickler import BoundedUnpickler
from pipeline.export.exceptions import UnreadableHandoff
from pipeline.export.safe_pickle import load_arrays
from pipeline.readers.exceptions import UnreadableMotion
from pipeline.readers.torch_file import read_torch_file

NUMBERED = b"\x80\x04Nr" + struct.pack("<I", 2**26)
"""An object under a number for which C's unpickler makes room for all numbers below it: a gigabyte."""
PROMISED = b"\x80\x05\x96" + struct.pack("<Q", 2**28) + b"few."
"""A buffer of a quarter of a gigabyte, of which three bytes are there."""


def read_body(path):
    with pytest.raises(NotABodyModel):
        read_inert_pickle(path)


def read_handoff(path):
    with pytest.raises(UnreadableHandoff):
        load_arrays(path, format_name="pbhc")


def read_tensors(path):
    with zipfile.ZipFile(path.with_suffix(".pt"), "w") as archive:
        archive.writestr("motion/data.pkl", path.read_bytes())
    with pytest.raises(UnreadableMotion):
        read_torch_file(path.with_suffix(".pt"))


@pytest.mark.parametrize("read", [read_body, read_handoff, read_tensors])
@pytest.mark.parametrize("content", [NUMBERED, PROMISED], ids=["numbered", "promised"])
def test_no_reader_of_pickles_asks_for_more_than_its_file_holds(read, content, tmp_path):
    """C's own unpickler would, before it finds the end of the file; larger numbers end the process."""
    path = tmp_path / "small.pkl"
    path.write_bytes(content)
    tracemalloc.start()
    try:
        read(path)
        _, most_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most_bytes < 4e6


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_what_pickle_writes_is_read_as_pickle_reads_it(protocol, tmp_path):
    content = {
        "a": [1, 2.5, None, True, -(10**30)],
        ("b",): {"text": "ä\n", "raw": b"\0\1", "buffer": bytearray(b"abc")},
    }
    content["shared"] = content["a"]
    path = tmp_path / "whole.pkl"
    path.write_bytes(pickle.dumps(content, protocol=protocol))
    with path.open("rb") as stream:
        back = BoundedUnpickler(stream).load()
    assert back == content
    assert back["shared"] is back["a"]
