"""Who may come in: requests of the page itself, under a name that is ours, with the token where one is needed.

A page of another site can send a browser here, and can have its own name lead here (DNS rebinding). So the name under
which we are asked must be ours, whoever changes something must be our page, and nobody else's page reads anything.
"""

from __future__ import annotations

import hmac
import ipaddress
import logging
import socket
from collections.abc import MutableMapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import HTMLResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from flows.review_service.answers import error_answer

PAGE_HEADER = "x-wushu-review"
"""What the page says with every POST: another site's page cannot without asking first, and is never answered."""

_log = logging.getLogger("wushu.review")

_ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
_DATA_POLICY = "default-src 'none'; img-src 'self'; media-src 'self'; style-src 'unsafe-inline'; frame-ancestors 'none'"

_ENTER = (
    '<!doctype html><html lang="en"><meta charset="utf-8"><title>wushu review</title>'
    '<meta http-equiv="refresh" content="0;url=/"><p><a href="/">wushu review</a></p></html>'
)
"""The page then asks for itself, without the token in its address: a redirect would come from the other site."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """Under which names the service answers, and to whom."""

    names: frozenset[str]
    """Names of this machine, in lower case; plain addresses are always right, as nobody can lend us one."""
    token: str | None = None
    """What a browser must bring once, and then keeps as a cookie; None where only this machine can ask."""
    cookie: str = "wushu_review"
    """Its name; with the port in it, as cookies are one for all ports of a name."""

    @classmethod
    def of(cls, host: str, port: int, token: str | None) -> Door:
        """Take the names that this machine goes by."""
        own = {"localhost", host.lower(), socket.gethostname().lower(), f"{socket.gethostname().lower()}.local"}
        if token is not None:
            own.add(socket.getfqdn().lower())
        return cls(names=frozenset(own), token=token, cookie=f"wushu_review_{port}")

    def knows(self, host_header: str) -> bool:
        """Tell whether a Host header names us; the port is free, as a tunnel may have another."""
        try:
            name = urlsplit(f"//{host_header}").hostname
        except ValueError:
            return False
        return name is not None and (name in self.names or _is_address(name))

    def opens_for(self, headers: Headers) -> bool:
        """Tell whether a request brings the token, as a cookie or as ``Authorization: Bearer``."""
        if self.token is None:
            return True
        brought = [headers.get("authorization", "").removeprefix("Bearer ")]
        for cookie in ";".join(headers.getlist("cookie")).split(";"):  # others may be written as they like
            name, _, value = cookie.strip().partition("=")
            brought += [value] if name == self.cookie else []
        return any(self._is_token(word) for word in brought)

    def entered(self, query: bytes) -> Response | None:
        """Return what lets a browser in that brings the token in the page's address; None if it does not."""
        words = parse_qs(query.decode("latin-1")).get("token", [])
        if self.token is None or not any(self._is_token(word) for word in words):
            return None
        answer = HTMLResponse(_ENTER, headers={"Cache-Control": "no-store"})
        answer.set_cookie(self.cookie, self.token, httponly=True, samesite="strict", path="/")
        return answer

    def _is_token(self, word: str) -> bool:
        return self.token is not None and hmac.compare_digest(word.encode(), self.token.encode())


class Guard:
    """Stands before the service: turns away whoever may not come in, and lets no error out but as a sentence."""

    def __init__(self, app: ASGIApp, *, door: Door) -> None:
        """Stand before ``app``."""
        self._app = app
        self._door = door

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
            return
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = False

        async def sent(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                _add_headers(message)
            await send(message)

        try:
            await (self._turned_away(scope) or self._app)(scope, receive, sent)
        except Exception:
            _log.exception("%s %s: a bug", scope["method"], scope["path"])
            if begun:
                raise
            sentence = "something went wrong inside; what it was stands where `wushu review` was started"
            await error_answer(500, "internal", sentence)(scope, receive, sent)

    def _turned_away(self, scope: Scope) -> Response | None:
        headers, is_page = Headers(scope=scope), scope["path"] == "/"
        if len(headers.getlist("host")) != 1 or not self._door.knows(headers["host"]):
            return error_answer(
                403, "refused", "this service does not go by that name; open the address that it printed"
            )
        problem = _of_another_site(headers, is_page=is_page, reads=scope["method"] in ("GET", "HEAD"))
        if problem is not None:
            return error_answer(403, "refused", problem)
        if not self._door.opens_for(headers):
            entered = self._door.entered(scope.get("query_string", b"")) if is_page else None
            return entered or error_answer(
                401, "refused", "open the address that `wushu review` printed, with the token in it"
            )
        if is_page and scope.get("query_string"):
            return self._door.entered(scope["query_string"])
        return None


def _of_another_site(headers: Headers, *, is_page: bool, reads: bool) -> str | None:
    """Say what shows that another site's page asks, or None; a link to our page may stand anywhere."""
    origin = headers.get("origin")
    if origin is not None and _host_of(origin) != headers["host"].lower():
        return "requests from the pages of other sites are refused"
    if not (is_page and reads) and headers.get("sec-fetch-site", "none") not in ("same-origin", "none"):
        return "requests from the pages of other sites are refused"
    if not reads and PAGE_HEADER not in headers:
        return f"whoever changes something must send the header {PAGE_HEADER}"
    return None


def _host_of(origin: str) -> str | None:
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return None


def _add_headers(message: MutableMapping[str, Any]) -> None:
    headers = MutableHeaders(scope=message)
    for name, value in _ALWAYS.items():
        headers[name] = value
    headers.setdefault("Content-Security-Policy", _DATA_POLICY)
    headers.setdefault("Cache-Control", "no-store")


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
