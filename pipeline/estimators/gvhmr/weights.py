"""Turns a file of weights into a network with all that its numbers mean, and back.

The file is ``.safetensors``: plain numbers that can hold no code. Its metadata has one entry, a JSON document that says
what the tensors are (:class:`_Header`); a reader refuses whatever does not fit it to the letter.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from cattrs import transform_error
from cattrs.v import format_exception
from jaxtyping import Float
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as save_tensors
from torch import Tensor

from pipeline.clip import file_sha256
from pipeline.estimators.exceptions import UnusableWeights
from pipeline.estimators.gvhmr.codec import Codec
from pipeline.estimators.gvhmr.network import GvhmrNetwork, NetworkShape
from pipeline.estimators.gvhmr.weights_card import (
    AGAIN,
    FORMAT,
    KIND,
    METADATA_KEY,
    OWN,
    SUFFIX,
    check_path,
    checked_document,
    find_weights,
    unreadable_document,
)
from pipeline.estimators.torch_archive import listed, tensor_fault
from pipeline.record_codec import from_plain, plain
from pipeline.store import write_bytes
from robots.arrays import checked_array, freeze_fields
from robots.exceptions import InvalidArray, WushuError


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class GvhmrWeights:
    """Weights of the network, and what its numbers stand for."""

    shape: NetworkShape
    """Sizes of the network."""
    tensors: Mapping[str, Tensor]
    """Parameters by name, in half or single precision; read only."""
    codec_mean: Float[np.ndarray, " 151"]
    """Mean of each number of the motion code."""
    codec_std: Float[np.ndarray, " 151"]
    """Standard deviation of each number of the motion code."""
    cam_mean: Float[np.ndarray, " 3"]
    """Mean of the weak-perspective camera (scale, x, y)."""
    cam_std: Float[np.ndarray, " 3"]
    """Standard deviation of it."""
    body: str
    """Name of the body that the betas belong to."""
    licence: str
    """What these weights, and motions made with them, may be used for."""
    source: str
    """Where they come from, in words."""
    trained_on: tuple[str, ...]
    """Data that they learned from."""
    source_sha256: str = ""
    """Hash of the checkpoint that they were imported from; empty for weights of our own."""
    sha256: str = ""
    """Hash of the file that they were read from; empty as long as they stand in no file."""

    def __post_init__(self) -> None:
        """Check that the tensors are those of the network, finite, and that the statistics fit its output.

        Raises:
            InvalidArray: They are not.
        """
        n_code = self.shape.output
        stats: dict[str, object] = {
            "codec_mean": checked_array("codec_mean", self.codec_mean, (n_code,)),
            "codec_std": checked_array("codec_std", self.codec_std, (n_code,)),
            "cam_mean": checked_array("cam_mean", self.cam_mean, (3,)),
            "cam_std": checked_array("cam_std", self.cam_std, (3,)),
        }
        for name in ("codec_std", "cam_std"):
            if not np.all(np.asarray(stats[name]) > 0):
                raise InvalidArray(name, problem="holds a number that is not positive")
        faults = tensor_faults(self.shape, self.tensors)
        if faults:
            raise InvalidArray("tensors", problem=listed(faults))
        freeze_fields(self, {**stats, "tensors": dict(self.tensors)})

    @property
    def image_features(self) -> int:
        """Length of the image feature that the network takes; 0 for a network without images."""
        return self.shape.image_features

    @property
    def n_parameters(self) -> int:
        """How many numbers the network has learned."""
        return sum(tensor.numel() for tensor in self.tensors.values())

    def network(self) -> GvhmrNetwork:
        """Make the network, in single precision and ready for inference; it shares no memory with this record."""
        with torch.device("meta"):  # makes no numbers that would be thrown away, and draws none from torch's generator
            network = GvhmrNetwork(self.shape)
        copies = {name: tensor.to(torch.float32, copy=True) for name, tensor in self.tensors.items()}
        network.load_state_dict(copies, strict=True, assign=True)
        return network.eval()

    def codec(self) -> Codec:
        """Make the codec that belongs to the network, in single precision."""
        parts = (self.codec_mean, self.codec_std, self.cam_mean, self.cam_std)
        mean, std, cam_mean, cam_std = (torch.from_numpy(np.array(part, dtype=np.float32)) for part in parts)
        return Codec(mean=mean, std=std, cam_mean=cam_mean, cam_std=cam_std)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Header:
    """What a file of weights says of itself, fields as in :class:`GvhmrWeights`."""

    format: int
    kind: str
    shape: NetworkShape
    codec_mean: tuple[float, ...]
    codec_std: tuple[float, ...]
    cam_mean: tuple[float, ...]
    cam_std: tuple[float, ...]
    body: str
    licence: str
    source: str
    trained_on: tuple[str, ...]
    source_sha256: str


def load_weights(name_or_path: str | Path = OWN, search_dir: Path | None = None) -> GvhmrWeights:
    """Load weights.

    Args:
        name_or_path: ``wushu``, ``official`` or another imported name, or the path of a ``.safetensors`` file.
        search_dir: Folder of imported weights (``weights_dir``); without it only ``wushu`` and paths are known.

    Raises:
        UnknownWeights: No such name.
        UnusableWeights: The file is missing, damaged, of another format, or no weights of this network.
    """
    return read_weights(find_weights(name_or_path, search_dir))


def save_weights(path: Path, weights: GvhmrWeights, half: bool = True) -> GvhmrWeights:
    """Write weights to a ``.safetensors`` file, all of it or nothing, and return them as that file has them.

    Args:
        path: Where to.
        weights: What to store.
        half: In half precision; what of it fits no half is an error, no infinity is stored.

    Raises:
        UnusableWeights: The name has another ending, or a number is too large for half precision.
        OutputNotWritable: The folder cannot be written, or the disk is full.
    """
    if path.suffix != SUFFIX:
        raise UnusableWeights(path, problem=f"weights are kept in {SUFFIX} files", remedy=f"Say {path}{SUFFIX}")
    dtype = torch.float16 if half else torch.float32
    tensors = {name: tensor.detach().cpu().to(dtype).contiguous() for name, tensor in weights.tensors.items()}
    names = [name for name, tensor in tensors.items() if not tensor.isfinite().all()]
    if names:
        problem = f"{listed(names)} has numbers that are too large for half precision"
        raise UnusableWeights(path, problem=problem, remedy="Store the weights in single precision")
    document = json.dumps(plain(_header_of(weights)), sort_keys=True, allow_nan=False)
    write_bytes(path, save_tensors(tensors, {METADATA_KEY: document}))
    return replace(weights, tensors=tensors, sha256=file_sha256(path))


def read_weights(path: Path) -> GvhmrWeights:
    """Read a ``.safetensors`` file that :func:`save_weights` wrote.

    Raises:
        UnusableWeights: The file is missing, damaged, of another format, or no weights of this network.
    """
    check_path(path)
    try:
        with safe_open(str(path), framework="pt") as file:
            header = _read_header(path, file.metadata())
            names = list(file.keys())
            if header.shape.layers > len(names):  # before a network of so many layers is laid out
                raise InvalidArray("shape", problem=f"has {header.shape.layers} layers, the file {len(names)} tensors")
            tensors = {name: file.get_tensor(name) for name in names}
    except OSError as error:
        raise UnusableWeights(path, problem=error.strerror or str(error), remedy="Check its permissions") from error
    except (SafetensorError, InvalidArray) as error:
        problem = f"is damaged, cut short or no file of weights ({error})"
        raise UnusableWeights(path, problem=problem, remedy=AGAIN) from error
    return _weights_of(path, header, tensors)


def tensor_shapes(shape: NetworkShape) -> dict[str, tuple[int, ...]]:
    """Name and shape of every tensor of a network."""
    with torch.device("meta"):
        return {name: tuple(tensor.shape) for name, tensor in GvhmrNetwork(shape).state_dict().items()}


def tensor_faults(shape: NetworkShape, tensors: Mapping[str, Tensor]) -> list[str]:
    """Say of each tensor that a network misses, does not know or cannot take, what is wrong with it."""
    wanted = tensor_shapes(shape)
    faults = [f"{name} is missing" for name in wanted if name not in tensors]
    faults += [f"{name} is not of this network" for name in tensors if name not in wanted]
    return faults + [
        f"{name} {fault}"
        for name, size in wanted.items()
        if name in tensors and (fault := tensor_fault(tensors[name], size))
    ]


def _header_of(weights: GvhmrWeights) -> _Header:
    stats = ("codec_mean", "codec_std", "cam_mean", "cam_std")
    words = ("shape", "body", "licence", "source", "trained_on", "source_sha256")
    numbers: dict[str, Any] = {name: tuple(map(float, getattr(weights, name))) for name in stats}
    return _Header(format=FORMAT, kind=KIND, **numbers, **{name: getattr(weights, name) for name in words})


def _read_header(path: Path, metadata: Mapping[str, str] | None) -> _Header:
    """Read what a file says of itself, to the letter: no field more or less, none of another type."""
    document = checked_document(path, metadata)
    try:
        header = from_plain(_Header, document)
    except (ValueError, TypeError, ExceptionGroup) as error:
        raise unreadable_document(path, "; ".join(transform_error(error, format_exception=_sentence))) from error
    if json.loads(json.dumps(plain(header))) != document:
        raise unreadable_document(path, "a value is of another type than it should be")
    return header


def _sentence(error: BaseException, wanted: type | None) -> str:
    """Say what is wrong with one entry; our own errors say it themselves."""
    return str(error) if isinstance(error, WushuError) else format_exception(error, wanted)


def _weights_of(path: Path, header: _Header, tensors: dict[str, Tensor]) -> GvhmrWeights:
    """Put the record together; what does not fit is the file's fault."""
    odd = [f"{name} holds {t.dtype}" for name, t in tensors.items() if t.dtype not in (torch.float16, torch.float32)]
    if odd:
        raise UnusableWeights(path, problem=f"{listed(odd)}, not float16 or float32", remedy=AGAIN)
    words = ("shape", "body", "licence", "source", "trained_on", "source_sha256")
    stats = ("codec_mean", "codec_std", "cam_mean", "cam_std")
    numbers: dict[str, Any] = {name: np.array(getattr(header, name)) for name in stats}
    fields = {name: getattr(header, name) for name in words}
    try:
        return GvhmrWeights(tensors=tensors, sha256=file_sha256(path), **numbers, **fields)
    except InvalidArray as error:
        raise UnusableWeights(path, problem=str(error), remedy=AGAIN) from error
    except (RuntimeError, ValueError, TypeError, OverflowError) as error:  # torch's, of a network of absurd sizes
        said = next(iter(str(error).splitlines()), type(error).__name__)
        problem = f"describes a network that cannot be laid out ({said})"
        raise UnusableWeights(path, problem=problem, remedy=AGAIN) from error
