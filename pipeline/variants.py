"""Turns the hand-off formats that a user asks for into the variants of the G1 that a motion is solved for.

A format with fewer joints than a motion moves cannot take it: where a joint is cut off afterwards, the links beyond it
stand where nobody validated them. Such a format gets a motion of its own, solved and judged with these joints welded.
A format with more joints takes the motion as it is; its additional joints stand at zero, where they were welded.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from pipeline.export import find_format
from robots.g1 import Variant, load_g1


@dataclass(frozen=True, slots=True, kw_only=True)
class VariantPlan:
    """Which variant each file of a clip is solved for."""

    shown: Variant
    """The robot whose verdict is the clip's, and which pictures show."""
    solved_for: Mapping[str, Variant]
    """Format -> variant of the motion that it gets."""

    @classmethod
    def of(cls, robot: Variant | None, formats: Collection[str]) -> VariantPlan:
        """Plan for a robot, or, where none is named, for the one with all joints that the formats have.

        Raises:
            UnknownName: There is no such format.
        """
        wanted: dict[str, Variant] = {name: find_format(name).variant for name in formats}
        shown = robot or _by_joints(wanted.values() or ("29dof",))[-1]
        return cls(shown=shown, solved_for={name: _by_joints((shown, v))[0] for name, v in wanted.items()})

    @property
    def variants(self) -> tuple[Variant, ...]:
        """All variants to solve for, the shown one first."""
        return tuple(dict.fromkeys([self.shown, *self.solved_for.values()]))


def stage_of(name: str, variant: Variant) -> str:
    """Name a stage by its variant: a result of 29 joints is never taken for one of 23, whichever is shown."""
    return name if variant == "29dof" else f"{name}_{variant}"


def shown_variant(stages: Collection[str]) -> Variant:
    """Return the variant that a clip's pictures show, given the names of its stages."""
    return "23dof" if "retarget" not in stages and stage_of("retarget", "23dof") in stages else "29dof"


def _by_joints(variants: Iterable[Variant]) -> list[Variant]:
    """Sort variants, the one with the fewest joints first."""
    return sorted(variants, key=lambda variant: len(load_g1(variant).joint_names))
