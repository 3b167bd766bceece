"""What the service answers: JSON, small where it is long, and every error as a sentence of one kind."""

from __future__ import annotations

import asyncio
import gzip
import json
from typing import Any

from fastapi import Request
from starlette.responses import Response

LARGEST_BODY = 2**20
"""Bytes of a request; a batch of thousands of rulings has less."""

_BODY_S = 20.0
"""How long a request may take to bring it [s]."""

_WORTH_PACKING = 2048
_JSON = "application/json"


class Refused(Exception):
    """A request that is answered by a sentence and no more; it never leaves the service."""

    def __init__(self, status: int, kind: str, sentence: str, **more: Any) -> None:
        self.status, self.kind, self.sentence, self.more = status, kind, sentence, more
        super().__init__(sentence)


def error_answer(status: int, kind: str, sentence: str, **more: Any) -> Response:
    """Answer by a sentence; its kind is for the page to act on."""
    return Response(dumped({"error": sentence, "kind": kind, **more}), status, media_type=_JSON)


def dumped(document: Any) -> bytes:
    """Write JSON types; letters beyond ASCII are escaped, as a file's name may hold what UTF-8 cannot say."""
    return json.dumps(document, separators=(",", ":"), allow_nan=False).encode()


def json_answer(request: Request, content: bytes) -> Response:
    """Answer by JSON, packed if it is long and the browser can unpack it."""
    headers = {"Vary": "Accept-Encoding"}
    if len(content) > _WORTH_PACKING and "gzip" in request.headers.get("accept-encoding", ""):
        content, headers["Content-Encoding"] = gzip.compress(content, compresslevel=3, mtime=0), "gzip"
    return Response(content, headers=headers, media_type=_JSON)


async def read_body(request: Request, *, largest: int = LARGEST_BODY) -> bytes:
    """Read what a request brings, up to so many bytes.

    Raises:
        Refused: There is more, or it does not come.
    """
    said = request.headers.get("content-length", "0")
    parts, n_bytes = [], 0
    if said.isdecimal() and int(said) <= largest:
        try:
            async with asyncio.timeout(_BODY_S):
                async for part in request.stream():
                    parts.append(part)
                    n_bytes += len(part)
                    if n_bytes > largest:
                        break
        except TimeoutError as error:
            raise Refused(408, "invalid", f"the content did not come within {_BODY_S:.0f} s; send it again") from error
    if n_bytes > largest or not said.isdecimal() or int(said) > largest:
        raise Refused(413, "invalid", f"more than {largest // 1024} KiB are not read at once; send less")
    return b"".join(parts)


async def read_json(request: Request) -> dict[str, Any]:
    """Read the JSON object that a request brings.

    Raises:
        Refused: It brings something else, or too much.
    """
    if request.headers.get("content-type", "").split(";")[0].strip().lower() != _JSON:
        raise Refused(415, "invalid", f"the content must be {_JSON}")
    try:
        document = json.loads(await read_body(request))
    except (ValueError, RecursionError) as error:
        raise Refused(422, "invalid", "the content is no JSON") from error
    if not isinstance(document, dict):
        raise Refused(422, "invalid", "the content must be a JSON object")
    return document
