from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from pipeline import body as body_package
from pipeline.body import KEYPOINT_NAMES
from retarget.smpl_skeleton import SMPL_JOINT_NAMES, SMPL_PARENTS

SHARED = Path(__file__).parents[3].parent / "shared"
JOINT = {name: i for i, name in enumerate(SMPL_JOINT_NAMES)}
POINT = {name: i for i, name in enumerate(KEYPOINT_NAMES)}
STANDING = Rotation.from_euler("x", 90, degrees=True).as_rotvec()[None]


@pytest.fixture
def rest_points(open_body):
    return open_body.keypoints(open_body.template_verts[None])[0]


def posed(body, **degrees):
    """One upright frame facing -y, its left at +x."""
    pose = np.zeros((1, 21, 3))
    for name, angles in degrees.items():
        pose[0, JOINT[name] - 1] = np.radians(angles)
    return body.motion(30.0, np.zeros(10), STANDING, pose, np.zeros((1, 3)))


def test_file_is_small_and_holds_no_pickle():
    path = Path(body_package.__file__).parent / "data" / "open_body.npz"
    assert path.stat().st_size < 2e6
    with np.load(path, allow_pickle=False) as archive:
        assert all(archive[name].dtype.kind != "O" for name in archive.files)


def test_it_faces_forward_and_its_left_is_left(open_body, rest_points):
    """SMPL's rest pose: y up, facing +z, the person's left at +x."""
    for name in SMPL_JOINT_NAMES:
        if name.startswith("left"):
            assert open_body.template_joints[JOINT[name], 0] > 0.02
    for name in KEYPOINT_NAMES:
        if name.startswith("left"):
            assert rest_points[POINT[name], 0] > 0.02
    assert rest_points[POINT["nose"], 2] > rest_points[POINT["left_ear"], 2] + 0.05
    for side in ("left", "right"):
        assert rest_points[POINT[f"{side}_toe"], 2] > rest_points[POINT[f"{side}_heel"], 2] + 0.15
        assert rest_points[POINT[f"{side}_eye"], 1] > rest_points[POINT["nose"], 1]


def test_left_and_right_are_mirror_images(open_body):
    mirror = np.array([-1.0, 1.0, 1.0])
    distance, twin = cKDTree(open_body.template_verts).query(open_body.template_verts * mirror)
    assert distance.max() < 1e-3
    moved = open_body.shape_dirs[twin] * mirror[:, None]
    assert np.abs(moved - open_body.shape_dirs).max() < 1e-3
    swap = [JOINT[_other(name)] for name in SMPL_JOINT_NAMES]
    assert np.abs(open_body.template_joints[swap] * mirror - open_body.template_joints).max() < 1e-3
    assert np.abs(open_body.skin_weights[twin][:, swap] - open_body.skin_weights).max() < 0.02


def _other(name: str) -> str:
    return name.replace("left", "right") if name.startswith("left") else name.replace("right", "left")


def test_limbs_point_where_smpls_do_at_zero_pose(open_body):
    """Otherwise a pose from SMPL data would show other limbs on this body."""
    path = SHARED / "data" / "smpl" / "J0_approx.json"
    if not path.exists():
        pytest.skip("SMPL's approximate rest joints are not on this machine")
    smpl = np.array(json.loads(path.read_text())["J0"])
    for name in ("hip", "knee", "shoulder", "elbow", "wrist"):
        for side in ("left", "right"):
            joint = JOINT[f"{side}_{name}"]
            tip = SMPL_PARENTS.index(joint)
            ours = open_body.template_joints[tip] - open_body.template_joints[joint]
            theirs = smpl[tip] - smpl[joint]
            cosine = ours @ theirs / np.linalg.norm(ours) / np.linalg.norm(theirs)
            assert np.degrees(np.arccos(cosine)) < 3.0, name
    assert np.abs(open_body.template_joints[0] - smpl[0]).max() < 0.01


def test_zero_pose_is_a_t_pose_on_flat_soles(open_body, rest_points):
    arms = open_body.template_joints[[JOINT["left_shoulder"], JOINT["left_elbow"], JOINT["left_wrist"]]]
    assert np.ptp(arms[:, 1]) < 0.05
    assert np.ptp(arms[:, 2]) < 0.05
    soles = [POINT[name] for name in ("left_heel", "left_toe", "right_heel", "right_toe")]
    ground = open_body.template_verts[:, 1].min()
    assert (rest_points[soles, 1] - ground < 0.05).all()
    for ankle in ("left_ankle", "right_ankle"):
        foot = open_body.template_verts[open_body.skin_weights[:, JOINT[ankle]] > 0.5]
        heel, ball = foot[foot[:, 2] < -0.02, 1].min(), foot[foot[:, 2] > 0.08, 1].min()
        assert abs(heel - ball) < 0.015


def test_the_mean_adult_is_of_mean_height_and_one_beta_is_stature(open_body):
    heights = np.array([open_body.height(beta * np.eye(10)[0]) for beta in (-2, -1, 0, 1, 2)])
    assert heights[2] == pytest.approx(1.70, abs=0.01)
    assert np.diff(heights) == pytest.approx(np.full(4, 0.089), abs=0.01)
    for beta in (-2.0, 2.0):
        box = np.ptp(open_body.rest_verts(beta * np.eye(10)[0])[:, 1])
        assert box == pytest.approx(open_body.height(beta * np.eye(10)[0]), abs=0.005)


def test_shape_directions_are_uncorrelated_and_sorted(open_body):
    """Principal components: by skin area orthogonal, the strongest first."""
    a, b, c = open_body.template_verts[open_body.faces].transpose(1, 0, 2)
    area = np.repeat(np.linalg.norm(np.cross(b - a, c - a), axis=1), 3)
    area = np.bincount(open_body.faces.ravel(), weights=area, minlength=len(open_body.template_verts))
    gram = np.einsum("vck,v,vcl->kl", open_body.shape_dirs, area / area.sum(), open_body.shape_dirs)
    strength = np.sqrt(np.diag(gram))
    assert (np.diff(strength) < 0).all()
    assert np.abs(gram / np.outer(strength, strength) - np.eye(10)).max() < 0.01


def test_a_person_of_any_likely_shape_has_a_humans_volume(open_body):
    """Triangles face outwards and enclose 35 to 140 litres."""
    rng = np.random.default_rng(0)
    for betas in (np.zeros(10), *rng.normal(size=(20, 10))):
        a, b, c = open_body.rest_verts(betas)[open_body.faces].transpose(1, 0, 2)
        litres = 1000 * np.einsum("fi,fi->", a, np.cross(b, c)) / 6
        assert 35 < litres < 140


def test_skin_hangs_on_few_joints(open_body):
    assert (open_body.skin_weights > 0).sum(axis=1).max() <= 6
    assert np.unique(open_body.faces).size == len(open_body.template_verts)


def test_clothes_are_where_clothes_are(open_body):
    centre = open_body.template_verts[open_body.faces].mean(axis=1)
    where = {name: centre[open_body.face_material == i] for i, name in enumerate(open_body.material_names)}
    level = [where[name][:, 1].mean() for name in ("shoes", "pants", "shirt", "hair")]
    assert level == sorted(level)
    assert (where["shirt"][:, 1] < open_body.template_joints[JOINT["head"], 1]).all()
    assert where["eye"][:, 2].min() > open_body.template_joints[JOINT["head"], 2]
    assert np.abs(where["skin"][:, 0]).max() > open_body.template_joints[JOINT["left_hand"], 0]


@pytest.mark.parametrize(("side", "sign"), [("left", 1), ("right", -1)])
def test_limbs_bend_as_smpls_do(open_body, side, sign):
    """Signs of SMPL's joint angles, on the skin: hip and knee about x, elbow and shoulder mirrored."""
    other = _other(side)

    def points(**degrees):
        return dict(zip(KEYPOINT_NAMES, open_body.motion_keypoints(posed(open_body, **degrees))[0], strict=True))

    rest = points()
    kick = points(**{f"{side}_hip": (-90, 0, 0)})
    assert kick[f"{side}_ankle"][1] < rest[f"{side}_ankle"][1] - 0.6  # forward is -y in this world
    assert kick[f"{other}_ankle"] == pytest.approx(rest[f"{other}_ankle"], abs=1e-9)
    heel = points(**{f"{side}_knee": (90, 0, 0)})
    assert heel[f"{side}_ankle"][1] > rest[f"{side}_ankle"][1] + 0.3
    guard = points(**{f"{side}_elbow": (0, -90 * sign, 0)})
    assert guard[f"{side}_wrist"][1] < rest[f"{side}_wrist"][1] - 0.2
    down = points(**{f"{side}_shoulder": (0, 0, -80 * sign)})
    assert down[f"{side}_wrist"][2] < rest[f"{side}_wrist"][2] - 0.4
    look = points(head=(0, 60 * sign, 0))
    assert sign * (look["nose"][0] - rest["nose"][0]) > 0.08


def test_keypoints_lie_at_the_joints_they_are_named_after(open_body, rest_points):
    for name, near in {
        "shoulder": 0.06,
        "elbow": 0.04,
        "wrist": 0.03,
        "hip": 0.06,
        "knee": 0.04,
        "ankle": 0.04,
    }.items():
        for side in ("left", "right"):
            gap = rest_points[POINT[f"{side}_{name}"]] - open_body.template_joints[JOINT[f"{side}_{name}"]]
            assert np.linalg.norm(gap) < near, name
    assert np.abs(open_body.keypoint_regressor.sum(axis=1) - 1).max() < 1e-6


def test_posing_takes_milliseconds(open_body, random_motion):
    """A generous bound for a loaded machine: 1.1 ms a frame measured on one core, 10 ms allowed."""
    import time

    motion = random_motion(open_body, 64)
    open_body.verts(motion)
    start = time.perf_counter()
    open_body.verts(motion)
    assert (time.perf_counter() - start) / 64 < 0.010
