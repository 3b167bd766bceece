"""Faults of the joints: jitter, a lean, limbs that changed sides, an arm inside the trunk."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from benchmarks.validation.faulty import Apply, FaultyMotion, draw_span, everywhere, ramped, within
from robots.model import RobotModel
from robots.motion import RobotMotion

SWAP_MOVES_RAD = 0.2
"""An exchange of limbs is one if it moves their joints by this much, root mean square [rad]; who stands straight may
be mirrored without anybody's notice."""

SWING_S = 0.2
"""Time in which an arm swings into the trunk and out of it [s]."""

ARM_IN_TRUNK = {"shoulder_pitch": 0.0, "shoulder_roll": -0.4, "shoulder_yaw": 0.6, "elbow": 0.6}
"""Angles of a left arm that is 4 cm inside the trunk of an upright robot [rad]; those of a right arm are their mirror
image."""


def noise(sigma: float) -> Apply:
    """Shake all joints independently in each frame [rad]."""

    def apply(motion: RobotMotion, robot: RobotModel, rng: np.random.Generator) -> FaultyMotion:
        shaken = motion.joint_pos + rng.normal(0.0, sigma, motion.joint_pos.shape)
        return everywhere(replace(motion, joint_pos=shaken))

    return apply


def hip_lean(angle_deg: float) -> Apply:
    """Bend both hips by an offset, so that the body leans back over its legs [deg]."""

    def apply(motion: RobotMotion, robot: RobotModel, rng: np.random.Generator) -> FaultyMotion:
        joint_pos = motion.joint_pos.copy()
        for side in ("left", "right"):
            joint_pos[:, motion.joint_names.index(f"{side}_hip_pitch_joint")] -= np.radians(angle_deg)
        return everywhere(replace(motion, joint_pos=joint_pos))

    return apply


def mirror(motion: RobotMotion, robot: RobotModel, rng: np.random.Generator) -> FaultyMotion | None:
    """Exchange the left and the right limbs over a span, as detectors do with people seen from behind."""
    swapped = _swapped(motion)
    limbs = [i for i, name in enumerate(motion.joint_names) if name.startswith(("left_", "right_"))]
    change = np.sqrt(((swapped - motion.joint_pos)[:, limbs] ** 2).mean(axis=1))
    span = draw_span(motion, rng, change, SWAP_MOVES_RAD)
    if span is None:
        return None
    joint_pos = motion.joint_pos.copy()
    joint_pos[slice(*span)] = swapped[slice(*span)]
    return within(replace(motion, joint_pos=joint_pos), span)


def self_intersection(motion: RobotMotion, robot: RobotModel, rng: np.random.Generator) -> FaultyMotion | None:
    """Swing an arm into the trunk, leave it there over a span, and take it out again."""
    span = draw_span(motion, rng, np.ones(len(motion)), 0.0, 3 * SWING_S)
    if span is None:
        return None
    side, sign = ("left", 1.0) if rng.random() < 0.5 else ("right", -1.0)
    weight = ramped(span, len(motion), motion.fps, SWING_S)
    joint_pos = motion.joint_pos.copy()
    for joint, angle in ARM_IN_TRUNK.items():
        column = motion.joint_names.index(f"{side}_{joint}_joint")
        target = angle if joint.endswith(("pitch", "elbow")) else sign * angle
        joint_pos[:, column] += weight * (target - joint_pos[:, column])
    return FaultyMotion(motion=replace(motion, joint_pos=joint_pos), bad=weight > 0.5)


def _swapped(motion: RobotMotion) -> np.ndarray:
    """Joint angles with left and right exchanged; what turns about x or z changes its sign in the mirror."""
    columns = [motion.joint_names.index(_other_side(name)) for name in motion.joint_names]
    odd = [_other_side(name) != name and ("_roll_" in name or "_yaw_" in name) for name in motion.joint_names]
    return motion.joint_pos[:, columns] * np.where(odd, -1.0, 1.0)


def _other_side(joint: str) -> str:
    """Name the joint of the other side; the trunk has none."""
    for side, other in (("left_", "right_"), ("right_", "left_")):
        if joint.startswith(side):
            return other + joint.removeprefix(side)
    return joint
