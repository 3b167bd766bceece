"""Which human body drives which robot link, how strongly, and where its target lies: a table as data.

Rotation offsets follow from one robot pose that matches the human's rest pose; position offsets and scales follow
from the bones of the subject and of the robot. What these leave over is a constant of each body; it may be measured
(:mod:`retarget.offset_fit`) and written down as an explicit offset or scale.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import cattrs
import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import Rotation

from retarget.exceptions import InvalidCorrespondence
from robots.exceptions import UnknownName

CORRESPONDENCE_DIR = Path(__file__).parent / "correspondences"
"""Where the tables that ship with the product lie."""

Vector = tuple[float, float, float]


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
    placement: Literal["world", "rigid", "bone", "scaled"]
    """Where the target point lies.

    ``world``: the human point in the world, scaled by the ratio of leg lengths; so a foot that stands
    still is a target that stands still. ``rigid``: fixed to the parent's target as on the robot.
    ``bone``: at the robot's own bone length from the parent's target, in the human bone's direction.
    ``scaled``: at ``scale`` times the human's distance from the root's target, whatever lies between.
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
    robot_point_m: Vector = (0.0, 0.0, 0.0)
    """Shift of the point that follows, in the frame of ``robot`` [m]."""
    scale: float | None = None
    """Robot metres per human metre; none for the ratio of leg lengths, on a ``bone`` for that of the two bones."""
    rotation_offset_wxyz: tuple[float, float, float, float] | None = None
    """Orientation of the link in the human body's frame; none for that of the two rest poses."""
    offset_m: Vector = (0.0, 0.0, 0.0)
    """Shift of the target in the link's frame, passed on to no other body [m]."""

    @property
    def rotation_offset(self) -> Float[np.ndarray, "3 3"] | None:
        """The explicit orientation of the link in the human body's frame, if there is one."""
        if self.rotation_offset_wxyz is None:
            return None
        return Rotation.from_quat(self.rotation_offset_wxyz, scalar_first=True).as_matrix()


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactMatch:
    """A region of the body that may bear weight, besides the feet: a patch of points with a radius."""

    region: str
    """Name of the region, as estimators and detectors call it."""
    robot: str
    """Robot link that comes to lie on the floor."""
    points_m: tuple[Vector, ...]
    """Centres of the balls that touch the floor, in the frame of ``robot`` [m]."""
    radius_m: float
    """Radius of the balls [m]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WeldedLink:
    """Where a link is found on a robot whose joint before it is locked, and what is asked of it there.

    A hand that cannot turn in its wrist can still be where the human's hand is: then that point is what to follow.
    """

    link: str
    """The link that it is part of, with parallel axes."""
    offset_m: Vector
    """Origin of the welded link in the frame of ``link`` [m]."""
    rotation_weight: float = 0.0
    """Price of the angle between the welded link and its target [1/rad], in place of the body's own.

    Asked for its orientation, a hand that cannot turn in its wrist would turn the whole arm.
    """
    position_weight: float | None = None
    """Price of distance between the welded link's point and its target [1/m]; none for the body's own."""
    human_point_of: tuple[str, ...] = ()
    """Human bodies whose mean position is followed; empty for what the body follows."""
    robot_point_m: Vector | None = None
    """Shift of the point that follows, in the frame of the welded link [m]; none for the body's own."""

    def taken(self, body: BodyMatch) -> BodyMatch:
        """Return a body whose link is welded as a robot without the joint takes it."""
        return replace(
            body,
            rotation_weight=self.rotation_weight,
            position_weight=body.position_weight if self.position_weight is None else self.position_weight,
            human_point_of=self.human_point_of or body.human_point_of,
            robot_point_m=body.robot_point_m if self.robot_point_m is None else self.robot_point_m,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Correspondence:
    """A human skeleton mapped onto one robot."""

    name: str
    """Name of the table."""
    human_forward: Vector
    """Where the human looks in its rest pose, in the axes of its body frames."""
    human_up: Vector
    """Where the human's head is in its rest pose, in the axes of its body frames."""
    robot_rest_pose: dict[str, float]
    """Joint angles [rad] that put the robot, facing +x, in the human's rest pose; joints not named are zero."""
    feet: dict[str, str]
    """Contact region -> human body of the foot that may be planted, in the order of the robot's feet."""
    bodies: tuple[BodyMatch, ...]
    """Matches; a parent comes before its children, the root first."""
    contacts: tuple[ContactMatch, ...] = ()
    """Regions besides the feet that may bear weight."""
    welded: dict[str, WeldedLink] = field(default_factory=dict)
    """Links that variants of the robot lack -> where they are found there."""
    human_leg_m: float | None = None
    """Length of the legs of the human for whom the explicit scales hold; others are scaled by the ratio of legs [m].
    None where explicit scales hold for everybody."""

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
            self._check_numbers(body)
            seen.add(body.human)
        if not self.bodies or self.bodies[0].placement != "world":
            raise self._invalid("the first body must be placed in the world")
        for human in self.feet.values():
            if human not in seen or self.bodies[self.index(human)].placement not in ("world", "scaled"):
                raise self._invalid(f"the foot '{human}' is not a body placed in the world")
            if self.leg_top(human) is None:
                raise self._invalid(f"the foot '{human}' hangs from no body that is fixed to the trunk")
        self._check_welded()
        self._check_contacts()

    def _check_numbers(self, body: BodyMatch) -> None:
        """Refuse weights, scales, turns and shifts that mean nothing."""
        if not np.isfinite([body.position_weight, body.rotation_weight, *body.robot_point_m, *body.offset_m]).all():
            raise self._invalid(f"'{body.human}' holds NaN or infinity")
        if min(body.position_weight, body.rotation_weight) < 0:
            raise self._invalid(f"'{body.human}' has a negative weight")
        if body.placement == "scaled" and body.scale is None:
            raise self._invalid(f"'{body.human}' is placed as scaled, but has no scale")
        if body.scale is not None and (body.placement == "rigid" or not 0.0 < body.scale < np.inf):
            raise self._invalid(f"'{body.human}' has a scale that is not positive, or is fixed to its parent")
        if body.rotation_offset_wxyz is not None and abs(np.linalg.norm(body.rotation_offset_wxyz) - 1.0) > 1e-3:
            raise self._invalid(f"'{body.human}' has a rotation offset that is no unit quaternion")

    def _check_welded(self) -> None:
        """Refuse what no body could be asked for."""
        for body in self.bodies:
            if (welded := self.welded.get(body.robot)) is not None:
                self._check_numbers(welded.taken(body))

    def _check_contacts(self) -> None:
        """Refuse regions that are told twice or have no extent."""
        regions = [*self.feet, *(contact.region for contact in self.contacts)]
        for contact in self.contacts:
            if regions.count(contact.region) > 1:
                raise self._invalid(f"the contact region '{contact.region}' appears twice")
            if not contact.points_m or contact.radius_m < 0:
                raise self._invalid(f"the contact region '{contact.region}' has no points, or a negative radius")

    def _invalid(self, problem: str) -> InvalidCorrespondence:
        return InvalidCorrespondence(self.name, problem=problem)

    def _ancestors(self, human: str) -> Iterator[BodyMatch]:
        parent = self.bodies[self.index(human)].parent
        while parent is not None:
            body = self.bodies[self.index(parent)]
            yield body
            parent = body.parent

    def leg_top(self, foot: str) -> str | None:
        """Return the body that a foot's leg hangs from: the first one fixed to the trunk.

        Where all bodies are scaled about the root, none is said to be fixed; then it is the last one before the root.
        """
        above = list(self._ancestors(foot))[:-1]
        rigid = [body.human for body in above if body.placement == "rigid"]
        scaled = [body.human for body in above if body.placement == "scaled"]
        return rigid[0] if rigid else scaled[-1] if scaled else None

    def index(self, human: str) -> int:
        """Return the position of a human body among ``bodies``."""
        return next(i for i, body in enumerate(self.bodies) if body.human == human)

    def on_robot(self, links: Sequence[str]) -> Correspondence:
        """Return the table as a robot with these links takes it: what is welded is followed as that.

        Raises:
            UnknownName: The robot has neither a link of the table nor the one that it may be welded to.
        """
        bodies = []
        for body in self.bodies:
            link, _ = self.find_link(body.robot, links)
            bodies.append(body if link == body.robot else self.welded[body.robot].taken(body))
        return replace(self, bodies=tuple(bodies))

    def find_link(self, name: str, links: Sequence[str]) -> tuple[str, Float[np.ndarray, " 3"]]:
        """Return the link that carries the frame of a link, and where its origin lies in it [m].

        Args:
            name: Link as the table names it.
            links: Links that the robot has.

        Raises:
            UnknownName: The robot has neither the link nor the one that it may be welded to.
        """
        if name in links:
            return name, np.zeros(3)
        if name not in self.welded or self.welded[name].link not in links:
            raise UnknownName("robot link", name, tuple(links))
        return self.welded[name].link, np.array(self.welded[name].offset_m, dtype=float)

    @property
    def human_points(self) -> tuple[tuple[str, ...], ...]:
        """Human bodies whose mean position is followed, for each body of the table."""
        return tuple(body.human_point_of or (body.human,) for body in self.bodies)

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


def correspondence_path(name_or_path: str | Path) -> Path:
    """Return the file of a table: of one that ships with the product, by its name, or any ``.toml``."""
    path = Path(name_or_path)
    return path if path.suffix == ".toml" else CORRESPONDENCE_DIR / f"{name_or_path}.toml"


def read_table_text(path: Path) -> str:
    """Read the text of a table.

    Raises:
        InvalidCorrespondence: There is no such file, or it is no text.
    """
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        known = ", ".join(sorted(p.stem for p in CORRESPONDENCE_DIR.glob("*.toml")))
        raise InvalidCorrespondence(path, problem=f"no such file; known tables: {known}") from error
    except OSError as error:
        raise InvalidCorrespondence(path, problem=f"cannot be opened: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise InvalidCorrespondence(path, problem=str(error)) from error


def parse_correspondence(text: str, *, source: Path | str) -> Correspondence:
    """Turn the text of a table into a table.

    Args:
        text: TOML.
        source: What an error message calls it.

    Raises:
        InvalidCorrespondence: The text is not a correspondence.
    """
    converter = cattrs.Converter(forbid_extra_keys=True)
    try:
        return converter.structure(tomllib.loads(text), Correspondence)
    except tomllib.TOMLDecodeError as error:
        raise InvalidCorrespondence(source, problem=str(error)) from error
    except cattrs.BaseValidationError as error:
        raise InvalidCorrespondence(source, problem="; ".join(cattrs.transform_error(error))) from error


def load_correspondence(name_or_path: str | Path) -> Correspondence:
    """Read a table: by the name of one that ships with the product, or from a TOML file.

    Raises:
        InvalidCorrespondence: There is no such file, or its content is not a correspondence.
    """
    path = correspondence_path(name_or_path)
    return parse_correspondence(read_table_text(path), source=path)
