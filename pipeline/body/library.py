"""Turns the name or the path of a body into the body: the open one, or one a user has imported."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from pipeline.body.body_file import read_body
from pipeline.body.exceptions import UnknownBody
from pipeline.body.skinned_body import SkinnedBody

OPEN_BODY = "open"
"""Name of the body that comes with the program."""


def load_body(name_or_path: str | Path = OPEN_BODY, search_dir: Path | None = None) -> SkinnedBody:
    """Load a body.

    Args:
        name_or_path: ``open``, the name of an imported body, or the path of its ``.npz``.
        search_dir: Folder with imported bodies; without it only ``open`` and paths are known.

    Raises:
        UnknownBody: No such name.
        UnreadableBody: The file is damaged or no body.
    """
    if name_or_path == OPEN_BODY:
        return _open_body()
    path = Path(name_or_path)
    if path.suffix == ".npz":
        return read_body(path)
    known = body_names(search_dir)
    if search_dir is None or str(name_or_path) not in known:
        raise UnknownBody(str(name_or_path), known=known, search_dir=search_dir)
    return read_body(search_dir / f"{name_or_path}.npz")


def body_names(search_dir: Path | None = None) -> tuple[str, ...]:
    """Names that :func:`load_body` knows."""
    imported = [] if search_dir is None else sorted(path.stem for path in search_dir.glob("[!.]*.npz"))
    return (OPEN_BODY, *imported)


@cache
def _open_body() -> SkinnedBody:
    """Load the open body once; it is immutable."""
    return read_body(Path(__file__).parent / "data" / "open_body.npz")
