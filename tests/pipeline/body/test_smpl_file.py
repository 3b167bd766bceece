from __future__ import annotations

import pickle
import sys
import types

import numpy as np
import pytest
from scipy import sparse

from pipeline.body import KEYPOINT_NAMES, load_body
from pipeline.body.exceptions import NotABodyModel, UnsafeModelFile
from pipeline.body.smpl_file import KEYS, import_smpl_file
from retarget.smpl_skeleton import SMPL_PARENTS

SMPLX_PARENTS = (
    *SMPL_PARENTS[:22], 15, 15, 15,
    *(20, 25, 26, 20, 28, 29, 20, 31, 32, 20, 34, 35, 20, 37, 38),
    *(21, 40, 41, 21, 43, 44, 21, 46, 47, 21, 49, 50, 21, 52, 53),
)  # fmt: skip


def made_up_model(n_verts: int, parents: tuple[int, ...], n_shapes: int) -> dict[str, np.ndarray]:
    """Random arrays in the form of a model file; most correctives are zero, to keep the file small."""
    rng = np.random.default_rng(3)
    n_joints = len(parents)
    weights = rng.random((n_verts, n_joints)) ** 12
    regressor = sparse.random_array((n_joints, n_verts), density=0.003, rng=rng).toarray()
    posedirs = np.zeros((n_verts, 3, 9 * (n_joints - 1)))
    posedirs[::50] = rng.normal(0, 0.01, posedirs[::50].shape)
    return {
        "v_template": rng.normal(0, 0.5, (n_verts, 3)),
        "shapedirs": rng.normal(0, 0.03, (n_verts, 3, n_shapes)),
        "posedirs": posedirs,
        "J_regressor": regressor / regressor.sum(axis=1, keepdims=True),
        "weights": weights / weights.sum(axis=1, keepdims=True),
        "kintree_table": np.stack([parents, np.arange(n_joints)]).astype(np.int64).astype(np.uint32),
        "f": rng.integers(0, n_verts, (n_verts, 3)).astype(np.uint32),
    }


@pytest.fixture(scope="module")
def smpl_arrays():
    return made_up_model(6890, SMPL_PARENTS, 10)


@pytest.fixture(scope="module")
def smplx_arrays():
    return made_up_model(10475, SMPLX_PARENTS, 20)


@pytest.fixture
def old_pickle(smpl_arrays, tmp_path, monkeypatch):
    """The made-up SMPL as the publisher stores it: protocol 2, a chumpy node, a sparse joint regressor."""
    ch = types.ModuleType("chumpy.ch")
    ch.Ch = type("Ch", (), {"__module__": "chumpy.ch"})
    shapedirs = ch.Ch()
    shapedirs.x = smpl_arrays["shapedirs"]
    content = {
        **smpl_arrays,
        "shapedirs": shapedirs,
        "J_regressor": sparse.csc_matrix(smpl_arrays["J_regressor"]),
        "bs_style": "lbs",
        "pose_training_info": {"whatever": [1, 2, 3]},
    }
    path = tmp_path / "SMPL_Neutral.pkl"
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "chumpy", types.ModuleType("chumpy"))
        patch.setitem(sys.modules, "chumpy.ch", ch)
        path.write_bytes(pickle.dumps(content, protocol=2))
    return path


def reference_verts(lbs, torch, arrays, parents, motion):
    """Skin by the smplx library, hands, jaw and eyes at rest."""
    n, rest = len(motion), 3 * (len(parents) - 22)
    pose = np.concatenate([motion.global_orient, motion.body_pose.reshape(n, -1), np.zeros((n, rest))], axis=1)
    verts, _ = lbs.lbs(
        torch.tensor(np.tile(motion.betas, (n, 1))),
        torch.tensor(pose),
        torch.tensor(arrays["v_template"]),
        torch.tensor(arrays["shapedirs"][..., :10]),
        torch.tensor(arrays["posedirs"].reshape(-1, arrays["posedirs"].shape[-1]).T.copy()),
        torch.tensor(arrays["J_regressor"]),
        torch.tensor(parents),
        torch.tensor(arrays["weights"]),
    )
    return verts.numpy() + motion.transl[:, None]


def test_an_imported_smpl_is_posed_as_the_reference_library_poses_it(old_pickle, smpl_arrays, tmp_path, random_motion):
    torch, lbs = pytest.importorskip("torch"), pytest.importorskip("smplx.lbs")
    imported = import_smpl_file(old_pickle, tmp_path / "bodies")
    stored = load_body("smpl_neutral", search_dir=tmp_path / "bodies")
    motion = random_motion(imported, 3)
    expected = reference_verts(lbs, torch, smpl_arrays, SMPL_PARENTS, motion)
    assert np.abs(imported.verts(motion) - expected).max() < 1e-5
    assert np.abs(stored.verts(motion) - expected).max() < 1e-5
    assert "non-commercial" in stored.licence


def test_an_imported_smplx_with_hands_at_rest_is_posed_as_the_reference_library_poses_it(
    smplx_arrays, tmp_path, random_motion
):
    """Folding fingers, jaw and eyes onto 24 joints must change nothing while they do not move."""
    torch, lbs = pytest.importorskip("torch"), pytest.importorskip("smplx.lbs")
    path = tmp_path / "SMPLX_NEUTRAL.npz"
    joint_names = np.array({"pelvis": 0}, dtype=object)  # a pickled extra, as the publisher's file has: never read
    np.savez(path, **smplx_arrays, joint2num=joint_names)
    body = import_smpl_file(path, tmp_path / "bodies")
    motion = random_motion(body, 3)
    expected = reference_verts(lbs, torch, smplx_arrays, SMPLX_PARENTS, motion)
    assert np.abs(body.verts(motion) - expected).max() < 1e-5
    assert "SMPL-X" in body.licence
    hands = smplx_arrays["J_regressor"][[25, 28, 31, 34]].mean(axis=0) @ smplx_arrays["v_template"]
    assert body.template_joints[22] == pytest.approx(hands, abs=1e-6)


def test_keypoints_are_the_models_joints_and_known_vertices(old_pickle, smpl_arrays, tmp_path):
    body = import_smpl_file(old_pickle, tmp_path)
    points = dict(zip(KEYPOINT_NAMES, body.keypoints(body.template_verts[None])[0], strict=True))
    assert points["left_knee"] == pytest.approx(body.template_joints[4], abs=1e-6)
    assert points["nose"] == pytest.approx(smpl_arrays["v_template"][332], abs=1e-6)
    assert points["right_toe"] == pytest.approx(smpl_arrays["v_template"][6617], abs=1e-6)


def test_a_hostile_model_file_is_refused(smpl_arrays, tmp_path):
    class Hostile:
        def __reduce__(self):
            return eval, (f"open({str(tmp_path / 'proof')!r}, 'w')",)

    path = tmp_path / "model.pkl"
    path.write_bytes(pickle.dumps({**smpl_arrays, "weights": Hostile()}, protocol=2))
    with pytest.raises(UnsafeModelFile, match=r"asks to load '__builtin__\.eval'"):
        import_smpl_file(path, tmp_path / "bodies")
    assert not (tmp_path / "proof").exists()
    assert not (tmp_path / "bodies").exists()


@pytest.mark.parametrize("key", KEYS)
def test_a_missing_array_is_named(smpl_arrays, tmp_path, key):
    path = tmp_path / "model.pkl"
    path.write_bytes(pickle.dumps({k: v for k, v in smpl_arrays.items() if k != key}))
    with pytest.raises(NotABodyModel, match=f"model.pkl: not an SMPL or SMPL-X model .array '{key}' is missing"):
        import_smpl_file(path, tmp_path)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("v_template", np.zeros((100, 3)), r"'v_template' has shape \(100, 3\), expected \(6890, 3\) for SMPL"),
        ("shapedirs", np.zeros((6890, 3, 4)), r"'shapedirs' has shape \(6890, 3, 4\)"),
        ("posedirs", np.zeros((6890, 3, 486)), r"'posedirs' has shape .* expected \(6890, 3, 207\)"),
        ("kintree_table", np.zeros((2, 52)), r"'kintree_table' has shape \(2, 52\)"),
        ("kintree_table", np.zeros((2, 24)), "not SMPL's tree of joints"),
        ("weights", np.full((6890, 24), np.nan), "skin_weights: holds NaN"),
        ("f", np.full((5, 3), 6890), "faces: points outside"),
        ("J_regressor", "text", "array 'J_regressor' is str, not numbers"),
        ("J_regressor", np.full((24, 6890), np.nan), "holds NaN"),
    ],
)
def test_a_wrong_array_is_named(smpl_arrays, tmp_path, key, value, message):
    path = tmp_path / "model.pkl"
    path.write_bytes(pickle.dumps({**smpl_arrays, key: value}))
    with pytest.raises(NotABodyModel, match=message):
        import_smpl_file(path, tmp_path)


def test_a_pickled_array_in_an_npz_is_refused_by_name(smpl_arrays, tmp_path):
    path = tmp_path / "model.npz"
    np.savez(path, **{**smpl_arrays, "J_regressor": np.array({}, dtype=object)})
    with pytest.raises(NotABodyModel, match=r"array 'J_regressor' .*allow_pickle=False"):
        import_smpl_file(path, tmp_path)


@pytest.mark.parametrize("name", ["cut.pkl", "cut.npz", "empty.pkl", "empty.npz", "gone.pkl", "gone.npz", "x.obj"])
def test_what_is_no_model_is_refused(smpl_arrays, tmp_path, name):
    path = tmp_path / name
    if name == "cut.pkl":
        path.write_bytes(pickle.dumps(smpl_arrays)[:100_000])
    elif name == "cut.npz":
        np.savez(path, v_template=smpl_arrays["v_template"])
        path.write_bytes(path.read_bytes()[:50_000])
    elif not name.startswith("gone"):
        path.write_bytes(b"")
    with pytest.raises(NotABodyModel, match=f"{name}: not an SMPL or SMPL-X model"):
        import_smpl_file(path, tmp_path)


def test_no_file_can_take_the_name_of_the_open_body(smpl_arrays, tmp_path):
    path = tmp_path / "Open.pkl"
    path.write_bytes(pickle.dumps(smpl_arrays))
    with pytest.raises(NotABodyModel, match="'open' is the name of the built-in body: rename the file"):
        import_smpl_file(path, tmp_path)
