"""Turns torch's generator into random numbers of a batch: each shape begins with the batch."""

from __future__ import annotations

import torch
from torch import Tensor


class Dice:
    """Random numbers of a batch."""

    def __init__(self, batch: int, generator: torch.Generator) -> None:
        self.batch, self._generator = batch, generator

    def uniform(self, *shape: int) -> Tensor:
        """Return numbers from 0 to 1 (batch, *shape)."""
        return torch.rand(self.batch, *shape, generator=self._generator)

    def normal(self, *shape: int) -> Tensor:
        """Return numbers of mean 0 and spread 1 (batch, *shape)."""
        return torch.randn(self.batch, *shape, generator=self._generator)

    def happens(self, share: float) -> Tensor:
        """Return in which of the batch something of this probability happens (batch,)."""
        return self.uniform() < share

    def choose(self, share: float, a: Tensor, b: Tensor) -> Tensor:
        """Return ``a`` for about this share of the batch, ``b`` for the rest."""
        return torch.where(self.happens(share).reshape(-1, *[1] * (a.ndim - 1)), a, b)
