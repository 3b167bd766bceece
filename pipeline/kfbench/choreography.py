"""What an author writes down of a choreography: key poses, footsteps and when they happen.

An author speaks in directions seen from the performer: forward, left and up on the floor; outward, up and forward
for an arm seen from the chest. :mod:`pipeline.kfbench.performance` turns that into SMPL rotations.
Angles are degrees here, because people author in degrees.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Foot = Literal["left", "right"]
FEET: tuple[Foot, Foot] = ("left", "right")
Vector = tuple[float, float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    """Pose of one arm seen from the chest; the same numbers on both sides are a mirror image."""

    upper: Vector
    """Direction from shoulder to elbow: outward, up, forward."""
    fore: Vector
    """Direction from elbow to wrist. Never quite along ``upper``: it tells which way the elbow folds."""
    twist: float = 0.0
    """Turn of the hand about the forearm; 0 = as in SMPL's rest pose, positive turns the palm forward and up [deg]."""
    wrist: float = 0.0
    """Extension of the wrist, the back of the hand towards the forearm [deg]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """What the body should be at one moment; a part left at None is not pinned then."""

    t: float
    """Time [s]."""
    weight: float | None = None
    """Share of the weight on the left foot, 0 to 1, while both are down; footsteps say the rest."""
    height: float | None = None
    """Pelvis height as a share of that of straight standing."""
    pelvis: Vector | None = None
    """Yaw to the left in the world, pitch forward, lean to the left [deg]."""
    spine: Vector | None = None
    """Yaw to the left, pitch forward and lean to the left of the chest relative to the pelvis [deg]."""
    head: Vector | None = None
    """Yaw to the left, pitch forward and lean to the left of the head relative to the chest [deg]."""
    left: Arm | None = None
    """Left arm."""
    right: Arm | None = None
    """Right arm."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Via:
    """A point that a foot passes on its way through the air."""

    t: float
    """Time [s]."""
    pos: Vector
    """Forward, left on the stage and up above where the ankle is in stance, in leg lengths."""
    pitch: float
    """Toes down positive [deg]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One foot leaves the floor and comes down elsewhere, flat both times."""

    foot: Foot
    """Which foot."""
    lift: float
    """Time it leaves the floor [s]."""
    land: float
    """Time it is down again [s]."""
    to: tuple[float, float]
    """Where the ankle comes down: forward and left on the stage, in leg lengths."""
    yaw: float
    """Direction of the foot then, to the left of forward [deg]."""
    clearance: float = 0.09
    """Height of the arc, in leg lengths; unused if there are points to pass."""
    via: tuple[Via, ...] = ()
    """Points to pass instead of a plain arc, e.g. of a kick."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choreography:
    """A short piece: where the feet start, what they do, and the key poses over them."""

    name: str
    """File name of the clip."""
    title: str
    """What a person would call it."""
    duration: float
    """Length [s]."""
    start: dict[Foot, tuple[float, float, float]]
    """Forward, left [leg lengths] and yaw [deg] of each ankle at the start."""
    steps: tuple[Step, ...]
    """Footsteps in the order of time."""
    keys: tuple[Key, ...]
    """Key poses in the order of time; the first pins everything."""
    holds: tuple[tuple[float, float], ...]
    """Spans of time in which a pose is held: there the piece is in static balance."""
    arm_lag: float = 0.0
    """How far forearms and hands trail the keys, as in any unhurried movement [s]."""
