"""Turns a motion into PBHC's (KungfuBot's, ASAP's) ``.pkl``: 23 joints, 30 frames a second, single precision.

The trainer poses its robot from ``pose_aa`` alone, one rotation vector a link; its viewers use ``dof`` and
``root_rot``. The reader therefore takes ``pose_aa`` for true and refuses a file in which the two differ.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Float, Float32
from scipy.spatial.transform import Rotation

from pipeline.export.exceptions import UnreadableHandoff
from pipeline.export.handoff import UNKNOWN_CONTACT, Handoff, prepare
from pipeline.export.pbhc_check import check_pbhc
from pipeline.export.portable_pickle import dump_arrays
from pipeline.export.safe_pickle import load_arrays
from pipeline.store import atomic_path
from robots.arrays import checked_array
from robots.exceptions import InvalidArray
from robots.g1 import Variant, load_g1
from robots.model import RobotModel
from robots.motion import RobotMotion

N_EXTENSION_BODIES = 3
"""Hands and head, which PBHC hangs on the robot; they do not turn."""


class PbhcFormat:
    """PBHC's motion file: one motion in a dict under its name."""

    suffix: ClassVar[str] = ".pkl"
    fps: ClassVar[int] = 30
    variant: ClassVar[Variant] = "23dof"

    def write(self, motion: RobotMotion, robot: RobotModel, path: Path) -> Handoff:
        """See :meth:`pipeline.export.HandoffFormat.write`; a motion that moves the wrists is refused."""
        prepared, notes = prepare(motion, robot, self, path)
        content = {path.stem: _fields(prepared)}
        with atomic_path(path) as temporary, temporary.open("wb") as file:
            dump_arrays(content, file)
        return Handoff(path=path, n_frames=len(prepared), fps=self.fps, notes=notes)

    def read(self, path: Path) -> RobotMotion:
        """See :meth:`pipeline.export.HandoffFormat.read`; reads PBHC's own joblib files too, without running them."""
        fields = self._load(path)
        pose_aa = fields["pose_aa"]
        contact = fields.get("contact_mask")
        try:
            return RobotMotion(
                fps=fields["fps"],
                joint_names=load_g1(self.variant).joint_names,
                root_pos_w=fields["root_trans_offset"],
                root_quat_wxyz=_turn(pose_aa[:, 0]).as_quat(scalar_first=True),
                joint_pos=pose_aa[:, 1:24].sum(axis=-1),
                foot_contact=np.full((len(pose_aa), 2), UNKNOWN_CONTACT) if contact is None else contact,
            )
        except InvalidArray as error:
            raise UnreadableHandoff(path, format_name="pbhc", problem=str(error)) from error

    def check(self, path: Path) -> tuple[str, ...]:
        """See :meth:`pipeline.export.HandoffFormat.check`: as PBHC's motion library, reward and viewers take it."""
        return check_pbhc(path)

    def link_positions(self, path: Path) -> Float[np.ndarray, "frames bodies 3"]:
        """Chain the rotation vectors of ``pose_aa`` along the links, which is how PBHC's motion library does it."""
        fields = self._load(path)
        model = load_g1(self.variant).mj_model()
        pose_aa = fields["pose_aa"]
        pos_w = np.empty((len(pose_aa), model.nbody - 1, 3))
        pos_w[:, 0] = fields["root_trans_offset"]
        turns = [_turn(pose_aa[:, 0])]
        for body in range(2, model.nbody):
            parent = model.body_parentid[body] - 1
            at_rest = Rotation.from_quat(model.body_quat[body], scalar_first=True)
            pos_w[:, body - 1] = pos_w[:, parent] + turns[parent].apply(model.body_pos[body])
            turns.append(turns[parent] * at_rest * _turn(pose_aa[:, body - 1]))
        return pos_w

    def _load(self, path: Path) -> dict[str, Any]:
        """Return the checked fields of the file's one motion."""

        def unusable(problem: str) -> UnreadableHandoff:
            return UnreadableHandoff(path, format_name="pbhc", problem=problem)

        content = load_arrays(path, format_name="pbhc")
        if not isinstance(content, dict) or len(content) != 1:
            raise unusable("it must hold exactly one motion, in a dict under its name")
        fields = next(iter(content.values()))
        needed = ("root_trans_offset", "pose_aa", "fps")
        if not isinstance(fields, dict) or not all(name in fields for name in needed):
            raise unusable(f"a motion needs {', '.join(needed)}")
        try:
            checked = _checked(fields)
        except (InvalidArray, TypeError, ValueError, OverflowError) as error:
            raise unusable(str(error)) from error
        if (problem := _contradiction(checked)) is not None:
            raise unusable(problem)
        return checked


def _fields(motion: RobotMotion) -> dict[str, Any]:
    """Lay out a motion of 23 joints at 30 fps."""
    frames, joints = motion.joint_pos.shape
    dof = motion.joint_pos.astype(np.float32)
    quat_wxyz = motion.root_quat_wxyz
    pose_aa = np.zeros((frames, 1 + joints + N_EXTENSION_BODIES, 3), dtype=np.float32)
    pose_aa[:, 0] = Rotation.from_quat(quat_wxyz.copy(), scalar_first=True).as_rotvec()
    pose_aa[:, 1 : 1 + joints] = dof[:, :, None] * _joint_axes()
    return {
        "root_trans_offset": motion.root_pos_w.astype(np.float32),
        "pose_aa": pose_aa,
        "dof": dof,
        "root_rot": quat_wxyz[:, [1, 2, 3, 0]].astype(np.float32),
        "smpl_joints": np.zeros(pose_aa.shape, dtype=np.float32),  # PBHC's own files hold zeros too
        "fps": PbhcFormat.fps,
        # In double precision, as in PBHC's own files.
        "contact_mask": motion.foot_contact.astype(np.float64),
    }


def _turn(rotvec: Float[np.ndarray, "frames 3"]) -> Rotation:
    return Rotation.from_rotvec(rotvec.copy())  # SciPy refuses read-only arrays


def _joint_axes() -> Float32[np.ndarray, "23 3"]:
    return load_g1(PbhcFormat.variant).mj_model().jnt_axis[1:].astype(np.float32)


def _checked(fields: dict[str, Any]) -> dict[str, Any]:
    """Check shapes and values of a motion's fields."""
    dims: dict[str, int] = {}
    checked: dict[str, Any] = {
        "root_trans_offset": checked_array("root_trans_offset", fields["root_trans_offset"], ("frames", 3), dims),
        "pose_aa": checked_array("pose_aa", fields["pose_aa"], ("frames", "bodies", 3), dims),
        "fps": float(fields["fps"]),
    }
    if dims["bodies"] < 24 or dims["frames"] == 0:
        raise InvalidArray(
            "pose_aa", problem=f"has shape {checked['pose_aa'].shape}, needs frames and 24 bodies or more"
        )
    if fields.get("contact_mask") is not None:
        checked["contact_mask"] = checked_array("contact_mask", fields["contact_mask"], ("frames", 2), dims)
    if "dof" in fields:
        checked["dof"] = checked_array("dof", fields["dof"], ("frames", 23), dims)
    if "root_rot" in fields:
        checked["root_rot"] = checked_array("root_rot", fields["root_rot"], ("frames", 4), dims)
    return checked


def _contradiction(fields: dict[str, Any]) -> str | None:
    """Say where viewers would show another motion than the trainer learns."""
    pose_aa = fields["pose_aa"]
    axes = _joint_axes()
    joints = pose_aa[:, 1:24]
    if np.abs(joints * (1 - np.abs(axes))).max() > 1e-3:
        return "pose_aa turns a link about another axis than its joint's"
    if "dof" in fields and np.abs((joints * axes).sum(axis=-1) - fields["dof"]).max() > 1e-3:
        return "dof and pose_aa are two different motions"
    if "root_rot" in fields:
        root_rot = fields["root_rot"]
        if np.abs(np.linalg.norm(root_rot, axis=-1) - 1).max() > 1e-3:
            return "root_rot is not made of unit quaternions"
        turned = Rotation.from_quat(root_rot.copy()) * _turn(pose_aa[:, 0]).inv()
        if turned.magnitude().max() > 1e-3:
            return "root_rot (x, y, z, w) and pose_aa are two different rotations"
    return None
