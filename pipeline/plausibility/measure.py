"""Turns a human motion into measurements: balance, ground, feet and speeds of the body that it moves."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float
from scipy import sparse

from pipeline.body import SkinnedBody
from pipeline.flight_physics import fit_flights
from pipeline.measurement import Measurements
from pipeline.plausibility.body_parts import body_parts
from pipeline.plausibility.breaks import in_girdles, in_pelvis, measure_breaks
from pipeline.plausibility.feet import Feet, measure_feet
from pipeline.plausibility.flights import falling_frames, measure_flights
from pipeline.plausibility.ground import measure_ground, measure_heights
from pipeline.plausibility.ground_curve import GroundConfig, ground_curve
from pipeline.plausibility.joint_ranges import measure_joint_ranges
from pipeline.plausibility.smoothness import measure_smoothness
from pipeline.plausibility.speeds import measure_speeds
from pipeline.plausibility.stability import centre_of_pressure, measure_stability
from pipeline.plausibility.support import SupportConfig, find_support
from pipeline.plausibility.trust import measure_trust
from retarget.smpl_motion import SmplMotion
from retarget.smpl_skeleton import SMPL_JOINT_NAMES
from robots.arrays import check_settings


@dataclass(frozen=True, slots=True, kw_only=True)
class PlausibilityConfig:
    """What the words "stable", "contact" and "flight" mean in the measurements of a human motion."""

    stable_distance: float = 0.1
    """A frame is stable while the centres of mass and pressure are closer than this [m] (PBHC)."""
    contact_speed: float = 0.6
    """A foot bears weight below this speed [m/s] (PBHC: 1.34 m/s, which a swinging foot keeps too) ..."""
    contact_height: float = 0.05
    """... and below this height of its sole over the ground [m]."""
    airborne_height: float = 0.03
    """The body is in the air when its lowest point is higher than this over the ground [m]."""
    min_flight: float = 0.09
    """Shorter times in the air are no flight [s]: in them a body rises by a centimetre."""
    ballistic_tolerance: float = 2.5
    """How far from g the fall of the centre of mass may be in flight [m/s^2]."""
    largest_misfit: float = 0.02
    """Flights whose path leaves its parabola by more (RMS) tell nothing of the playback speed [m]."""
    support: SupportConfig = field(default_factory=SupportConfig)
    """When the lowest part of the body carries it."""
    ground: GroundConfig = field(default_factory=GroundConfig)
    """How the ground that carries it may move over time."""

    def __post_init__(self) -> None:
        """Check ranges.

        Raises:
            InvalidArray: A number is outside its range.
        """
        check_settings(self, positive=("stable_distance", "contact_speed", "contact_height", "min_flight"))


def measure_human(motion: SmplMotion, body: SkinnedBody, config: PlausibilityConfig) -> Measurements:
    """Measure balance, ground, penetration, floating, skate, speeds and how much was seen.

    Heights are over the ground that the standing feet show; its own height is a measurement. Every series has
    one value a frame; what is a difference of frames stands at the frame where it begins. No value changes if
    the whole motion is turned about the vertical or moved horizontally; moved vertically, only the ground's height
    does. The skin is posed some frames at a time: memory grows by a few kilobytes a frame.

    Raises:
        WrongBody: The motion belongs to another body.
        StaleRestJoints: The motion's rest joints are not this body's.
    """
    parts = body_parts(body, motion.betas)
    feet = Feet.of(motion, body, slow=config.contact_speed, low=config.contact_height)
    support = find_support(motion, body, config.support)
    curve = ground_curve(support.height, support.held, motion.fps, config.ground)
    lowest, pressure_pos = _skin_pass(motion, body, parts.area.sum(axis=0), feet.ground)
    centres = body.points(motion, sparse.csr_array(np.stack([parts.pressure_com_weights, parts.com_weights])))
    com_pos = centres[:, 1] - curve[:, None] * np.array([0.0, 0.0, 1.0])
    airborne = (support.height - curve > config.airborne_height) & ~support.held
    flights = fit_flights(com_pos, airborne, motion.fps, min_flight=config.min_flight)
    falling = falling_frames(flights, len(motion), tolerance=config.ballistic_tolerance)
    joint_pos_w, root_rot_w, chest_rot_w = joint_paths(motion)
    local = in_pelvis(joint_pos_w, root_rot_w)
    girdled = in_girdles(local, root_rot_w, chest_rot_w)
    distance = np.linalg.norm(centres[:, 0, :2] - pressure_pos, axis=1)
    return Measurements(
        stage="plausibility",
        fps=motion.fps,
        n_frames=len(motion),
        items=(
            *measure_stability(distance, motion.fps, config.stable_distance),
            *measure_heights(lowest - feet.ground, falling),
            *measure_ground(support, curve, feet, falling),
            *measure_feet(feet),
            *measure_flights(flights, airborne, largest_misfit=config.largest_misfit),
            *measure_speeds(joint_pos_w, root_rot_w, motion.fps),
            *measure_breaks(joint_pos_w[:, 0], root_rot_w, local, girdled, motion.fps),
            *measure_joint_ranges(motion.body_pose),
            *measure_smoothness(local, motion.fps),
            *measure_trust(np.asarray(motion.joint_trust)),
        ),
    )


def joint_paths(
    motion: SmplMotion,
) -> tuple[Float[np.ndarray, "frames 24 3"], Float[np.ndarray, "frames 3 3"], Float[np.ndarray, "frames 3 3"]]:
    """World positions of the joints [m], world rotations of pelvis and chest, without those of all the other joints."""
    pos, root_rot, chest_rot = (
        np.empty((len(motion), 24, 3)),
        np.empty((len(motion), 3, 3)),
        np.empty((len(motion), 3, 3)),
    )
    for start in range(0, len(motion), 512):
        part = slice(start, start + 512)
        pos[part], rot = motion.frames(start, start + 512).joints()
        root_rot[part], chest_rot[part] = rot[:, 0], rot[:, SMPL_JOINT_NAMES.index("spine3")]
    return pos, root_rot, chest_rot


def _skin_pass(
    motion: SmplMotion, body: SkinnedBody, area: Float[np.ndarray, " verts"], ground: float
) -> tuple[Float[np.ndarray, " frames"], Float[np.ndarray, "frames 2"]]:
    """Pose the whole skin once: its lowest height [m] and centre of pressure [m] in each frame."""
    lowest, pressure_pos = [], []
    for verts_w in body.iter_verts(motion):
        lowest.append(verts_w[..., 2].min(axis=1))
        pressure_pos.append(centre_of_pressure(verts_w, area, ground))
    return np.concatenate(lowest), np.concatenate(pressure_pos)
