"""Turns the table of the G1 into one MJCF text that MuJoCo simulates and Pinocchio reads."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import Rotation

from robots.g1.shapes import LOOKS, Shape, Shapes
from robots.g1.table import DAMPING_RATIO, FOOT_BODY_NAMES, FOOT_FRICTION, NATURAL_FREQUENCY, Hinge, Link

TIMESTEP_S = 0.005
"""Of the simulation [s]; the position loops are stable at it."""


def lock_joints(links: tuple[Link, ...], shapes: Shapes, locked: Iterable[str]) -> tuple[tuple[Link, ...], Shapes]:
    """Weld links to their parents at joint angle zero.

    Args:
        links: Depth first, parents before children.
        shapes: Shapes of each link.
        locked: Names of the joints to take out; their links must not be turned against their parents.

    Returns:
        The links that are left, with the welded masses and shapes added.
    """
    locked = set(locked)
    kept: dict[str, Link] = {link.name: link for link in links}
    shapes = dict(shapes)
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


def _about(link: Link, arm: Float[np.ndarray, " 3"]) -> Float[np.ndarray, "3 3"]:
    """Return a link's inertia about a point that lies ``-arm`` from its centre of mass."""
    xx, yy, zz, xy, xz, yz = link.inertia
    own = np.array([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]])
    return own + link.mass * (arm @ arm * np.eye(3) - np.outer(arm, arm))


def write_mjcf(name: str, links: tuple[Link, ...], shapes: Shapes, default_qpos: Float[np.ndarray, " 7+joints"]) -> str:
    """Write the model: bodies, floor, position actuators and the keyframe ``default``.

    Args:
        name: Of the model.
        links: Depth first, parents before children.
        shapes: Shapes of each link; where there are meshes, the primitives collide unseen.
        default_qpos: Generalised positions of the keyframe.
    """
    meshes = sorted(shape.name for row in shapes.values() for shape in row if shape.kind == "mesh")
    lines = [
        f'<mujoco model="{name}">',
        '  <compiler angle="radian" autolimits="true"/>',
        f'  <option timestep="{TIMESTEP_S}" integrator="implicitfast" iterations="10" ls_iterations="20"/>',
        "  <asset>",
        *(f'    <material name="{look}" rgba="{rgba}" specular="0.3"/>' for look, rgba in LOOKS.items()),
        *(f'    <mesh name="{mesh}" file="{mesh}.STL"/>' for mesh in meshes),
        "  </asset>",
        "  <worldbody>",
        '    <geom name="floor" type="plane" size="0 0 0.05" rgba="0.55 0.57 0.6 1" condim="3"/>',
        *_body_lines(links[0], links, shapes, hide_primitives=bool(meshes), depth=2),
        "  </worldbody>",
        "  <actuator>",
        *(_actuator_line(link.hinge) for link in links if link.hinge is not None),
        "  </actuator>",
        "  <keyframe>",
        f'    <key name="default" qpos="{_numbers(default_qpos)}" ctrl="{_numbers(default_qpos[7:])}"/>',
        "  </keyframe>",
        "</mujoco>",
    ]
    return "\n".join(lines) + "\n"


def _body_lines(
    link: Link, links: tuple[Link, ...], shapes: Shapes, *, hide_primitives: bool, depth: int
) -> Iterator[str]:
    """Write a link and everything that hangs on it."""
    indent = "  " * depth
    yield from (indent + line for line in _frame_lines(link))
    inertia = _numbers(link.inertia)
    yield f'{indent}  <inertial pos="{_numbers(link.com)}" mass="{link.mass:.9g}" fullinertia="{inertia}"/>'
    for shape in shapes.get(link.name, ()):
        if shape.kind == "mesh" or shape.solid or not hide_primitives:
            yield f"{indent}  {_geom(shape, foot=link.name in FOOT_BODY_NAMES, hide=hide_primitives)}"
    for child in links:
        if child.hinge is not None and child.hinge.parent == link.name:
            yield from _body_lines(child, links, shapes, hide_primitives=hide_primitives, depth=depth + 1)
    yield f"{indent}</body>"


def _frame_lines(link: Link) -> Iterator[str]:
    """Open a link's body and write the joint it hangs on."""
    hinge = link.hinge
    if hinge is None:
        yield f'<body name="{link.name}">'
        yield '  <freejoint name="floating_base_joint"/>'
        return
    quat = Rotation.from_euler("xyz", hinge.rpy).as_quat(scalar_first=True)
    axis = np.eye(3)["xyz".index(hinge.axis)]
    yield f'<body name="{link.name}" pos="{_numbers(hinge.pos)}" quat="{_numbers(quat)}">'
    yield (
        f'  <joint name="{hinge.name}" axis="{_numbers(axis)}" range="{_numbers(hinge.range)}" '
        f'armature="{hinge.motor.armature:.9g}"/>'
    )


def _geom(shape: Shape, *, foot: bool, hide: bool) -> str:
    """Write one shape; group 3 is what MuJoCo's viewers do not show."""
    if shape.end is None:
        place = f'pos="{_numbers(shape.start)}"'
    else:
        place = f'fromto="{_numbers((*shape.start, *shape.end))}"'
    what = f'mesh="{shape.name}"' if shape.kind == "mesh" else f'name="{shape.name}" size="{_numbers(shape.size)}"'
    if not shape.solid:
        touch = 'contype="0" conaffinity="0" group="2"'
    else:
        # The sole decides friction against any floor; the robot touches itself without friction.
        feet = f' priority="1" friction="{FOOT_FRICTION}"' if foot else ""
        touch = f'condim="{3 if foot else 1}"{feet} group="{3 if hide else 1}"'
    return f'<geom type="{shape.kind}" {what} {place} material="{shape.look}" {touch}/>'


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
