"""Turns samples at a fixed rate into those without some of their frequencies, delayed by nothing."""

from __future__ import annotations

from typing import Literal

import numpy as np
from jaxtyping import Float


def filtered(
    x: Float[np.ndarray, " frames *dims"],
    cutoff_hz: float | tuple[float, float],
    fps: float,
    *,
    order: int,
    kind: Literal["lowpass", "highpass", "bandpass"] = "lowpass",
    pad: int | None = None,
) -> Float[np.ndarray, " frames *dims"]:
    """Run a Butterworth filter forwards and backwards over the frames.

    Args:
        x: Samples.
        cutoff_hz: Where the filter cuts, for a band both of its ends [Hz]; below half of the frame rate.
        fps: Frames per second [1/s].
        order: Of the filter; it acts twice.
        kind: What passes.
        pad: Frames by which the ends are extended, less than there are; None as SciPy has it.
    """
    from scipy.signal import butter, sosfiltfilt  # a quarter of a second to import, which `--help` need not wait for

    sos = butter(order, cutoff_hz, kind, fs=fps, output="sos")
    return sosfiltfilt(sos, x, axis=0, padlen=pad)
