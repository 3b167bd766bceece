"""Laws of reading GVHMR's results: as torch wrote them, without torch, and nothing in them is run."""

from __future__ import annotations

import collections
import pickle
import zipfile

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from pipeline.readers import UnreadableMotion, read_motion
from pipeline.readers.torch_file import read_torch_file

Y_UP = Rotation.from_rotvec([-np.pi / 2, 0, 0])


def gvhmr(torch, motion, **changes):
    """What GVHMR's demo stores of a motion: y up, pelvis at rest joint + transl."""
    orient = (Y_UP * Rotation.from_rotvec(motion.global_orient.copy())).as_rotvec()
    rest = motion.rest_joint_pos[0]
    params = {
        "body_pose": torch.tensor(motion.body_pose.reshape(-1, 63), dtype=torch.float32),
        "betas": torch.zeros(len(motion), 10),
        "global_orient": torch.tensor(orient, dtype=torch.float32),
        "transl": torch.tensor(Y_UP.apply(motion.transl + rest) - rest, dtype=torch.float32),
    }
    params = {key: value for key, value in (params | changes).items() if value is not None}
    return {
        "smpl_params_global": params,
        "smpl_params_incam": dict(params),
        "K_fullimg": torch.eye(3).expand(len(motion), 3, 3),
        "net_outputs": {"static": torch.ones(1, len(motion), 6, dtype=torch.bool), "none": None},
    }


@pytest.fixture
def torch():
    return pytest.importorskip("torch", reason="torch is not installed: it writes the files these tests read")


def saved(torch, tmp_path, content):
    torch.save(content, tmp_path / "hmr4d_results.pt")
    return tmp_path / "hmr4d_results.pt"


def test_a_result_comes_back(torch, tmp_path, body, squats):
    motion = squats()
    read = read_motion(saved(torch, tmp_path, gvhmr(torch, motion)), body)
    assert (read.source_format, read.native_fps) == ("gvhmr", 30.0)
    assert "non-commercial" in read.licence
    pos_a, pos_b = read.motion.joints()[0], motion.joints()[0]
    shift = (pos_a - pos_b).mean(axis=(0, 1)) * [1, 1, 0]
    assert np.linalg.norm(pos_a - pos_b - shift, axis=-1).max() < 0.005


def test_every_tensor_is_as_torch_reads_it(torch, tmp_path):
    """Shared storages, views, strides, types, scalars and nothing at all."""
    base = torch.arange(24, dtype=torch.float32).reshape(2, 3, 4)
    content = {
        "view": base[1, 1:, ::2],
        "turned": base.transpose(0, 2),
        "whole": base,
        "half": torch.tensor([1.5, -2.0], dtype=torch.float16),
        "double": torch.tensor(3.25, dtype=torch.float64),
        "long": torch.tensor([[2**40]]),
        "bool": torch.tensor([True, False]),
        "empty": torch.zeros(0, 3),
        "parameter": torch.nn.Parameter(torch.ones(2)),
        "ordered": collections.OrderedDict(a=torch.ones(1, dtype=torch.uint8)),
    }
    read = read_torch_file(saved(torch, tmp_path, content))
    for name, tensor in content.items():
        wanted = tensor["a"] if name == "ordered" else tensor
        found = read[name]["a"] if name == "ordered" else read[name]
        assert found.dtype == wanted.detach().numpy().dtype
        assert np.array_equal(found, wanted.detach().numpy())


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"body_pose": None}, "no tensor smpl_params_global.body_pose"),
        ({"transl": "zeros"}, r"smpl_params_global.transl has shape \(4, 3\), expected \(5, 3\)"),
        ({"transl": "nan"}, "smpl_params_global.transl holds nan, first in frame 0"),
    ],
)
def test_wrong_tensors_are_refused_in_one_sentence(torch, tmp_path, body, squats, changes, sentence):
    made = {"zeros": torch.zeros(4, 3), "nan": torch.full((5, 3), torch.nan), None: None}
    content = gvhmr(torch, squats(5), **{name: made[how] for name, how in changes.items()})
    with pytest.raises(UnreadableMotion, match=sentence):
        read_motion(saved(torch, tmp_path, content), body)


def test_another_result_is_told_by_what_it_holds(torch, tmp_path, body):
    with pytest.raises(UnreadableMotion, match=r"no 'smpl_params_global' \(it holds weights\)"):
        read_motion(saved(torch, tmp_path, {"weights": torch.zeros(3)}), body)
    with pytest.raises(UnreadableMotion, match="no dictionary of tensors"):
        read_motion(saved(torch, tmp_path, [torch.zeros(3)]), body)


def test_any_cut_of_the_file_is_noticed(torch, tmp_path, body, squats):
    whole = saved(torch, tmp_path, gvhmr(torch, squats(31))).read_bytes()
    for share in (0.01, 0.3, 0.6, 0.9, 0.999):
        (tmp_path / "cut.pt").write_bytes(whole[: int(share * len(whole))])
        with pytest.raises(UnreadableMotion, match="damaged, cut short"):
            read_motion(tmp_path / "cut.pt", body)


def test_the_format_before_torch_1_6_is_refused(torch, tmp_path, body, squats):
    path = tmp_path / "old.pt"
    torch.save(gvhmr(torch, squats(5)), path, _use_new_zipfile_serialization=False)
    with pytest.raises(UnreadableMotion, match="Save it again with a present torch"):
        read_motion(path, body)


def archive(tmp_path, pickled, storages=()):
    """A ``.pt`` file made by hand."""
    path = tmp_path / "hand.pt"
    with zipfile.ZipFile(path, "w") as out:
        out.writestr("hand/data.pkl", pickled)
        for key, raw in storages:
            out.writestr(f"hand/data/{key}", raw)
    return path


class Call:
    """Pickles as a call of anything."""

    def __init__(self, function, *args):
        self.function, self.args = function, args

    def __reduce__(self):
        return self.function, self.args


def test_code_in_a_file_is_refused_and_does_not_run(tmp_path, body):
    trap = tmp_path / "sprung"
    import os

    path = archive(tmp_path, pickle.dumps({"smpl_params_global": Call(os.mkdir, str(trap))}))
    with pytest.raises(UnreadableMotion, match=r"asks to load '(posix|nt)\.mkdir', .* nothing in it was run"):
        read_motion(path, body)
    assert not trap.exists()


@pytest.mark.parametrize(
    ("offset", "size", "stride"),
    [
        (1, (3,), (1,)),
        (0, (5,), (1,)),
        (3, (2,), (1,)),
        (0, (2,), (-1,)),
        (0, (10**6, 10**6), (0, 0)),
        (-1, (2,), (1,)),
        (0, (2, 2), (1,)),
    ],
)
def test_tensors_cannot_reach_outside_of_their_storage(tmp_path, offset, size, stride):
    """A view of memory that is not the file's would read this program's own."""
    numbers = [b"I%d\n" % offset, *(b"(" + b"".join(b"I%d\n" % n for n in part) + b"t" for part in (size, stride))]
    pickled = (
        b"\x80\x02}U\x01xctorch._utils\n_rebuild_tensor_v2\n("
        b"(U\x07storagectorch\nFloatStorage\nU\x010U\x03cpuI4\ntQ" + b"".join(numbers) + b"\x89}tRs."
    )
    path = archive(tmp_path, pickled, [("0", np.arange(4, dtype="<f4").tobytes())])
    if (offset, size, stride) == (1, (3,), (1,)):
        assert read_torch_file(path)["x"].tolist() == [1, 2, 3]
        return
    with pytest.raises(UnreadableMotion, match=r"reaches outside|impossible strides"):
        read_torch_file(path)
