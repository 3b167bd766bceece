"""Hangs Unitree's mesh files on the links of the G1; they are looks only, mass and collision never need them."""

from __future__ import annotations

from pathlib import Path

from robots.exceptions import MeshesMissing
from robots.g1.shapes import Look, Point, Shapes, mesh_shape
from robots.g1.table import LINKS

_RENAMED = {name: f"{name}_rev_1_0" for name in ("waist_yaw_link", "waist_roll_link", "torso_link")}
_DARK = ("pelvis", "left_hip_pitch_link", "right_hip_pitch_link", "left_ankle_roll_link", "right_ankle_roll_link")
# Parts that Unitree hangs on a link with a fixed joint: link, mesh, origin in the link's frame [m], look.
_ATTACHED: tuple[tuple[str, str, Point, Look], ...] = (
    ("pelvis", "pelvis_contour_link", (0, 0, 0), "shell"),
    ("torso_link", "logo_link", (0.0039635, 0, -0.044), "dark"),
    ("torso_link", "head_link", (0.0039635, 0, -0.044), "dark"),
    ("left_wrist_yaw_link", "left_rubber_hand", (0.0415, 0.003, 0), "dark"),
    ("right_wrist_yaw_link", "right_rubber_hand", (0.0415, -0.003, 0), "dark"),
)


def mesh_files() -> tuple[str, ...]:
    """Return the names of all mesh files."""
    return tuple(f"{shape.name}.STL" for row in _all_shapes().values() for shape in row)


def mesh_shapes(mesh_dir: Path) -> Shapes:
    """Return the meshes of every link, once all their files are in ``mesh_dir``.

    Raises:
        MeshesMissing: Some are not.
    """
    missing = [file for file in mesh_files() if not (mesh_dir / file).is_file()]
    if missing:
        raise MeshesMissing(mesh_dir, missing=missing)
    return _all_shapes()


def _all_shapes() -> Shapes:
    shapes: Shapes = {}
    for link in LINKS:
        own = mesh_shape(_RENAMED.get(link.name, link.name), look="dark" if link.name in _DARK else "shell")
        attached = (mesh_shape(mesh, pos, look) for carrier, mesh, pos, look in _ATTACHED if carrier == link.name)
        shapes[link.name] = (own, *attached)
    return shapes
