"""Which human body drives which robot link, how strongly, and where its target lies: a table as data.

A table holds no measured offsets. Rotation offsets follow from one robot pose that matches the human's
rest pose; position offsets and scales follow from the bones of the subject and of the robot.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import cattrs
import numpy as np
from jaxtyping import Float

from retarget.exceptions import InvalidCorrespondence

CORRESPONDENCE_DIR = Path(__file__).parent / "correspondences"
"""Where the tables that ship with the product lie."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BodyMatch:
    """One human body and the robot link that follows it.

    The cost of a frame is the sum over bodies of ``(position_weight * distance)^2 +
    (rotation_weight * angle)^2``. Weights therefore have an exchange rate: with a position weight of
    100 /m and a rotation weight of 5 /rad, 5 cm off costs as much as 1 rad (57 deg) off, and 1 mm as much as 1.1 deg.
    """

    human: str
    """Human body whose orientation the link takes over."""
    robot: str
    """Robot link."""
    placement: Literal["world", "rigid", "bone"]
    """Where the target point lies.

    ``world``: the human point in the world, scaled by the ratio of leg lengths; so a foot that stands
    still is a target that stands still. ``rigid``: fixed to the parent's target as on the robot.
    ``bone``: at the robot's own bone length from the parent's target, in the human bone's direction.
    """
    position_weight: float
    """Price of distance between the link's point and its target [1/m]; 0 ignores the position."""
    rotation_weight: float
    """Price of the angle between the link and its target [1/rad]; 0 ignores the orientation."""
    parent: str | None = None
    """Human body of an earlier entry that this one hangs from; none for the root alone."""
    human_point_of: tuple[str, ...] = ()
    """Human bodies whose mean position is followed; empty for ``human`` itself."""
    robot_point_of: tuple[str, ...] = ()
    """Robot links whose mean origin at rest, carried along by ``robot``, follows; empty for ``robot`` itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Correspondence:
    """A human skeleton mapped onto one robot."""

    name: str
    """Name of the table."""
    human_forward: tuple[float, float, float]
    """Where the human looks in its rest pose, in the axes of its body frames."""
    human_up: tuple[float, float, float]
    """Where the human's head is in its rest pose, in the axes of its body frames."""
    robot_rest_pose: dict[str, float]
    """Joint angles [rad] that put the robot, facing +x, in the human's rest pose; joints not named are zero."""
    feet: dict[str, str]
    """Contact region -> human body of the foot that may be planted, in the order of the robot's feet."""
    bodies: tuple[BodyMatch, ...]
    """Matches; a parent comes before its children, the root first."""

    def __post_init__(self) -> None:
        """Check that the entries form one tree and that the feet are in it."""
        seen: set[str] = set()
        for index, body in enumerate(self.bodies):
            if (body.parent is None) != (index == 0):
                raise self._invalid(f"'{body.human}': the first body, and no other, has no parent")
            if body.parent is not None and body.parent not in seen:
                raise self._invalid(f"'{body.human}' hangs from '{body.parent}', which is not an earlier body")
            if body.human in seen:
                raise self._invalid(f"'{body.human}' appears twice")
            if min(body.position_weight, body.rotation_weight) < 0:
                raise self._invalid(f"'{body.human}' has a negative weight")
            seen.add(body.human)
        if not self.bodies or self.bodies[0].placement != "world":
            raise self._invalid("the first body must be placed in the world")
        for human in self.feet.values():
            if human not in seen or self.bodies[self.index(human)].placement != "world":
                raise self._invalid(f"the foot '{human}' is not a body placed in the world")
            if not any(body.placement == "rigid" for body in self._ancestors(human)):
                raise self._invalid(f"the foot '{human}' hangs from no body that is fixed to the trunk")

    def _invalid(self, problem: str) -> InvalidCorrespondence:
        return InvalidCorrespondence(self.name, problem=problem)

    def _ancestors(self, human: str) -> Iterator[BodyMatch]:
        parent = self.bodies[self.index(human)].parent
        while parent is not None:
            body = self.bodies[self.index(parent)]
            yield body
            parent = body.parent

    def index(self, human: str) -> int:
        """Return the position of a human body among ``bodies``."""
        return next(i for i, body in enumerate(self.bodies) if body.human == human)

    @property
    def human_names(self) -> tuple[str, ...]:
        """All human bodies the table reads."""
        names = [n for b in self.bodies for n in (b.human, *b.human_point_of)]
        return tuple(dict.fromkeys(names))

    @property
    def rest_axes(self) -> Float[np.ndarray, "3 3"]:
        """Orientation of the human's frames when it stands at rest in a z-up world, facing +x."""
        forward, up = np.array(self.human_forward), np.array(self.human_up)
        human = np.column_stack([forward, np.cross(up, forward), up])
        return human.T


def load_correspondence(name_or_path: str | Path) -> Correspondence:
    """Read a table: by the name of one that ships with the product, or from a TOML file.

    Raises:
        InvalidCorrespondence: There is no such file, or its content is not a correspondence.
    """
    path = Path(name_or_path)
    if path.suffix != ".toml":
        path = CORRESPONDENCE_DIR / f"{name_or_path}.toml"
    converter = cattrs.Converter(forbid_extra_keys=True)
    try:
        return converter.structure(tomllib.loads(path.read_text(encoding="utf-8")), Correspondence)
    except FileNotFoundError as error:
        known = ", ".join(sorted(p.stem for p in CORRESPONDENCE_DIR.glob("*.toml")))
        raise InvalidCorrespondence(path, problem=f"no such file; known tables: {known}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidCorrespondence(path, problem=str(error)) from error
    except cattrs.BaseValidationError as error:
        raise InvalidCorrespondence(path, problem="; ".join(cattrs.transform_error(error))) from error
