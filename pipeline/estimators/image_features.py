"""What a picture network says of a person frame by frame, and the settings of the one that says it; without torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float32

from robots.arrays import checked_array, freeze_fields
from robots.exceptions import InvalidArray


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureConfig:
    """Image features for weights that were trained with them: GVHMR's own (docs/gvhmr.md)."""

    network: Literal["none", "hmr2"] = "none"
    """Which network looks at the pictures; its weights are imported once: ``wushu weights import hmr2 FILE``."""
    weights: str | None = None
    """Path of a ``.safetensors`` file of its weights, instead of those that were imported."""
    device: Literal["cpu", "cuda"] = "cpu"
    """Where it runs; on a processor it takes seconds for each frame."""
    precision: Literal["auto", "float32", "float16", "bfloat16"] = "auto"
    """What it computes in; ``auto``: halves on a graphics card, single precision on a processor."""
    batch: int = 16
    """Crops that go through it at once."""

    def __post_init__(self) -> None:
        """Check numbers and words.

        Raises:
            InvalidArray: One is outside its range.
        """
        if self.batch < 1:
            raise InvalidArray("features.batch", problem=f"must be at least 1, got {self.batch}")
        words = {
            "network": ("none", "hmr2"),
            "device": ("cpu", "cuda"),
            "precision": ("auto", "float32", "float16", "bfloat16"),
        }
        for name, known in words.items():
            if getattr(self, name) not in known:
                problem = f"must be one of {', '.join(known)}, got {getattr(self, name)!r}"
                raise InvalidArray(f"features.{name}", problem=problem)

    @property
    def computes_in(self) -> Literal["float32", "float16", "bfloat16"]:
        """The precision, spelt out."""
        if self.precision == "auto":
            return "float16" if self.device == "cuda" else "float32"
        return self.precision


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ImageFeatures:
    """A token for each frame of evidence at the network's rate."""

    tokens: Float32[np.ndarray, "frames features"]
    """Of the pictures."""
    mirrored: Float32[np.ndarray, "frames features"] | None = None
    """Of the pictures' mirror images, where they are asked for too."""

    def __post_init__(self) -> None:
        """Check shapes and finiteness."""
        dims: dict[str, int] = {}
        checked: dict[str, object] = {
            name: checked_array(name, getattr(self, name), ("frames", "features"), dims, dtype=np.float32)
            for name in ("tokens", "mirrored")
            if getattr(self, name) is not None
        }
        freeze_fields(self, checked)

    def __len__(self) -> int:
        """Return the number of frames."""
        return len(self.tokens)
