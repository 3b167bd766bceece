"""Turns the outlines of the G1's links into capsules and ellipsoids: what collides, and what is seen without meshes.

Sizes were chosen by eye against the extents of Unitree's meshes (within about 1 cm), a little inside them, so that
nothing touches at the zero pose or while standing. The soles are capsules lying on the flat part of the real ones.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from robots.g1.table import SOLE_CORNERS, SOLE_ENDS, SOLE_HEIGHT

Point = tuple[float, float, float]
Look = Literal["shell", "dark", "visor"]

LOOKS: dict[Look, str] = {"shell": "0.82 0.83 0.85 1", "dark": "0.2 0.2 0.22 1", "visor": "0.35 0.75 0.95 1"}
"""Colours of the robot, RGBA."""

SOLE_RADIUS = 0.01
"""Of the capsules that touch the ground [m]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """One primitive in the frame of a link."""

    name: str
    """Of the geom, unique in the robot; of a mesh, its file without the ending."""
    kind: Literal["capsule", "cylinder", "ellipsoid", "mesh"]
    """As MuJoCo calls it."""
    start: Point
    """Centre, or the first end of the axis [m]."""
    end: Point | None
    """Second end of the axis of a capsule or cylinder [m]."""
    size: tuple[float, ...]
    """Radius, or the three half axes [m]; nothing for a mesh."""
    look: Look
    """Key of :data:`LOOKS`."""
    solid: bool
    """Whether it collides; the others are only seen."""

    def moved(self, offset: Point) -> Shape:
        """Return the shape shifted by ``offset`` [m]."""
        end = None if self.end is None else _add(self.end, offset)
        return replace(self, start=_add(self.start, offset), end=end)

    def mirrored(self) -> Shape:
        """Return the shape of the other side: y changes sign."""
        end = None if self.end is None else _mirror(self.end)
        return replace(self, name=self.name.replace("left", "right", 1), start=_mirror(self.start), end=end)


def _add(point: Point, offset: Point) -> Point:
    return (point[0] + offset[0], point[1] + offset[1], point[2] + offset[2])


def _mirror(point: Point) -> Point:
    return (point[0], -point[1], point[2])


def mesh_shape(name: str, offset: Point = (0.0, 0.0, 0.0), look: Look = "shell") -> Shape:
    """Return a mesh that is only seen."""
    return Shape(name=name, kind="mesh", start=offset, end=None, size=(), look=look, solid=False)


def _capsule(name: str, start: Point, end: Point, radius: float, look: Look = "shell", *, solid: bool = True) -> Shape:
    return Shape(name=name, kind="capsule", start=start, end=end, size=(radius,), look=look, solid=solid)


def _cylinder(name: str, start: Point, end: Point, radius: float, look: Look = "dark", *, solid: bool = False) -> Shape:
    return Shape(name=name, kind="cylinder", start=start, end=end, size=(radius,), look=look, solid=solid)


def _ellipsoid(name: str, centre: Point, half_axes: Point, look: Look = "shell", *, solid: bool = True) -> Shape:
    return Shape(name=name, kind="ellipsoid", start=centre, end=None, size=half_axes, look=look, solid=solid)


def _sole() -> tuple[Shape, ...]:
    """Three capsules along a left foot: outer edge, inner edge, heel to toe tip."""
    (back_left, back_right, front_left, front_right), (heel, toe) = SOLE_CORNERS, SOLE_ENDS
    lines = {"outer": (back_left, front_left), "inner": (back_right, front_right), "middle": (heel, toe)}
    z = SOLE_HEIGHT + SOLE_RADIUS
    return tuple(
        _capsule(f"left_sole_{name}", (*start, z), (*end, z), SOLE_RADIUS, "dark")
        for name, (start, end) in lines.items()
    )


_MIDDLE: dict[str, tuple[Shape, ...]] = {
    "pelvis": (
        _ellipsoid("pelvis_shell", (0.002, 0, -0.075), (0.06, 0.066, 0.074)),
        _cylinder("pelvis_hips", (0, -0.064, -0.1), (0, 0.064, -0.1), 0.045),
    ),
    "waist_yaw_link": (_cylinder("waist_motor", (0, 0, 0), (0, 0, 0.052), 0.042),),
    "torso_link": (
        _capsule("chest_left", (0.008, 0.022, 0.06), (0.01, 0.036, 0.228), 0.062),
        _capsule("chest_right", (0.008, -0.022, 0.06), (0.01, -0.036, 0.228), 0.062),
        _capsule("chest_front", (0.01, 0, 0.065), (0.014, 0, 0.222), 0.065, solid=False),
        _capsule("neck", (0.002, 0, 0.27), (0.012, 0, 0.34), 0.036, "dark", solid=False),
        _ellipsoid("head", (0.006, 0, 0.43), (0.066, 0.056, 0.058), "dark"),
        _capsule("chin", (0.03, 0, 0.4), (0.032, 0, 0.352), 0.027, "dark", solid=False),
        _ellipsoid("visor", (0.046, 0, 0.418), (0.032, 0.043, 0.034), "visor", solid=False),
    ),
}

_LEFT: dict[str, tuple[Shape, ...]] = {
    "left_hip_pitch_link": (_cylinder("left_hip_motor", (0, 0.004, -0.012), (0, 0.095, -0.02), 0.042),),
    "left_hip_roll_link": (_capsule("left_hip", (0.024, 0, -0.004), (0.025, 0, -0.09), 0.047),),
    "left_hip_yaw_link": (
        _capsule("left_thigh_upper", (-0.001, 0, -0.035), (-0.022, 0, -0.1), 0.045),
        _capsule("left_thigh_lower", (-0.022, 0, -0.1), (-0.064, -0.002, -0.172), 0.041),
        _cylinder("left_knee_motor", (-0.078, -0.043, -0.177), (-0.078, 0.034, -0.177), 0.044),
    ),
    "left_knee_link": (
        _capsule("left_shin_upper", (0.012, 0, 0.0), (0.013, 0, -0.16), 0.04),
        _capsule("left_shin_lower", (0.012, 0, -0.16), (0.009, 0, -0.275), 0.025),
    ),
    "left_ankle_pitch_link": (_cylinder("left_ankle", (-0.008, -0.014, 0), (-0.008, 0.014, 0), 0.014),),
    "left_ankle_roll_link": (
        *_sole(),
        _ellipsoid("left_heel", (-0.008, 0, -0.008), (0.05, 0.028, 0.026), "dark", solid=False),
        _ellipsoid("left_instep", (0.034, 0, -0.014), (0.1, 0.035, 0.021), "dark", solid=False),
        _capsule("left_toes", (0.108, -0.022, -0.023), (0.108, 0.022, -0.023), 0.012, "dark", solid=False),
    ),
    "left_shoulder_pitch_link": (_capsule("left_shoulder", (0, 0.018, -0.002), (0, 0.04, -0.012), 0.036),),
    "left_shoulder_roll_link": (_capsule("left_upper_arm", (0, 0.005, -0.004), (0, 0.006, -0.075), 0.035),),
    "left_shoulder_yaw_link": (_capsule("left_arm", (0, 0, 0.0), (0.012, -0.006, -0.083), 0.031),),
    "left_elbow_link": (_capsule("left_forearm", (0.004, 0.003, 0), (0.076, 0.002, -0.01), 0.032),),
    "left_wrist_roll_link": (_cylinder("left_wrist_motor", (0.002, 0, 0), (0.046, 0, 0), 0.025),),
    "left_wrist_pitch_link": (_capsule("left_wrist", (0.01, 0, 0), (0.05, 0, 0), 0.027),),
    "left_wrist_yaw_link": (
        _ellipsoid("left_palm", (0.083, 0.002, 0), (0.05, 0.02, 0.038), "dark"),
        _ellipsoid("left_fingers", (0.134, -0.012, -0.004), (0.042, 0.018, 0.034), "dark"),
        _capsule("left_thumb", (0.07, 0, 0.03), (0.115, -0.012, 0.05), 0.011, "dark", solid=False),
    ),
}

Shapes = dict[str, tuple[Shape, ...]]
"""Shapes by link."""

SHAPES: Shapes = {
    **_MIDDLE,
    **_LEFT,
    **{link.replace("left", "right", 1): tuple(shape.mirrored() for shape in row) for link, row in _LEFT.items()},
}
"""Primitives of every link that has some."""
