"""What the documentation shows as code runs as it stands there."""

from __future__ import annotations

import re
from operator import attrgetter
from pathlib import Path

import numpy as np
import pytest

from pipeline.settings import load_settings
from retarget.retargeter import RetargetConfig

DOCS = Path(__file__).parents[2] / "docs"


def test_samples_of_the_retargeting_guide_run_one_after_the_other(capsys: pytest.CaptureFixture[str]):
    """A guide whose samples fail is worse than none; the two lost frames must be the only ones that are missing."""
    samples = re.findall(r"^```python\n(.*?)^```", (DOCS / "retargeting.md").read_text(encoding="utf-8"), re.M | re.S)
    names: dict = {}
    for number, sample in enumerate(samples):
        exec(compile(sample, f"retargeting.md, sample {number}", "exec"), names)
    assert len(samples) == 2
    assert len(names["qpos"]) == len(names["human"]) - 2
    assert np.isfinite(names["qpos"]).all()
    assert "frames_missed" in capsys.readouterr().out


def test_the_retargeting_guide_tells_the_defaults_as_they_are():
    """Prices are tuned now and then, and a table of last month's is believed."""
    text = (DOCS / "retargeting.md").read_text(encoding="utf-8")
    told = [(name, value) for value, name in re.findall(r"\| ([\d.]+) [^|`]*\(`([a-z_.]+)`\) \|", text)]
    told += re.findall(r"^\| `([a-z_.]+)` \| ([\d.]+)", text, re.M)
    defaults = {name: attrgetter(name)(RetargetConfig()) for name, _ in told}
    assert len(defaults) >= 6
    assert {name: float(value) for name, value in told} == defaults


def test_the_sample_preset_can_be_read(tmp_path: Path):
    """Every name in it must be one that exists."""
    samples = re.findall(r"^```toml\n(.*?)^```", (DOCS / "settings.md").read_text(encoding="utf-8"), re.M | re.S)
    assert samples
    for sample in samples:
        (tmp_path / "preset.toml").write_text(sample, encoding="utf-8")
        assert load_settings(tmp_path / "preset.toml").retarget.speed_share == 0.8


def test_links_lead_to_files_and_headings_that_exist():
    """A renamed page or heading must take its readers along."""
    broken = []
    for page in [DOCS.parent / "README.md", DOCS.parent / "CHANGELOG.md", *DOCS.glob("*.md")]:
        for link in re.findall(r"\]\((?!https?:|#)([^)\s]+)\)", page.read_text(encoding="utf-8")):
            name, _, anchor = link.partition("#")
            target = page.parent / name
            if not target.exists() or (anchor and anchor not in _anchors(target)):
                broken.append(f"{page.name}: {link}")
    assert not broken


def _anchors(page: Path) -> set[str]:
    """Return how a page's headings are called in links: lower case, no punctuation, hyphens for spaces."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
