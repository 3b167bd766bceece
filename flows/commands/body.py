"""``wushu body import FILE``: a licensed SMPL or SMPL-X file, converted once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import tyro
from rich.markup import escape

from flows.console import console
from pipeline.body.smpl_file import import_smpl_file
from pipeline.home import Home


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """`wushu body import FILE`: convert your own SMPL (.pkl, .npz) or SMPL-X (.npz) file; no code in it is run."""

    action: tyro.conf.Positional[Literal["import"]]
    """Convert the file and keep the result for this user."""
    file: tyro.conf.Positional[Path]
    """The file as you downloaded it, under the licence you accepted."""

    def __call__(self) -> int:
        """Convert and say under which name the body can be used."""
        body = import_smpl_file(self.file, Home.of_user().bodies_dir)
        said = f"imported as '{body.name}' ({body.licence}). Use it with `wushu run --body {body.name}`."
        console.print(escape(said))
        return 0
