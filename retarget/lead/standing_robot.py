"""Turns the place of the centre of mass and of both soles, the base's height and lean and the upper body into a pose.

Six joints of each leg and the base's place on the floor are what is sought, as many as there are conditions; so feet
that are given one place stay there to the last bit, and a pose is as smooth in time as what it is asked for.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pinocchio as pin
from jaxtyping import Float, Int

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
    """One robot with a standing pose and two legs: hip pitch, roll and yaw, knee, ankle pitch and roll."""

    def __init__(self, robot: RobotModel) -> None:
        """Find the legs.

        Raises:
            ValueError: A leg has not six joints.
        """
        self.robot, self.model = robot, robot.pin_model()
        self._data = self.model.createData()
        self.mj_model = robot.mj_model()
        """For collisions; not to be changed."""
        self.foot_frames = [self.model.getFrameId(name, pin.BODY) for name in robot.foot_body_names]
        self.legs = [self._leg(frame) for frame in self.foot_frames]
        if any(len(leg) != 6 for leg in self.legs):
            raise ValueError(f"{robot.name} has {[len(leg) for leg in self.legs]} joints in its legs, not six each")
        self.upper = np.setdiff1d(np.arange(len(robot.joint_names)), np.concatenate(self.legs))
        """Joints that are in neither leg, as columns of a motion."""
        self.default_q = to_pin(robot.default_qpos[None])[0]
        self.default_feet = self.feet(self.default_q)
        self.default_com = self.com(self.default_q)

    def _leg(self, frame: int) -> Int[np.ndarray, " 6"]:
        """Joints between the base and a foot, as columns of a motion."""
        joint, leg = self.model.frames[frame].parentJoint, []
        while joint > 1:
            leg.append(self.model.joints[joint].idx_q - 7)
            joint = self.model.parents[joint]
        return np.sort(leg)

    def turning(self, side: int) -> Int[np.ndarray, " 3"]:
        """Joints that turn a foot more than they move it: yaw and ankle, as columns of a motion."""
        return self.legs[side][[2, 4, 5]]

    def feet(self, q: Float[np.ndarray, " nq"]) -> FootPoses:
        """Return where the feet are."""
        pin.forwardKinematics(self.model, self._data, q)
        placed = [pin.updateFramePlacement(self.model, self._data, frame) for frame in self.foot_frames]
        return FootPoses(np.array([foot.rotation for foot in placed]), np.array([foot.translation for foot in placed]))

    def com(self, q: Float[np.ndarray, " nq"]) -> Float[np.ndarray, " 3"]:
        """Return where the centre of mass is [m]."""
        return pin.centerOfMass(self.model, self._data, q).copy()

    def solve(
        self,
        q: Float[np.ndarray, " nq"],
        com_xy: Float[np.ndarray, " 2"],
        feet: FootPoses,
        raised: int | None = None,
    ) -> Float[np.ndarray, " nq"] | None:
        """Find the legs and the base's place on the floor by Newton's method, from a pose that is near; None if none.

        Args:
            q: Start; height and lean of the base and all joints above the legs are kept.
            com_xy: Where the centre of mass is to be over the floor [m].
            feet: Where the feet are to be.
            raised: Foot that is off the floor: its yaw and ankle joints are kept too, and it turns as they say.
        """
        q = q.copy()
        sought = [leg[[0, 1, 3]] if side == raised else leg for side, leg in enumerate(self.legs)]
        targets = [pin.SE3(rot, pos) for rot, pos in zip(feet.rot, feet.pos, strict=True)]
        for _ in range(_MOST_STEPS):
            error, jacobian = self._conditions(q, com_xy, targets, sought)
            if np.abs(error).max() < _CONVERGED:
                return q
            try:
                step = np.linalg.solve(jacobian, error)
            except np.linalg.LinAlgError:
                return None
            step *= min(1.0, _LONGEST_STEP / np.abs(step).max())
            q[:2] += step[:2]
            q[7 + np.concatenate(sought)] += step[2:]
        return None

    def _conditions(
        self, q: np.ndarray, com_xy: np.ndarray, targets: list[pin.SE3], sought: list[np.ndarray]
    ) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, "n n"]]:
        """What is missing, and how it changes with the base's place and the joints that are sought."""
        model, data = self.model, self._data
        of_com = pin.jacobianCenterOfMass(model, data, q)
        pin.computeJointJacobians(model, data, q)
        to_base = pin.Quaternion(q[3:7]).toRotationMatrix().T[:, :2]
        columns = 6 + np.concatenate(sought)
        errors = [com_xy - data.com[0][:2]]
        rows = [np.hstack([np.eye(2), of_com[:2, columns]])]
        for frame, target, joints in zip(self.foot_frames, targets, sought, strict=True):
            missing = pin.updateFramePlacement(model, data, frame).actInv(target)
            of_foot = pin.getFrameJacobian(model, data, frame, pin.LOCAL)
            wanted = len(joints)  # place and orientation, or place alone
            errors.append(pin.log6(missing).vector if wanted == 6 else missing.translation)
            rows.append(np.hstack([of_foot[:, :3] @ to_base, of_foot[:, columns]])[:wanted])
        return np.concatenate(errors), np.vstack(rows)


def to_pin(qpos: Float[np.ndarray, "frames nq"]) -> Float[np.ndarray, "frames nq"]:
    """Return MuJoCo's generalised positions as Pinocchio's."""
    return np.hstack([qpos[:, :3], qpos[:, 4:7], qpos[:, 3:4], qpos[:, 7:]])


def to_mujoco(q: Float[np.ndarray, "frames nq"]) -> Float[np.ndarray, "frames nq"]:
    """Return Pinocchio's configurations as MuJoCo's."""
    return np.hstack([q[:, :3], q[:, 6:7], q[:, 3:6], q[:, 7:]])
