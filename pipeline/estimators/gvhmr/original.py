"""From the network's inputs to motion in the camera and in a y-up world, as the original does it (spec, 3 to 7).

This is the parity mode: every number is held to published ones, known faults included. What is done better stands
beside each step as a switch that is off here.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from pipeline.estimators.gvhmr.camera import (
    box_feature,
    normalise_camera_turn,
    normalise_keypoints,
    translation_of_weak_camera,
)
from pipeline.estimators.gvhmr.codec import Codec
from pipeline.estimators.gvhmr.gravity_view import world_from_view
from pipeline.estimators.gvhmr.limb_ik import hold_limbs
from pipeline.estimators.gvhmr.network import GvhmrNetwork, NetworkInputs, NetworkOutputs
from pipeline.estimators.gvhmr.rotations import matrix_from_rotvec, rotvec_from_matrix
from pipeline.estimators.gvhmr.skeleton import Skeleton
from pipeline.estimators.gvhmr.static_joints import (
    PosedPath,
    hold_static_joints,
    hold_to_static_camera,
    smooth_camera_path,
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sight:
    """What was seen of a person, in pixels, and of its camera."""

    keypoints: Float[Tensor, "batch frames 17 3"]
    """COCO's points: x, y [px], confidence."""
    boxes: Float[Tensor, "batch frames 3"]
    """Square box: centre, side [px]."""
    K: Float[Tensor, "batch frames 3 3"]
    """Intrinsics [px]."""
    camera_turn: Float[Tensor, "batch frames 6"]
    """6-D rotation of the camera from each frame to the next, not normalised."""
    image_features: Float[Tensor, "batch frames features"] | None = None
    """A token of the picture of the person, where there is one."""
    length: tuple[int, ...] | None = None
    """Valid frames of each clip; all if not given."""

    def network_inputs(self) -> NetworkInputs:
        """Say it in the network's units."""
        return NetworkInputs(
            obs=normalise_keypoints(self.keypoints, self.boxes),
            cliffcam=box_feature(self.boxes, self.K),
            cam_angvel=normalise_camera_turn(self.camera_turn),
            imgseq=self.image_features,
            length=self.length,
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SmplxPath:
    """A motion as SMPL-X's parameters, in one frame of reference."""

    local_rotation: Float[Tensor, "batch frames 22 3 3"]
    """Rotation of each joint relative to its parent; the root's in the frame of reference."""
    betas: Float[Tensor, "batch frames 10"]
    """Shape."""
    transl: Float[Tensor, "batch frames 3"]
    """SMPL-X's translation [m]: it does not hold the pelvis' place in the rest pose."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Recovered:
    """What the original gives of a clip."""

    camera: SmplxPath
    """The motion in camera axes (x right, y down, z forward)."""
    world: SmplxPath
    """The motion in a y-up world, where the first camera looks along +z."""
    pred_x: Float[Tensor, "batch frames 151"]
    """The normalised motion code."""
    static_logits: Float[Tensor, "batch frames 6"]
    """Log odds that each judged joint stands until the next frame."""


@torch.no_grad()
def predict(
    network: GvhmrNetwork,
    codec: Codec,
    skeleton: Skeleton,
    sight: Sight,
    *,
    static_camera: bool,
    post_process: bool,
) -> Recovered:
    """Recover a motion.

    Args:
        network: In evaluation mode.
        codec: Meaning of its numbers.
        skeleton: The body that its betas shape.
        sight: What was seen.
        static_camera: The camera is known not to move; the path then follows what it saw.
        post_process: Correct the path by standing joints and let limbs reach for them. The original does so for one
            clip at a time.
    """
    # The plain kernel rounds as the original's attention; the yaw chain turns 1e-6 in its input into a milliradian.
    with sdpa_kernel(SDPBackend.MATH):
        outputs = network(sight.network_inputs())
    recovered = recover(outputs, codec, sight.boxes, sight.K, sight.camera_turn)
    return correct(recovered, skeleton, static_camera=static_camera) if post_process else recovered


def recover(
    outputs: NetworkOutputs,
    codec: Codec,
    boxes: Float[Tensor, "batch frames 3"],
    K: Float[Tensor, "batch frames 3 3"],
    camera_turn: Float[Tensor, "batch frames 6"],
) -> Recovered:
    """Read a network's outputs and place them in the world, uncorrected.

    Args:
        outputs: Of the network.
        codec: Meaning of its numbers.
        boxes: That the network was given [px].
        K: Intrinsics [px].
        camera_turn: 6-D rotation of the camera from each frame to the next, not normalised.
    """
    motion = codec.decode(outputs.pred_x)
    motion = replace(
        motion,
        body_rotation=_as_kept(motion.body_rotation),
        root_camera=_as_kept(motion.root_camera),
        root_view=_as_kept(motion.root_view),
    )
    root_w, transl_w = world_from_view(motion.root_view, motion.root_camera, camera_turn, motion.velocity)
    transl_c = translation_of_weak_camera(codec.camera(outputs.pred_cam), boxes, K)
    return Recovered(
        camera=SmplxPath(
            local_rotation=_pose(motion.root_camera, motion.body_rotation), betas=motion.betas, transl=transl_c
        ),
        world=SmplxPath(
            local_rotation=_pose(_as_kept(root_w), motion.body_rotation), betas=motion.betas, transl=transl_w
        ),
        pred_x=outputs.pred_x,
        static_logits=outputs.static_logits,
    )


def correct(recovered: Recovered, skeleton: Skeleton, *, static_camera: bool, world_only: bool = False) -> Recovered:
    """Return the motion with its path corrected by standing joints, and limbs that reach for them, in both frames.

    Args:
        recovered: The uncorrected motion.
        skeleton: Its body's joints.
        static_camera: The camera is known not to move; the path then follows what it saw.
        world_only: Leave the pose in the camera as it is, as the original does after a flip test.
    """
    camera, world, logits = recovered.camera, recovered.world, recovered.static_logits
    posed = _posed(world, skeleton)
    if static_camera:
        smooth = replace(camera, transl=smooth_camera_path(camera.transl))
        transl = hold_to_static_camera(posed, _posed(smooth, skeleton), logits)
    else:
        transl = hold_static_joints(posed.joints, posed.transl, logits)
    pose_w = hold_limbs(skeleton, world.local_rotation, world.betas, transl, logits)
    found = replace(recovered, world=replace(world, transl=transl, local_rotation=pose_w))
    if world_only:
        return found
    pose_c = _pose(camera.local_rotation[..., 0, :, :], pose_w[..., 1:, :, :])
    return replace(found, camera=replace(camera, local_rotation=pose_c))


def _as_kept(rotation: Float[Tensor, "*batch 3 3"]) -> Float[Tensor, "*batch 3 3"]:
    """Round rotations as SMPL-X's axis-angle parameters do; the arc cosine of the yaw chain makes much of it."""
    return matrix_from_rotvec(rotvec_from_matrix(rotation))


def _pose(root: Float[Tensor, "*batch 3 3"], body: Float[Tensor, "*batch 21 3 3"]) -> Float[Tensor, "*batch 22 3 3"]:
    return torch.cat([root[..., None, :, :], body], dim=-3)


def _posed(path: SmplxPath, skeleton: Skeleton) -> PosedPath:
    joints, _ = skeleton.pose(path.local_rotation, path.betas, path.transl)
    return PosedPath(joints=joints, root=path.local_rotation[..., 0, :, :], transl=path.transl)
