"""Joins hand-offs of the format `mjlab` into one file, so that one run of mjlab trains on several clips.

    python join_for_mjlab.py JOINED.npz CLIP.npz CLIP.npz ...

mjlab takes one file a run. Put end to end as they are, clips jump where they meet: mjlab ends no episode for a jump
along the floor or in heading, and the policy is asked to be a metre away at once. So each clip is turned and shifted
on the floor to begin where the one before it ended. Heights and poses are left alone: clips with leads end and begin
in the standing pose, and one that does not is refused.

The joined clips stay one long motion: a training episode (10 s) begins at a random frame and may run from one clip into
the next. Only NumPy is needed.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

FPS = 50
SAME_POSE_RAD = 0.05
SAME_HEIGHT_M = 0.02
STILL = 0.05
"""Clips that differ by more where they meet are not at rest there, or not in one pose [rad, m, m/s and rad/s]."""

Motion = dict[str, np.ndarray]


def join(paths: list[Path]) -> tuple[Motion, list[int]]:
    """Put clips end to end.

    Returns:
        The joined motion, and the frame at which each clip begins.

    Raises:
        ValueError: A file is not at 50 frames a second, or two clips do not meet in the same pose at rest.
    """
    clips: list[Motion] = []
    for path in paths:
        with np.load(path, allow_pickle=False) as file:
            clip = {name: file[name] for name in file.files}
        if float(clip["fps"][0]) != FPS:
            raise ValueError(f"{path}: made at {clip['fps'][0]} frames a second, mjlab plays {FPS}")
        if clips:
            _check_seam(clips[-1], clip, path)
            clip = _moved(clip, clips[-1])
        clips.append(clip)
    starts = np.cumsum([0] + [len(clip["joint_pos"]) for clip in clips[:-1]])
    joined = {name: np.concatenate([clip[name] for clip in clips]) for name in clips[0] if name != "fps"}
    return {"fps": clips[0]["fps"], **joined}, starts.tolist()


def _check_seam(before: Motion, after: Motion, path: Path) -> None:
    """Refuse a clip that does not begin at rest in the pose in which the one before it ended."""
    bend = np.abs(after["joint_pos"][0] - before["joint_pos"][-1]).max()
    lean = np.abs(_up(after["body_quat_w"][0, 0]) - _up(before["body_quat_w"][-1, 0])).max()
    rise = abs(after["body_pos_w"][0, 0, 2] - before["body_pos_w"][-1, 0, 2])
    speed = max(np.abs(state[name]).max() for state in (_end(before), _start(after)) for name in state)
    if max(bend, lean) > SAME_POSE_RAD or rise > SAME_HEIGHT_M or speed > STILL:
        raise ValueError(
            f"{path}: begins otherwise than the clip before it ends (joints differ by {bend:.2g} rad, lean by "
            f"{lean:.2g}, height by {rise:.2g} m, speed {speed:.2g}). Join clips that have both leads."
        )


def _start(motion: Motion) -> Motion:
    return {name: array[0] for name, array in motion.items() if "vel" in name}


def _end(motion: Motion) -> Motion:
    return {name: array[-1] for name, array in motion.items() if "vel" in name}


def _up(quat_wxyz: np.ndarray) -> np.ndarray:
    """Return the world's up in the frame of a link."""
    w, x, y, z = quat_wxyz
    return np.array([2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)])


def _heading(quat_wxyz: np.ndarray) -> float:
    w, x, y, z = quat_wxyz.astype(float)
    return float(np.arctan2(2 * (w * z + x * y), 1 - 2 * (y * y + z * z)))


def _moved(clip: Motion, before: Motion) -> Motion:
    """Turn a clip about the vertical and shift it on the floor, to begin where the one before it ended."""
    angle = _heading(before["body_quat_w"][-1, 0]) - _heading(clip["body_quat_w"][0, 0])
    turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    pos_w = clip["body_pos_w"] @ turn.T
    shift = before["body_pos_w"][-1, 0] - pos_w[0, 0]
    shift[2] = 0.0
    half_w, half_z = np.cos(angle / 2), np.sin(angle / 2)
    w, x, y, z = np.moveaxis(clip["body_quat_w"], -1, 0)
    turned = [half_w * w - half_z * z, half_w * x - half_z * y, half_w * y + half_z * x, half_w * z + half_z * w]
    moved = {
        "body_pos_w": pos_w + shift,
        "body_quat_w": np.stack(turned, axis=-1),
        "body_lin_vel_w": clip["body_lin_vel_w"] @ turn.T,
        "body_ang_vel_w": clip["body_ang_vel_w"] @ turn.T,
    }
    return {**clip, **{name: array.astype(np.float32) for name, array in moved.items()}}


def main(target: Path, paths: list[Path]) -> None:
    """Join the clips, write the file and say where each clip begins."""
    motion, starts = join(paths)
    np.savez(target, allow_pickle=False, **motion)  # pyright: ignore[reportArgumentType] - the names are no keywords
    for path, start in zip(paths, starts, strict=True):
        print(f"frame {start:6d}  {path.name}")  # noqa: T201


if __name__ == "__main__":
    main(Path(sys.argv[1]), [Path(name) for name in sys.argv[2:]])
