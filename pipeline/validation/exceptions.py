"""Errors of the robot-side measurements."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.exceptions import PipelineError


class WrongRobot(PipelineError):
    """A motion's joints are not those of the robot it is measured on."""

    def __init__(self, robot: str, *, missing: Sequence[str], unknown: Sequence[str]) -> None:
        self.robot = robot
        self.missing = tuple(missing)
        self.unknown = tuple(unknown)
        facts = []
        if missing:
            facts.append(f"lacks {', '.join(missing)}")
        if unknown:
            facts.append(f"has joints that robot does not know: {', '.join(unknown)}")
        super().__init__(
            f"the motion does not fit the robot '{robot}': it {' and '.join(facts)}. "
            "Measure it on the variant it was made for (29 or 23 joints)."
        )
