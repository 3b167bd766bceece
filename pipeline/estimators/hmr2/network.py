"""HMR2.0's network as far as GVHMR uses it: from crops of a person to one token of 1,024 numbers each.

Goel et al., "Humans in 4D: Reconstructing and Tracking Humans with Transformers", ICCV 2023. A single query that knows
nothing looks at the backbone's features through a few layers of cross attention; what it ends up as is the feature.
HMR2.0 reads pose, shape and camera from it by three linear layers, which are left out here. Names of parameters are
those of the published checkpoint.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from pipeline.estimators.vision_transformer import BackboneShape, VisionTransformer
from robots.exceptions import InvalidArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Hmr2Shape:
    """Sizes of the network; the defaults are those of the published one."""

    backbone: BackboneShape = field(default_factory=BackboneShape)
    """Of the vision transformer."""
    token: int = 1024
    """Length of the feature."""
    layers: int = 6
    """Layers of the decoder."""
    heads: int = 8
    """Attention heads of the decoder."""
    head_width: int = 64
    """Width of one of them."""
    hidden: int = 1024
    """Width of the hidden layer of the decoder's perceptrons."""

    def __post_init__(self) -> None:
        """Refuse sizes that fit no network."""
        if min(self.token, self.layers, self.heads, self.head_width, self.hidden) < 1:
            raise InvalidArray("shape", problem=f"holds a size below one: {self}")


class Hmr2Network(nn.Module):
    """The network; at the published sizes it has 494 tensors with 670 million numbers."""

    def __init__(self, shape: Hmr2Shape) -> None:
        """Make a network with fresh weights from torch's generator."""
        super().__init__()
        self.shape = shape
        self.backbone = VisionTransformer(shape.backbone)
        self.smpl_head = nn.ModuleDict({"transformer": _Decoder(shape)})

    def forward(self, crops: Float[Tensor, "batch 3 256 192"]) -> Float[Tensor, "batch token"]:
        """Return the feature of each crop; see :mod:`pipeline.estimators.crop` for how they are made."""
        return self.smpl_head["transformer"](self.backbone(crops).flatten(2).transpose(1, 2))


class _Decoder(nn.Module):
    def __init__(self, shape: Hmr2Shape) -> None:
        super().__init__()
        self.to_token_embedding = nn.Linear(1, shape.token)
        self.pos_embedding = nn.Parameter(torch.randn(1, 1, shape.token))
        self.transformer = nn.ModuleDict({"layers": nn.ModuleList([_layer(shape) for _ in range(shape.layers)])})

    def forward(self, context: Tensor) -> Tensor:
        query = context.new_zeros(len(context), 1, 1)
        x = self.to_token_embedding(query) + self.pos_embedding
        for itself, across, perceptron in self.transformer["layers"]:  # type: ignore[union-attr]
            x = x + itself(x)
            x = x + across(x, context)
            x = x + perceptron(x)
        return x[:, 0]


def _layer(shape: Hmr2Shape) -> nn.ModuleList:
    inner = shape.heads * shape.head_width
    perceptron = nn.ModuleDict(
        {
            "net": nn.Sequential(
                nn.Linear(shape.token, shape.hidden),
                nn.GELU(),
                nn.Identity(),  # the published one drops units here, and after the last, while training
                nn.Linear(shape.hidden, shape.token),
            )
        }
    )
    itself = _SelfAttention(shape.token, inner, shape.heads)
    across = _CrossAttention(shape.token, shape.backbone.width, inner, shape.heads)
    return nn.ModuleList(
        [_PreNorm(shape.token, itself), _PreNorm(shape.token, across), _PreNorm(shape.token, perceptron)]
    )


class _PreNorm(nn.Module):
    """A layer's branch, whose input is normalised; what it looks at is not."""

    def __init__(self, width: int, fn: nn.Module) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.fn = fn

    def forward(self, x: Tensor, *context: Tensor) -> Tensor:
        branch = self.fn["net"] if isinstance(self.fn, nn.ModuleDict) else self.fn
        return branch(self.norm(x), *context)


class _SelfAttention(nn.Module):
    def __init__(self, width: int, inner: int, heads: int) -> None:
        super().__init__()
        self.to_qkv = nn.Linear(width, 3 * inner, bias=False)
        self.to_out = nn.Sequential(nn.Linear(inner, width))
        self._heads = heads

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.to_qkv(x).chunk(3, dim=-1)
        return self.to_out(_attend(q, k, v, self._heads))


class _CrossAttention(nn.Module):
    def __init__(self, width: int, context: int, inner: int, heads: int) -> None:
        super().__init__()
        self.to_kv = nn.Linear(context, 2 * inner, bias=False)
        self.to_q = nn.Linear(width, inner, bias=False)
        self.to_out = nn.Sequential(nn.Linear(inner, width))
        self._heads = heads

    def forward(self, x: Tensor, context: Tensor) -> Tensor:
        k, v = self.to_kv(context).chunk(2, dim=-1)
        return self.to_out(_attend(self.to_q(x), k, v, self._heads))


def _attend(q: Tensor, k: Tensor, v: Tensor, heads: int) -> Tensor:
    q, k, v = (part.unflatten(-1, (heads, -1)).transpose(1, 2) for part in (q, k, v))
    return scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
