"""The turned square around a person."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from pipeline.video.roi import Roi

pixels = st.floats(-2000, 2000)
angles = st.floats(-np.pi, np.pi)


def test_an_upright_person_gives_an_upright_square():
    """Half the side is 1.25 times the distance from the hips to the circle round the body."""
    roi = Roi.from_alignment_points(np.array([100.0, 200.0]), np.array([100.0, 120.0]))
    assert (roi.center_x, roi.center_y, roi.size, roi.angle) == pytest.approx((100, 200, 2.5 * 80, 0))


@given(x=pixels, y=pixels, size=st.floats(20, 3000), angle=angles)
def test_crop_to_image_and_back_is_the_identity(x, y, size, angle):
    to_image = Roi(center_x=x, center_y=y, size=size, angle=angle).crop_to_image(256)
    crop = np.array([[0, 0], [256, 0], [128, 128], [17.5, 201.25]], dtype=float)
    image = crop @ to_image[:, :2].T + to_image[:, 2]
    assert image[2] == pytest.approx([x, y], abs=1e-6)
    back = np.linalg.solve(to_image[:, :2], (image - to_image[:, 2]).T).T
    assert back == pytest.approx(crop, abs=1e-6)


@given(turn=angles, scale=st.floats(0.1, 10), x=pixels, y=pixels)
def test_the_crop_turns_and_grows_with_the_person(turn, scale, x, y):
    """However a picture is turned, moved or scaled, the landmark network sees the same crop."""
    hips, radius = np.array([30.0, 40.0]), np.array([50.0, -60.0])
    similarity = scale * Rotation.from_euler("z", turn).as_matrix()[:2, :2]
    shift = np.array([x, y])
    before = Roi.from_alignment_points(hips, radius).crop_to_image(256)
    after = Roi.from_alignment_points(similarity @ hips + shift, similarity @ radius + shift).crop_to_image(256)
    assert after[:, :2] == pytest.approx(similarity @ before[:, :2], abs=1e-6)
    assert after[:, 2] == pytest.approx(similarity @ before[:, 2] + shift, abs=1e-6)
