"""``wushu body import FILE``: a licensed SMPL or SMPL-X file, converted once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from flows.console import console
from pipeline.body.smpl_file import import_smpl_file
from pipeline.home import Home


@dataclass(frozen=True, slots=True, kw_only=True)
class BodyImport:
    """Convert your own SMPL (.pkl, .npz) or SMPL-X (.npz) file; no code in it is run."""

    file: tyro.conf.Positional[Path]
    """The file as you downloaded it, under the licence you accepted."""

    def __call__(self) -> int:
        """Convert and say under which name the body can be used."""
        body = import_smpl_file(self.file, Home.of_user().bodies_dir)
        console.print(f"imported as '{body.name}' ({body.licence}). Use it with `wushu run --body {body.name}`.")
        return 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """Body models."""

    action: Annotated[BodyImport, tyro.conf.subcommand("import")]
    """What to do."""

    def __call__(self) -> int:
        """Do it."""
        return self.action()
