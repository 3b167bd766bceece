"""``wushu fit-table TABLE MOTION... --out NEW.toml``: offsets of a table, fitted on motions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tyro
from rich.markup import escape
from rich.table import Table

from flows.console import bar, console, progress_bars, show_warning
from flows.exceptions import CannotWrite
from pipeline.body import load_body
from pipeline.body.library import OPEN_BODY
from pipeline.home import Home
from pipeline.readers import read_motion
from retarget.body_trajectory import BodyTrajectory
from retarget.correspondence import correspondence_path, parse_correspondence, read_table_text
from retarget.table_fit import TableFit, fit_table
from retarget.table_text import with_offsets_written
from robots.exceptions import UnknownName
from robots.g1 import Variant, load_g1


@dataclass(frozen=True, slots=True, kw_only=True)
class FitTable:
    """Fit the constant offsets between a person's bodies and the robot's links on motion files, into a new table.

    Use the result with `wushu run --retarget.correspondence NEW.toml`.
    """

    table: tyro.conf.Positional[str]
    """Name of a table that ships with the product, or a TOML file."""
    motions: tyro.conf.Positional[tuple[Path, ...]]
    """Motion files (BVH, AMASS, GVHMR); several, so that the worth of the offsets shows on those left out."""
    out: Path
    """Where to write the new table; its name is that of the file."""
    overwrite: bool = False
    """Replace the file if it is there."""
    hold: tuple[str, ...] = ()
    """Bodies that keep their offsets, besides root and feet."""
    body: str = OPEN_BODY
    """Body that the motions are put on."""
    robot: Variant = "29dof"
    """The robot: with all joints, or with welded wrists."""

    def __call__(self) -> int:
        """Fit, show and write."""
        _check_out(self.out, overwrite=self.overwrite)
        path = correspondence_path(self.table)
        text = read_table_text(path)
        correspondence = parse_correspondence(text, source=path)
        names = [body.human for body in correspondence.bodies]
        for name in self.hold:
            if name not in names:
                raise UnknownName("human body", name, names)
        with progress_bars() as bars:
            trajectories = self._read(bar(bars, "reading motions"))
            bar(bars, "fitting")(0, None)
            result = fit_table(correspondence, load_g1(self.robot), trajectories, hold=self.hold)
        new = with_offsets_written(text, result.correspondence, name=self.out.stem)
        _show(result)
        try:
            self.out.write_text(new, encoding="utf-8")
        except OSError as error:
            problem = f"cannot be written ({error.strerror or error})"
            raise CannotWrite(self.out, problem=problem, remedy="Name another file with --out") from error
        console.print(escape(f"written: {self.out}"), highlight=False, soft_wrap=True)
        return 0

    def _read(self, progress) -> list[BodyTrajectory]:  # noqa: ANN001
        """Read all motions onto the body."""
        body = load_body(self.body, search_dir=Home.of_user().bodies_dir)
        trajectories = []
        for done, path in enumerate(self.motions):
            progress(done, len(self.motions))
            trajectories.append(read_motion(path, body).motion.body_trajectory())
        return trajectories


def _check_out(path: Path, *, overwrite: bool) -> None:
    """Refuse a bad place before the work.

    Raises:
        CannotWrite: The file is there, is no table's name, or its folder is missing.
    """
    if path.suffix != ".toml":
        raise CannotWrite(path, problem="a table's name ends in .toml", remedy=f"Say --out {path.name}.toml")
    if not path.parent.is_dir():
        raise CannotWrite(path, problem="its folder is not there", remedy="Make it, or name another --out")
    if path.exists() and not overwrite:
        raise CannotWrite(path, problem="is there already", remedy="Name another --out, or add --overwrite")


def _show(result: TableFit) -> None:
    """Print residuals before and after of each body, and what the offsets are worth on motions left out."""
    fit, held_out = result.fit, result.held_out
    columns = ("body", "before", "after", "left out", "turned, deg", "offset, mm")
    table = Table(*columns, title="mean distance from target to link, mm")
    for i, body in enumerate(result.correspondence.bodies):
        turn = np.rad2deg([fit.turn_before_rad[i], fit.turn_after_rad[i]])
        table.add_row(
            escape(body.human),
            f"{1e3 * fit.before_m[i]:.1f}",
            f"{1e3 * fit.after_m[i]:.1f}",
            "" if held_out is None else f"{1e3 * held_out.mean(held_out.after_m)[i]:.1f}",
            f"{turn[0]:.1f} -> {turn[1]:.1f}",
            _millimetres(body.offset_m) if result.free[i] else "kept",
        )
    console.print(table)
    if held_out is None:
        show_warning("with one motion nothing tells whether the offsets hold for others. Give several.")
        return
    tracked = [i for i, body in enumerate(result.correspondence.bodies) if body.position_weight > 0]
    before, after = (1e3 * held_out.mean(m)[tracked].mean() for m in (held_out.before_m, held_out.after_m))
    console.print(
        f"on motions left out: {before:.1f} mm before, {after:.1f} mm after, mean of the followed bodies",
        highlight=False,
    )
    if not after < before:
        show_warning("the offsets do not help on motions that they were not fitted on. Do not use this table.")


def _millimetres(offset_m: Sequence[float]) -> str:
    return ", ".join(f"{1e3 * value:.1f}" for value in offset_m)
