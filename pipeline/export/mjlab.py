"""Turns a motion into the ``.npz`` that mjlab's motion tracking task plays: link states at exactly 50 Hz.

mjlab shows frame k at step k of 20 ms whatever the file's ``fps`` says, and picks links by their column, so the rate
must be 50 and the world must not be among the bodies. BeyondMimic's ``.npz`` has the same keys and shapes but another
order of joints and bodies: hand that project the CSV instead.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Float

from pipeline.export.exceptions import UnreadableHandoff
from pipeline.export.handoff import UNKNOWN_CONTACT, Handoff, prepare
from pipeline.export.mjlab_check import check_mjlab
from pipeline.export.safe_archive import load_archive
from pipeline.store import atomic_path
from robots.arrays import checked_array
from robots.exceptions import InvalidArray
from robots.g1 import Variant, load_g1
from robots.kinematics import body_states, link_poses
from robots.model import RobotModel
from robots.motion import RobotMotion

LINKS_APART_M = 0.02
"""Models of the G1 differ by less; links in another order lie farther apart [m]."""


class MjlabFormat:
    """mjlab's tracking motion."""

    suffix: ClassVar[str] = ".npz"
    fps: ClassVar[int] = 50
    variant: ClassVar[Variant] = "29dof"

    def write(self, motion: RobotMotion, robot: RobotModel, path: Path) -> Handoff:
        """See :meth:`pipeline.export.HandoffFormat.write`; velocities are those of MuJoCo's kinematics."""
        prepared, notes = prepare(motion, robot, self, path)
        states = body_states(load_g1(self.variant), prepared)
        arrays = {
            "joint_pos": prepared.joint_pos,
            "joint_vel": states.joint_vel,
            "body_pos_w": states.pos_w,
            "body_quat_w": states.quat_wxyz_w,
            "body_lin_vel_w": states.lin_vel_w,
            "body_ang_vel_w": states.ang_vel_w,
        }
        single: dict[str, Any] = {name: array.astype(np.float32) for name, array in arrays.items()}
        with atomic_path(path) as temporary, temporary.open("wb") as file:
            np.savez(file, allow_pickle=False, fps=np.array([self.fps]), **single)
        return Handoff(path=path, n_frames=len(prepared), fps=self.fps, notes=notes)

    def read(self, path: Path) -> RobotMotion:
        """See :meth:`pipeline.export.HandoffFormat.read`."""
        arrays = self._load(path)
        try:
            motion = RobotMotion(
                fps=self.fps,
                joint_names=load_g1(self.variant).joint_names,
                root_pos_w=arrays["body_pos_w"][:, 0],
                root_quat_wxyz=arrays["body_quat_w"][:, 0],
                joint_pos=arrays["joint_pos"],
                foot_contact=np.full((len(arrays["joint_pos"]), 2), UNKNOWN_CONTACT),
            )
        except InvalidArray as error:
            raise UnreadableHandoff(path, format_name="mjlab", problem=str(error)) from error
        if (apart := self._contradiction_m(motion, arrays["body_pos_w"])) > LINKS_APART_M:
            problem = (
                f"its links are up to {apart:.2g} m from where its joints put them: its joints or links stand in "
                "another order, as BeyondMimic's do, or it is another robot's"
            )
            raise UnreadableHandoff(path, format_name="mjlab", problem=problem)
        return motion

    def check(self, path: Path) -> tuple[str, ...]:
        """See :meth:`pipeline.export.HandoffFormat.check`: as mjlab's motion loader takes it."""
        return check_mjlab(path)

    def link_positions(self, path: Path) -> Float[np.ndarray, "frames bodies 3"]:
        """Return the positions that the file states."""
        return self._load(path)["body_pos_w"]

    def _contradiction_m(self, motion: RobotMotion, body_pos_w: Float[np.ndarray, "frames bodies 3"]) -> float:
        """Largest distance of a link in the file from where the joints of some frames put it [m]."""
        some = np.unique(np.linspace(0, len(motion) - 1, 50).astype(int))
        pos_w, _ = link_poses(load_g1(self.variant), motion.qpos[some])
        return float(np.linalg.norm(pos_w - body_pos_w[some], axis=-1).max())

    def _load(self, path: Path) -> dict[str, np.ndarray]:
        """Return the checked arrays."""
        g1 = load_g1(self.variant)
        dims = {"joints": len(g1.joint_names), "bodies": len(g1.body_names)}
        shapes: dict[str, tuple[int | str, ...]] = {
            "joint_pos": ("frames", "joints"),
            "joint_vel": ("frames", "joints"),
            "body_pos_w": ("frames", "bodies", 3),
            "body_quat_w": ("frames", "bodies", 4),
            "body_lin_vel_w": ("frames", "bodies", 3),
            "body_ang_vel_w": ("frames", "bodies", 3),
        }
        found = load_archive(path, ("fps", *shapes), format_name="mjlab")
        try:
            if missing := [name for name in ("fps", *shapes) if name not in found]:
                raise InvalidArray(missing[0], problem="is missing")
            fps = checked_array("fps", found["fps"], (1,))
            arrays = {name: checked_array(name, found[name], shape, dims) for name, shape in shapes.items()}
        except InvalidArray as error:
            raise UnreadableHandoff(path, format_name="mjlab", problem=str(error)) from error
        if fps[0] != self.fps:
            problem = f"it was made at {fps[0]:g} fps, which mjlab would play at {self.fps}"
            raise UnreadableHandoff(path, format_name="mjlab", problem=problem)
        return arrays
