"""Turns a robot, a subject and settings into the records that the compiled online kernel reads."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np

from retarget.causal_contacts import CausalContactConfig, CausalContactParams, CausalContactState, causal_contacts
from retarget.correspondence import Correspondence
from retarget.engine.foot_anchors import AnchorParams
from retarget.engine.frame_problem import FrameTask, IkConfig, build_problem, new_workspace
from retarget.engine.online_steps import (
    BoxScratch,
    OnlineParams,
    OnlineScratch,
    TargetScratch,
)
from retarget.engine.tree import build_tree
from retarget.floor_patches import floor_patches, heel_and_toe
from retarget.rest_pose import RobotRest, robot_rest, standing_ankle_height
from retarget.self_collision import capsule_table
from retarget.subject import Subject
from retarget.target_map import target_map
from robots.arrays import check_settings

if TYPE_CHECKING:
    from robots.model import RobotModel


@dataclass(frozen=True, slots=True, kw_only=True)
class AnchorConfig:
    """How standing feet are held."""

    weight: float = 6000.0
    """Price of horizontal distance of heel and toe from where they touched down [1/m]."""
    turn_weight: float = 20.0
    """Least price of the angle between a held foot and the human's [1/rad]: else noise of the leg tilts the sole. It is
    the human's tilt that is asked for; no foot is forced flat."""
    rise_s: float = 0.03
    """Time in which the price rises after touch-down [s]."""
    fade_s: float = 0.15
    """Time after lift-off in which the foot returns to where the human asks it to be [s]."""
    reach_m: float = 0.08
    """An anchor is let go if the human's foot leaves it by more than this, or the robot's is torn away [m]."""
    touch_m: float = 0.01
    """Heel or toe of a standing foot is held once it is lower than this [m]."""
    lifted_m: float = 0.02
    """Heel or toe is let go once it is higher than this, as in a foot that rolls over its toe [m]."""

    def __post_init__(self) -> None:
        """Check ranges.

        Raises:
            InvalidArray: A number is outside its range.
        """
        check_settings(self, positive=("rise_s", "fade_s"))


@dataclass(frozen=True, slots=True, kw_only=True)
class OnlineConfig:
    """How a stream of human poses becomes a stream of robot poses."""

    correspondence: str = "smpl_to_g1"
    """Name of a table that ships with the product, or path of a TOML file."""
    speed_tier: Literal["soft", "hard"] = "soft"
    """Which of the robot's two joint speed limits to keep."""
    floor: float | None = 0.0
    """Height of the floor in the human's world [m]; None to learn it from the feet, targets are lifted with it."""
    smoothing: float = 0.6
    """Price of a joint away from its reference, times the square root of the time between frames [s^0.5/rad]; calms
    the motion, costs lag. In this unit the lag is a time, whatever the frame rate."""
    carry: float = 0.0
    """Share of a joint's speed with which its reference goes on from the frame before; 0 holds it still."""
    head_start: float = 1.0
    """Share of the velocity of the last frame with which the solver begins; changes the effort, hardly the answer."""
    self_collision: bool = True
    """Whether links are kept apart; costs about a fifth of the speed."""
    contact: CausalContactConfig = field(default_factory=CausalContactConfig)
    """When a region bears weight."""
    anchor: AnchorConfig = field(default_factory=AnchorConfig)
    """How standing feet are held."""
    ik: IkConfig = field(
        default_factory=lambda: IkConfig(
            sole_weight=1500.0, collision_weight=60.0, collision_margin_m=0.005, max_iterations=10, tolerance=3e-3
        )
    )
    """Prices and effort of a frame. Links are pushed apart gently: a stiffer push costs iterations and makes arms
    jerk."""

    def __post_init__(self) -> None:
        """Check ranges.

        Raises:
            InvalidArray: A number is outside its range.
        """
        check_settings(self, at_most_one=("carry", "head_start"), signed=("floor",))


def contacts_of(
    correspondence: Correspondence, subject: Subject, config: OnlineConfig
) -> tuple[CausalContactParams, CausalContactState]:
    """Parameters and memory of the contacts of the feet."""
    heights = [subject.ankle_height] * len(correspondence.feet)
    return causal_contacts(heights, config.contact, floor=config.floor)


def online_params(
    robot: RobotModel, subject: Subject, correspondence: Correspondence, config: OnlineConfig
) -> OnlineParams:
    """Put robot, subject and settings together."""
    model = robot.pin_model()
    capsules = capsule_table(robot, build_tree(model)) if config.self_collision else None
    rest = robot_rest(model, correspondence)
    anchors, points = _anchors(robot, correspondence, rest, config.anchor)
    tasks = [FrameTask(link, point) for link, point in zip(rest.links, rest.point_b, strict=True)]
    mapping = target_map(
        correspondence,
        rest,
        subject.bones,
        names=subject.names,
        human_ankle_height=subject.ankle_height,
        robot_ankle_height=standing_ankle_height(rest, int(anchors.foot_task[0]), robot.sole_points_b),
    )
    column = {name: i for i, name in enumerate(subject.names)}
    position = np.zeros((len(tasks) + len(points), 3))
    rotation = np.zeros(len(tasks) + len(points))
    position[: len(tasks)] = np.array([body.position_weight for body in correspondence.bodies])[:, None]
    rotation[: len(tasks)] = [body.rotation_weight for body in correspondence.bodies]
    speed = robot.velocity_limit_soft if config.speed_tier == "soft" else robot.velocity_limit
    return OnlineParams(
        problem=build_problem(
            model,
            [*tasks, *points],
            floor_patches(correspondence, robot),
            robot.default_joint_pos,
            config.ik,
            capsules,
        ),
        mapping=mapping._replace(origin=mapping.origin.copy()),
        start_origin=mapping.origin,
        contacts=contacts_of(correspondence, subject, config)[0],
        contact_body=np.array([column[human] for human in correspondence.feet.values()]),
        anchors=anchors,
        position_weight=position,
        rotation_weight=rotation,
        reference_weight=np.full(len(speed), config.smoothing),
        speed_limit=np.array(speed),
        carry=float(config.carry),
        head_start=float(config.head_start),
    )


def _anchors(
    robot: RobotModel, correspondence: Correspondence, rest: RobotRest, config: AnchorConfig
) -> tuple[AnchorParams, list[FrameTask]]:
    """Heel and toe of every foot as tasks that follow those of the table."""
    ends = heel_and_toe(robot.sole_points_b)
    feet = np.array([correspondence.index(human) for human in correspondence.feet.values()])
    points = [FrameTask(rest.links[foot], end) for foot in feet for end in ends]
    n_tasks, n_feet = len(correspondence.bodies), len(feet)
    return AnchorParams(
        foot_task=feet,
        region=np.arange(n_feet),
        patch=np.arange(n_feet),
        point_task=n_tasks + np.arange(n_feet * len(ends)).reshape(n_feet, len(ends)),
        lever=ends[None] - rest.point_b[feet][:, None],
        weight=float(config.weight),
        turn_weight=float(config.turn_weight),
        rise_s=float(config.rise_s),
        fade_s=float(config.fade_s),
        reach_m=float(config.reach_m),
        touch_m=float(config.touch_m),
        lifted_m=float(config.lifted_m),
    ), points


def new_scratch(params: OnlineParams, n_bodies: int) -> OnlineScratch:
    """Memory that nothing is remembered in."""
    n_tasks, n_joints, n_regions = len(params.rotation_weight), len(params.speed_limit), len(params.contact_body)
    return OnlineScratch(
        work=new_workspace(params.problem),
        targets=TargetScratch(
            human_rot=np.zeros((n_bodies, 3, 3)),
            contact_point=np.zeros((n_regions, 3)),
            told=np.zeros(n_regions, dtype=bool),
            pos_w=np.zeros((n_tasks, 3)),
            rot_w=np.zeros((n_tasks, 3, 3)),
            asked_pos=np.zeros((n_tasks, 3)),
            asked_rot=np.zeros((n_tasks, 3, 3)),
            position_weight=np.zeros((n_tasks, 3)),
            rotation_weight=np.zeros(n_tasks),
            planted=np.zeros(len(params.problem.patch_body), dtype=bool),
        ),
        box=BoxScratch(
            before=np.zeros(7 + n_joints),
            step=np.zeros(6 + n_joints),
            lower=np.zeros(n_joints),
            upper=np.zeros(n_joints),
            reference=np.zeros(n_joints),
            reference_weight=np.zeros(n_joints),
        ),
    )
