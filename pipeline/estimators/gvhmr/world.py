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
from pipeline.estimators.gvhmr.gravity import axes_of_world, down_of_clip, down_of_frames, given_down
from pipeline.estimators.gvhmr.path_solver import STEP, PathSolver
from pipeline.estimators.gvhmr.prediction import Prediction
from pipeline.evidence import Evidence
from retarget.smpl_skeleton import forward_kinematics


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Placed:
    """A person in the world."""

    local_rotation: Float[np.ndarray, "frames 22 3 3"]
    """Rotation of each joint relative to its parent; the pelvis' in the world."""
    pelvis_w: Float[np.ndarray, "frames 3"]
    """Place of the pelvis [m]."""
    foot_contact: Float[np.ndarray, "frames 2"]
    """Probability that the left and right foot bears weight."""


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
    rest = body.rest_joints(prediction.betas)
    if shown.gravity_c0 is None:
        down = down_of_clip(down_of_frames(prediction, shown.R_w2c), usable + 1e-3)
    else:
        down = given_down(shown.gravity_c0)
    R_c2w = axes_of_world(down) @ shown.R_w2c.swapaxes(-1, -2)
    root = R_c2w @ prediction.root_camera
    local = np.concatenate([root[:, None], prediction.body_rotation], axis=1)
    offset = _joints(local, rest)
    solver = PathSolver(len(prediction))
    step = np.einsum("tij,tj->ti", root, prediction.velocity)
    solver.add(STEP, step, np.full(len(step), 1.0))
    pelvis = solver.solve()
    joints = offset + pelvis[:, None]
    pelvis = pelvis - [pelvis[0, 0], pelvis[0, 1], joints[..., 2].min()]
    stands = expit(prediction.static_logits)
    contact = np.stack([stands[:, :2].max(axis=1), stands[:, 2:4].max(axis=1)], axis=1)
    return Placed(local_rotation=local, pelvis_w=pelvis, foot_contact=contact)


def _joints(
    local: Float[np.ndarray, "frames 22 3 3"], rest: Float[np.ndarray, "24 3"]
) -> Float[np.ndarray, "frames 24 3"]:
    """Return the joints as seen from the pelvis, in world axes [m]."""
    hands = np.broadcast_to(np.eye(3), (len(local), 2, 3, 3))
    return forward_kinematics(np.concatenate([local, hands], axis=1), rest, np.tile(-rest[0], (len(local), 1)))[0]
