"""Cameras, gravity views, roll-outs, smoothing and mirror images against the reference's."""

from __future__ import annotations

import re

import pytest
import torch

from pipeline.estimators.gvhmr import camera, flip, gravity_view, smoothing
from pipeline.estimators.gvhmr.rollout import local_velocity, roll_out

EXACT = 1e-5
PIXELS = 1e-2
"""Of thousands: seven digits."""


@pytest.mark.golden("camera")
def test_boxes_and_their_features_are_the_references(golden) -> None:
    """Boxes of corners and of points, keypoints in them, where they lie in the view."""
    boxes, K = golden["bbx_xys"], golden["K"]
    golden.assert_close(camera.boxes_of_corners(golden["xyxy"]), "xyxy_to_xys", atol=1e-3)
    golden.assert_close(camera.boxes_of_points(golden["j2d"]), "j2d_to_xys", atol=1e-3)
    golden.assert_close(camera.normalise_keypoints(golden["kp2d"], boxes), "kp2d_norm", atol=EXACT)
    golden.assert_close(camera.box_feature(boxes, K), "cliff_cam", atol=EXACT)


@pytest.mark.golden("camera")
def test_weak_cameras_mean_the_references_translations(golden) -> None:
    """There and back."""
    boxes, K = golden["bbx_xys"], golden["K"]
    transl = camera.translation_of_weak_camera(golden["pred_cam"], boxes, K)
    golden.assert_close(transl, "transl", atol=EXACT)
    golden.assert_close(camera.weak_camera_of_translation(golden["transl"], boxes, K), "pred_cam_back", atol=EXACT)


@pytest.mark.golden("camera")
def test_projections_are_the_references(golden) -> None:
    """Pixels, boxes' units, and points beside or behind the camera."""
    K = golden["K"]
    pixels = camera.project(golden["points"], K)
    golden.assert_close(pixels, "proj", atol=PIXELS)
    golden.assert_close(camera.in_box(pixels, golden["bbx_xys"]), "proj_bi01", atol=EXACT)
    for key in golden.names:
        if match := re.fullmatch(r"safe_proj_thr(\d)(\d+)", key):
            nearest = float(f"{match[1]}.{match[2]}")
            golden.assert_close(camera.project_safely(golden["points_unsafe"], K, nearest=nearest), key, atol=PIXELS)


@pytest.mark.golden("camera", case=r"K_(.*\d)")
def test_guessed_intrinsics_are_the_references(golden, case) -> None:
    """From the image's size alone, or with a focal length in millimetres (of a square where one side is given)."""
    lens = re.fullmatch(r"sensor_(\d+)(?:x(\d+))?_([\d.]+)", case)
    if lens:
        K = camera.intrinsics_of_lens(int(lens[1]), int(lens[2] or lens[1]), float(lens[3]))
    else:
        width, height = case.split("x")
        K = camera.intrinsics_of_image(int(width), int(height))
    golden.assert_close(K, f"K_{case}", atol=PIXELS)


@pytest.mark.golden("smoothing", case=r"(gs\d+(?:_\w+)?)")
def test_motion_is_smoothed_as_in_the_reference(golden, case) -> None:
    """Also clips shorter than the window."""
    sigma, _, which = case.removeprefix("gs").partition("_")
    series = golden[f"x_{which}" if which else "x"]
    golden.assert_close(smoothing.gaussian_smooth(series, float(sigma)), case, atol=EXACT)


@pytest.mark.golden("smoothing")
def test_boxes_are_filled_and_smoothed_as_in_the_reference(golden) -> None:
    """Straight lines through gaps, ends held, five taps twice."""
    filled = smoothing.fill_gaps(golden["boxes"], golden["mask"])
    golden.assert_close(filled, "boxes_filled", atol=1e-3)
    golden.assert_close(smoothing.smooth_boxes(filled), "boxes_smoothed", atol=1e-3)


@pytest.mark.golden("gv_to_world", case=r"(\w+)\.global_orient_gv")
def test_the_world_is_the_references_faults_included(golden, case) -> None:
    """The arc cosine of a slow camera's yaw is mostly rounding: 3e-4 rad a frame, of either sign.

    It comes out alike only on processors that fuse multiplication and addition as the reference's did.
    """
    root, transl = gravity_view.world_from_view(
        golden.rotations(f"{case}.global_orient_gv"),
        golden.rotations(f"{case}.global_orient_c"),
        golden[f"{case}.cam_angvel"],
        golden[f"{case}.local_transl_vel"],
    )
    # A chain adds up its steps' rounding, which is 1e-6 where they are near half a turn.
    limit = 2 * EXACT if torch.backends.cpu.get_cpu_capability() in ("AVX2", "AVX512") else 5e-3
    golden.assert_rotations(root, f"{case}.global_orient", atol=limit)
    golden.assert_close(transl, f"{case}.transl", atol=limit)


@pytest.mark.golden("gv_to_world", case=r"(\w+)\.T_w2c")
def test_roots_go_to_the_camera_and_tell_it_as_in_the_reference(golden, case) -> None:
    """A world that is known: its camera's gravity view and turns, the root in it, and the camera back from roots."""
    T, pelvis = golden[f"{case}.T_w2c"], golden[f"{case}.offset"]
    R_w2c, t_w2c = T[:, :3, :3], T[:, :3, 3]
    root_w = golden.rotations(f"{case}.gt_global_orient_w")[0]
    transl_w = golden[f"{case}.gt_transl_w"][0]
    golden.assert_rotations(gravity_view.camera_to_gravity_view(R_w2c, (0.0, -1.0, 0.0)), golden[f"{case}.R_c2gv"])
    golden.assert_close(camera.camera_turn(R_w2c)[None], f"{case}.cam_angvel", atol=EXACT)
    root_c, transl_c = gravity_view.root_in_camera(root_w, transl_w, R_w2c, t_w2c, pelvis)
    golden.assert_rotations(root_c[None], f"{case}.global_orient_c")
    golden.assert_close(transl_c, f"{case}.transl_c", atol=EXACT)
    back = gravity_view.camera_of_roots(root_w, transl_w, root_c, transl_c, pelvis)
    told = golden[f"{case}.T_w2c_recovered"]
    golden.assert_rotations(back[0], told[:, :3, :3])
    torch.testing.assert_close(back[1], told[:, :3, 3], atol=EXACT, rtol=0)


@pytest.mark.golden("gv_to_world", case=r"R_c2gv_(\w+)")
def test_views_are_levelled_as_in_the_reference(golden, case) -> None:
    """Gravity along -y (ay) or -z (az); among the cameras some look straight down."""
    gravity = {"ay": (0.0, -1.0, 0.0), "az": (0.0, 0.0, -1.0)}[case]
    view = gravity_view.camera_to_gravity_view(golden["R_w2c"], gravity)
    golden.assert_rotations(view, golden[f"R_c2gv_{case}"])


@pytest.mark.golden("gv_to_world", case=r"(\w+)2ay\.transl")
def test_worlds_are_turned_upright_as_in_the_reference(golden, case) -> None:
    """From gravity views (y down) and from worlds with z up."""
    axes = {"any": gravity_view.Y_DOWN_TO_Y_UP, "az": gravity_view.Z_UP_TO_Y_UP}[case]
    root, transl = gravity_view.turn_world(golden.rotations("tsf_in.global_orient"), golden["tsf_in.transl"], axes)
    golden.assert_rotations(root, f"{case}2ay.global_orient")
    golden.assert_close(transl, f"{case}2ay.transl", atol=EXACT)


@pytest.mark.golden("gv_to_world")
def test_velocities_are_the_references(golden) -> None:
    """Into the pelvis' axes, and back from a given start or from the origin."""
    root, transl = golden.rotations("vel.global_orient"), golden["vel.transl"]
    golden.assert_close(local_velocity(transl, root), "vel.local", atol=EXACT)
    golden.assert_close(roll_out(golden["vel.local"], root, transl[:, 0]), "vel.rollout", atol=EXACT)
    golden.assert_close(roll_out(golden["vel.local"], root), "vel.rollout0", atol=EXACT)


@pytest.mark.golden("ayfz")
def test_people_face_where_the_reference_says(golden) -> None:
    """Both directions of the transform."""
    axes, place = gravity_view.facing_axes(golden["joints"])
    golden.assert_rotations(axes, golden["T_ayfz2ay"][:, :3, :3])
    torch.testing.assert_close(place, golden["T_ayfz2ay"][:, :3, 3], atol=EXACT, rtol=0)
    golden.assert_rotations(axes.mT, golden["T_ay2ayfz"][:, :3, :3])
    moved = -(axes.mT @ place[..., None]).squeeze(-1)
    torch.testing.assert_close(moved, golden["T_ay2ayfz"][:, :3, 3], atol=EXACT, rtol=0)


@pytest.mark.golden("flip")
def test_mirrored_inputs_are_the_references(golden) -> None:
    """Boxes, keypoints, heat maps and the camera's turns."""
    width = float(golden["width"])
    golden.assert_close(flip.flip_boxes(golden["bbx_xys"], width), "bbx_flip", atol=PIXELS)
    golden.assert_close(flip.flip_keypoints(golden["kp2d"], width), "kp2d_flip", atol=PIXELS)
    golden.assert_close(flip.flip_heatmaps(golden["heatmap"]), "heatmap_flip", atol=EXACT)
    R_w2c = golden["T_w2c"][:, :3, :3]
    golden.assert_close(camera.camera_turn(R_w2c), "cam_angvel", atol=EXACT)
    golden.assert_close(camera.camera_turn(flip.flip_camera(R_w2c)), "cam_angvel_flipped", atol=EXACT)


@pytest.mark.golden("flip")
def test_mirrored_poses_and_means_are_the_references(golden) -> None:
    """The pose back from the mirror, and the rotation halfway between two."""
    mirrored = flip.flip_pose(golden.pose("in"))
    golden.assert_rotations(mirrored[:, :1], golden.rotations("flip.global_orient"))
    golden.assert_rotations(mirrored[:, 1:], golden.rotations("flip.body_pose"))
    mean = flip.mean_rotation(golden.rotations("aa1"), golden.rotations("aa2"))
    golden.assert_rotations(mean, "avg")
