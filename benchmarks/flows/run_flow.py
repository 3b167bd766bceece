"""Runs the flow ``build-dataset`` once with the parameters given as JSON and prints how long it took.

python -m benchmarks.flows.run_flow '{"videos": ["inbox"]}'
"""

from __future__ import annotations

import json
import sys
import time


def main() -> int:
    """Run; 1 unless it completed."""
    from flows.build_dataset import build_dataset

    started = time.perf_counter()
    state = build_dataset(**json.loads(sys.argv[1]), return_state=True)
    print(json.dumps({"seconds": time.perf_counter() - started, "state": state.name, "message": state.message}))
    return int(not state.is_completed())


if __name__ == "__main__":
    sys.exit(main())
