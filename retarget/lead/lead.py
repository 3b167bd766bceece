"""Turns a motion into one that begins and ends at rest in the robot's standing pose, its own frames untouched.

A lead-out is the lead-in of the motion run backwards: standing, stepping slowly and meeting a pose with its speed and
acceleration look the same in both directions of time.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float
from scipy.ndimage import gaussian_filter1d, maximum_filter1d
from scipy.spatial.transform import Rotation

from retarget.lead.check import LeadFigures, collisions, lead_figures
from retarget.lead.config import LeadConfig
from retarget.lead.curves import hanging, rest_to_rest
from retarget.lead.exceptions import NoLead
from retarget.lead.plan import Attempt, LeadPlan, plan_lead, step_length
from retarget.lead.seam import FRAMES, Seam, read_seam
from retarget.lead.standing_robot import Posture, Raised, StandingRobot, to_mujoco, to_pin
from robots.kinematics import qpos_in_order
from robots.model import RobotModel
from robots.motion import RobotMotion

_MOST_ATTEMPTS = 12
_REMEDIES: dict[str, tuple[float, ...]] = {
    "drop_m": (0.05, 0.1, 0.2),
    "lift_m": (1.0, 1.6),
    "edge_rad": (0.0, 0.3, 0.6),
    "around_m": (0.0, 0.05, 0.1),
    "run_up_s": (0.3, 0.12, 0.5),
    "arms_rad": (0.0, 0.5, 0.9),
    "arms_run_up_s": (0.3, 0.1),
}
"""What an attempt is changed to, one thing at a time."""
_ROUNDING = 1e-9
_CLIPPED_RAD = 0.006
"""An ankle this far beyond its limit is taken back to it, which moves the rim of a sole by a fifth of a millimetre."""
_MOST_LIFTS, _LEAST_LIFT_M, _SMOOTH_S = 3, 3e-4, 0.07
"""How often feet are lifted off the floor that they go through, from which depth on, and how smoothly [1, m, s]."""
_MOST_SKATE, _LEAST_ZMP_MARGIN_M, _SHARE_OF_SPEED = 0.005, 0.002, 0.6
"""What a lead may show: speed of a foot that stands, and until the clip's own speed is met the zero-moment point's
distance from the rim, and joint speeds beyond the clip's own as a share of their soft limits [m/s, m, 1]."""
_AT_SEAM = 4
_JERK, _SMALL_ACCELERATION = 1.5, 10.0
"""What the seam may accelerate a joint beyond what the lead and the clip do next to it: times, and plus [rad/s^2]."""
_SAME_POSE_RAD, _SAME_HEIGHT_M, _STILL = 0.01, 1e-3, 0.02
"""A motion that begins so near the standing pose, and so still, is led by nobody [rad, m, m/s and rad/s]."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LedMotion:
    """A motion with leads."""

    motion: RobotMotion
    """Lead-in, the motion as it was given, lead-out."""
    n_lead_in: int
    """Frames before the motion."""
    n_lead_out: int
    """Frames after it."""
    notes: tuple[str, ...]
    """Why there is no lead where one was wanted, in sentences."""

    def frames_at(self, fps: float) -> tuple[int, int]:
        """Return how many frames lead in and out once the whole is resampled to another rate."""
        ratio = fps / self.motion.fps
        last = len(self.motion) - 1
        after = int(np.floor(last * ratio + _ROUNDING)) - int(np.floor((last - self.n_lead_out) * ratio + _ROUNDING))
        return int(np.ceil(self.n_lead_in * ratio - _ROUNDING)), after


class _Lead(NamedTuple):
    """Frames that end one frame before the clip."""

    qpos: Float[np.ndarray, "frames nq"]
    contact: Bool[np.ndarray, "frames 2"]


def with_leads(motion: RobotMotion, robot: RobotModel, config: LeadConfig | None = None) -> LedMotion:
    """Put a lead-in before a motion and a lead-out after it.

    A lead begins at rest in the robot's standing pose, soles on the floor. The standing pose is placed and turned so
    that one of its feet stands where the clip's first stance has it. The weight goes over that foot, slowly enough that
    the zero-moment point stays on it; the other foot is lifted and put down, or raised to where the clip has it; and
    the clip's first pose is met with its speed and acceleration. Feet that bear weight stay where they are. Where that
    cannot be done, there is no lead, and a sentence says why.

    Args:
        motion: Of this robot.
        robot: The robot.
        config: Settings; defaults when left out.

    Raises:
        JointsDoNotMatch: The motion moves other joints than the robot has.
    """
    config = config or LeadConfig()
    qpos = qpos_in_order(robot, motion)
    standing = StandingRobot(robot)
    before, notes_in = _lead(standing, qpos, motion, config, wanted=config.lead_in, name="lead-in")
    backwards = replace(
        motion,
        root_pos_w=motion.root_pos_w[::-1],
        root_quat_wxyz=motion.root_quat_wxyz[::-1],
        joint_pos=motion.joint_pos[::-1],
        foot_contact=motion.foot_contact[::-1],
    )
    after, notes_out = _lead(standing, qpos[::-1], backwards, config, wanted=config.lead_out, name="lead-out")
    columns = [robot.joint_names.index(name) for name in motion.joint_names]
    rows = [before.qpos, qpos, after.qpos[::-1]]
    whole = np.concatenate(rows)
    contact = [before.contact.astype(float), motion.foot_contact, after.contact[::-1].astype(float)]
    led = replace(
        motion,
        root_pos_w=whole[:, :3],
        root_quat_wxyz=whole[:, 3:7],
        joint_pos=whole[:, 7:][:, columns],
        foot_contact=np.concatenate(contact),
    )
    return LedMotion(motion=led, n_lead_in=len(before.qpos), n_lead_out=len(after.qpos), notes=(*notes_in, *notes_out))


def _lead(
    standing: StandingRobot,
    qpos: Float[np.ndarray, "frames nq"],
    motion: RobotMotion,
    config: LeadConfig,
    *,
    wanted: bool,
    name: str,
) -> tuple[_Lead, tuple[str, ...]]:
    """Make one lead-in, or say why not."""
    nothing = _Lead(np.zeros((0, qpos.shape[1])), np.zeros((0, 2), dtype=bool))
    if not wanted:
        return nothing, ()
    try:
        if _at_rest(standing, qpos, motion.fps):
            return nothing, ()
        seam = read_seam(standing, to_pin(qpos), motion.foot_contact, motion.fps, config)
        q, contact = _best(standing, seam, config)
    except NoLead as error:
        where = "begins" if name == "lead-in" else "ends"
        return nothing, (f"no {name} from where the clip {where}: {error}",)
    rows = to_mujoco(q)
    # The clip's quaternions stay as they are; those before it come over to their hemisphere.
    for t in range(len(rows) - 1, -1, -1):
        following = rows[t + 1, 3:7] if t + 1 < len(rows) else qpos[0, 3:7]
        rows[t, 3:7] *= 1.0 if rows[t, 3:7] @ following >= 0 else -1.0
    return _Lead(rows, contact), ()


def _at_rest(standing: StandingRobot, qpos: Float[np.ndarray, "frames nq"], fps: float) -> bool:
    """Tell whether a motion begins in the standing pose, and still."""
    first = qpos[:FRAMES]
    upright = Rotation.from_quat(first[0, 3:7], scalar_first=True).apply([0.0, 0.0, 1.0])[2]
    off = np.abs(first[0, 7:] - standing.robot.default_joint_pos).max()
    moved = np.abs(np.diff(first, axis=0)).max() * fps if len(first) > 1 else 0.0
    sunk = abs(first[0, 2] - standing.robot.default_root_height)
    return bool(max(off, np.arccos(min(upright, 1.0))) < _SAME_POSE_RAD and sunk < _SAME_HEIGHT_M and moved < _STILL)


def _best(
    standing: StandingRobot, seam: Seam, config: LeadConfig
) -> tuple[Float[np.ndarray, "frames nq"], Bool[np.ndarray, "frames 2"]]:
    """Try ways into the clip from the simplest on; return the first that is right.

    What is tried next is what may mend that which failed.

    Raises:
        NoLead: None is; the reason is that of the way that came farthest.
    """
    reasons: list[tuple[int, str]] = []
    waiting: list[tuple[Attempt, tuple[int, str] | None]] = [(first, None) for first in _first_attempts(standing, seam)]
    tried: set[Attempt] = set()
    while waiting and len(tried) < _MOST_ATTEMPTS:
        attempt, failed_before = waiting.pop(0)
        if attempt in tried:
            continue
        tried.add(attempt)
        try:
            return _tried(standing, seam, attempt, config)
        except _Failed as failure:
            reasons.append((failure.progress, failure.reason))
            if reasons[-1] != failed_before:  # else the change made no difference
                waiting += [(mended, reasons[-1]) for mended in failure.remedies(attempt)]
    raise NoLead(max(reasons, key=lambda reason: reason[0])[1])


def _tried(
    standing: StandingRobot, seam: Seam, attempt: Attempt, config: LeadConfig
) -> tuple[Float[np.ndarray, "frames nq"], Bool[np.ndarray, "frames 2"]]:
    """Go one way.

    Raises:
        _Failed: It is not right.
    """
    plan = plan_lead(standing, seam, attempt, config)
    q = _solved(standing, seam, plan)
    for _ in range(_MOST_LIFTS):
        by = _missing_height(standing, seam, q)
        if by.max() < _LEAST_LIFT_M:
            break
        plan = plan.lifted(by)
        q = _solved(standing, seam, plan)
    _check(standing, seam, plan, q, config)
    return q, plan.contact


def _missing_height(
    standing: StandingRobot, seam: Seam, q: Float[np.ndarray, "frames nq"]
) -> Float[np.ndarray, "frames 2"]:
    """How much higher feet have to be that are under the floor on their way, smoothly in time [m]."""
    points_b = standing.robot.sole_points_b
    low = np.array(
        [
            ((points_b @ pose.rot.transpose(0, 2, 1))[..., 2] + pose.pos[:, 2:]).min(axis=1)
            for pose in map(standing.feet, q)
        ]
    )
    width = _SMOOTH_S * seam.fps
    deepest = maximum_filter1d(np.maximum(-low, 0.0), 2 * int(np.ceil(width)) + 1, axis=0, mode="nearest")
    before_clip = rest_to_rest((len(q) - np.arange(len(q))) / (3.0 * width))[:, None]
    return before_clip * gaussian_filter1d(deepest, width, axis=0, mode="nearest")


def _first_attempts(standing: StandingRobot, seam: Seam) -> list[Attempt]:
    """Begin with the foot in place that leaves the other the shorter step."""
    supports = [side for side in (0, 1) if seam.feet[side].down]
    supports.sort(key=lambda side: round(step_length(standing, seam, side), 4))  # where equal, the left one
    return [Attempt(support) for support in supports]


class _Failed(Exception):
    """A way into the clip is not right."""

    def __init__(self, progress: int, reason: str, *may_mend: str) -> None:
        """Take how far it came, in frames before the clip (then more), what stopped it and what may mend it."""
        self.progress, self.reason, self.may_mend = progress, reason, may_mend
        super().__init__(reason)

    def remedies(self, attempt: Attempt) -> list[Attempt]:
        """Change one thing of an attempt to the next value to try."""
        changed = []
        for name in self.may_mend:
            values = _REMEDIES[name]
            following = values[values.index(getattr(attempt, name)) + 1 :]
            changed += [attempt._replace(**{name: value}) for value in following[:1]]
        return changed


def _solved(standing: StandingRobot, seam: Seam, plan: LeadPlan) -> Float[np.ndarray, "frames nq"]:
    """Find the pose of every frame.

    Raises:
        _Failed: The legs do not reach, or only beyond a limit.
    """
    columns = 7 + standing.leg_joints
    q = np.tile(plan.start_q, (len(plan.com_xy), 1))
    legs = q[:, columns].copy()
    ends = seam.joints(standing.leg_joints)
    land, end = plan.phases.land, plan.phases.end
    first = int(np.searchsorted(plan.time_s, land + 1e-9))
    for t in range(len(q)):
        if t == first:
            start = q[t - 1, columns]
            time_s = plan.time_s[t:]
            legs[t:] = standing.joints_meeting(time_s, start, standing.leg_joints, land, end, ends, plan.run_up_s)
        near = q[max(t - 1, 0)].copy()
        posture = plan.posture(t, standing.leg_joints, legs[t])
        if plan.raised is None or t < first:
            q[t] = _found(standing, plan, t, near, posture)
        else:
            q[t] = _raised(standing, plan, plan.raised, t, near, posture)
    for side in (0, 1):
        _relax_ankles(standing, plan, q, legs, side)
    _clip_ankles(standing, q)
    _check_limits(standing, seam, q)
    return q


def _found(
    standing: StandingRobot,
    plan: LeadPlan,
    t: int,
    near: Float[np.ndarray, " nq"],
    posture: Posture,
    raised: Raised | None = None,
) -> Float[np.ndarray, " nq"]:
    near[7 + standing.upper] = plan.upper[t]
    found = standing.solve(near, plan.com_xy[t], plan.feet(t), raised, posture)
    if found is None:
        reason = "its stance is out of reach of a step from the standing pose"
        raise _Failed(t - len(plan.com_xy), reason, "edge_rad", "drop_m")
    return found


def _raised(
    standing: StandingRobot, plan: LeadPlan, raised: Raised, t: int, near: Float[np.ndarray, " nq"], posture: Posture
) -> Float[np.ndarray, " nq"]:
    """Find a pose with a foot that leaves the floor flat and soon turns as its leg's own joints do.

    Raises:
        _Failed: The leg does not reach.
    """
    joints = 7 + standing.turning(raised.side)
    share = (plan.time_s[t] - plan.phases.lift) / (plan.phases.end - plan.phases.lift)
    off = float(hanging(np.array(min(share, 0.5))))
    angles = posture.q[joints]
    if off < 1.0:
        flat = _found(standing, plan, t, near.copy(), posture)
        angles = flat[joints] + off * (angles - flat[joints])
    near[joints] = angles
    return _found(standing, plan, t, near, posture, raised)


def _relax_ankles(
    standing: StandingRobot, plan: LeadPlan, q: Float[np.ndarray, "frames nq"], legs: np.ndarray, side: int
) -> None:
    """Let a swinging foot hang from its leg between lift-off and landing, instead of turning as its place does.

    Ankles roll by 15 degrees only, which is less than legs lean in a wide step; off the floor they need not, and the
    base need not make up for it.

    Raises:
        _Failed: The leg does not reach.
    """
    start, stop = plan.swing(side)
    if not stop:
        return
    joints = 7 + standing.turning(side)
    rigid = q[start - 1 : stop + 1, joints].copy()
    share = np.linspace(0.0, 1.0, len(rigid))[:, None]
    straight = rigid[:1] + rest_to_rest(share) * (rigid[-1:] - rigid[:1])
    off = hanging(share)
    angles = rigid + off * (straight - rigid)
    for t in range(start, stop):
        near, i = q[t].copy(), t - start + 1
        posture = plan.posture(t, standing.leg_joints, legs[t]).from_base(near, float(off[i, 0]))
        near[joints] = angles[i]
        q[t] = _found(standing, plan, t, near, posture, Raised(side, np.zeros(3)))


def _clip_ankles(standing: StandingRobot, q: Float[np.ndarray, "frames nq"]) -> None:
    """Take ankles back that are a little beyond their limits; clips have them there."""
    ankles = np.concatenate([leg[4:] for leg in standing.legs])
    angles = q[:, 7 + ankles]
    inside = np.clip(angles, standing.robot.joint_lower[ankles], standing.robot.joint_upper[ankles])
    q[:, 7 + ankles] = np.where(np.abs(angles - inside) < _CLIPPED_RAD, inside, angles)


def _check_limits(standing: StandingRobot, seam: Seam, q: Float[np.ndarray, "frames nq"]) -> None:
    """Make sure that joints are inside their ranges, or no farther outside than in the clip.

    Raises:
        _Failed: One is not.
    """
    angles, clip = q[:, 7:], seam.q[:, 7:]
    lower = np.minimum(standing.robot.joint_lower, clip.min(axis=0))
    upper = np.maximum(standing.robot.joint_upper, clip.max(axis=0))
    beyond = np.maximum(lower - angles, angles - upper) > _ROUNDING
    if beyond.any():
        t, joint = np.argwhere(beyond)[0]
        name = standing.robot.joint_names[joint]
        raise _Failed(int(t) - len(q), f"the way there takes '{name}' past its limit", "edge_rad", "drop_m", "run_up_s")


def _check(
    standing: StandingRobot, seam: Seam, plan: LeadPlan, q: Float[np.ndarray, "frames nq"], config: LeadConfig
) -> None:
    """Measure a lead.

    Raises:
        _Failed: It is not right.
    """
    n = len(q)
    whole = np.concatenate([q, seam.q])
    _check_seam(standing, whole, n, seam.fps)
    down = np.array([[foot.bears for foot in seam.feet]] * len(seam.q))
    figures = lead_figures(standing, whole, np.concatenate([plan.contact, down]), seam.fps)
    speed = np.abs(np.diff(whole[:, 7:], axis=0)) * seam.fps
    own = speed[n:].max(axis=0)
    over = speed[: n + 1].max(axis=0) / np.maximum(_SHARE_OF_SPEED * standing.robot.velocity_limit_soft, 1.05 * own)
    if over.max() > 1.0:
        raise _Failed(
            0, f"'{standing.robot.joint_names[int(over.argmax())]}' would be too fast on the way there", "run_up_s"
        )
    _check_balance(figures, seam, plan, n, config)
    if figures.sole_low_m[:n].min() < min(-0.001, figures.sole_low_m[n] - 0.001):
        raise _Failed(2, "a foot would go through the floor on the way there", "lift_m", "run_up_s")
    depth, of_arms = collisions(standing, whole[: n + 1])
    if depth[:n].max() > max(config.max_collision_m, depth[n]):
        reason = f"the robot would run {1e3 * depth[:n].max():.0f} mm into itself on the way there"
        raise _Failed(
            3,
            reason,
            *(("arms_rad", "arms_run_up_s") if of_arms[depth[:n].argmax()] else ("around_m", "lift_m", "edge_rad")),
        )


def _check_seam(standing: StandingRobot, q: Float[np.ndarray, "frames nq"], n: int, fps: float) -> None:
    """Make sure that joints accelerate no more across the seam than before and after it.

    A knee that the clip bends backwards, as far as it goes, is met by one that comes from the front: feet and weight
    are where they should be, but between the two lies the straight leg.

    Raises:
        _Failed: A joint jerks.
    """
    acceleration = np.abs(np.diff(q[:, 7:], n=2, axis=0)) * fps**2  # of index i: at frame i + 1
    allowed = _JERK * max(acceleration[: n - 2].max(initial=0.0), acceleration[n:].max()) + _SMALL_ACCELERATION
    at_seam = acceleration[n - 2 : n].max(axis=0)
    if at_seam.max() > allowed:
        raise _Failed(
            _AT_SEAM, f"'{standing.robot.joint_names[int(at_seam.argmax())]}' would jerk where the two meet", "run_up_s"
        )


def _check_balance(figures: LeadFigures, seam: Seam, plan: LeadPlan, n: int, config: LeadConfig) -> None:
    """Hold the centre of mass over what bears weight until the clip's own speed is met.

    Raises:
        _Failed: It is not.
    """
    quasi_static = max(n - round(config.meet_s * seam.fps), 0)
    margin, of_zmp = figures.com_margin_m[:quasi_static], figures.zmp_margin_m[1:quasi_static]
    if margin.min(initial=np.inf) < config.com_margin_m or of_zmp.min(initial=np.inf) < _LEAST_ZMP_MARGIN_M:
        raise _Failed(
            1, "the clip moves too fast or leans too far there to be met from standing", "run_up_s", "edge_rad"
        )
    if figures.skate[:n].max() > _MOST_SKATE:
        raise _Failed(2, "a foot that stands would slide on the way there", "run_up_s", "edge_rad")
