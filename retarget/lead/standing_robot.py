"""Turns the place of the centre of mass and of both soles, the base's height and lean and the upper body into a pose.

Six joints of each leg and the base's place on the floor are what is sought, as many as there are conditions; so feet
that are given one place stay there to the last bit, and a pose is as smooth in time as what it is asked for.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pinocchio as pin
from jaxtyping import Float, Int
from scipy.spatial.transform import Rotation

from retarget.lead.curves import Ends, meeting
from robots.model import RobotModel

_MOST_STEPS = 50
_CONVERGED = 1e-11
"""Error below which a pose counts as found [m, rad]."""
_MET, _SETTLED = 1e-9, 1e-7
"""Error and step below which a pose is as near to its posture as it gets [m, rad]."""
_HEIGHT_WEIGHT = 4.0
"""What a metre of the base's height weighs, in radians of its lean [rad/m]."""
_ALONG_FLOOR = 1e-2
"""What its place on the floor weighs, which the centre of mass decides."""
_HOLD, _HOLD_RAD = 6.0, 0.05
"""Weight of a joint that is this far beyond where it is held back [1, rad]."""
_BACK_RAD = 0.15
"""How far a joint goes back to take up a clip's speed [rad]."""
_ROOM = 0.7
"""Share of the way to its limit that it may go [1]."""
_QUICK_S = 0.15
"""Where a joint is so fast that it has to go farther, the time in which it does [s]."""
_UNDAMPED_STEPS, _DAMPED = 10, 0.5
"""Steps that are taken whole, and the share of later ones that is taken: two poses may take turns otherwise."""
_LONGEST_STEP = 0.3
"""Of a Newton step in any coordinate [m, rad]."""


class FootPoses(NamedTuple):
    """Poses of the left and right foot link in the world."""

    rot: Float[np.ndarray, "2 3 3"]
    pos: Float[np.ndarray, "2 3"]


class Raised(NamedTuple):
    """A foot that is off the floor."""

    side: int
    """0 left, 1 right."""
    point_b: Float[np.ndarray, " 3"]
    """What of it is where it has to be, in its link's frame [m]."""


class Posture(NamedTuple):
    """What base and legs are to be like where feet and weight leave a choice."""

    q: Float[np.ndarray, " nq"]
    """Pinocchio's configuration; its base's place on the floor and its upper body do not count."""
    base_weight: float
    """Of a radian of the base's lean [1]; of its height see ``_HEIGHT_WEIGHT``."""
    leg_weight: float
    """Of a radian of a joint of a leg [1]."""
    lower: Float[np.ndarray, " joints"]
    """Angles below which joints of legs are held back ever more, all joints of the robot [rad]."""
    upper: Float[np.ndarray, " joints"]
    """Angles above which they are [rad]."""

    def from_base(self, q: Float[np.ndarray, " nq"], share: float) -> Posture:
        """The same, but with a base between that of another configuration (share 0) and its own (share 1)."""
        between = self.q.copy()
        there = Rotation.from_quat(q[3:7])
        way = (there.inv() * Rotation.from_quat(self.q[3:7])).as_rotvec()
        between[2] = q[2] + share * (self.q[2] - q[2])
        between[3:7] = (there * Rotation.from_rotvec(share * way)).as_quat()
        return self._replace(q=between)

    def pull(self, q: np.ndarray, legs: np.ndarray) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, " n"]]:
        """How far base and legs are from where they are to be, and how readily each coordinate gives way."""
        lean = Rotation.from_quat(q[3:7]).inv() * Rotation.from_quat(self.q[3:7])
        angles = q[7 + legs]
        beyond = angles - np.clip(angles, self.lower[legs], self.upper[legs])
        held = 3.0 * (_HOLD * beyond / _HOLD_RAD) ** 2  # Newton's model of a cost that grows with the fourth power
        wanted = self.leg_weight**2 * self.q[7 + legs] + held * (angles - beyond / 3.0)
        stiff = self.leg_weight**2 + held
        missing = np.concatenate([np.zeros(2), self.q[2:3] - q[2:3], lean.as_rotvec(), wanted / stiff - angles])
        base = self.base_weight**2 * np.array([_ALONG_FLOOR, _ALONG_FLOOR, _HEIGHT_WEIGHT**2, 1.0, 1.0, 1.0])
        return missing, 1.0 / np.concatenate([base, stiff])


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
        self.leg_joints = np.concatenate(self.legs)
        self.arms_out = np.array([_outwards(name) for name in robot.joint_names])
        """Sign of the angle that takes an arm away from the body, 0 of other joints."""
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

    def joints_meeting(
        self,
        time_s: Float[np.ndarray, " frames"],
        start: Float[np.ndarray, " n"],
        joints: Int[np.ndarray, " n"],
        start_s: float,
        stop_s: float,
        ends: Ends,
        run_up_s: float,
    ) -> Float[np.ndarray, "frames n"]:
        """Ways of joints to where a clip has them, with its speed where that takes no run-up beyond a limit.

        Args:
            time_s: Of every frame [s].
            start: Angles at first [rad].
            joints: Which they are, as columns of a motion.
            start_s: When they begin to move [s].
            stop_s: When the clip begins [s].
            ends: Where and how fast it has them.
            run_up_s: Longest time in which its speed is taken up [s].
        """
        lower, upper = self.robot.joint_lower[joints], self.robot.joint_upper[joints]
        room = np.where(ends.vel > 0.0, ends.pos - lower, upper - ends.pos)
        room = np.minimum(_ROOM * room, np.maximum(_BACK_RAD, 0.5 * _QUICK_S * np.abs(ends.vel)))
        path = meeting(time_s, start, [], start_s, stop_s, *ends.within(run_up_s, room))
        return np.clip(path, np.minimum(lower, ends.pos), np.maximum(upper, ends.pos))

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
        raised: Raised | None = None,
        posture: Posture | None = None,
    ) -> Float[np.ndarray, " nq"] | None:
        """Find legs and base by Newton's method, from a pose that is near; None if there are none.

        Without a posture, height and lean of the base are kept, and the rest is as many coordinates as conditions.
        With one, base and legs are those nearest to it that meet the conditions: as long as the posture itself meets
        them they are it, whichever way a knee bends; and where legs are too short the base gives way.

        Args:
            q: Start; all joints above the legs are kept.
            com_xy: Where the centre of mass is to be over the floor [m].
            feet: Where the feet are to be.
            raised: Foot that is off the floor: its yaw and ankle joints are kept too, it turns as they say, and one of
                its points is where it would be of the pose.
            posture: What base and legs are to be like.
        """
        q = q.copy()
        sought = list(self.legs)
        targets = [pin.SE3(rot, pos) for rot, pos in zip(feet.rot, feet.pos, strict=True)]
        points_b = np.zeros((2, 3))
        if raised is not None:
            sought[raised.side] = self.legs[raised.side][[0, 1, 3]]
            points_b[raised.side] = raised.point_b
        legs = np.concatenate(sought)
        for taken in range(_MOST_STEPS):
            error, jacobian = self._conditions(q, com_xy, targets, sought, points_b)
            met = np.abs(error).max() < (_CONVERGED if posture is None else _MET)
            if posture is None and met:
                return q
            try:
                step = self._step(q, error, jacobian, legs, posture)
            except np.linalg.LinAlgError:
                return None
            largest = np.abs(step).max()
            if met and largest < _SETTLED:
                return q
            step *= min(1.0, _LONGEST_STEP / largest) * (1.0 if taken < _UNDAMPED_STEPS else _DAMPED)
            q[:3] += step[:3]
            q[3:7] = _turned(q[3:7], step[3:6])
            q[7 + legs] += step[6:]
        return None

    def _step(
        self, q: np.ndarray, error: np.ndarray, jacobian: np.ndarray, legs: np.ndarray, posture: Posture | None
    ) -> Float[np.ndarray, " n"]:
        """One step of base and legs: the one that removes the error, and of those the one nearest to the posture.

        Raises:
            numpy.linalg.LinAlgError: None does.
        """
        if posture is None:
            moved = np.r_[0:2, 6 : jacobian.shape[1]]
            step = np.zeros(jacobian.shape[1])
            step[moved] = np.linalg.solve(jacobian[:, moved], error)
            return step
        missing, give = posture.pull(q, legs)
        weighted = jacobian * give
        return missing + weighted.T @ np.linalg.solve(weighted @ jacobian.T, error - jacobian @ missing)

    def _conditions(
        self,
        q: np.ndarray,
        com_xy: np.ndarray,
        targets: list[pin.SE3],
        sought: list[np.ndarray],
        points_b: Float[np.ndarray, "2 3"],
    ) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, "n n"]]:
        """What is missing, and how it changes with the base's place (world), turn (own axes) and the joints sought."""
        model, data = self.model, self._data
        of_com = pin.jacobianCenterOfMass(model, data, q)
        pin.computeJointJacobians(model, data, q)
        to_base = pin.Quaternion(q[3:7]).toRotationMatrix().T
        columns = 6 + np.concatenate(sought)
        errors = [com_xy - data.com[0][:2]]
        rows = [np.hstack([np.eye(2, 3), of_com[:2, 3:6], of_com[:2, columns]])]
        for frame, target, joints, point in zip(self.foot_frames, targets, sought, points_b, strict=True):
            missing = pin.updateFramePlacement(model, data, frame).actInv(target)
            of_foot = pin.getFrameJacobian(model, data, frame, pin.LOCAL)
            if len(joints) == 6:
                errors.append(pin.log6(missing).vector)
            else:  # place of the point alone
                errors.append(missing.act(point) - point)
                of_foot = of_foot[:3] - pin.skew(point) @ of_foot[3:]
            rows.append(np.hstack([of_foot[:, :3] @ to_base, of_foot[:, 3:6], of_foot[:, columns]]))
        return np.concatenate(errors), np.vstack(rows)


def _outwards(joint: str) -> float:
    if "shoulder_roll" not in joint:
        return 0.0
    return 1.0 if joint.startswith("left") else -1.0


def _turned(quat_xyzw: np.ndarray, step: np.ndarray) -> Float[np.ndarray, " 4"]:
    """Turn a base about its own axes."""
    if not step.any():
        return quat_xyzw
    turned = pin.Quaternion(quat_xyzw) * pin.Quaternion(pin.exp3(step))
    turned.normalize()
    return turned.coeffs()


def to_pin(qpos: Float[np.ndarray, "frames nq"]) -> Float[np.ndarray, "frames nq"]:
    """Return MuJoCo's generalised positions as Pinocchio's."""
    return np.hstack([qpos[:, :3], qpos[:, 4:7], qpos[:, 3:4], qpos[:, 7:]])


def to_mujoco(q: Float[np.ndarray, "frames nq"]) -> Float[np.ndarray, "frames nq"]:
    """Return Pinocchio's configurations as MuJoCo's."""
    return np.hstack([q[:, :3], q[:, 6:7], q[:, 3:6], q[:, 7:]])
