"""The motion code and the kinematics under it against the reference's."""

from __future__ import annotations

import pytest
import torch

from pipeline.estimators.gvhmr.camera import CAMERA_TURN_MEAN, CAMERA_TURN_STD
from pipeline.estimators.gvhmr.codec import MotionCode
from pipeline.estimators.gvhmr.rollout import local_velocity
from pipeline.estimators.gvhmr.skeleton import PARENTS

EXACT = 1e-5


@pytest.mark.golden("endecoder")
def test_normalisation_is_the_published_one(golden) -> None:
    """The checkpoint does not hold it, so the product does."""
    codec = golden.codec()
    golden.assert_close(codec.mean, "mean", atol=1e-7)
    golden.assert_close(codec.std, "std", atol=1e-7)
    golden.assert_close(torch.tensor(CAMERA_TURN_MEAN), "cam_angvel_mean", atol=1e-7)
    golden.assert_close(torch.tensor(CAMERA_TURN_STD), "cam_angvel_std", atol=1e-7)


@pytest.mark.golden("endecoder")
def test_codes_are_read_as_in_the_reference(golden) -> None:
    """Any numbers, also such that rows are far from orthonormal."""
    motion = golden.codec().decode(golden["x_norm"])
    golden.assert_rotations(motion.body_rotation, "dec.body_pose")
    golden.assert_rotations(motion.root_camera, "dec.global_orient")
    golden.assert_rotations(motion.root_view, "dec.global_orient_gv")
    golden.assert_close(motion.betas, "dec.betas", atol=EXACT)
    golden.assert_close(motion.velocity, "dec.local_transl_vel", atol=EXACT)


@pytest.mark.golden("endecoder")
def test_codes_are_written_as_in_the_reference(golden) -> None:
    """The root in the gravity view comes from the camera's, the velocity from the world's."""
    camera, world = golden.pose("enc_c"), golden.pose("enc_w")
    motion = MotionCode(
        body_rotation=camera[..., 1:, :, :],
        betas=golden["enc_c.betas"],
        root_camera=camera[..., 0, :, :],
        root_view=golden["R_c2gv"] @ camera[..., 0, :, :],
        velocity=local_velocity(golden["enc_w.transl"], world[..., 0, :, :]),
    )
    # In standard deviations; the smallest is 0.004, which the rotations' 1e-7 is divided by.
    golden.assert_close(golden.codec().encode(motion), "x_encoded", atol=5e-5)


@pytest.mark.golden("endecoder")
def test_joints_are_placed_as_in_the_reference(golden) -> None:
    """Rest joints, local and global transforms of the 22 joints."""
    skeleton, local = golden.skeleton(), golden.pose("enc_w")
    betas, transl = golden["enc_w.betas"], golden["enc_w.transl"]
    joints, rotation = skeleton.pose(local, betas, transl)
    rest = skeleton.rest_joints(betas)
    golden.assert_close(rest, "skeleton22", atol=EXACT)
    golden.assert_close(joints, "fk_joints", atol=EXACT)
    golden.assert_rotations(rotation, golden["fk_global_mat"][..., :3, :3])
    torch.testing.assert_close(joints, golden["fk_global_mat"][..., :3, 3], atol=EXACT, rtol=0)
    golden.assert_rotations(local, golden["fk_local_mat"][..., :3, :3])
    offsets = rest[..., 1:, :] - rest[..., PARENTS[1:], :]
    torch.testing.assert_close(offsets, golden["fk_local_mat"][..., 1:, :3, 3], atol=EXACT, rtol=0)


@pytest.mark.golden("endecoder")
def test_a_pose_without_root_is_placed_as_in_the_reference(golden) -> None:
    """Root at rest: upright at the place of the rest pose."""
    local = golden.pose("enc_c").clone()
    local[..., 0, :, :] = torch.eye(3)
    joints, _ = golden.skeleton().pose(local, golden["enc_c.betas"], torch.zeros_like(golden["enc_c.transl"]))
    golden.assert_close(joints, "fk_noroot", atol=EXACT)


@pytest.mark.golden("endecoder")
def test_the_tests_own_skin_is_the_references(golden) -> None:
    """The losses below are judged with it."""
    if "verts437_c" not in golden.names:
        pytest.skip(f"{golden.directory} holds joints only, no skin")
    vertices, coco = golden.lite_body(golden.pose("enc_c"), golden["enc_c.betas"], golden["enc_c.transl"])
    golden.assert_close(vertices, "verts437_c", atol=EXACT)
    golden.assert_close(coco, "coco17_c", atol=EXACT)
