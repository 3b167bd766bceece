"""Puts the page's modules into one HTML that asks nobody for anything: an import map of data URLs, and a policy.

The modules name each other by bare names (``wushu/...``, ``three``), so that the same files are served by the review
service and carried by a page that stands alone.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

PAGE_DIR = Path(__file__).parent / "page"
"""Where the page's files lie."""

_VENDORED = {"three": "vendor/three.module.min.js", "three/core": "vendor/three.core.min.js"}
_NAMED = re.compile(r"""(?:\bfrom|\bimport)\s*\(?\s*["']([^"'\n]+)["']""")
_CORE_IN_THREE = re.compile(r"""from\s*["']\./three\.core\.min\.js["']""")


def import_map(entries: Sequence[str]) -> dict[str, str]:
    """Return all modules that these need, each as a data URL under the bare name by which others import it.

    Args:
        entries: Bare names, e.g. ``wushu/alone.js``.

    Raises:
        FileNotFoundError: A module imports one that the page does not have.
    """
    found: dict[str, str] = {}
    waiting = list(entries)
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        source = _source(name)
        found[name] = data_url(source.encode(), "text/javascript")
        if name in _VENDORED:
            waiting.extend(["three/core"] if name == "three" else [])
        else:
            waiting.extend(_NAMED.findall(source))
    return dict(sorted(found.items()))


def html_page(
    *, title: str, styles: Sequence[str], imports: dict[str, str], start: str, body: str, answers: dict[str, Any]
) -> str:
    """Return the one HTML. It may run what it carries and nothing else, and it may connect to nothing.

    Args:
        title: Of the page, as text.
        styles: Style sheets, as text.
        imports: What :func:`import_map` returned.
        start: The module that begins, as text.
        body: HTML that is already escaped.
        answers: What the page would ask of the service, by path.
    """
    style = "\n".join(styles)
    mapped = _inert(json.dumps({"imports": imports}, separators=(",", ":")))
    scripts = " ".join(_hash_source(text) for text in (mapped, start))
    policy = (
        f"default-src 'none'; script-src {scripts} data:; style-src {_hash_source(style)}; img-src data: blob:; "
        "media-src data: blob:; connect-src 'none'; form-action 'none'; base-uri 'none'"
    )
    kept = _inert(json.dumps(answers, separators=(",", ":"), allow_nan=False))
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="referrer" content="no-referrer">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)}</title>
<link rel="icon" href="data:,">
<style>{style}</style>
<script type="importmap">{mapped}</script>
</head>
<body>
{body}
<script type="application/json" id="answers">{kept}</script>
<script type="module">{start}</script>
</body>
</html>
"""


def data_url(content: bytes, media_type: str) -> str:
    """Return a URL that holds its content."""
    return f"data:{media_type};base64,{base64.b64encode(content).decode('ascii')}"


def style_sheet(name: str) -> str:
    """Return one of the page's style sheets; none of them fetches anything."""
    return (PAGE_DIR / name).read_text(encoding="utf-8").replace("</", "<\\/")


def _source(name: str) -> str:
    """Return a module's text by its bare name."""
    path = PAGE_DIR / _VENDORED.get(name, name.removeprefix("wushu/"))
    if not name.startswith("wushu/") and name not in _VENDORED:
        raise FileNotFoundError(f"the page's modules import {name!r}, which no page has")
    text = path.read_text(encoding="utf-8")
    return _CORE_IN_THREE.sub('from"three/core"', text) if name == "three" else text


def _inert(text: str) -> str:
    """Keep JSON from ending the element that it stands in, or from beginning another."""
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _hash_source(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode('ascii')}'"
