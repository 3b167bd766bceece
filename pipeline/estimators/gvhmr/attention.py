"""Attends within a sliding window of frames, in time and memory linear in the length of the clip.

Query i of a sequence longer than the window W sees the keys [lo, hi) with lo = min(max(0, i - W/2), L - W) and
hi = max(min(L, i + W/2), W): always W keys, clamped at both ends. Shorter sequences are seen whole.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

BLOCK = 60
"""Queries that share one set of keys; half a window, so a third of the scores are thrown away."""
_CHUNK_BLOCKS = 64
"""Blocks attended at a time: bounds the memory of scores whatever the clip's length."""


def rotary_table(length: int, head_dim: int, device: torch.device | None = None) -> tuple[Tensor, Tensor]:
    """Cosines and sines of rotary position embedding, each (length, head_dim / 2), in float32.

    Su et al., "RoFormer", 2021, eq. 34: pair j of frame p turns by p * 10000^(-2j / head_dim).
    """
    # A reciprocal of the power, not a negative power: rounded as the published numbers are.
    rate = 1.0 / 10000.0 ** (torch.arange(0, head_dim, 2, dtype=torch.float32, device=device) / head_dim)
    angle = torch.arange(length, dtype=torch.float32, device=device)[:, None] * rate
    return angle.cos(), angle.sin()


def rotate(x: Float[Tensor, "*batch frames dim"], table: tuple[Tensor, Tensor]) -> Float[Tensor, "*batch frames dim"]:
    """Turn interleaved pairs of features by the angles of their frames."""
    cos, sin = table
    a, b = x.float().unflatten(-1, (-1, 2)).unbind(-1)
    return torch.stack([a * cos - b * sin, b * cos + a * sin], dim=-1).flatten(-2).to(x.dtype)


def window_allowed(length: int, window: int, device: torch.device | None = None) -> Bool[Tensor, "queries keys"]:
    """Which keys each query may see."""
    at = torch.arange(length, device=device)
    if length <= window:
        return torch.ones(length, length, dtype=torch.bool, device=device)
    low, high = _limits(at, length, window)
    return (at[None] >= low[:, None]) & (at[None] < high[:, None])


def windowed_attention(
    query: Float[Tensor, "batch heads frames dim"],
    key: Float[Tensor, "batch heads frames dim"],
    value: Float[Tensor, "batch heads frames dim"],
    *,
    window: int,
    valid: Bool[Tensor, "batch frames"] | None = None,
    dropout: float = 0.0,
) -> Float[Tensor, "batch heads frames dim"]:
    """Softmax attention over the window, scores divided by the root of ``dim``.

    Args:
        query: Already rotated.
        key: Already rotated.
        value: What is averaged.
        window: Keys that each query sees.
        valid: Frames that may be seen; all if not given. A query that may see no key at all gives NaN.
        dropout: Share of attention weights dropped.
    """
    length = query.shape[2]
    if length <= window:
        mask = None if valid is None else valid[:, None, None, :].expand(-1, -1, length, -1)
        if torch.is_grad_enabled() and query.device.type == "cpu" and not dropout:
            return _explicit(query, key, value, mask)
        return scaled_dot_product_attention(query, key, value, attn_mask=mask, dropout_p=dropout)
    block = min(BLOCK, length)
    starts = torch.arange(0, length, block, device=query.device).clamp(max=length - block)
    parts = [
        _attend_blocks(query, key, value, starts[i : i + _CHUNK_BLOCKS], block, window, valid, dropout)
        for i in range(0, len(starts), _CHUNK_BLOCKS)
    ]
    return _join(torch.cat(parts, dim=2), starts, length)


def _explicit(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None) -> Tensor:
    """Attend by the formula: with gradients on a processor, a quarter of the time of torch's fused kernel."""
    scores = (query * query.shape[-1] ** -0.5) @ key.mT
    if mask is not None:
        scores = scores.masked_fill(~mask, -torch.inf)
    return scores.softmax(dim=-1) @ value


def _attend_blocks(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    starts: Tensor,
    block: int,
    window: int,
    valid: Tensor | None,
    dropout: float,
) -> Tensor:
    """Attend for some blocks of queries, each with the keys around it: (batch, heads, blocks, block, dim)."""
    batch, _, length, _ = query.shape
    span = min(block + window, length)
    first = (starts - window // 2).clamp(min=0, max=length - span)
    q_at = starts[:, None] + torch.arange(block, device=query.device)
    k_at = first[:, None] + torch.arange(span, device=query.device)
    low, high = _limits(q_at, length, window)
    allowed = (k_at[:, None] >= low[..., None]) & (k_at[:, None] < high[..., None])
    allowed = allowed.expand(batch, *allowed.shape)
    if valid is not None:
        allowed = allowed & valid[:, k_at][:, :, None]

    def blocks(x: Tensor, at: Tensor) -> Tensor:
        # Blocks join the batch: torch's fused kernel takes four dimensions, and is slower without it.
        return x.transpose(1, 2)[:, at].transpose(2, 3).flatten(0, 1)

    mask = torch.zeros(allowed.shape, dtype=query.dtype, device=query.device).masked_fill(~allowed, -torch.inf)
    seen = scaled_dot_product_attention(
        blocks(query, q_at), blocks(key, k_at), blocks(value, k_at), attn_mask=mask.flatten(0, 1)[:, None],
        dropout_p=dropout,
    )  # fmt: skip
    return seen.unflatten(0, (batch, -1)).transpose(1, 2)


def _join(blocks: Tensor, starts: Tensor, length: int) -> Tensor:
    """Lay blocks of queries side by side; the last may overlap the one before it."""
    whole = blocks[:, :, :-1].flatten(2, 3)
    rest = length - whole.shape[2]
    return torch.cat([whole, blocks[:, :, -1, blocks.shape[3] - rest :]], dim=2)


def _limits(at: Tensor, length: int, window: int) -> tuple[Tensor, Tensor]:
    half = window // 2
    return (at - half).clamp(min=0).clamp(max=length - window), (at + half).clamp(max=length).clamp(min=window)
