"""Prints a benchmark's figures with machine, versions and date, and writes them as a flat JSON object of numbers."""

from __future__ import annotations

import argparse
import json
import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

_VERSIONS = ("numpy", "scipy", "pin", "mujoco", "ai-edge-litert", "opencv-python-headless", "av", "prefect")


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One measured number."""

    key: str
    """Name in the JSON file; others read it, so it stays."""
    value: float
    unit: str
    meaning: str
    bar: str = ""
    """What was asked for, as text."""


def parser(description: str | None) -> argparse.ArgumentParser:
    """Return the options every benchmark has."""
    options = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--json", type=Path, metavar="FILE", help="also write the figures as a flat JSON object")
    return options


def report(figures: Sequence[Figure], json_path: Path | None) -> None:
    """Print the table and write the JSON file."""
    print(f"date      {datetime.now(UTC):%Y-%m-%d %H:%M} UTC")
    print(f"machine   {machine()}")
    print(
        f"versions  Python {platform.python_version()}, " + ", ".join(f"{name} {version(name)}" for name in _VERSIONS)
    )
    width = max(len(figure.key) for figure in figures)
    for figure in figures:
        bar = f"   [{figure.bar}]" if figure.bar else ""
        print(f"{figure.key:<{width}}  {figure.value:>10.4g} {figure.unit:<9} {figure.meaning}{bar}")
    if json_path is not None:
        json_path.write_text(json.dumps({figure.key: figure.value for figure in figures}, indent=1) + "\n")


def machine() -> str:
    """Name the processor, the number of cores and the load before the run."""
    cpuinfo = Path("/proc/cpuinfo")
    models = [
        line.split(":", 1)[1].strip() for line in cpuinfo.read_text().splitlines() if line.startswith("model name")
    ]
    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    return f"{models[0] if models else platform.processor()}, {os.cpu_count()} cores{load}, {platform.system()}"
