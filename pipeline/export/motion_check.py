"""Tells what no trainer should be given, whatever the format: jumps, joints past their limits, a robot off the floor.

Nothing here reads a file, and nothing of the readers is used: a file is checked by other code than the one that
wrote it and reads it back.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
from jaxtyping import Bool, Float
from scipy.spatial.transform import Rotation

from robots.exceptions import InvalidArray
from robots.g1 import Variant, load_g1
from robots.kinematics import link_poses
from robots.model import RobotModel
from robots.motion import RobotMotion
from robots.soles import Soles

UNIT = 1e-3
"""How far the norm of a quaternion may be from 1."""
MOST_ROOT_SPEED = (15.0, 40.0)
"""A base that is faster jumps: the fastest kick turns with 10 rad/s, and a fall of 2 m ends at 6 m/s [m/s, rad/s]."""
MOST_JOINT_SPEED = 2.0
"""A joint that is faster jumps, as a share of its motor's hard limit."""
LIMIT_SLACK_RAD = 1e-3
"""What rounding may put past a joint's limit [rad]."""
LOWEST_M = (-0.15, 0.10)
"""Where the lowest point of soles and links is at least once: PBHC's own motions sink to -0.09 m [m]."""
_HUGE = 1e7
"""Squares of more lose digits, then overflow."""
_TURNED = 1e-2
"""Two readings of one rotation differ by less [rad]."""
_LYING, _STANDING = np.deg2rad([60.0, 30.0])
_POSED = 500
"""Frames that are posed to see where the floor is; a motion has more."""


def not_plausible(arrays: Mapping[str, np.ndarray]) -> list[str]:
    """Name the arrays that hold NaN, infinity, or what is no length, angle or speed in any unit."""
    problems = []
    for name, array in arrays.items():
        if not np.isfinite(array).all():
            problems.append(f"{name} holds NaN or infinity, first in frame {_first(~np.isfinite(array))}.")
        elif (huge := np.abs(array) > _HUGE).any():
            problems.append(f"{name} holds {array[huge][0]:.3g} in frame {_first(huge)}, which is no motion.")
    return problems


def _first(where: Bool[np.ndarray, "*shape"]) -> int:
    return int(np.argwhere(where)[0][0])


def not_unit(name: str, quat: Float[np.ndarray, "*frames 4"]) -> list[str]:
    """Say whether quaternions are not of length 1."""
    norm = np.linalg.norm(quat, axis=-1)
    worst = float(norm.flat[np.abs(norm - 1).argmax()])
    return [f"{name} is not made of unit quaternions (a norm of {worst:.4g})."] if abs(worst - 1) > UNIT else []


def sign_flips(name: str, quat: Float[np.ndarray, "frames *bodies 4"]) -> list[str]:
    """Say where a quaternion changes its sign and not its rotation: what blends or differences it turns around."""
    flips = np.argwhere((quat[1:] * quat[:-1]).sum(axis=-1) < 0)
    return (
        [f"{name} changes its sign in frame {int(flips[0][0]) + 1}; keep neighbours on one side."] if len(flips) else []
    )


def scalar_first_instead(name: str, quat_xyzw: Float[np.ndarray, "frames 4"]) -> list[str]:
    """Say whether a root that should be x, y, z, w is w, x, y, z: by which of both readings the robot stands."""
    as_asked, other = _tilt(quat_xyzw), _tilt(quat_xyzw[:, [1, 2, 3, 0]])
    if as_asked < _LYING or other > _STANDING:
        return []
    tilt = round(float(np.rad2deg(as_asked)))
    return [f"{name} seems to be w, x, y, z: read as x, y, z, w the robot leans by {tilt} degrees, else it stands."]


def same_turns(first: Rotation, second: Rotation) -> bool:
    """Tell whether two series of rotations are one."""
    return bool((first * second.inv()).magnitude().max() < _TURNED)


def motion_problems(
    fps: float,
    root_pos_w: Float[np.ndarray, "frames 3"],
    root_quat_wxyz: Float[np.ndarray, "frames 4"],
    joint_pos: Float[np.ndarray, "frames joints"],
    variant: Variant,
) -> list[str]:
    """Check finite arrays of two frames or more whose joints stand in the variant's order.

    Args:
        fps: Frames per second [1/s].
        root_pos_w: Of the pelvis [m].
        root_quat_wxyz: Unit quaternions.
        joint_pos: Angles [rad].
        variant: The G1 they belong to.
    """
    g1 = load_g1(variant)
    return [
        *_root_jumps(fps, root_pos_w, root_quat_wxyz),
        *_joint_jumps(fps, joint_pos, g1),
        *_past_limits(joint_pos, g1),
        *_off_the_floor(root_pos_w, root_quat_wxyz, joint_pos, g1),
    ]


def _root_jumps(
    fps: float, pos_w: Float[np.ndarray, "frames 3"], quat_wxyz: Float[np.ndarray, "frames 4"]
) -> Iterator[str]:
    speed = np.linalg.norm(np.diff(pos_w, axis=0), axis=1) * fps
    if speed.max() > MOST_ROOT_SPEED[0]:
        yield f"the root jumps: {speed.max():.3g} m/s after frame {int(speed.argmax())}."
    same = np.abs(np.einsum("ij,ij->i", quat_wxyz[1:], quat_wxyz[:-1])).clip(max=1.0)
    turn = 2 * np.arccos(same) * fps
    if turn.max() > MOST_ROOT_SPEED[1]:
        yield f"the root's rotation jumps: {turn.max():.3g} rad/s after frame {int(turn.argmax())}."


def _joint_jumps(fps: float, joint_pos: Float[np.ndarray, "frames joints"], g1: RobotModel) -> Iterator[str]:
    speed = np.abs(np.diff(joint_pos, axis=0)) * fps
    frame, joint = np.unravel_index((speed / g1.velocity_limit).argmax(), speed.shape)
    if speed[frame, joint] > MOST_JOINT_SPEED * g1.velocity_limit[joint]:
        yield f"{g1.joint_names[joint]} jumps: {speed[frame, joint]:.3g} rad/s after frame {frame}."


def _past_limits(joint_pos: Float[np.ndarray, "frames joints"], g1: RobotModel) -> Iterator[str]:
    over = np.maximum(joint_pos - g1.joint_upper, g1.joint_lower - joint_pos)
    frame, joint = np.unravel_index(over.argmax(), over.shape)
    if over[frame, joint] > LIMIT_SLACK_RAD:
        unit = " Are they degrees?" if np.abs(joint_pos).max() > 2 * np.pi else ""
        found = f"{joint_pos[frame, joint]:.3g} rad in frame {frame}"
        bounds = f"{g1.joint_lower[joint]:.3g} to {g1.joint_upper[joint]:.3g}"
        yield f"{g1.joint_names[joint]} is past its limits: {found}, beyond {bounds}.{unit}"


def _off_the_floor(
    root_pos_w: Float[np.ndarray, "frames 3"],
    root_quat_wxyz: Float[np.ndarray, "frames 4"],
    joint_pos: Float[np.ndarray, "frames joints"],
    g1: RobotModel,
) -> Iterator[str]:
    some = np.unique(np.linspace(0, len(joint_pos) - 1, _POSED).astype(int))
    qpos = np.hstack([root_pos_w, root_quat_wxyz, joint_pos])[some]
    contact = np.zeros((len(some), 2))
    try:
        posed = RobotMotion.from_qpos(qpos, fps=1.0, joint_names=g1.joint_names, foot_contact=contact)
    except InvalidArray as error:  # metres or radians that are none
        yield f"{error}."
        return
    links = link_poses(g1, posed.qpos)[0][..., 2].min(axis=1)
    lowest = float(np.minimum(links, Soles.of(posed, g1).height.min(axis=1)).min())
    if lowest < LOWEST_M[0]:
        yield f"the robot sinks {-lowest:.2g} m into the floor, which is where z is 0; is z up?"
    elif lowest > LOWEST_M[1]:
        yield f"the robot is never nearer than {lowest:.2g} m to the floor, which is where z is 0; is z up?"


def _tilt(quat_xyzw: Float[np.ndarray, "frames 4"]) -> float:
    """Median angle between the pelvis's up and the world's [rad]."""
    up = Rotation.from_quat(quat_xyzw.copy()).apply([0.0, 0.0, 1.0])[:, 2]
    return float(np.median(np.arccos(up.clip(-1.0, 1.0))))
