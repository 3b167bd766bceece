"""The page itself: a fixed set of files, found once."""

from __future__ import annotations

import base64
import hashlib
import re
from functools import cache
from pathlib import Path

from fastapi import APIRouter, Request
from starlette.responses import Response

import pipeline.review_desk
from flows.review_service.answers import Refused

router = APIRouter()

PAGE_FOLDER = Path(pipeline.review_desk.__file__).parent / "page"

_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".txt": "text/plain; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".json": "application/json",
}
_INLINE = re.compile(r"<script type=\"importmap\">(.*?)</script>", re.DOTALL)


@cache
def page_files() -> dict[str, Path]:
    """Return the files that make up the page, by what is asked for; nothing else is ever opened for ``/page/``."""
    files = (path for path in sorted(PAGE_FOLDER.rglob("*")) if path.suffix in _TYPES and path.is_file())
    return {path.relative_to(PAGE_FOLDER).as_posix(): path for path in files}


def page_policy(html: str) -> str:
    """Return what the page may load: its own files, and the one import map that stands in it."""
    maps = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in _INLINE.findall(html)]
    scripts = " ".join(["'self'", *(f"'sha256-{text}'" for text in maps)])
    return (
        f"default-src 'none'; script-src {scripts}; style-src 'self'; img-src 'self' blob: data:; "
        "media-src 'self' blob:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


@router.get("/")
def _page(request: Request) -> Response:
    content = page_files()["index.html"].read_bytes()
    return _answer(request, content, ".html", {"Content-Security-Policy": page_policy(content.decode())})


@router.get("/page/{name:path}")
def _asset(request: Request, name: str) -> Response:
    path = page_files().get(name)
    if path is None:
        raise Refused(404, "missing_file", "the page has no such file")
    return _answer(request, path.read_bytes(), path.suffix, {})


def _answer(request: Request, content: bytes, suffix: str, more: dict[str, str]) -> Response:
    """Answer by a file, or by the word that the browser has it; it asks each time, as a new version may be there."""
    tag = f'"{hashlib.sha256(content).hexdigest()[:16]}"'
    headers = {"ETag": tag, "Cache-Control": "no-cache", **more}
    if tag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return Response(content, headers=headers, media_type=_TYPES[suffix])
