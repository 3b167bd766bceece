"""Laws of standing joints, of limbs that reach, of the whole way for short clips, and of the published loss."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from pipeline.body import load_body
from pipeline.estimators.gvhmr import flip
from pipeline.estimators.gvhmr.camera import camera_turn, intrinsics_of_image, weak_camera_of_translation
from pipeline.estimators.gvhmr.codec import Codec, MotionCode
from pipeline.estimators.gvhmr.limb_ik import LIMBS, ChainPose, hold_limbs, reach, standing_targets
from pipeline.estimators.gvhmr.mirrored import averaged, mirrored_sight
from pipeline.estimators.gvhmr.network import GvhmrNetwork, NetworkOutputs, NetworkShape
from pipeline.estimators.gvhmr.original import Recovered, Sight, SmplxPath, correct, predict
from pipeline.estimators.gvhmr.quaternions import between, rotate_vector, slerp
from pipeline.estimators.gvhmr.rollout import local_velocity
from pipeline.estimators.gvhmr.rotations import (
    angle_between,
    matrix_from_quat_wxyz,
    matrix_from_rotvec,
    quat_wxyz_from_matrix,
)
from pipeline.estimators.gvhmr.skeleton import PARENTS, Skeleton
from pipeline.estimators.gvhmr.static_joints import (
    STATIC_JOINTS,
    PosedPath,
    hold_static_joints,
    hold_to_static_camera,
    static_labels,
)
from pipeline.estimators.gvhmr.training.losses import Truth, published_losses, total_loss

STANDS, MOVES = 30.0, -30.0


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture(scope="module")
def skeleton() -> Skeleton:
    return Skeleton.of(load_body("open"))


def bent_poses(*shape: int, seed: int = 0, size: float = 0.4) -> Tensor:
    return matrix_from_rotvec(size * torch.randn(*shape, 22, 3, generator=generator(seed)))


def standing(frames: int) -> Tensor:
    return torch.full((1, frames, 6), MOVES)


def test_a_foot_that_stands_stays(skeleton: Skeleton) -> None:
    """A body that glides as a whole is stopped by its one standing foot, and put onto the ground."""
    pose = bent_poses(1, 1).expand(1, 40, 22, 3, 3)
    glide = torch.arange(40.0)[None, :, None] * torch.tensor([0.03, 0.01, -0.02])
    betas, logits = torch.zeros(1, 40, 10), standing(40)
    logits[..., 1] = STANDS
    joints, _ = skeleton.pose(pose, betas, glide)
    path = hold_static_joints(joints, glide, logits)
    held, _ = skeleton.pose(pose, betas, path)
    foot = held[0, :, STATIC_JOINTS[1]]
    torch.testing.assert_close(foot, foot[:1].expand(40, 3), atol=1e-5, rtol=0)
    assert float(held[..., 1].min()) == pytest.approx(0.0, abs=1e-5)


def test_where_nothing_stands_the_steps_stay(skeleton: Skeleton) -> None:
    """Without smoothing only the height changes, by one number; elsewhere in the world the result is the same."""
    pose, betas = bent_poses(1, 30), torch.zeros(1, 30, 10)
    path = torch.cumsum(0.02 * torch.randn(1, 30, 3, generator=generator(1)), dim=1)
    joints, _ = skeleton.pose(pose, betas, path)
    free = hold_static_joints(joints, path, standing(30), sigma=0.0)
    torch.testing.assert_close(torch.diff(free, dim=1), torch.diff(path, dim=1), atol=1e-5, rtol=0)
    aside = torch.tensor([3.0, 1.0, -2.0])
    moved = hold_static_joints(joints + aside, path + aside, standing(30), sigma=0.0)
    torch.testing.assert_close(moved, free + aside * torch.tensor([1.0, 0.0, 1.0]), atol=1e-5, rtol=0)


def test_a_static_camera_pulls_back_what_drifts_and_leaves_the_rest() -> None:
    """Within the slack nothing is changed; beyond it the path comes no nearer than the slack, at a bounded speed."""
    frames = 200
    joints = torch.zeros(1, frames, 22, 3)
    roots = torch.eye(3).expand(1, frames, 3, 3)
    seen = PosedPath(joints=joints, root=roots, transl=joints[..., 0, :])
    for drift, stays in ((0.001, True), (0.01, False)):
        path = drift * torch.arange(frames)[None, :, None] * torch.tensor([1.0, 0.0, 0.0])
        world = PosedPath(joints=joints + path[..., None, :], root=roots, transl=path)
        held = hold_to_static_camera(world, seen, standing(frames))
        if stays:
            torch.testing.assert_close(held, path, atol=1e-5, rtol=0)
        else:
            assert 0.2 < float(held[..., 0].max()) < 0.28


def test_labels_follow_the_speed() -> None:
    """Below the threshold a joint stands; a single frame stands whole."""
    slow, fast = torch.zeros(5, 1, 3), torch.zeros(5, 1, 3)
    slow[:, 0, 0], fast[:, 0, 0] = 0.0049 * torch.arange(5), 0.0051 * torch.arange(5)
    assert static_labels(slow).all()
    assert not static_labels(fast).any()
    assert static_labels(slow[:1]).shape == (1, 1)


def test_targets_stay_where_joints_stood_and_follow_where_they_moved(skeleton: Skeleton) -> None:
    """The label of a frame speaks of the way to the next."""
    joints, _ = skeleton.pose(bent_poses(1, 6), torch.zeros(1, 6, 10), torch.zeros(1, 6, 3))
    judged = joints[:, :, STATIC_JOINTS]
    torch.testing.assert_close(standing_targets(joints, standing(6)), judged)
    held = standing_targets(joints, -standing(6))
    torch.testing.assert_close(held, judged[:, :1].expand(held.shape))


def test_limbs_that_are_where_they_should_be_stay(skeleton: Skeleton) -> None:
    """A pose that reaches all its targets is not changed, to rounding."""
    pose = bent_poses(1, 8)
    found = hold_limbs(skeleton, pose, torch.zeros(1, 8, 10), torch.zeros(1, 8, 3), standing(8))
    assert float(angle_between(found, pose).max()) < 2e-3


def test_limbs_come_nearer_to_their_targets_without_stretching(skeleton: Skeleton) -> None:
    """Most of the way for targets within reach; bones keep their lengths and the hip its place."""
    pose = bent_poses(50, seed=2, size=0.3)
    joints, rotation = skeleton.pose(pose, torch.zeros(50, 10), torch.zeros(50, 3))
    rest = skeleton.rest_joints(torch.zeros(50, 10))
    for limb in LIMBS:
        offsets = rest[:, limb.joints] - rest[:, [max(PARENTS[joint], 0) for joint in limb.joints]]
        base = limb.joints[0]
        start = ChainPose.posed(pose[:, limb.joints], offsets, rotation[:, base], joints[:, base])
        now = start.pos_w[:, limb.ends]
        targets = now + 0.05 * torch.randn(50, 1, 3, generator=generator(3))
        found = reach(start, limb.ends, targets)
        before, after = (targets - now).norm(dim=-1), (targets - found.pos_w[:, limb.ends]).norm(dim=-1)
        assert float(after.mean()) < 0.6 * float(before.mean())
        bones = torch.diff(found.pos_w, dim=1).norm(dim=-1)
        torch.testing.assert_close(bones, offsets[:, 1:].norm(dim=-1), atol=2e-3, rtol=0)
        assert torch.equal(found.pos_w[:, 0], start.pos_w[:, 0])


def test_between_turns_one_direction_into_the_other() -> None:
    """Also opposite ones, about y, and equal ones, by nothing."""
    u, v = torch.randn(2, 30, 3, generator=generator(4))
    turned = rotate_vector(between(u, v), u)
    torch.testing.assert_close(turned / u.norm(dim=-1, keepdim=True), v / v.norm(dim=-1, keepdim=True))
    x = torch.tensor([1.0, 0.0, 0.0])
    torch.testing.assert_close(rotate_vector(between(x, -x), x), -x, atol=1e-6, rtol=0)
    torch.testing.assert_close(between(x, 2 * x), torch.tensor([1.0, 0.0, 0.0, 0.0]))


def test_slerp_goes_its_share_of_the_way() -> None:
    """From the first at zero to the second at one."""
    a, b = matrix_from_rotvec(torch.randn(2, 20, 3, generator=generator(5)))
    qa, qb = quat_wxyz_from_matrix(a), quat_wxyz_from_matrix(b)
    qb = torch.where((qa * qb).sum(-1, keepdim=True) < 0, -qb, qb)
    whole = angle_between(a, b)
    for share in (0.0, 0.3, 1.0):
        part = angle_between(matrix_from_quat_wxyz(slerp(qa, qb, share)), a)
        torch.testing.assert_close(part, share * whole, atol=1e-3, rtol=0)


def test_a_mirrored_pose_puts_the_joints_into_the_mirror() -> None:
    """For a body whose two sides are alike: left joints where the right ones' images are."""
    rest = torch.randn(22, 3, generator=generator(6))
    alike = (rest + rest[list(flip.SWAPPED_JOINTS)] * torch.tensor([-1.0, 1.0, 1.0])) / 2
    body = Skeleton(alike, torch.zeros(22, 3, 10), body="two sides alike")
    pose = bent_poses(5, seed=7)
    mirrored, _ = body.pose(flip.flip_pose(pose), torch.zeros(5, 10), torch.zeros(5, 3))
    joints, _ = body.pose(pose, torch.zeros(5, 10), torch.zeros(5, 3))
    told = joints[:, list(flip.SWAPPED_JOINTS)] * torch.tensor([-1.0, 1.0, 1.0])
    torch.testing.assert_close(mirrored, told, atol=1e-5, rtol=1e-5)


def plain_codec() -> Codec:
    return Codec(mean=torch.zeros(151), std=torch.ones(151), cam_mean=torch.ones(3), cam_std=torch.full((3,), 0.1))


def unusual_sight(frames: int) -> Sight:
    """Nobody seen, a box that leaves the image, a camera that looks straight down."""
    boxes = torch.tensor([-50.0, 700.0, 400.0]).expand(1, frames, 3)
    R_w2c = matrix_from_rotvec(torch.tensor([torch.pi / 2, 0.0, 0.0])).expand(1, frames, 3, 3)
    K = intrinsics_of_image(1280, 720).expand(1, frames, 3, 3)
    return Sight(keypoints=torch.zeros(1, frames, 17, 3), boxes=boxes, K=K, camera_turn=camera_turn(R_w2c))


@pytest.mark.parametrize("frames", [1, 2, 3, 5])
@pytest.mark.parametrize("static_camera", [False, True])
def test_the_shortest_clips_have_finite_motion(skeleton: Skeleton, frames: int, static_camera: bool) -> None:
    """Shorter than every window, and nothing seen in any of their frames."""
    torch.manual_seed(0)
    network = GvhmrNetwork(NetworkShape(latent=16, layers=1, heads=2, embed=16, image_features=0)).eval()
    sight = unusual_sight(frames)
    found = predict(network, plain_codec(), skeleton, sight, static_camera=static_camera, post_process=True)
    for path in (found.camera, found.world):
        assert path.local_rotation.shape == (1, frames, 22, 3, 3)
        assert all(bool(torch.isfinite(part).all()) for part in (path.local_rotation, path.betas, path.transl))


def test_what_the_mirror_confirms_is_kept(skeleton: Skeleton) -> None:
    """A mirrored recovery that is the image's mirror image changes nothing; the correction then spares the camera."""
    pose, betas, path = bent_poses(1, 9), torch.zeros(1, 9, 10), torch.randn(1, 9, 3, generator=generator(11))
    seen = SmplxPath(local_rotation=pose, betas=betas, transl=path)
    image = SmplxPath(local_rotation=flip.flip_pose(pose), betas=betas, transl=path)
    logits = torch.randn(1, 9, 6, generator=generator(12))
    first = Recovered(camera=seen, world=seen, pred_x=logits, static_logits=logits)
    found = averaged(first, Recovered(camera=image, world=image, pred_x=logits, static_logits=logits))
    for path_found in (found.camera, found.world):
        torch.testing.assert_close(path_found.local_rotation, pose, atol=1e-5, rtol=0)
    corrected = correct(found, skeleton, static_camera=False, world_only=True)
    assert torch.equal(corrected.camera.local_rotation, found.camera.local_rotation)
    assert float(angle_between(corrected.world.local_rotation, pose).max()) > 0.01


def test_a_sight_mirrored_twice_is_the_sight_itself() -> None:
    """Box, points and the camera's turn."""
    sight = unusual_sight(4)
    turn = camera_turn(matrix_from_rotvec(torch.randn(1, 4, 3, generator=generator(13))))
    sight = replace(sight, camera_turn=turn, keypoints=torch.rand(1, 4, 17, 3, generator=generator(14)))
    again = mirrored_sight(mirrored_sight(sight, 1280.0), 1280.0)
    torch.testing.assert_close(again.keypoints, sight.keypoints, atol=1e-3, rtol=0)
    torch.testing.assert_close(again.boxes, sight.boxes)
    torch.testing.assert_close(again.camera_turn, sight.camera_turn, atol=1e-5, rtol=0)


def test_the_truth_costs_nothing_but_doubt(skeleton: Skeleton) -> None:
    """Each term is zero for the truth said without doubt, and grows when it is not said."""
    frames = 12
    pose = bent_poses(2, frames, seed=8, size=0.2)
    path = torch.cumsum(0.02 * torch.randn(2, frames, 3, generator=generator(9)), dim=1) + torch.tensor([0.0, 0.0, 4.0])
    betas = torch.zeros(2, frames, 10)
    K, boxes = (
        intrinsics_of_image(1280, 720).expand(2, frames, 3, 3),
        torch.tensor([640.0, 360.0, 900.0]).expand(2, frames, 3),
    )
    root = pose[..., 0, :, :]
    code = MotionCode(
        body_rotation=pose[..., 1:, :, :],
        betas=betas,
        root_camera=root,
        root_view=root,
        velocity=local_velocity(path, root),
    )
    truth = Truth(
        code=code, transl_c=path, local_rotation_w=pose, betas_w=betas, transl_w=path, boxes=boxes, K=K,
        valid=torch.ones(2, frames, dtype=torch.bool), camera_only=torch.tensor([False, True]),
    )  # fmt: skip
    codec = plain_codec()
    joints, _ = skeleton.pose(pose, betas, path)
    sure = static_labels(joints[..., STATIC_JOINTS, :]).float() * (STANDS - MOVES) + MOVES
    cam = (weak_camera_of_translation(path, boxes, K) - codec.cam_mean) / codec.cam_std
    said = NetworkOutputs(pred_x=codec.encode(code), pred_cam=cam, static_logits=sure, context=sure)
    losses = published_losses(said, truth, codec, skeleton)
    assert float(total_loss(losses)) < 1e-4
    wrong = NetworkOutputs(pred_x=codec.encode(code) + 0.1, pred_cam=cam + 0.5, static_logits=-sure, context=sure)
    assert all(float(loss) > 1e-4 for loss in published_losses(wrong, truth, codec, skeleton).values())
