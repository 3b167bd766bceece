"""Turns recorded motion into one row for each source: what the product's default makes of it, without labels.

Stances are those that the retargeter told and held; where a foot rolls over its toes the toe moves, and that counts.
Residuals are to the retargeter's own targets. A clip has diverged if a number in it is not finite, or if the robot's
pelvis leaves its target by more than half a metre.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Bool

from benchmarks.report import Figure
from benchmarks.retargeting.clips import BENCH_DIR
from benchmarks.retargeting.exceptions import NoRealMotion
from benchmarks.retargeting.geometry import trace
from benchmarks.retargeting.metrics import JointScore, StanceScore, joint_score, stance_score
from benchmarks.retargeting.scoring import self_collision_pct
from pipeline.body import SkinnedBody, load_body
from pipeline.readers import read_motion
from retarget.result import RetargetResult
from retarget.retargeter import Retargeter
from robots.exceptions import WushuError
from robots.model import RobotModel

DATA_DIR = BENCH_DIR.parent
"""Where recorded motion lies, on machines that have it."""

DIVERGED_M = 0.5
"""Distance of the pelvis from its target [m]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RealClip:
    """What became of one file."""

    path: Path
    frames: int = 0
    refusal: str = ""
    """The sentence with which it was refused."""
    diverged: bool = False
    cpu_s: float = 0.0
    pos_mm: float = np.nan
    """Mean distance of all followed points from their targets [mm]."""
    ori_deg: float = np.nan
    """Mean angle of all links from their targets [deg]."""
    infeasible: int = 0
    """Stances that were let go."""
    stances: int = 0
    """Stances that were told, those that were let go included."""
    self_collision_pct: float = np.nan
    stance: StanceScore | None = None
    joints: JointScore | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RealRow:
    """All files of one source."""

    source: str
    clips: tuple[RealClip, ...]

    @property
    def solved(self) -> tuple[RealClip, ...]:
        """Clips that have a motion."""
        return tuple(clip for clip in self.clips if clip.frames > 0)


def find_files(data: Path, *, per_source: int, seed: int = 0) -> dict[str, list[Path]]:
    """Draw files of each source: folders of BVH under ``mocap``, and GVHMR's output.

    Raises:
        NoRealMotion: There is none.
    """
    found = defaultdict(list)
    for path in sorted(data.glob("mocap/*/*.bvh.gz")):
        if path.parent.name != "raw":  # faulty on purpose
            found[path.parent.name].append(path)
    found["kungfuathlete"] = sorted(data.glob("smpl/kungfuathlete/*.npz"))
    if not any(found.values()):
        raise NoRealMotion(data)
    random = np.random.default_rng(seed)
    chosen = {}
    for source, paths in found.items():
        picked = random.permutation(len(paths))[:per_source]
        chosen[source] = [paths[i] for i in sorted(picked)]
    return {source: paths for source, paths in chosen.items() if paths}


def measure_real(robot: RobotModel, data: Path, *, per_source: int) -> list[RealRow]:
    """Retarget files of every source as a user does, and score what comes out."""
    files = find_files(data, per_source=per_source)
    body, retargeter = load_body(), Retargeter(robot)
    return [
        RealRow(source=source, clips=tuple(_measure(path, body, retargeter) for path in paths))
        for source, paths in files.items()
    ]


def _measure(path: Path, body: SkinnedBody, retargeter: Retargeter) -> RealClip:
    try:
        trajectory = read_motion(path, body).motion.body_trajectory()
        start = time.process_time()
        result = retargeter.retarget(trajectory)
        seconds = time.process_time() - start
    except WushuError as error:
        return RealClip(path=path, refusal=str(error))
    return _scored(path, result, seconds, retargeter.robot)


def _scored(path: Path, result: RetargetResult, seconds: float, robot: RobotModel) -> RealClip:
    motion, held = result.motion, _held_stances(result)
    finite = bool(np.isfinite(motion.qpos).all() and np.isfinite(result.pos_residual_m).all())
    traced = trace(robot, [], motion.qpos)
    return RealClip(
        path=path,
        frames=len(motion),
        diverged=not finite or bool((result.pos_residual_m[:, 0] > DIVERGED_M).any()),
        cpu_s=seconds,
        pos_mm=1e3 * float(result.pos_residual_m.mean()),
        ori_deg=float(np.rad2deg(result.rot_residual_rad).mean()),
        infeasible=len(result.infeasible_stances),
        stances=sum(len(spans) for spans in result.stance_spans),
        self_collision_pct=self_collision_pct(robot, motion.qpos, motion.fps),
        stance=stance_score(traced, held, motion.fps),
        joints=joint_score(motion.joint_pos, motion.fps, robot),
    )


def _held_stances(result: RetargetResult) -> Bool[np.ndarray, "frames 2"]:
    """Frames in which a foot stands and was not let go."""
    held = result.motion.foot_contact > 0.5
    for stance in result.infeasible_stances:
        held[stance.start : stance.stop, stance.foot] = False
    return held


_COLUMNS = {
    "skate": ("stance", "skate_mean_cms", "cm/s"),
    "p95": ("stance", "skate_p95_cms", "cm/s"),
    "drift": ("stance", "drift_mm", "mm"),
    "float": ("stance", "float_mm", "mm"),
    "pen": ("stance", "penetration_max_mm", "mm"),
    "limits": ("joints", "limit_violations", "1"),
    "speeds": ("joints", "speed_violations", "1"),
    "jumps": ("joints", "jumps", "1"),
    "jerk": ("joints", "jerk_rms", "rad/s^3"),
}
"""Heading -> part of the score, metric, unit."""
_TOTAL = ("limits", "speeds")


def _column(clips: Sequence[RealClip], name: str) -> float:
    """One figure of several clips: violations are summed, all else is a mean over frames."""
    part, attribute, _ = _COLUMNS[name]
    values = np.array([getattr(getattr(clip, part), attribute) for clip in clips])
    return float(values.sum()) if name in _TOTAL else _mean(clips, values)


def _mean(clips: Sequence[RealClip], values: np.ndarray) -> float:
    """Mean over the frames of clips that have the value."""
    known = ~np.isnan(values)
    weights = np.array([clip.frames for clip in clips])[known]
    return float(np.average(values[known], weights=weights)) if known.any() else float("nan")


def real_figures(rows: Sequence[RealRow]) -> list[Figure]:
    """Return what all sources together come to; nothing if there are none."""
    clips = [clip for row in rows for clip in row.clips]
    solved = [clip for clip in clips if clip.frames > 0]
    if not solved:
        return []
    meaning = f"of {len(clips)} recorded clips"
    return [
        Figure(key="real_refused", value=len(clips) - len(solved), unit="clips", meaning=meaning, bar="0"),
        Figure(key="real_diverged", value=sum(c.diverged for c in solved), unit="clips", meaning=meaning, bar="0"),
        *(
            Figure(key=f"real_{attribute}", value=_column(solved, name), unit=unit, meaning=meaning)
            for name, (_, attribute, unit) in _COLUMNS.items()
        ),
    ]


def print_real(rows: Sequence[RealRow]) -> None:
    """Print the table by source, and what was refused or diverged."""
    for line in _lines(rows):
        print(line)


def _lines(rows: Sequence[RealRow]) -> Iterator[str]:
    if not rows:
        return
    fixed = ("clips", "frames", "refused", "diverged", "fps", "mm", "deg", "let go", "coll %")
    yield f"{'recorded':<14}" + "".join(f"{name:>9}" for name in (*fixed, *_COLUMNS))
    for row in rows:
        solved = row.solved
        frames = sum(clip.frames for clip in solved)
        values = [len(row.clips), frames, len(row.clips) - len(solved), sum(clip.diverged for clip in solved)]
        if solved:
            means = [_mean(solved, np.array([getattr(c, n) for c in solved])) for n in ("pos_mm", "ori_deg")]
            let_go = sum(clip.infeasible for clip in solved) / max(1, sum(clip.stances for clip in solved))
            collision = _mean(solved, np.array([clip.self_collision_pct for clip in solved]))
            values += [frames / sum(clip.cpu_s for clip in solved), *means, let_go, collision]
            values += [_column(solved, name) for name in _COLUMNS]
        yield f"{row.source:<14}" + "".join(f"{value:>9.4g}" for value in values)
    for clip in (clip for row in rows for clip in row.clips):
        if clip.refusal or clip.diverged:
            yield f"{clip.path.name}: {clip.refusal or 'diverged'}"
