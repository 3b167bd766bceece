"""What mjlab, the trainer, makes of our files: reset error, steps, one round of PPO on the CPU, in its own environment.

    python -m benchmarks.mjlab [--python PYTHON] [--ppo-iterations 1] [--json FILE]

Two motions of our own go through `scripts/mjlab_check.py`: squats of the bare robot, and the kung-fu form of the demo,
retargeted, both with leads. PYTHON is one that has mjlab; without it that of WUSHU_MJLAB_PYTHON, else the one of an
environment in the user's cache, which is made with pip on first use (several gigabytes).
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from platformdirs import user_cache_path

from benchmarks.report import Figure, parser, report
from pipeline.body import load_body
from pipeline.export import FORMATS
from pipeline.kfbench import PIECES, stage_piece
from retarget.lead import with_leads
from retarget.retargeter import Retargeter
from robots.g1 import load_g1
from robots.kinematics import link_poses
from robots.motion import RobotMotion

_REPOSITORY = Path(__file__).parents[1]
CHECK = _REPOSITORY / "scripts" / "mjlab_check.py"
_INSTALL_S, _CHECK_S = 1500, 500
"""Longest that pip and a check may take [s]."""


class NoMjlab(Exception):
    """There is no environment with mjlab, and none could be made."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"no Python with mjlab ({reason}). Name one in WUSHU_MJLAB_PYTHON.")


def main() -> None:
    """Measure and report."""
    options = parser(__doc__)
    options.add_argument("--python", type=Path, help="a Python that has mjlab")
    options.add_argument("--ppo-iterations", type=int, default=1)
    chosen = options.parse_args()
    report(figures(chosen.python or mjlab_python(), ppo_iterations=chosen.ppo_iterations), chosen.json)


def figures(python: Path, *, ppo_iterations: int = 1) -> list[Figure]:
    """Take our motions through mjlab.

    Args:
        python: One that has mjlab, as :func:`mjlab_python` gives it.
        ppo_iterations: Rounds of PPO a motion.

    Raises:
        NoMjlab: The check gave no figures.
    """
    with tempfile.TemporaryDirectory() as folder:
        paths = write_motions(Path(folder))
        found = run_check(python, paths, Path(folder) / "found.json", ppo_iterations=ppo_iterations)
    motions = found["motions"].values()
    exact = max(motion["reset_err_unclipped_m"] for motion in motions)
    clipped = max(motion["clipped_frames"] / motion["frames"] for motion in motions)
    return [
        Figure(
            key="mjlab_reset_err_m",
            value=found["reset_err_m"],
            unit="m",
            meaning="farthest link after mjlab's reset, all frames",
            bar="< 0.01",
        ),
        Figure(key="mjlab_reset_exact_m", value=exact, unit="m", meaning="the same, frames that mjlab does not clip"),
        Figure(key="mjlab_clipped_pct", value=100 * clipped, unit="%", meaning="frames beyond mjlab's soft limits"),
        Figure(
            key="mjlab_ppo_iterations",
            value=found["ppo_iterations"],
            unit="",
            meaning="rounds of PPO that ran on the CPU",
            bar=">= 1",
        ),
    ]


def run_check(
    python: Path, motions: Sequence[Path], found: Path, *, ppo_iterations: int = 1, steps: int = 50
) -> dict[str, Any]:
    """Run ``scripts/mjlab_check.py`` in mjlab's environment and return what it found.

    Raises:
        NoMjlab: It gave no figures.
    """
    options = ["--json", found, "--ppo-iterations", ppo_iterations, "--steps", steps]
    command = [str(part) for part in (python, CHECK, *motions, *options)]
    # One thread, and nothing of wushu's environment on the path.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | {"OMP_NUM_THREADS": "1"}
    ran = subprocess.run(command, capture_output=True, text=True, timeout=_CHECK_S, env=environment, check=False)
    if not found.exists():
        raise NoMjlab("the check stopped: " + (ran.stderr.strip().splitlines() or ["it said nothing"])[-1])
    return json.loads(found.read_text())


def mjlab_python() -> Path:
    """Find a Python with mjlab, or make an environment for it in the user's cache.

    Raises:
        NoMjlab: None is named, and pip cannot make one.
    """
    if named := os.environ.get("WUSHU_MJLAB_PYTHON"):
        return Path(named)
    requirements = mjlab_requirements()
    digest = hashlib.sha256(repr((requirements, sys.version_info[:2])).encode()).hexdigest()[:12]
    folder = user_cache_path("wushu") / f"mjlab-env-{digest}"
    python, finished = folder / "bin" / "python", folder / "finished"
    if not finished.exists():
        shutil.rmtree(folder, ignore_errors=True)
        for command in ([sys.executable, "-m", "venv", folder], [python, "-m", "pip", "install", "-q", *requirements]):
            _done([str(part) for part in command])
        finished.touch()
    return python


def mjlab_requirements() -> list[str]:
    """Return what the extra ``mjlab`` asks for.

    Raises:
        NoMjlab: ``pyproject.toml`` has no such extra.
    """
    extras = tomllib.loads((_REPOSITORY / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    if "mjlab" not in extras:
        raise NoMjlab("pyproject.toml has no extra of that name")
    return extras["mjlab"]


def _done(command: list[str]) -> None:
    try:
        subprocess.run(command, capture_output=True, text=True, timeout=_INSTALL_S, check=True)
    except subprocess.CalledProcessError as error:
        raise NoMjlab((error.stderr.strip().splitlines() or ["pip said nothing"])[-1]) from error
    except subprocess.TimeoutExpired as error:
        raise NoMjlab(f"pip was not done within {_INSTALL_S} s") from error


def write_motions(folder: Path) -> list[Path]:
    """Write squats and the retargeted kung-fu form, with leads, as mjlab reads them."""
    g1 = load_g1("29dof")
    form = stage_piece(PIECES["kungfu_form"], load_body(), size=(640, 360)).motion
    motions = {"squats": squats(), "kungfu_form": Retargeter(g1).retarget(form.body_trajectory()).motion}
    paths = []
    for name, motion in motions.items():
        path = folder / f"{name}.npz"
        FORMATS["mjlab"].write(with_leads(motion, g1).motion, g1, path)
        paths.append(path)
    return paths


def squats(*, depth: float = 0.35, period_s: float = 2.0, n: int = 2, fps: float = 30.0) -> RobotMotion:
    """Return squats from the standing pose and back, on feet that stay where they are.

    Args:
        depth: How far the hips bend, the knees twice as much [rad].
        period_s: Length of one [s].
        n: How many.
        fps: Frames a second.
    """
    g1 = load_g1("29dof")
    time = np.arange(round(n * period_s * fps) + 1) / fps
    bend = depth / 2 * (1 - np.cos(2 * np.pi * time / period_s))
    qpos = np.tile(g1.default_qpos, (len(time), 1))
    for joint, share in (("hip_pitch", -1.0), ("knee", 2.0), ("ankle_pitch", -1.0)):
        for side in ("left", "right"):
            qpos[:, 7 + g1.joint_names.index(f"{side}_{joint}_joint")] += share * bend
    foot_w = link_poses(g1, qpos)[0][:, g1.body_names.index("left_ankle_roll_link")]
    qpos[:, :3] -= foot_w - foot_w[0]
    contact = np.ones((len(time), 2))
    return RobotMotion.from_qpos(qpos, fps=fps, joint_names=g1.joint_names, foot_contact=contact)


if __name__ == "__main__":
    main()
