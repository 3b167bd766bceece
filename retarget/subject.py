"""Turns a rest pose, or the beginning of a motion, into what a stream cannot tell: the human's bodies and bones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from retarget.body_trajectory import BodyTrajectory
from retarget.contacts import standing_height
from retarget.correspondence import Correspondence
from retarget.human_checks import check_ankle_height, check_legs, check_speed
from retarget.human_checks import check_up_axis as refuse_other_up_axis
from retarget.rest_pose import SubjectBones, subject_bones
from retarget.targets import human_points
from robots.arrays import freeze_fields
from robots.exceptions import InvalidArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Subject:
    """One human, as far as it does not move."""

    names: tuple[str, ...]
    """Names of the bodies, in the order in which a stream gives them."""
    points: tuple[tuple[str, ...], ...]
    """Human bodies whose mean position is followed, for each body of a correspondence, in its order."""
    bones: SubjectBones
    """Bones between these points."""
    ankle_height: float
    """Height of the foot's point above the floor when the foot stands flat [m]."""

    def __post_init__(self) -> None:
        """Check that the bones are finite."""
        for name in ("rest_pos", "bone_length"):
            if not np.isfinite(getattr(self.bones, name)).all():
                raise InvalidArray(f"bones.{name}", problem="holds NaN or infinity")
        if not np.isfinite(self.ankle_height):
            raise InvalidArray("ankle_height", problem=f"must be a number of metres, got {self.ankle_height}")
        points = tuple(tuple(bodies) for bodies in self.points)
        freeze_fields(self, {"names": tuple(self.names), "points": points, "ankle_height": float(self.ankle_height)})


def subject_from_motion(
    trajectory: BodyTrajectory,
    correspondence: Correspondence,
    *,
    floor: float | None = 0.0,
    seconds: float = 1.0,
    check_up_axis: bool = True,
) -> Subject:
    """Measure a human in the beginning of its motion; bones are constant in the frames of their parents.

    Args:
        trajectory: A motion in which some foot stands flat within its first ``seconds``.
        correspondence: The table that will be used, as the robot takes it (``on_robot``) where links are welded.
        floor: Height of the floor [m]. If None, it only counts how high feet are above one another; 0 is taken.
        seconds: Time that is looked at [s].
        check_up_axis: Whether to refuse a motion in which the trunk lies along a horizontal axis nearly all the time.

    Raises:
        UnknownName: The trajectory lacks a body that the correspondence reads.
        ImplausibleLegLength: The human is far from a person's size.
        ImplausibleSpeed: The human outruns everybody.
        NotZUp: The human stands along another axis than z.
        InvalidArray: The lowest foot is nowhere near the floor.
    """
    pos, rot = human_points(trajectory, correspondence)
    first = slice(0, max(1, round(seconds * trajectory.fps)))
    feet = [correspondence.index(human) for human in correspondence.feet.values()]
    bones = subject_bones(pos[first], rot[first], correspondence)
    check_legs(bones.rest_pos, correspondence)
    check_speed(pos, trajectory.fps)
    if check_up_axis:
        refuse_other_up_axis(rot, correspondence)
    ankle_height = standing_height(pos[first][:, feet]) - (floor or 0.0)
    if floor is not None:
        check_ankle_height(ankle_height)
    return Subject(names=trajectory.names, points=correspondence.human_points, bones=bones, ankle_height=ankle_height)


def subject_from_rest_pose(
    names: Sequence[str],
    rest_pos: Float[np.ndarray, "bodies 3"],
    correspondence: Correspondence,
    *,
    ankle_height: float,
) -> Subject:
    """Take a human's bones from its rest pose, in which all body frames have the axes of the world.

    Args:
        names: Names of the bodies, in the order in which a stream gives them.
        rest_pos: Their origins at rest [m].
        correspondence: The table that will be used, as the robot takes it (``on_robot``) where links are welded.
        ankle_height: Height of the foot's point above the floor when the foot stands flat [m].

    Raises:
        UnknownName: ``names`` lack a body that the correspondence reads.
        ImplausibleLegLength: The human is far from a person's size.
        InvalidArray: A foot that stands flat is nowhere near the floor.
    """
    check_ankle_height(ankle_height)
    quat = np.zeros((1, len(names), 4))
    quat[..., 0] = 1.0
    still = BodyTrajectory(fps=1.0, names=tuple(names), pos_w=np.asarray(rest_pos)[None], quat_wxyz_w=quat)
    pos, rot = human_points(still, correspondence)
    bones = subject_bones(pos, rot, correspondence)
    check_legs(bones.rest_pos, correspondence)
    return Subject(names=tuple(names), points=correspondence.human_points, bones=bones, ankle_height=ankle_height)
