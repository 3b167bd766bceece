"""Turns a person's joints into where the estimate breaks off: teleports, flips, freezes, left taken for right."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float
from scipy.spatial.transform import Rotation

from pipeline.continuity import frozen_duration, swapped_frames, unexplained_steps, unexplained_turns
from pipeline.measurement import Measurement, largest, share
from retarget.smpl_skeleton import SMPL_JOINT_NAMES

LEGS = ("hip", "knee", "ankle", "foot")
ARMS = ("shoulder", "elbow", "wrist")
LIMB_ENDS = tuple(
    SMPL_JOINT_NAMES.index(f"{side}_{joint}")
    for side in ("left", "right")
    for joint in ("knee", "ankle", "elbow", "wrist")
)
"""Joints that an estimator moves when it errs; the others follow from them or hardly move."""

_OTHER_SIDE = [
    SMPL_JOINT_NAMES.index(name.replace("left", "right") if name.startswith("left") else name.replace("right", "left"))
    for name in SMPL_JOINT_NAMES
]

_SWAPS = ((LEGS, 0.2), (ARMS, 0.2), (LEGS + ARMS, 0.2))
"""Limbs that are taken for each other, and by how much a step must get shorter with sides changed [m, all joints
together]. Recorded people stay below it: the legs of a runner pass each other."""

_MIRRORS = (np.array([-1.0, 1.0, 1.0]), np.ones(3))
"""Whether an exchanged limb keeps its pose, mirrored, or its place."""

_FLIP = 1.0
"""By how much half a turn must shorten the step of the pelvis's axes, which is 2.8 for half a turn."""

_FROZEN, _MOVING, _SHORTEST_FREEZE = 0.003, 0.3, 0.1
"""In a freeze no joint is faster than the first [m/s], before or after it one is faster than the second [m/s], and it
lasts at least the third [s]. People who stand sway faster."""


def measure_breaks(
    root_pos_w: Float[np.ndarray, "frames 3"],
    root_rot_w: Float[np.ndarray, "frames 3 3"],
    local: Float[np.ndarray, "frames 24 3"],
    girdled: Float[np.ndarray, "frames 24 3"],
    fps: float,
) -> tuple[Measurement, ...]:
    """Measure jumps of the root and the limbs that their own speed does not explain, freezes and changes of sides.

    Args:
        root_pos_w: Pelvis [m].
        root_rot_w: Its rotation.
        local: Joints in the pelvis's own axes [m].
        girdled: Arms in the chest's own axes, all else in the pelvis's [m]; see :func:`in_girdles`.
        fps: Frames per second [1/s].
    """
    root_quat = Rotation.from_matrix(root_rot_w).as_quat(scalar_first=True)
    limbs = np.stack([unexplained_steps(local[:, joint]) for joint in LIMB_ENDS])
    worst = SMPL_JOINT_NAMES[LIMB_ENDS[int(limbs.max(axis=1).argmax())]]
    frozen = frozen_duration(
        np.hstack([root_pos_w, local.reshape(len(local), -1)]),
        fps,
        still_speed=_FROZEN,
        moving_speed=_MOVING,
        min_duration=_SHORTEST_FREEZE,
    )
    return (
        largest(
            "root_jump",
            unexplained_steps(root_pos_w),
            "m",
            "Largest step of the pelvis to the next frame that its speed does not explain: a teleport",
        ),
        largest(
            "root_flip",
            unexplained_turns(root_quat),
            "rad",
            "Largest turn of the pelvis to the next frame that its turning does not explain: front taken for back",
        ),
        largest(
            "limb_jump",
            limbs.max(axis=0),
            "m",
            f"Largest step of a limb to the next frame, seen from the pelvis, that its speed does not explain: {worst}",
        ),
        largest(
            "freeze_duration",
            frozen,
            "s",
            "Longest time in which the whole person stops dead within a motion: a picture that stood still",
        ),
        share(
            "flipped_share",
            flipped_frames(root_rot_w),
            "Share of frames in which front is taken for back: the pelvis turns half round at once, and back",
        ),
        share(
            "swapped_share",
            swapped_sides(girdled),
            "Share of frames in which left and right limbs have changed places: they jump there and back",
        ),
    )


def swapped_sides(girdled: Float[np.ndarray, "frames 24 3"]) -> Bool[np.ndarray, " frames"]:
    """Frames in which arms, legs or both are those of the other side.

    The pose with sides changed is the mirror image (a left leg bent as the right one was) or the same places with the
    other names (a left leg where the right one was); an estimator does either.

    Args:
        girdled: Arms in the chest's own axes, all else in the pelvis's, x to the person's left [m].
    """
    frames = len(girdled)
    swapped = np.zeros(frames, dtype=bool)
    if frames < 2:
        return swapped
    for _ in _SWAPS:  # each round undoes what explains most, so that what is left is not counted twice
        gain, flags, joints, undone = max(
            (_exchange(girdled, limbs, mirror, least) for limbs, least in _SWAPS for mirror in _MIRRORS),
            key=lambda found: found[0],
        )
        if gain == 0:
            break
        swapped |= flags
        mended = flags[:, None] & np.isin(np.arange(girdled.shape[1]), joints)
        girdled = np.where(mended[..., None], undone, girdled)
    return swapped


def _exchange(
    girdled: Float[np.ndarray, "frames 24 3"], limbs: tuple[str, ...], mirror: np.ndarray, least: float
) -> tuple[float, np.ndarray, list[int], np.ndarray]:
    """Return how much shorter the way of some limbs gets if they change sides [m], in which frames, and to what."""
    joints = [i for i, name in enumerate(SMPL_JOINT_NAMES) if name.rpartition("_")[2] in limbs]
    other = girdled[:, _OTHER_SIDE] * mirror
    kept, changed = (x[:, joints].reshape(len(x), -1) for x in (girdled, other))
    flags = swapped_frames(kept, changed, min_jump=least)
    mended = np.where(flags[:, None], changed, kept)
    way, shorter = (np.linalg.norm(np.diff(x, axis=0), axis=1).sum() for x in (kept, mended))
    return max(float(way - shorter), 0.0), flags, joints, other


def flipped_frames(root_rot_w: Float[np.ndarray, "frames 3 3"]) -> Bool[np.ndarray, " frames"]:
    """Frames in which the pelvis looks the other way: it turns half round from one frame to the next, and back."""
    if len(root_rot_w) < 2:
        return np.zeros(len(root_rot_w), dtype=bool)
    across = root_rot_w[:, :, [0, 2]].reshape(len(root_rot_w), -1)  # to the left and forwards; half a turn negates both
    return swapped_frames(across, -across, min_jump=_FLIP)


def in_pelvis(
    joint_pos_w: Float[np.ndarray, "frames 24 3"], root_rot_w: Float[np.ndarray, "frames 3 3"]
) -> Float[np.ndarray, "frames 24 3"]:
    """Joints relative to the pelvis, in its own axes [m]."""
    return np.einsum("fji,fkj->fki", root_rot_w, joint_pos_w - joint_pos_w[:, :1])


def in_girdles(
    local: Float[np.ndarray, "frames 24 3"],
    root_rot_w: Float[np.ndarray, "frames 3 3"],
    chest_rot_w: Float[np.ndarray, "frames 3 3"],
) -> Float[np.ndarray, "frames 24 3"]:
    """Joints as the limbs' own girdles see them: arms in the chest's axes from its middle, all else as before [m].

    Left and right are mirror images in the girdle that carries them, however the spine between both is bent.
    """
    chest_in_pelvis = np.einsum("fji,fjk->fik", root_rot_w, chest_rot_w)
    arms = [i for i, name in enumerate(SMPL_JOINT_NAMES) if name.rpartition("_")[2] in ARMS]
    chest = local[:, [SMPL_JOINT_NAMES.index("spine3")]]
    girdled = np.array(local)
    girdled[:, arms] = np.einsum("fji,fkj->fki", chest_in_pelvis, local[:, arms] - chest)
    return girdled
