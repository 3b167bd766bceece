"""Which metrics the table of figures shows, their units, and what is asked of each mode."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One column of the table."""

    key: str
    """As the scores call it; the figure's key is the contender's name before it."""
    unit: str
    meaning: str
    online_bar: str = ""
    """What the online mode must reach."""
    clip_bar: str = ""
    """What the clip mode must reach."""
    clip_times_gmr: float | None = None
    """What the clip mode must reach, as a share of GMR's stored output on the same clips."""


METRICS = (
    Metric(key="fps", unit="frames/s", meaning="CPU time, one core"),
    Metric(key="x_peer", unit="x", meaning="as fast as GMR's rules", online_bar=">= 80", clip_bar=">= 15"),
    Metric(key="x_peer_fast", unit="x", meaning="as fast as the best of mink", online_bar=">= 25"),
    Metric(key="x_peer_two_qp", unit="x", meaning="as fast as two QPs a frame, GMR's target building"),
    Metric(key="step_p99_ms", unit="ms", meaning="99th percentile of one step()", online_bar="< 0.3"),
    Metric(key="cost", unit="1", meaning="GMR's stage-2 cost of a frame"),
    Metric(key="pos_mm", unit="mm", meaning="to GMR's targets as they are"),
    Metric(key="pos_calibrated_mm", unit="mm", meaning="constant offsets of the other clips off", clip_bar="<= 27"),
    Metric(key="pos_gmr_calibrated_mm", unit="mm", meaning="GMR's constant offsets off, for everybody"),
    Metric(key="ori_deg", unit="deg", meaning="to GMR's targets", clip_bar="<= 7.0"),
    Metric(key="skate_mean_cms", unit="cm/s", meaning="toe in stance", clip_bar="<= 0.35"),
    Metric(key="skate_p95_cms", unit="cm/s", meaning="95th percentile of the same", clip_bar="<= 1.5"),
    Metric(key="drift_mm", unit="mm", meaning="toe from its first place, worst of a stance", clip_bar="<= 2"),
    Metric(key="penetration_max_mm", unit="mm", meaning="deepest sole point, mean of clips", clip_bar="<= 2.7"),
    Metric(key="float_mm", unit="mm", meaning="lowest sole point in stance", clip_bar="<= 0.1"),
    Metric(key="limit_violations", unit="1", meaning="joint angles, exact", online_bar="0", clip_bar="0"),
    Metric(key="limit_excess_rad", unit="rad", meaning="largest of them"),
    Metric(key="speed_violations", unit="1", meaning="joint speeds, exact", online_bar="0", clip_bar="0"),
    Metric(key="speed_x_limit", unit="1", meaning="largest joint speed over its limit"),
    Metric(key="jumps", unit="1", meaning="joints that turn > 0.5 rad in a frame, per clip"),
    Metric(key="acc_rms", unit="rad/s^2", meaning="joints"),
    Metric(key="jerk_rms", unit="rad/s^3", meaning="joints", clip_times_gmr=0.6),
    Metric(key="self_collision_pct", unit="%", meaning="frames with > 1 cm of overlap", clip_times_gmr=0.3),
)
