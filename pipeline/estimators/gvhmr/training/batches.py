"""Turns windows of motion into what the network is given and what it should say."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float
from scipy import sparse
from torch import Tensor
from torch.nn.functional import pad

from pipeline.body import SkinnedBody
from pipeline.estimators.gvhmr.camera import weak_camera_of_translation
from pipeline.estimators.gvhmr.codec import MotionCode
from pipeline.estimators.gvhmr.gravity_view import camera_to_gravity_view
from pipeline.estimators.gvhmr.inputs import Sighting, keypoint_box, network_inputs
from pipeline.estimators.gvhmr.network import NetworkInputs
from pipeline.estimators.gvhmr.rollout import local_velocity
from pipeline.estimators.gvhmr.skeleton import N_JOINTS, Skeleton
from pipeline.estimators.gvhmr.static_joints import STATIC_JOINTS, static_labels
from pipeline.estimators.gvhmr.training.cameras import Cameras, sample_cameras
from pipeline.estimators.gvhmr.training.motion_bank import Windows
from pipeline.synthetic import DetectorModel

FPS = 30.0
"""Rate that the network works at [1/s]."""
GRAVITY_W = (0.0, -1.0, 0.0)
"""Down in the y-up world."""
_CONFIDENT = 0.5
_HAND_OF_WRIST = {22: 20, 23: 21}


@dataclass(frozen=True, slots=True, kw_only=True)
class SightingConfig:
    """How windows are seen."""

    hidden: float = 0.25
    """Share of windows in which something hides a limb or the legs for a while."""
    dropped: float = 0.02
    """Share of keypoints that are lost for one frame."""
    no_landmarks: float = 0.10
    """Share of windows without 3-D landmarks."""
    frame_without_landmarks: float = 0.03
    """Share of frames without 3-D landmarks."""
    cropped: float = 0.10
    """Share of windows whose lens is not chosen so that the person fits into the picture."""
    box_jitter: float = 0.04
    """Spread of the box's centre and size from clip to clip, in boxes."""
    focal_error: float = 0.08
    """Spread of the believed focal length's error, as the logarithm of its ratio to the true one."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Batch:
    """Inputs and truths of some windows."""

    inputs: NetworkInputs
    """What the network is given."""
    code: MotionCode
    """Truth of the motion code; betas for each frame alike."""
    cam: Float[Tensor, "batch frames 3"]
    """Truth of the weak-perspective camera."""
    joints_c: Float[Tensor, "batch frames 22 3"]
    """Joints in camera axes, the person as far away as the believed focal length makes them [m]."""
    pelvis_w: Float[Tensor, "batch frames 3"]
    """Pelvis in the world [m]."""
    root_w: Float[Tensor, "batch frames 3 3"]
    """Pelvis' rotation in the world."""
    standing: Float[Tensor, "batch frames 6"]
    """1 where a joint of ``STATIC_JOINTS`` stands still."""
    bbx_xys: Float[Tensor, "batch frames 3"]
    """Box centre and side [px]."""
    K: Float[Tensor, "batch 3 3"]
    """Intrinsics that the network believes [px]."""


class BodyPoints:
    """Keypoints and landmarks of a shaped body as sums over its joints: exact for linear blend skinning."""

    def __init__(self, body: SkinnedBody, regressor: sparse.csr_array) -> None:
        """Gather how much of each point hangs on each joint, for the mean shape and for each beta.

        Args:
            body: Whose points.
            regressor: Weights (points, verts) that make the points of vertices.
        """
        skin = np.asarray(body.skin_weights, dtype=np.float64)
        share = np.asarray(regressor @ skin)
        moments = [
            np.asarray(regressor @ (skin[:, :, None] * verts[:, None]).reshape(len(verts), -1)).reshape(-1, 24, 3)
            - share[..., None] * joints
            for verts, joints in [(body.template_verts, body.template_joints)]
            + [(body.shape_dirs[..., k], body.joint_shape_dirs[..., k]) for k in range(body.shape_dirs.shape[-1])]
        ]
        # Hands turn with their wrists here, so their shares go there with a lever of their own.
        rest = [body.template_joints] + [body.joint_shape_dirs[..., k] for k in range(body.joint_shape_dirs.shape[-1])]
        for moment, joints in zip(moments, rest, strict=True):
            for hand, wrist in _HAND_OF_WRIST.items():
                moment[:, wrist] += moment[:, hand] + share[:, hand, None] * (joints[hand] - joints[wrist])
        for hand, wrist in _HAND_OF_WRIST.items():
            share[:, wrist] += share[:, hand]
        self._share = torch.from_numpy(share[:, :N_JOINTS]).float()
        self._moment = torch.from_numpy(moments[0][:, :N_JOINTS]).float()
        self._moment_dirs = torch.from_numpy(np.stack([m[:, :N_JOINTS] for m in moments[1:]], axis=-1)).float()

    def place(
        self,
        joints: Float[Tensor, "batch frames 22 3"],
        rotation: Float[Tensor, "batch frames 22 3 3"],
        betas: Float[Tensor, "batch 10"],
    ) -> Float[Tensor, "batch frames points 3"]:
        """Return the points of posed joints [m]."""
        moment = self._moment + torch.einsum("pjak,bk->bpja", self._moment_dirs, betas)
        turned = torch.einsum("btjac,bpjc->btpa", rotation, moment)
        return turned + torch.einsum("pj,btja->btpa", self._share, joints)


class BatchMaker:
    """Shows windows to cameras and detectors."""

    def __init__(
        self, body: SkinnedBody, detector: DetectorModel, landmark_regressor: sparse.csr_array, config: SightingConfig
    ) -> None:
        """Keep the body and the detector."""
        self.skeleton = Skeleton.of(body)
        self._keypoints = BodyPoints(body, body.keypoint_regressor)
        self._landmarks = BodyPoints(body, landmark_regressor)
        self._detector, self._config = detector, config

    def make(self, windows: Windows, generator: torch.Generator, *, moving_only: bool = False) -> Batch:
        """Show windows to a camera each."""
        betas = windows.betas
        frames = windows.pelvis_w.shape[1]
        rest = self.skeleton.rest_joints(betas)
        size = _leg(rest) / _leg(self.skeleton.template_joints)
        pelvis = windows.pelvis_w * size[:, None, None]
        transl = pelvis - rest[:, None, 0]
        joints_w, rotation_w = self.skeleton.pose(windows.local_rotation, betas[:, None], transl)
        cameras = sample_cameras(joints_w, generator, moving_only=moving_only)
        joints_c = cameras.points(joints_w)
        sighting, lens = self._see(cameras, joints_w, rotation_w, joints_c, betas, generator)
        K = sighting.K
        # Who believes a longer lens must believe a person farther away, or picture and place contradict each other.
        joints_c = joints_c + pad((lens - 1.0)[:, None, None, None] * joints_c[:, :, :1, 2:], (2, 0))
        box = self._box(sighting, generator)
        root_w = rotation_w[:, :, 0]
        root_c = cameras.R_w2c @ root_w
        code = MotionCode(
            body_rotation=windows.local_rotation[:, :, 1:],
            betas=betas[:, None].expand(-1, frames, -1),
            root_camera=root_c,
            root_view=camera_to_gravity_view(cameras.R_w2c, GRAVITY_W) @ root_c,
            velocity=local_velocity(pelvis, root_w),
        )
        return Batch(
            inputs=network_inputs(sighting, box, with_detail=True),
            code=code,
            cam=weak_camera_of_translation(joints_c[:, :, 0] - rest[:, None, 0], box, K[:, None]),
            joints_c=joints_c,
            pelvis_w=pelvis,
            root_w=root_w,
            standing=static_labels(joints_w[:, :, STATIC_JOINTS]).float(),
            bbx_xys=box,
            K=K,
        )

    def _see(
        self,
        cameras: Cameras,
        joints_w: Tensor,
        rotation_w: Tensor,
        joints_c: Tensor,
        betas: Tensor,
        generator: torch.Generator,
    ) -> tuple[Sighting, Tensor]:
        """Film windows; also return by which factor each focal length is believed to be longer than it is."""
        config, (batch, frames) = self._config, joints_w.shape[:2]
        keypoints_c = cameras.points(self._keypoints.place(joints_w, rotation_w, betas))
        landmarks_c = cameras.points(self._landmarks.place(joints_w, rotation_w, betas))
        picture, focal = _lens(joints_c, config, generator)
        rng = np.random.default_rng(int(torch.randint(2**62, (1,), generator=generator)))
        hidden = _hidden(batch, frames, config.hidden, rng)
        found = self._detector.detect(
            keypoints_c.numpy().astype(np.float64),
            landmarks_c.numpy().astype(np.float64),
            focal_px=focal.numpy().astype(np.float64),
            principal_px=0.5 * picture.numpy(),
            image_size=picture.numpy(),
            fps=FPS,
            rng=rng,
            hidden=hidden,
        )
        keypoints = torch.from_numpy(found.keypoints).float()
        trust = torch.from_numpy(found.trust).float()
        landmarks = torch.from_numpy(found.landmarks).float()
        draw = torch.rand(batch, frames, 21, generator=generator)
        seen = (torch.minimum(keypoints[..., 2], trust) > _CONFIDENT) & (draw > config.dropped)
        K = torch.zeros(batch, 3, 3)
        lens = torch.exp(config.focal_error * torch.randn(batch, generator=generator))
        K[:, 0, 0] = K[:, 1, 1] = focal * lens
        K[:, :2, 2], K[:, 2, 2] = 0.5 * picture, 1.0
        with_landmarks = (torch.rand(batch, 1, generator=generator) > config.no_landmarks) & (
            torch.rand(batch, frames, generator=generator) > config.frame_without_landmarks
        )
        sighting = Sighting(
            keypoints_px=keypoints[..., :2],
            seen=seen,
            K=K,
            R_w2c=cameras.R_w2c,
            landmarks=landmarks,
            landmarks_seen=with_landmarks & (seen.sum(dim=-1) >= 4),
        )
        return sighting, lens

    def _box(self, sighting: Sighting, generator: torch.Generator) -> Tensor:
        box = keypoint_box(sighting.keypoints_px, sighting.seen)
        jitter = self._config.box_jitter * torch.randn(len(box), 1, 3, generator=generator)
        return torch.cat([box[..., :2] + jitter[..., :2] * box[..., 2:], box[..., 2:] * (1.0 + jitter[..., 2:])], -1)


def _lens(joints_c: Tensor, config: SightingConfig, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Draw pictures, upright or lying, and focal lengths with which most people fit into them [px]."""
    batch = len(joints_c)
    picture = torch.tensor([1280.0, 720.0]).expand(batch, 2)
    upright = torch.rand(batch, generator=generator) < 0.25
    picture = torch.where(upright[:, None], picture.flip(-1), picture)
    focal = picture.norm(dim=-1) * (0.7 + 0.8 * torch.rand(batch, generator=generator))
    rays = (joints_c[..., :2] / joints_c[..., 2:].clamp(min=0.1)).abs().flatten(1, 2)
    reach = rays.quantile(0.98, dim=1)
    fitting = (0.48 * picture / reach.clamp(min=1e-3)).amin(dim=-1)
    cropped = torch.rand(batch, generator=generator) < config.cropped
    return picture, torch.where(cropped, focal, torch.minimum(focal, fitting))


def _hidden(batch: int, frames: int, share: float, rng: np.random.Generator) -> Bool[np.ndarray, "batch frames 21"]:
    """Hide a limb, or both legs, for a while in some windows."""
    limbs = ((7, 9), (8, 10), (13, 15, 17, 18), (14, 16, 19, 20), (11, 12, 13, 14, 15, 16, 17, 18, 19, 20))
    hidden = np.zeros((batch, frames, 21), dtype=bool)
    for clip in np.flatnonzero(rng.random(batch) < share):
        points = limbs[rng.choice(len(limbs), p=(0.15, 0.15, 0.15, 0.15, 0.4))]
        start = rng.integers(0, frames)
        hidden[clip, start : start + rng.integers(9, 61), points] = True
    return hidden


def _leg(rest_joints: Tensor) -> Tensor:
    return (rest_joints[..., 1, :] - rest_joints[..., 4, :]).norm(dim=-1) + (
        rest_joints[..., 4, :] - rest_joints[..., 7, :]
    ).norm(dim=-1)
