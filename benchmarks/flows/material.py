"""Cuts recorded motion into clips of one length, each a file of its own with other content than all others."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import count, islice
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from pipeline.body import SkinnedBody, load_body
from pipeline.kfbench import PIECES, stage_piece
from pipeline.readers import read_motion
from retarget.smpl_motion import SmplMotion
from robots.exceptions import WushuError

RECORDED = Path(__file__).parents[3] / "shared" / "data" / "mocap"
"""Recorded motion, where a checkout has it beside it."""

_TURN_RAD = np.radians(37.0)
"""Once all windows are used they are used again, turned by so much about the vertical each time."""


def write_clips(folder: Path, number: int, seconds: float) -> tuple[list[Path], str]:
    """Write clips as AMASS-like files; also return what they were cut from.

    Args:
        folder: Where to.
        number: How many.
        seconds: How long each is.
    """
    folder.mkdir(parents=True, exist_ok=True)
    body = load_body()
    windows, origin = _windows(body, number, seconds)
    paths = []
    for index, motion in enumerate(islice(_ever_other(windows), number)):
        paths.append(folder / f"clip_{index:04d}.npz")
        _write(paths[-1], motion)
    return paths, origin


def _windows(body: SkinnedBody, number: int, seconds: float) -> tuple[list[SmplMotion], str]:
    recorded = sorted(path for path in RECORDED.rglob("*") if ".bvh" in path.name) if RECORDED.is_dir() else []
    windows: list[SmplMotion] = []
    for path in recorded:
        try:
            motion = read_motion(path, body, fps=30.0).motion
        except WushuError:
            continue
        windows += _cut(motion, seconds)
        if len(windows) >= number:
            break
    if windows:
        return windows, f"{len(windows)} windows of recorded motion"
    pieces = [stage_piece(piece, body, size=(640, 360)).motion for piece in PIECES.values()]
    longest = max(len(piece) / piece.fps for piece in pieces)
    slow = max(1.0, 1.02 * seconds / longest)
    windows = [window for piece in pieces for window in _cut(piece.at_speed(1.0 / slow), seconds)]
    return windows, f"{len(windows)} windows of the demo's two pieces, {slow:.2f} times as slow"


def _cut(motion: SmplMotion, seconds: float) -> list[SmplMotion]:
    """Return windows that do not overlap, or nearly so where the motion is short."""
    frames = round(seconds * motion.fps)
    return [motion.frames(start, start + frames) for start in range(0, len(motion) - frames + 1, frames)]


def _ever_other(windows: list[SmplMotion]) -> Iterator[SmplMotion]:
    for turn in count():
        for motion in windows:
            yield motion if turn == 0 else _turned(motion, turn * _TURN_RAD)


def _turned(motion: SmplMotion, angle: float) -> SmplMotion:
    turn = Rotation.from_rotvec([0.0, 0.0, angle])
    pelvis = motion.rest_joint_pos[0]
    return replace(
        motion,
        global_orient=(turn * Rotation.from_rotvec(motion.global_orient.copy())).as_rotvec(),
        transl=turn.apply(motion.transl + pelvis) - pelvis,
    )


def _write(path: Path, motion: SmplMotion) -> None:
    np.savez(
        path,
        trans=motion.transl,
        poses=np.hstack([motion.global_orient, motion.body_pose.reshape(len(motion), -1), np.zeros((len(motion), 6))]),
        betas=motion.betas,
        mocap_framerate=motion.fps,
        gender="neutral",
    )
