"""Weights keep every number and what the numbers mean; a file that is not whole, or not of this kind, is refused."""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
safetensors_torch = pytest.importorskip("safetensors.torch")

from pipeline.estimators.exceptions import UnknownWeights, UnusableWeights, WeightsOfAnotherBody  # noqa: E402
from pipeline.estimators.gvhmr.network import GvhmrNetwork, NetworkShape  # noqa: E402
from pipeline.estimators.gvhmr.weights import (  # noqa: E402
    GvhmrWeights,
    load_weights,
    save_weights,
    tensor_shapes,
)
from pipeline.estimators.gvhmr.weights_card import read_card, require_body, weights_files  # noqa: E402
from pipeline.estimators.gvhmr.weights_statistics import published_statistics  # noqa: E402
from robots.exceptions import InvalidArray  # noqa: E402

SHAPE = NetworkShape(latent=16, layers=2, heads=2, embed=24, window=8, image_features=6, detail_features=5)
_TESTS = Path(__file__).parents[3]
_PLACES = [Path(os.environ["WUSHU_GOLDEN"])] if "WUSHU_GOLDEN" in os.environ else []
_PLACES += [_TESTS / "golden", _TESTS.parent.parent / "shared" / "golden"]


def golden(name: str) -> Path:
    for place in _PLACES:
        if (place / name).is_file():
            return place / name
    pytest.skip(f"no {name} in {', '.join(map(str, _PLACES))}")


@pytest.fixture(scope="module")
def weights() -> GvhmrWeights:
    torch.manual_seed(3)
    stats = published_statistics()
    return GvhmrWeights(
        shape=SHAPE,
        tensors={name: torch.randn(size) for name, size in tensor_shapes(SHAPE).items()},
        codec_mean=stats.mean,
        codec_std=stats.std,
        cam_mean=stats.cam_mean,
        cam_std=stats.cam_std,
        body="open",
        licence="CC0",
        source="a test",
        trained_on=("nothing", "at all"),
    )


@pytest.fixture
def stored(weights, tmp_path) -> Path:
    path = tmp_path / "mine.safetensors"
    save_weights(path, weights)
    return path


def rewritten(path: Path, change=None, *, tensors=None) -> Path:
    """Change what a file says of itself, or its tensors; header and numbers stay consistent."""
    content = path.read_bytes()
    (size,) = struct.unpack("<Q", content[:8])
    document = json.loads(json.loads(content[8 : 8 + size])["__metadata__"]["wushu"])
    if change is not None:
        change(document)
    parts = safetensors_torch.load(content)
    if tensors is not None:
        tensors(parts)
    path.write_bytes(safetensors_torch.save(parts, {"wushu": json.dumps(document)}))
    return path


def test_single_precision_keeps_every_bit_and_every_word(weights, tmp_path):
    saved = save_weights(tmp_path / "w.safetensors", weights, half=False)
    loaded = load_weights(tmp_path / "w.safetensors")
    assert loaded.sha256 == saved.sha256 != ""
    assert set(loaded.tensors) == set(weights.tensors)
    assert all(torch.equal(loaded.tensors[name], tensor) for name, tensor in weights.tensors.items())
    for name in ("codec_mean", "codec_std", "cam_mean", "cam_std"):
        assert np.array_equal(getattr(loaded, name), getattr(weights, name))
    for name in ("shape", "body", "licence", "source", "trained_on", "source_sha256"):
        assert getattr(loaded, name) == getattr(weights, name)


def test_half_precision_halves_the_file_and_rounds_once(weights, tmp_path):
    """Stored, read and stored again, the numbers stay what the first rounding made them."""
    save_weights(tmp_path / "single.safetensors", weights, half=False)
    once = save_weights(tmp_path / "half.safetensors", weights)
    again = save_weights(tmp_path / "again.safetensors", load_weights(tmp_path / "half.safetensors"))
    assert once.sha256 == again.sha256
    n = weights.n_parameters
    saved = (tmp_path / "single.safetensors").stat().st_size - (tmp_path / "half.safetensors").stat().st_size
    assert saved == pytest.approx(2 * n, rel=0.01)
    worst = max((once.tensors[name].float() - tensor).abs().max() for name, tensor in weights.tensors.items())
    assert 0 < worst < 2e-3


def test_the_network_computes_in_single_precision_with_the_stored_numbers(stored):
    weights = load_weights(stored)
    network = weights.network()
    assert not network.training
    for name, value in network.state_dict().items():
        assert value.dtype == torch.float32
        assert torch.equal(value, weights.tensors[name].float())


def test_training_a_network_leaves_its_weights_alone(stored):
    weights = load_weights(stored)
    before = {name: tensor.clone() for name, tensor in weights.tensors.items()}
    with torch.no_grad():
        for parameter in weights.network().parameters():
            parameter.add_(1.0)
    assert all(torch.equal(weights.tensors[name], tensor) for name, tensor in before.items())


def test_making_a_network_draws_no_random_number(stored):
    """Reading weights in the middle of a seeded training must not change what comes after."""
    weights = load_weights(stored)
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    weights.network()
    assert torch.equal(torch.rand(3), expected)


def test_the_published_network_has_the_published_names():
    shapes = tensor_shapes(NetworkShape())
    assert len(shapes) == 247
    assert sum(int(np.prod(size)) for size in shapes.values()) == 40_852_256
    assert shapes == {name: tuple(tensor.shape) for name, tensor in GvhmrNetwork(NetworkShape()).state_dict().items()}


def test_the_published_names_are_those_of_the_reference():
    listed = json.loads(golden("gvhmr_state_dict_keys.json").read_text())
    assert tensor_shapes(NetworkShape()) == {name: tuple(size) for name, size in listed.items()}


def test_the_published_statistics_are_those_of_the_reference():
    stats = published_statistics()
    assert stats.mean[:3] == pytest.approx([0.96969, -0.059719, -0.0377])
    assert stats.mean[148:] == pytest.approx([-0.0002, -0.0006, 0.0069])
    with np.load(golden("endecoder.npz"), allow_pickle=False) as npz:
        assert np.array_equal(stats.mean.astype(np.float32), npz["mean"])
        assert np.array_equal(stats.std.astype(np.float32), npz["std"])


def test_the_codec_of_weights_has_their_statistics(weights):
    codec = weights.codec()
    assert codec.decode(torch.zeros(1, 151)).betas[0].numpy() == pytest.approx(weights.codec_mean[126:136])
    assert codec.camera(torch.zeros(1, 3))[0].numpy() == pytest.approx(weights.cam_mean)


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (lambda t: t.pop("blocks.1.gate_msa"), "blocks.1.gate_msa is missing"),
        (lambda t: t.update(extra=torch.zeros(3)), "extra is not of this network"),
        (lambda t: t.update({"learned_pos_params": torch.zeros(17, 31)}), r"has shape \(17, 31\), expected \(17, 32\)"),
        (lambda t: t["final_layer.fc2.bias"].fill_(float("nan")), "final_layer.fc2.bias holds NaN or infinity"),
        (lambda t: t["final_layer.fc2.bias"].fill_(float("inf")), "final_layer.fc2.bias holds NaN or infinity"),
        (lambda t: t.update({"blocks.0.gate_mlp": t["blocks.0.gate_mlp"].double()}), "gate_mlp holds torch.float64"),
        (lambda t: t.update({"blocks.0.gate_mlp": t["blocks.0.gate_mlp"].long()}), "gate_mlp holds torch.int64"),
    ],
)
def test_a_tensor_that_does_not_fit_is_named(stored, fault, message):
    with pytest.raises(UnusableWeights, match=message) as caught:
        load_weights(rewritten(stored, tensors=fault))
    assert str(stored) in str(caught.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d.update(format=2), "in format 2, and this version reads 'gvhmr' in format 1"),
        (lambda d: d.update(kind="vitpose"), "holds 'vitpose'"),
        (lambda d: d.pop("format"), "cannot be read"),
        (lambda d: d.pop("licence"), "cannot be read .*licence"),
        (lambda d: d.update(surprise=1), "cannot be read .*surprise"),
        (lambda d: d["shape"].update(layers="2"), "another type"),
        (lambda d: d["shape"].update(layers=3), "blocks.2.gate_msa is missing"),
        (lambda d: d["shape"].update(layers=10**9), "has 1000000000 layers"),
        (lambda d: d["shape"].update(latent=2**60), "cannot be laid out"),
        (lambda d: d["shape"].update(mlp_ratio=1e300), "cannot be laid out"),
        (lambda d: d["shape"].update(mlp_ratio=-1.0), "cannot be laid out"),
        (lambda d: d["shape"].update(heads=3), "even number of features a head"),
        (lambda d: d["shape"].update(heads=0), "below one"),
        (lambda d: d["codec_mean"].pop(), "codec_mean: has shape"),
        (lambda d: d["codec_mean"].__setitem__(4, float("nan")), "NaN is no number"),
        (lambda d: d["codec_std"].__setitem__(4, 0.0), "codec_std: holds a number that is not positive"),
        (lambda d: d["cam_std"].__setitem__(0, -1.0), "cam_std: holds a number that is not positive"),
    ],
)
def test_a_file_that_misdescribes_itself_is_refused(stored, change, message):
    with pytest.raises(UnusableWeights, match=message) as caught:
        load_weights(rewritten(stored, change))
    assert str(stored) in str(caught.value)


def test_a_file_that_is_not_whole_is_refused_wherever_it_ends(stored):
    content = stored.read_bytes()
    for size in (0, 1, 7, 8, 100, len(content) // 2, len(content) - 1):
        stored.write_bytes(content[:size])
        with pytest.raises(UnusableWeights, match="damaged, cut short or no file of weights"):
            load_weights(stored)


def test_a_header_of_absurd_length_is_refused(stored):
    stored.write_bytes(struct.pack("<Q", 2**62) + b"{}")
    with pytest.raises(UnusableWeights, match="damaged, cut short or no file of weights"):
        load_weights(stored)


def test_a_foreign_safetensors_file_is_refused(tmp_path):
    path = tmp_path / "other.safetensors"
    path.write_bytes(safetensors_torch.save({"a": torch.zeros(3)}))
    with pytest.raises(UnusableWeights, match="does not say what its tensors are"):
        load_weights(path)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("gone.safetensors", "there is no such file. Check the path"),
        ("model.ckpt", "is a checkpoint of torch. Take it in first: `wushu weights import gvhmr FILE`"),
    ],
)
def test_a_path_that_is_no_file_of_weights_is_told_what_to_do(tmp_path, name, message):
    with pytest.raises(UnusableWeights, match=message):
        load_weights(tmp_path / name)


def test_a_folder_is_no_file_of_weights(tmp_path):
    (tmp_path / "w.safetensors").mkdir()
    with pytest.raises(UnusableWeights, match="is a folder"):
        load_weights(tmp_path / "w.safetensors")


def test_names_are_those_of_imported_files(weights, tmp_path):
    save_weights(tmp_path / "official.safetensors", weights)
    assert "official" in weights_files(tmp_path)
    assert load_weights("official", tmp_path).shape == SHAPE
    with pytest.raises(UnknownWeights, match=r"no weights 'officiel' on this machine. Known: .*official"):
        load_weights("officiel", tmp_path)
    with pytest.raises(UnknownWeights, match="`wushu weights import gvhmr FILE`"):
        load_weights("official")


def test_numbers_too_large_for_a_half_are_not_stored_as_infinity(weights, tmp_path):
    tensors = dict(weights.tensors)
    tensors["final_layer.fc2.bias"] = torch.full((151,), 1e6)
    large = replace(weights, tensors=tensors)
    with pytest.raises(
        UnusableWeights, match=r"final_layer\.fc2\.bias has numbers that are too large for half precision"
    ):
        save_weights(tmp_path / "w.safetensors", large)
    assert not list(tmp_path.iterdir())
    save_weights(tmp_path / "w.safetensors", large, half=False)
    assert torch.equal(
        load_weights(tmp_path / "w.safetensors").tensors["final_layer.fc2.bias"], torch.full((151,), 1e6)
    )


def test_another_ending_is_not_written(weights, tmp_path):
    with pytest.raises(UnusableWeights, match=r"w\.pt\.safetensors"):
        save_weights(tmp_path / "w.pt", weights)


def test_a_record_refuses_tensors_of_another_network(weights):
    with pytest.raises(InvalidArray, match=r"detail_embedder\.fc1\.weight is not of this network"):
        replace(weights, shape=replace(SHAPE, detail_features=0))


def test_betas_are_given_to_their_own_body_only(weights):
    """Ten numbers of SMPL-X look like ten numbers of the open body, and make a person of wrong proportions."""
    from pipeline.body import load_body

    body = load_body("open")
    require_body(weights, body)
    official = replace(weights, body="smplx_neutral", source="GVHMR's checkpoint x.ckpt")
    with pytest.raises(WeightsOfAnotherBody, match="belong to body 'smplx_neutral', not to 'open'") as caught:
        require_body(official, body)
    assert "`wushu body import SMPLX_NEUTRAL.npz`" in str(caught.value)
    assert "--body smplx_neutral" in str(caught.value)
    with pytest.raises(WeightsOfAnotherBody, match="Run with `--body mine`"):
        require_body(replace(weights, body="mine"), body)


def test_the_card_says_what_the_weights_say(weights, stored):
    card, loaded = read_card(stored), load_weights(stored)
    for name in ("body", "licence", "source", "trained_on", "source_sha256", "sha256"):
        assert getattr(card, name) == getattr(loaded, name)


def test_the_card_is_read_without_torch(stored):
    """Stages are fingerprinted and licensed by it, also where every result is there already."""
    code = (
        "import sys; from pathlib import Path; from pipeline.estimators.gvhmr.weights_card import read_card\n"
        f"assert read_card(Path({str(stored)!r})).licence == 'CC0'; sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d.update(format=2), "in format 2, and this version reads 'gvhmr' in format 1"),
        (lambda d: d.update(licence=None), "does not say its body, licence"),
        (lambda d: d.update(trained_on="CMU"), "does not say its body, licence"),
    ],
)
def test_a_card_that_lacks_words_is_refused(stored, change, message):
    with pytest.raises(UnusableWeights, match=message):
        read_card(rewritten(stored, change))


def test_the_card_of_a_file_that_is_not_whole_is_refused(stored):
    content = stored.read_bytes()
    for size in (0, 1, 7, 8, 100, len(content) // 2, len(content) - 1):
        stored.write_bytes(content[:size])
        with pytest.raises(UnusableWeights, match="damaged, cut short or no file of weights"):
            read_card(stored)
    stored.write_bytes(struct.pack("<Q", 9) + b"[1, 2, 3]")
    with pytest.raises(UnusableWeights, match="damaged, cut short or no file of weights"):
        read_card(stored)
