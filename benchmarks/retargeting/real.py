"""Turns recorded motion into one row for each source: what the product's default makes of it, without labels.

Stances are those that the retargeter told and held. A foot rolls over its heel and its toe and turns on either, so
skate is that of the end of the sole that is held: heel and toe are the middles of the sole's edges; of those lower than
1 cm in both frames of a step the slower one, of none the lower one. Residuals are to the retargeter's own targets. The
source's own jumps (links that turn against their parent by more than 0.5 rad between two frames) and jerk stand beside
the robot's. A clip has diverged if a number in it is not finite, or if the robot's pelvis leaves its target by more
than half a metre.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Bool
from scipy.spatial.transform import Rotation

from benchmarks.report import Figure
from benchmarks.retargeting.clips import BENCH_DIR
from benchmarks.retargeting.exceptions import NoRealMotion
from benchmarks.retargeting.geometry import SoleEnds, sole_ends, trace
from benchmarks.retargeting.metrics import JUMP_RAD, JointScore, StanceScore, joint_score, stance_score
from benchmarks.retargeting.scoring import self_collision_pct
from pipeline.body import SkinnedBody, load_body
from pipeline.readers import read_motion
from retarget.body_trajectory import BodyTrajectory
from retarget.correspondence import Correspondence
from retarget.result import RetargetResult
from retarget.retargeter import Retargeter
from retarget.spans import true_runs
from robots.exceptions import WushuError
from robots.model import RobotModel

DATA_DIR = BENCH_DIR.parent
"""Where recorded motion lies, on machines that have it."""

DIVERGED_M = 0.5
"""Distance of the pelvis from its target [m]."""


TOUCHES_M = 0.01
"""An end of a sole lower than this touches the floor [m]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceScore:
    """How rough the human's own motion is."""

    jumps: float
    """Number of (step, body) with a turn against the parent of more than 0.5 rad."""
    jerk_rms: float
    """Root mean square of the third difference of these turns, per axis [rad/s^3]."""


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
    source: SourceScore | None = None


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
    return _scored(path, trajectory, result, seconds, retargeter)


def _scored(
    path: Path, trajectory: BodyTrajectory, result: RetargetResult, seconds: float, retargeter: Retargeter
) -> RealClip:
    motion, robot = result.motion, retargeter.robot
    finite = bool(np.isfinite(motion.qpos).all() and np.isfinite(result.pos_residual_m).all())
    held = held_stances(result)
    by_toe = stance_score(trace(robot, [], motion.qpos), held, motion.fps)
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
        stance=replace(by_toe, **held_end_score(sole_ends(robot, motion.qpos), held, motion.fps)),
        joints=joint_score(motion.joint_pos, motion.fps, robot),
        source=source_score(trajectory, retargeter.correspondence),
    )


def held_stances(result: RetargetResult) -> Bool[np.ndarray, "frames 2"]:
    """Frames in which a foot stands and was not let go."""
    held = result.motion.foot_contact > 0.5
    for stance in result.infeasible_stances:
        if stance.region in result.contact_regions[: held.shape[1]]:
            held[stance.start : stance.stop, result.contact_regions.index(stance.region)] = False
    return held


def held_end_score(ends: SoleEnds, stance: Bool[np.ndarray, "frames 2"], fps: float) -> dict[str, float]:
    """Skate and drift of the end of each sole that is held, as the module's docstring says.

    Drift is, for each stance, ``max |p[t] - p[first]|`` over each time that an end touches without a break; of the end
    that touches longest, and of several the one that drifts least.
    """
    touches = ends[..., 2] < TOUCHES_M
    speed = 100.0 * np.linalg.norm(np.diff(ends[..., :2], axis=0), axis=-1) * fps
    slower = np.where(touches[1:] & touches[:-1], speed, np.inf).min(axis=-1)
    lower = np.where(np.diff(ends[1:, ..., 2] + ends[:-1, ..., 2])[..., 0] < 0, speed[..., 1], speed[..., 0])
    skate = np.where(np.isfinite(slower), slower, lower)[stance[1:] & stance[:-1]]
    drifts = [
        min(_longest_stand(ends[a:b, foot, end, :2], touches[a:b, foot, end]) for end in range(2))[1]
        for foot in range(2)
        for a, b in true_runs(stance[:, foot])
        if touches[a:b, foot].any()
    ]
    return {
        "skate_mean_cms": float(skate.mean()) if len(skate) else np.nan,
        "skate_p95_cms": float(np.percentile(skate, 95)) if len(skate) else np.nan,
        "drift_mm": float(np.mean(drifts)) if drifts else np.nan,
        "drift_max_mm": max(drifts, default=np.nan),
    }


def _longest_stand(place: np.ndarray, touches: np.ndarray) -> tuple[int, float]:
    """Minus the frames that a point touches for at most, and how far it drifts then [mm]."""
    return min(
        ((a - b, 1e3 * float(np.linalg.norm(place[a:b] - place[a], axis=-1).max())) for a, b in true_runs(touches)),
        default=(0, 0.0),
    )


def source_score(trajectory: BodyTrajectory, table: Correspondence) -> SourceScore:
    """Score how the table's human bodies turn against their parents."""
    column = {name: i for i, name in enumerate(trajectory.names)}
    turns = []
    for body in table.bodies[1:]:
        parent, child = (
            Rotation.from_quat(trajectory.quat_wxyz_w[:, column[str(name)]], scalar_first=True)
            for name in (body.parent, body.human)
        )
        joint = parent.inv() * child
        turns.append((joint[:-1].inv() * joint[1:]).as_rotvec() if len(joint) > 1 else np.zeros((0, 3)))
    jerk = np.diff(turns, 2, axis=1) * trajectory.fps**3
    return SourceScore(
        jumps=float((np.linalg.norm(turns, axis=-1) > JUMP_RAD).sum()),
        jerk_rms=float(np.sqrt((jerk**2).mean())) if jerk.size else 0.0,
    )


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
    "src jumps": ("source", "jumps", "1"),
    "src jerk": ("source", "jerk_rms", "rad/s^3"),
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
            Figure(
                key=f"real_{part}_{attribute}" if part == "source" else f"real_{attribute}",
                value=_column(solved, name),
                unit=unit,
                meaning=meaning,
            )
            for name, (part, attribute, unit) in _COLUMNS.items()
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
    yield f"{'recorded':<14}" + "".join(f"{name:>10}" for name in (*fixed, *_COLUMNS))
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
        yield f"{row.source:<14}" + "".join(f"{value:>10.4g}" for value in values)
    for clip in (clip for row in rows for clip in row.clips):
        if clip.refusal or clip.diverged:
            yield f"{clip.path.name}: {clip.refusal or 'diverged'}"
