"""Attention in blocks is the masked formula, whatever the length of the clip and of the window."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from torch import Tensor  # noqa: E402

from pipeline.estimators.gvhmr.attention import BLOCK, window_allowed, windowed_attention  # noqa: E402

LONGEST = 130


def formula(query: Tensor, key: Tensor, value: Tensor, allowed: Tensor) -> Tensor:
    """All scores, masked, through a softmax, in double precision."""
    scores = query.double() @ key.double().mT / query.shape[-1] ** 0.5
    return scores.masked_fill(~allowed, -torch.inf).softmax(dim=-1) @ value.double()


def drawn(length: int, *, batch: int = 1) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(length)
    return tuple(torch.randn(batch, 2, length, 4, generator=generator) for _ in range(3))  # type: ignore[return-value]


def limits(length: int, window: int) -> Tensor:
    """Keys of each query by the sentence that opens the module, one number at a time."""
    allowed = torch.zeros(length, length, dtype=torch.bool)
    for i in range(length):
        low = min(max(0, i - window // 2), length - window)
        allowed[i, low : max(min(length, i + window // 2), window)] = True
    return allowed


@pytest.mark.parametrize("window", [2, 16, 120])
def test_every_length_beyond_the_window_follows_the_formula(window: int) -> None:
    """Also those shorter than a block: a clip of 40 frames before a window of 16 is no special case."""
    for length in range(window + 1, LONGEST + 1):
        allowed = limits(length, window)
        assert torch.equal(window_allowed(length, window), allowed), length
        given = drawn(length)
        found = windowed_attention(*given, window=window)
        message = f"{length} frames"
        torch.testing.assert_close(
            found.double(), formula(*given, allowed), atol=1e-5, rtol=1e-5, msg=lambda text, m=message: f"{m}: {text}"
        )


@pytest.mark.parametrize("window", [2, 16, 120])
def test_a_window_that_is_not_exceeded_sees_everything(window: int) -> None:
    """The sequence is seen whole, up to the length of the window itself."""
    for length in (1, 2, window // 2 + 1, window - 1, window):
        length = min(length, window)
        given = drawn(length)
        allowed = torch.ones(length, length, dtype=torch.bool)
        torch.testing.assert_close(
            windowed_attention(*given, window=window).double(), formula(*given, allowed), atol=1e-5, rtol=1e-5
        )


@pytest.mark.parametrize("length", [40, BLOCK, BLOCK + 1, 2 * BLOCK + 7])
def test_frames_that_may_not_be_seen_are_not_seen(length: int) -> None:
    """Padding at the end of one clip of a batch changes nothing before it, and nothing in the other clip."""
    window = 16
    given = drawn(length, batch=2)
    valid = torch.ones(2, length, dtype=torch.bool)
    valid[1, length - 5 :] = False
    found = windowed_attention(*given, window=window, valid=valid)
    allowed = limits(length, window) & valid[:, None, None]
    torch.testing.assert_close(found.double(), formula(*given, allowed), atol=1e-5, rtol=1e-5)
