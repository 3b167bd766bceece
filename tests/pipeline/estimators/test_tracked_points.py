"""Laws of points that ride on a skinned body."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.body import KEYPOINT_NAMES as BODY_KEYPOINT_NAMES
from pipeline.estimators.landmark import so3
from pipeline.estimators.landmark.body_points import CENTRE_OF_MASS, KEYPOINT_NAMES, POINT_NAMES, SOLES, tracked_points
from pipeline.estimators.landmark.joint_table import MOVING_JOINTS
from pipeline.estimators.landmark.state import ClipState, Unknowns, place


@pytest.fixture(scope="module")
def points(body):
    return tracked_points(body, np.zeros(10))


def test_keypoints_are_those_of_the_skinned_body(points, body, truth):
    """The collapse into moments is exact: posing two dozen joints gives what posing all the skin gives."""
    assert KEYPOINT_NAMES == BODY_KEYPOINT_NAMES
    mine = points.locate(*truth.joints())[:, : len(KEYPOINT_NAMES)]
    np.testing.assert_allclose(mine, body.motion_keypoints(truth), atol=1e-9)


def test_soles_are_the_lowest_of_a_standing_body(points, body, truth):
    """The floor is laid under these points; skin below them would sink into it."""
    lowest_vertex = body.verts(truth)[:1, :, 2].min()
    soles = points.locate(*truth.joints())[0, SOLES, 2]
    np.testing.assert_allclose(soles, lowest_vertex, atol=2e-3)


def test_jacobian_is_the_derivative_of_the_position(points, body):
    """Every column of every unknown, by finite differences."""
    rng = np.random.default_rng(0)
    unknowns = Unknowns(camera_moves=True)
    state = ClipState(
        rotation=so3.exp(0.5 * rng.normal(size=(2, 24, 3))),
        root_pos=rng.normal(size=(2, 3)),
        camera_pos=np.zeros((2, 3)),
        up=np.array([0.0, -1.0, 0.0]),
        floor=0.0,
    )
    rest = body.rest_joints(np.zeros(10))
    here = place(state, points, rest, unknowns)
    for column in range(unknowns.n):
        step = np.zeros((2, unknowns.n))
        step[:, column] = 1e-6
        moved = place(state.moved(step, np.zeros(3)), points, rest, unknowns).points
        np.testing.assert_allclose((moved - here.points) / 1e-6, here.jacobian[..., column], atol=1e-5)


def test_centre_of_mass_agrees_with_the_body_s_volume(points, body, truth):
    """Balance must not pull a person over by getting their mass wrong: a few millimetres across the floor."""
    assert CENTRE_OF_MASS.sum() == pytest.approx(1.0)
    assert len(CENTRE_OF_MASS) == len(POINT_NAMES)
    triangles = body.verts(truth)[::30][:, body.faces]
    volume = np.einsum("tfi,tfi->tf", triangles[:, :, 0], np.cross(triangles[:, :, 1], triangles[:, :, 2])) / 6.0
    centre = np.einsum("tf,tfi->ti", volume, triangles.sum(axis=2) / 4.0) / volume.sum(axis=1)[:, None]
    mine = np.einsum("p,tpi->ti", CENTRE_OF_MASS, points.locate(*truth.joints())[::30])
    np.testing.assert_allclose(mine[:, :2], centre[:, :2], atol=0.01)


def test_both_sides_of_the_body_are_alike(points):
    """A mirrored video can only give a mirrored motion if left and right points mirror each other."""
    for left in (name for name in POINT_NAMES if name.startswith("left_")):
        a, b = POINT_NAMES.index(left), POINT_NAMES.index(left.replace("left_", "right_"))
        total_a, total_b = points.moment[a].sum(axis=0), points.moment[b].sum(axis=0)
        np.testing.assert_allclose(total_a, total_b * [-1.0, 1.0, 1.0], atol=2e-3)


def test_toes_and_hands_do_not_move_by_themselves():
    """No keypoint tells of them."""
    assert set(range(24)) - set(MOVING_JOINTS) == {10, 11, 22, 23}
