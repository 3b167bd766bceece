"""Takes a port and serves the review on it until somebody ends it."""

from __future__ import annotations

import errno
import ipaddress
import secrets
import socket

from uvicorn import Config

from flows.exceptions import OptionOutOfRange, PortTaken
from flows.review_service.connections import BriskConnection, ReviewServer
from flows.review_service.desk import ReviewDesk

_PORTS_TRIED = 50

_MOST_CONNECTIONS = 256
"""At once; a browser opens six. Whoever comes then is told to come again, as long as files can still be opened."""


def listen(host: str, port: int) -> socket.socket:
    """Take a port; 0 takes any that is free.

    Raises:
        PortTaken: Somebody else has it; it says which one is free.
        OptionOutOfRange: There is no such address here, or the port is nobody's to take.
    """
    if not 0 <= port <= 65535:
        raise OptionOutOfRange("port", port, allowed="a number from 1 to 65535, or 0 for any that is free")
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    except (OSError, UnicodeError) as error:
        raise OptionOutOfRange("host", host, allowed="an address of this machine, e.g. 127.0.0.1 or 0.0.0.0") from error
    try:
        return _bound(family, address)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise PortTaken(host, port, free=_free_port(family, address)) from error
        if error.errno == errno.EACCES:
            raise OptionOutOfRange("port", port, allowed="one above 1023: those below are the system's") from error
        raise OptionOutOfRange("host", host, allowed="an address of this machine, e.g. 127.0.0.1 or 0.0.0.0") from error


def token_for(sock: socket.socket) -> str | None:
    """Return a new token if other machines can reach the socket; None if only this one can."""
    return None if ipaddress.ip_address(sock.getsockname()[0]).is_loopback else secrets.token_urlsafe(24)


def url_of(host: str, sock: socket.socket, token: str | None) -> str:
    """Return what to open in a browser."""
    bound = ipaddress.ip_address(sock.getsockname()[0])
    name = socket.gethostname() if bound.is_unspecified else host
    name = f"[{name}]" if ":" in name else name
    return f"http://{name}:{sock.getsockname()[1]}/" + (f"?token={token}" if token else "")


def review_server(
    desk: ReviewDesk, sock: socket.socket, host: str, token: str | None, *, patience_s: int = 10
) -> ReviewServer:
    """Return what answers on a socket once its ``run(sockets=[sock])`` is called, until a signal ends it.

    Who is being answered then still is, for a second.

    Args:
        desk: What is served.
        sock: As :func:`listen` returned it; who connects before the server runs is answered when it does.
        host: Name by which the user bound it.
        token: What browsers must bring, or None.
        patience_s: How long a connection may be open without asking anything, or take to say what it asks [s].
    """
    from flows.review_service.app import create_app
    from flows.review_service.door import Door

    config = Config(
        create_app(desk, Door.of(host, sock.getsockname()[1], token)),
        access_log=False,  # an address may have the token in it
        log_config=None,
        log_level="warning",
        proxy_headers=False,
        server_header=False,
        lifespan="off",
        ws="none",
        timeout_graceful_shutdown=1,
        timeout_keep_alive=patience_s,
        limit_concurrency=_MOST_CONNECTIONS,
        http=BriskConnection,
    )
    return ReviewServer(config, desk)


def _bound(family: int, address: tuple) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)  # unsaid, asyncio leaves Nagle's 40 ms in
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # one of ours may have ended just now
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind(address)
        sock.listen(128)  # on Linux two may bind, and the second to listen is told
    except OSError:
        sock.close()
        raise
    return sock


def _free_port(family: int, address: tuple) -> int | None:
    """Find a free port near one that is taken."""
    for port in range(address[1] + 1, min(address[1] + _PORTS_TRIED, 65536)):
        try:
            _bound(family, (address[0], port, *address[2:])).close()
        except OSError:
            continue
        return port
    return None
