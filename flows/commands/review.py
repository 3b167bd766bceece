"""``wushu review DATASET``: watch the robots beside their videos in a browser, and decide."""

from __future__ import annotations

import getpass
import os
import sys
import time
import webbrowser
from dataclasses import dataclass
from pathlib import Path

import tyro
from rich.markup import escape

from flows.console import bar, console, progress_bars, show_warning
from flows.exceptions import NoReviewService
from pipeline.home import Home
from pipeline.store import Dataset
from robots.exceptions import MeshesMissing
from robots.meshes import find_g1_meshes


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """Look at a dataset in the browser: the robot beside the video, the checks on a timeline, and your decision.

    Ctrl-C ends it. What the page showed as decided is on the disk.
    """

    dataset: tyro.conf.Positional[Path]
    """A folder made by `wushu run`."""
    host: str = "127.0.0.1"
    """Address to answer on; any but this machine's own asks everyone for a token."""
    port: int = 8765
    """Port to answer on; 0 takes any that is free."""
    by: str | None = None
    """Who decides, until the page is told otherwise; your login if it is left out."""
    open: bool = True
    """Open the browser."""
    read_only: bool = False
    """Let nobody decide anything."""

    def __call__(self) -> int:
        """Serve until Ctrl-C."""
        dataset = Dataset.open(self.dataset)
        try:
            from flows.review_service.serving import listen, review_server, token_for, url_of
        except ImportError as error:
            raise NoReviewService(missing=error.name or "fastapi") from error
        from flows.review_service.desk import ReviewDesk
        from pipeline.review_desk.journal import why_read_only
        from pipeline.review_desk.shelf import Shelf

        sock = listen(self.host, self.port)
        try:
            shelf = Shelf(dataset, first_revision=time.time_ns() // 1_000_000)
            with progress_bars() as bars:
                shelf.refresh(bar(bars, "clips"))
            asked = "it was opened with --read-only: nothing can be decided here." if self.read_only else None
            desk = ReviewDesk(
                dataset=dataset,
                shelf=shelf,
                reviewer=_login() if self.by is None else self.by,
                read_only=asked or why_read_only(dataset),
                mesh_dir=_mesh_dir(),
                bodies_dir=Home.of_user().bodies_dir,
            )
            if desk.read_only is not None:
                show_warning(desk.read_only)
            token = token_for(sock)
            server = review_server(desk, sock, self.host, token)
            self._tell(url_of(self.host, sock, token), token)
            try:
                server.run(sockets=[sock])
            finally:
                desk.close()
        except KeyboardInterrupt:
            console.print("ended: every decision that the page showed is on the disk")
        finally:
            sock.close()
        return 0

    def _tell(self, url: str, token: str | None) -> None:
        console.print(f"review: {escape(url)}  (Ctrl-C ends it)", highlight=False, soft_wrap=True)
        sys.stdout.flush()
        if token is not None:  # a browser's command line can be read by everyone on the machine
            console.print(
                "whoever has this address, with its token, can decide; open it in your browser", soft_wrap=True
            )
        elif self.open and _has_screen():
            webbrowser.open(url)


def _has_screen() -> bool:
    """Tell whether a browser has somewhere to open: without a screen it would be one in this terminal."""
    return sys.platform != "linux" or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def _mesh_dir() -> Path | None:
    """Where the G1's meshes are, if they were fetched."""
    try:
        return find_g1_meshes(Home.of_user().meshes_dir)
    except MeshesMissing:
        return None


def _login() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name: the page asks
        return ""
