"""From the path of the root to its steps in the pelvis' own axes, and from such steps back to the path (spec, 4)."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor


def local_velocity(
    transl: Float[Tensor, "*batch frames 3"], root: Float[Tensor, "*batch frames 3 3"]
) -> Float[Tensor, "*batch frames 3"]:
    """Return the way to the next frame in the pelvis' axes [m]; the last repeats the step before it.

    A single frame goes nowhere.
    """
    if transl.shape[-2] < 2:
        return torch.zeros_like(transl)
    step = torch.diff(transl, dim=-2)
    step = torch.cat([step, step[..., -1:, :]], dim=-2)
    return (root.transpose(-1, -2) @ step[..., None]).squeeze(-1)


def roll_out(
    velocity: Float[Tensor, "*batch frames 3"],
    root: Float[Tensor, "*batch frames 3 3"],
    start: Float[Tensor, "*batch 3"] | None = None,
) -> Float[Tensor, "*batch frames 3"]:
    """Return the path [m] that begins at ``start`` (the origin) and takes each step in the pelvis' axes [m].

    The last step is not taken: nothing follows it.
    """
    step = (root @ velocity[..., None]).squeeze(-1)[..., :-1, :]
    first = torch.zeros_like(velocity[..., 0, :]) if start is None else start
    return torch.cumsum(torch.cat([first[..., None, :], step], dim=-2), dim=-2)
