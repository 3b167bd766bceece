"""Turns GVHMR's published checkpoint into :class:`GvhmrWeights`, without running anything that the file asks for.

How the file is opened is told in :mod:`pipeline.estimators.torch_archive`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from pipeline.estimators.exceptions import UnusableWeights
from pipeline.estimators.gvhmr.network import NetworkShape
from pipeline.estimators.gvhmr.weights import GvhmrWeights, tensor_shapes
from pipeline.estimators.gvhmr.weights_statistics import published_statistics
from pipeline.estimators.torch_archive import check_tensors, listed, open_checkpoint

PREFIX = "pipeline.denoiser3d."
"""Before the name of each of the network's parameters in a checkpoint."""

OFFICIAL_BODY = "smplx_neutral"
"""Body that GVHMR's betas belong to, as `wushu body import SMPLX_NEUTRAL.npz` calls it."""

OFFICIAL_LICENCE = (
    "GVHMR weights: non-commercial research only, as are the SMPL-X model and the data that they were trained on"
)
"""What their authors ask of users."""

OFFICIAL_DATA = ("AMASS", "BEDLAM", "Human3.6M", "3DPW")
"""What the published network was trained on."""

_HOW = "Give the checkpoint that GVHMR's authors published (docs/gvhmr.md)"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ReadCheckpoint:
    """What was found in a checkpoint."""

    weights: GvhmrWeights
    """The network's weights, in single precision."""
    half: bool
    """Whether every number came in half precision, so that it can be stored so without loss."""
    ignored: tuple[str, ...]
    """Names in the checkpoint that the network does not have."""
    remarks: tuple[str, ...]
    """What a person should know of it, in sentences."""


def read_checkpoint(path: Path, *, sha256: str | None = None, shape: NetworkShape | None = None) -> ReadCheckpoint:
    """Read GVHMR's published checkpoint.

    Args:
        path: The file as it was downloaded.
        sha256: Hash that the file must have, looked at before anything in it is read.
        shape: Sizes of the network, if not the published ones.

    Raises:
        UnusableWeights: The file is missing, damaged, has another hash, asks for code, or lacks a tensor; says which.
    """
    opened = open_checkpoint(path, how=_HOW, sha256=sha256)
    shape = NetworkShape() if shape is None else shape
    wanted = tensor_shapes(shape)
    check_tensors(path, {PREFIX + name: size for name, size in wanted.items()}, opened.state, how=_HOW)
    tensors = {name: opened.state[PREFIX + name] for name in wanted}
    return _record(path, opened.sha256, shape, tensors, opened.state, opened.passed)


def _record(
    path: Path,
    digest: str,
    shape: NetworkShape,
    tensors: Mapping[str, Any],
    state: Mapping[str, Any],
    passed: tuple[str, ...],
) -> ReadCheckpoint:
    """Copy the tensors out of the file, in single precision, and say what they are."""
    copies: dict[str, Tensor] = {}
    kinds = sorted({str(tensor.dtype).removeprefix("torch.") for tensor in tensors.values()})
    for name, tensor in tensors.items():
        copies[name] = tensor.detach().to(torch.float32, copy=True).contiguous()
        if not copies[name].isfinite().all():
            problem = f"{PREFIX}{name} has numbers that are too large for single precision"
            raise UnusableWeights(path, problem=problem, remedy=_HOW)
    known = {PREFIX + name for name in tensors}
    stats = published_statistics()
    weights = GvhmrWeights(
        shape=shape,
        tensors=copies,
        codec_mean=stats.mean,
        codec_std=stats.std,
        cam_mean=stats.cam_mean,
        cam_std=stats.cam_std,
        body=OFFICIAL_BODY,
        licence=OFFICIAL_LICENCE,
        source=f"GVHMR's checkpoint {path.name}",
        trained_on=OFFICIAL_DATA,
        source_sha256=digest,
    )
    return ReadCheckpoint(
        weights=weights,
        half=kinds == ["float16"],
        ignored=tuple(sorted(name for name in state if name not in known)),
        remarks=_remarks(kinds, passed),
    )


def _remarks(kinds: list[str], passed: tuple[str, ...]) -> tuple[str, ...]:
    said = []
    if kinds != ["float32"]:
        said.append(f"Its numbers are {' and '.join(kinds)}; they are computed with in single precision.")
    if passed:
        said.append(
            f"Objects of {listed(list(passed))} stood beside the tensors; they were passed over, nothing was run."
        )
    return tuple(said)
