"""From what was seen and what its mirror image says to one motion: the flip test of evaluations (spec, section 7).

The original does so for 3DPW and EMDB only, never in its demonstration; image features of the mirrored picture are due.
"""

from __future__ import annotations

from dataclasses import replace

from jaxtyping import Float
from torch import Tensor

from pipeline.estimators.gvhmr.flip import flip_boxes, flip_keypoints, flip_pose, flip_rotations, mean_rotation
from pipeline.estimators.gvhmr.original import Recovered, Sight
from pipeline.estimators.gvhmr.rotations import matrix_from_6d, sixd_from_matrix


def mirrored_sight(
    sight: Sight, width: float, image_features: Float[Tensor, "batch frames features"] | None = None
) -> Sight:
    """Return what would have been seen in the mirrored image.

    Args:
        sight: What was seen.
        width: Of the image [px].
        image_features: Of the mirrored picture, where there are any.
    """
    return replace(
        sight,
        keypoints=flip_keypoints(sight.keypoints, width),
        boxes=flip_boxes(sight.boxes, width),
        camera_turn=sixd_from_matrix(flip_rotations(matrix_from_6d(sight.camera_turn))),
        image_features=image_features,
    )


def averaged(seen: Recovered, mirrored: Recovered) -> Recovered:
    """Return the mean of two uncorrected recoveries, the second one's from the mirrored image.

    Shape and pose are averaged, in the camera also the root; paths, and the root in the world, stay those of the image
    as it is. Afterwards :func:`~pipeline.estimators.gvhmr.original.correct` is due with ``world_only``.
    """
    pose = mean_rotation(seen.camera.local_rotation, flip_pose(mirrored.camera.local_rotation))
    betas = (seen.camera.betas + mirrored.camera.betas) / 2
    pose_w = pose.clone()
    pose_w[..., 0, :, :] = seen.world.local_rotation[..., 0, :, :]
    return replace(
        seen,
        camera=replace(seen.camera, local_rotation=pose, betas=betas),
        world=replace(seen.world, local_rotation=pose_w, betas=betas),
    )
