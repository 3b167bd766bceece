"""PBHC's file: what its trainer, viewers and Python 3.8 need, and a reader that runs nothing."""

import os
import pickle
import pickletools
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from pipeline.export import FORMATS, safe_pickle
from pipeline.export.exceptions import UnreadableHandoff, UnsafePickle
from robots.g1 import load_g1
from robots.motion import RobotMotion

PBHC = FORMATS["pbhc"]
SHARED = Path(__file__).parents[3].parent / "shared" / "data" / "pbhc_motions"


def kicking(frames=45):
    g1 = load_g1("23dof")
    time = np.arange(frames)[:, None] / 30
    swing = 0.5 + 0.4 * np.sin(2 * time + np.arange(23))
    return g1, RobotMotion(
        fps=30,
        joint_names=g1.joint_names,
        root_pos_w=np.hstack([time, time, 0.8 + 0 * time]),
        root_quat_wxyz=Rotation.from_rotvec(time * [0.3, 0.2, 5.0]).as_quat(scalar_first=True),
        joint_pos=g1.joint_lower + swing * (g1.joint_upper - g1.joint_lower),
        foot_contact=np.hstack([time, 1.5 - time]).clip(0, 1),
    )


@pytest.fixture
def written(tmp_path):
    """A file of ours and, loaded by a pickle that trusts it, its fields."""
    robot, motion = kicking()
    path = tmp_path / "kick.pkl"
    PBHC.write(motion, robot, path)
    return path, pickle.loads(path.read_bytes())["kick"], motion


def rewritten(path, fields, **changes):
    path.write_bytes(pickle.dumps({"kick": fields | changes}))
    return path


def test_fields_are_those_of_pbhcs_own_files(written):
    """Double precision in pose_aa stops its trainer; a fps that is no int shifts its clock."""
    _, fields, _ = written
    expected = {
        "root_trans_offset": ((45, 3), "float32"),
        "pose_aa": ((45, 27, 3), "float32"),
        "dof": ((45, 23), "float32"),
        "root_rot": ((45, 4), "float32"),
        "smpl_joints": ((45, 27, 3), "float32"),
        "contact_mask": ((45, 2), "float64"),
    }
    assert type(fields["fps"]) is int and fields.pop("fps") == 30
    assert {name: (array.shape, array.dtype.name) for name, array in fields.items()} == expected
    assert all(array.flags.writeable for array in fields.values())


def test_trainer_and_viewer_see_one_motion(written):
    """The trainer sums pose_aa over its axes, the viewer takes dof and root_rot (x, y, z, w)."""
    _, fields, motion = written
    assert np.array_equal(fields["pose_aa"][:, 1:24].sum(axis=-1), fields["dof"])
    assert not fields["pose_aa"][:, 24:].any()
    by_viewer, by_trainer = Rotation.from_quat(fields["root_rot"]), Rotation.from_rotvec(fields["pose_aa"][:, 0])
    assert (by_viewer.inv() * by_trainer).magnitude().max() < 1e-6
    assert np.abs(fields["dof"] - motion.joint_pos).max() < 1e-6


def test_an_old_numpy_can_load_it(written):
    """PBHC lives on Python 3.8 and NumPy 1.23: no pickle protocol 5, nothing named numpy._core."""
    path, _, _ = written
    operations = list(pickletools.genops(path.read_bytes()))
    assert operations[0][1] == 4
    words = {argument for _, argument, _ in operations if isinstance(argument, str)}
    assert "numpy" in words and not any("_core" in word for word in words)


def test_pbhcs_own_joblib_files_are_read_without_running_them():
    """The numbers were extracted once by joblib itself; the reader, which calls nothing, must find the same."""
    files = sorted(SHARED.glob("*.pkl"))
    if not files:
        pytest.skip("PBHC's own motions are not on this machine; they may not be redistributed")
    for path in files:
        motion = PBHC.read(path)
        with np.load(path.with_suffix(".npz"), allow_pickle=False) as oracle:
            assert np.array_equal(motion.joint_pos.astype(np.float32), oracle["dof"])
            assert np.array_equal(motion.root_pos_w.astype(np.float32), oracle["root_trans_offset"])
            assert np.array_equal(motion.foot_contact, oracle["contact_mask"])
            root = Rotation.from_quat(motion.root_quat_wxyz.copy(), scalar_first=True)
            assert (root.inv() * Rotation.from_quat(oracle["root_rot"])).magnitude().max() < 1e-5
            assert motion.fps == oracle["fps"] == 30


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_files_of_other_writers_are_read(written, protocol):
    """Keys are paths and fps a 0-d array in PBHC's Mink output; NumPy's own pickling differs by protocol."""
    path, fields, motion = written
    foreign = {name: np.asfortranarray(v) if isinstance(v, np.ndarray) else v for name, v in fields.items()}
    path.write_bytes(pickle.dumps({Path("in") / "kick.npz": foreign | {"fps": np.array(30)}}, protocol=protocol))
    back = PBHC.read(path)
    assert np.abs(back.joint_pos - motion.joint_pos).max() < 1e-6
    assert back.fps == 30


def test_a_file_without_optional_fields_is_read(written):
    """The trainer itself needs three keys."""
    path, fields, motion = written
    path.write_bytes(pickle.dumps({"kick": {k: fields[k] for k in ("root_trans_offset", "pose_aa", "fps")}}))
    assert np.abs(PBHC.read(path).joint_pos - motion.joint_pos).max() < 1e-6


class Touch:
    """Pickles as a call that leaves a file behind when loaded."""

    def __init__(self, call, *args):
        self.reduced = (call, args)

    def __reduce__(self):
        return self.reduced


@pytest.mark.parametrize(
    "call",
    [
        lambda mark: Touch(os.mkdir, str(mark)),
        lambda mark: Touch(exec, f"open({str(mark)!r}, 'w')"),
        lambda mark: Touch(getattr, "text", "upper"),
        lambda mark: Touch(np.save, str(mark), np.zeros(3)),
        lambda mark: Touch(Path.mkdir, Path(mark)),
    ],
    ids=["mkdir", "exec", "getattr", "numpy.save", "method"],
)
def test_a_pickle_that_runs_something_is_refused_and_nothing_runs(written, call, tmp_path):
    path, fields, _ = written
    mark = tmp_path / "it ran"
    rewritten(path, fields, extra=call(mark))
    with pytest.raises(UnsafePickle, match=r"asks for '.*', but only NumPy arrays.*nothing of it was run"):
        PBHC.read(path)
    assert not mark.exists()


def test_reading_leaves_no_trace_on_the_reader(tmp_path):
    """A pickle may set attributes of what it names; the next file must meet the reader as it was."""
    # Name _codecs.encode, then build it with the slot state {"__defaults__": ("x",)}.
    opcodes = b"\x80\x04\x8c\x07_codecs\x8c\x06encode\x93N}\x8c\x0c__defaults__\x8c\x01x\x85s\x86b."
    (tmp_path / "graffiti.pkl").write_bytes(opcodes)
    before = safe_pickle._text_to_bytes.__defaults__
    with pytest.raises(UnreadableHandoff, match="exactly one motion"):
        PBHC.read(tmp_path / "graffiti.pkl")
    assert safe_pickle._text_to_bytes.__defaults__ == before


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"dof": lambda f: f["dof"] + 0.1}, "dof and pose_aa are two different motions"),
        ({"dof": lambda f: f["dof"][:, :20]}, "dof: has shape"),
        ({"root_rot": lambda f: f["root_rot"][:, [3, 0, 1, 2]]}, "root_rot .* two different rotations"),
        ({"root_rot": lambda f: f["root_rot"] * 1.1}, "unit quaternions"),
        ({"pose_aa": lambda f: f["pose_aa"][..., [1, 2, 0]], "dof": lambda f: f["dof"]}, "another axis"),
        ({"pose_aa": lambda f: f["pose_aa"][:, :20]}, "24 bodies or more"),
        ({"pose_aa": lambda f: f["pose_aa"] * np.nan}, "NaN or infinity"),
        ({"pose_aa": lambda f: f["pose_aa"].astype(object)}, "not plain numbers"),
        ({"contact_mask": lambda f: f["contact_mask"][:-1]}, "contact_mask: has shape"),
        ({"contact_mask": lambda f: f["contact_mask"] + 1}, "outside"),
        ({"fps": lambda f: 0}, "fps"),
        ({"fps": lambda f: "thirty"}, "thirty"),
        ({"root_trans_offset": lambda f: "here"}, "root_trans_offset"),
    ],
)
def test_a_file_that_would_train_something_else_is_refused(written, changes, problem):
    """Every trap that PBHC itself walks into silently."""
    path, fields, _ = written
    rewritten(path, fields, **{name: change(fields) for name, change in changes.items()})
    with pytest.raises(UnreadableHandoff, match=problem):
        PBHC.read(path)


def test_two_motions_in_one_file_are_refused(written):
    """PBHC's trainer asserts that there is one."""
    path, fields, _ = written
    path.write_bytes(pickle.dumps({"one": fields, "two": fields}))
    with pytest.raises(UnreadableHandoff, match="exactly one motion"):
        PBHC.read(path)


def test_a_missing_field_is_named(written):
    path, fields, _ = written
    path.write_bytes(pickle.dumps({"kick": {name: v for name, v in fields.items() if name != "pose_aa"}}))
    with pytest.raises(UnreadableHandoff, match="needs root_trans_offset, pose_aa, fps"):
        PBHC.read(path)


def test_an_array_larger_than_its_file_is_refused(written, tmp_path):
    """A header that promises a terabyte must not ask for one."""
    header = pickle.dumps(np.zeros((2, 3), dtype=np.float32), protocol=4).replace(
        b"K\x02K\x03", b"J\xff\xff\xff\x7fK\x03", 1
    )
    path = tmp_path / "huge.pkl"
    path.write_bytes(header)
    with pytest.raises(UnreadableHandoff):
        PBHC.read(path)
