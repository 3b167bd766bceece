"""One description of a robot, as both engines read it: an MJCF text in, a MuJoCo and a Pinocchio model out."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

import mujoco
import numpy as np
import pinocchio as pin  # pyright: ignore[reportMissingImports]  (pin installs it behind a .pth file)
from jaxtyping import Float

from robots.arrays import checked_array, freeze_fields


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RobotModel:
    """A floating-base robot with hinges; all joint arrays are in the order of ``joint_names``."""

    name: str
    """Of the robot and its variant."""
    mjcf: str
    """The model with a floor, position actuators and the keyframe ``default``."""
    mesh_dir: Path | None = None
    """Folder of the mesh files that ``mjcf`` names; None if it names none."""
    joint_names: tuple[str, ...]
    """Hinges, in MuJoCo's order."""
    body_names: tuple[str, ...]
    """Links, in MuJoCo's order, without the world; the first is the floating base."""
    joint_lower: Float[np.ndarray, " joints"]
    """Lower ends of the joints [rad]."""
    joint_upper: Float[np.ndarray, " joints"]
    """Upper ends of the joints [rad]."""
    velocity_limit: Float[np.ndarray, " joints"]
    """Joint speeds that are never to be passed [rad/s]."""
    velocity_limit_soft: Float[np.ndarray, " joints"]
    """Joint speeds of the strictest published description; what motions keep unless more is asked for [rad/s]."""
    effort_limit: Float[np.ndarray, " joints"]
    """Joint torques that are never to be passed [N m]."""
    effort_limit_soft: Float[np.ndarray, " joints"]
    """Joint torques of the strictest published description, for warnings [N m]."""
    default_joint_pos: Float[np.ndarray, " joints"]
    """Joint angles of the standing pose [rad]."""
    default_root_height: float
    """Height of the floating base at which the soles of the standing pose touch the floor [m]."""
    foot_body_names: tuple[str, str]
    """Links that carry the left and the right sole."""
    sole_points_b: Float[np.ndarray, "points 3"]
    """Corners of a sole in the frame of its link, the same for both feet [m]."""

    def __post_init__(self) -> None:
        """Check the shapes of the arrays."""
        dims = {"joints": len(self.joint_names)}
        names = ("joint_lower", "joint_upper", "velocity_limit", "velocity_limit_soft", "effort_limit")
        names += ("effort_limit_soft", "default_joint_pos")
        fields = {name: checked_array(name, getattr(self, name), ("joints",), dims) for name in names}
        freeze_fields(self, {**fields, "sole_points_b": checked_array("sole_points_b", self.sole_points_b, ("n", 3))})

    @property
    def default_qpos(self) -> Float[np.ndarray, " 7+joints"]:
        """Generalised positions of the standing pose, facing +x."""
        return np.concatenate([[0, 0, self.default_root_height, 1, 0, 0, 0], self.default_joint_pos])

    def mj_model(self) -> mujoco.MjModel:
        """Compile a new MuJoCo model; it is the caller's to change."""
        files = sorted(self.mesh_dir.glob("*.STL")) if self.mesh_dir else []
        return mujoco.MjModel.from_xml_string(self.mjcf, {file.name: file.read_bytes() for file in files})

    def pin_model(self) -> pin.Model:
        """Build a new Pinocchio model with a free-flyer root; it is the caller's to change.

        Raises:
            RuntimeError: Pinocchio read another robot from the same text than MuJoCo did; a bug of ours.
        """
        with tempfile.TemporaryDirectory() as scratch:
            path = Path(scratch) / f"{self.name}.xml"
            path.write_text(self.mjcf, encoding="utf-8")
            model = pin.buildModelFromMJCF(str(path))
        if tuple(model.names)[2:] != self.joint_names or model.nq != 7 + len(self.joint_names):
            raise RuntimeError(f"Pinocchio read {list(model.names)} from the MJCF of {self.name}")
        # MJCF has no place for speed limits, and Pinocchio leaves what it does not find at infinity.
        model.velocityLimit[6:] = self.velocity_limit
        model.effortLimit[6:] = self.effort_limit
        return model
