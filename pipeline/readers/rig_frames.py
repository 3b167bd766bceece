"""Looks up the constants of rigs whose rest pose shows nothing, pooled over many motions of the rig."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import Rotation

from pipeline.readers.anatomy import LIMBS, frame

FRAMES_FILE = Path(__file__).parent / "data" / "rig_frames.toml"
"""Anatomical frames seen from a rig's joints, as quaternions (w, x, y, z)."""

BONE_COSINE = np.cos(np.radians(15.0))
"""A limb's bone must lie in its joint as the table says."""

TRUNK_COSINE = np.cos(np.radians(45.0))
"""How far pelvis and chest of one motion may be from the mean over many."""


def matching_frames(
    rig: str, own: Mapping[str, Float[np.ndarray, "3 3"]]
) -> dict[str, Float[np.ndarray, "3 3"]] | None:
    """Return the pooled frames if this file's joint frames are of the kind they were pooled over, else None.

    Equal names do not make equal joint frames: every exporter has its own. So they must agree with what the motion
    itself shows. Bones and feet are kept as the file shows them: its own bones, on its own floor.
    """
    for name, frames in _table().items():
        if name.split("-")[0] == rig and set(own) <= set(frames) and _agree(frames, own):
            return {joint: _merged(joint, frames[joint], own[joint]) for joint in own}
    return None


def _merged(joint: str, pooled: Float[np.ndarray, "3 3"], own: Float[np.ndarray, "3 3"]) -> np.ndarray:
    """Take from the file what it shows exactly, and the rest from the pool."""
    if joint.endswith("ankle"):
        return own
    is_bone = any(joint in (limb.upper, limb.lower) for limb in LIMBS)
    return frame(own[:, 0], pooled[:, 1]) if is_bone else pooled


def _agree(frames: Mapping[str, np.ndarray], own: Mapping[str, np.ndarray]) -> bool:
    """Whether bones lie alike in their joints and trunks are turned alike."""
    bones = [joint for limb in LIMBS for joint in (limb.upper, limb.lower)]
    trunks = (frames[joint].T @ own[joint] for joint in ("pelvis", "spine3"))
    return all(frames[joint][:, 0] @ own[joint][:, 0] > BONE_COSINE for joint in bones) and all(
        (np.trace(R) - 1.0) / 2.0 > TRUNK_COSINE for R in trunks
    )


@cache
def _table() -> dict[str, dict[str, np.ndarray]]:
    """Read the table as rotation matrices."""
    table = tomllib.loads(FRAMES_FILE.read_text())
    return {
        rig: {joint: Rotation.from_quat(quat, scalar_first=True).as_matrix() for joint, quat in joints.items()}
        for rig, joints in table.items()
    }
