"""Turns a robot motion into measurements: what MuJoCo and the robot's limits say of it."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float

from pipeline.measurement import Measurement, Measurements, largest
from pipeline.validation.balance import BalanceConfig, measure_balance
from pipeline.validation.body_geometry import BodyGeometry, body_geometry
from pipeline.validation.breaks import measure_breaks
from pipeline.validation.exceptions import WrongRobot
from pipeline.validation.feet import Stance, measure_skate
from pipeline.validation.flight import Flights, measure_flight
from pipeline.validation.footing import Footing, measure_footing
from pipeline.validation.forces import ForcesConfig, explain_motion, measure_forces
from pipeline.validation.ground import measure_ground, measure_hover, measure_soles
from pipeline.validation.joints import measure_jitter, measure_joint_range, measure_joint_speed
from pipeline.validation.labels import measure_labels
from pipeline.validation.posture import measure_posture
from pipeline.validation.root import measure_root
from robots.arrays import check_settings
from robots.model import RobotModel
from robots.motion import RobotMotion
from robots.trajectory import DYNAMICS_LOW_PASS_HZ, low_passed

LOW_PASSED = f"_lp{DYNAMICS_LOW_PASS_HZ:g}"
"""Ending of the names of what is measured on the low-passed motion."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidationConfig:
    """What the words "contact", "near", "resting" and "flight" mean in the measurements of a robot motion."""

    contact_prob: float = 0.5
    """A foot bears weight above this probability and does not below it; PBHC's pads say 0.5: neither."""
    near_limit: float = 0.95
    """A joint is near its limit beyond this share of the half range (PBHC's soft limit)."""
    touch_height: float = 0.01
    """A foot lower than this over the median stance height [m] ..."""
    touch_speed: float = 0.25
    """... and slower than this [m/s] rests on the floor, whatever its label says."""
    lift_height: float = 0.03
    """A foot higher than this over the median stance height does not bear weight, whatever its label says [m]."""
    hold_height: float = 0.02
    """A robot lower than this over its usual lowest height is on the floor, and stands on what is lower than this over
    its lowest point [m], whatever its labels say ..."""
    hold_speed: float = 0.2
    """... and it slides there while none of these points is slower than this [m/s]."""
    shortest_contact: float = 0.1
    """Contacts and lifts shorter than this are chatter of the labels [s]: 3 frames at 30 fps."""
    clear_height: float = 0.02
    """The robot is in the air while its lowest point is higher than this [m] and no label says otherwise ..."""
    flight_height: float = 0.03
    """... if it gets higher than this meanwhile [m]."""
    doubtful_height: float = 0.05
    """A robot that flies no higher than this [m] may have been on its toes: its fall is not held against it, and tells
    the speed of playback only where it is a parabola within the noise."""
    min_flight: float = 0.06
    """Shorter times in the air are no flight [s]; a hop of 0.12 s lasts so long at twice its speed."""
    com_noise: float = 0.001
    """Error with which the centre of mass is credited in flight [m]; that of retargeted jumps is below it."""
    flight_misfit: float = 0.006
    """Only flights that leave their parabola by less than this (RMS) tell the speed of playback [m]."""
    flight_acc_tolerance: float = 2.5
    """How far from free fall a flight may be before its height counts as hovering [m/s^2]."""
    still_speed: float = 0.001
    """Nothing moves faster than this within a freeze [rad/s and m/s]: frames that repeat each other ..."""
    moving_speed: float = 0.5
    """... and some joint moves faster than this just before or after [rad/s]."""
    min_freeze: float = 0.1
    """Shorter repetitions are no freeze [s]."""
    swap_jump: float = 0.5
    """Left and right change sides where exchanging them shortens the step between two frames by this [rad]."""

    ends_s: float = 0.3
    """Time at the start and at the end in which the robot must not be falling [s]."""
    forces: ForcesConfig = field(default_factory=ForcesConfig)
    """What may touch the floor, what the floor can give, and what counts as feasible."""

    def __post_init__(self) -> None:
        """Check ranges.

        Raises:
            InvalidArray: A number is outside its range.
        """
        check_settings(self, positive=("com_noise", "min_flight", "ends_s"), at_most_one=("contact_prob", "near_limit"))


def measure_robot(motion: RobotMotion, robot: RobotModel, config: ValidationConfig) -> Measurements:
    """Measure length, joints, root, breaks, self-collision, ground, feet, labels, posture, flights, forces and balance.

    The floor is z = 0. Every series has one value a frame; what is a difference of frames stands at
    the frame where it begins. No value changes if the whole motion is turned about the vertical or
    moved horizontally. Figures of the motion low-passed at 6 Hz stand beside the raw ones.

    Raises:
        WrongRobot: The motion's joints are not the robot's.
    """
    joint_pos = _in_robot_order(motion, robot)
    qpos = np.hstack([motion.root_pos_w, motion.root_quat_wxyz, joint_pos])
    return Measurements(
        stage="validation",
        fps=motion.fps,
        n_frames=len(motion),
        items=(
            *_measure_sampling(motion),
            *_measure_joints(motion, robot, qpos, config),
            *_measure_on_floor(motion, robot, qpos, config),
            *_measure_dynamics(motion, robot, config),
        ),
    )


def _measure_sampling(motion: RobotMotion) -> tuple[Measurement, ...]:
    """Measure how much there is to see: of two frames, or of one a second, nothing bad can be shown."""
    return (
        Measurement(
            name="duration", value=motion.duration_s, unit="s", meaning="Time from the first to the last frame"
        ),
        Measurement(name="frame_rate", value=motion.fps, unit="1/s", meaning="Frames per second"),
    )


def _measure_joints(
    motion: RobotMotion, robot: RobotModel, qpos: Float[np.ndarray, "frames nq"], config: ValidationConfig
) -> tuple[Measurement, ...]:
    """Measure what needs the generalised positions only."""
    fps = motion.fps
    ordered = RobotMotion.from_qpos(qpos, fps=fps, joint_names=robot.joint_names, foot_contact=motion.foot_contact)
    smooth = low_passed(ordered, DYNAMICS_LOW_PASS_HZ).qpos
    return (
        *measure_joint_range(robot, qpos[:, 7:], config.near_limit),
        *measure_joint_speed(robot, qpos[:, 7:], fps),
        *measure_joint_speed(robot, smooth[:, 7:], fps, LOW_PASSED),
        measure_jitter(qpos[:, 7:], fps),
        *measure_root(qpos, fps),
        *measure_root(smooth, fps, LOW_PASSED),
        *measure_breaks(
            robot,
            qpos,
            fps,
            freeze_speeds=(config.still_speed, config.moving_speed),
            min_freeze=config.min_freeze,
            swap_jump=config.swap_jump,
        ),
    )


def _measure_on_floor(
    motion: RobotMotion, robot: RobotModel, qpos: Float[np.ndarray, "frames nq"], config: ValidationConfig
) -> tuple[Measurement, ...]:
    """Measure what needs the collision geometry and the floor."""
    fps = motion.fps
    geometry = body_geometry(robot, qpos)
    stance = Stance.of(geometry, robot.sole_points_b, motion.foot_contact, config.contact_prob, fps)
    flights = Flights.of(
        geometry,
        stance,
        clearance=(config.clear_height, config.flight_height),
        min_flight=config.min_flight,
        path_noise=config.com_noise,
        largest_misfit=config.flight_misfit,
        doubtful_height=config.doubtful_height,
    )
    falling = flights.falling(config.flight_acc_tolerance)
    footing = Footing.of(
        robot, qpos, geometry, falling, fps=fps, near=config.hold_height, still_speed=config.hold_speed
    )
    return (
        *_measure_self_collision(geometry),
        *measure_ground(geometry, stance, robot.sole_points_b),
        *measure_hover(geometry, falling, fps, clear_height=config.flight_height),
        *measure_soles(geometry, stance),
        *measure_skate(stance),
        *measure_footing(footing, still_speed=config.hold_speed),
        *measure_labels(
            geometry,
            stance,
            touch_height=config.touch_height,
            touch_speed=config.touch_speed,
            lift_height=config.lift_height,
            shortest_contact=config.shortest_contact,
        ),
        *measure_posture(geometry, stance, robot.sole_points_b, qpos[:, 3:7]),
        *measure_flight(robot, qpos, flights, geometry.lowest_height, doubtful_height=config.doubtful_height),
    )


def _measure_dynamics(motion: RobotMotion, robot: RobotModel, config: ValidationConfig) -> tuple[Measurement, ...]:
    """Measure what needs accelerations and the forces behind them."""
    explained = explain_motion(robot, motion, config.forces)
    balance = BalanceConfig(forces=config.forces, ends_s=config.ends_s)
    return (
        *measure_forces(robot, motion, config.forces, explained),
        *measure_balance(robot, motion, balance, explained),
    )


def _in_robot_order(motion: RobotMotion, robot: RobotModel) -> Float[np.ndarray, "frames joints"]:
    """Columns of ``joint_pos`` by name, in the robot's order."""
    missing = [name for name in robot.joint_names if name not in motion.joint_names]
    unknown = [name for name in motion.joint_names if name not in robot.joint_names]
    if missing or unknown:
        raise WrongRobot(robot.name, missing=missing, unknown=unknown)
    return motion.joint_pos[:, [motion.joint_names.index(name) for name in robot.joint_names]]


def _measure_self_collision(geometry: BodyGeometry) -> tuple[Measurement, ...]:
    touching = geometry.self_collision_depth > 0
    named = "; ".join(
        f"{pair.bodies[0]} in {pair.bodies[1]}, {pair.n_frames} frames, {100 * pair.depth:.2g} cm"
        for pair in geometry.pairs[:3]
    )
    deepest = f": {named}" if named else ""
    return (
        Measurement(
            name="self_collision_share",
            value=touching.mean(),
            unit="1",
            meaning=f"Share of frames in which parts of the robot overlap{deepest}",
            series=touching.astype(float),
        ),
        largest(
            "self_collision_depth",
            geometry.self_collision_depth,
            "m",
            f"Deepest overlap of two parts of the robot{deepest}",
        ),
    )
