"""Moves records of tensors from the processor, where windows are made, to where the network computes."""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar

import torch
from torch import Tensor

Record = TypeVar("Record")


def on_device(record: Record, device: torch.device) -> Record:
    """Return the same record with all tensors, also those of records in it, on a device."""
    if not is_dataclass(record) or isinstance(record, type):
        raise TypeError(f"{type(record).__name__} is no record")
    moved: dict[str, Any] = {}
    for field in fields(record):
        value = getattr(record, field.name)
        if isinstance(value, Tensor):
            moved[field.name] = value.to(device)
        elif is_dataclass(value) and not isinstance(value, type):
            moved[field.name] = on_device(value, device)
    return replace(record, **moved)
