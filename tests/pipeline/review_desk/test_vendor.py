"""What the page brings from others is what they published, and NOTICE says so."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
VENDOR = ROOT / "pipeline" / "review_desk" / "page" / "vendor"

SHA256 = {
    "three.module.min.js": "86bcee248b64f44bcfc23c331ae74619061957d59cab040171dcb6fb5900beb6",
    "three.core.min.js": "0e9dd2793e01d0d9eb4f2ab00b4ffcdd4488275ebebee5c31fa8d347bc29f0bf",
    "three.LICENSE.txt": "8b378ebe60e2fe500158cb0ac71cb5e8b7d92953c2abcc63a0eb90499653b5bc",
}


def test_nothing_else_was_brought():
    assert {path.name for path in VENDOR.iterdir()} == set(SHA256)


@pytest.mark.parametrize("name", SHA256)
def test_files_of_others_are_as_published(name):
    assert hashlib.sha256((VENDOR / name).read_bytes()).hexdigest() == SHA256[name]


def test_notice_names_version_licence_and_hashes():
    notice = (ROOT / "NOTICE").read_text(encoding="utf-8")
    assert "three.js 0.185.0" in notice
    assert "MIT" in notice
    for name, digest in SHA256.items():
        assert not name.endswith(".js") or re.search(rf"{digest}\s+{re.escape(name)}", notice)
