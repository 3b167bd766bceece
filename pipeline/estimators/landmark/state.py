"""The unknowns of a clip, and the body they put into space together with its derivatives.

Everything is solved in the axes of the first frame's camera (``_c0``): evidence never has to be turned when
the belief about gravity changes. Only the ground terms and the final motion speak of up and floor.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from jaxtyping import Float

from pipeline.estimators.landmark import so3
from pipeline.estimators.landmark.joint_table import MOVING_JOINTS
from pipeline.estimators.landmark.tracked_points import TrackedPoints
from retarget.smpl_skeleton import forward_kinematics


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ClipState:
    """One belief about the whole clip."""

    rotation: Float[np.ndarray, "frames 24 3 3"]
    """Parent-relative rotations; the pelvis' is relative to the first camera's axes."""
    root_pos: Float[np.ndarray, "frames 3"]
    """Pelvis in a resting frame with the first camera's axes [m]."""
    camera_pos: Float[np.ndarray, "frames 3"]
    """Optical centre in the same frame [m]."""
    up: Float[np.ndarray, " 3"]
    """Unit vector against gravity."""
    floor: float
    """Height of the floor along ``up`` [m]."""

    def part(self, frames: slice) -> ClipState:
        """Return the belief about some frames."""
        return replace(
            self,
            rotation=self.rotation[frames],
            root_pos=self.root_pos[frames],
            camera_pos=self.camera_pos[frames],
        )

    def horizontal(self) -> Float[np.ndarray, "2 3"]:
        """Two unit vectors along the floor; a tilt moves ``up`` towards them."""
        return camera_axes(self.up)

    def moved(self, step: Float[np.ndarray, "frames n"], border: Float[np.ndarray, " 3"]) -> ClipState:
        """Apply one step of the solver: see :class:`Unknowns` for the order."""
        joints = list(MOVING_JOINTS)
        n_rotation = 3 * (1 + len(joints))
        rotation = self.rotation.copy()
        rotation[:, joints] = rotation[:, joints] @ so3.exp(step[:, 3:n_rotation].reshape(len(step), -1, 3))
        camera = self.camera_pos + step[:, n_rotation:] if step.shape[1] > n_rotation else self.camera_pos
        moved = replace(self, rotation=rotation, root_pos=self.root_pos + step[:, :3], camera_pos=camera)
        return moved.with_ground(self.up + border[:2] @ self.horizontal(), self.floor + float(border[2]))

    def with_ground(self, up: Float[np.ndarray, " 3"], floor: float) -> ClipState:
        """Exchange the belief about the ground."""
        return replace(self, up=up / np.linalg.norm(up), floor=floor)


def camera_axes(up: Float[np.ndarray, " 3"]) -> Float[np.ndarray, "2 3"]:
    """Unit vectors across ``up`` along which it moves when the first camera rolls, and when it pitches."""
    sideways = np.array([1.0, 0.0, 0.0]) if abs(up[0]) < 0.9 else np.array([0.0, 1.0, 0.0])
    sideways = sideways - (sideways @ up) * up
    sideways /= np.linalg.norm(sideways)
    return np.stack([sideways, np.cross(sideways, up)])


@dataclass(frozen=True, slots=True, kw_only=True)
class Unknowns:
    """Columns of a frame: 3 root translation, 3 per moving joint, 3 camera position if it moves."""

    camera_moves: bool

    @property
    def n(self) -> int:
        """Unknowns of a frame."""
        return 3 * (1 + len(MOVING_JOINTS) + self.camera_moves)

    @property
    def joint_blocks(self) -> np.ndarray:
        """Blocks of three columns that belong to ``MOVING_JOINTS``."""
        return 1 + np.arange(len(MOVING_JOINTS))

    @property
    def camera_block(self) -> int:
        """Block of the camera's position, meaningful only if it moves."""
        return 1 + len(MOVING_JOINTS)


@dataclass(frozen=True, kw_only=True, eq=False)
class Placed:
    """A belief with the body in place: what residuals read."""

    state: ClipState
    unknowns: Unknowns
    tracked: TrackedPoints
    joint_pos: Float[np.ndarray, "frames 24 3"]
    """Joints in the first camera's axes [m]."""
    joint_rot: Float[np.ndarray, "frames 24 3 3"]
    """Their rotations in the same axes."""
    points: Float[np.ndarray, "frames points 3"]
    """Tracked points in the same axes [m]."""
    joint_rotvec: Float[np.ndarray, "frames joints 3"]
    """Axis-angle of ``MOVING_JOINTS[1:]`` [rad]."""

    @cached_property
    def jacobian(self) -> Float[np.ndarray, "frames points 3 n"]:
        """Derivative of ``points`` by the frame's unknowns, 50 kB a frame; the camera's columns are zero."""
        by_rotation = self.tracked.rotation_jacobian(self.joint_pos, self.joint_rot, MOVING_JOINTS)
        frames, n_points = by_rotation.shape[:2]
        jacobian = np.zeros((frames, n_points, 3, self.unknowns.n))
        jacobian[..., :3] = np.eye(3)
        jacobian[..., 3 : 3 * (1 + len(MOVING_JOINTS))] = by_rotation.reshape(frames, n_points, 3, -1)
        return jacobian


def place(
    state: ClipState, points: TrackedPoints, rest_joint_pos: Float[np.ndarray, "24 3"], unknowns: Unknowns
) -> Placed:
    """Put the body where the state says."""
    joint_pos, joint_rot = forward_kinematics(state.rotation, rest_joint_pos, state.root_pos - rest_joint_pos[0])
    return Placed(
        state=state,
        unknowns=unknowns,
        tracked=points,
        joint_pos=joint_pos,
        joint_rot=joint_rot,
        points=points.locate(joint_pos, joint_rot),
        joint_rotvec=so3.log(state.rotation[:, list(MOVING_JOINTS[1:])]),
    )
