"""Turns evidence into a world-grounded human motion by fitting one body to a whole clip; no neural network.

1. weigh the evidence; 2. pose each frame from its landmarks; 3. fit all frames at once; 4. find the ground and,
if it moves, the camera; 5. decide on contacts and fit again, some rounds; 6. stand the result on z = 0, z up.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from jaxtyping import Float

from pipeline.body import SkinnedBody
from pipeline.estimators.joint_trust import joint_trust
from pipeline.estimators.landmark import so3
from pipeline.estimators.landmark.body_points import CENTRE_OF_MASS, SOLES, tracked_points
from pipeline.estimators.landmark.config import LandmarkConfig
from pipeline.estimators.landmark.fit import WINDOW_FRAMES, Problem, fit
from pipeline.estimators.landmark.ground import camera_from_support, contact_probability, fit_ground
from pipeline.estimators.landmark.initial_pose import initial_state
from pipeline.estimators.landmark.joint_table import JOINT_LOWER, JOINT_UPPER, MOVING_JOINTS
from pipeline.estimators.landmark.observation import observe
from pipeline.estimators.landmark.state import ClipState, Placed, Unknowns, camera_axes
from pipeline.evidence import Evidence
from retarget.progress import Progress, silent
from retarget.smpl_motion import SmplMotion
from robots.exceptions import InvalidArray

_SENSOR_TILT_DEG = 1.0
"""Trust in a direction of gravity that the evidence brings [deg]."""
_STILL_CAMERA_DEG = 0.5
"""Rotation below which ``camera = "auto"`` takes the camera to stand on a tripod [deg]."""
_FIRST_TOLERANCE = 2.0
"""Scale of the thresholds of contact in the first round, when feet are still rough; it falls to one."""


class LandmarkEstimator:
    """Fits a body with fixed bones to keypoints, landmark directions, habits and the ground."""

    name = "landmark"
    version = 2
    trained_on: frozenset[str] = frozenset()
    data_sha256 = ""
    licences: tuple[str, ...] = ()

    def __init__(self, config: LandmarkConfig | None = None, *, window_frames: int = WINDOW_FRAMES) -> None:
        """Keep settings.

        Args:
            config: Sizes of errors; defaults when left out.
            window_frames: Frames that are differentiated at a time; changes memory and speed, never the motion.
        """
        self.config = LandmarkConfig() if config is None else config
        self._window_frames = window_frames

    def estimate(self, evidence: Evidence, body: SkinnedBody, progress: Progress = silent) -> SmplMotion:
        """Return the motion of the person in the evidence; ``z = 0`` is the floor.

        The world's origin lies on the floor below the first frame's pelvis; its y axis is where the first
        camera looks.

        Raises:
            TooLittleEvidence: A person is visible in too few frames.
            InvalidArray: The intrinsics cannot be inverted, or gravity is a zero vector.
        """
        config = self.config
        betas = np.zeros(10) if config.height_m is None else body.betas_for_height(config.height_m)
        rounds = config.rounds + 1
        progress(0, rounds)
        problem = _problem(evidence, body, betas, config, self._window_frames)
        state = initial_state(problem.seen, problem.points, problem.rest_joint_pos, problem.up_prior)
        placed = fit(problem, state, None, config.iterations)
        progress(1, rounds)
        placed = problem.place(_grounded(problem, placed))
        for done, tolerance in enumerate(np.linspace(_FIRST_TOLERANCE, 1.0, config.rounds), start=1):
            contact = contact_probability(placed.points[:, SOLES], placed.state, evidence.fps, config, tolerance)
            placed = fit(problem, placed.state, contact, config.iterations)
            progress(done + 1, rounds)
        return _motion(problem, placed, body, betas)


def _problem(
    evidence: Evidence,
    body: SkinnedBody,
    betas: Float[np.ndarray, " 10"],
    config: LandmarkConfig,
    window_frames: int,
) -> Problem:
    up_prior, tilt = _up_prior(evidence, config)
    return Problem(
        seen=observe(evidence),
        points=tracked_points(body, betas),
        rest_joint_pos=body.rest_joints(betas),
        unknowns=Unknowns(camera_moves=_camera_moves(evidence, config)),
        up_prior=up_prior,
        tilt_rad=tilt,
        config=config,
        window_frames=window_frames,
    )


def _up_prior(evidence: Evidence, config: LandmarkConfig) -> tuple[Float[np.ndarray, " 3"], tuple[float, float]]:
    """What is known of up before anyone looks at the floor, and its error by roll and by pitch [rad]."""
    if evidence.gravity_c0 is None:
        return np.array([0.0, -1.0, 0.0]), (np.deg2rad(config.camera_roll_deg), np.deg2rad(config.camera_pitch_deg))
    length = np.linalg.norm(evidence.gravity_c0)
    if length < 1e-6:
        raise InvalidArray("gravity_c0", problem="is zero and names no direction")
    return -evidence.gravity_c0 / length, (np.deg2rad(_SENSOR_TILT_DEG), np.deg2rad(_SENSOR_TILT_DEG))


def _camera_moves(evidence: Evidence, config: LandmarkConfig) -> bool:
    if config.camera != "auto":
        return config.camera == "moving"
    angle = np.linalg.norm(so3.log(evidence.R_w2c @ evidence.R_w2c[0].T), axis=-1)
    return bool(np.rad2deg(angle.max()) > _STILL_CAMERA_DEG)


def _grounded(problem: Problem, placed: Placed) -> ClipState:
    """Give the first fit, which knows nothing of the world, a camera path and a floor."""
    state, fps = placed.state, problem.seen.fps
    shift = np.zeros_like(state.root_pos)
    if problem.unknowns.camera_moves:
        shift = camera_from_support(placed.points[:, SOLES] - state.camera_pos[:, None], problem.up_prior, fps)
        shift = shift - state.camera_pos
    moved = ClipState(
        rotation=state.rotation,
        root_pos=state.root_pos + shift,
        camera_pos=state.camera_pos + shift,
        up=state.up,
        floor=state.floor,
    )
    points = placed.points + shift[:, None]
    mass = np.einsum("p,tpa->ta", CENTRE_OF_MASS, points)
    return fit_ground(points[:, SOLES], mass, moved, problem.up_prior, problem.tilt_rad, fps, problem.config)


def _motion(problem: Problem, placed: Placed, body: SkinnedBody, betas: Float[np.ndarray, " 10"]) -> SmplMotion:
    """Turn the solution into the z-up world, exactly within the joint limits."""
    state = placed.state
    contact = contact_probability(placed.points[:, SOLES], state, problem.seen.fps, problem.config)
    view = camera_axes(state.up)
    to_world = np.stack([view[0], np.cross(state.up, view[0]), state.up])
    position = state.root_pos @ to_world.T
    position[:, :2] -= position[0, :2]
    position[:, 2] -= state.floor
    body_pose = np.zeros((len(position), 21, 3))
    body_pose[:, np.array(MOVING_JOINTS[1:]) - 1] = np.clip(placed.joint_rotvec, JOINT_LOWER, JOINT_UPPER)
    motion = body.motion(
        fps=problem.seen.fps,
        betas=betas,
        global_orient=so3.log(to_world @ state.rotation[:, 0]),
        body_pose=body_pose,
        transl=position - problem.rest_joint_pos[0],
        foot_contact=contact.reshape(len(contact), 2, -1).max(axis=-1),
    )
    return replace(motion, joint_trust=joint_trust(problem.seen.keypoint_seen, problem.seen.fps))
