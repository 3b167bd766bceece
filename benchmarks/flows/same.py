"""Says where two datasets differ, byte for byte, and what was done in one of them more than once."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

_CLOCKS = frozenset({"log.jsonl"})
"""Files that tell when things happened, and are no part of a dataset's content."""


def content(dataset: Path) -> dict[str, Path]:
    """Return all that a dataset is made of, by path below it; what begins with a dot is not."""
    found = {str(path.relative_to(dataset)): path for path in dataset.rglob("*") if path.is_file()}
    return {
        name: path
        for name, path in found.items()
        if not any(part.startswith(".") for part in Path(name).parts) and path.name not in _CLOCKS
    }


def differences(one: Path, other: Path) -> list[str]:
    """Return a sentence for every file that is not the same in both."""
    first, second = content(one), content(other)
    told = [f"only in {one.name}: {name}" for name in sorted(first.keys() - second.keys())]
    told += [f"only in {other.name}: {name}" for name in sorted(second.keys() - first.keys())]
    both = sorted(first.keys() & second.keys())
    return told + [f"differs: {name}" for name in both if first[name].read_bytes() != second[name].read_bytes()]


def half_written(dataset: Path) -> list[Path]:
    """Return temporary files that were left in a dataset."""
    return sorted(dataset.rglob(".part-*"))


def done_twice(dataset: Path) -> dict[str, int]:
    """Return the results that were finished more than once, and how often, from the logs of all clips."""
    finished: Counter[str] = Counter()
    for log in dataset.glob("clips/*/log.jsonl"):
        for line in log.read_text().splitlines():
            try:
                entry = json.loads(line)
            except ValueError:
                continue  # a writer was killed within it
            if entry["error"] is None:
                finished[f"{log.parent.name}/{entry['stage']}-{entry['fingerprint']}"] += 1
    return {name: times for name, times in finished.items() if times > 1}
