from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from pipeline.body import KEYPOINT_NAMES, SkinnedBody, load_body
from retarget.smpl_motion import SmplMotion


@pytest.fixture(scope="session")
def open_body() -> SkinnedBody:
    return load_body()


@pytest.fixture(scope="session")
def made_up_arrays() -> dict[str, np.ndarray]:
    """A small model in SMPL's form: nothing human about it, but every term of the formula is there."""
    rng = np.random.default_rng(7)
    n_verts = 150
    regressor = rng.random((24, n_verts)) ** 8
    weights = rng.random((n_verts, 24)) ** 6
    return {
        "v_template": rng.normal(0, 0.5, (n_verts, 3)),
        "shapedirs": rng.normal(0, 0.03, (n_verts, 3, 10)),
        "posedirs": rng.normal(0, 0.01, (n_verts, 3, 207)),
        "J_regressor": regressor / regressor.sum(axis=1, keepdims=True),
        "weights": weights / weights.sum(axis=1, keepdims=True),
        "f": rng.integers(0, n_verts, (200, 3)),
    }


@pytest.fixture(scope="session")
def made_up_body(made_up_arrays) -> SkinnedBody:
    a = made_up_arrays
    rng = np.random.default_rng(8)
    return SkinnedBody(
        name="made-up",
        licence="none",
        template_verts=a["v_template"],
        faces=a["f"],
        shape_dirs=a["shapedirs"],
        template_joints=a["J_regressor"] @ a["v_template"],
        joint_shape_dirs=np.einsum("jv,vck->jck", a["J_regressor"], a["shapedirs"]),
        skin_weights=a["weights"],
        face_material=np.zeros(len(a["f"])),
        keypoint_regressor=sparse.random_array((len(KEYPOINT_NAMES), 150), density=0.05, rng=rng),
        pose_dirs=a["posedirs"],
    )


@pytest.fixture(scope="session")
def random_motion():
    """Return a function that makes a wild motion of a body."""

    def make(body: SkinnedBody, n_frames: int = 5, seed: int = 0) -> SmplMotion:
        rng = np.random.default_rng(seed)
        return body.motion(
            30.0,
            rng.normal(0, 1.5, 10),
            rng.normal(0, 1.5, (n_frames, 3)),
            rng.normal(0, 0.6, (n_frames, 21, 3)),
            rng.normal(0, 3.0, (n_frames, 3)),
        )

    return make
