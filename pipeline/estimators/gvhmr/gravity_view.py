"""From a person seen in each frame's levelled camera to one y-up world, and between world and camera (spec, 4).

The gravity view of a camera (GVHMR, section 3.1) is the camera levelled in pitch and roll: y along gravity (down),
z the horizontal part of the view, x = y x z. Worlds are right-handed; ``_w`` is any, the last one here is y-up.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import normalize

from pipeline.estimators.gvhmr.rollout import roll_out
from pipeline.estimators.gvhmr.rotations import angle_between, matrix_from_6d
from pipeline.estimators.gvhmr.smoothing import gaussian_smooth

YAW_SIGMA = 3.0
"""Width of the Gaussian over the camera's yaw increments [frames]."""
_NO_TURN = 1e-5
"""Rotations by less are taken for none [rad]."""
_STRAIGHT_DOWN = 1e-5
"""Sine of the angle between view and gravity below which the view has no horizontal part."""
Y_DOWN_TO_Y_UP = ((-1.0, 0.0, 0.0), (0.0, -1.0, 0.0), (0.0, 0.0, 1.0))
"""Half a turn about z: from the gravity view's axes to the world that results are in."""
Z_UP_TO_Y_UP = ((1.0, 0.0, 0.0), (0.0, 0.0, 1.0), (0.0, -1.0, 0.0))
"""A quarter of a turn about x."""


def camera_to_gravity_view(
    R_w2c: Float[Tensor, "*batch 3 3"], gravity_w: tuple[float, float, float]
) -> Float[Tensor, "*batch 3 3"]:
    """Return the rotation from camera axes to the gravity view's.

    A view along gravity has no horizontal part; its x axis is then the camera's, which keeps the result finite.
    """
    y = R_w2c @ R_w2c.new_tensor(gravity_w)
    # y x (0, 0, 1), written out.
    across = torch.stack([y[..., 1], -y[..., 0], torch.zeros_like(y[..., 0])], dim=-1)
    length = across.norm(dim=-1, keepdim=True)
    x = torch.where(length < _STRAIGHT_DOWN, across.new_tensor([1.0, 0.0, 0.0]), across / (length + 1e-5))
    return torch.stack([x, y, torch.linalg.cross(x, y)], dim=-2)


def turn_world(
    root: Float[Tensor, "*batch 3 3"], transl: Float[Tensor, "*batch 3"], axes: tuple[tuple[float, ...], ...]
) -> tuple[Float[Tensor, "*batch 3 3"], Float[Tensor, "*batch 3"]]:
    """Return root and translation [m] in a world turned about its origin, e.g. by ``Z_UP_TO_Y_UP``."""
    turn = root.new_tensor(axes)
    return turn @ root, transl @ turn.T


def root_in_camera(
    root_w: Float[Tensor, "*batch 3 3"],
    transl_w: Float[Tensor, "*batch 3"],
    R_w2c: Float[Tensor, "*batch 3 3"],
    t_w2c: Float[Tensor, "*batch 3"],
    rest_pelvis: Float[Tensor, "*batch 3"],
) -> tuple[Float[Tensor, "*batch 3 3"], Float[Tensor, "*batch 3"]]:
    """Return the root's rotation and SMPL's translation [m] in camera axes; the root turns about the rest pelvis."""
    transl_c = _apply(R_w2c, transl_w + rest_pelvis) + t_w2c - rest_pelvis
    return R_w2c @ root_w, transl_c


def camera_of_roots(
    root_w: Float[Tensor, "*batch 3 3"],
    transl_w: Float[Tensor, "*batch 3"],
    root_c: Float[Tensor, "*batch 3 3"],
    transl_c: Float[Tensor, "*batch 3"],
    rest_pelvis: Float[Tensor, "*batch 3"],
) -> tuple[Float[Tensor, "*batch 3 3"], Float[Tensor, "*batch 3"]]:
    """Return the camera (rotation and translation [m], world to camera) that sees one root as the other."""
    R_w2c = root_c @ root_w.transpose(-1, -2)
    return R_w2c, transl_c + rest_pelvis - _apply(R_w2c, transl_w + rest_pelvis)


def camera_yaw(
    root_view: Float[Tensor, "*batch frames 3 3"],
    root_camera: Float[Tensor, "*batch frames 3 3"],
    turn: Float[Tensor, "*batch frames 6"],
    *,
    sigma: float = YAW_SIGMA,
    yaw_chain_shift: bool = True,
) -> Float[Tensor, "*batch frames"]:
    """Return how far each frame's gravity view is yawed from the first one's, about its y axis [rad].

    Args:
        root_view: Pelvis in each frame's gravity view.
        root_camera: Pelvis in each frame's camera.
        turn: 6-D rotation of the camera from each frame to the next, not normalised.
        sigma: Width of the Gaussian over the increments [frames]; 0 for none.
        yaw_chain_shift: Chain increments as the original does: frame t gets the one that leads from t to t + 1 where
            the one from t - 1 to t belongs. Off, the chain is right and increments come from a function that is also
            accurate for slow cameras.
    """
    step = matrix_from_6d(turn)
    eye = torch.eye(3, dtype=turn.dtype, device=turn.device)
    step = torch.where((angle_between(step, eye.expand_as(step)) < _NO_TURN)[..., None, None], eye, step)
    camera_to_view = root_view @ root_camera.transpose(-1, -2)
    here = _horizontal(camera_to_view[..., 2])
    there = _horizontal((camera_to_view @ step.transpose(-1, -2))[..., 2])
    sine = torch.linalg.cross(there, here)
    cosine = (here * there).sum(-1)
    if yaw_chain_shift:
        # The arc cosine turns rounding into yaws of 3e-4 rad, whose signs are rounding too: even a static camera
        # drifts by a tenth of a degree. The published numbers hold that noise, so parity needs this very arithmetic.
        increment = normalize(sine, dim=-1)[..., 1] * torch.acos(cosine.clamp(-1.0, 1.0))
    else:
        increment = torch.atan2(sine[..., 1], cosine)
    # The increments turn the next view into this one against their sign.
    increment = -gaussian_smooth(increment[..., None], sigma)[..., 0]
    chosen = increment[..., 1:] if yaw_chain_shift else increment[..., :-1]
    yaw = torch.cumsum(torch.nn.functional.pad(chosen, (1, 0)).double(), dim=-1)
    whole_turns = torch.remainder(yaw + _NO_TURN, 2 * torch.pi) < 2 * _NO_TURN
    return torch.where(whole_turns, 0.0, yaw).to(increment.dtype)


def world_from_view(
    root_view: Float[Tensor, "*batch frames 3 3"],
    root_camera: Float[Tensor, "*batch frames 3 3"],
    turn: Float[Tensor, "*batch frames 6"],
    velocity: Float[Tensor, "*batch frames 3"],
    *,
    sigma: float = YAW_SIGMA,
    yaw_chain_shift: bool = True,
) -> tuple[Float[Tensor, "*batch frames 3 3"], Float[Tensor, "*batch frames 3"]]:
    """Return root and translation [m] in the y-up world in which the first camera looks along +z from the origin.

    Arguments are those of :func:`camera_yaw`, and ``velocity``, the root's step in the pelvis' axes [m/frame].
    """
    yaw = camera_yaw(root_view, root_camera, turn, sigma=sigma, yaw_chain_shift=yaw_chain_shift)
    root = _about_y(yaw) @ root_view
    return turn_world(root, roll_out(velocity, root), Y_DOWN_TO_Y_UP)


def facing_axes(
    joints: Float[Tensor, "*batch joints 3"],
) -> tuple[Float[Tensor, "*batch 3 3"], Float[Tensor, "*batch 3"]]:
    """Return the heading of a person in a y-up world, as the rotation from axes that it faces +z in, and its place.

    ``p_facing = R^T (p - place)`` puts the pelvis over the origin, looking along +z. Hips and shoulders tell the
    heading; someone whose left and right coincide from above gets the world's axes.
    """
    left = joints[..., 1, :] - joints[..., 2, :] + joints[..., 16, :] - joints[..., 17, :]
    up = torch.zeros_like(left)
    up[..., 1] = 1.0
    level = left * (1.0 - up)
    x = normalize(level, dim=-1)
    axes = torch.stack([x, up, torch.linalg.cross(x, up)], dim=-1)
    unclear = (level * level).sum(-1) < 1e-4
    axes = torch.where(unclear[..., None, None], torch.eye(3, dtype=axes.dtype, device=axes.device), axes)
    return axes, joints[..., 0, :] * (1.0 - up)


def _horizontal(direction: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch 3"]:
    level = direction.clone()
    level[..., 1] = 0.0
    return normalize(level, dim=-1)


def _about_y(angle: Float[Tensor, "*batch"]) -> Float[Tensor, "*batch 3 3"]:
    cos, sin, zero, one = angle.cos(), angle.sin(), torch.zeros_like(angle), torch.ones_like(angle)
    return torch.stack([cos, zero, sin, zero, one, zero, -sin, zero, cos], dim=-1).unflatten(-1, (3, 3))


def _apply(rotation: Float[Tensor, "*batch 3 3"], vector: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch 3"]:
    return (rotation @ vector[..., None]).squeeze(-1)
