import numpy as np
import pytest

from pipeline.body import load_body
from pipeline.plausibility.body_parts import PART_JOINTS, body_parts, closed_volume
from retarget.smpl_skeleton import SMPL_JOINT_NAMES

BODY = load_body("open")
PARTS = body_parts(BODY, np.zeros(10))


def cube(size: float, centre: tuple[float, float, float]) -> tuple[np.ndarray, np.ndarray]:
    """Verts and outward faces of an axis-aligned cube."""
    verts = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)], dtype=float)
    quads = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
    faces = np.array([triangle for a, b, c, d in quads for triangle in ((a, b, c), (a, c, d))])
    return size * (verts - 0.5) + centre, faces


@pytest.mark.parametrize("centre", [(0, 0, 0), (3, -2, 5)])
def test_the_volume_of_a_cube_is_its_edge_cubed_wherever_it_is(centre):
    verts, faces = cube(0.2, centre)
    assert closed_volume(verts, faces) == pytest.approx(0.008)


@pytest.mark.parametrize("lids", [(8, 9), (8, 9, 10, 11)])
def test_missing_flat_faces_are_closed_by_their_caps(lids):
    """A part's skin is open where it meets its neighbours; without a cap the volume would depend on the origin."""
    verts, faces = cube(0.2, (3, -2, 5))
    assert closed_volume(verts, np.delete(faces, lids, axis=0)) == pytest.approx(0.008)


def test_every_joint_moves_exactly_one_part():
    joints = [joint for joints in PART_JOINTS.values() for joint in joints]
    assert sorted(joints) == sorted(SMPL_JOINT_NAMES)


def test_the_parts_are_the_body_and_nothing_twice():
    """Volumes and areas of the parts add up to those of the whole skin."""
    corners = BODY.template_verts[BODY.faces]
    area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1).sum() / 2
    assert PARTS.volume.sum() == pytest.approx(closed_volume(BODY.template_verts, BODY.faces), rel=1e-6)
    assert PARTS.area.sum() == pytest.approx(area)
    assert (PARTS.volume > 0).all()


def test_left_and_right_are_equal():
    for name in PARTS.names:
        if name.startswith("left_"):
            left, right = PARTS.names.index(name), PARTS.names.index(name.replace("left_", "right_"))
            assert PARTS.volume[left] == pytest.approx(PARTS.volume[right], rel=1e-3)


def test_parts_weigh_what_anatomy_says():
    """Segment masses of a person: trunk about half, thigh 10-14 %, shank 4-6 %, head 5-8 % (Winter 2009, tab. 4.1)."""
    share = dict(zip(PARTS.names, PARTS.volume / PARTS.volume.sum(), strict=True))
    assert 0.40 < share["torso"] < 0.55
    assert 0.09 < share["left_thigh"] < 0.15
    assert 0.03 < share["left_shank"] < 0.06
    assert 0.05 < share["head"] < 0.09


def test_the_centre_of_mass_from_the_parts_is_that_of_the_solid_body():
    """The parts' skins stand in for their insides; the exact centre follows from the divergence theorem."""
    corners = BODY.template_verts[BODY.faces]
    volumes = np.linalg.det(corners) / 6
    exact = (volumes[:, None] * corners.sum(axis=1) / 4).sum(axis=0) / volumes.sum()
    assert np.linalg.norm(PARTS.com_weights @ BODY.template_verts - exact) < 0.005


def test_the_published_weights_are_area_times_volume_of_the_part():
    """By hand for the vertices inside of one part: the ratio of two of them is the ratio of A V."""
    weights = PARTS.pressure_com_weights
    assert weights.sum() == pytest.approx(1.0)
    head, hand = PARTS.names.index("head"), PARTS.names.index("left_hand")
    a, b = PARTS.area[head].argmax(), PARTS.area[hand].argmax()
    expected = PARTS.area[head, a] * PARTS.volume[head] / (PARTS.area[hand, b] * PARTS.volume[hand])
    assert weights[a] / weights[b] == pytest.approx(expected)
