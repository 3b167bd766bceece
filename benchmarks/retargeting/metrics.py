"""Turns a robot motion and a clip's targets and true stances into one row of figures.

Every formula stands under the field it makes. ``p_b``, ``R_b``: the robot's point and link of target b (toes at GMR's
toe point); ``p*_b``, ``R*_b``: GMR's target; ``w_p``, ``w_r``: GMR's stage-2 weights; ``angle = |log(R_b R*_b^T)|``.
Joint derivatives are plain differences: k-th difference times fps^k. Over clips, rows are averaged with the numbers of
frames as weights, but violations are summed, worst cases are the worst of all clips, and the penetration is the plain
mean of the clips' deepest points.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from jaxtyping import Bool, Float

from benchmarks.retargeting.clips import BenchClip
from benchmarks.retargeting.geometry import Traced
from retarget.rotations import rotation_log
from retarget.spans import true_runs
from robots.model import RobotModel

JUMP_RAD = 0.5
"""A joint that turns by more between two frames has jumped [rad]."""

_SUMMED = ("limit_violations", "speed_violations")
_PLAIN_MEAN = ("penetration_max_mm",)
_WORST = ("limit_excess_rad", "speed_x_limit", "drift_max_mm")


@dataclass(frozen=True, slots=True, kw_only=True)
class JointScore:
    """What joint angles alone tell."""

    limit_violations: float
    """Number of (frame, joint) with q < lower or q > upper, compared exactly."""
    limit_excess_rad: float
    """Largest ``max(lower - q, q - upper, 0)`` [rad]; tells a rounding error from a fault."""
    speed_violations: float
    """Number of (step, joint) with ``|q[t+1] - q[t]| * fps > limit``, compared exactly."""
    speed_x_limit: float
    """Largest ``|q[t+1] - q[t]| * fps / limit``."""
    jumps: float
    """Number of (step, joint) with ``|q[t+1] - q[t]| > 0.5 rad``, per clip."""
    acc_rms: float
    """Root mean square over frames and joints of the second difference [rad/s^2]."""
    jerk_rms: float
    """Root mean square over frames and joints of the third difference [rad/s^3]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StanceScore:
    """What the feet do while they should stand."""

    skate_mean_cms: float
    """Mean of ``|toe[t+1] - toe[t]| * fps`` over steps both of whose ends are in the foot's stance [cm/s]."""
    skate_p95_cms: float
    """95th percentile of the same [cm/s]."""
    drift_mm: float
    """Mean over stances of the largest ``|toe[t] - toe[first]|`` in the stance [mm]."""
    drift_max_mm: float
    """Largest of the same [mm]."""
    penetration_max_mm: float
    """Depth of the deepest sole point under the floor in any frame, 0 if none is [mm]."""
    float_mm: float
    """Mean over frames in stance of ``max(0, height of the foot's lowest sole point)`` [mm]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackingScore:
    """How far the robot is from GMR's targets."""

    cost: float
    """Mean over frames of ``sum_b (w_p |p_b - p*_b|)^2 + (w_r angle_b)^2``: GMR's stage-2 cost."""
    pos_mm: float
    """Mean of ``|p_b - p*_b|`` over frames and over targets whose position has a weight [mm]."""
    pos_calibrated_mm: float
    """The same to the targets ``p*_b + R*_b c_b`` [mm]. ``c_b = mean R*_b^T (p_b - p*_b)`` over all frames of the
    *other* clips (leave one out), in the same solver's output: what remains is tracking, not where links' origins lie.
    With one clip there are no others: nan."""
    pos_gmr_calibrated_mm: float
    """The same with ``c_b`` of GMR's output on the other clips, for everybody [mm]."""
    ori_deg: float
    """Mean of ``angle_b`` over frames and targets [deg]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """One row of the table: a solver on one clip, or its mean over clips."""

    frames: float
    """Number of frames."""
    tracking: TrackingScore
    stance: StanceScore
    joints: JointScore
    self_collision_pct: float
    """Share of frames in which two links of the robot overlap by more than 1 cm [%]."""

    def values(self) -> dict[str, float]:
        """Return all figures by name."""
        parts = (self.tracking, self.stance, self.joints)
        flat = {field.name: getattr(part, field.name) for part in parts for field in fields(part)}
        return {**flat, "self_collision_pct": self.self_collision_pct}


Offsets = Float[np.ndarray, "targets 3"]
"""Constant place of each of the robot's points in the frame of its target [m]."""


def constant_offsets(clips: Sequence[BenchClip], traces: Sequence[Traced]) -> Offsets:
    """Return where the robot's points lie in the frames of their targets, on average over all frames of some clips."""
    local = [
        np.einsum("tbji,tbj->tbi", clip.target_rot_w, traced.pos_w - clip.target_pos_w)
        for clip, traced in zip(clips, traces, strict=True)
    ]
    return np.concatenate(local).mean(axis=0)


def frame_costs(clip: BenchClip, traced: Traced) -> Float[np.ndarray, " frames"]:
    """Return GMR's stage-2 cost of every frame."""
    distance, angle = _residuals(clip, traced)
    return ((clip.weight_pos * distance) ** 2 + (clip.weight_rot * angle) ** 2).sum(axis=1)


def tracking_score(clip: BenchClip, traced: Traced, own: Offsets, gmr: Offsets) -> TrackingScore:
    """Score a motion against GMR's targets, as they are and with constant offsets."""
    distance, angle = _residuals(clip, traced)
    placed = clip.weight_pos > 0
    calibrated = [
        np.linalg.norm(traced.pos_w - clip.target_pos_w - np.einsum("tbij,bj->tbi", clip.target_rot_w, c), axis=-1)
        for c in (own, gmr)
    ]
    return TrackingScore(
        cost=float(frame_costs(clip, traced).mean()),
        pos_mm=1e3 * float(distance[:, placed].mean()),
        pos_calibrated_mm=1e3 * float(calibrated[0][:, placed].mean()),
        pos_gmr_calibrated_mm=1e3 * float(calibrated[1][:, placed].mean()),
        ori_deg=float(np.rad2deg(angle).mean()),
    )


def stance_score(traced: Traced, stance: Bool[np.ndarray, "frames 2"], fps: float) -> StanceScore:
    """Score the feet; a clip without stances has nan where a mean is over nothing."""
    speed = np.linalg.norm(np.diff(traced.toe_w, axis=0), axis=-1) * fps
    speed = 100.0 * speed[stance[1:] & stance[:-1]]
    drifts = [
        1e3 * float(np.linalg.norm(traced.toe_w[a:b, foot] - traced.toe_w[a, foot], axis=-1).max())
        for foot in range(2)
        for a, b in true_runs(stance[:, foot])
    ]
    gap = 1e3 * np.maximum(0.0, traced.sole_height)[stance]
    return StanceScore(
        skate_mean_cms=float(speed.mean()) if len(speed) else np.nan,
        skate_p95_cms=float(np.percentile(speed, 95)) if len(speed) else np.nan,
        drift_mm=float(np.mean(drifts)) if drifts else np.nan,
        drift_max_mm=max(drifts, default=np.nan),
        penetration_max_mm=1e3 * max(0.0, -float(traced.sole_height.min())),
        float_mm=float(gap.mean()) if len(gap) else np.nan,
    )


def joint_score(joint_pos: Float[np.ndarray, "frames joints"], fps: float, robot: RobotModel) -> JointScore:
    """Score joint angles; the speed limit is the one never to be passed."""
    excess = np.maximum(robot.joint_lower - joint_pos, joint_pos - robot.joint_upper)
    step = np.abs(np.diff(joint_pos, axis=0))
    return JointScore(
        limit_violations=float(((joint_pos < robot.joint_lower) | (joint_pos > robot.joint_upper)).sum()),
        limit_excess_rad=float(np.maximum(excess, 0.0).max()),
        speed_violations=float((step * fps > robot.velocity_limit).sum()),
        speed_x_limit=float((step * fps / robot.velocity_limit).max(initial=0.0)),
        jumps=float((step > JUMP_RAD).sum()),
        acc_rms=_rms(np.diff(joint_pos, 2, axis=0)) * fps**2,
        jerk_rms=_rms(np.diff(joint_pos, 3, axis=0)) * fps**3,
    )


def mean_score(scores: Sequence[Score]) -> dict[str, float]:
    """Return the figures of several clips as one row, as the module's docstring says."""
    weights = np.array([score.frames for score in scores])
    rows = [score.values() for score in scores]
    result = {}
    for name in rows[0]:
        column = np.array([row[name] for row in rows])
        known = ~np.isnan(column)
        if name in _SUMMED:
            result[name] = float(column.sum())
        elif not known.any():
            result[name] = float("nan")
        elif name in _WORST:
            result[name] = float(column[known].max())
        else:
            weight = np.ones(known.sum()) if name in _PLAIN_MEAN else weights[known]
            result[name] = float(np.average(column[known], weights=weight))
    return result


def _residuals(clip: BenchClip, traced: Traced) -> tuple[np.ndarray, np.ndarray]:
    """Distance [m] and angle [rad] of every target in every frame."""
    distance = np.linalg.norm(traced.pos_w - clip.target_pos_w, axis=-1)
    relative = (traced.rot_w @ clip.target_rot_w.transpose(0, 1, 3, 2)).reshape(-1, 3, 3)
    return distance, np.linalg.norm(rotation_log(relative), axis=-1).reshape(distance.shape)


def _rms(values: np.ndarray) -> float:
    return float(np.sqrt((values * values).mean())) if values.size else 0.0
