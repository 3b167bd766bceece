"""Turns a robot motion into what a simulated robot follows: smooth, at the control rate, its soles on the floor."""

from __future__ import annotations

from dataclasses import dataclass

import mujoco
import numpy as np
from jaxtyping import Bool, Float
from scipy.interpolate import CubicSpline
from scipy.ndimage import binary_opening
from scipy.spatial.transform import Rotation, RotationSpline

from pipeline.tracking.exceptions import WrongDuration
from robots.arrays import check_settings, freeze_fields
from robots.kinematics import qpos_in_order
from robots.model import RobotModel
from robots.motion import RobotMotion, hemisphere_continuous
from robots.trajectory import DYNAMICS_LOW_PASS_HZ, low_passed


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceConfig:
    """How a motion is smoothed, and when a sole is taken to carry."""

    hz: float = 200.0
    """Control rate [1/s]."""
    low_pass_hz: float = DYNAMICS_LOW_PASS_HZ
    """What moves faster is taken out before accelerations are asked for [Hz]."""
    contact_prob: float = 0.5
    """A label above this says that the foot bears weight; exactly this says neither, as in PBHC's pads."""
    touch_height: float = 0.03
    """A sole whose lowest point is lower than this [m] ..."""
    touch_speed: float = 0.35
    """... and whose slowest point is slower than this [m/s] carries."""
    label_tolerance: float = 1.5
    """Both limits are wider by this factor where a label says that the foot bears weight."""
    lowest_height: float = 0.05
    """Where no foot would carry, the lower one does if it is below this [m]; otherwise the robot is in the air."""
    shortest_contact_s: float = 0.04
    """Contacts shorter than this are no steps but noise [s]."""
    shortest_s: float = 0.5
    """A motion shorter than this says nothing about tracking [s]."""
    longest_s: float = 900.0
    """A motion longer than this is refused, which bounds the memory to about 250 MB [s]."""

    def __post_init__(self) -> None:
        """Check the ranges."""
        check_settings(self, positive=("hz", "low_pass_hz", "shortest_s", "longest_s"), at_most_one=("contact_prob",))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Reference:
    """A motion at the control rate, with its derivatives and what its feet do; the floor is z = 0."""

    hz: float
    """Samples per second [1/s]."""
    fps: float
    """Rate of the motion it was made of [1/s]."""
    n_frames: int
    """Length of that motion."""
    qpos: Float[np.ndarray, "n nq"]
    """Generalised positions, joints in the robot's order and within its limits."""
    qvel: Float[np.ndarray, "n nv"]
    """Root velocity in the world, root angular velocity in its own frame, joint speeds."""
    qacc: Float[np.ndarray, "n nv"]
    """Their rates of change."""
    contact: Bool[np.ndarray, "n 2"]
    """Whether the left and the right foot carries, by label and geometry."""
    sole_pos_w: Float[np.ndarray, "n 2 points 3"]
    """Corners of the soles [m]."""
    foot_pos_w: Float[np.ndarray, "n 2 3"]
    """Origins of the foot links [m]."""
    foot_rot_w: Float[np.ndarray, "n 2 3 3"]
    """Orientations of the foot links."""
    com_pos_w: Float[np.ndarray, "n 3"]
    """Centre of mass [m]."""
    ground_offset_m: float
    """Stance height that was taken off the motion [m]."""

    def __post_init__(self) -> None:
        """Make the arrays read-only."""
        arrays = ("qpos", "qvel", "qacc", "contact", "sole_pos_w", "foot_pos_w", "foot_rot_w", "com_pos_w")
        for name in arrays:
            getattr(self, name).setflags(write=False)
        freeze_fields(self, {"hz": float(self.hz), "fps": float(self.fps)})

    def __len__(self) -> int:
        """Return the number of samples."""
        return len(self.qpos)

    @property
    def time_s(self) -> Float[np.ndarray, " n"]:
        """Time of each sample [s]."""
        return np.arange(len(self)) / self.hz

    def per_frame(self, series: Float[np.ndarray, " n"]) -> Float[np.ndarray, " frames"]:
        """Return the largest value within half a frame around each frame of the motion; NaN where all are NaN."""
        frame = np.minimum(np.rint(self.time_s * self.fps).astype(int), self.n_frames - 1)
        largest = np.full(self.n_frames, -np.inf)
        np.maximum.at(largest, frame, np.where(np.isnan(series), -np.inf, series))
        largest = np.where(np.isinf(largest), np.nan, largest)
        # At a control rate below the frame rate some frames have no sample of their own; they keep the one before.
        own = np.unique(frame)
        return largest[own[np.searchsorted(own, np.arange(self.n_frames), "right") - 1]]


def reference(robot: RobotModel, motion: RobotMotion, config: ReferenceConfig) -> Reference:
    """Smooth a motion, put it on the floor and sample it at the control rate.

    Positions and joints are cubic splines through the low-passed frames, the root's orientation a rotation spline.
    The median height of the carrying soles is taken off; in PBHC's pads (labels that say neither) it blends into the
    height of the pad's own end. A motion that never touches the floor is kept at its height; it has no contact.

    Raises:
        JointsDoNotMatch: The motion moves other joints than the robot has.
        WrongDuration: The motion is too short or too long.
    """
    if not config.shortest_s <= motion.duration_s <= config.longest_s:
        raise WrongDuration(motion.duration_s, shortest_s=config.shortest_s, longest_s=config.longest_s)
    qpos = qpos_in_order(robot, low_passed(motion, config.low_pass_hz))
    soles = Feet.of(robot, qpos)
    offset, offsets = _ground(soles.height, motion.foot_contact, config.contact_prob)
    qpos[:, 2] -= offsets
    qpos, qvel, qacc = _splined(robot, qpos, motion.fps, config.hz)
    feet = Feet.of(robot, qpos)
    time = np.arange(len(motion)) / motion.fps
    label = np.stack(
        [np.interp(np.arange(len(qpos)) / config.hz, time, side) for side in motion.foot_contact.T], axis=1
    )
    return Reference(
        hz=config.hz,
        fps=motion.fps,
        n_frames=len(motion),
        qpos=qpos,
        qvel=qvel,
        qacc=qacc,
        contact=_contacts(feet, label, config),
        sole_pos_w=feet.sole_pos_w,
        foot_pos_w=feet.pos_w,
        foot_rot_w=feet.rot_w,
        com_pos_w=feet.com_pos_w,
        ground_offset_m=offset,
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Feet:
    """Where feet, soles and centre of mass are."""

    pos_w: Float[np.ndarray, "n 2 3"]
    """Origins of the foot links [m]."""
    rot_w: Float[np.ndarray, "n 2 3 3"]
    """Their orientations."""
    sole_pos_w: Float[np.ndarray, "n 2 points 3"]
    """Corners of the soles [m]."""
    com_pos_w: Float[np.ndarray, "n 3"]
    """Centre of mass [m]."""

    @classmethod
    def of(cls, robot: RobotModel, qpos: Float[np.ndarray, "n nq"]) -> Feet:
        """Run MuJoCo's kinematics over all samples."""
        model = robot.mj_model()
        data = mujoco.MjData(model)
        feet = [model.body(name).id for name in robot.foot_body_names]
        pos_w, rot_w, com_pos_w = np.empty((len(qpos), 2, 3)), np.empty((len(qpos), 2, 9)), np.empty((len(qpos), 3))
        for i, q in enumerate(qpos):
            data.qpos[:] = q
            mujoco.mj_kinematics(model, data)
            mujoco.mj_comPos(model, data)
            pos_w[i], rot_w[i], com_pos_w[i] = data.xpos[feet], data.xmat[feet], data.subtree_com[0]
        rot_w = rot_w.reshape(-1, 2, 3, 3)
        sole_pos_w = np.einsum("nfij,pj->nfpi", rot_w, robot.sole_points_b) + pos_w[:, :, None]
        return cls(pos_w=pos_w, rot_w=rot_w, sole_pos_w=sole_pos_w, com_pos_w=com_pos_w)

    @property
    def height(self) -> Float[np.ndarray, "n 2"]:
        """Height of the lowest point of each sole [m]."""
        return self.sole_pos_w[..., 2].min(axis=2)

    def slip_speed(self, hz: float) -> Float[np.ndarray, "n 2"]:
        """Horizontal speed of the slowest point of each sole, its middle among them [m/s]."""
        points = np.concatenate([self.sole_pos_w, self.sole_pos_w.mean(axis=2, keepdims=True)], axis=2)
        return np.linalg.norm(np.gradient(points[..., :2], 1 / hz, axis=0), axis=-1).min(axis=2)


def _ground(
    height: Float[np.ndarray, "frames 2"], label: Float[np.ndarray, "frames 2"], contact_prob: float
) -> tuple[float, Float[np.ndarray, " frames"]]:
    """Return the stance height, and what is to be taken off in each frame [m]."""
    lowest = height.min(axis=1)
    # In double support the lower foot tells where the floor is, as its label may be late.
    carrying = lowest[(label > contact_prob).any(axis=1)]
    # Without labels the usual lowest point is the best guess of where the floor was meant to be.
    offset = float(np.median(carrying if len(carrying) else lowest))
    offsets = np.full(len(height), offset)
    said = np.flatnonzero((label != contact_prob).any(axis=1))
    if len(said):
        first, last = said[0], said[-1]
        offsets[:first] = np.linspace(lowest[0], offset, first, endpoint=False)
        offsets[last + 1 :] = np.linspace(lowest[-1], offset, len(height) - last - 1, endpoint=False)[::-1]
    return offset, offsets


def _splined(
    robot: RobotModel, qpos: Float[np.ndarray, "frames nq"], fps: float, hz: float
) -> tuple[Float[np.ndarray, "n nq"], Float[np.ndarray, "n nv"], Float[np.ndarray, "n nv"]]:
    """Sample positions, velocities and accelerations of splines through the frames."""
    old = np.arange(len(qpos)) / fps
    new = np.arange(int(np.floor(old[-1] * hz + 1e-9)) + 1) / hz
    new = np.minimum(new, old[-1])
    linear = CubicSpline(old, np.delete(qpos, np.s_[3:7], axis=1))
    turning = RotationSpline(old, Rotation.from_quat(qpos[:, 3:7], scalar_first=True))
    at, rate, rate2 = (linear(new, order) for order in range(3))
    rotation = turning(new)
    # The rates of SciPy's rotation spline are in the body's axes, as MuJoCo's are.
    spin, spin2 = (turning(new, order) for order in (1, 2))
    quat = hemisphere_continuous(rotation.as_quat(scalar_first=True))
    joints = np.clip(at[:, 3:], robot.joint_lower, robot.joint_upper)
    at_end = joints != at[:, 3:]
    rate[:, 3:][at_end] = 0.0
    rate2[:, 3:][at_end] = 0.0
    return (
        np.hstack([at[:, :3], quat, joints]),
        np.hstack([rate[:, :3], spin, rate[:, 3:]]),
        np.hstack([rate2[:, :3], spin2, rate2[:, 3:]]),
    )


def _contacts(feet: Feet, label: Float[np.ndarray, "n 2"], config: ReferenceConfig) -> Bool[np.ndarray, "n 2"]:
    """Say which foot carries: low and slow, with more tolerance where its label says so."""
    wider = np.where(label > config.contact_prob, config.label_tolerance, 1.0)
    height = feet.height
    carries = (height < wider * config.touch_height) & (feet.slip_speed(config.hz) < wider * config.touch_speed)
    # Upside down, a sole would hang the robot under the floor, which a plane of the simulation does not mind.
    faces_floor = feet.rot_w[..., 2, 2] > 0
    carries &= faces_floor
    lower = (height == height.min(axis=1, keepdims=True)) & (height < config.lowest_height)
    carries |= lower & faces_floor & ~carries.any(axis=1, keepdims=True)
    shortest = max(round(config.shortest_contact_s * config.hz), 1)
    padded = np.pad(carries, ((shortest, shortest), (0, 0)), mode="edge")
    return binary_opening(padded, np.ones((shortest, 1)))[shortest:-shortest]
