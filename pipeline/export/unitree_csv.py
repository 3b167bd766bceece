"""Turns a motion into Unitree's retargeting ``.csv``: 30 rows a second of root position, root xyzw and 29 joints.

BeyondMimic's and mjlab's converters read it; it has no header and keeps neither velocities nor contacts.
"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import numpy as np
from jaxtyping import Float

from pipeline.export.exceptions import UnreadableHandoff
from pipeline.export.handoff import UNKNOWN_CONTACT, Handoff, prepare
from pipeline.export.unitree_csv_check import check_unitree_csv
from pipeline.store import atomic_path
from robots.exceptions import InvalidArray
from robots.g1 import Variant, load_g1
from robots.kinematics import link_poses
from robots.model import RobotModel
from robots.motion import RobotMotion

N_COLUMNS = 36
"""Root position 3, root quaternion 4, joints 29."""


class UnitreeCsvFormat:
    """The CSV of Unitree's retargeted LAFAN1 data set."""

    suffix: ClassVar[str] = ".csv"
    fps: ClassVar[int] = 30
    variant: ClassVar[Variant] = "29dof"

    def write(self, motion: RobotMotion, robot: RobotModel, path: Path) -> Handoff:
        """See :meth:`pipeline.export.HandoffFormat.write`; rounded to a micrometre and a microradian."""
        prepared, notes = prepare(motion, robot, self, path)
        rows = np.hstack([prepared.root_pos_w, prepared.root_quat_wxyz[:, [1, 2, 3, 0]], prepared.joint_pos])
        with atomic_path(path) as temporary:
            np.savetxt(temporary, rows, delimiter=",", fmt="%.6f")
        return Handoff(path=path, n_frames=len(prepared), fps=self.fps, notes=notes)

    def read(self, path: Path) -> RobotMotion:
        """See :meth:`pipeline.export.HandoffFormat.read`."""
        rows = _numbers(path)
        if rows.ndim != 2 or rows.shape[1] != N_COLUMNS:
            problem = f"it needs {N_COLUMNS} columns and no header, and is {' x '.join(map(str, rows.shape))}"
            raise UnreadableHandoff(path, format_name="unitree-csv", problem=problem)
        try:
            return RobotMotion(
                fps=self.fps,
                joint_names=load_g1(self.variant).joint_names,
                root_pos_w=rows[:, :3],
                root_quat_wxyz=rows[:, [6, 3, 4, 5]],
                joint_pos=rows[:, 7:],
                foot_contact=np.full((len(rows), 2), UNKNOWN_CONTACT),
            )
        except InvalidArray as error:
            raise UnreadableHandoff(path, format_name="unitree-csv", problem=str(error)) from error

    def check(self, path: Path) -> tuple[str, ...]:
        """See :meth:`pipeline.export.HandoffFormat.check`: as BeyondMimic's and mjlab's converters take it."""
        return check_unitree_csv(path)

    def link_positions(self, path: Path) -> Float[np.ndarray, "frames bodies 3"]:
        """Place the links by MuJoCo's kinematics of the rows, as mjlab's converter does."""
        return link_poses(load_g1(self.variant), self.read(path).qpos)[0]


def _numbers(path: Path) -> Float[np.ndarray, "rows columns"]:
    """Return the numbers of a table; what is no number is told with its line."""
    rows: list[np.ndarray] = []
    try:
        with path.open(encoding="utf-8-sig") as stream:
            for number, line in enumerate(stream, start=1):
                if not line.strip():
                    continue
                rows.append(_row(line, number))
                if len(rows[-1]) != len(rows[0]):
                    raise ValueError(f"line {number} has {len(rows[-1])} columns, the first has {len(rows[0])}")
    except ValueError as error:  # also bytes that are no text
        raise UnreadableHandoff(path, format_name="unitree-csv", problem=str(error)) from error
    return np.array(rows)


def _row(line: str, number: int) -> Float[np.ndarray, " columns"]:
    cells = line.split(",")
    try:
        return np.array([float(cell) for cell in cells])
    except ValueError as error:
        wrong = next(cell for cell in cells if not _is_number(cell)).strip()
        raise ValueError(f"line {number}: '{wrong:.20}' is no number") from error


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
