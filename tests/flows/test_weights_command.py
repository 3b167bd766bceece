"""``wushu weights``: GVHMR's checkpoint goes in once, is found by name, and says what may be done with it."""

from __future__ import annotations

import hashlib
import subprocess
import sys

import pytest

from flows.cli import main
from pipeline.home import Home


def run(arguments, capsys) -> tuple[int, str]:
    """Exit code, and everything printed with its line breaks taken out."""
    code = main(["weights", *(str(argument) for argument in arguments)])
    printed = capsys.readouterr()
    return code, " ".join((printed.out + printed.err).split())


@pytest.fixture
def home(tmp_path, monkeypatch) -> Home:
    """A user who has imported nothing."""
    user = Home(models_dir=tmp_path / "m", meshes_dir=tmp_path / "g", bodies_dir=tmp_path / "data" / "bodies")
    monkeypatch.setattr(Home, "of_user", classmethod(lambda cls: user))
    return user


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    """A checkpoint of the published sizes, filled with made-up halves."""
    torch = pytest.importorskip("torch")
    pytest.importorskip("safetensors")
    from pipeline.estimators.gvhmr.checkpoint import PREFIX
    from pipeline.estimators.gvhmr.network import NetworkShape
    from pipeline.estimators.gvhmr.weights import tensor_shapes

    sizes = tensor_shapes(NetworkShape())
    tensors = {PREFIX + name: torch.full(size, 0.25, dtype=torch.float16) for name, size in sizes.items()}
    tensors["pipeline.endecoder.mean"] = torch.zeros(151)
    path = tmp_path_factory.mktemp("download") / "gvhmr.ckpt"
    torch.save({"epoch": 1, "state_dict": tensors}, path)
    return path


def test_a_checkpoint_goes_in_once_and_is_found_by_name(checkpoint, home, tmp_path, capsys):
    digest = hashlib.sha256(checkpoint.read_bytes()).hexdigest()
    code, said = run(["import", "gvhmr", checkpoint], capsys)
    assert code == 0, said
    assert "imported as 'official': 247 tensors, 40,852,256 numbers" in said
    assert f"sha256 of the checkpoint: {digest}. This program does not know which one the published file has" in said
    assert "ignored, as the network has no such tensors: pipeline.endecoder.mean" in said
    assert "Its numbers are float16" in said
    assert "licence: GVHMR weights: non-commercial research only" in said
    assert "body 'smplx_neutral', which is not on this machine" in said
    code, said = run(["show", "official"], capsys)
    assert code == 0, said
    for part in (digest, "12 blocks of 512, 8 heads", "image features of 1024", "AMASS, BEDLAM, Human3.6M, 3DPW"):
        assert part in said
    code, said = run(["list"], capsys)
    assert code == 0
    assert "official" in said and "40,852,256" in said


def test_a_hash_that_is_given_is_held_to(checkpoint, home, tmp_path, capsys):
    out = tmp_path / "kept.safetensors"
    code, said = run(["import", "gvhmr", checkpoint, "--sha256", "ab" * 32, "--out", out], capsys)
    assert code == 1
    assert "nothing in it was read. Download it again" in said
    assert not out.exists()
    digest = hashlib.sha256(checkpoint.read_bytes()).hexdigest()
    code, said = run(["import", "gvhmr", checkpoint, "--sha256", digest, "--out", out], capsys)
    assert code == 0
    assert "as asked for" in said
    code, said = run(["import", "gvhmr", checkpoint, "--out", out], capsys)
    assert code == 1
    assert "is there already. Name another --out, or add --overwrite." in said
    assert run(["show", out], capsys)[0] == 0


def test_what_is_wrong_is_said_in_one_sentence_and_nothing_is_left(home, tmp_path, capsys):
    pytest.importorskip("torch")
    page = tmp_path / "gvhmr.ckpt"
    page.write_text("<html>accept the terms</html>")
    for file, message in (
        (page, "is a web page"),
        (tmp_path / "gone.ckpt", "there is no such file"),
        (tmp_path, "is a"),
    ):
        code, said = run(["import", "gvhmr", file], capsys)
        assert code == 1
        assert said.startswith(f"error: {file}: ") and message in said
    assert not (tmp_path / "data").exists()
    code, said = run(["show", "official"], capsys)
    assert code == 1
    assert "no weights 'official' on this machine" in said


def test_hmr2s_checkpoint_goes_in_by_its_own_name_and_is_listed(home, tmp_path, capsys):
    """With a small network, which the command refuses as such: the published one takes gigabytes."""
    torch = pytest.importorskip("torch")
    from pipeline.estimators.hmr2.network import Hmr2Network, Hmr2Shape
    from pipeline.estimators.hmr2.weights import import_hmr2
    from pipeline.estimators.hmr2.weights_file import hmr2_file
    from pipeline.estimators.vision_transformer import BackboneShape

    small = Hmr2Shape(backbone=BackboneShape(width=8, depth=1, heads=2), token=8, layers=1, heads=1, hidden=8)
    path = tmp_path / "hmr2.ckpt"
    torch.save({"state_dict": Hmr2Network(small).state_dict()}, path)
    code, said = run(["import", "hmr2", path], capsys)
    assert code == 1
    assert "lacks 457 of the network's 494 tensors: backbone.blocks.1.norm1.weight" in said
    assert not hmr2_file(home).exists()
    import_hmr2(path, hmr2_file(home), shape=small)
    code, said = run(["list"], capsys)
    assert code == 0
    assert "hmr2" in said and "image features" in said
    code, said = run(["import", "hmr2", path, "--out", hmr2_file(home)], capsys)
    assert code == 1 and "is there already. Name another --out, or add --overwrite." in said


def test_a_damaged_file_does_not_hide_the_others(home, capsys):
    pytest.importorskip("torch")
    from pipeline.estimators.gvhmr.weights_card import weights_dir

    folder = weights_dir(home)
    folder.mkdir(parents=True)
    (folder / "broken.safetensors").write_bytes(b"nothing")
    code, said = run(["list"], capsys)
    assert code == 1
    assert "broken.safetensors: is damaged, cut short or no file of weights" in said


def test_without_the_extra_the_command_says_how_to_get_it(home, monkeypatch, capsys):
    monkeypatch.setattr(
        "pipeline.estimators.gvhmr.packages.PACKAGES", ("torch_that_is_not_here", "safetensors_neither")
    )
    code, said = run(["list"], capsys)
    assert code == 1
    assert "needs torch_that_is_not_here and safetensors_neither, not installed here" in said
    assert "`pip install 'wushu[gvhmr]'`" in said


def test_the_command_line_does_not_wait_for_torch():
    """Torch takes seconds to import, and most commands need none of it."""
    code = "import sys, flows.cli; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
