"""Turns the place of the centre of mass and of both soles, the base's height and lean and the upper body into a pose.

Six joints of each leg and the base's place on the floor are what is sought, as many as there are conditions; so feet
that are given one place stay there to the last bit, and a pose is as smooth in time as what it is asked for.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pinocchio as pin
from jaxtyping import Float

from robots.model import RobotModel

_MOST_STEPS = 40
_CONVERGED = 1e-11
"""Error below which a pose counts as found [m, rad]."""
_LONGEST_STEP = 0.3
"""Of a Newton step in any coordinate [m, rad]."""


class FootPoses(NamedTuple):
    """Poses of the left and right foot link in the world."""

    rot: Float[np.ndarray, "2 3 3"]
    pos: Float[np.ndarray, "2 3"]


class StandingRobot:
    """One robot with two legs of six joints, and its standing pose."""

    def __init__(self, robot: RobotModel) -> None:
        """Find the legs.

        Raises:
            ValueError: A leg has not six joints.
        """
        self.robot, self.model = robot, robot.pin_model()
        self._data = self.model.createData()
        self.foot_frames = [self.model.getFrameId(name, pin.BODY) for name in robot.foot_body_names]
        self.legs = [self._leg(frame) for frame in self.foot_frames]
        if any(len(leg) != 6 for leg in self.legs):
            raise ValueError(f"{robot.name} has {[len(leg) for leg in self.legs]} joints in its legs, not six each")
        self._leg_columns = np.concatenate(self.legs)
        self.upper = np.setdiff1d(np.arange(len(robot.joint_names)), self._leg_columns)
        """Joints that are in neither leg, as columns of a motion."""
        self.default_q = to_pin(robot.default_qpos[None])[0]
        self.default_feet = self.feet(self.default_q)
        self.default_com = self.com(self.default_q)

    def _leg(self, frame: int) -> list[int]:
        """Joints between the base and a foot, as columns of a motion."""
        joint, leg = self.model.frames[frame].parentJoint, []
        while joint > 1:
            leg.append(self.model.joints[joint].idx_q - 7)
            joint = self.model.parents[joint]
        return sorted(leg)

    def feet(self, q: Float[np.ndarray, " nq"]) -> FootPoses:
        """Return where the feet are."""
        pin.forwardKinematics(self.model, self._data, q)
        placed = [pin.updateFramePlacement(self.model, self._data, frame) for frame in self.foot_frames]
        return FootPoses(np.array([foot.rotation for foot in placed]), np.array([foot.translation for foot in placed]))

    def com(self, q: Float[np.ndarray, " nq"]) -> Float[np.ndarray, " 3"]:
        """Return where the centre of mass is [m]."""
        return pin.centerOfMass(self.model, self._data, q).copy()

    def solve(
        self, q: Float[np.ndarray, " nq"], com_xy: Float[np.ndarray, " 2"], feet: FootPoses
    ) -> Float[np.ndarray, " nq"] | None:
        """Find the legs and the base's place on the floor by Newton's method, from a pose that is near; None if none.

        Args:
            q: Start; height and lean of the base and all joints above the legs are kept.
            com_xy: Where the centre of mass is to be over the floor [m].
            feet: Where the feet are to be.
        """
        q = q.copy()
        targets = [pin.SE3(rot, pos) for rot, pos in zip(feet.rot, feet.pos, strict=True)]
        for _ in range(_MOST_STEPS):
            error, jacobian = self._conditions(q, com_xy, targets)
            if np.abs(error).max() < _CONVERGED:
                return q
            try:
                step = np.linalg.solve(jacobian, error)
            except np.linalg.LinAlgError:
                return None
            step *= min(1.0, _LONGEST_STEP / np.abs(step).max())
            q[:2] += step[:2]
            q[7 + self._leg_columns] += step[2:]
        return None

    def _conditions(
        self, q: np.ndarray, com_xy: np.ndarray, targets: list[pin.SE3]
    ) -> tuple[Float[np.ndarray, " 14"], Float[np.ndarray, "14 14"]]:
        """What is missing, and how it changes with the base's place and the legs."""
        model, data = self.model, self._data
        of_com = pin.jacobianCenterOfMass(model, data, q)
        pin.computeJointJacobians(model, data, q)
        to_base = pin.Quaternion(q[3:7]).toRotationMatrix().T[:, :2]
        columns = 6 + self._leg_columns
        error, jacobian = np.empty(14), np.empty((14, 14))
        error[:2] = com_xy - data.com[0][:2]
        jacobian[:2, :2], jacobian[:2, 2:] = np.eye(2), of_com[:2, columns]
        for i, (frame, target) in enumerate(zip(self.foot_frames, targets, strict=True)):
            rows = slice(2 + 6 * i, 8 + 6 * i)
            missing = pin.updateFramePlacement(model, data, frame).actInv(target)
            of_foot = pin.getFrameJacobian(model, data, frame, pin.LOCAL)
            error[rows] = pin.log6(missing).vector
            jacobian[rows, :2], jacobian[rows, 2:] = of_foot[:, :3] @ to_base, of_foot[:, columns]
        return error, jacobian


def to_pin(qpos: Float[np.ndarray, "frames nq"]) -> Float[np.ndarray, "frames nq"]:
    """Return MuJoCo's generalised positions as Pinocchio's."""
    return np.hstack([qpos[:, :3], qpos[:, 4:7], qpos[:, 3:4], qpos[:, 7:]])


def to_mujoco(q: Float[np.ndarray, "frames nq"]) -> Float[np.ndarray, "frames nq"]:
    """Return Pinocchio's configurations as MuJoCo's."""
    return np.hstack([q[:, :3], q[:, 6:7], q[:, 3:6], q[:, 7:]])
