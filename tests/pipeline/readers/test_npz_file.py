"""Laws of reading SMPL parameters from ``.npz``."""

from __future__ import annotations

import dataclasses
import io
import zipfile

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from pipeline.readers import UnreadableMotion, read_motion
from pipeline.readers.parameters import belongs_to

Y_UP = Rotation.from_rotvec([-np.pi / 2, 0, 0])


def amass(motion, width=156, **changes):
    """AMASS's arrays of a motion, z up as AMASS is."""
    poses = np.zeros((len(motion), width))
    poses[:, :3] = motion.global_orient
    poses[:, 3:66] = motion.body_pose.reshape(-1, 63)
    arrays = {
        "poses": poses,
        "trans": motion.transl,
        "betas": np.zeros(16),
        "mocap_framerate": motion.fps,
        "gender": "female",
        "dmpls": np.zeros((len(motion), 8)),
    }
    return {key: value for key, value in (arrays | changes).items() if value is not None}


def plain(motion, up="y"):
    """``poses`` (F, 24, 3), ``trans``, ``fps``: the layout without a stated axis."""
    turn = Y_UP if up == "y" else Rotation.identity()
    poses = np.zeros((len(motion), 24, 3))
    poses[:, 0] = (turn * Rotation.from_rotvec(motion.global_orient.copy())).as_rotvec()
    poses[:, 1:22] = motion.body_pose
    transl = turn.apply(motion.transl + motion.rest_joint_pos[0]) - motion.rest_joint_pos[0]
    return {"poses": poses.astype(np.float32), "trans": transl, "fps": motion.fps}


def saved(tmp_path, arrays, name="a.npz"):
    np.savez(tmp_path / name, **arrays)
    return tmp_path / name


def distance_m(a, b):
    pos_a, pos_b = a.joints()[0], b.joints()[0]
    shift = (pos_a - pos_b).mean(axis=(0, 1)) * [1, 1, 0]
    return float(np.linalg.norm(pos_a - pos_b - shift, axis=-1).max())


@pytest.mark.parametrize("width", [72, 156, 165])
def test_amass_comes_back(tmp_path, body, squats, width):
    """A person of the body's own size: feet stand still, so the path keeps its size."""
    motion = squats()
    read = read_motion(saved(tmp_path, amass(motion, width)), body)
    assert (read.source_format, read.native_fps) == ("amass", 30.0)
    assert "non-commercial" in read.licence
    assert distance_m(read.motion, motion) < 0.005
    assert any("mean shape" in remark for remark in read.remarks)


def test_the_split_layout_of_smplx_is_the_same_motion(tmp_path, body, squats):
    motion = squats()
    arrays = amass(motion, poses=None, mocap_framerate=None, mocap_frame_rate=30.0, surface_model_type="smplx")
    arrays |= {"root_orient": motion.global_orient, "pose_body": motion.body_pose.reshape(-1, 63)}
    read = read_motion(saved(tmp_path, arrays), body)
    assert read.source_format == "amass"
    assert any("SMPL-X (female)" in remark for remark in read.remarks)
    assert distance_m(read.motion, motion) < 0.005


@pytest.mark.parametrize("up", ["y", "z"])
def test_the_plain_layout_shows_its_up_axis_by_how_the_person_stands(tmp_path, body, squats, up):
    motion = squats()
    path = saved(tmp_path, plain(motion, up))
    read = read_motion(path, body)
    assert read.source_format == "smpl_npz" and read.licence == "unknown"
    assert any(f"Up was taken to be {up}" in remark for remark in read.remarks)
    assert distance_m(read.motion, motion) < 0.005
    assert distance_m(read_motion(path, body, up=up).motion, motion) < 0.005


def test_who_lies_all_the_time_needs_an_axis(tmp_path, body, squats):
    """Nothing is guessed where nothing shows."""
    lying = plain(squats())
    lying["poses"][:, 0] = (
        Rotation.from_rotvec([0, 0, np.pi / 2]) * Rotation.from_rotvec(lying["poses"][:, 0])
    ).as_rotvec()
    path = saved(tmp_path, lying)
    with pytest.raises(UnreadableMotion, match=r"which axis is up, .* Give up='y' or up='z'"):
        read_motion(path, body)
    assert len(read_motion(path, body, up="y").motion) == 91


def test_an_amass_file_that_stands_along_y_is_told(tmp_path, body, squats):
    """Converted copies of AMASS are often y up; the format's axis is kept and the doubt said."""
    turned = plain(squats())
    arrays = {**turned, "poses": turned["poses"].reshape(-1, 72), "mocap_framerate": 30.0}
    read = read_motion(saved(tmp_path, arrays), body)
    assert any("if the file is y-up, give up='y'" in remark for remark in read.remarks)


def test_every_fourth_frame_of_120_is_a_frame_of_30(tmp_path, body, squats):
    path = saved(tmp_path, amass(squats(361, 120.0)))
    slow, fast = read_motion(path, body), read_motion(path, body, fps=120.0)
    assert (slow.native_fps, len(slow.motion), len(fast.motion)) == (120.0, 91, 361)
    assert np.allclose(slow.motion.body_pose, fast.motion.body_pose[::4], atol=1e-6)
    assert np.allclose(slow.motion.transl[:, :2], fast.motion.transl[::4, :2], atol=1e-9)


def test_betas_are_used_only_on_the_model_they_belong_to(tmp_path, body, squats):
    """Betas of one model on another are another person."""
    betas = body.betas_for_height(1.9)
    open_betas = read_motion(saved(tmp_path, amass(squats(31), betas=betas)), body).motion.betas
    assert np.array_equal(open_betas, np.zeros(10))
    matching = dataclasses.replace(body, **_as_many_verts(body, 10475), name="smplx_female")
    arrays = amass(squats(31), 165, betas=np.append(betas, np.ones(6)), surface_model_type="smplx")
    read = read_motion(saved(tmp_path, arrays), matching)
    assert np.array_equal(read.motion.betas, betas)
    assert not any("shape" in remark for remark in read.remarks)


def _as_many_verts(body, n_verts):
    """Arrays of the body cut to a number of vertices, so that it counts as another family's."""
    kept = np.arange(n_verts)
    regressor = body.keypoint_regressor.tocsc()[:, kept].tocsr()
    faces = body.faces[(body.faces < n_verts).all(axis=1)]
    return {
        "template_verts": body.template_verts[kept],
        "shape_dirs": body.shape_dirs[kept],
        "skin_weights": body.skin_weights[kept],
        "faces": faces,
        "face_material": np.zeros(len(faces), dtype=np.uint8),
        "keypoint_regressor": regressor,
    }


@pytest.mark.parametrize(
    ("name", "model", "gender", "fits"),
    [
        ("smplx_neutral", "smplx", "neutral", True),
        ("SMPLX_FEMALE", "smplx", "female", True),
        ("smplx_female", "smplx", "male", False),
        ("smplx_male", "smplx", "female", False),
        ("smplx_neutral", "smpl", "neutral", False),
        ("smplx", "smplx", "neutral", False),
        ("basicmodel_f_lbs", "smplx", "female", True),
    ],
)
def test_model_and_gender_must_both_fit(body, name, model, gender, fits):
    other = dataclasses.replace(body, **_as_many_verts(body, 10475), name=name)
    assert belongs_to(other, model, gender) is fits


def test_a_taller_person_slides_least_with_the_path_scaled(tmp_path, body, squats):
    """The file's person is 12 % taller; on the mean body the same poses take shorter steps."""
    betas = body.betas_for_height(1.12 * body.height(np.zeros(10)))
    tall = squats(betas=betas)
    read = read_motion(saved(tmp_path, amass(tall)), body)
    soles = body.motion_keypoints(read.motion)[:, 17:21]
    assert np.ptp(soles[:, :, 2], axis=0).max() < 0.01
    known = read_motion(saved(tmp_path, amass(tall)), body, height_m=body.height(betas))
    assert np.allclose(known.motion.betas, betas)
    assert distance_m(known.motion, tall) < 1e-3


def test_the_rate_is_asked_for_where_the_file_does_not_say(tmp_path, body, squats):
    path = saved(tmp_path, amass(squats(31), mocap_framerate=None))
    with pytest.raises(UnreadableMotion, match=r"does not say its rate\. Give it as native_fps"):
        read_motion(path, body)
    assert len(read_motion(path, body, native_fps=30.0).motion) == 31


class Hostile:
    """Would make a folder if it were unpickled."""

    def __init__(self, folder):
        self.folder = folder

    def __reduce__(self):
        return __import__("os").mkdir, (str(self.folder),)


def test_pickled_objects_are_refused_and_nothing_runs(tmp_path, body, squats):
    trap = tmp_path / "sprung"
    arrays = amass(squats(3), poses=np.array([Hostile(trap)], dtype=object))
    with pytest.raises(UnreadableMotion, match="array 'poses' holds pickled objects"):
        read_motion(saved(tmp_path, arrays), body)
    assert not trap.exists()


def test_a_pickled_gender_does_not_matter(tmp_path, body, squats):
    """Some AMASS files carry one; it is not needed and not read."""
    read = read_motion(saved(tmp_path, amass(squats(31), gender=np.array(["female"], dtype=object))), body)
    assert len(read.motion) == 31


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"poses": np.zeros((5, 100))}, "has 100 values a frame, SMPL models have 66, 72, 156, 165"),
        ({"poses": np.zeros(5)}, r"array 'poses' is float64 of shape \(5,\)"),
        ({"poses": np.full((5, 156), "x")}, "array 'poses' is <U1"),
        (
            {"trans": np.zeros((4, 3))},
            r"array 'trans' is float64 of shape \(4, 3\), expected numbers of shape \(5, 3\)",
        ),
        ({"trans": None}, "has no array 'trans'"),
        ({"poses": None}, "has no array 'poses'"),
        ({"trans": np.full((5, 3), np.nan)}, r"array 'trans' holds nan, first at \(0, 0\)"),
        ({"poses": np.full((5, 156), 1e300)}, r"array 'poses' holds 1e\+300"),
        ({"mocap_framerate": 0.0}, "says a rate of 0"),
        ({"mocap_framerate": 1e5}, r"a rate of 1e\+05"),
        ({"mocap_framerate": np.zeros(5)}, "array 'mocap_framerate'"),
    ],
)
def test_wrong_arrays_are_refused_in_one_sentence(tmp_path, body, squats, changes, sentence):
    path = saved(tmp_path, amass(squats(5), **changes))
    with pytest.raises(UnreadableMotion, match=sentence) as caught:
        read_motion(path, body)
    assert str(caught.value).startswith(str(path)) and "\n" not in str(caught.value)


@pytest.mark.parametrize("n_frames", [0, 1])
def test_a_pose_is_no_motion(tmp_path, body, squats, n_frames):
    arrays = amass(squats(3))
    arrays |= {key: arrays[key][:n_frames] for key in ("poses", "trans", "dmpls")}
    with pytest.raises(UnreadableMotion, match=f"holds {n_frames} frame"):
        read_motion(saved(tmp_path, arrays), body)


def test_any_cut_of_the_file_is_noticed(tmp_path, body, squats):
    whole = saved(tmp_path, amass(squats(31))).read_bytes()
    for share in (0.01, 0.3, 0.6, 0.9, 0.999):
        path = tmp_path / "cut.npz"
        path.write_bytes(whole[: int(share * len(whole))])
        with pytest.raises(UnreadableMotion, match="damaged or cut short"):
            read_motion(path, body)


def test_a_flipped_bit_is_noticed(tmp_path, body, squats):
    raw = bytearray(saved(tmp_path, amass(squats(31))).read_bytes())
    raw[5000] ^= 16
    (tmp_path / "bit.npz").write_bytes(raw)
    with pytest.raises(UnreadableMotion, match="damaged or cut short"):
        read_motion(tmp_path / "bit.npz", body)


def test_an_array_that_says_it_is_endless_is_refused(tmp_path, body, squats):
    """A header of a few bytes can ask for any amount of memory."""
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f8", "fortran_order": False, "shape": (10**15, 156)})
    path = saved(tmp_path, amass(squats(5), poses=None))
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("poses.npy", header.getvalue())
    with pytest.raises(UnreadableMotion, match=r"poses|damaged"):
        read_motion(path, body)
