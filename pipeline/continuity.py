"""Turns arrays over time into the places where they break off: teleports, flips, freezes, swapped sides.

Nothing here knows a body: the arrays may be positions, joint angles or landmarks. What is a difference of frames
stands at the frame where it begins.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.spatial.transform import Rotation

from retarget.spans import true_runs


def unexplained_steps(x: Float[np.ndarray, "frames dims"]) -> Float[np.ndarray, " frames"]:
    """Size of each step to the next frame that the steps around it do not explain, in units of ``x``.

    A step is compared with the mean of the steps just before and after, and with that of the steps one further out:
    steady acceleration explains itself in both. The nearer of the two counts, so that a single teleport shows in its
    own step only and not in its neighbours'. Fewer than four frames explain nothing, and accuse of nothing.
    """
    if len(x) < 4:
        return np.zeros(len(x))
    steps = np.diff(x, axis=0)
    return np.append(_unexplained(steps), 0.0)


def unexplained_turns(quat_wxyz: Float[np.ndarray, "frames 4"]) -> Float[np.ndarray, " frames"]:
    """Angle of each turn to the next frame that the turns around it do not explain [rad]; see above."""
    if len(quat_wxyz) < 4:
        return np.zeros(len(quat_wxyz))
    rotation = Rotation.from_quat(quat_wxyz, scalar_first=True)
    turns = (rotation[:-1].inv() * rotation[1:]).as_rotvec()
    return np.append(_unexplained(turns), 0.0)


def _unexplained(steps: Float[np.ndarray, "steps dims"]) -> Float[np.ndarray, " steps"]:
    """Distance of each step from the nearer of two means of its neighbours."""
    around = np.pad(steps, ((2, 2), (0, 0)), mode="reflect")
    near = np.linalg.norm(steps - (around[1:-3] + around[3:-1]) / 2, axis=1)
    far = np.linalg.norm(steps - (around[:-4] + around[4:]) / 2, axis=1)
    return np.minimum(near, far)


def frozen_duration(
    x: Float[np.ndarray, "frames dims"], fps: float, *, still_speed: float, moving_speed: float, min_duration: float
) -> Float[np.ndarray, " frames"]:
    """Duration of the freeze that each frame belongs to [s], 0 outside.

    A freeze is a run of frames that repeat each other, entered or left at speed: a picture that stopped, not a person
    who stands. A body that comes to rest slows down first; one that was frozen stops from one frame to the next.

    Args:
        x: Pose over time, e.g. joint angles.
        fps: Frames per second [1/s].
        still_speed: No coordinate moves faster than this within a freeze [unit of x per s].
        moving_speed: Some coordinate moves faster than this in the step before or after it [unit of x per s].
        min_duration: Shorter repetitions are left out [s].
    """
    duration = np.zeros(len(x))
    if len(x) < 3:
        return duration
    speed = np.abs(np.diff(x, axis=0)).max(axis=1) * fps
    for start, stop in true_runs(speed < still_speed):
        before = speed[start - 1] if start > 0 else 0.0
        after = speed[stop] if stop < len(speed) else 0.0
        if max(before, after) > moving_speed and (stop - start) / fps >= min_duration:
            duration[start : stop + 1] = (stop - start) / fps
    return duration


def swapped_frames(
    x: Float[np.ndarray, "frames dims"], swapped: Float[np.ndarray, "frames dims"], *, min_jump: float
) -> Bool[np.ndarray, " frames"]:
    """Say in which frames left and right have changed places: the pose jumps in and out, and swapped it would not.

    Swapping sides twice changes nothing, so the step from frame i to i + 1 is shorter with sides changed in one of
    them exactly where the labels change hands; which of the runs between are the wrong ones is decided by their length.
    A jump that another does not undo is left alone: it may be anything.

    Args:
        x: Pose over time.
        swapped: The same poses with left and right exchanged.
        min_jump: A change of sides must shorten the step by more than this [unit of x], and to less than half; a pose
            that looks the same swapped tells nothing.
    """
    kept = np.linalg.norm(x[1:] - x[:-1], axis=1)
    changed = np.linalg.norm(swapped[1:] - x[:-1], axis=1)
    turns = np.flatnonzero((kept - changed > min_jump) & (changed < kept / 2)) + 1
    if len(turns) % 2 == 0:
        odd = _between(turns, len(x))
        return odd if odd.mean() <= 0.5 else _between(turns[1:-1], len(x))
    return min((_between(turns[1:], len(x)), _between(turns[:-1], len(x))), key=np.sum)


def _between(turns: Int[np.ndarray, " turns"], frames: int) -> Bool[np.ndarray, " frames"]:
    """Frames from each first of two turns up to the second."""
    inside = np.zeros(frames, dtype=bool)
    for start, stop in turns.reshape(-1, 2).tolist():
        inside[start:stop] = True
    return inside
