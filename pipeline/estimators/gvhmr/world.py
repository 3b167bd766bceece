"""Turns what the network says of a clip into a person on the floor of one z-up world.

Where this leaves the published way (spec, sections 4 and 6) each step is a switch of :class:`GvhmrConfig`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from scipy.special import expit

from pipeline.body import SkinnedBody
from pipeline.estimators.gvhmr.config import GvhmrConfig
from pipeline.estimators.gvhmr.feet import PosedLegs, stand
from pipeline.estimators.gvhmr.gaps import bridged, long_gaps
from pipeline.estimators.gvhmr.gravity import STILL_CAMERA_RAD, root_in_world, turn_of_camera
from pipeline.estimators.gvhmr.path import Clues, FusedPath, bears_weight, floor_height, fuse, roll_out_steps
from pipeline.estimators.gvhmr.prediction import Prediction
from pipeline.estimators.gvhmr.rates import NETWORK_FPS
from pipeline.estimators.gvhmr.rotation_filter import smooth_path, smooth_rotations
from pipeline.estimators.gvhmr.static_joints import STATIC_JOINTS
from pipeline.estimators.landmark.body_points import SOLES, tracked_points
from pipeline.evidence import Evidence
from retarget.smpl_skeleton import SMPL_PARENTS, forward_kinematics

_HOLD_SHARPNESS = 1.5
"""Factor on the log odds that joints stand, before feet are held: a foot that may as well move had better not be."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Placed:
    """A person in the world."""

    local_rotation: Float[np.ndarray, "frames 22 3 3"]
    """Rotation of each joint relative to its parent; the pelvis' in the world."""
    pelvis_w: Float[np.ndarray, "frames 3"]
    """Place of the pelvis [m]."""
    foot_contact: Float[np.ndarray, "frames 2"]
    """Probability that the left and right foot bears weight."""


class _Body:
    """A shaped body and its soles."""

    def __init__(self, body: SkinnedBody, betas: Float[np.ndarray, " 10"]) -> None:
        self.rest = body.rest_joints(betas)
        self._points = tracked_points(body, betas)

    def pose(self, local: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return joints and lowest points of both feet from the pelvis [m], and rotations, in world axes."""
        hands = np.broadcast_to(np.eye(3), (len(local), 2, 3, 3))
        local = np.concatenate([local, hands], axis=1)
        joints, rotation = forward_kinematics(local, self.rest, np.tile(-self.rest[0], (len(local), 1)))
        soles = self._points.locate(joints, rotation)[:, SOLES, 2]
        return joints, rotation, soles.reshape(len(local), 2, -1).min(axis=-1)


def place(
    prediction: Prediction, usable: Bool[np.ndarray, " frames"], shown: Evidence, body: SkinnedBody, config: GvhmrConfig
) -> Placed:
    """Place a person.

    Args:
        prediction: What the network says.
        usable: Frames in which enough of the person is seen.
        shown: The evidence that the network was shown.
        body: Whose joints.
        config: Switches.
    """
    said = bridged(prediction, long_gaps(usable))
    root, R_c2w = root_in_world(said, shown, usable, config)
    local = np.concatenate([root[:, None], said.body_rotation], axis=1)
    sigma = config.smoothing_s * NETWORK_FPS
    local = smooth_rotations(local, sigma)
    shape = _Body(body, said.betas)
    joints, rotation, soles = shape.pose(local)
    clues = Clues(
        step=np.einsum("tij,tj->ti", local[:, 0], said.velocity),
        ends=joints[:, STATIC_JOINTS],
        static_logits=said.static_logits,
        soles=soles,
        from_camera=np.einsum("tij,tj->ti", R_c2w, said.pelvis_c),
        camera_turns=turn_of_camera(shown.R_w2c) > STILL_CAMERA_RAD,
        sure=usable.astype(float),
    )
    path = _path(clues, config)
    pelvis = smooth_path(path.pelvis_w, sigma)
    bearing = bears_weight(clues, path.standing)
    pelvis = pelvis - [*pelvis[0, :2], _floor(clues, pelvis, bearing, joints, config)]
    height = soles + pelvis[:, 2:]
    if config.lock_feet:
        legs = PosedLegs(joints_w=joints + pelvis[:, None], rotation_w=rotation)
        held = expit(_HOLD_SHARPNESS * said.static_logits) * path.standing
        local = _locals(stand(legs, held, height, bearing))
    contact = bearing / (1.0 + np.maximum(height / 0.06, 0.0) ** 4)
    return Placed(local_rotation=local, pelvis_w=pelvis, foot_contact=contact)


def _path(clues: Clues, config: GvhmrConfig) -> FusedPath:
    if config.path == "velocity":
        return FusedPath(
            pelvis_w=roll_out_steps(clues), standing=expit(clues.static_logits), camera_moves=config.camera == "moving"
        )
    moves = None if config.camera == "auto" else config.camera == "moving"
    return fuse(clues, camera_moves=moves, with_floor=config.ground == "contacts")


def _floor(
    clues: Clues,
    pelvis: Float[np.ndarray, "frames 3"],
    bearing: Float[np.ndarray, "frames 2"],
    joints: Float[np.ndarray, "frames 24 3"],
    config: GvhmrConfig,
) -> float:
    """Height of the floor [m]."""
    if config.ground == "lowest":
        return float((joints[..., 2] + pelvis[:, None, 2]).min())
    return floor_height(clues.soles + pelvis[:, 2:], bearing)


def _locals(rotation: Float[np.ndarray, "frames 24 3 3"]) -> Float[np.ndarray, "frames 22 3 3"]:
    """Return rotations relative to parents."""
    parents = list(SMPL_PARENTS[1:22])
    local = rotation[:, parents].swapaxes(-1, -2) @ rotation[:, 1:22]
    return np.concatenate([rotation[:, :1], local], axis=1)
