"""Real clips of every rig, against independent conversions of them; needs data that is not part of the project."""

from __future__ import annotations

import csv

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from pipeline.readers import read_motion
from retarget.smpl_skeleton import forward_kinematics, local_rotations

CLIPS = {
    "daz": "cmu/094_13", "cc": "cmu/007_01", "cmumax": "cmu/131_01", "neo": "cmu/085_03", "cmu": "cmu/008_02",
    "bn": "bandai/dataset-1_kick_normal_001", "fair": "animdraw/fair1_dab", "rokoko": "animdraw/rokoko_jesse_dance",
}  # fmt: skip
BONES = ((1, 4), (4, 7), (2, 5), (5, 8), (16, 18), (18, 20), (17, 19), (19, 21))


@pytest.mark.parametrize("rig", CLIPS)
def test_limbs_point_where_another_conversion_points_them(shared_data, body, rig):
    """Bone directions are the file's, whatever the calibration: below a degree, at times without resampling error."""
    read = read_motion(shared_data / "mocap" / f"{CLIPS[rig]}.bvh.gz", body)
    with np.load(shared_data / "smpl" / f"{CLIPS[rig]}.npz", allow_pickle=False) as arrays:
        poses, fps = arrays["poses"].astype(float), float(arrays["fps"])
    motion = read_motion(shared_data / "mocap" / f"{CLIPS[rig]}.bvh.gz", body, fps=fps).motion
    n_frames = min(len(motion), len(poses))
    orient = (Rotation.from_rotvec([np.pi / 2, 0, 0]) * Rotation.from_rotvec(poses[:, 0])).as_rotvec()
    other, _ = forward_kinematics(
        local_rotations(orient, poses[:, 1:22]), motion.rest_joint_pos, np.zeros((len(poses), 3))
    )
    ours = motion.joints()[0]
    for start, end in BONES:
        a, b = (p[:n_frames, end] - p[:n_frames, start] for p in (ours, other))
        cosine = (a * b).sum(axis=-1) / np.linalg.norm(a, axis=-1) / np.linalg.norm(b, axis=-1)
        assert np.degrees(np.arccos(np.clip(cosine, -1, 1))).mean() < 1.0
    assert read.remarks


def test_every_raw_file_is_read_or_refused(shared_data, body):
    """Untouched upstream files: T-pose first, 100 joints, inch units, six channels a joint; ASF and AMC are refused."""
    from pipeline.readers import UnreadableMotion

    for path in sorted((shared_data / "mocap" / "raw").iterdir()):
        if path.name.endswith(".bvh.gz"):
            motion = read_motion(path, body).motion
            assert 0.5 < np.median(motion.joints()[0][:, 0, 2]) < 1.1
        else:
            with pytest.raises(UnreadableMotion, match="no BVH file"):
                read_motion(path, body)


def test_a_fixed_file_and_its_raw_original_are_one_motion(shared_data, body):
    """The T-pose and the blend out of it, 120 frames/s and finger joints are gone; the motion is the same."""
    raw = read_motion(shared_data / "mocap" / "raw" / "cmu_135_04_daz_120fps_tpose_first.bvh.gz", body)
    fixed = read_motion(shared_data / "mocap" / "cmu" / "135_04.bvh.gz", body)
    assert any("left out" in remark for remark in raw.remarks)
    assert abs(len(raw.motion) - len(fixed.motion)) <= 2
    with (shared_data / "mocap" / "index.csv").open() as stream:
        row = next(row for row in csv.DictReader(stream) if row["file"] == "cmu/135_04.bvh.gz")
    assert fixed.native_fps == pytest.approx(float(row["fps"]), rel=1e-3)
    knees = [read.motion.joints()[0][:, [4, 5]] - read.motion.joints()[0][:, :1] for read in (raw, fixed)]
    n_frames = min(map(len, knees)) - 2
    assert min(np.abs(knees[0][k : k + n_frames] - knees[1][:n_frames]).mean() for k in range(3)) < 0.02
