"""Tells which stances cannot be held: the human did not hold them, or the robot could not."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from retarget.engine.poses import ClipPoses
from retarget.result import InfeasibleStance
from retarget.robot_tasks import RobotTasks
from retarget.spans import Span
from retarget.stance_targets import PlantingConfig, StanceTargets, region_points
from retarget.targets import BodyTargets

_WITNESS = 0.5
"""Trust factor below which a foot's place says nothing against its stance."""


def doubtful_stances(
    targets: BodyTargets,
    foot_factor: Float[np.ndarray, "frames feet"],
    spans: Sequence[Sequence[Span]],
    tasks: RobotTasks,
    config: PlantingConfig,
) -> tuple[InfeasibleStance, ...]:
    """Stances that the human's own body belies: an anchor would hold the whole robot back.

    Only a foot that was seen can belie its stance, unless it was not seen in all of it. The point of a region that
    moves least is what counts: who stands on the toes lifts the heel, who kneels turns about the knee.

    Args:
        targets: What the human asks of the robot.
        foot_factor: Factor of each foot's prices by how well it was seen.
        spans: Stances of each region of ``tasks``.
        tasks: The robot.
        config: How much is too much.
    """
    found = []
    for region, stances in enumerate(spans):
        points = region_points(targets, tasks, region)
        if points is None:
            continue
        for start, stop in stances:
            place = points[start:stop]
            if region < tasks.n_feet:
                seen = foot_factor[start:stop, region] >= _WITNESS
                place = place[seen] if seen.any() else place
            slid = float(np.linalg.norm((place - np.median(place, axis=0))[..., :2], axis=-1).max(axis=0).min())
            lifted = float(place[..., 2].min(axis=1).max()) - tasks.patches[region].radius
            span = {"region": tasks.regions[region], "start": start, "stop": stop}
            if slid > config.slide_m:
                found.append(InfeasibleStance(**span, reason="slid", error_m=slid))
            elif lifted > config.lift_m:
                found.append(InfeasibleStance(**span, reason="in the air", error_m=lifted))
    return tuple(found)


def unheld_stances(
    poses: ClipPoses,
    planted: StanceTargets,
    spans: Sequence[Sequence[Span]],
    tasks: RobotTasks,
    config: PlantingConfig,
) -> tuple[InfeasibleStance, ...]:
    """Stances that left their anchor or the floor by more than is allowed; the worst at each time.

    One foot that cannot stay may drag others along: only the worst of those at the same time is to blame.

    Args:
        poses: Where the robot came to be.
        planted: Where it was held.
        spans: Stances of each region of ``tasks`` that were planted.
        tasks: The robot.
        config: How much is too much.
    """
    off_anchor = np.linalg.norm((poses.pos_w - planted.clip.pos_w)[..., :2], axis=-1) * planted.held
    unheld = []
    for region, stances in enumerate(spans):
        off = np.maximum(off_anchor[:, tasks.anchor_tasks(region)].max(axis=1), np.abs(poses.patch_height[:, region]))
        for start, stop in stances:
            far = float(off[start:stop].max())
            if far > config.reach_m:
                span = {"region": tasks.regions[region], "start": start, "stop": stop}
                unheld.append(InfeasibleStance(**span, reason="out of reach", error_m=far))
    return tuple(
        s for s in unheld if not any(o.error_m > s.error_m and o.start < s.stop and s.start < o.stop for o in unheld)
    )
