"""Turns a robot into the plant that is simulated: its motors, a floor, and soles of small spheres on it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import mujoco
import numpy as np
from jaxtyping import Bool, Float

from robots.model import RobotModel

SOLE_RADIUS = 0.005
"""Of the spheres under the corners of a sole [m]; spheres on a plane are MuJoCo's cheapest contacts."""

SOLE_ON_FLOOR = 2
"""Collision bit of the soles' spheres and the floor."""

_SELF, _BODY = 1, 4
"""Collision bits: robot on itself, other links on the floor."""


def plant(
    robot: RobotModel,
    *,
    timestep_s: float,
    friction: float = 0.8,
    self_collision: bool = False,
    body_on_floor: bool = False,
    mass_scale: float = 1.0,
) -> mujoco.MjModel:
    """Compile the robot with sphere soles on a floor at z = 0; its position loops keep their gains and effort limits.

    Args:
        robot: Its MJCF holds the actuators: one position loop a joint, in the order of the joints.
        timestep_s: Of the simulation [s].
        friction: Between soles and floor.
        self_collision: Whether parts of the robot touch each other.
        body_on_floor: Whether hands, knees and torso touch the floor too, not the soles alone.
        mass_scale: All masses and inertias times this, for tests of robustness.
    """
    spec = mujoco.MjSpec.from_string(robot.mjcf)
    spec.option.timestep = timestep_s
    spec.option.integrator = mujoco.mjtIntegrator.mjINT_IMPLICITFAST
    # Where a simulation bursts, the robot is not to be put back to its zero pose in silence.
    spec.option.disableflags |= mujoco.mjtDisableBit.mjDSBL_AUTORESET
    feet = set(robot.foot_body_names)
    for geom in list(spec.geoms):
        if geom.type == mujoco.mjtGeom.mjGEOM_PLANE:
            geom.contype, geom.conaffinity = 0, SOLE_ON_FLOOR | _BODY
        elif geom.type == mujoco.mjtGeom.mjGEOM_MESH:
            spec.delete(geom)
        elif geom.contype or geom.conaffinity:
            touches_floor = body_on_floor and geom.parent.name not in feet
            geom.contype = (_SELF if self_collision else 0) | (_BODY if touches_floor else 0)
            geom.conaffinity = _SELF if self_collision else 0
    for mesh in list(spec.meshes):
        spec.delete(mesh)
    for name in robot.foot_body_names:
        _add_sole(spec.body(name), robot.sole_points_b, friction)
    model = spec.compile()
    if mass_scale != 1.0:
        model.body_mass[:] *= mass_scale
        model.body_inertia[:] *= mass_scale
        mujoco.mj_setConst(model, mujoco.MjData(model))
    return model


def _add_sole(foot: mujoco.MjsBody, points_b: Float[np.ndarray, "points 3"], friction: float) -> None:
    """Put a sphere over every corner of a sole, so that its lowest point is the corner."""
    for i, point in enumerate(points_b):
        foot.add_geom(
            name=f"{foot.name}_sole_{i}",
            type=mujoco.mjtGeom.mjGEOM_SPHERE,
            size=[SOLE_RADIUS, 0, 0],
            pos=(point[0], point[1], point[2] + SOLE_RADIUS),
            contype=SOLE_ON_FLOOR,
            conaffinity=0,
            condim=3,
            friction=[friction, 0.005, 0.0001],
            priority=2,
            mass=0,
            group=3,
        )


def sole_geoms(model: mujoco.MjModel) -> tuple[list[int], list[int]]:
    """Return the spheres of the left and of the right sole."""
    soles = [geom for geom in range(model.ngeom) if model.geom_contype[geom] & SOLE_ON_FLOOR]
    bodies = list(dict.fromkeys(model.geom_bodyid[soles].tolist()))  # MuJoCo keeps the order of the links, left first
    left, right = ([geom for geom in soles if model.geom_bodyid[geom] == body] for body in bodies)
    return left, right


def gains(model: mujoco.MjModel) -> tuple[Float[np.ndarray, " joints"], Float[np.ndarray, " joints"]]:
    """Return stiffness [N m/rad] and damping [N m s/rad] of the position loops."""
    return model.actuator_gainprm[:, 0].copy(), -model.actuator_biasprm[:, 2].copy()


def fallen(
    qpos: Float[np.ndarray, "*batch nq"],
    wanted: Float[np.ndarray, "*batch nq"],
    *,
    drop_m: float = 0.25,
    tilt_rad: float = 1.0,
) -> Bool[np.ndarray, "*batch"]:
    """Say whether the root is far lower or more tilted than it should be, or the simulation has burst.

    Measured against the reference, so that a crouch, a bow or a motion on the floor is no fall.
    """
    finite = np.asarray(np.isfinite(qpos).all(axis=-1))
    safe = np.where(finite[..., None], qpos, wanted)
    dropped = wanted[..., 2] - safe[..., 2] > drop_m
    tilted = (_up(safe[..., 3:7]) * _up(wanted[..., 3:7])).sum(axis=-1) < np.cos(tilt_rad)
    return ~finite | dropped | tilted


def _up(quat_wxyz: Float[np.ndarray, "*batch 4"]) -> Float[np.ndarray, "*batch 3"]:
    """Direction of the root's own z axis in the world."""
    w, x, y, z = np.moveaxis(quat_wxyz, -1, 0)
    return np.stack([2 * (x * z + w * y), 2 * (y * z - w * x), 1 - 2 * (x * x + y * y)], axis=-1)


@contextmanager
def without_log() -> Iterator[None]:
    """Keep MuJoCo from writing a file where the user stands whenever a simulation bursts: the caller sees that it did.

    Motions that no robot can follow burst, and so do many of the futures that sampling looks at.
    """
    before = mujoco.get_mju_user_warning()
    mujoco.set_mju_user_warning(lambda message: None)
    try:
        yield
    finally:
        mujoco.set_mju_user_warning(before)
