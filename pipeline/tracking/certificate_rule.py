"""Turns what a robot did along a plan, and what the plan changed, into whether that certifies the motion.

A robot that comes to the end of a plan shows nothing of a motion that the plan left: a standing pose that slides over
the floor becomes one that stands where it is, which any controller can do.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from robots.arrays import check_settings
from robots.kinematics import link_poses
from robots.model import RobotModel


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Repair:
    """What a plan moves of the grounded motion, one value a frame; zero without a plan."""

    links: Float[np.ndarray, " frames"]
    """Mean distance of the links from where they were [m]."""
    shift: Float[np.ndarray, " frames"]
    """Part of it that moves the body as a whole along the floor: the mean of the links' horizontal ways [m]."""
    posture: Float[np.ndarray, " frames"]
    """Mean distance of the links with that taken off: feet laid flat, swings raised, limbs that balance [m]."""
    ankle: Float[np.ndarray, " frames"]
    """Largest change of an ankle's angle [rad]."""

    @classmethod
    def none(cls, n_frames: int) -> Repair:
        """Return what no plan moves."""
        nothing = np.zeros(n_frames)
        return cls(links=nothing, shift=nothing, posture=nothing, ankle=nothing)

    @classmethod
    def of(
        cls, robot: RobotModel, before: Float[np.ndarray, "frames nq"], after: Float[np.ndarray, "frames nq"]
    ) -> Repair:
        """Say what lies between the states of a motion and of its plan."""
        moved = link_poses(robot, after)[0] - link_poses(robot, before)[0]
        along = moved.mean(axis=1, keepdims=True) * [1.0, 1.0, 0.0]
        model = robot.mj_model()
        feet = [model.body(name).id for name in robot.foot_body_names]
        columns = [int(model.jnt_qposadr[model.body_jntadr[b]]) for f in feet for b in (f, model.body_parentid[f])]
        return cls(
            links=np.linalg.norm(moved, axis=2).mean(axis=1),
            shift=np.linalg.norm(along[:, 0], axis=1),
            posture=np.linalg.norm(moved - along, axis=2).mean(axis=1),
            ankle=np.abs(after - before)[:, columns].max(axis=1),
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Evidence:
    """A run to the end of a plan."""

    root_error: Float[np.ndarray, " steps"]
    """Distance of the root from the plan's [m]."""
    joint_error: Float[np.ndarray, " steps"]
    """Root mean square over the joints of their distance from the plan [rad]."""
    unsolved_share: float
    """Share of the control steps whose programme had no solution."""
    others_share: float
    """Share of the frames in which a part other than the feet was at the floor, which it does not feel."""
    repair: Repair
    """What the plan had changed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateRule:
    """How near the robot must be to its plan, and the plan to the motion, for the motion to be certified.

    In PBHC's punch and Charleston, which robots have danced, the root is 0.01 m from the plan on average and 0.06 m at
    most, the joints 0.04 rad; the plans shift the robot by 0.03 m on average and 0.09 m at most, and the posture by
    0.06 m. Recorded walks, a jump and gestures that are certified stay under 0.06 m, 0.15 m and 0.07 m in these.
    """

    root_error_m: float = 0.10
    """Largest mean distance of the root from the plan's [m]."""
    root_error_max_m: float = 0.30
    """Largest distance at any time [m]."""
    joint_error_rad: float = 0.15
    """Largest root mean square error of the joints [rad]."""
    unsolved_share: float = 0.01
    """Largest share of control steps in which the controller found no torques."""
    others_share: float = 0.02
    """Largest share of frames with hands, knees or trunk in the floor: on a floor that they felt it would have been
    another run."""
    shift_m: float = 0.25
    """Largest mean distance by which the plan moves the robot along the floor [m]: a short step."""
    shift_max_m: float = 0.6
    """Largest such distance at any time [m]."""
    posture_m: float = 0.15
    """Largest mean distance by which it moves the links besides that [m]."""

    def __post_init__(self) -> None:
        """Check ranges.

        Raises:
            InvalidArray: A number is outside its range.
        """
        check_settings(self, at_most_one=("unsolved_share", "others_share"))

    def objection(self, seen: Evidence) -> str:
        """Return why a run certifies nothing, without a full stop; an empty text where it does."""
        repair, joints = seen.repair, float(np.sqrt((seen.joint_error**2).mean()))
        left, other = "The simulated robot left the plan", "The plan is another motion: it moves"
        found = (
            (
                "The controller found no torques in",
                100 * seen.unsolved_share,
                100 * self.unsolved_share,
                "% of its steps",
            ),
            (
                "Hands, knees or trunk sank into the floor in",
                100 * seen.others_share,
                100 * self.others_share,
                "% of frames",
            ),
            (f"{left}: its root is away by", seen.root_error.mean(), self.root_error_m, "m on average"),
            (f"{left}: its root is away by", seen.root_error.max(), self.root_error_max_m, "m at worst"),
            (f"{left}: its joints are away by", joints, self.joint_error_rad, "rad on average"),
            (f"{other} the robot along the floor by", repair.shift.mean(), self.shift_m, "m on average"),
            (f"{other} the robot along the floor by", repair.shift.max(), self.shift_max_m, "m at worst"),
            (f"{other} the links, besides along the floor, by", repair.posture.mean(), self.posture_m, "m on average"),
        )
        for text, value, most, of in found:
            if not value <= most:  # NaN meets no bound
                return f"{text} {value:.2f} {of}, more than {most:g}"
        return ""
