"""The examples of the docs do what the page on consumers says of them."""

import ast
import json
import re
import subprocess
import sys
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from benchmarks.mjlab import squats
from pipeline.export import FORMATS
from pipeline.handing.readme import COMMANDS
from retarget.lead import with_leads
from robots.g1 import load_g1
from robots.motion import RobotMotion

G1 = load_g1("29dof")
EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"


def placed(motion: RobotMotion, *, heading: float, shift: tuple[float, float]) -> RobotMotion:
    """The same motion elsewhere on the floor."""
    turn = Rotation.from_euler("z", heading)
    quat = turn * Rotation.from_quat(motion.root_quat_wxyz.copy(), scalar_first=True)
    pos_w = turn.apply(motion.root_pos_w.copy()) + np.array([*shift, 0.0])
    return replace(motion, root_pos_w=pos_w, root_quat_wxyz=quat.as_quat(scalar_first=True))


def written(motion: RobotMotion, path: Path) -> Path:
    FORMATS["mjlab"].write(motion, G1, path)
    return path


@pytest.fixture
def clips(tmp_path):
    """Squats with leads, and others elsewhere, turned, deeper."""
    first = placed(with_leads(squats(), G1).motion, heading=2.5, shift=(1.0, 2.0))
    second = placed(with_leads(squats(depth=0.5, n=1), G1).motion, heading=-1.9, shift=(-3.0, 0.5))
    return [written(first, tmp_path / "first.npz"), written(second, tmp_path / "second.npz")]


def test_joined_clips_meet_in_one_place_at_rest(example, clips, tmp_path):
    join = example("join_for_mjlab")
    join.main(tmp_path / "joined.npz", clips)
    joined = np.load(tmp_path / "joined.npz")
    seam = len(np.load(clips[0])["joint_pos"])
    before, after = joined["body_pos_w"][seam - 1], joined["body_pos_w"][seam]
    assert np.abs(after - before).max() < 2e-3
    assert np.abs(joined["body_lin_vel_w"][seam - 1 : seam + 1]).max() < 0.05


def test_a_joined_file_is_a_motion_of_the_same_robot(example, clips, tmp_path):
    """Our reader holds its links against its joints: what is turned is turned whole, speeds included."""
    join = example("join_for_mjlab")
    join.main(tmp_path / "joined.npz", clips)
    joined, second = np.load(tmp_path / "joined.npz"), np.load(clips[1])
    seam = len(joined["joint_pos"]) - len(second["joint_pos"])
    motion = FORMATS["mjlab"].read(tmp_path / "joined.npz")
    again = np.load(written(motion.frames(seam, len(motion)), tmp_path / "again.npz"))
    for name in ("body_lin_vel_w", "body_ang_vel_w"):
        assert np.abs(again[name][2:-2] - joined[name][seam + 2 : -2]).max() < 2e-3
    along = np.einsum("fbi,fbi->fb", again["body_quat_w"], joined["body_quat_w"][seam:])
    assert np.abs(along).min() > 1 - 1e-6
    assert np.array_equal(joined["joint_vel"][seam:], second["joint_vel"])


def test_a_clip_without_leads_is_not_joined(example, clips, tmp_path):
    half_way = written(squats(n=1).frames(15, 46), tmp_path / "half_way.npz")
    with pytest.raises(ValueError, match=r"half_way\.npz: begins otherwise than the clip before it ends"):
        example("join_for_mjlab").join([clips[0], half_way])


def test_isaacgym_gets_each_joint_by_name_and_quaternions_with_the_scalar_last(example, clips):
    replay = example("isaacgym_replay")
    assert G1.joint_names == replay.JOINTS
    shuffled = sorted(G1.joint_names)
    reference = replay.load_reference(clips[0], shuffled)
    file = np.load(clips[0])
    knee = G1.joint_names.index("left_knee_joint")
    assert np.array_equal(reference.dof[:, shuffled.index("left_knee_joint"), 0], file["joint_pos"][:, knee])
    assert np.array_equal(reference.dof[:, shuffled.index("left_knee_joint"), 1], file["joint_vel"][:, knee])
    assert np.array_equal(reference.root[:, 6], file["body_quat_w"][:, 0, 0])
    assert reference.root.shape == (len(file["joint_pos"]), 13)


def test_isaacgym_is_not_shown_another_robot_or_rate(example, clips, tmp_path):
    replay = example("isaacgym_replay")
    with pytest.raises(ValueError, match="the asset differs in left_wrist_pitch_joint"):
        replay.load_reference(clips[0], load_g1("23dof").joint_names)
    arrays = dict(np.load(clips[0]))
    np.savez(tmp_path / "slow.npz", **{**arrays, "fps": np.array([30])})
    with pytest.raises(ValueError, match="made at 30 frames a second"):
        replay.load_reference(tmp_path / "slow.npz", G1.joint_names)


def test_the_isaacgym_example_is_python_38():
    """Newer ones have no IsaacGym."""
    ast.parse((EXAMPLES / "isaacgym_replay.py").read_text(), feature_version=(3, 8))


def test_the_isaacgym_example_passes_pyright_and_a_misspelt_call_does_not(tmp_path):
    """Against the stubs of IsaacGym, which must then be the ones that are read."""
    for package in ("pyright", "isaacgym-stubs"):
        try:
            version(package)
        except PackageNotFoundError:
            pytest.skip(f"{package} is not installed")
    text = (EXAMPLES / "isaacgym_replay.py").read_text()
    (tmp_path / "good.py").write_text(text)
    (tmp_path / "misspelt.py").write_text(text.replace("gym.prepare_sim(sim)", "gym.prepare_simulation(sim)"))
    (tmp_path / "pyrightconfig.json").write_text('{"pythonVersion": "3.8", "reportMissingModuleSource": false}')
    command = [sys.executable, "-m", "pyright", "--outputjson", "--pythonpath", sys.executable, "-p", str(tmp_path)]
    told = json.loads(subprocess.run(command, capture_output=True, text=True, timeout=200, check=False).stdout)
    errors = [(Path(found["file"]).name, found["message"]) for found in told["generalDiagnostics"]]
    assert told["summary"]["filesAnalyzed"] == 2
    assert [name for name, _ in errors] == ["misspelt.py"]
    assert "prepare_simulation" in errors[0][1]


def commands_of(text: str) -> set[str]:
    """All commands of a page, each on one line."""
    found = re.findall(r"^ +python [^\n\\]*(?:\\\n[^\n\\]*)*", text, re.M)
    return {" ".join(command.replace("\\\n", " ").split()) for command in found}


@pytest.mark.parametrize(
    ("format_name", "first", "name"),
    [
        ("mjlab", "MOTION.npz", "NAME"),
        ("pbhc", "MOTION.pbhc.pkl", "NAME"),
        ("unitree-csv", "CLIP.csv", "CLIP"),
        ("gmr", "CLIP.pkl", "CLIP"),
    ],
)
def test_the_page_and_the_readme_beside_the_motions_give_one_command(handoff_page, format_name, first, name):
    """The page's are the ones that were held against the consumers."""
    readme = COMMANDS[format_name].format(first=first, name=name).replace("$BUNDLE/", "")
    told = commands_of(readme.replace('"$motion"', first))
    assert told
    assert told <= commands_of(handoff_page)
