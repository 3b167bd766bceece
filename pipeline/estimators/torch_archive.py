"""Opens checkpoints of torch that users downloaded, without running anything that the file asks for.

A checkpoint is a zip of one pickle and the raw numbers of its tensors, and a pickle names functions that an unpickler
calls. Only torch's restricted unpickler (``weights_only=True``) ever reads it. Its training framework may have left
records beside the tensors (options, callbacks); their names stand for an object that keeps and does nothing
(:class:`_PassedOver`). Any other name is refused.
"""

from __future__ import annotations

import re
import warnings
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.serialization import get_unsafe_globals_in_checkpoint, safe_globals

from pipeline.clip import file_sha256
from pipeline.estimators.exceptions import UnusableWeights

MAX_BYTES = 16 * 1024**3
"""Most that a checkpoint may unpack to [bytes]; HMR2.0's, the largest that is read, has some 2.7 GB of tensors."""

PASSIVE_PACKAGES = frozenset({"hmr4d", "hydra", "lightning", "lightning_fabric", "omegaconf", "pytorch_lightning"})
"""Packages whose records training leaves in a checkpoint."""

PASSIVE_NAMES = frozenset(
    {f"builtins.{name}" for name in ("bool", "dict", "float", "frozenset", "int", "list", "slice", "str", "tuple")}
    | {f"pathlib.{pure}{kind}" for pure in ("", "Pure") for kind in ("Path", "PosixPath", "WindowsPath")}
    | {f"typing.{name}" for name in ("Any", "Dict", "List", "Optional", "Tuple", "Union")}
    | {f"{module}.multiarray.{name}" for module in ("numpy.core", "numpy._core") for name in ("scalar", "_reconstruct")}
    | {"argparse.Namespace", "collections.defaultdict", "numpy.dtype", "numpy.ndarray"}
    | {"torch.torch_version.TorchVersion"}
)
"""Names of plain data that stand in such records."""

_AGAIN = "Download it again from the project's page"
_NOT_SAFE = "Do not use it, and take the checkpoint from the project's page again"
_TENSORS_ALONE = "Where it was made, save its tensors alone: torch.save({'state_dict': checkpoint['state_dict']}, path)"

_SHOWN = 12


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OpenedCheckpoint:
    """What stands in a checkpoint."""

    state: dict[str, Any]
    """Entries of its ``state_dict`` by name; tensors may lean on the file."""
    sha256: str
    """Hash of the file."""
    passed: tuple[str, ...]
    """Names of objects beside the tensors that were passed over."""


def open_checkpoint(path: Path, *, how: str, sha256: str | None = None) -> OpenedCheckpoint:
    """Open a checkpoint with a ``state_dict``.

    Args:
        path: The file as it was downloaded.
        how: What to give instead, as the remedy of a file that is none.
        sha256: Hash that the file must have, looked at before anything in it is read.

    Raises:
        UnusableWeights: The file is missing, damaged, has another hash, or asks for code.
    """
    _check_file(path, how)
    found = file_sha256(path)
    if sha256 is not None and _digest(path, sha256) != found:
        problem = f"has the sha256 {found}, not {sha256.strip().lower()}; nothing in it was read"
        raise UnusableWeights(path, problem=problem, remedy=_AGAIN)
    _check_archive(path, how)
    content, passed = _load(path, how)
    return OpenedCheckpoint(state=_state_of(path, content, how), sha256=found, passed=tuple(passed))


def check_tensors(path: Path, wanted: Mapping[str, tuple[int, ...]], state: Mapping[str, Any], *, how: str) -> None:
    """Refuse a checkpoint by the names of the tensors that are missing or of no use.

    Args:
        path: The file.
        wanted: Shape of each tensor that the network has, by its name in the checkpoint.
        state: What the checkpoint holds.
        how: What to give instead.

    Raises:
        UnusableWeights: A tensor is missing, of another shape, or holds no plain finite numbers.
    """
    missing = [name for name in wanted if state.get(name) is None]
    if missing:
        problem = f"lacks {len(missing)} of the network's {len(wanted)} tensors: {listed(missing)}"
        raise UnusableWeights(path, problem=problem, remedy=how)
    faults = [f"{name} {fault}" for name, size in wanted.items() if (fault := tensor_fault(state[name], size))]
    if faults:
        raise UnusableWeights(path, problem=f"does not fit the network: {listed(faults)}", remedy=how)


def tensor_fault(value: Any, size: tuple[int, ...]) -> str | None:
    """Say what keeps one value from being the parameter of this shape."""
    if not isinstance(value, Tensor):
        return f"is a {type(value).__name__}, no tensor"
    if tuple(value.shape) != size:
        return f"has shape {tuple(value.shape)}, expected {size}"
    if value.layout is not torch.strided or value.is_meta or value.is_quantized or not value.is_floating_point():
        return f"holds {value.dtype} ({value.layout}, {value.device}), no plain numbers"
    return None if value.isfinite().all() else "holds NaN or infinity"


def listed(names: list[str]) -> str:
    """Join names for a sentence, the first dozen of them."""
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"{', '.join(names[:_SHOWN])}{more}"


def _check_file(path: Path, how: str) -> None:
    """Refuse what is no torch archive by its first bytes, and say what it is instead."""
    if not path.exists():
        raise UnusableWeights(path, problem="there is no such file", remedy="Check the path")
    if not path.is_file():
        problem = "is a folder" if path.is_dir() else "is no regular file"
        raise UnusableWeights(path, problem=problem, remedy=how)
    try:
        with path.open("rb") as stream:
            start = stream.read(512)
    except OSError as error:
        raise UnusableWeights(path, problem=error.strerror or str(error), remedy="Check its permissions") from error
    if start.startswith(b"PK"):
        return
    if not start:
        raise UnusableWeights(path, problem="is empty", remedy=_AGAIN)
    if start.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        problem = "is a web page, not the checkpoint: the site asked for something before the download"
        raise UnusableWeights(path, problem=problem, remedy="Open the link in a browser, and save the file itself")
    if start.startswith(b"version https://git-lfs"):
        raise UnusableWeights(path, problem="is a pointer of Git LFS, not the file", remedy="Run `git lfs pull`")
    raise UnusableWeights(path, problem="is no checkpoint of torch, which are zip files inside", remedy=how)


def _digest(path: Path, text: str) -> str:
    """Return a hash as hashlib writes it."""
    digest = text.strip().lower()
    if not re.fullmatch(r"[0-9a-f]{64}", digest):
        problem = f"cannot be held to the sha256 '{text}', which has not 64 hexadecimal digits"
        raise UnusableWeights(path, problem=problem, remedy="Give the whole hash, or none")
    return digest


def _check_archive(path: Path, how: str) -> None:
    """Refuse archives that are cut short, damaged or absurd: torch itself looks at no checksum."""
    if not zipfile.is_zipfile(path):
        raise UnusableWeights(path, problem="is cut short: the end of the file is missing", remedy=_AGAIN)
    try:
        with zipfile.ZipFile(path) as archive:
            if sum(entry.file_size for entry in archive.infolist()) > MAX_BYTES:
                problem = f"unpacks to more than {MAX_BYTES // 1024**3} GiB"
                raise UnusableWeights(path, problem=problem, remedy=how)
            damaged = archive.testzip()
    except (zipfile.BadZipFile, OSError, EOFError, ValueError, NotImplementedError, RuntimeError) as error:
        raise UnusableWeights(path, problem=f"is damaged or cut short ({error})", remedy=_AGAIN) from error
    if damaged is not None:
        raise UnusableWeights(path, problem=f"is damaged: the checksum of '{damaged}' is wrong", remedy=_AGAIN)


class _PassedOver:
    """Stands for an object beside the tensors: whatever it was made of is dropped, and nothing is called."""

    def __new__(cls, *_: Any, **__: Any) -> _PassedOver:
        return object.__new__(cls)

    def __init__(self, *_: Any, **__: Any) -> None:
        pass

    def __setstate__(self, state: Any) -> None:
        pass


def _passed_dict(*_: Any) -> OrderedDict[Any, Any]:
    """Stands for a dictionary with defaults, which the restricted unpickler has no other way to fill."""
    return OrderedDict()


def _load(path: Path, how: str) -> tuple[Any, list[str]]:
    """Read the pickle under torch's restrictions; return also the names that were passed over."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch warns of old storages; what cannot be read is an error below
        try:
            foreign = sorted(get_unsafe_globals_in_checkpoint(str(path)))
        except Exception as error:  # a broken pickle can fail in any way at all
            raise UnusableWeights(path, problem=f"is no checkpoint of torch ({error})", remedy=how) from error
        hostile = [name for name in foreign if not _is_passive(name)]
        if hostile:
            problem = f"asks to load '{hostile[0]}', which no weights need; nothing in it was run"
            raise UnusableWeights(path, problem=problem, remedy=_NOT_SAFE)
        stand_ins: list[Callable[..., Any] | tuple[Callable[..., Any], str]] = [
            (_passed_dict if name == "collections.defaultdict" else _PassedOver, name) for name in foreign
        ]
        try:
            with safe_globals(stand_ins):
                content = torch.load(str(path), map_location="cpu", weights_only=True, mmap=_is_stored_plainly(path))
        except Exception as error:
            first = next(iter(str(error).splitlines()), type(error).__name__)
            problem = f"its pickle is damaged, or holds more than tensors ({first}); nothing in it was run"
            raise UnusableWeights(path, problem=problem, remedy=_TENSORS_ALONE) from error
    return content, foreign


def _is_passive(name: str) -> bool:
    return name in PASSIVE_NAMES or name.partition(".")[0] in PASSIVE_PACKAGES


def _is_stored_plainly(path: Path) -> bool:
    """Tell whether tensors stand in the file as they are, so that only those that are used need be read."""
    with zipfile.ZipFile(path) as archive:
        return all(entry.compress_type == zipfile.ZIP_STORED for entry in archive.infolist())


def _state_of(path: Path, content: Any, how: str) -> dict[str, Any]:
    """Return the tensors by name."""
    if not isinstance(content, dict) or not isinstance(content.get("state_dict"), dict):
        keys = listed([str(key) for key in content]) if isinstance(content, dict) and content else "nothing by name"
        raise UnusableWeights(path, problem=f"has no 'state_dict' (it holds {keys})", remedy=how)
    return {str(name): value for name, value in content["state_dict"].items()}
