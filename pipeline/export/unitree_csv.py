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
        try:
            lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
            rows = np.array([[float(cell) for cell in line.split(",")] for line in lines])
        except ValueError as error:  # a cell that is no number, rows of different length, bytes that are no text
            raise UnreadableHandoff(path, format_name="unitree-csv", problem=str(error)) from error
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

    def link_positions(self, path: Path) -> Float[np.ndarray, "frames bodies 3"]:
        """Place the links by MuJoCo's kinematics of the rows, as mjlab's converter does."""
        return link_poses(load_g1(self.variant), self.read(path).qpos)[0]
