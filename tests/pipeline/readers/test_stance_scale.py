"""Laws of the scale of a path: standing feet stand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from pipeline.readers.stance_scale import stance_scale
from retarget.smpl_skeleton import local_rotations


def parts(motion):
    local = local_rotations(motion.global_orient, motion.body_pose)[:, :22]
    return local, motion.transl + motion.rest_joint_pos[0]


@pytest.mark.parametrize("ratio", [0.9, 1.0, 1.15])
def test_the_ratio_of_legs_is_found(body, squats, ratio):
    """Both bodies move alike, so the person's path is the body's times the ratio of their sizes."""
    local, path = parts(squats())
    shift = np.array([3.0, -2.0, 0.4])  # where the person stands does not matter
    assert stance_scale(local, path / ratio + shift, body.rest_joints(np.zeros(10)), 30.0) == pytest.approx(
        ratio, abs=0.01
    )


def test_the_rate_does_not_matter(body, squats):
    scales = [
        stance_scale(*_shrunk(squats(round(3 * fps) + 1, fps)), body.rest_joints(np.zeros(10)), fps)
        for fps in (30.0, 120.0)
    ]
    assert scales[0] == pytest.approx(scales[1], abs=0.005)


def _shrunk(motion):
    local, path = parts(motion)
    return local, path / 1.1


def test_who_stands_still_shows_nothing(body):
    """Then the path is left as it is: exactly 1."""
    upright = Rotation.from_rotvec([np.pi / 2, 0, 0]).as_matrix()
    local = np.tile(np.eye(3), (60, 22, 1, 1))
    local[:, 0] = upright
    assert stance_scale(local, np.zeros((60, 3)), body.rest_joints(np.zeros(10)), 30.0) == 1.0


def test_who_never_stands_shows_nothing(body):
    """Gliding past at 3 m/s is not walking."""
    local = np.tile(np.eye(3), (60, 22, 1, 1))
    path = np.linspace([0, 0, 0], [6, 0, 0], 60)
    assert stance_scale(local, path, body.rest_joints(np.zeros(10)), 30.0) == 1.0
