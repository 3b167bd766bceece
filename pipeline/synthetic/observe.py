"""Turns a known motion before a known camera into the evidence that a video of it would have given."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float, UInt16
from scipy.spatial.transform import Rotation

from pipeline.body import SkinnedBody
from pipeline.camera import CameraPath
from pipeline.evidence import Evidence, FrameFlag
from pipeline.synthetic.detector import DetectorModel, Seen
from pipeline.synthetic.occlusion import Occlusion, hidden_keypoints
from pipeline.synthetic.point_sets import KEYPOINT_LANDMARKS, LANDMARK_KEYPOINT, landmark_regressor
from pipeline.synthetic.processes import wandering
from retarget.smpl_motion import SmplMotion
from robots.exceptions import InvalidArray

CAMERA_NOISE_DEG = 0.07
"""How far a measured camera rotation strays (docs/benchmarks.md: at the worst frame 0.04 to 0.18 deg) [deg]."""

_CAMERA_DRIFT_S = 2.0
_LOW_CONFIDENCE = 0.5
_DISTRUSTED = 0.5


def observe(
    motion: SmplMotion,
    body: SkinnedBody,
    camera: CameraPath,
    image_size: tuple[int, int],
    detector: DetectorModel,
    rng: np.random.Generator,
    *,
    occlusions: Sequence[Occlusion] = (),
    camera_noise_deg: float = CAMERA_NOISE_DEG,
    K_source: str = "user",
) -> Evidence:
    """Return what the front end would say of a video of this motion.

    A camera that never turns is reported as still, as the front end does. ``K`` is the camera's own.

    Args:
        motion: The person.
        body: Whose motion it is.
        camera: As many frames as the motion.
        image_size: Width and height [px].
        detector: Whose errors to make.
        rng: Source of chance.
        occlusions: What is hidden, and when.
        camera_noise_deg: Standard deviation of the camera rotation's error, which wanders slowly from zero [deg].
        K_source: What the evidence says of where ``K`` is from.

    Raises:
        InvalidArray: Camera and motion differ in length, or the noise is negative.
        WrongBody: The motion belongs to another body.
    """
    if len(camera.pos_w) != len(motion):
        raise InvalidArray("camera", problem=f"has {len(camera.pos_w)} frames, the motion {len(motion)}")
    if not (np.isfinite(camera_noise_deg) and camera_noise_deg >= 0):
        raise InvalidArray("camera_noise_deg", problem=f"must be zero or more, got {camera_noise_deg}")
    landmarks_c = _in_camera(body.points(motion, landmark_regressor(body)), camera)
    seen = detector.detect(
        _in_camera(body.motion_keypoints(motion), camera),
        landmarks_c,
        focal_px=float(camera.K[0, 0]),
        principal_px=camera.K[:2, 2],
        image_size=image_size,
        fps=motion.fps,
        rng=rng,
        hidden=hidden_keypoints(occlusions, len(motion), motion.fps),
    )
    return Evidence(
        fps=motion.fps,
        timestamps=np.arange(len(motion)) / motion.fps,
        native_fps=motion.fps,
        image_size=image_size,
        K=camera.K,
        K_source=K_source,
        boxes=_boxes(seen, landmarks_c, camera.K),
        kp2d=seen.keypoints[:, :17],
        foot_kp2d=seen.keypoints[:, 17:],
        landmarks_w=seen.landmarks,
        R_w2c=_measured_rotation(camera.R_w2c, camera_noise_deg, motion.fps, rng),
        flags=_flags(seen, image_size),
        kp_trust=seen.trust * (seen.keypoints[..., 2] > 0).any(axis=1, keepdims=True),
    )


def _in_camera(points_w: Float[np.ndarray, "frames points 3"], camera: CameraPath) -> np.ndarray:
    return np.einsum("fij,fpj->fpi", camera.R_w2c, points_w - camera.pos_w[:, None])


def _boxes(
    seen: Seen, landmarks_c: Float[np.ndarray, "frames 33 3"], K: Float[np.ndarray, "3 3"]
) -> Float[np.ndarray, "frames 4"]:
    """Tight box round all landmarks, as the front end makes it: reported keypoints, and hands and mouth beside them.

    The twelve landmarks that are no keypoints are moved by their keypoint's error.
    """
    depth = np.maximum(landmarks_c[..., 2:], 0.05)
    pixels = landmarks_c[..., :2] / depth * K[0, 0] + K[:2, 2]
    error = seen.keypoints[..., :2] - pixels[:, list(KEYPOINT_LANDMARKS)]
    pixels = pixels + error[:, list(LANDMARK_KEYPOINT)]
    return np.concatenate([pixels.min(axis=1), pixels.max(axis=1)], axis=1)


def _measured_rotation(
    R_w2c: Float[np.ndarray, "frames 3 3"], noise_deg: float, fps: float, rng: np.random.Generator
) -> Float[np.ndarray, "frames 3 3"]:
    """Rotation from the first frame's camera axes, with an error that starts at zero and wanders."""
    if np.array_equal(R_w2c, np.broadcast_to(R_w2c[0], R_w2c.shape)):
        return np.broadcast_to(np.eye(3), R_w2c.shape).copy()
    drift = wandering((len(R_w2c), 3), lasting_s=_CAMERA_DRIFT_S, fps=fps, rng=rng)
    error = np.radians(noise_deg) / np.sqrt(2.0) * (drift - drift[0])
    return Rotation.from_rotvec(error).as_matrix() @ R_w2c @ R_w2c[0].T


def _flags(seen: Seen, image_size: tuple[int, int]) -> UInt16[np.ndarray, " frames"]:
    """Mark frames as the front end does: nobody, unsure of most joints, partly outside, limbs it distrusts."""
    keypoints = seen.keypoints
    absent: Bool[np.ndarray, " frames"] = (keypoints[..., 2] == 0).all(axis=1)
    doubtful = ((keypoints[:, :17, 2] < _LOW_CONFIDENCE).mean(axis=1) > 0.5) & ~absent
    outside = ((keypoints[..., :2] < 0) | (keypoints[..., :2] >= image_size)).any(axis=(1, 2))
    odd = seen.trust[:, 5:17].min(axis=1) < _DISTRUSTED
    flags = (
        absent * FrameFlag.NO_PERSON
        | doubtful * FrameFlag.LOW_CONFIDENCE
        | outside * FrameFlag.CROPPED
        | odd * FrameFlag.ODD_LIMBS
    )
    return flags.astype(np.uint16)
