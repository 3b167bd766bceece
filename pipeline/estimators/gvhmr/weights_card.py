"""Tells what a file of weights says of itself, and finds it by name, without reading its numbers and without torch.

The stages of a clip are put together, fingerprinted and licensed with this; torch is woken only to estimate.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from pipeline.body import SkinnedBody
from pipeline.clip import file_sha256
from pipeline.estimators.exceptions import UnknownWeights, UnusableWeights, WeightsOfAnotherBody
from pipeline.home import Home

FORMAT = 1
"""Version of the layout; a reader refuses what it does not know."""

KIND = "gvhmr"
"""Network that the weights are of."""

METADATA_KEY = "wushu"
"""Entry of the file's metadata that says what the tensors are."""

OWN = "wushu"
"""Name of the weights that come with the program."""

OFFICIAL = "official"
"""Name under which GVHMR's own weights are kept once imported."""

SUFFIX = ".safetensors"
IMPORT = "wushu weights import gvhmr FILE"
AGAIN = "Import or train the weights again, or take the file from where it came from"
MAX_HEADER_BYTES = 100_000_000
"""Longest header that the format ``.safetensors`` allows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightsCard:
    """What weights are, without their numbers."""

    body: str
    """Name of the body that the betas belong to."""
    licence: str
    """What these weights, and motions made with them, may be used for."""
    source: str
    """Where they come from, in words."""
    trained_on: tuple[str, ...]
    """Data that they learned from."""
    source_sha256: str
    """Hash of the checkpoint that they were imported from; empty for weights of our own."""
    sha256: str
    """Hash of the file; empty where it was not asked for."""
    image_features: int = 0
    """Length of the image feature that the network takes; 0 for a network without images."""


class OfABody(Protocol):
    """Weights, or their card."""

    @property
    def body(self) -> str:
        """Name of the body that the betas belong to."""
        ...

    @property
    def source(self) -> str:
        """Where the weights come from."""
        ...


def read_card(path: Path, *, kind: str = KIND, hashed: bool = True) -> WeightsCard:
    """Read what a file of weights says of itself; its numbers are only counted and hashed.

    Args:
        path: The file.
        kind: Network that the weights must be of.
        hashed: Hash the file; of gigabytes that takes seconds, and its checkpoint's hash may be enough.

    Raises:
        UnusableWeights: The file is missing, cut short, of another format, or does not say what it is.
    """
    check_path(path)
    try:
        with path.open("rb") as stream:
            header = _safetensors_header(stream.read(8), stream.read(MAX_HEADER_BYTES), path.stat().st_size)
    except OSError as error:
        raise UnusableWeights(path, problem=error.strerror or str(error), remedy="Check its permissions") from error
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
        problem = f"is damaged, cut short or no file of weights ({error})"
        raise UnusableWeights(path, problem=problem, remedy=AGAIN) from error
    document = checked_document(path, header.get("__metadata__"), kind=kind)
    words = {name: document.get(name) for name in ("body", "licence", "source", "source_sha256")}
    data = document.get("trained_on")
    if not all(isinstance(word, str) for word in words.values()) or not _are_words(data):
        problem = "does not say its body, licence, source and data in words"
        raise UnusableWeights(path, problem=problem, remedy=AGAIN)
    shape = document.get("shape")
    images = shape.get("image_features") if isinstance(shape, dict) else None
    return WeightsCard(
        **words,  # type: ignore[arg-type]
        trained_on=tuple(data or ()),
        sha256=file_sha256(path) if hashed else "",
        image_features=images if isinstance(images, int) else 0,
    )


def find_weights(name_or_path: str | Path, search_dir: Path | None = None) -> Path:
    """Return the file of a name; a path is returned as it is.

    Args:
        name_or_path: ``wushu``, ``official`` or another imported name, or the path of a ``.safetensors`` file.
        search_dir: Folder of imported weights (:func:`weights_dir`); without it only ``wushu`` and paths are known.

    Raises:
        UnknownWeights: No such name.
    """
    path = Path(name_or_path)
    if path.suffix or len(path.parts) > 1:
        return path
    name = str(name_or_path)
    known = weights_files(search_dir)
    if name in known:
        return known[name]
    if name == OWN:
        remedy = "They come with the program, and this installation lacks them: install it again, or name others"
    else:
        remedy = f"GVHMR's own are taken in with `{IMPORT}` (docs/gvhmr.md); a file is named by its whole path"
    raise UnknownWeights(name, known=known, remedy=remedy)


def weights_files(search_dir: Path | None = None) -> dict[str, Path]:
    """Files of the names that :func:`find_weights` knows; no file of a user takes the place of the program's own."""
    own = Path(__file__).parent / "data" / f"{OWN}{SUFFIX}"
    imported = [] if search_dir is None else sorted(search_dir.glob(f"[!.]*{SUFFIX}"))
    return {path.stem: path for path in (*imported, *([own] if own.is_file() else []))}


def weights_dir(home: Home) -> Path:
    """Folder where imported weights are kept, beside imported bodies."""
    return home.bodies_dir.parent / "weights"


def require_body(weights: OfABody, body: SkinnedBody) -> None:
    """Check that betas which these weights give are betas of this body.

    Args:
        weights: The weights, or their card.
        body: Body that motions are to be made of.

    Raises:
        WeightsOfAnotherBody: They are another's; says which, and how to get it.
    """
    if body.name == weights.body:
        return
    if weights.body.startswith("smpl"):
        remedy = (
            f"Accept its licence at its project page, download {weights.body.upper()}.npz, take it in with "
            f"`wushu body import {weights.body.upper()}.npz`, and run with `--body {weights.body}` (docs/gvhmr.md)"
        )
    else:
        remedy = f"Run with `--body {weights.body}`, or choose other weights"
    raise WeightsOfAnotherBody(f"the weights of {weights.source}", wanted=weights.body, given=body.name, remedy=remedy)


def check_path(path: Path) -> None:
    """Refuse a path that cannot be a file of weights.

    Raises:
        UnusableWeights: It is a checkpoint of torch, a folder, or nothing.
    """
    if path.suffix in (".ckpt", ".pt", ".pth"):
        raise UnusableWeights(path, problem="is a checkpoint of torch", remedy=f"Take it in first: `{IMPORT}`")
    if not path.is_file():
        problem = "is a folder" if path.is_dir() else "there is no such file"
        raise UnusableWeights(path, problem=problem, remedy="Check the path, or see `wushu weights list`")


def checked_document(path: Path, metadata: Mapping[str, str] | None, *, kind: str = KIND) -> dict[str, Any]:
    """Return what a file says of its tensors, if this version knows its format: another may have other fields.

    Raises:
        UnusableWeights: It says nothing that can be read, or is of another format.
    """
    if metadata is None or set(metadata) != {METADATA_KEY}:
        problem = "is no file of weights of this program: it does not say what its tensors are"
        raise UnusableWeights(path, problem=problem, remedy=f"GVHMR's own checkpoint is taken in with `{IMPORT}`")
    try:
        document = json.loads(metadata[METADATA_KEY], parse_constant=_refuse_constant)
        found = document["format"], document["kind"]
    except (ValueError, LookupError, TypeError, RecursionError) as error:
        said = f"no {error}" if isinstance(error, KeyError) else str(error)
        raise unreadable_document(path, said) from error
    if found != (FORMAT, kind):
        problem = f"holds '{found[1]}' in format {found[0]}, and this version reads '{kind}' in format {FORMAT}"
        raise UnusableWeights(path, problem=problem, remedy="Install the version that wrote it, or import it again")
    return document


def unreadable_document(path: Path, said: str) -> UnusableWeights:
    """Make the error for a description that is damaged."""
    return UnusableWeights(path, problem=f"what it says of its tensors cannot be read ({said})", remedy=AGAIN)


def _safetensors_header(length: bytes, content: bytes, file_size: int) -> dict[str, Any]:
    """Read the header; the file must end where the header says that the last tensor ends."""
    size = int.from_bytes(length, "little")
    if len(length) < 8 or size > len(content):
        raise ValueError("its header is not whole")
    header = json.loads(content[:size])
    ends = [entry["data_offsets"][1] for name, entry in header.items() if name != "__metadata__"]
    if 8 + size + max(ends, default=0) != file_size:
        raise ValueError("its tensors are not whole")
    return header


def _are_words(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(word, str) for word in value)


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is no number")
