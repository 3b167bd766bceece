"""A short dance: side steps with arm waves, sways with a reach to each side, a full turn on small steps, a nod."""

from __future__ import annotations

import math

from pipeline.kfbench.choreography import Arm, Choreography, Foot, Key, Step

HANGING = Arm(upper=(0.16, -1.0, 0.0), fore=(0.10, -1.0, 0.22))
LOW = Arm(upper=(0.45, -0.85, 0.20), fore=(0.55, -0.60, 0.60), twist=30, wrist=-15)
SIDE = Arm(upper=(1.0, -0.10, 0.10), fore=(0.9, 0.10, 0.40), twist=15, wrist=20)
HIGH = Arm(upper=(0.70, 0.75, 0.15), fore=(0.15, 1.0, 0.25), twist=20, wrist=-15)
REACH = Arm(upper=(0.92, 0.50, 0.12), fore=(0.75, 0.72, 0.28), twist=25, wrist=25)
CROSS = Arm(upper=(0.15, -0.62, 0.78), fore=(-0.80, 0.15, 0.62), twist=20, wrist=-10)
CROWN = Arm(upper=(0.62, 0.85, 0.10), fore=(-0.35, 1.0, 0.22), twist=35, wrist=-10)
HUG = Arm(upper=(0.70, -0.32, 0.62), fore=(-0.70, 0.10, 0.78), twist=10, wrist=5)

_CENTRE = (0.0, 0.80)  # where the turn happens: forward, left
_HALF_STANCE = 0.15


def _turning_step(foot: Foot, lift: float, land: float, *, heading: float, yaw: float) -> Step:
    """Set a foot down beside the turning point, as the pelvis stands to it at that moment."""
    side = _HALF_STANCE if foot == "left" else -_HALF_STANCE
    angle = math.radians(heading)
    to = (_CENTRE[0] - side * math.sin(angle), _CENTRE[1] + side * math.cos(angle))
    return Step(foot=foot, lift=lift, land=land, to=to, yaw=yaw, clearance=0.07)


DANCE = Choreography(
    name="dance",
    title="Dance",
    duration=6.8,
    start={"left": (0.0, 0.13, 10.0), "right": (0.0, -0.13, -10.0)},
    steps=(
        Step(foot="left", lift=0.50, land=0.85, to=(0.0, 0.50), yaw=15.0),
        Step(foot="right", lift=1.05, land=1.38, to=(0.0, 0.20), yaw=-10.0),
        Step(foot="left", lift=1.55, land=1.90, to=(0.0, 0.95), yaw=18.0),
        Step(foot="right", lift=3.14, land=3.50, to=(0.0, 0.65), yaw=10.0),
        _turning_step("left", 3.72, 3.98, heading=70, yaw=85),
        _turning_step("right", 4.10, 4.36, heading=130, yaw=130),
        _turning_step("left", 4.48, 4.74, heading=195, yaw=215),
        _turning_step("right", 4.86, 5.12, heading=260, yaw=258),
        _turning_step("left", 5.24, 5.50, heading=325, yaw=345),
        _turning_step("right", 5.62, 5.88, heading=360, yaw=350),
    ),
    keys=(
        Key(
            t=0.0,
            weight=0.5,
            height=0.985,
            pelvis=(0, 0, 0),
            spine=(0, 0, 0),
            head=(0, 0, 0),
            left=HANGING,
            right=HANGING,
        ),
        Key(
            t=0.2,
            weight=0.5,
            height=0.985,
            pelvis=(0, 0, 0),
            spine=(0, 0, 0),
            head=(0, 0, 0),
            left=HANGING,
            right=HANGING,
        ),
        # Side, together, side: a wave opens from the left hand to the right.
        Key(t=0.48, height=0.96, pelvis=(0, 0, -3)),
        Key(t=0.65, left=LOW, right=HANGING, spine=(0, 0, -5)),
        Key(t=0.85, height=0.94, left=SIDE, right=LOW, head=(12, 0, 4)),
        Key(t=1.05, height=0.95, pelvis=(4, 0, 6), spine=(4, 0, 8), left=REACH, right=SIDE, head=(20, -6, -4)),
        Key(t=1.38, height=0.965, pelvis=(0, 0, -2), spine=(-4, 0, -4), left=SIDE, right=REACH, head=(-10, -4, 0)),
        Key(t=1.52, height=0.95),
        Key(t=1.75, left=CROSS, right=CROSS, spine=(0, 6, 0), head=(0, 8, 0)),
        Key(t=1.90, height=0.87, pelvis=(0, 3, 0)),
        # Sway left, right, left with a long reach.
        Key(
            t=2.25,
            weight=0.84,
            height=0.87,
            pelvis=(8, 2, -8),
            spine=(12, -2, 18),
            head=(24, -6, 4),
            left=REACH,
            right=HUG,
        ),
        Key(
            t=2.68,
            weight=0.16,
            height=0.87,
            pelvis=(-8, 2, 8),
            spine=(-12, -2, -18),
            head=(-24, -6, -4),
            left=HUG,
            right=REACH,
        ),
        Key(
            t=3.02,
            weight=0.90,
            height=0.86,
            pelvis=(4, 2, -5),
            spine=(6, -2, 10),
            head=(12, -6, 2),
            left=HIGH,
            right=LOW,
        ),
        Key(t=3.14, height=0.86),
        Key(t=3.44, height=0.95, pelvis=(6, 0, 0), spine=(-6, 0, 0), head=(0, 0, 0), left=HIGH, right=SIDE),
        # A full turn to the left with the arms closing into a crown.
        Key(t=3.70, height=0.955, pelvis=(16, 0, 0), spine=(-12, 0, 0), left=SIDE, right=SIDE, head=(-4, 0, 0)),
        Key(t=4.00, height=0.955, pelvis=(54, 0, 0), spine=(6, 0, 0), left=HUG, right=HUG),
        Key(t=4.38, pelvis=(114, 0, 0), spine=(8, 0, 0), left=HIGH, right=HIGH, head=(14, 0, 0)),
        Key(t=4.76, pelvis=(176, 0, 0), left=CROWN, right=CROWN, head=(18, -4, 0)),
        Key(t=5.14, pelvis=(240, 0, 0)),
        Key(t=5.30, left=CROWN, right=CROWN, head=(18, -4, 0)),
        Key(t=5.52, height=0.955, pelvis=(306, 0, 0), spine=(4, 0, 0), head=(8, -4, 0)),
        Key(t=5.66, left=HIGH, right=HIGH),
        Key(t=5.90, height=0.965, pelvis=(350, 0, 0), spine=(0, 0, 0), left=SIDE, right=SIDE, head=(0, 0, 0)),
        # Close with a nod.
        Key(
            t=6.20, weight=0.5, height=0.985, pelvis=(360, 0, 0), spine=(0, 4, 0), head=(0, 12, 0), left=LOW, right=LOW
        ),
        Key(
            t=6.60,
            weight=0.5,
            height=0.985,
            pelvis=(360, 0, 0),
            spine=(0, 0, 0),
            head=(0, 0, 0),
            left=HANGING,
            right=HANGING,
        ),
        Key(t=6.80, left=HANGING, right=HANGING),
    ),
    holds=((0.0, 0.1), (6.70, 6.80)),
    arm_lag=0.06,
)
