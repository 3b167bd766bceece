"""Turns what a simulated robot did without help into figures, a motion to look at, and a pass or a question."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from pipeline.measurement import Measurement
from pipeline.tracking.reference import Reference
from retarget.spans import Span
from robots.arrays import check_settings
from robots.motion import RobotMotion


@dataclass(frozen=True, slots=True, kw_only=True)
class PassRule:
    """When a motion counts as followed; anything else is for a human to look at, as sampling can fail by chance.

    All but the last bound how near the robot was to what it followed, the motion repaired until feet can carry it.
    """

    root_error_m: float = 0.10
    """Largest mean distance of the root [m]."""
    root_error_max_m: float = 0.30
    """Largest distance at any time [m]."""
    joint_error_rad: float = 0.15
    """Largest root mean square error of the joints [rad]."""
    root_error_to_motion_m: float = 0.25
    """Largest mean distance of the root from the motion that was asked for [m]: what is followed in its stead is to be
    the same motion, not any that can be followed."""

    def __post_init__(self) -> None:
        """Check the ranges."""
        check_settings(self)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class T2Result:
    """One attempt to follow a motion by sampling control, with no help at the root; arrays end with a fall."""

    reference: Reference
    """The motion that was asked for."""
    seed: int
    """Of the samples."""
    fell_at_s: float | None
    """When the robot fell or was lost [s]; None if it came to the end."""
    qpos: Float[np.ndarray, "n nq"]
    """States at the reference's rate, from its first sample on."""
    target_qpos: Float[np.ndarray, "n nq"]
    """What was followed: the reference repaired until feet can carry it."""
    saturated: Bool[np.ndarray, " n"]
    """Whether some motor gave all it has."""
    joint_names: tuple[str, ...]
    """Of the robot."""
    cpu_s: float
    """Processor time that it took [s]."""
    rule: PassRule
    """When it counts as followed."""

    @property
    def survival(self) -> float:
        """Share of the motion before the fall."""
        end = (len(self.reference) - 1) / self.reference.hz
        return 1.0 if self.fell_at_s is None else min(self.fell_at_s / end, 1.0)

    @property
    def root_error(self) -> Float[np.ndarray, " n"]:
        """Distance of the root from what was followed [m]."""
        return np.linalg.norm(self.qpos[:, :3] - self.target_qpos[:, :3], axis=1)

    @property
    def root_error_to_reference(self) -> Float[np.ndarray, " n"]:
        """Distance of the root from the motion that was asked for [m]."""
        return np.linalg.norm(self.qpos[:, :3] - self.reference.qpos[: len(self.qpos), :3], axis=1)

    @property
    def joint_error(self) -> Float[np.ndarray, " n"]:
        """Root mean square over the joints of their errors [rad]."""
        return np.sqrt(((self.qpos[:, 7:] - self.target_qpos[:, 7:]) ** 2).mean(axis=1))

    @property
    def seconds_per_second(self) -> float:
        """Processor time for a second of the motion that was followed."""
        return self.cpu_s * self.reference.hz / max(len(self.qpos) - 1, 1)

    @property
    def passed(self) -> bool:
        """Whether the motion counts as followed; if not, a human looks."""
        return (
            self.fell_at_s is None
            and self.root_error.mean() <= self.rule.root_error_m
            and self.root_error.max() <= self.rule.root_error_max_m
            and np.sqrt((self.joint_error**2).mean()) <= self.rule.joint_error_rad
            and self.root_error_to_reference.mean() <= self.rule.root_error_to_motion_m
        )

    @property
    def told(self) -> str:
        """One sentence on what came of it."""
        if self.fell_at_s is not None:
            end = (len(self.reference) - 1) / self.reference.hz
            return (
                f"the robot fell at {self.fell_at_s:.2f} s of {end:.2f} s with seed {self.seed}; a human should look."
            )
        near, asked = self.root_error.mean(), self.root_error_to_reference.mean()
        came = "passed" if self.passed else "the robot came to the end, but too far away for a pass,"
        look = "" if self.passed else "; a human should look"
        return (
            f"{came} with seed {self.seed}; its root is {near:.3f} m from what it followed and {asked:.3f} m from the "
            f"motion on average{look}."
        )

    def motion(self) -> RobotMotion:
        """Return the states at the motion's own rate, to be looked at.

        Not to be handed off: samples jump from one replanning to the next, by some thousand rad/s^3 of jerk.
        """
        reference = self.reference
        frames = min(int((len(self.qpos) - 1) * reference.fps / reference.hz + 1e-9) + 1, reference.n_frames)
        rows = np.rint(np.arange(frames) * reference.hz / reference.fps).astype(int)
        rows = np.minimum(rows, len(self.qpos) - 1)
        return RobotMotion.from_qpos(
            self.qpos[rows],
            fps=reference.fps,
            joint_names=self.joint_names,
            foot_contact=reference.contact[rows].astype(float),
        )


def measure_t2(result: T2Result) -> tuple[Measurement, ...]:
    """Measure how well a motion was followed without help; nothing of it judges the motion, see :class:`PassRule`."""
    fall = _fall_span(result)
    return (
        Measurement(
            name="t2_survival",
            value=result.survival,
            unit="1",
            meaning="Share of the motion before the robot, balanced by sampling control, falls",
            spans=fall,
        ),
        Measurement(
            name="t2_root_error",
            value=float(result.root_error.mean()),
            unit="m",
            meaning="Mean distance of the freely balancing robot's pelvis from where it should be",
            series=_per_frame(result, result.root_error),
        ),
        Measurement(
            name="t2_root_error_to_motion",
            value=float(result.root_error_to_reference.mean()),
            unit="m",
            meaning="Mean distance of the freely balancing robot's pelvis from where the motion has it",
            series=_per_frame(result, result.root_error_to_reference),
        ),
        Measurement(
            name="t2_root_error_max",
            value=float(result.root_error.max()),
            unit="m",
            meaning="Largest distance of the freely balancing robot's pelvis from where it should be",
            series=_per_frame(result, result.root_error),
        ),
        Measurement(
            name="t2_joint_error",
            value=float(np.sqrt((result.joint_error**2).mean())),
            unit="rad",
            meaning="Root mean square of the freely balancing robot's joint errors",
            series=_per_frame(result, result.joint_error),
        ),
        Measurement(
            name="t2_saturation",
            value=float(result.saturated.mean()),
            unit="1",
            meaning="Share of the time in which some motor of the freely balancing robot gives all it has",
            series=_per_frame(result, result.saturated.astype(float)),
        ),
        Measurement(
            name="t2_passed",
            value=float(result.passed),
            unit="1",
            meaning="1 if the motion was followed to the end without help, 0 if a human should look",
            spans=fall,
        ),
    )


def _per_frame(result: T2Result, series: Float[np.ndarray, " n"]) -> Float[np.ndarray, " frames"]:
    """Bring a series to the motion's frames; after a fall it does not apply."""
    missing = len(result.reference) - len(series)
    return result.reference.per_frame(np.pad(series, (0, missing), constant_values=np.nan))


def _fall_span(result: T2Result) -> tuple[Span, ...]:
    """Return the frame of the fall, nothing if there was none."""
    if result.fell_at_s is None:
        return ()
    frame = min(int(result.fell_at_s * result.reference.fps), result.reference.n_frames - 1)
    return ((frame, frame + 1),)
