"""Wandering courses: stationary, of variance one, and with the memory that was asked for."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.synthetic.processes import autocorrelation, wandering


@pytest.mark.parametrize("smooth_s", [0.0, 0.06, 0.3])
def test_memory_is_as_asked_for(smooth_s: float) -> None:
    """Empirical autocorrelation against the formula."""
    course = wandering((40, 3000, 5), lasting_s=0.3, fps=30.0, rng=np.random.default_rng(0), smooth_s=smooth_s).astype(
        float
    )
    for lag in (1, 4, 12):
        measured = (course[:, :-lag] * course[:, lag:]).mean()
        expected = autocorrelation(np.array([lag]), lasting_s=0.3, fps=30.0, smooth_s=smooth_s)[0]
        assert measured == pytest.approx(expected, abs=0.02)


@pytest.mark.parametrize("smooth_s", [0.0, 0.3])
def test_the_first_frame_is_like_any_other(smooth_s: float) -> None:
    """Clips have no start-up: the variance at the first frame is that at the last."""
    course = wandering((20_000, 6, 1), lasting_s=0.5, fps=30.0, rng=np.random.default_rng(1), smooth_s=smooth_s)
    np.testing.assert_allclose(course.var(axis=0), 1.0, atol=0.04)


def test_no_memory_is_white() -> None:
    """A memory of zero seconds leaves nothing from frame to frame."""
    course = wandering((50, 400, 2), lasting_s=0.0, fps=30.0, rng=np.random.default_rng(2))
    assert abs(float((course[:, 1:] * course[:, :-1]).mean())) < 0.01
