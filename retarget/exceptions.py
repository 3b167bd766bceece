"""Errors of ``retarget``: facts in, one sentence out."""

from __future__ import annotations

from pathlib import Path

from robots.exceptions import WushuError


class RetargetError(WushuError):
    """Base of the errors of ``retarget``."""


class InvalidCorrespondence(RetargetError):
    """A table that maps human bodies to robot links cannot be used."""

    def __init__(self, source: Path | str, *, problem: str) -> None:
        self.source = source
        self.problem = problem
        super().__init__(f"{source}: not a usable correspondence ({problem}).")


class SubjectOfAnotherTable(RetargetError):
    """The bones of a human were measured between other points than a table follows on this robot."""

    def __init__(self, table: str, robot: str) -> None:
        self.table = table
        self.robot = robot
        super().__init__(
            f"the subject was measured for another table than '{table}' as {robot} takes it: its bones lie between "
            "other points. Measure it with load_correspondence(...).on_robot(robot.body_names)."
        )


class ImplausibleLegLength(RetargetError):
    """The human is far smaller or larger than a person: mostly a wrong unit."""

    def __init__(self, leg_length_m: float, *, plausible_m: tuple[float, float]) -> None:
        self.leg_length_m = leg_length_m
        self.plausible_m = plausible_m
        low, high = plausible_m
        super().__init__(
            f"the human's legs measure {leg_length_m:.3g} m from hip to ankle, a person's {low:g} to {high:g} m. "
            "Give positions in metres."
        )


class CollapsedBone(RetargetError):
    """Two bodies that are joined by a bone lie in one place."""

    def __init__(self, parent: str, child: str) -> None:
        self.parent = parent
        self.child = child
        super().__init__(
            f"the human's '{parent}' and '{child}' lie in one place: the motion lacks a bone between them."
        )


class NotZUp(RetargetError):
    """The human stands along an axis other than z."""

    def __init__(self, axis: str, *, share: float) -> None:
        self.axis = axis
        self.share = share
        super().__init__(
            f"the human's trunk points along world {axis} in {share:.0%} of the frames: this looks like a "
            f"{axis.lstrip('+-')}-up motion in a z-up world. Turn it once where it is read; "
            "if the person truly lies all the time, set check_up_axis to false."
        )


class ImplausibleSpeed(RetargetError):
    """The human outruns everybody: mostly a wrong frame rate."""

    def __init__(self, speed: float, *, fps: float, fastest: float) -> None:
        self.speed = speed
        self.fps = fps
        self.fastest = fastest
        super().__init__(
            f"the human's pelvis moves at {speed:.3g} m/s for a tenth of the time, and nobody at more than "
            f"{fastest:g} m/s: {fps:g} frames per second may be wrong. Give the rate the motion was recorded at."
        )


class UnsupportedJoint(RetargetError):
    """A robot has a joint that the engine cannot move."""

    def __init__(self, joint: str, *, wanted: str) -> None:
        self.joint = joint
        self.wanted = wanted
        super().__init__(f"the robot's joint '{joint}' is not {wanted}; lock it or replace it by hinges.")


class NothingToFit(RetargetError):
    """Offsets were to be fitted, but nothing is there that they could be fitted on."""

    def __init__(self, problem: str) -> None:
        self.problem = problem
        super().__init__(f"nothing to fit: {problem}.")


class CannotFollow(RetargetError):
    """The robot ended far from everything it was asked for: the motion is no upright person's in a z-up world."""

    def __init__(self, mean_m: float, *, most_m: float) -> None:
        self.mean_m = mean_m
        self.most_m = most_m
        super().__init__(
            f"the robot stays {mean_m:.2g} m from its targets on average (at most {most_m:g} m is a likeness). "
            "Check that the motion is z-up with its floor below, in metres, and one person's throughout."
        )
