"""A plain vision transformer that looks at a person's crop: the backbone of HMR2.0 and of ViTPose.

Dosovitskiy et al., "An Image is Worth 16x16 Words", ICLR 2021, in the shape of Xu et al., "ViTPose", NeurIPS 2022: no
class token, positions of a grid of 16 by 12. Names of parameters are those of the published checkpoints.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import gelu, scaled_dot_product_attention

from robots.exceptions import InvalidArray

PATCH_PX = 16
GRID = (16, 12)
"""Patches of a crop of 256 x 192 pixels, down and across."""
_PADDING_PX = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class BackboneShape:
    """Sizes of a backbone; the defaults are ViT-H's."""

    width: int = 1280
    """Width of a patch's token."""
    depth: int = 32
    """Transformer blocks."""
    heads: int = 16
    """Attention heads."""
    mlp_ratio: int = 4
    """Width of the hidden layer of a block's perceptron, in widths of the token."""

    def __post_init__(self) -> None:
        """Refuse sizes that fit no network."""
        if min(self.width, self.depth, self.heads, self.mlp_ratio) < 1 or self.width % self.heads:
            raise InvalidArray("shape", problem=f"belongs to no vision transformer: {self}")


class _Attention(nn.Module):
    def __init__(self, shape: BackboneShape) -> None:
        super().__init__()
        self.qkv = nn.Linear(shape.width, 3 * shape.width)
        self.proj = nn.Linear(shape.width, shape.width)
        self._heads = shape.heads

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.qkv(x).unflatten(-1, (3, self._heads, -1)).permute(2, 0, 3, 1, 4)
        return self.proj(scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))


class _Mlp(nn.Module):
    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(width, hidden), nn.Linear(hidden, width)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc2(gelu(self.fc1(x)))


class _Block(nn.Module):
    def __init__(self, shape: BackboneShape) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(shape.width, eps=1e-6)
        self.attn = _Attention(shape)
        self.norm2 = nn.LayerNorm(shape.width, eps=1e-6)
        self.mlp = _Mlp(shape.width, shape.mlp_ratio * shape.width)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attn(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class _PatchEmbed(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, width, kernel_size=PATCH_PX, stride=PATCH_PX, padding=_PADDING_PX)

    def forward(self, crop: Tensor) -> Tensor:
        return self.proj(crop).flatten(2).transpose(1, 2)


class VisionTransformer(nn.Module):
    """The backbone: from crops to a map of features."""

    def __init__(self, shape: BackboneShape) -> None:
        """Make one with fresh weights from torch's generator."""
        super().__init__()
        # Entry 0 belonged to the class token of the network that this one was first trained as.
        self.pos_embed = nn.Parameter(0.02 * torch.randn(1, GRID[0] * GRID[1] + 1, shape.width))
        self.patch_embed = _PatchEmbed(shape.width)
        self.blocks = nn.ModuleList([_Block(shape) for _ in range(shape.depth)])
        self.last_norm = nn.LayerNorm(shape.width, eps=1e-6)

    def forward(self, crops: Float[Tensor, "batch 3 256 192"]) -> Float[Tensor, "batch width 16 12"]:
        """Run the backbone on normalised crops."""
        x = self.patch_embed(crops) + self.pos_embed[:, 1:] + self.pos_embed[:, :1]
        for block in self.blocks:
            x = block(x)
        return self.last_norm(x).transpose(1, 2).unflatten(2, GRID)
