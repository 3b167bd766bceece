"""A short kung-fu form: horse stance, three palm punches, rising block in a bow stance, front kick, turn, salute."""

from __future__ import annotations

from pipeline.kfbench.choreography import Arm, Choreography, Key, Step, Via

HANGING = Arm(upper=(0.16, -1.0, 0.0), fore=(0.10, -1.0, 0.22))
SWEEP = Arm(upper=(0.9, 0.1, 0.4), fore=(0.7, 0.45, 0.6), wrist=15)
GATHER = Arm(upper=(0.45, -0.5, 0.6), fore=(-0.35, 0.55, 0.8), twist=20, wrist=10)
CHAMBER = Arm(upper=(0.18, -0.72, -0.66), fore=(-0.02, 0.02, 1.0), twist=75)
PUNCH = Arm(upper=(-0.12, -0.10, 1.0), fore=(-0.20, 0.02, 1.0), wrist=55)
GUARD = Arm(upper=(0.30, -0.80, 0.45), fore=(-0.35, 0.70, 0.65), twist=10, wrist=25)
BLOCK = Arm(upper=(0.60, 0.62, 0.55), fore=(-0.75, 0.75, 0.30), twist=-50, wrist=20)
SALUTE = Arm(upper=(0.50, -0.72, 0.50), fore=(-0.80, 0.28, 0.62), twist=10, wrist=10)

KUNGFU_FORM = Choreography(
    name="kungfu_form",
    title="Kung-fu form",
    duration=6.6,
    start={"left": (0.0, 0.13, 10.0), "right": (0.0, -0.13, -12.0)},
    steps=(
        Step(foot="left", lift=0.55, land=0.95, to=(0.0, 0.69), yaw=18.0),
        Step(foot="left", lift=2.85, land=3.20, to=(0.47, 0.32), yaw=52.0),
        Step(
            foot="right",
            lift=3.76,
            land=5.00,
            to=(0.52, -0.02),
            yaw=-6.0,
            via=(
                Via(t=3.96, pos=(0.22, 0.05, 0.15), pitch=24.0),
                Via(t=4.18, pos=(0.80, 0.44, 0.48), pitch=20.0),
                Via(t=4.42, pos=(1.13, 0.86, 0.82), pitch=-50.0),
                Via(t=4.64, pos=(0.80, 0.42, 0.46), pitch=10.0),
            ),
        ),
        Step(foot="left", lift=5.20, land=5.55, to=(0.52, 0.24), yaw=8.0),
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
        # Step out and sink into the horse stance.
        Key(t=0.50, height=0.965),
        Key(t=0.65, left=SWEEP, right=SWEEP, head=(0, -4, 0)),
        Key(t=0.85, height=0.81),
        Key(t=0.95, left=GATHER, right=GATHER),
        Key(
            t=1.25,
            weight=0.5,
            height=0.73,
            pelvis=(0, 4, 0),
            spine=(0, 2, 0),
            head=(0, -3, 0),
            left=CHAMBER,
            right=CHAMBER,
        ),
        Key(t=1.50, weight=0.5, height=0.73, pelvis=(0, 4, 0), spine=(0, 2, 0), left=CHAMBER, right=CHAMBER),
        # Right, left, right.
        Key(t=1.75, pelvis=(8, 4, 0), spine=(24, 3, 0), head=(-30, -3, 0), left=CHAMBER, right=PUNCH),
        Key(t=1.90, pelvis=(8, 4, 0), spine=(24, 3, 0), head=(-30, -3, 0), left=CHAMBER, right=PUNCH),
        Key(t=2.16, pelvis=(-8, 4, 0), spine=(-24, 3, 0), head=(30, -3, 0), left=PUNCH, right=CHAMBER),
        Key(t=2.30, pelvis=(-8, 4, 0), spine=(-24, 3, 0), head=(30, -3, 0), left=PUNCH, right=CHAMBER),
        Key(
            t=2.56,
            weight=0.5,
            height=0.73,
            pelvis=(8, 4, 0),
            spine=(24, 3, 0),
            head=(-30, -3, 0),
            left=CHAMBER,
            right=PUNCH,
        ),
        Key(t=2.66, pelvis=(8, 4, 0), spine=(24, 3, 0), head=(-30, -3, 0), left=CHAMBER, right=PUNCH),
        # Turn into the bow stance under a rising block.
        Key(t=2.95, height=0.78, left=GATHER, right=GUARD, head=(0, 0, 0)),
        Key(
            t=3.40,
            weight=0.62,
            height=0.79,
            pelvis=(46, 5, 0),
            spine=(10, 4, 0),
            head=(-4, -4, 0),
            left=BLOCK,
            right=PUNCH,
        ),
        Key(
            t=3.60,
            weight=0.64,
            height=0.79,
            pelvis=(46, 5, 0),
            spine=(10, 4, 0),
            head=(-4, -4, 0),
            left=BLOCK,
            right=PUNCH,
        ),
        # Front kick over the left foot.
        Key(t=3.78, height=0.755, pelvis=(46, 2, 0)),
        Key(t=3.98, height=0.85),
        Key(t=4.05, left=GUARD, right=GUARD),
        Key(t=4.20, height=0.94, pelvis=(48, -6, 3), spine=(0, 6, 0), head=(0, 0, 0)),
        Key(t=4.42, height=0.95, pelvis=(52, -14, 4), spine=(-6, 8, 0), head=(0, 2, 0), left=GUARD, right=GUARD),
        Key(t=4.64, height=0.94, pelvis=(46, -4, 2), spine=(0, 6, 0)),
        # Turn back and close.
        Key(t=4.98, height=0.92, pelvis=(22, 3, 0), spine=(0, 3, 0), head=(-8, 0, 0)),
        Key(t=5.20, height=0.95),
        Key(t=5.50, pelvis=(2, 0, 0), spine=(0, 0, 0), head=(0, 0, 0), left=SALUTE, right=SALUTE),
        Key(t=5.80, weight=0.5, height=0.985, pelvis=(0, 0, 0), head=(0, 8, 0), left=SALUTE, right=SALUTE),
        Key(t=5.90, left=SALUTE, right=SALUTE, head=(0, 8, 0)),
        Key(
            t=6.35,
            weight=0.5,
            height=0.985,
            pelvis=(0, 0, 0),
            spine=(0, 0, 0),
            head=(0, 0, 0),
            left=HANGING,
            right=HANGING,
        ),
        Key(t=6.60, left=HANGING, right=HANGING),
    ),
    holds=((0.0, 0.1), (1.38, 1.45), (6.50, 6.60)),
)
