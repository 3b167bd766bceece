"""Prints what good motion measures beside the limits it is held to, for whoever chooses a limit."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pipeline.measurement import Measurements
from pipeline.verdict import Limits

PERCENTILES = (50, 95, 99, 100)
"""Of the values that the clips have."""


def print_calibration(taken: Sequence[Measurements], limits: Limits) -> None:
    """Print a line for each measurement of a stage: percentiles over the clips, its limit, clips beyond it."""
    if not taken:
        return
    bounds = {limit.measurement: limit for limit in limits.items if limit.stage == taken[0].stage}
    heads = "".join(f"{f'p{p}':>11}" for p in PERCENTILES)
    print(f"{'measurement':<30}{heads}   limit of tier {limits.tier}, clips beyond it")
    for item in taken[0].items:
        values = np.array([measured[item.name].value for measured in taken])
        row = "".join(f"{x:>11.4g}" for x in np.percentile(values, PERCENTILES))
        limit = bounds.get(item.name)
        if limit is None:
            print(f"{item.name:<30}{row}")
            continue
        high = np.inf if limit.maximum is None else limit.maximum
        low = -np.inf if limit.minimum is None else limit.minimum
        beyond = int(((values > high) | (values < low)).sum())
        allowed = " to ".join(f"{x:g}" for x in (low, high) if np.isfinite(x))
        print(f"{item.name:<30}{row}   {allowed} ({limit.severity}), {beyond} of {len(values)}")
