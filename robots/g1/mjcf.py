"""Turns the table of the G1 into one MJCF text that MuJoCo simulates and Pinocchio reads."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import Rotation

from robots.g1.shapes import LOOKS, SHAPES, TOUCHING, Shape
from robots.g1.table import DAMPING_RATIO, FOOT_BODY_NAMES, FOOT_FRICTION, NATURAL_FREQUENCY, Hinge, Link

TIMESTEP_S = 0.005
"""Of the simulation [s]; the position loops are stable at it."""

Shapes = dict[str, tuple[Shape, ...]]


def lock_joints(links: tuple[Link, ...], locked: Iterable[str]) -> tuple[tuple[Link, ...], Shapes]:
    """Weld links to their parents at joint angle zero.

    Args:
        links: Depth first, parents before children.
        locked: Names of the joints to take out; their links must not be turned against their parents.

    Returns:
        The links that are left, with the welded masses added; the shapes of each link.
    """
    locked = set(locked)
    kept: dict[str, Link] = {link.name: link for link in links}
    shapes = dict(SHAPES)
    for link in reversed(links):  # children first, so that a chain folds up link by link
        hinge = link.hinge
        if hinge is None or hinge.name not in locked:
            continue
        if any(hinge.rpy):
            raise ValueError(f"{hinge.name} cannot be locked: its link is turned against its parent")
        welded = kept.pop(link.name)
        kept[hinge.parent] = _welded(kept[hinge.parent], welded, hinge)
        moved = tuple(shape.moved(hinge.pos) for shape in shapes.pop(link.name, ()))
        shapes[hinge.parent] = shapes.get(hinge.parent, ()) + moved
    return tuple(kept.values()), shapes


def _welded(parent: Link, child: Link, hinge: Hinge) -> Link:
    """Add the mass of a child to its parent (parallel-axis theorem)."""
    mass = parent.mass + child.mass
    child_com = np.add(child.com, hinge.pos)
    com = (parent.mass * np.array(parent.com) + child.mass * child_com) / mass
    inertia = _about(parent, np.array(parent.com) - com) + _about(child, child_com - com)
    xx, yy, zz = np.diag(inertia).tolist()
    xy, xz, yz = inertia[0, 1].item(), inertia[0, 2].item(), inertia[1, 2].item()
    x, y, z = com.tolist()
    return replace(parent, mass=mass, com=(x, y, z), inertia=(xx, yy, zz, xy, xz, yz))


def _about(link: Link, arm: Float[np.ndarray, "3"]) -> Float[np.ndarray, "3 3"]:
    """Return a link's inertia about a point that lies ``-arm`` from its centre of mass."""
    xx, yy, zz, xy, xz, yz = link.inertia
    own = np.array([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]])
    return own + link.mass * (arm @ arm * np.eye(3) - np.outer(arm, arm))


def write_mjcf(
    name: str,
    links: tuple[Link, ...],
    shapes: Shapes,
    default_qpos: Float[np.ndarray, "7+joints"],
    mesh_geoms: dict[str, tuple[str, ...]] | None = None,
    mesh_assets: Iterable[str] = (),
) -> str:
    """Write the model: bodies, floor, position actuators and the keyframe ``default``.

    Args:
        name: Of the model.
        links: Depth first, parents before children.
        shapes: Primitives of each link.
        default_qpos: Generalised positions of the keyframe.
        mesh_geoms: Ready ``<geom>`` elements of each link; with them the primitives collide unseen.
        mesh_assets: Ready ``<mesh>`` elements.
    """
    lines = [
        f'<mujoco model="{name}">',
        '  <compiler angle="radian" autolimits="true"/>',
        f'  <option timestep="{TIMESTEP_S}" integrator="implicitfast" iterations="10" ls_iterations="20"/>',
        *_asset_lines(mesh_assets),
        "  <worldbody>",
        '    <geom name="floor" type="plane" size="0 0 0.05" rgba="0.55 0.57 0.6 1" condim="3"/>',
        *_body_lines(links[0], links, shapes, mesh_geoms, depth=2),
        "  </worldbody>",
        "  <contact>",
        *(f'    <exclude body1="{first}" body2="{second}"/>' for first, second in TOUCHING),
        "  </contact>",
        "  <actuator>",
        *(_actuator_line(link.hinge) for link in links if link.hinge is not None),
        "  </actuator>",
        "  <keyframe>",
        f'    <key name="default" qpos="{_numbers(default_qpos)}" ctrl="{_numbers(default_qpos[7:])}"/>',
        "  </keyframe>",
        "</mujoco>",
    ]
    return "\n".join(lines) + "\n"


def _asset_lines(mesh_assets: Iterable[str]) -> list[str]:
    materials = [f'    <material name="{look}" rgba="{rgba}" specular="0.3"/>' for look, rgba in LOOKS.items()]
    return ["  <asset>", *materials, *(f"    {mesh}" for mesh in mesh_assets), "  </asset>"]


def _body_lines(
    link: Link, links: tuple[Link, ...], shapes: Shapes, mesh_geoms: dict[str, tuple[str, ...]] | None, depth: int
) -> Iterator[str]:
    """Write a link and everything that hangs on it."""
    indent = "  " * depth
    hinge = link.hinge
    if hinge is None:
        yield f'{indent}<body name="{link.name}">'
        yield f'{indent}  <freejoint name="floating_base_joint"/>'
    else:
        quat = Rotation.from_euler("xyz", hinge.rpy).as_quat(scalar_first=True)
        yield f'{indent}<body name="{link.name}" pos="{_numbers(hinge.pos)}" quat="{_numbers(quat)}">'
        axis = _numbers(np.eye(3)["xyz".index(hinge.axis)])
        yield (
            f'{indent}  <joint name="{hinge.name}" axis="{axis}" range="{_numbers(hinge.range)}" '
            f'armature="{hinge.motor.armature:.9g}"/>'
        )
    inertia = _numbers(link.inertia)
    yield f'{indent}  <inertial pos="{_numbers(link.com)}" mass="{link.mass:.9g}" fullinertia="{inertia}"/>'
    geoms = None if mesh_geoms is None else mesh_geoms.get(link.name, ())
    yield from (f"{indent}  {geom}" for geom in geoms or ())
    for shape in shapes.get(link.name, ()):
        if geoms is None or shape.solid:
            yield f"{indent}  {_geom(shape, foot=link.name in FOOT_BODY_NAMES, seen=geoms is None)}"
    for child in links:
        if child.hinge is not None and child.hinge.parent == link.name:
            yield from _body_lines(child, links, shapes, mesh_geoms, depth + 1)
    yield f"{indent}</body>"


def _geom(shape: Shape, *, foot: bool, seen: bool) -> str:
    """Write one primitive; group 3 is what MuJoCo's viewers hide."""
    place = (
        f'pos="{_numbers(shape.start)}"' if shape.end is None else f'fromto="{_numbers((*shape.start, *shape.end))}"'
    )
    if not shape.solid:
        touch = 'contype="0" conaffinity="0" group="2"'
    else:
        # The sole decides friction against any floor; the rest of the robot touches without friction.
        feet = f' priority="1" friction="{FOOT_FRICTION}"' if foot else ""
        touch = f'condim="{3 if foot else 1}"{feet} group="{1 if seen else 3}"'
    return (
        f'<geom name="{shape.name}" type="{shape.kind}" {place} size="{_numbers(shape.size)}" '
        f'material="{shape.look}" {touch}/>'
    )


def _actuator_line(hinge: Hinge) -> str:
    """Write the position loop of a joint: a spring and damper of a set frequency on the motor's own inertia."""
    kp = hinge.motor.armature * NATURAL_FREQUENCY**2
    kv = 2 * DAMPING_RATIO * hinge.motor.armature * NATURAL_FREQUENCY
    effort = hinge.motor.effort_limit
    return (
        f'    <position name="{hinge.name}" joint="{hinge.name}" kp="{kp:.9g}" kv="{kv:.9g}" '
        f'forcerange="{-effort:g} {effort:g}"/>'
    )


def _numbers(values: Iterable[float]) -> str:
    return " ".join(f"{float(value):.10g}" for value in values)
