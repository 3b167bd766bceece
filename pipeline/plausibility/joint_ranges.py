"""Turns a pose into how far joints are bent beyond what a person can: knees backwards, necks all the way round.

A joint's rotation is split into a twist about the bone that it moves and a swing of this bone (Grassia, "Practical
parameterization of rotations using the exponential map", J. Graphics Tools 1998). Spine, neck and shoulder girdle
are chains of several of SMPL's joints of which only the sum is anatomy, so the chain is measured.

The ranges begin with what is published for healthy people (American Academy of Orthopaedic Surgeons, Joint Motion,
1965; Boone and Azen, J. Bone Joint Surg. 61-A, 1979; Soucie et al., Haemophilia 17, 2011; roughly, in degrees: hip
flexion 130, extension 30, abduction 50, rotation 50; knee 145, hyperextension 10; ankle plantarflexion 60; elbow 150,
hyperextension 10; wrist 90; trunk 90 forwards, 30 back; neck 60, rotation 80) and are widened to hold what dancers,
karateka and gymnasts do in motion capture. A swing about two axes at once also reads higher than either alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import Rotation

from pipeline.measurement import Measurement
from retarget.smpl_skeleton import SMPL_JOINT_NAMES


@dataclass(frozen=True, slots=True, kw_only=True)
class JointRange:
    """How far a chain of joints on the left or in the middle may turn; the right side mirrors it."""

    chain: tuple[str, ...]
    """Joints from the trunk outwards, without side."""
    bone: int
    """Axis of the moved bone in the rest pose: 0 = x (to the left), 1 = y (up), 2 = z (forwards)."""
    swing: tuple[tuple[float, float], tuple[float, float]]
    """Lowest and highest swing about the other two axes, in their order [deg]."""
    twist: tuple[float, float]
    """Lowest and highest twist about the positive axis of the bone [deg]."""
    sided: bool = True
    """Whether there is one on either side."""


RANGES: dict[str, JointRange] = {
    "hip": JointRange(chain=("hip",), bone=1, swing=((-160, 60), (-75, 110)), twist=(-90, 90)),
    "knee": JointRange(chain=("knee",), bone=1, swing=((-25, 165), (-40, 40)), twist=(-55, 55)),
    "ankle": JointRange(chain=("ankle",), bone=2, swing=((-90, 95), (-75, 75)), twist=(-65, 65)),
    "elbow": JointRange(chain=("elbow",), bone=0, swing=((-165, 20), (-55, 55)), twist=(-125, 95)),
    "wrist": JointRange(chain=("wrist",), bone=0, swing=((-110, 110), (-110, 110)), twist=(-130, 130)),
    "shoulder": JointRange(chain=("collar", "shoulder"), bone=0, swing=((-170, 110), (-150, 150)), twist=(-160, 130)),
    "spine": JointRange(
        chain=("spine1", "spine2", "spine3"), bone=1, swing=((-75, 115), (-60, 60)), twist=(-80, 80), sided=False
    ),
    "neck": JointRange(chain=("neck", "head"), bone=1, swing=((-95, 85), (-70, 70)), twist=(-100, 100), sided=False),
}
"""Axes: x flexes knees (+), hips and spine (hip -, spine +); y bends the left elbow (-); z lifts the left leg (+)."""


def measure_joint_ranges(body_pose: Float[np.ndarray, "frames 21 3"]) -> tuple[Measurement, ...]:
    """Measure how far the worst joint is beyond its range, and how long any is."""
    excess = joint_excess(body_pose)
    names = list(excess)
    table = np.stack([excess[name] for name in names])
    worst, series = names[int(table.max(axis=1).argmax())], table.max(axis=0)
    return (
        Measurement(
            name="joint_range_excess",
            value=float(series.max()),
            unit="rad",
            meaning=f"Furthest that a joint is bent beyond what people can: {worst.replace('_', ' ')}",
            series=series,
        ),
        Measurement(
            name="joint_range_share",
            value=float((series > 0).mean()),
            unit="1",
            meaning="Share of frames in which some joint is bent beyond what people can",
            series=(series > 0).astype(float),
        ),
    )


def joint_excess(body_pose: Float[np.ndarray, "frames 21 3"]) -> dict[str, Float[np.ndarray, " frames"]]:
    """How far each joint is beyond its range [rad], by name (``left_knee``, ``spine``); 0 within it."""
    excess = {}
    for name, joint in RANGES.items():
        for prefix in ("left_", "right_") if joint.sided else ("",):
            angles = chain_angles(body_pose, joint, prefix)
            low, high = np.radians(np.transpose([*joint.swing, joint.twist]))
            excess[prefix + name] = np.maximum(np.maximum(low - angles, angles - high).max(axis=1), 0.0)
    return excess


def chain_angles(
    body_pose: Float[np.ndarray, "frames 21 3"], joint: JointRange, prefix: str
) -> Float[np.ndarray, "frames 3"]:
    """Swings about the two axes across the bone, in their order, and the twist about it [rad], as if on the left."""
    rotation = Rotation.identity(len(body_pose))
    for link in joint.chain:
        turn = np.array(body_pose[:, SMPL_JOINT_NAMES.index(prefix + link) - 1])  # SciPy reads no read-only arrays
        rotation = rotation * Rotation.from_rotvec(turn)
    quat = rotation.as_quat(canonical=True)
    if prefix == "right_":
        quat = quat * np.array([1.0, -1.0, -1.0, 1.0])  # the mirror image in the plane x = 0
    twist = 2 * np.arctan2(quat[:, joint.bone], quat[:, 3])
    twist = (twist + np.pi) % (2 * np.pi) - np.pi
    swing = Rotation.from_quat(quat) * Rotation.from_rotvec(np.outer(-twist, np.eye(3)[joint.bone]))
    across = [axis for axis in range(3) if axis != joint.bone]
    return np.column_stack([swing.as_rotvec()[:, across], twist])
