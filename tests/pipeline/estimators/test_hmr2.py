"""HMR2.0's feature: one crop's is its own, half precision is close, a checkpoint comes in whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("safetensors")

from pipeline.estimators.exceptions import UnknownWeights, UnusableWeights  # noqa: E402
from pipeline.estimators.hmr2.network import Hmr2Network, Hmr2Shape  # noqa: E402
from pipeline.estimators.hmr2.weights import READOUT, hmr2_tensor_shapes, import_hmr2, load_hmr2  # noqa: E402
from pipeline.estimators.hmr2.weights_file import find_hmr2, hmr2_file, read_hmr2_card  # noqa: E402
from pipeline.estimators.vision_transformer import BackboneShape  # noqa: E402
from pipeline.home import Home  # noqa: E402
from pipeline.licences import Use, commercial_use  # noqa: E402

SHAPE = Hmr2Shape(
    backbone=BackboneShape(width=32, depth=2, heads=4), token=24, layers=2, heads=2, head_width=8, hidden=24
)


def network(seed: int = 3) -> Hmr2Network:
    torch.manual_seed(seed)
    return Hmr2Network(SHAPE).eval()


def crops(n: int) -> torch.Tensor:
    return torch.randn(n, 3, 256, 192, generator=torch.Generator().manual_seed(5))


def stored(path: Path, *, without: str = "", **beside) -> Path:
    """A checkpoint as its trainer writes it: the network, its readout, and what served the training."""
    state = dict(network().state_dict())
    state |= {name: torch.ones(2, 3) for name in READOUT}
    state |= {"discriminator.poses_alone.weight": torch.zeros(3), "smpl.betas": torch.zeros(1, 10), **beside}
    state.pop(without, None)
    torch.save({"epoch": 10, "global_step": 25000, "pytorch-lightning_version": "1.8.1", "state_dict": state}, path)
    return path


@torch.no_grad()
def test_a_batch_says_what_each_says_alone():
    net, shown = network(), crops(3)
    alone = torch.cat([net(shown[i : i + 1]) for i in range(3)])
    torch.testing.assert_close(net(shown), alone, atol=1e-5, rtol=1e-5)
    assert alone.shape == (3, SHAPE.token)
    assert (alone[0] - alone[1]).abs().max() > 1e-4


@torch.no_grad()
def test_half_precision_stays_close():
    exact, half = network()(crops(2)), network().to(torch.bfloat16)(crops(2).to(torch.bfloat16)).float()
    assert (exact - half).norm() < 0.03 * exact.norm()


@torch.no_grad()
def test_an_imported_checkpoint_says_what_the_network_said(tmp_path):
    out = tmp_path / "kept" / "hmr2.safetensors"
    found = import_hmr2(stored(tmp_path / "hmr2.ckpt"), out, shape=SHAPE)
    assert found.n_tensors == len(hmr2_tensor_shapes(SHAPE))
    assert found.n_ignored == len(READOUT) + 2
    assert torch.equal(load_hmr2(out)(crops(2)), network()(crops(2)))
    card = read_hmr2_card(out)
    assert card == found.card and len(card.source_sha256) == 64
    assert commercial_use(card.licence) is Use.FORBIDDEN
    half = import_hmr2(tmp_path / "hmr2.ckpt", tmp_path / "half.safetensors", shape=SHAPE, half=True)
    assert (tmp_path / "half.safetensors").stat().st_size < 0.7 * out.stat().st_size
    assert half.n_numbers == found.n_numbers
    told = load_hmr2(tmp_path / "half.safetensors")(crops(2))
    torch.testing.assert_close(told, network()(crops(2)), atol=1e-2, rtol=1e-2)


@pytest.mark.parametrize(
    "missing", ["backbone.pos_embed", "smpl_head.transformer.transformer.layers.1.1.fn.to_q.weight"]
)
def test_a_missing_tensor_is_named_and_nothing_is_kept(tmp_path, missing):
    out = tmp_path / "hmr2.safetensors"
    with pytest.raises(UnusableWeights, match=f"lacks 1 of the network's 66 tensors: {missing}. Give the checkpoint"):
        import_hmr2(stored(tmp_path / "hmr2.ckpt", without=missing), out, shape=SHAPE)
    assert not out.exists()


def test_a_tensor_too_much_is_named(tmp_path):
    path = stored(tmp_path / "hmr2.ckpt", **{"backbone.blocks.2.norm1.weight": torch.zeros(32)})
    with pytest.raises(UnusableWeights, match=r"holds 1 tensors that .* does not have: backbone.blocks.2.norm1.weight"):
        import_hmr2(path, tmp_path / "hmr2.safetensors", shape=SHAPE)


def test_a_checkpoint_of_other_sizes_is_refused(tmp_path):
    path = stored(tmp_path / "hmr2.ckpt", **{"backbone.last_norm.bias": torch.zeros(33)})
    with pytest.raises(UnusableWeights, match=r"backbone.last_norm.bias has shape \(33,\), expected \(32,\)"):
        import_hmr2(path, tmp_path / "hmr2.safetensors", shape=SHAPE)


def test_code_in_a_checkpoint_is_never_run(tmp_path):
    class Trap:
        def __reduce__(self):
            return Path.mkdir, (tmp_path / "sprung",)

    torch.save({"state_dict": {"backbone.pos_embed": Trap()}}, tmp_path / "hmr2.ckpt")
    with pytest.raises(UnusableWeights, match="nothing in it was run"):
        import_hmr2(tmp_path / "hmr2.ckpt", tmp_path / "hmr2.safetensors", shape=SHAPE)
    assert not (tmp_path / "sprung").exists()


def test_a_number_too_large_for_half_precision_is_refused(tmp_path):
    path = stored(tmp_path / "hmr2.ckpt", **{"backbone.last_norm.bias": torch.full((32,), 1e6)})
    with pytest.raises(UnusableWeights, match=r"too large for half precision. Keep them in single"):
        import_hmr2(path, tmp_path / "hmr2.safetensors", shape=SHAPE, half=True)


def test_a_damaged_file_and_weights_of_another_network_are_refused(tmp_path):
    from pipeline.estimators.gvhmr.weights import load_weights

    out = tmp_path / "hmr2.safetensors"
    import_hmr2(stored(tmp_path / "hmr2.ckpt"), out, shape=SHAPE)
    with pytest.raises(UnusableWeights, match="holds 'hmr2' in format 1, and this version reads 'gvhmr'"):
        load_weights(out)
    out.write_bytes(out.read_bytes()[:-40])
    with pytest.raises(UnusableWeights, match="is damaged, cut short or no file of weights"):
        load_hmr2(out)


def test_weights_that_were_never_imported_are_asked_for_by_their_command(tmp_path):
    home = Home(models_dir=tmp_path / "m", meshes_dir=tmp_path / "g", bodies_dir=tmp_path / "data" / "bodies")
    with pytest.raises(UnknownWeights, match="wushu weights import hmr2 FILE"):
        find_hmr2(home)
    import_hmr2(stored(tmp_path / "hmr2.ckpt"), hmr2_file(home), shape=SHAPE)
    assert find_hmr2(home) == hmr2_file(home)
