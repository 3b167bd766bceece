"""Corrected paths, limbs, the whole way from inputs to motion, and the training loss against the reference's."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
import torch

from pipeline.estimators.gvhmr.camera import box_feature, normalise_camera_turn, weak_camera_of_translation
from pipeline.estimators.gvhmr.codec import MotionCode
from pipeline.estimators.gvhmr.limb_ik import LIMBS, ChainPose, hold_limbs, reach
from pipeline.estimators.gvhmr.network import NetworkInputs
from pipeline.estimators.gvhmr.original import Sight, SmplxPath, predict
from pipeline.estimators.gvhmr.rollout import local_velocity
from pipeline.estimators.gvhmr.skeleton import PARENTS
from pipeline.estimators.gvhmr.static_joints import (
    PosedPath,
    hold_static_joints,
    hold_to_static_camera,
    smooth_camera_path,
    static_labels,
)
from pipeline.estimators.gvhmr.training.losses import Truth, VertexTruth, published_losses, total_loss

PATH = 1e-3
"""Of the pipeline and the limbs [rad], [m]."""
LOSS = 1e-3
"""Of the loss, relative."""


def path_of(golden, prefix: str) -> SmplxPath:
    return SmplxPath(
        local_rotation=golden.pose(prefix), betas=golden[f"{prefix}.betas"], transl=golden[f"{prefix}.transl"]
    )


def posed(golden, path: SmplxPath) -> PosedPath:
    joints, _ = golden.skeleton().pose(path.local_rotation, path.betas, path.transl)
    return PosedPath(joints=joints, root=path.local_rotation[..., 0, :, :], transl=path.transl)


@pytest.mark.golden("postprocess", case=r"(\w+)\.pp_static_joint\.transl")
def test_standing_joints_hold_the_path_as_in_the_reference(golden, case) -> None:
    """Moving camera."""
    world = posed(golden, path_of(golden, f"{case}.global"))
    golden.assert_close(world.joints, f"{case}.joints_before", atol=1e-5)
    transl = hold_static_joints(world.joints, world.transl, golden[f"{case}.static_conf_logits"])
    golden.assert_close(transl, f"{case}.pp_static_joint.transl", atol=PATH)


@pytest.mark.golden("postprocess", case=r"(\w+)\.pp_static_joint_cam\.transl")
def test_a_static_camera_holds_the_path_as_in_the_reference(golden, case) -> None:
    """Dead zone, bounded steps, then the surely standing joints."""
    camera = path_of(golden, f"{case}.incam")
    camera = replace(camera, transl=smooth_camera_path(camera.transl))
    world = posed(golden, path_of(golden, f"{case}.global"))
    transl = hold_to_static_camera(world, posed(golden, camera), golden[f"{case}.static_conf_logits"])
    golden.assert_close(transl, f"{case}.pp_static_joint_cam.transl", atol=PATH)


@pytest.mark.golden("postprocess", case=r"(\w+\.process_ik_\w+)\.body_pose")
def test_limbs_reach_as_in_the_reference(golden, case) -> None:
    """Of the uncorrected path, of the corrected one, and of several clips at once."""
    clip, _, which = case.partition(".process_ik_")
    world = path_of(golden, f"{clip}.global")
    if which == "after_pp":
        world = replace(world, transl=golden[f"{clip}.pp_static_joint.transl"])
    logits = golden[f"{clip}.static_conf_logits"]
    pose = hold_limbs(golden.skeleton(), world.local_rotation, world.betas, world.transl, logits)
    golden.assert_turned_alike(pose[..., 1:, :, :], f"{case}.body_pose", radians=PATH)
    if which == "after_pp":
        joints, _ = golden.skeleton().pose(pose, world.betas, world.transl)
        golden.assert_close(joints, f"{clip}.joints_after", atol=PATH)


@pytest.mark.golden("postprocess")
def test_one_limb_reaches_as_in_the_reference(golden) -> None:
    """The left leg with ankle and foot drawn to targets that it cannot reach together: matrices, not parameters."""
    local, limb = golden["ccd.local_mat"], LIMBS[0]
    placed = [local[..., 0, :, :]]
    for joint, parent in enumerate(PARENTS[1:], start=1):
        placed.append(placed[parent] @ local[..., joint, :, :])
    chain, base = local[..., limb.joints, :, :], placed[limb.joints[0]]
    start = ChainPose.posed(chain[..., :3, :3], chain[..., :3, 3], base[..., :3, :3], base[..., :3, 3])
    solved = reach(start, limb.ends, golden["ccd.target_pos"])
    told_local, told = golden["ccd.solution_chain_local"], golden["ccd.solution_chain_global"]
    golden.assert_rotations(solved.local, told_local[..., :3, :3], atol=PATH)
    golden.assert_rotations(solved.rotation, told[..., :3, :3], atol=PATH)
    torch.testing.assert_close(solved.pos_w, told[..., :3, 3], atol=PATH, rtol=0)


@pytest.mark.golden("postprocess", case=r"static_mask_thr(\d+)")
def test_labels_of_standing_are_the_references(golden, case) -> None:
    """Digits after the name are the speed [m/s], the first before the point."""
    stands = static_labels(golden["static_mask_in"], speed=float(f"{case[0]}.{case[1:]}"))
    assert torch.equal(stands, golden[f"static_mask_thr{case}"])


def sight_of(golden, case: str) -> Sight:
    return Sight(
        keypoints=golden[f"{case}.in.kp2d"],
        boxes=golden[f"{case}.in.bbx_xys"],
        K=golden[f"{case}.in.K_fullimg"],
        camera_turn=golden[f"{case}.in.cam_angvel"],
        image_features=golden[f"{case}.in.f_imgseq"],
        length=golden.lengths(f"{case}.in.length"),
    )


@pytest.mark.golden("pipeline_small", case=r"(\w+)\.in\.kp2d")
def test_the_whole_way_ends_where_the_references_does(golden, case) -> None:
    """In the camera and in the world, without and with corrections, for moving and static cameras."""
    sight = sight_of(golden, case)
    golden.assert_close(sight.network_inputs().obs, f"{case}.in.obs", atol=1e-5)
    found = predict(
        golden.network(),
        golden.codec(),
        golden.skeleton(),
        sight,
        static_camera="static" in case,
        post_process="nopp" not in case,
    )
    golden.assert_close(found.pred_x, f"{case}.pred_x", atol=1e-4)
    golden.assert_close(found.static_logits, f"{case}.static_conf_logits", atol=1e-4)
    for frame, path in (("incam", found.camera), ("global", found.world)):
        golden.assert_turned_alike(path.local_rotation[..., 0, :, :], f"{case}.{frame}.global_orient", radians=PATH)
        golden.assert_turned_alike(path.local_rotation[..., 1:, :, :], f"{case}.{frame}.body_pose", radians=PATH)
        golden.assert_close(path.betas, f"{case}.{frame}.betas", atol=1e-4)
        # A milliradian of yaw moves the far end of a path by a thousandth of its length.
        steps = torch.diff(golden[f"{case}.{frame}.transl"], dim=1).norm(dim=-1).sum()
        golden.assert_close(path.transl, f"{case}.{frame}.transl", atol=PATH * max(1.0, float(steps)))


def truth_of(golden) -> Truth:
    camera, world = golden.pose("in.smpl_params_c"), golden.pose("in.smpl_params_w")
    code = MotionCode(
        body_rotation=camera[..., 1:, :, :],
        betas=golden["in.smpl_params_c.betas"],
        root_camera=camera[..., 0, :, :],
        root_view=golden["in.R_c2gv"] @ camera[..., 0, :, :],
        velocity=local_velocity(golden["in.smpl_params_w.transl"], world[..., 0, :, :]),
    )
    return Truth(
        code=code,
        transl_c=golden["in.smpl_params_c.transl"],
        local_rotation_w=world,
        betas_w=golden["in.smpl_params_w.betas"],
        transl_w=golden["in.smpl_params_w.transl"],
        boxes=golden["in.bbx_xys"],
        K=golden["in.K_fullimg"],
        valid=golden["in.mask.valid"],
        camera_only=golden["in.mask.spv_incam_only"],
        surface=VertexTruth(vertices_c=golden["in.gt_c_verts437"], about_hips=golden["in.gt_cr_verts437"]),
    )


@pytest.mark.golden("losses")
@torch.no_grad()
def test_the_published_loss_is_the_references(golden) -> None:
    """Every term and their weighted sum, with a short clip and one that is known in camera axes only."""
    out = golden.network()(
        NetworkInputs(
            obs=golden["in.obs"],
            cliffcam=box_feature(golden["in.bbx_xys"], golden["in.K_fullimg"]),
            cam_angvel=normalise_camera_turn(golden["in.cam_angvel"]),
            imgseq=golden["in.f_imgseq"],
            length=golden.lengths("in.length"),
        )
    )
    codec, truth = golden.codec(), truth_of(golden)
    golden.assert_close(out.pred_x, "pred_x", atol=1e-4)
    golden.assert_close(codec.camera(out.pred_cam), "pred_cam", atol=1e-4)
    golden.assert_close(codec.encode(truth.code), "target_x", atol=1e-4)
    golden.assert_close(weak_camera_of_translation(truth.transl_c, truth.boxes, truth.K), "gt_pred_cam", atol=1e-4)
    losses = published_losses(out, truth, codec, golden.skeleton(), vertices=golden.lite_body)
    names = {
        "simple": "simple", "joints": "cr_j3d", "vertices": "cr_vert", "weak_camera": "transl_c",
        "joints_2d": "j2d", "vertices_2d": "verts2d", "path": "transl_w", "standing": "static_conf",
    }  # fmt: skip
    assert {f"out.{name}_loss" for name in names.values()} == {k for k in golden.names if re.match(r"out\..*_loss", k)}
    for ours, theirs in names.items():
        assert float(losses[ours]) == pytest.approx(float(golden[f"out.{theirs}_loss"]), rel=LOSS), ours
    assert float(total_loss(losses)) == pytest.approx(float(golden["out.loss"]), rel=LOSS)
