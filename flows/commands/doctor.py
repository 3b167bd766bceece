"""``wushu doctor``: what this machine has and lacks, and how to get it."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from rich.markup import escape
from rich.table import Table

from flows.console import console
from pipeline.body import load_body
from pipeline.estimators.gvhmr import packages as network
from pipeline.estimators.gvhmr.weights_card import IMPORT, weights_dir, weights_files
from pipeline.home import Home
from pipeline.render import RENDERER_PACKAGES, available_renderer
from pipeline.video import find_models
from retarget.compilation import solver_is_compiled
from robots.exceptions import WushuError
from robots.meshes import find_g1_meshes

_SHOWN_PACKAGES = (
    "numpy",
    "scipy",
    "pin",
    "numba",
    "mujoco",
    "ai-edge-litert",
    "av",
    "opencv-python-headless",
    "prefect",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked for."""

    what: str
    found: str | None
    """What is there; None = missing."""
    needed: bool
    """Whether the chain does not run without it."""
    remedy: str = ""
    """How to get it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Doctor:
    """Say what this machine has and lacks, and how to get it; 1 if something needed is missing."""

    def __call__(self) -> int:
        """Look, print, and decide."""
        findings = examine(Home.of_user())
        table = Table("", "what", "found", "remedy")
        for finding in findings:
            mark = "[green]ok[/]" if finding.found else ("[red]missing[/]" if finding.needed else "[yellow]no[/]")
            remedy = "" if finding.found else finding.remedy
            table.add_row(mark, *map(escape, (finding.what, finding.found or "-", remedy)))
        console.print(table)
        return int(any(finding.needed and finding.found is None for finding in findings))


def examine(home: Home) -> list[Finding]:
    """Look at everything the chain uses."""
    renderer = available_renderer()
    return [
        Finding(what="system", found=f"{platform.platform()}, {os.cpu_count()} CPUs", needed=True),
        Finding(what="Python", found=_python(), needed=True, remedy="use Python 3.11 or 3.12"),
        Finding(
            what="packages",
            found=_packages(_SHOWN_PACKAGES),
            needed=True,
            remedy="pip install -c constraints.txt -e '.[flows]'",
        ),
        Finding(
            what="headless rendering",
            found=renderer,
            needed=False,
            remedy=f"sudo apt-get install {RENDERER_PACKAGES}; until then everything but pictures runs",
        ),
        Finding(
            what="keypoint networks",
            found=_try(lambda: str(find_models(home.models_dir).detector.parent)),
            needed=True,
            remedy="wushu models fetch",
        ),
        Finding(
            what="packages of the estimator gvhmr",
            found=_packages(network.PACKAGES),
            needed=False,
            remedy="pip install 'wushu[gvhmr]'; until then videos run with --estimator landmark",
        ),
        Finding(
            what="weights of the estimator gvhmr",
            found=", ".join(weights_files(weights_dir(home))) or None,
            needed=False,
            remedy=f"install again, or {IMPORT}; until then videos run with --estimator landmark",
        ),
        Finding(what="open body", found=_try(lambda: load_body("open").name), needed=True, remedy="install again"),
        Finding(
            what="solver of robot motions",
            found="compiled" if solver_is_compiled() else None,
            needed=False,
            remedy="compiled at the first run, which takes half a minute once",
        ),
        Finding(
            what="licensed bodies",
            found=", ".join(sorted(path.stem for path in home.bodies_dir.glob("*.npz"))) or None,
            needed=False,
            remedy="optional: wushu body import FILE",
        ),
        Finding(
            what="G1 meshes",
            found=_try(lambda: str(find_g1_meshes(home.meshes_dir))),
            needed=False,
            remedy="only for looks: wushu robot meshes",
        ),
        Finding(
            what="desktop for `wushu play`",
            found=os.environ.get("WAYLAND_DISPLAY") or os.environ.get("DISPLAY"),
            needed=False,
            remedy="run it on a desktop, or watch playback.mp4",
        ),
        Finding(what="GPU", found=_gpu(), needed=False, remedy="not needed for anything here"),
        Finding(what="free disk here", found=f"{shutil.disk_usage(Path.cwd()).free / 1e9:.0f} GB", needed=True),
    ]


def _python() -> str | None:
    return platform.python_version() if (3, 11) <= sys.version_info[:2] < (3, 13) else None


def _packages(names: Sequence[str]) -> str | None:
    try:
        return ", ".join(f"{name} {version(name)}" for name in names)
    except PackageNotFoundError:
        return None


def _gpu() -> str | None:
    devices = Path("/proc/driver/nvidia/gpus")
    names = [line.split(":", 1)[1].strip() for info in devices.glob("*/information") for line in
             info.read_text().splitlines() if line.startswith("Model")]  # fmt: skip
    return ", ".join(names) or None


def _try(look: Callable[[], str]) -> str | None:
    try:
        return look()
    except WushuError:
        return None
