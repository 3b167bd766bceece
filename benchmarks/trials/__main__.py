"""Render trial videos: ``python -m benchmarks.trials FOLDER [NAME ...]``; what lies there already is left alone."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from benchmarks.trials import TRIALS, render_trial


def main() -> None:
    """Render the named trials, or all."""
    if len(sys.argv) < 2:
        sys.exit(f"usage: python -m benchmarks.trials FOLDER [NAME ...]\nnames: {' '.join(TRIALS)}")
    for name in sys.argv[2:] or TRIALS:
        start = time.perf_counter()
        trial = render_trial(name, Path(sys.argv[1]))
        frames = len(trial.zoom)
        print(
            f"{name}: {frames} frames, {frames / trial.fps:.1f} s, in {time.perf_counter() - start:.1f} s", flush=True
        )


if __name__ == "__main__":
    main()
