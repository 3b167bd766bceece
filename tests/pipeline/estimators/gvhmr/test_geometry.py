"""Laws of cameras, gravity views, roll-outs, smoothing and mirror images."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from pipeline.estimators.gvhmr import camera, flip, smoothing
from pipeline.estimators.gvhmr.gravity_view import (
    camera_of_roots,
    camera_to_gravity_view,
    camera_yaw,
    facing_axes,
    root_in_camera,
    world_from_view,
)
from pipeline.estimators.gvhmr.rollout import local_velocity, roll_out
from pipeline.estimators.gvhmr.rotations import angle_between, matrix_from_6d, matrix_from_rotvec, sixd_from_matrix

DOWN = (0.0, -1.0, 0.0)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def random_rotations(*shape: int, seed: int = 0) -> Tensor:
    return matrix_from_rotvec(torch.randn(*shape, 3, generator=generator(seed), dtype=torch.float64))


def wandering_camera(frames: int) -> Tensor:
    """A hand-held camera that pans to and fro, tilts and rolls (frames, 3, 3)."""
    t = torch.arange(frames, dtype=torch.float64) / 30.0
    angles = torch.stack([0.3 * torch.sin(1.1 * t), 0.8 * torch.sin(1.9 * t) + 0.4 * t, 0.15 * torch.sin(2.3 * t)], -1)
    level = matrix_from_rotvec(torch.tensor([math.pi, 0.0, 0.0], dtype=torch.float64))  # y-up world, y-down camera
    x, y, z = (matrix_from_rotvec(angles[:, i : i + 1] * torch.eye(3, dtype=torch.float64)[i]) for i in range(3))
    return z @ x @ level @ y


def test_six_numbers_are_two_rows() -> None:
    """Columns would give the transpose, which only rotations that are not symmetric tell."""
    R = random_rotations(50)
    told = torch.cat([R[:, 0], R[:, 1]], dim=-1)
    torch.testing.assert_close(matrix_from_6d(told), R)
    torch.testing.assert_close(sixd_from_matrix(R), told)
    assert float(angle_between(matrix_from_6d(told), R.mT).median()) > 1.0


def test_the_view_is_level_and_looks_where_the_camera_looks() -> None:
    """Its y is gravity, and nothing of the view points sideways."""
    R_w2c = random_rotations(200, seed=1)
    view = camera_to_gravity_view(R_w2c, DOWN)
    gravity = (view @ R_w2c @ torch.tensor(DOWN, dtype=torch.float64)[:, None]).squeeze(-1)
    torch.testing.assert_close(
        gravity, torch.tensor([0.0, 1.0, 0.0], dtype=torch.float64).expand(200, 3), atol=1e-3, rtol=0
    )
    ahead = view[..., 2]
    assert float(ahead[:, 0].abs().max()) < 1e-6
    assert (ahead[:, 2] > 0).all()


@pytest.mark.parametrize("side", [1.0, -1.0])
def test_a_camera_that_looks_straight_up_or_down_has_a_view(side: float) -> None:
    """There is no horizontal part then; the result has to be a rotation all the same, and so does the world."""
    R_w2c = matrix_from_rotvec(torch.tensor([side * math.pi / 2, 0.0, 0.0])).expand(6, 3, 3)
    view = camera_to_gravity_view(R_w2c, DOWN)
    torch.testing.assert_close(view @ view.mT, torch.eye(3).expand(6, 3, 3), atol=1e-4, rtol=0)
    root = random_rotations(6).float()
    for shift in (True, False):
        found = world_from_view(view @ root, root, camera.camera_turn(R_w2c), torch.ones(6, 3), yaw_chain_shift=shift)
        assert all(bool(torch.isfinite(part).all()) for part in found)


def test_only_the_right_index_recovers_the_world_of_a_moving_camera() -> None:
    """The shipped one is off by as much as the camera turns in a frame; it is kept for parity."""
    frames = 90
    R_w2c = wandering_camera(frames)
    root_w = random_rotations(1, seed=3) @ matrix_from_rotvec(
        0.3 * torch.cumsum(torch.randn(frames, 3, generator=generator(4), dtype=torch.float64), 0) / 10
    )
    path = 0.02 * torch.cumsum(torch.randn(frames, 3, generator=generator(5), dtype=torch.float64), 0)
    root_c = R_w2c @ root_w
    root_view = camera_to_gravity_view(R_w2c, DOWN) @ root_c
    turn, velocity = camera.camera_turn(R_w2c), local_velocity(path, root_w)

    def error(**choice: object) -> tuple[float, float]:
        root, transl = world_from_view(root_view, root_c, turn, velocity, **choice)  # pyright: ignore[reportArgumentType]
        align = root_w[0] @ root[0].mT
        off = angle_between(align @ root, root_w).max()
        return math.degrees(float(off)), float(((transl @ align.mT) - (path - path[0])).norm(dim=-1).max())

    right_deg, right_m = error(yaw_chain_shift=False, sigma=0.0)
    shipped_deg, shipped_m = error(yaw_chain_shift=True, sigma=0.0)
    default_deg, _ = error()
    assert right_deg < 0.05
    assert right_m < 1e-3
    assert shipped_deg > 0.5
    assert default_deg > 0.5
    assert shipped_m > 2 * right_m


def test_a_static_camera_has_no_yaw_by_the_right_chain() -> None:
    """The shipped arc cosine makes a drift of rounding, the right chain stays at zero."""
    root_c = random_rotations(300, seed=6).float()
    view = camera_to_gravity_view(random_rotations(1, seed=7).float(), DOWN)
    turn = camera.camera_turn(torch.eye(3).expand(300, 3, 3))
    assert float(camera_yaw(view @ root_c, root_c, turn, yaw_chain_shift=False).abs().max()) < 1e-4


def test_roots_and_cameras_tell_each_other() -> None:
    """World to camera and the camera from both are inverse; the root turns about the rest pelvis."""
    root_w, R_w2c = random_rotations(20, seed=8), random_rotations(20, seed=9)
    transl_w, t_w2c, pelvis = torch.randn(3, 20, 3, generator=generator(10), dtype=torch.float64)
    root_c, transl_c = root_in_camera(root_w, transl_w, R_w2c, t_w2c, pelvis)
    found = camera_of_roots(root_w, transl_w, root_c, transl_c, pelvis)
    torch.testing.assert_close(found[0], R_w2c)
    torch.testing.assert_close(found[1], t_w2c)
    there = (R_w2c @ (transl_w + pelvis)[..., None]).squeeze(-1) + t_w2c
    torch.testing.assert_close(transl_c + pelvis, there)


def test_someone_facing_ahead_faces_z() -> None:
    """After the transform left is +x from above, whichever way one stood."""
    joints = torch.randn(30, 22, 3, generator=generator(11))
    axes, place = facing_axes(joints)
    turned = (joints - place[:, None]) @ axes
    left = turned[:, 1] - turned[:, 2] + turned[:, 16] - turned[:, 17]
    assert (left[:, 0] > 0).all()
    torch.testing.assert_close(left[:, 2], torch.zeros(30), atol=1e-5, rtol=0)
    torch.testing.assert_close(turned[:, 0, [0, 2]], torch.zeros(30, 2), atol=1e-5, rtol=0)
    upright = torch.zeros(22, 3)
    assert torch.equal(facing_axes(upright)[0], torch.eye(3))


@pytest.mark.parametrize("frames", [1, 2, 5, 60])
def test_steps_and_paths_are_two_sides_of_one_thing(frames: int) -> None:
    """Roll-out of the steps is the path again, also for clips of a single frame."""
    root, path = random_rotations(3, frames), torch.randn(3, frames, 3, generator=generator(12), dtype=torch.float64)
    torch.testing.assert_close(roll_out(local_velocity(path, root), root, path[:, 0]), path)


def test_mirroring_twice_changes_nothing() -> None:
    """Boxes, points, heat maps, cameras and poses."""
    random = torch.rand(4, 17, 3, generator=generator(13), dtype=torch.float64)
    torch.testing.assert_close(flip.flip_boxes(flip.flip_boxes(random[:, 0], 640.0), 640.0), random[:, 0])
    torch.testing.assert_close(flip.flip_keypoints(flip.flip_keypoints(random, 640.0), 640.0), random)
    maps = torch.rand(2, 17, 6, 5, generator=generator(14))
    assert torch.equal(flip.flip_heatmaps(flip.flip_heatmaps(maps)), maps)
    pose = random_rotations(5, 22)
    assert torch.equal(flip.flip_pose(flip.flip_pose(pose)), pose)
    assert torch.equal(flip.flip_camera(flip.flip_camera(pose[:, 0])), pose[:, 0])


def test_a_mirrored_camera_turns_the_other_way() -> None:
    """The turn is a rotation again, of the same size, although the mirrored camera itself is none."""
    R_w2c = wandering_camera(20)
    turn = matrix_from_6d(camera.camera_turn(R_w2c))
    mirrored = matrix_from_6d(camera.camera_turn(flip.flip_camera(R_w2c)))
    torch.testing.assert_close(mirrored, flip.flip_rotations(turn))


def test_the_mean_of_two_rotations_is_as_far_from_both() -> None:
    """And does not depend on which is named first."""
    a = random_rotations(40, seed=15)
    b = a @ matrix_from_rotvec(torch.randn(40, 3, generator=generator(16), dtype=torch.float64) / 2)
    mean = flip.mean_rotation(a, b)
    torch.testing.assert_close(angle_between(mean, a), angle_between(mean, b))
    torch.testing.assert_close(mean, flip.mean_rotation(b, a))
    torch.testing.assert_close(torch.linalg.det(mean), torch.ones(40, dtype=torch.float64))


def test_weak_cameras_say_what_translations_say() -> None:
    """With no shift the body is at the box' centre, and the box is two over the scale wide at its depth."""
    K = camera.intrinsics_of_image(1280, 720).expand(10, 3, 3)
    boxes = torch.rand(10, 3, generator=generator(17)) * torch.tensor([1280.0, 720.0, 300.0]) + 50.0
    weak = torch.rand(10, 3, generator=generator(18)) + 0.5
    transl = camera.translation_of_weak_camera(weak, boxes, K)
    torch.testing.assert_close(camera.weak_camera_of_translation(transl, boxes, K), weak, atol=1e-4, rtol=1e-4)
    centred = camera.translation_of_weak_camera(weak * torch.tensor([1.0, 0.0, 0.0]), boxes, K)
    pixels = camera.project(centred[:, None], K)
    torch.testing.assert_close(camera.in_box(pixels, boxes), torch.full((10, 1, 2), 0.5), atol=1e-4, rtol=0)
    torch.testing.assert_close(boxes[:, 2] * centred[:, 2] / K[:, 0, 0], 2.0 / weak[:, 0])


def test_boxes_follow_points_and_hold_them() -> None:
    """Moving and scaling the points moves and scales the box; every point lies well inside."""
    points = torch.rand(20, 17, 2, generator=generator(19)) * torch.tensor([300.0, 500.0])
    boxes = camera.boxes_of_points(points)
    moved = camera.boxes_of_points(2.0 * points + 30.0)
    torch.testing.assert_close(moved, 2.0 * boxes + torch.tensor([30.0, 30.0, 0.0]))
    inside = camera.in_box(points, boxes)
    assert bool(((inside > 0.05) & (inside < 0.95)).all())


def test_points_outside_the_box_are_not_believed() -> None:
    """Their place is kept, their confidence is not; the box' edge belongs to it."""
    keypoints = torch.tensor([[[110.0, 100.0, 0.9], [151.0, 100.0, 0.9], [150.0, 50.0, 0.8]]])
    told = camera.normalise_keypoints(keypoints, torch.tensor([[100.0, 100.0, 100.0]]))
    torch.testing.assert_close(told, torch.tensor([[[0.2, 0.0, 0.9], [1.02, 0.0, 0.0], [1.0, -1.0, 0.8]]]))


def test_a_camera_at_rest_says_nothing() -> None:
    """Its normalised turn is exactly zero, however it stands, also in a single frame."""
    for frames in (1, 2, 30):
        R = matrix_from_6d(torch.tensor([1.0, 0.0, 0.0, 0.0, 1.0, 0.0])).expand(frames, 3, 3)
        turn = camera.camera_turn(R)
        assert turn.shape == (frames, 6)
        assert not camera.normalise_camera_turn(turn).any()


def test_points_beside_the_camera_have_finite_pixels() -> None:
    """Whatever their depth: the plane itself, behind, far."""
    depths = torch.tensor([-5.0, -0.3, 0.0, 1e-9, 0.3, 5.0])
    points = torch.stack([torch.ones(6), torch.ones(6), depths], dim=-1)
    assert bool(torch.isfinite(camera.project_safely(points, camera.intrinsics_of_image(640, 480))).all())


def test_smoothing_keeps_what_is_constant_and_does_nothing_at_zero_width() -> None:
    """For clips of any length; a straight line keeps its middle."""
    series = torch.randn(2, 9, 4, generator=generator(20))
    assert torch.equal(smoothing.gaussian_smooth(series, 0.0), series)
    for frames in (1, 2, 5, 80):
        still = torch.full((frames, 3), 1.5)
        torch.testing.assert_close(smoothing.gaussian_smooth(still, 3.0), still)
        torch.testing.assert_close(smoothing.smooth_boxes(still), still)
    line = torch.arange(81.0)[:, None]
    torch.testing.assert_close(smoothing.gaussian_smooth(line, 3.0)[20:60], line[20:60])


def test_gaps_are_filled_with_straight_lines() -> None:
    """Seen boxes stay; ends are held; with nothing seen there is nothing to fill from."""
    boxes = torch.tensor([[9.0], [1.0], [9.0], [9.0], [4.0], [9.0]])
    seen = torch.tensor([False, True, False, False, True, False])
    told = torch.tensor([[1.0], [1.0], [2.0], [3.0], [4.0], [4.0]])
    torch.testing.assert_close(smoothing.fill_gaps(boxes, seen), told)
    with pytest.raises(ValueError, match="no frame has a box"):
        smoothing.fill_gaps(boxes, torch.zeros(6, dtype=torch.bool))
