"""Turns a reference into a plan that can be executed: still, flat feet and a centre of mass that they can carry.

The reference's contacts are kept, its stances stand still (:mod:`~pipeline.tracking.plan_footholds`), the centre of
mass takes the nearest path whose zero-moment point stays under the feet (:mod:`~pipeline.tracking.plan_preview`), and
the rest of the body follows the reference as closely as these two allow (:mod:`~pipeline.tracking.plan_ik`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

import mujoco
import numpy as np
from jaxtyping import Bool, Float
from scipy.ndimage import gaussian_filter1d, minimum_filter1d
from scipy.spatial.transform import Rotation

from pipeline.tracking.plan_footholds import FootholdConfig, FootPaths, foot_paths
from pipeline.tracking.plan_ik import PlanIkConfig, follow, settle
from pipeline.tracking.plan_preview import PreviewConfig, Support, convex_polygon, preview
from pipeline.tracking.reference import Feet, Reference
from robots.arrays import check_settings
from robots.kinematics import generalised_velocities
from robots.model import RobotModel


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanConfig:
    """How a reference is repaired."""

    footholds: FootholdConfig = field(default_factory=FootholdConfig)
    """Of the feet."""
    preview: PreviewConfig = field(default_factory=PreviewConfig)
    """Of the centre of mass."""
    ik: PlanIkConfig = field(default_factory=PlanIkConfig)
    """Of the whole body."""
    support_share: float = 0.6
    """Share of the sole's length and width about its centre in which the zero-moment point is planned; the rest is
    left to feedback."""
    rounds: int = 3
    """How often path and body are solved; the angular momentum of a round enters the next one's path."""
    settling_s: float = 0.15
    """Over what time the centre of mass takes up that flat feet stand elsewhere and lower than tiptoe [s]."""
    calming_s: float = 0.04
    """Over what time the solution of a round is smoothed before the next one follows it [s]."""
    momentum_smoothing_s: float = 0.03
    """Over what time the angular momentum is smoothed before it is differentiated [s]."""

    def __post_init__(self) -> None:
        """Check ranges.

        Raises:
            InvalidArray: A number is outside its range.
        """
        check_settings(self, positive=("support_share", "rounds"), at_most_one=("support_share",))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Plan:
    """A motion at the control rate that its own feet can carry, if anything near the reference can be carried."""

    hz: float
    """Samples per second [1/s]."""
    qpos: Float[np.ndarray, "n nq"]
    """Generalised positions."""
    qvel: Float[np.ndarray, "n nv"]
    """Root velocity in the world, root angular velocity in its own frame, joint speeds."""
    qacc: Float[np.ndarray, "n nv"]
    """Their rates of change."""
    feet: FootPaths
    """Contacts and ways of the feet."""
    com_w: Float[np.ndarray, "n 3"]
    """Centre of mass [m]."""
    com_vel_w: Float[np.ndarray, "n 3"]
    """Its velocity [m/s]."""
    com_acc_w: Float[np.ndarray, "n 3"]
    """Its acceleration [m/s^2]."""
    momentum_w: Float[np.ndarray, "n 3"]
    """Angular momentum about the centre of mass [N m s]."""
    momentum_rate_w: Float[np.ndarray, "n 3"]
    """Its rate of change [N m]."""
    foot_pos_w: Float[np.ndarray, "n 2 3"]
    """Origins of the foot links [m]."""
    foot_rot_w: Float[np.ndarray, "n 2 3 3"]
    """Their orientations."""
    foot_vel_w: Float[np.ndarray, "n 2 6"]
    """Their velocities [m/s] and angular velocities [rad/s]."""
    foot_acc_w: Float[np.ndarray, "n 2 6"]
    """Rates of change of these."""
    supports: tuple[Support, ...]
    """Where the zero-moment point was planned."""

    def __len__(self) -> int:
        """Return the number of samples."""
        return len(self.qpos)

    @property
    def contact(self) -> Bool[np.ndarray, "n 2"]:
        """Feet that stand."""
        return self.feet.contact


def make_plan(robot: RobotModel, ref: Reference, config: PlanConfig | None = None) -> Plan:
    """Repair a reference until its feet can carry it.

    Args:
        robot: The robot.
        ref: What to stay near; without any contact the plan is the reference itself.
        config: Settings; defaults when left out.
    """
    config = config or PlanConfig()
    feet, com_w = _settled(robot, ref, config)
    supports = _supports(robot, feet, config.support_share)
    mass = float(robot.mj_model().body_mass.sum())
    qpos = ref.qpos
    wanted = _centroidal(robot, ref.qpos, ref.hz)[1]
    for number in range(config.rounds if feet.contact.any() else 0):
        momentum = wanted if number == 0 else _centroidal(robot, qpos, ref.hz)[1]
        rate = np.gradient(_smoothed(momentum, config.momentum_smoothing_s * ref.hz), 1 / ref.hz, axis=0)
        path = preview(com_w, rate, supports, mass, ref.hz, config.preview)
        guide = ref.qpos if number == 0 else _calmed(robot, qpos, config.calming_s * ref.hz)
        qpos = follow(robot, guide, ref.hz, feet, path, wanted, config.ik)
        com_w = _within_reach(robot, com_w, qpos, config.settling_s * ref.hz)
    return _with_rates(robot, ref.hz, qpos, feet, supports, config)


def flat_headings(robot: RobotModel, qpos: Float[np.ndarray, "n nq"]) -> Float[np.ndarray, "n 2"]:
    """Return the headings in which each foot can lie flat under its shin as that is, without jumps [rad].

    The ankle pitches about an axis of the shin and rolls about the foot's length. A flat foot's length is horizontal
    and at a right angle to the pitch axis, which leaves one direction.
    """
    model = robot.mj_model()
    data = mujoco.MjData(model)
    pitch = [model.body_jntadr[model.body_parentid[model.body(name).id]] for name in robot.foot_body_names]
    axis = np.empty((len(qpos), 2, 3))
    for i, q in enumerate(qpos):
        data.qpos[:] = q
        mujoco.mj_kinematics(model, data)
        axis[i] = data.xaxis[pitch]
    return np.unwrap(np.arctan2(-axis[..., 0], axis[..., 1]), axis=0)


def _supports(robot: RobotModel, feet: FootPaths, share: float) -> tuple[Support, ...]:
    """Polygons under the standing feet, one for every span in which these stay the same."""
    middle = robot.sole_points_b.mean(axis=0)
    sole = middle + share * (robot.sole_points_b - middle)
    edges = [0, len(feet.contact), *(edge for row in feet.footholds for hold in row for edge in hold.span)]
    edges = sorted(set(edges))
    supports = []
    for start, stop in pairwise(edges):
        standing = [hold for row in feet.footholds for hold in row if hold.span[0] <= start < hold.span[1]]
        points = [(sole @ hold.rot_w.T + hold.pos_w)[:, :2] for hold in standing]
        supports.append(Support((start, stop), convex_polygon(np.concatenate(points)) if points else None))
    return tuple(supports)


def _calmed(robot: RobotModel, qpos: Float[np.ndarray, "n nq"], width: float) -> Float[np.ndarray, "n nq"]:
    """Smooth configurations; what the next round follows should have no kinks where joints met their limits."""
    calm = _smoothed(qpos, width)
    calm[:, 3:7] /= np.linalg.norm(calm[:, 3:7], axis=1, keepdims=True)
    np.clip(calm[:, 7:], robot.joint_lower, robot.joint_upper, out=calm[:, 7:])
    return calm


def _within_reach(
    robot: RobotModel, com_w: Float[np.ndarray, "n 3"], qpos: Float[np.ndarray, "n nq"], width: float
) -> Float[np.ndarray, "n 3"]:
    """Lower a path of the centre of mass, smoothly, to where the legs let it come."""
    missed = np.minimum(Feet.of(robot, qpos).com_pos_w[:, 2] - com_w[:, 2], 0.0)
    lower = gaussian_filter1d(minimum_filter1d(missed, 2 * round(width) + 1), width)
    return com_w + lower[:, None] * [0.0, 0.0, 1.0]


def _settled(robot: RobotModel, ref: Reference, config: PlanConfig) -> tuple[FootPaths, Float[np.ndarray, "n 3"]]:
    """Where feet can stand flat, and where the centre of mass comes to with them [m]."""
    qpos = settle(robot, ref, flat_headings(robot, ref.qpos), config.ik)
    settled = Feet.of(robot, qpos)
    stands = ref.contact[..., None]
    pos_w = np.where(stands, settled.pos_w, ref.foot_pos_w)
    rot_w = np.where(stands[..., None], settled.rot_w, ref.foot_rot_w)
    heading = flat_headings(robot, qpos)
    feet = foot_paths(robot, ref.hz, ref.contact, pos_w, rot_w, heading, config.footholds)
    # Contacts come and go from one frame to the next; the body takes its time.
    moved = _smoothed(settled.com_pos_w - ref.com_pos_w, config.settling_s * ref.hz)
    moved[:, :2] += feet.shift_w
    return feet, ref.com_pos_w + moved


def _smoothed(x: Float[np.ndarray, " n *dims"], width: float) -> Float[np.ndarray, " n *dims"]:
    """Gaussian mean over some samples; unchanged where the width is nothing."""
    return gaussian_filter1d(x, width, axis=0, mode="nearest") if width > 0 else x


def _centroidal(
    robot: RobotModel, qpos: Float[np.ndarray, "n nq"], hz: float
) -> tuple[Float[np.ndarray, "n 3"], Float[np.ndarray, "n 3"], Float[np.ndarray, "n nv"]]:
    """Centre of mass [m], angular momentum about it [N m s] and generalised velocities of a path."""
    model = robot.mj_model()
    data = mujoco.MjData(model)
    qvel = generalised_velocities(model, qpos, hz)
    com_w, momentum = np.empty((len(qpos), 3)), np.empty((len(qpos), 3))
    for i in range(len(qpos)):
        data.qpos[:], data.qvel[:] = qpos[i], qvel[i]
        mujoco.mj_kinematics(model, data)
        mujoco.mj_comPos(model, data)
        mujoco.mj_comVel(model, data)
        mujoco.mj_subtreeVel(model, data)
        com_w[i], momentum[i] = data.subtree_com[0], data.subtree_angmom[0]
    return com_w, momentum, qvel


def _turning(rot_w: Float[np.ndarray, "n 2 3 3"], hz: float) -> Float[np.ndarray, "n 2 3"]:
    """Angular velocities in world axes, central differences [rad/s]."""
    spin = np.zeros(rot_w.shape[:3])
    turn = rot_w[2:] @ rot_w[:-2].swapaxes(2, 3)
    spin[1:-1] = Rotation.from_matrix(turn.reshape(-1, 3, 3)).as_rotvec().reshape(-1, 2, 3) * 0.5 * hz
    if len(spin) > 2:
        spin[0], spin[-1] = spin[1], spin[-2]
    return spin


def _with_rates(
    robot: RobotModel,
    hz: float,
    qpos: Float[np.ndarray, "n nq"],
    feet: FootPaths,
    supports: tuple[Support, ...],
    config: PlanConfig,
) -> Plan:
    """Differentiate the plan."""
    com_w, momentum, qvel = _centroidal(robot, qpos, hz)
    width = config.momentum_smoothing_s * hz
    com_vel = np.gradient(com_w, 1 / hz, axis=0)
    planned = Feet.of(robot, qpos)
    foot_vel = np.concatenate([np.gradient(planned.pos_w, 1 / hz, axis=0), _turning(planned.rot_w, hz)], axis=2)
    return Plan(
        hz=hz,
        qpos=qpos,
        qvel=qvel,
        qacc=np.gradient(_smoothed(qvel, width), 1 / hz, axis=0),
        feet=feet,
        com_w=com_w,
        com_vel_w=com_vel,
        com_acc_w=np.gradient(com_vel, 1 / hz, axis=0),
        momentum_w=momentum,
        momentum_rate_w=np.gradient(_smoothed(momentum, width), 1 / hz, axis=0),
        foot_pos_w=planned.pos_w,
        foot_rot_w=planned.rot_w,
        foot_vel_w=foot_vel,
        foot_acc_w=np.gradient(_smoothed(foot_vel, width), 1 / hz, axis=0),
        supports=supports,
    )
