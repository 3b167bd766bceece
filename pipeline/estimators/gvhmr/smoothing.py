"""From noisy series to smooth ones: Gaussian windows for motion, filled and averaged boxes of trackers (spec, 4, 8)."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor

BOX_TAPS = 5


def gaussian_smooth(
    series: Float[Tensor, "*batch frames channels"], sigma: float
) -> Float[Tensor, "*batch frames channels"]:
    """Return the series under a Gaussian of ``sigma`` frames, four sigmas wide, with its ends held beyond the clip.

    Works for clips shorter than the window; a ``sigma`` of zero changes nothing.
    """
    radius = int(4 * sigma + 0.5)
    if radius == 0:
        return series
    offsets = torch.arange(-radius, radius + 1, dtype=torch.float64, device=series.device)
    weights = torch.exp(-0.5 * (offsets / sigma) ** 2)
    return _window_mean(series, (weights / weights.sum()).to(series.dtype))


def fill_gaps(boxes: Float[Tensor, "frames values"], seen: Bool[Tensor, " frames"]) -> Float[Tensor, "frames values"]:
    """Return boxes with straight lines through the frames that were not seen; the first and last seen are held.

    Raises:
        ValueError: No frame was seen.
    """
    if not seen.any():
        raise ValueError("no frame has a box, so there is nothing to fill the others from; give at least one.")
    return across_gaps(boxes[None], seen[None])[0]


def across_gaps(
    values: Float[Tensor, "batch frames values"], known: Bool[Tensor, "batch frames"]
) -> Float[Tensor, "batch frames values"]:
    """Return values with straight lines between known frames and ends held; a clip without any takes its last frame."""
    frames = values.shape[1]
    at = torch.arange(frames, device=values.device).expand(len(values), -1)
    before = torch.where(known, at, -1).cummax(dim=1).values
    after = torch.where(known, at, frames).flip(1).cummin(dim=1).values.flip(1)
    low = torch.where(before >= 0, before, after.clamp(max=frames - 1))
    high = torch.where(after < frames, after, low)
    share = ((at - low) / (high - low).clamp(min=1)).clamp(0.0, 1.0).to(values.dtype)[..., None]

    def pick(index: Tensor) -> Tensor:
        return values.gather(1, index[..., None].expand_as(values))

    return torch.lerp(pick(low), pick(high), share)


def smooth_boxes(boxes: Float[Tensor, "*batch frames values"]) -> Float[Tensor, "*batch frames values"]:
    """Return boxes averaged over five frames, twice, with their ends held beyond the clip."""
    weights = boxes.new_full((BOX_TAPS,), 1.0 / BOX_TAPS)
    return _window_mean(_window_mean(boxes, weights), weights)


def _window_mean(
    series: Float[Tensor, "*batch frames channels"], weights: Float[Tensor, " taps"]
) -> Float[Tensor, "*batch frames channels"]:
    """Correlate each channel with an odd window, holding the first and last values outside the clip."""
    radius = len(weights) // 2
    rows = series.transpose(-1, -2).reshape(-1, 1, series.shape[-2])
    padded = torch.nn.functional.pad(rows, (radius, radius), mode="replicate")
    smooth = torch.nn.functional.conv1d(padded, weights[None, None])
    return smooth.reshape(*series.shape[:-2], series.shape[-1], series.shape[-2]).transpose(-1, -2)
