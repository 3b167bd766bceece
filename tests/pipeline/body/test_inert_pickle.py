from __future__ import annotations

import pickle
import sys
import types
import warnings

import numpy as np
import pytest
from scipy import sparse

from pipeline.body.exceptions import NotABodyModel, UnsafeModelFile
from pipeline.body.inert_pickle import Asked, read_inert_pickle, to_array

ARRAYS = {
    "float": np.linspace(0, 1, 24).reshape(2, 3, 4),
    "fortran": np.asfortranarray(np.arange(12.0).reshape(3, 4)),
    "big_endian": np.arange(5, dtype=">i4"),
    "unsigned": np.array([[2**32 - 1, 0, 1]], dtype=np.uint32),
    "single": np.float32([1.5, -2.5]),
    "empty": np.zeros((0, 3)),
    "csc": sparse.csc_matrix(np.eye(4)[:3] * 2.0),
    "csr": sparse.csr_matrix(np.eye(3)),
    "csc_array": sparse.csc_array(np.eye(3)),
    "scalar": np.float64(3.25),
    "list": [[1, 2], [3, 4]],
    "number": 7,
}


@pytest.fixture
def stored(tmp_path):
    """Return a function that stores bytes, or pickles an object."""

    def store(content, protocol=2):
        path = tmp_path / "model.pkl"
        path.write_bytes(content if isinstance(content, bytes) else pickle.dumps(content, protocol=protocol))
        return path

    return store


@pytest.fixture
def chumpy(monkeypatch):
    """A stand-in for the library whose objects old SMPL files contain; only its names matter."""
    package, ch, reordering = (types.ModuleType(name) for name in ("chumpy", "chumpy.ch", "chumpy.reordering"))
    ch.Ch = type("Ch", (), {"__module__": "chumpy.ch"})
    reordering.Select = type("Select", (), {"__module__": "chumpy.reordering"})
    for module in (package, ch, reordering):
        monkeypatch.setitem(sys.modules, module.__name__, module)
    return types.SimpleNamespace(Ch=ch.Ch, Select=reordering.Select)


def node(cls, **state):
    made = cls()
    made.__dict__.update(state)
    return made


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_arrays_survive_every_protocol(stored, protocol):
    content = read_inert_pickle(stored(ARRAYS, protocol))
    for name, expected in ARRAYS.items():
        dense = expected.toarray() if sparse.issparse(expected) else np.asarray(expected)
        found = to_array(content[name])
        assert found.shape == dense.shape, name
        assert (found == dense).all(), name


def test_a_python_2_pickle_is_read(stored):
    """As SMPL's own files are: raw bytes as text, old names, byte order in the dtype's state."""
    raw = np.array([1.5, -2.0]).tobytes()
    content = (
        b"\x80\x02}q\x00U\x01vcnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R"
        b"(K\x01K\x02\x85cnumpy\ndtype\nU\x02f8K\x00K\x01\x87R(K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
        b"\x89U\x10" + raw + b"tbs."
    )
    assert to_array(read_inert_pickle(stored(content))["v"]).tolist() == [1.5, -2.0]


@pytest.mark.parametrize("protocol", [0, 2])
def test_chumpy_nodes_give_the_array_they_carry(stored, chumpy, protocol):
    leaf = node(chumpy.Ch, x=np.arange(6.0).reshape(2, 3), _dirty_vars=set(), _itr=None)
    chosen = node(chumpy.Select, a=leaf, idxs=np.array([5, 0]), preferred_shape=(2, 1))
    content = read_inert_pickle(stored({"leaf": leaf, "chosen": chosen}, protocol))
    assert to_array(content["leaf"]).tolist() == [[0, 1, 2], [3, 4, 5]]
    assert to_array(content["chosen"]).tolist() == [[5], [0]]


class Runs:
    """Pickles to a call, as a hostile file does."""

    def __init__(self, function, *args):
        self.call = function, args

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize(
    ("hostile", "name"),
    [
        (b"cos\nsystem\n(S'touch PROOF'\ntR.", "os.system"),
        (b"cposix\nsystem\n(S'touch PROOF'\ntR.", "posix.system"),
        (b'c__builtin__\neval\n(S\'open("PROOF","w")\'\ntR.', "__builtin__.eval"),
        (b"(S'touch PROOF'\nios\nsystem\n.", "os.system"),
        (b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x0btouch PROOF\x85R.", "os.system"),
        (b"\x80\x04\x8c\x05numpy\x8c\x11ndarray.__class__\x93.", "numpy.ndarray.__class__"),
        (b"cnumpy.testing\nmeasure\n.", "numpy.testing.measure"),
    ],
)
def test_a_hostile_pickle_is_refused_by_name_and_runs_nothing(stored, tmp_path, monkeypatch, hostile, name):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UnsafeModelFile, match=f"model.pkl: the pickle asks to load '{name}'.*nothing in it was run"):
        read_inert_pickle(stored(hostile))
    assert not (tmp_path / "PROOF").exists()


def test_a_hostile_object_inside_of_a_model_is_refused(stored, tmp_path):
    proof = tmp_path / "proof"
    content = {"v_template": np.zeros((3, 3)), "extra": Runs(eval, f"open({str(proof)!r}, 'w')")}
    with pytest.raises(UnsafeModelFile, match=r"builtins\.eval|__builtin__\.eval"):
        read_inert_pickle(stored(content))
    assert not proof.exists()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not a pickle",
        b"\x80\x02}q\x00.trailing"[:4],
        pickle.dumps(ARRAYS, protocol=2)[:-40],
        pickle.dumps([1, 2]),
        b"cnumpy\nndarray\n}S'x'\nI1\nsb.",  # sets the state of a class, not of an object
        b"cnumpy\nndarray\n(N}S'args'\nI1\nstb.",
        b"\x80\x02cnumpy\nndarray\n)\x81I1\na.",  # appends to what is no list
        b"c_codecs\nencode\n.",
        b"I1\nI2\nR.",
    ],
)
def test_what_is_no_dictionary_of_arrays_is_refused(stored, content):
    with pytest.raises(NotABodyModel, match=r"model\.pkl: not an SMPL or SMPL-X model"):
        read_inert_pickle(stored(content))


def test_one_file_leaves_no_trace_on_the_next(stored):
    """A pickle may set attributes of the classes it is given; they must not be those of the next file."""
    hostile = b"}S'a'\ncnumpy\nndarray\ns."
    first = read_inert_pickle(stored(hostile))["a"]
    first.origin = "os.system"
    assert read_inert_pickle(stored(hostile))["a"].origin == "numpy.ndarray"


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("text", "is str, not numbers"),
        (None, "is NoneType, not numbers"),
        (np.array([{}, 1], dtype=object), r"type 'O8?', not plain numbers"),
        (np.array(["a"]), "type 'U1', not plain numbers"),
        (np.dtype("f8"), r"is a numpy\.dtype, not numbers"),
    ],
)
def test_what_is_no_numeric_array_is_refused(stored, value, message):
    held = read_inert_pickle(stored({"v": value}))["v"]
    with pytest.raises(ValueError, match=message):
        to_array(held)


def test_damaged_arrays_are_refused(stored, chumpy):
    matrix = sparse.csc_matrix(np.eye(3))
    matrix.indices = np.array([0, 1, 10**6], dtype=np.int32)
    cases = {
        "outside": (matrix, "indices must be"),
        "no_x": (node(chumpy.Ch, y=1), r"is a damaged chumpy\.ch\.Ch: 'x'"),
        "no_state": (chumpy.Ch(), r"is a damaged chumpy\.ch\.Ch"),
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        content = read_inert_pickle(stored({name: value for name, (value, _) in cases.items()}))
    for name, (_, message) in cases.items():
        with pytest.raises(ValueError, match=message):
            to_array(content[name])


def test_a_node_that_holds_itself_is_damaged():
    """Pickles can refer to what they are still building; following that would never end."""
    node = type("Ch", (Asked,), {"origin": "chumpy.ch.Ch"})()
    node.state = {"x": node}
    with pytest.raises(ValueError, match=r"damaged chumpy\.ch\.Ch"):
        to_array(node)
