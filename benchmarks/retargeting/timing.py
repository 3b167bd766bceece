"""Turns prepared calls into CPU seconds: on one core, by turns, so that a slow moment of the machine meets all."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
from jaxtyping import Float

Call = Callable[[], object]


@contextlib.contextmanager
def one_core() -> Iterator[None]:
    """Keep the process on one core, where the system allows to ask for it."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(allowed)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)


def cpu_seconds(
    calls: Mapping[str, Sequence[Call]], *, repetitions: int
) -> dict[str, Float[np.ndarray, "repetitions calls"]]:
    """Time all contenders' calls, one after the other in every repetition.

    The CPU time is that of all threads of the process, so threads do not help. Every call runs once beforehand:
    compiling and loading is not measured here.

    Args:
        calls: Contender -> what it does, for instance one clip each; the same number for all.
        repetitions: Measurements of each call.
    """
    for todo in calls.values():
        for call in todo:
            call()
    n_calls = {len(todo) for todo in calls.values()}
    seconds = {name: np.empty((repetitions, len(todo))) for name, todo in calls.items()}
    with one_core():
        for repetition in range(repetitions):
            for index in range(max(n_calls, default=0)):
                for name, todo in calls.items():
                    start = time.process_time()
                    todo[index]()
                    seconds[name][repetition, index] = time.process_time() - start
    return seconds


def frames_per_second(seconds: Float[np.ndarray, "repetitions clips"], frames: Sequence[int]) -> float:
    """Return frames of all clips over the median of their time."""
    return sum(frames) / float(np.median(seconds.sum(axis=1)))


def times_faster(ours: Float[np.ndarray, "repetitions clips"], theirs: Float[np.ndarray, "repetitions clips"]) -> float:
    """Return how many times as long they take, as the median of the repetitions."""
    return float(np.median(theirs.sum(axis=1) / ours.sum(axis=1)))


def step_p99_ms(steps: Sequence[Callable[[], Iterator[object]]], *, repetitions: int) -> float:
    """Return the 99th percentile of the CPU time of one step over all clips, median of the repetitions [ms].

    Args:
        steps: For each clip, something that starts it anew and yields after every step.
        repetitions: Times that every clip is run, after once beforehand.
    """
    for start_clip in steps:
        for _ in start_clip():
            pass
    p99 = []
    with one_core():
        for _ in range(repetitions):
            times = []
            for start_clip in steps:
                begin = time.process_time_ns()
                for _ in start_clip():
                    end = time.process_time_ns()
                    times.append(end - begin)
                    begin = time.process_time_ns()
            p99.append(float(np.percentile(times, 99)) * 1e-6)
    return float(np.median(p99))
