from __future__ import annotations

import dataclasses
import types

import numpy as np
import pytest
from scipy import sparse
from scipy.spatial.transform import Rotation

from pipeline.body import KEYPOINT_NAMES
from pipeline.body.exceptions import StaleRestJoints, WrongBody
from retarget.smpl_skeleton import SMPL_PARENTS
from robots.exceptions import InvalidArray


def smplx_pose(motion):
    """Axis-angle of all 24 joints; the hands stay at rest."""
    n = len(motion)
    return np.concatenate([motion.global_orient, motion.body_pose.reshape(n, -1), np.zeros((n, 6))], axis=1)


def test_skinning_equals_the_reference_library(made_up_body, made_up_arrays, random_motion):
    """One independent implementation of SMPL must agree, correctives and translation included."""
    torch, smplx = pytest.importorskip("torch"), pytest.importorskip("smplx")
    kintree = np.stack([np.array(SMPL_PARENTS), np.arange(24)])
    struct = types.SimpleNamespace(**made_up_arrays, kintree_table=kintree)
    motion = random_motion(made_up_body, 7)
    model = smplx.SMPL(
        "unused", data_struct=struct, batch_size=7, dtype=torch.float64, vertex_ids=dict.fromkeys(_VERTEX_IDS, 0)
    )
    pose = torch.tensor(smplx_pose(motion))
    result = model(
        betas=torch.tensor(np.tile(motion.betas, (7, 1))),
        global_orient=pose[:, :3],
        body_pose=pose[:, 3:],
        transl=torch.tensor(motion.transl),
    )
    assert np.abs(made_up_body.verts(motion) - result.vertices.detach().numpy()).max() < 1e-5
    assert np.abs(motion.joints()[0] - result.joints[:, :24].detach().numpy()).max() < 1e-5


_VERTEX_IDS = (
    *("nose", "reye", "leye", "rear", "lear", "LBigToe", "LSmallToe", "LHeel", "RBigToe", "RSmallToe", "RHeel"),
    *(f"{side}{finger}" for side in "lr" for finger in ("thumb", "index", "middle", "ring", "pinky")),
)


def test_the_open_body_posed_by_the_reference_library_is_the_same(open_body, random_motion):
    """The file itself, not only our formula, is in SMPL's form."""
    torch, lbs = pytest.importorskip("torch"), pytest.importorskip("smplx.lbs")
    motion = random_motion(open_body, 3)
    verts, joints = lbs.lbs(
        torch.tensor(np.tile(motion.betas, (3, 1))),
        torch.tensor(smplx_pose(motion)),
        torch.tensor(open_body.template_verts),
        torch.tensor(open_body.shape_dirs),
        torch.zeros(207, open_body.template_verts.size, dtype=torch.float64),
        torch.tensor(_equivalent_joint_regressor(open_body)),
        torch.tensor(SMPL_PARENTS),
        torch.tensor(open_body.skin_weights, dtype=torch.float64),
    )
    assert np.abs(joints.numpy() + motion.transl[:, None] - motion.joints()[0]).max() < 1e-5
    assert np.abs(verts.numpy() + motion.transl[:, None] - open_body.verts(motion)).max() < 1e-5


def _equivalent_joint_regressor(body):
    """Weights on vertices that give this body's joints for any betas, which is how SMPL's files say it."""
    verts = np.concatenate([body.template_verts[..., None], body.shape_dirs], axis=2).reshape(-1, 33)
    joints = np.concatenate([body.template_joints[..., None], body.joint_shape_dirs], axis=2).reshape(24, 33)
    return np.linalg.lstsq(verts.T, joints.T, rcond=None)[0].T


def test_skin_that_hangs_on_one_joint_moves_rigidly_with_it(open_body, random_motion):
    """The skin and the skeleton of one motion are one body."""
    motion = random_motion(open_body)
    verts, (pos_w, rot_w) = open_body.verts(motion), motion.joints()
    rest = open_body.rest_verts(motion.betas)
    seen = 0
    for joint in range(24):
        rigid = open_body.skin_weights[:, joint] == 1.0
        arm = rest[rigid] - motion.rest_joint_pos[joint]
        expected = np.einsum("fij,vj->fvi", rot_w[:, joint], arm) + pos_w[:, joint, None]
        assert np.abs(verts[:, rigid] - expected).max(initial=0.0) < 1e-9
        seen += int(rigid.sum())
    assert seen > len(rest) / 2


@pytest.mark.parametrize("which", ["open_body", "made_up_body"])
def test_zero_pose_is_the_rest_mesh(which, request):
    body = request.getfixturevalue(which)
    betas = np.linspace(-1, 1, 10)
    motion = body.motion(30.0, betas, np.zeros((1, 3)), np.zeros((1, 21, 3)), np.zeros((1, 3)))
    assert np.abs(body.verts(motion)[0] - body.rest_verts(betas)).max() < 1e-9


@pytest.mark.parametrize("which", ["open_body", "made_up_body"])
def test_turning_the_pelvis_turns_the_whole_skin_about_it(which, request, random_motion):
    """Pose correctives must not depend on where the person faces."""
    body = request.getfixturevalue(which)
    motion = random_motion(body, 3)
    turn = Rotation.from_rotvec([0.4, -1.0, 2.0])
    orient = turn * Rotation.from_rotvec(motion.global_orient.copy())  # SciPy refuses read-only vectors
    turned = dataclasses.replace(motion, global_orient=orient.as_rotvec())
    pelvis = motion.joints()[0][:, :1]
    expected = (body.verts(motion) - pelvis) @ turn.as_matrix().T + pelvis
    assert np.abs(body.verts(turned) - expected).max() < 1e-6


@pytest.mark.parametrize("which", ["open_body", "made_up_body"])
def test_frames_do_not_know_their_chunk(which, request, random_motion):
    body = request.getfixturevalue(which)
    motion = random_motion(body, 9)
    parts = list(body.iter_verts(motion, chunk_frames=4))
    assert [len(part) for part in parts] == [4, 4, 1]
    assert np.abs(np.concatenate(parts) - body.verts(motion)).max() < 1e-6


def test_long_motions_are_posed_a_piece_at_a_time(open_body):
    """Ten thousand frames of skin would be 3 GB; nobody needs them at once."""
    import tracemalloc

    still = np.zeros((10_000, 3))
    motion = open_body.motion(30.0, np.zeros(10), still, np.zeros((10_000, 21, 3)), still)
    tracemalloc.start()
    frames = sum(len(part) for part, _ in zip(open_body.iter_verts(motion), range(10), strict=False))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert frames == 320
    assert peak < 300e6


@pytest.mark.parametrize("which", ["open_body", "made_up_body"])
def test_keypoints_without_the_skin_are_those_of_the_skin(which, request, random_motion):
    body = request.getfixturevalue(which)
    motion = random_motion(body, 4)
    assert body.motion_keypoints(motion).shape == (4, len(KEYPOINT_NAMES), 3)
    assert np.abs(body.motion_keypoints(motion) - body.keypoints(body.verts(motion))).max() < 1e-6


def test_keypoints_of_another_mesh_are_refused(made_up_body):
    with pytest.raises(InvalidArray, match=r"verts_w: has shape \(2, 149, 3\), expected \(frames, 150, 3\)"):
        made_up_body.keypoints(np.zeros((2, 149, 3)))
    assert made_up_body.keypoints(np.zeros((0, 150, 3))).shape == (0, 21, 3)


def test_a_point_on_no_vertex_is_the_origin(made_up_body, random_motion):
    empty = sparse.csr_array((1, len(made_up_body.template_verts)))
    assert not made_up_body.points(random_motion(made_up_body, 2), empty).any()


@pytest.mark.parametrize("height", [1.2, 1.5, 1.702, 1.85, 2.1])
def test_betas_for_a_height_give_that_height_and_are_the_smallest(open_body, height):
    """Among all bodies of a stature the mean one is the best guess: any other choice has longer betas."""
    betas = open_body.betas_for_height(height)
    assert open_body.height(betas) == pytest.approx(height, abs=1e-9)
    per_beta = np.array([open_body.height(e) - open_body.height(np.zeros(10)) for e in np.eye(10)])
    other = np.random.default_rng(0).normal(size=10)
    other -= per_beta * (other @ per_beta) / (per_beta @ per_beta)
    assert open_body.height(betas + other) == pytest.approx(height, abs=1e-9)
    assert np.linalg.norm(betas + other) > np.linalg.norm(betas)


@pytest.mark.parametrize("height", [0.0, -1.7, np.nan, np.inf])
def test_an_impossible_height_is_refused(open_body, height):
    with pytest.raises(InvalidArray, match="height_m: must be a positive number of metres"):
        open_body.betas_for_height(height)


def test_a_motion_of_another_body_is_refused(open_body, made_up_body, random_motion):
    with pytest.raises(WrongBody, match="made with body 'made-up', not with 'open'"):
        open_body.verts(random_motion(made_up_body))


def test_a_motion_with_another_skeleton_is_refused(open_body, random_motion):
    """Its joints and its skin would be two people."""
    motion = random_motion(open_body)
    stale = dataclasses.replace(motion, rest_joint_pos=motion.rest_joint_pos + np.array([0, 0.002, 0]))
    with pytest.raises(StaleRestJoints, match=r"up to 2\.0 mm from those of body 'open'"):
        open_body.verts(stale)


def test_a_motion_stored_in_single_precision_is_still_this_body(open_body, random_motion):
    motion = random_motion(open_body)
    single = dataclasses.replace(motion, rest_joint_pos=motion.rest_joint_pos.astype(np.float32))
    assert np.abs(open_body.verts(single) - open_body.verts(motion)).max() < 1e-5


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("faces", np.array([[0, 1, 150]]), "faces: points outside of the 150 vertices"),
        ("skin_weights", np.zeros((150, 24)), "skin_weights: has rows that do not sum to one"),
        ("face_material", np.full(200, 6), "face_material: points outside of"),
        ("keypoint_regressor", sparse.csr_array((21, 149)), r"keypoint_regressor: has shape \(21, 149\)"),
        ("template_verts", np.full((150, 3), np.nan), "template_verts: holds NaN"),
        ("shape_dirs", np.zeros((150, 3, 9)), "shape_dirs: has shape"),
    ],
)
def test_a_body_that_does_not_fit_together_is_refused(made_up_body, field, value, message):
    if field == "faces":
        made_up_body = dataclasses.replace(made_up_body, face_material=np.zeros(200))
        value = np.repeat(value, 200, axis=0)
    with pytest.raises(InvalidArray, match=message):
        dataclasses.replace(made_up_body, **{field: value})
