"""Turns a choreography into the SMPL motion of one body: balanced, feet planted, 30 frames a second."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import Rotation

from pipeline.body import SkinnedBody
from pipeline.kfbench.arms import ARM_JOINTS, arm_rotations
from pipeline.kfbench.balance import balanced_com, centre_of_mass
from pipeline.kfbench.choreography import FEET, Choreography, Foot, Key
from pipeline.kfbench.footwork import SMPL_TO_WORLD, FootPath, foot_path, solve_leg
from pipeline.kfbench.tracks import rotation_track, value_track
from retarget.smpl_motion import SmplMotion
from retarget.smpl_skeleton import SMPL_JOINT_NAMES, forward_kinematics

FPS = 30.0
"""Rate of the performed motion [1/s]."""

_OVERSAMPLING = 4  # curves are shaped at 120 Hz, so that 30 Hz frames carry no trace of the sampling
_BALANCE_PASSES = 8  # moving the pelvis moves most of the mass: each pass leaves about a fifth of the error
_WEIGHT_SMOOTHING_S = 0.03  # weight passes from foot to foot faster than limbs move
_JOINT = {name: number for number, name in enumerate(SMPL_JOINT_NAMES)}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sole:
    """Where the soles of a body are, seen from its ankles in the rest pose."""

    ankle_height: float
    """Height of the ankle joint over the lowest point of the foot [m]."""
    centre_forward: float
    """How far the middle of the sole lies before the ankle [m]."""


def perform(piece: Choreography, body: SkinnedBody, *, betas: Float[np.ndarray, " 10"] | None = None) -> SmplMotion:
    """Let a body perform a choreography.

    Feet in stance do not move; the centre of mass follows the authored weight through the cart-table model, so the
    piece is balanced in motion as well as in its holds.

    Args:
        piece: What to perform.
        body: Whose skeleton and soles to use.
        betas: Shape of the body; the mean shape if left out.

    Raises:
        UnreachableStance: A footstep is too far for the legs of this body.
    """
    betas = np.zeros(10) if betas is None else betas
    rest = body.rest_joints(betas)
    sole = measure_sole(body, betas)
    n_frames = round(piece.duration * FPS) + 1
    times = np.arange((n_frames - 1) * _OVERSAMPLING + 1) / (FPS * _OVERSAMPLING)
    local = _upper_body(piece, times)
    paths = _foot_paths(piece, rest, sole, times)
    pelvis_pos = _balance(piece, rest, sole, times, local, paths)
    frames = slice(None, None, _OVERSAMPLING)
    vectors = Rotation.from_matrix(local[frames].reshape(-1, 3, 3)).as_rotvec().reshape(n_frames, 24, 3)
    return body.motion(
        FPS,
        betas,
        vectors[:, 0],
        vectors[:, 1:22],
        pelvis_pos[frames] - rest[0],
        foot_contact=np.stack([path.contact[frames] for path in paths.values()], axis=1).astype(np.float64),
    )


def measure_sole(body: SkinnedBody, betas: Float[np.ndarray, " 10"]) -> Sole:
    """Find the sole of a body standing in its rest pose (its feet are alike)."""
    verts = body.rest_verts(betas)
    ankle = body.rest_joints(betas)[_JOINT["left_ankle"]]
    foot = verts[np.isin(body.skin_weights.argmax(axis=1), [_JOINT["left_ankle"], _JOINT["left_foot"]])]
    lowest = foot[:, 1].min()
    floor = foot[foot[:, 1] < lowest + 0.015]
    return Sole(
        ankle_height=float(ankle[1] - lowest),
        centre_forward=float((floor[:, 2].min() + floor[:, 2].max()) / 2.0 - ankle[2]),
    )


def _leg_length(rest: np.ndarray) -> float:
    thigh = rest[_JOINT["left_knee"]] - rest[_JOINT["left_hip"]]
    shin = rest[_JOINT["left_ankle"]] - rest[_JOINT["left_knee"]]
    return float(np.linalg.norm(thigh) + np.linalg.norm(shin))


def _foot_paths(piece: Choreography, rest: np.ndarray, sole: Sole, times: np.ndarray) -> dict[Foot, FootPath]:
    unit = _leg_length(rest)
    return {foot: foot_path(piece, foot, times, leg_length=unit, ankle_height=sole.ankle_height) for foot in FEET}


def _upper_body(piece: Choreography, times: np.ndarray) -> Float[np.ndarray, "samples 24 3 3"]:
    """Local rotations of everything but the legs, which stay identity."""
    local = np.tile(np.eye(3), (len(times), 24, 1, 1))
    pelvis_keys, pelvis = _keyed(piece, "pelvis")
    # A whole turn has to go round, so yaw is interpolated as a number and not as a rotation.
    yaw, pitch, lean = np.radians(value_track(pelvis_keys, np.array(pelvis), times)).T
    local[:, 0] = SMPL_TO_WORLD @ _posture(yaw, pitch, lean)
    for part, joints in (("spine", ("spine1", "spine2", "spine3")), ("head", ("neck", "head"))):
        key_times, angles = _keyed(piece, part)
        whole = rotation_track(key_times, _posture(*np.radians(np.array(angles)).T), times)
        share = Rotation.from_rotvec(Rotation.from_matrix(whole).as_rotvec() / len(joints)).as_matrix()
        local[:, [_JOINT[name] for name in joints]] = share[:, None]
    for side in FEET:
        key_times, arms = _keyed(piece, side)
        rotations = arm_rotations(key_times, arms, times, side=side, lag_s=piece.arm_lag)
        local[:, [_JOINT[f"{side}_{name}"] for name in ARM_JOINTS]] = rotations
    return local


def _keyed(piece: Choreography, part: str) -> tuple[np.ndarray, list]:
    keys: list[Key] = [key for key in piece.keys if getattr(key, part) is not None]
    return np.array([key.t for key in keys]), [getattr(key, part) for key in keys]


def _posture(yaw: np.ndarray, pitch: np.ndarray, lean: np.ndarray) -> Float[np.ndarray, "n 3 3"]:
    """Rotation in SMPL's axes: yaw to the left about y, then forward about x, then to the left about -z [rad]."""
    return Rotation.from_euler("YXZ", np.stack([yaw, pitch, -lean], axis=1)).as_matrix()


def _balance(
    piece: Choreography,
    rest: np.ndarray,
    sole: Sole,
    times: np.ndarray,
    local: np.ndarray,
    paths: dict[Foot, FootPath],
) -> Float[np.ndarray, "samples 3"]:
    """Place the pelvis so that the centre of mass is where the weight wants it; fills the legs into ``local``."""
    weight = value_track(*_weight_keys(piece), times, smoothing_s=_WEIGHT_SMOOTHING_S)[:, None]
    key_times, heights = _keyed(piece, "height")
    height = value_track(key_times, np.array(heights), times)
    standing = rest[0, 1] - rest[_JOINT["left_ankle"], 1] + sole.ankle_height
    soles = {foot: path.pos_w + path.rot_w @ [0.0, 0.0, sole.centre_forward] for foot, path in paths.items()}
    zmp = weight * soles["left"][:, :2] + (1.0 - weight) * soles["right"][:, :2]
    # The centre of mass of a standing adult lies within a few centimetres of the pelvis.
    wanted = balanced_com(zmp, height=float(np.mean(height * standing)), dt=times[1] - times[0])
    pelvis = np.column_stack([wanted, height * standing])
    for _ in range(_BALANCE_PASSES):
        joints = _place(rest, times, local, paths, pelvis)
        pelvis[:, :2] += wanted - centre_of_mass(joints)[:, :2]
    _place(rest, times, local, paths, pelvis)
    return pelvis


def _weight_keys(piece: Choreography) -> tuple[np.ndarray, np.ndarray]:
    """Authored weights, and all of it on the other foot from the moment that a foot lifts until it lands."""
    keys = {key.t: key.weight for key in piece.keys if key.weight is not None}
    for step in piece.steps:
        on_left = 0.0 if step.foot == "left" else 1.0
        keys = {t: weight for t, weight in keys.items() if not step.lift <= t <= step.land}
        keys |= {step.lift: on_left, step.land: on_left}
    ordered = sorted(keys.items())
    return np.array([t for t, _ in ordered]), np.array([weight for _, weight in ordered])


def _place(
    rest: np.ndarray, times: np.ndarray, local: np.ndarray, paths: dict[Foot, FootPath], pelvis: np.ndarray
) -> Float[np.ndarray, "samples 24 3"]:
    """Solve both legs for this pelvis path and return all joints."""
    for foot, path in paths.items():
        hip, knee, ankle = (_JOINT[f"{foot}_{name}"] for name in ("hip", "knee", "ankle"))
        solution = solve_leg(
            hip_w=pelvis + local[:, 0] @ (rest[hip] - rest[0]),
            pelvis_rot_w=local[:, 0],
            path=path,
            thigh=rest[knee] - rest[hip],
            shin=rest[ankle] - rest[knee],
            foot=foot,
            times=times,
        )
        for joint, rotation in zip((hip, knee, ankle), solution, strict=True):
            local[:, joint] = rotation
    return forward_kinematics(local, rest, pelvis - rest[0])[0]
