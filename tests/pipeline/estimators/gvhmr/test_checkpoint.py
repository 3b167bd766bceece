"""A checkpoint becomes weights only if all of the network is in it; nothing that a file asks for is ever run."""

from __future__ import annotations

import hashlib
import os
import pickle
import sys
import types
import zipfile
from collections import OrderedDict, defaultdict
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("safetensors")

from pipeline.estimators.exceptions import UnusableWeights  # noqa: E402
from pipeline.estimators.gvhmr.checkpoint import PREFIX, read_checkpoint  # noqa: E402
from pipeline.estimators.gvhmr.network import NetworkShape  # noqa: E402
from pipeline.estimators.gvhmr.weights import load_weights, save_weights, tensor_shapes  # noqa: E402

SHAPE = NetworkShape(latent=16, layers=2, heads=2, embed=24, image_features=6)


def state(dtype=torch.float32) -> OrderedDict:
    generator = torch.Generator().manual_seed(11)
    return OrderedDict(
        (PREFIX + name, torch.randn(size, generator=generator).to(dtype)) for name, size in tensor_shapes(SHAPE).items()
    )


def stored(path: Path, tensors=None, **beside) -> Path:
    """Save as the trainer does: counters, version and tensors in one dictionary."""
    counters = {"epoch": 420, "global_step": 1000, "pytorch-lightning_version": "2.3.0"}
    torch.save({**counters, "state_dict": state() if tensors is None else tensors, **beside}, path)
    return path


def refused(path: Path, match: str, **arguments) -> str:
    with pytest.raises(UnusableWeights, match=match) as caught:
        read_checkpoint(path, shape=SHAPE, **arguments)
    assert str(path) in str(caught.value)
    return str(caught.value)


def test_every_number_arrives_and_the_file_is_named_by_its_hash(tmp_path):
    path = stored(tmp_path / "gvhmr.ckpt")
    found = read_checkpoint(path, shape=SHAPE)
    assert {PREFIX + name for name in found.weights.tensors} == set(state())
    assert all(torch.equal(found.weights.tensors[name.removeprefix(PREFIX)], t) for name, t in state().items())
    assert found.weights.source_sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert found.weights.body == "smplx_neutral"
    assert "non-commercial" in found.weights.licence
    assert (found.ignored, found.remarks, found.half) == ((), (), False)


def test_what_was_imported_does_not_lean_on_the_file(tmp_path):
    """Tensors are read by mapping the file into memory; once imported they must outlive it."""
    path = stored(tmp_path / "gvhmr.ckpt")
    weights = read_checkpoint(path, shape=SHAPE).weights
    path.write_bytes(b"\0" * path.stat().st_size)
    assert all(torch.equal(weights.tensors[name.removeprefix(PREFIX)], t) for name, t in state().items())


def test_an_imported_checkpoint_is_kept_and_read_back(tmp_path):
    weights = read_checkpoint(stored(tmp_path / "gvhmr.ckpt"), shape=SHAPE).weights
    save_weights(tmp_path / "official.safetensors", weights, half=False)
    again = load_weights("official", tmp_path)
    assert again.source_sha256 == weights.source_sha256
    assert all(torch.equal(again.tensors[name], tensor) for name, tensor in weights.tensors.items())


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_another_precision_is_taken_and_said(tmp_path, dtype):
    found = read_checkpoint(stored(tmp_path / "gvhmr.ckpt", state(dtype)), shape=SHAPE)
    for name, tensor in state(dtype).items():
        assert torch.equal(found.weights.tensors[name.removeprefix(PREFIX)], tensor.to(torch.float32))
    assert found.remarks == (f"Its numbers are {str(dtype)[6:]}; they are computed with in single precision.",)
    assert found.half == (dtype == torch.float16)
    kept = save_weights(tmp_path / "w.safetensors", found.weights, half=found.half)
    assert all(torch.equal(kept.tensors[n].float(), tensor) for n, tensor in found.weights.tensors.items())


def test_tensors_that_the_network_does_not_have_are_listed(tmp_path):
    tensors = state()
    tensors["smplx.shapedirs"] = torch.zeros(3)
    tensors[PREFIX + "legacy.weight"] = torch.zeros(3)
    found = read_checkpoint(stored(tmp_path / "gvhmr.ckpt", tensors), shape=SHAPE)
    assert found.ignored == (PREFIX + "legacy.weight", "smplx.shapedirs")
    assert len(found.weights.tensors) == len(tensors) - 2


@pytest.mark.parametrize("missing", ["learned_pos_params", "blocks.1.attn.key.bias", "static_conf_head.fc2.weight"])
def test_a_missing_tensor_is_named(tmp_path, missing):
    tensors = state()
    del tensors[PREFIX + missing]
    refused(stored(tmp_path / "gvhmr.ckpt", tensors), f"lacks 1 of the network's 67 tensors: {PREFIX}{missing}. ")


def test_names_without_the_prefix_are_not_the_networks(tmp_path):
    tensors = {name.removeprefix(PREFIX): tensor for name, tensor in state().items()}
    refused(stored(tmp_path / "gvhmr.ckpt", tensors), "lacks 67 of the network's 67 tensors")


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        (torch.zeros(31, 2), r"has shape \(31, 2\), expected \(32, 2\)"),
        (torch.zeros(2, 32), r"has shape \(2, 32\), expected \(32, 2\)"),
        (torch.full((32, 2), float("nan")), "holds NaN or infinity"),
        (torch.full((32, 2), float("-inf"), dtype=torch.float16), "holds NaN or infinity"),
        (torch.zeros((32, 2), dtype=torch.int64), "holds torch.int64"),
        (torch.zeros((32, 2)).to_sparse(), "holds torch.float32 .torch.sparse_coo"),
        (torch.zeros((32, 2), device="meta"), "holds .*meta., no plain numbers"),
        ([0.0], "is a list, no tensor"),
    ],
)
def test_a_tensor_that_is_of_no_use_is_named(tmp_path, value, fault):
    tensors = state()
    tensors[PREFIX + "learned_pos_linear.weight"] = value
    refused(stored(tmp_path / "gvhmr.ckpt", tensors), f"{PREFIX}learned_pos_linear.weight {fault}")


def test_a_number_too_large_for_single_precision_is_refused(tmp_path):
    tensors = state()
    tensors[PREFIX + "learned_pos_linear.bias"] = torch.full((32,), 1e300, dtype=torch.float64)
    refused(stored(tmp_path / "gvhmr.ckpt", tensors), "too large for single precision")


@pytest.mark.parametrize("content", [{"weights": 1}, {"state_dict": 3}, [1, 2], {}])
def test_another_kind_of_torch_file_is_refused(tmp_path, content):
    torch.save(content, tmp_path / "gvhmr.ckpt")
    refused(tmp_path / "gvhmr.ckpt", "has no 'state_dict'")


def test_a_script_of_torch_is_refused(tmp_path):
    path = tmp_path / "script.pt"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("script/data.pkl", pickle.dumps({}, protocol=2))
        archive.writestr("script/constants.pkl", pickle.dumps((), protocol=2))
    refused(path, "is no checkpoint of torch")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty. Download it again"),
        (b"\n <!DOCTYPE html><html>Sign in</html>", "is a web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00", "git lfs pull"),
        (b"\x80\x02}q\x00.", "is no checkpoint of torch, which are zip files inside"),
        (b"hello", "is no checkpoint of torch, which are zip files inside"),
        (b"PK\x03\x04 and no more", "is cut short"),
    ],
)
def test_what_came_instead_of_the_file_is_said(tmp_path, content, message):
    path = tmp_path / "gvhmr.ckpt"
    path.write_bytes(content)
    refused(path, message)


def test_no_file_and_a_folder_are_said(tmp_path):
    refused(tmp_path / "gone.ckpt", "there is no such file. Check the path")
    refused(tmp_path, "is a folder")


def test_a_download_that_stopped_is_refused_wherever_it_stopped(tmp_path):
    path = stored(tmp_path / "gvhmr.ckpt")
    content = path.read_bytes()
    for size in (10, len(content) // 3, len(content) - 30, len(content) - 1):
        path.write_bytes(content[:size])
        refused(path, "cut short")


def test_one_flipped_bit_anywhere_in_the_numbers_is_found(tmp_path):
    """Torch looks at no checksum: without this a damaged download is a slightly wrong network."""
    path = stored(tmp_path / "gvhmr.ckpt")
    with zipfile.ZipFile(path) as archive:
        largest = max(archive.infolist(), key=lambda entry: entry.file_size)
    content = bytearray(path.read_bytes())
    content[largest.header_offset + 200 + largest.file_size // 2] ^= 1
    path.write_bytes(content)
    refused(path, "is damaged: the checksum of")


def test_a_zip_of_something_else_is_refused(tmp_path):
    path = tmp_path / "pictures.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.txt", "hello")
    refused(path, "is no checkpoint of torch")


def test_a_checkpoint_that_was_packed_again_is_read_all_the_same(tmp_path):
    """Compressed numbers must be unpacked, not mapped as they lie."""
    path, packed = stored(tmp_path / "gvhmr.ckpt"), tmp_path / "packed.ckpt"
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as new:
        for entry in old.infolist():
            new.writestr(entry.filename, old.read(entry))
    found = read_checkpoint(packed, shape=SHAPE).weights
    assert all(torch.equal(found.tensors[name.removeprefix(PREFIX)], t) for name, t in state().items())


def test_the_hash_is_held_to_before_anything_is_read(tmp_path):
    path = tmp_path / "gvhmr.ckpt"
    path.write_bytes(b"PK\x03\x04 whatever this is")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    said = refused(path, "nothing in it was read", sha256="0" * 64)
    assert digest in said
    refused(path, "is cut short", sha256=f" {digest.upper()} ")
    refused(path, "has not 64 hexadecimal digits", sha256="12ab")
    refused(path, "has not 64 hexadecimal digits", sha256="g" * 64)


class _MakesFolder:
    """A hostile object: to unpickle it is to make a folder."""

    def __init__(self, folder: Path, call=os.mkdir) -> None:
        self.folder, self.call = folder, call

    def __reduce__(self):
        return self.call, (str(self.folder),)


@pytest.mark.parametrize("place", ["state_dict", "hyper_parameters", "in place of a tensor"])
def test_a_checkpoint_with_code_in_it_is_refused_and_nothing_of_it_runs(tmp_path, place):
    trap, control = tmp_path / "trap", tmp_path / "control"

    def made(folder: Path) -> Path:
        path, tensors = tmp_path / f"{folder.name}.ckpt", state()
        if place == "in place of a tensor":
            tensors[PREFIX + "learned_pos_params"] = _MakesFolder(folder)
            return stored(path, tensors)
        if place == "state_dict":
            return stored(path, _MakesFolder(folder))
        return stored(path, hyper_parameters={"options": [_MakesFolder(folder)]})

    torch.load(made(control), weights_only=False)
    assert control.is_dir()  # the trap works: whoever unpickles such a file runs it
    said = refused(made(trap), "asks to load 'posix.mkdir', which no weights need; nothing in it was run")
    assert "Do not use it" in said
    assert not trap.exists()


@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_code_in_any_protocol_of_pickle_is_refused(tmp_path, protocol):
    trap = tmp_path / "trap"
    torch.save({"state_dict": state(), "x": _MakesFolder(trap)}, tmp_path / "t.ckpt", pickle_protocol=protocol)
    refused(tmp_path / "t.ckpt", "posix.mkdir|is no checkpoint of torch")
    assert not trap.exists()


@pytest.mark.parametrize(
    "line",
    [b"cbuiltins\nexec\n", b"cbuiltins\neval\n", b"c__builtin__\neval\n", b"cpathlib\nos.mkdir\n", b"ctyping\nsys\n",
     b"cnumpy\nload\n", b"cbuiltins\ngetattr\n", b"ctorch.hub\nload\n"],
)  # fmt: skip
def test_names_that_can_do_harm_are_refused_in_the_packages_of_data_too(tmp_path, line):
    path = tmp_path / "t.ckpt"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("t/data.pkl", b"\x80\x02" + line + b"X\x01\x00\x00\x001\x85R.")
        archive.writestr("t/version", "3")
    refused(path, "asks to load '.*', which no weights need; nothing in it was run")


@pytest.fixture
def omegaconf(monkeypatch):
    """A stand-in for the library whose records trainers leave in checkpoints; unpickling one leaves a trace."""
    package, module = types.ModuleType("omegaconf"), types.ModuleType("omegaconf.dictconfig")
    unpickled = []

    class DictConfig:
        def __init__(self, **content):
            self.content = content

        def __setstate__(self, state):
            unpickled.append(state)

    DictConfig.__module__, DictConfig.__qualname__ = "omegaconf.dictconfig", "DictConfig"
    module.DictConfig = DictConfig
    monkeypatch.setitem(sys.modules, "omegaconf", package)
    monkeypatch.setitem(sys.modules, "omegaconf.dictconfig", module)
    return types.SimpleNamespace(DictConfig=DictConfig, unpickled=unpickled)


def test_records_of_the_trainer_are_passed_over_without_waking_their_package(tmp_path, omegaconf):
    filled = defaultdict(dict, {"lr": 2})
    beside = {"hyper_parameters": omegaconf.DictConfig(lr=2e-4, more=filled), "callbacks": {"dir": Path("out")}}
    path = stored(tmp_path / "gvhmr.ckpt", **beside)
    torch.load(path, weights_only=False)
    assert omegaconf.unpickled  # the usual way runs the package's code
    omegaconf.unpickled.clear()
    found = read_checkpoint(path, shape=SHAPE)
    assert not omegaconf.unpickled
    assert all(torch.equal(found.weights.tensors[name.removeprefix(PREFIX)], t) for name, t in state().items())
    assert any("omegaconf.dictconfig.DictConfig" in said and "nothing was run" in said for said in found.remarks)
    with pytest.raises(pickle.UnpicklingError):
        torch.load(path, weights_only=True)  # what was let through for one file is not let through for the next


def test_a_record_in_the_place_of_a_tensor_is_no_tensor(tmp_path, omegaconf):
    tensors = state()
    tensors[PREFIX + "learned_pos_params"] = omegaconf.DictConfig()
    refused(stored(tmp_path / "gvhmr.ckpt", tensors), f"{PREFIX}learned_pos_params is a _PassedOver, no tensor")
