"""Turns a motion into GMR's ``.pkl``: 29 joints, 30 frames a second, double precision, a root of x, y, z, w.

GMR's own model of the G1 has the same links and narrower joints; a note says where a motion goes beyond them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Float

from pipeline.export.exceptions import UnreadableHandoff
from pipeline.export.gmr_check import check_gmr
from pipeline.export.handoff import UNKNOWN_CONTACT, Handoff, prepare
from pipeline.export.portable_pickle import dump_arrays
from pipeline.export.safe_pickle import load_arrays
from pipeline.store import atomic_path
from robots.exceptions import InvalidArray
from robots.g1 import Variant, load_g1
from robots.kinematics import link_poses
from robots.model import RobotModel
from robots.motion import RobotMotion

_HALF_TURN = 1.57
NARROWER: dict[str, tuple[float, float]] = {
    "left_hip_pitch_joint": (-_HALF_TURN, _HALF_TURN),
    "left_hip_roll_joint": (-0.5236, _HALF_TURN),
    "left_hip_yaw_joint": (-_HALF_TURN, _HALF_TURN),
    "right_hip_pitch_joint": (-_HALF_TURN, _HALF_TURN),
    "right_hip_roll_joint": (-_HALF_TURN, 0.5236),
    "right_hip_yaw_joint": (-_HALF_TURN, _HALF_TURN),
    "waist_yaw_joint": (-_HALF_TURN, _HALF_TURN),
    "left_shoulder_pitch_joint": (-3.0892, 1.149),
    "left_shoulder_roll_joint": (-0.6, 1.77),
    "left_shoulder_yaw_joint": (-1.4, 2.0),
    "left_elbow_joint": (-1.0472, 1.7),
    "right_shoulder_pitch_joint": (-3.0892, 1.149),
    "right_shoulder_roll_joint": (-1.77, 0.6),
    "right_shoulder_yaw_joint": (-2.0, 1.4),
    "right_elbow_joint": (-1.0472, 1.7),
}
"""Limits of GMR's ``g1_mocap_29dof.xml`` (commit 677bf8c) where they are narrower than the robot's own [rad]."""
_BEYOND_RAD = 1e-3
_ROOT = ("root_pos", "root_rot", "dof_pos")


class GmrFormat:
    """The motion file of General Motion Retargeting."""

    suffix: ClassVar[str] = ".pkl"
    fps: ClassVar[int] = 30
    variant: ClassVar[Variant] = "29dof"

    def write(self, motion: RobotMotion, robot: RobotModel, path: Path) -> Handoff:
        """See :meth:`pipeline.export.HandoffFormat.write`."""
        prepared, notes = prepare(motion, robot, self, path)
        content = {
            "fps": self.fps,
            "root_pos": prepared.root_pos_w,
            "root_rot": prepared.root_quat_wxyz[:, [1, 2, 3, 0]],
            "dof_pos": prepared.joint_pos,
            "local_body_pos": None,
            "link_body_list": None,
        }
        with atomic_path(path) as temporary, temporary.open("wb") as file:
            dump_arrays(content, file)
        return Handoff(path=path, n_frames=len(prepared), fps=self.fps, notes=(*notes, *_beyond(prepared)))

    def read(self, path: Path) -> RobotMotion:
        """See :meth:`pipeline.export.HandoffFormat.read`; reads GMR's own files too, without running them."""
        content = load_arrays(path, format_name="gmr")
        if not is_gmr(content):
            problem = f"it must hold a dict of fps, {', '.join(_ROOT)}"
            raise UnreadableHandoff(path, format_name="gmr", problem=problem)
        try:
            root_rot = np.asarray(content["root_rot"], dtype=float)
            if root_rot.ndim != 2 or root_rot.shape[1] != 4:
                raise InvalidArray("root_rot", problem=f"has shape {root_rot.shape}, expected (frames, 4)")
            return RobotMotion(
                fps=float(content["fps"]),
                joint_names=load_g1(self.variant).joint_names,
                root_pos_w=content["root_pos"],
                root_quat_wxyz=root_rot[:, [3, 0, 1, 2]],
                joint_pos=content["dof_pos"],
                foot_contact=np.full((len(root_rot), 2), UNKNOWN_CONTACT),
            )
        except (InvalidArray, TypeError, ValueError, OverflowError) as error:
            raise UnreadableHandoff(path, format_name="gmr", problem=str(error)) from error

    def check(self, path: Path) -> tuple[str, ...]:
        """See :meth:`pipeline.export.HandoffFormat.check`: as GMR's loader takes it."""
        return check_gmr(path)

    def link_positions(self, path: Path) -> Float[np.ndarray, "frames bodies 3"]:
        """Place the links by MuJoCo's kinematics of root and joints, as GMR's viewer does."""
        return link_poses(load_g1(self.variant), self.read(path).qpos)[0]


def is_gmr(content: Any) -> bool:
    """Tell whether what a pickle holds is a motion of GMR; PBHC's is one level deeper, under its name."""
    return isinstance(content, dict) and all(name in content for name in ("fps", *_ROOT))


def _beyond(motion: RobotMotion) -> tuple[str, ...]:
    """Say which joints go beyond GMR's own limits, the farthest by name."""
    over: dict[str, float] = {}
    for name, (lower, upper) in NARROWER.items():
        angle = motion.joint_pos[:, motion.joint_names.index(name)]
        over[name] = float(max(angle.max() - upper, lower - angle.min()))
    over = {name: by for name, by in over.items() if by > _BEYOND_RAD}
    if not over:
        return ()
    worst = max(over, key=lambda name: over[name])
    others = f", {len(over) - 1} more beyond theirs" if len(over) > 1 else ""
    told = f"{worst} goes {over[worst]:.2f} rad beyond its limit in GMR's model of the G1{others}"
    return (f"{told}; the robot itself can do it",)
