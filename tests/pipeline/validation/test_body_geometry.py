import mujoco
import numpy as np
import pytest

from pipeline.validation.body_geometry import body_geometry
from robots.g1 import load_g1

ROBOT = load_g1()


def random_qpos(n: int, seed: int = 0) -> np.ndarray:
    """Anywhere, any way up, joints anywhere in their range."""
    rng = np.random.default_rng(seed)
    quat = rng.normal(size=(n, 4))
    joints = rng.uniform(ROBOT.joint_lower, ROBOT.joint_upper, (n, len(ROBOT.joint_names)))
    return np.hstack([rng.normal(size=(n, 3)), quat / np.linalg.norm(quat, axis=1, keepdims=True), joints])


def test_heights_are_those_that_mujoco_measures_to_the_floor():
    """MuJoCo's own distance of two geoms is the oracle of the support functions."""
    qpos = random_qpos(20)
    geometry = body_geometry(ROBOT, qpos)
    model = ROBOT.mj_model()
    data = mujoco.MjData(model)
    floor = next(g for g in range(model.ngeom) if model.geom_type[g] == mujoco.mjtGeom.mjGEOM_PLANE)
    solid = [
        g for g in range(model.ngeom) if model.geom_bodyid[g] > 0 and model.geom_contype[g] | model.geom_conaffinity[g]
    ]
    feet = [model.body(name).id for name in ROBOT.foot_body_names]
    for frame, q in enumerate(qpos):
        data.qpos[:] = q
        mujoco.mj_forward(model, data)
        height = {g: mujoco.mj_geomDistance(model, data, g, floor, 10.0, None) for g in solid}
        assert geometry.lowest_height[frame] == pytest.approx(min(height.values()), abs=1e-6)
        for side, foot in enumerate(feet):
            lowest = min(h for g, h in height.items() if model.geom_bodyid[g] == foot)
            assert geometry.foot_height[frame, side] == pytest.approx(lowest, abs=1e-6)


def test_standing_the_soles_touch_the_floor_and_nothing_overlaps():
    geometry = body_geometry(ROBOT, ROBOT.default_qpos[None])
    np.testing.assert_allclose(geometry.foot_height, 0.0, atol=1e-4)
    assert geometry.lowest_height[0] == pytest.approx(0.0, abs=1e-4)
    assert geometry.pairs == ()


def test_crossed_legs_overlap_by_what_mujoco_says():
    """The pair is named and its depth is the deepest of its geoms'."""
    qpos = ROBOT.default_qpos.copy()
    for side, sign in (("left", -1), ("right", 1)):
        qpos[7 + ROBOT.joint_names.index(f"{side}_hip_roll_joint")] = 0.3 * sign
    geometry = body_geometry(ROBOT, np.stack([ROBOT.default_qpos, qpos]))
    model = ROBOT.mj_model()
    data = mujoco.MjData(model)
    data.qpos[:] = qpos
    mujoco.mj_forward(model, data)
    depths = {}
    for contact in data.contact:
        pair = tuple(sorted((model.geom_bodyid[contact.geom1], model.geom_bodyid[contact.geom2])))
        if pair[0] > 0:
            depths[pair] = max(depths.get(pair, 0.0), -contact.dist)
    deepest = max(depths, key=depths.__getitem__)
    assert geometry.self_collision_depth[0] == 0.0
    assert geometry.self_collision_depth[1] == pytest.approx(depths[deepest])
    assert depths[deepest] > 0.01
    assert geometry.pairs[0].bodies == tuple(model.body(body).name for body in deepest)
    assert {pair.n_frames for pair in geometry.pairs} == {1}


def test_a_long_motion_is_the_same_as_its_pieces():
    """Frames are taken in blocks; no frame may fall between two of them."""
    qpos = random_qpos(2100, seed=1)
    whole, pieces = body_geometry(ROBOT, qpos), [body_geometry(ROBOT, part) for part in np.array_split(qpos, 3)]
    np.testing.assert_array_equal(whole.foot_height, np.concatenate([piece.foot_height for piece in pieces]))
    np.testing.assert_array_equal(whole.lowest_height, np.concatenate([piece.lowest_height for piece in pieces]))
