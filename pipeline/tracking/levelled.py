"""Turns a reference into one that its feet can carry and that looks ahead alone can balance: a light plan.

Feet that carry lie flat and stay where they are; the rest stays near the reference. A plan for the whole-body
controller (:mod:`~pipeline.tracking.plan`) meets feet and balance to a hair, at the price of joints that race and of
a posture that is another. Whoever balances by looking ahead corrects centimetres itself, but cannot stand on an edge
and cannot slide: followed as they are, feet that slide apart leave the robot with its legs a step from where they
should be.
"""

from __future__ import annotations

import numpy as np

from pipeline.tracking.plan import Plan, PlanConfig, make_plan
from pipeline.tracking.plan_ik import PlanIkConfig
from pipeline.tracking.reference import Reference
from robots.model import RobotModel

LIGHT = PlanConfig(
    rounds=1,
    support_share=1.0,
    ik=PlanIkConfig(
        stance_weight=100.0, swing_weight=10.0, com_weight=30.0, height_weight=10.0, leg_weight=1.0, change_weight=3.0
    ),
)
"""Prices at which a leg's posture counts as much as an arm's, and a foot is met to millimetres, not micrometres. The
zero-moment point may go to the sole's edge."""


def levelled(reference: Reference, robot: RobotModel, config: PlanConfig = LIGHT) -> Reference:
    """Lay the feet that carry flat and still on the floor, and stay near the reference with the rest.

    Args:
        reference: What to stay near. Without contact it is returned as it is: nothing says where the floor is.
        robot: The robot.
        config: How lightly.
    """
    if not reference.contact.any():
        return reference
    return as_reference(make_plan(robot, reference, config), reference, robot)


def as_reference(plan: Plan, reference: Reference, robot: RobotModel) -> Reference:
    """Return a plan in the form of the reference that it was made of."""
    return Reference(
        hz=plan.hz,
        fps=reference.fps,
        n_frames=reference.n_frames,
        qpos=plan.qpos,
        qvel=plan.qvel,
        qacc=plan.qacc,
        contact=plan.contact,
        sole_pos_w=np.einsum("nfij,pj->nfpi", plan.foot_rot_w, robot.sole_points_b) + plan.foot_pos_w[:, :, None],
        foot_pos_w=plan.foot_pos_w,
        foot_rot_w=plan.foot_rot_w,
        com_pos_w=plan.com_w,
        ground_offset_m=reference.ground_offset_m,
    )
