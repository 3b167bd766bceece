"""Takes HMR2.0's checkpoint in, and reads it back: some 670 million numbers, which are never held twice.

The checkpoint is opened as :mod:`pipeline.estimators.torch_archive` says. Of its tensors only those that make the image
feature are kept; pose, shape and camera are read by GVHMR.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from cattrs import transform_error
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from pipeline.estimators.exceptions import UnusableWeights
from pipeline.estimators.gvhmr.weights_card import (
    AGAIN,
    FORMAT,
    METADATA_KEY,
    SUFFIX,
    WeightsCard,
    check_path,
    checked_document,
    unreadable_document,
)
from pipeline.estimators.hmr2.network import Hmr2Network, Hmr2Shape
from pipeline.estimators.hmr2.weights_file import HMR2_DATA, HMR2_LICENCE, KIND, read_hmr2_card
from pipeline.estimators.torch_archive import check_tensors, listed, open_checkpoint, tensor_fault
from pipeline.record_codec import from_plain, plain
from pipeline.store import atomic_path
from robots.exceptions import InvalidArray

PARTS = ("backbone.", "smpl_head.")
"""Beginnings of the names of HMR2.0's own tensors; what else stands in a checkpoint served its training."""
READOUT = frozenset(
    {f"smpl_head.{name}.{kind}" for name in ("decpose", "decshape", "deccam") for kind in ("weight", "bias")}
    | {f"smpl_head.init_{name}" for name in ("body_pose", "betas", "cam")}
)
"""Tensors that read a body from the feature; GVHMR has no use for them."""
_HOW = "Give the checkpoint of HMR2.0a that GVHMR's page names (docs/gvhmr.md)"


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedHmr2:
    """What was taken in."""

    card: WeightsCard
    """What the kept file says of itself."""
    n_tensors: int
    """Tensors that were kept."""
    n_numbers: int
    """Numbers in them."""
    n_ignored: int
    """Tensors of the checkpoint's training that were left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Header:
    """What a file of weights says of itself, fields as in :class:`WeightsCard`."""

    format: int
    kind: str
    shape: Hmr2Shape
    body: str
    licence: str
    source: str
    trained_on: tuple[str, ...]
    source_sha256: str


def import_hmr2(
    path: Path, out: Path, *, sha256: str | None = None, shape: Hmr2Shape | None = None, half: bool = False
) -> ImportedHmr2:
    """Check HMR2.0's checkpoint tensor by tensor and keep what makes the image feature.

    Args:
        path: The file as it was downloaded.
        out: The ``.safetensors`` file to write, all of it or nothing.
        sha256: Hash that the checkpoint must have, looked at before anything in it is read.
        shape: Sizes of the network, if not the published ones.
        half: Keep numbers in half precision: half the disk, and features that differ in the third digit.

    Raises:
        UnusableWeights: The checkpoint is missing, damaged, has another hash, asks for code, lacks a tensor, or has one
            too much; says which.
        OutputNotWritable: The folder cannot be written, or the disk is full.
    """
    if out.suffix != SUFFIX:
        raise UnusableWeights(out, problem=f"weights are kept in {SUFFIX} files", remedy=f"Say {out}{SUFFIX}")
    opened = open_checkpoint(path, how=_HOW, sha256=sha256)
    shape = Hmr2Shape() if shape is None else shape
    wanted = hmr2_tensor_shapes(shape)
    check_tensors(path, wanted, opened.state, how=_HOW)
    own = {name for name in opened.state if name.startswith(PARTS)}
    if foreign := sorted(own - set(wanted) - READOUT):
        problem = f"holds {len(foreign)} tensors that HMR2.0's network does not have: {listed(foreign)}"
        raise UnusableWeights(path, problem=problem, remedy=_HOW)
    dtype = torch.float16 if half else torch.float32
    tensors = {name: opened.state[name].detach().to(dtype).contiguous() for name in wanted}
    if large := [name for name, tensor in tensors.items() if not tensor.isfinite().all()]:
        problem = f"{listed(large)} has numbers that are too large for {'half' if half else 'single'} precision"
        raise UnusableWeights(path, problem=problem, remedy="Keep them in single precision" if half else _HOW)
    header = _Header(
        format=FORMAT,
        kind=KIND,
        shape=shape,
        body="",
        licence=HMR2_LICENCE,
        source=f"HMR2.0's checkpoint {path.name}",
        trained_on=HMR2_DATA,
        source_sha256=opened.sha256,
    )
    _keep(out, tensors, header)
    return ImportedHmr2(
        card=read_hmr2_card(out),
        n_tensors=len(tensors),
        n_numbers=sum(tensor.numel() for tensor in tensors.values()),
        n_ignored=len(opened.state) - len(wanted),
    )


def load_hmr2(path: Path, *, device: str = "cpu", dtype: torch.dtype = torch.float32) -> Hmr2Network:
    """Make the network from a kept file, tensor by tensor where it is to run, so that no second copy is held.

    Args:
        path: What :func:`import_hmr2` wrote.
        device: Where the network runs.
        dtype: What it computes in.

    Raises:
        UnusableWeights: The file is missing, damaged, of another format, or lacks a tensor.
    """
    check_path(path)
    try:
        with safe_open(str(path), framework="pt") as file:
            header = _read_header(path, file.metadata())
            if header.shape.backbone.depth + header.shape.layers > len(file.keys()):
                raise InvalidArray("shape", problem="has more layers than the file has tensors")
            wanted = hmr2_tensor_shapes(header.shape)
            if set(file.keys()) != set(wanted):
                different = sorted(set(file.keys()) ^ set(wanted))
                raise InvalidArray("tensors", problem=f"are not the network's: {listed(different)}")
            state: dict[str, Tensor] = {}
            for name, size in wanted.items():
                tensor = file.get_tensor(name)
                if fault := tensor_fault(tensor, size):
                    raise InvalidArray(name, problem=fault)
                state[name] = tensor.to(device=device, dtype=dtype, copy=True)
    except OSError as error:
        raise UnusableWeights(path, problem=error.strerror or str(error), remedy="Check its permissions") from error
    except (SafetensorError, InvalidArray) as error:
        problem = f"is damaged, cut short or no file of weights ({error})"
        raise UnusableWeights(path, problem=problem, remedy=AGAIN) from error
    with torch.device("meta"):
        network = Hmr2Network(header.shape)
    network.load_state_dict(state, strict=True, assign=True)
    return network.eval().requires_grad_(False)


def hmr2_tensor_shapes(shape: Hmr2Shape) -> dict[str, tuple[int, ...]]:
    """Name and shape of every tensor of a network."""
    with torch.device("meta"):
        return {name: tuple(tensor.shape) for name, tensor in Hmr2Network(shape).state_dict().items()}


def _keep(out: Path, tensors: Mapping[str, Tensor], header: _Header) -> None:
    document = json.dumps(plain(header), sort_keys=True, allow_nan=False)
    with atomic_path(out) as temporary:
        save_file(dict(tensors), str(temporary), {METADATA_KEY: document})


def _read_header(path: Path, metadata: Mapping[str, str] | None) -> _Header:
    document: dict[str, Any] = checked_document(path, metadata, kind=KIND)
    try:
        return from_plain(_Header, document)
    except (ValueError, TypeError, ExceptionGroup, InvalidArray) as error:
        raise unreadable_document(path, "; ".join(transform_error(error))) from error
