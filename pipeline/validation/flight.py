"""Turns the spans in which the robot touches nothing into what gravity says of them, and of the playback speed."""

from __future__ import annotations

from dataclasses import dataclass

import mujoco
import numpy as np
from jaxtyping import Bool, Float

from pipeline.flight_physics import (
    Flight,
    PlaybackSpeed,
    clears_floor,
    fit_flights,
    joins_its_ends,
    measure_playback,
    playback_speed,
)
from pipeline.measurement import Measurement, largest, spans_where
from pipeline.validation.body_geometry import BodyGeometry
from pipeline.validation.feet import Stance
from retarget.spans import Span
from robots.kinematics import generalised_velocities
from robots.model import RobotModel

STEERED = 0.3
"""Share of its fall by which a body in the air may be moved sideways; beyond it something else than gravity acts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Flights:
    """The motion's spans in the air and the parabolas of its centre of mass in them."""

    fps: float
    airborne: Bool[np.ndarray, " frames"]
    """Frames in which the robot clears the floor and no label says otherwise."""
    fits: tuple[Flight, ...]
    """One for each span that is long enough."""
    speed: PlaybackSpeed
    """What they say of the speed of playback."""

    @classmethod
    def of(
        cls,
        geometry: BodyGeometry,
        stance: Stance,
        *,
        clearance: tuple[float, float],
        min_flight: float,
        path_noise: float,
        largest_misfit: float,
        doubtful_height: float,
    ) -> Flights:
        """Find the flights and fit them.

        Args:
            geometry: Of the motion.
            stance: Of the same.
            clearance: The robot is in the air while its lowest point is above the first, if it reaches the second [m].
            min_flight: Shorter spans are no flight [s].
            path_noise: Error of the centre of mass's height [m].
            largest_misfit: Only flights that leave their parabola by less than this tell time [m].
            doubtful_height: A robot that gets no higher than this [m] may have been on its toes; such a flight tells
                time only where its path is a parabola within the noise.
        """
        com_pos_w, fps = geometry.com_pos_w, stance.fps
        clear = clears_floor(geometry.lowest_height, lowest=clearance[0], peak=clearance[1])
        airborne = clear & ~stance.contact.any(axis=1)
        fits = fit_flights(com_pos_w, airborne, fps, min_flight=min_flight, path_noise=path_noise)

        def clearance_of(span: Span) -> float:
            return float(geometry.lowest_height[slice(*span)].max())

        rulers = tuple(
            fit
            for fit in fits
            if fit.rms < (path_noise if clearance_of(fit.span) < doubtful_height else largest_misfit)
            and fit.horizontal_acc < STEERED * -fit.vertical_acc
            and joins_its_ends(fit, com_pos_w[:, 2], fps)
        )
        return cls(fps=fps, airborne=airborne, fits=fits, speed=playback_speed(rulers))

    def falling(self, tolerance: float) -> Bool[np.ndarray, " frames"]:
        """Frames of the flights that fall with g within a tolerance [m/s^2] and their own uncertainty."""
        falling = np.zeros(len(self.airborne), dtype=bool)
        for fit in self.fits:
            falling[slice(*fit.span)] = fit.acc_error <= tolerance + 2 * fit.vertical_acc_error
        return falling


def measure_flight(
    robot: RobotModel,
    qpos: Float[np.ndarray, "frames nq"],
    flights: Flights,
    lowest_height: Float[np.ndarray, " frames"],
    *,
    doubtful_height: float,
) -> tuple[Measurement, ...]:
    """Measure whether flights fall with g, keep their momentum, and at what speed they are played.

    In the air gravity alone acts: the centre of mass falls with 9.81 m/s^2 and the angular momentum about it is
    constant. The acceleration is told beyond what the length of the flight leaves open (twice its standard error).

    Args:
        robot: Whose motion.
        qpos: In the robot's order of joints.
        flights: Of this motion.
        lowest_height: Of the robot's lowest point [m].
        doubtful_height: A robot that never gets higher than this [m] may have been on its toes.
    """
    error, misfit, turning = (np.zeros(len(qpos)) for _ in range(3))
    for fit in flights.fits:
        span = slice(*fit.span)
        if lowest_height[span].max() < doubtful_height:
            continue
        error[span] = max(fit.acc_error - 2 * fit.vertical_acc_error, 0.0)
        misfit[span] = fit.rms
        turning[span] = momentum_rate(robot, qpos[span], flights.fps)
    spans = spans_where(flights.airborne)
    speed = flights.speed
    return (
        Measurement(
            name="flight_share",
            value=flights.airborne.mean(),
            unit="1",
            meaning="Share of frames in which the robot is in the air",
            series=flights.airborne.astype(float),
            spans=spans,
        ),
        largest(
            "flight_acc_error", error, "m/s^2", "Furthest that a flight's acceleration is from free fall, for sure"
        ),
        largest("flight_misfit", misfit, "m", "Furthest (RMS) that the centre of mass leaves the parabola of a flight"),
        largest("flight_momentum_rate", turning, "N m", "Largest change of angular momentum within a flight"),
        *measure_playback(speed),
    )


def momentum_rate(robot: RobotModel, qpos: Float[np.ndarray, "frames nq"], fps: float) -> float:
    """Size of the steady rate of change of the angular momentum about the centre of mass within a flight [N m]."""
    if len(qpos) < 5:  # two inner frames are differences of four; fewer tell nothing of a rate
        return 0.0
    model = robot.mj_model()
    data = mujoco.MjData(model)
    root = model.body(robot.body_names[0]).id
    qvel = generalised_velocities(model, qpos, fps)[1:-1]
    momentum = np.empty((len(qvel), 3))
    for i, (q, v) in enumerate(zip(qpos[1:-1], qvel, strict=True)):
        data.qpos[:], data.qvel[:] = q, v
        mujoco.mj_kinematics(model, data)
        mujoco.mj_comPos(model, data)
        mujoco.mj_comVel(model, data)
        mujoco.mj_subtreeVel(model, data)
        momentum[i] = data.subtree_angmom[root]
    time = np.arange(len(momentum)) / fps
    return float(np.linalg.norm(np.polyfit(time - time.mean(), momentum, 1)[0]))
