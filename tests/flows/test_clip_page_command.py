"""``wushu clip-page`` writes one file a clip, says how large it is, and names what it does not find."""

from __future__ import annotations

import hashlib

import pytest

from flows.cli import main
from pipeline.clip import Clip, Source
from pipeline.manifest import ManifestRow, write_row
from pipeline.store import Dataset


@pytest.fixture
def dataset(tmp_path):
    """Hold two clips of which nothing came: their pages need no film."""
    made = Dataset.open_or_create(tmp_path / "set")
    for name in ("kick", "leap"):
        clip = Clip.of(Source(path=f"/films/{name}.mp4", sha256=hashlib.sha256(name.encode()).hexdigest()))
        made.add_clip(clip)
        torn = f"/films/{name}.mp4: torn."
        row = ManifestRow(clip=clip, fingerprints={}, metrics={}, licences=(), broken_stage="reading", error=torn)
        write_row(made, row)
    return made


def test_the_named_clip_becomes_one_page(dataset, tmp_path, capsys):
    out = tmp_path / "pages"
    assert main(["clip-page", str(dataset.root), "kick", "--out", str(out)]) == 0
    (page,) = out.iterdir()
    assert page.name.startswith("kick-")
    assert " MB" in capsys.readouterr().out
    assert "kick.mp4: torn." in page.read_text(encoding="utf-8")


def test_a_source_at_the_root_takes_no_slash_from_what_is_told(dataset, tmp_path):
    """Its folder is in every path, and in every address."""
    clip = Clip.of(Source(path="/punch.mp4", sha256="0" * 64))
    dataset.add_clip(clip)
    torn = "/punch.mp4: see https://example.org//torn."
    row = ManifestRow(clip=clip, fingerprints={}, metrics={}, licences=(), broken_stage="reading", error=torn)
    write_row(dataset, row)
    assert main(["clip-page", str(dataset.root), "punch", "--out", str(tmp_path / "pages")]) == 0
    (page,) = (tmp_path / "pages").iterdir()
    assert "punch.mp4: see https://example.org//torn." in page.read_text(encoding="utf-8")


def test_without_a_name_every_clip_becomes_a_page(dataset, tmp_path):
    assert main(["clip-page", str(dataset.root), "--out", str(tmp_path / "pages")]) == 0
    assert len(list((tmp_path / "pages").iterdir())) == 2


def test_a_clip_that_is_not_there_is_named(dataset, tmp_path, capsys):
    assert main(["clip-page", str(dataset.root), "punch", "--out", str(tmp_path / "pages")]) == 1
    assert "punch" in capsys.readouterr().err
    assert not (tmp_path / "pages").exists()


def test_a_folder_that_cannot_be_made_is_said(dataset, tmp_path, capsys):
    (tmp_path / "taken").write_text("a file")
    assert main(["clip-page", str(dataset.root), "--out", str(tmp_path / "taken")]) == 1
    assert "cannot be written" in capsys.readouterr().err
