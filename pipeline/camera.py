"""A pinhole camera: intrinsics and pose, in OpenCV's axes (x right, y down, z forward)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from robots.arrays import checked_array, freeze_fields


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CameraPath:
    """One camera over time, seen from a world of the caller's choice."""

    K: Float[np.ndarray, "3 3"]
    """Intrinsics [px]."""
    R_w2c: Float[np.ndarray, "frames 3 3"]
    """Rotation from world axes to camera axes."""
    pos_w: Float[np.ndarray, "frames 3"]
    """Optical centre in the world [m]."""

    def __post_init__(self) -> None:
        """Check shapes and finiteness."""
        dims: dict[str, int] = {}
        freeze_fields(
            self,
            {
                "K": checked_array("K", self.K, (3, 3)),
                "R_w2c": checked_array("R_w2c", self.R_w2c, ("frames", 3, 3), dims),
                "pos_w": checked_array("pos_w", self.pos_w, ("frames", 3), dims),
            },
        )

    def project(
        self, points_w: Float[np.ndarray, "frames points 3"]
    ) -> tuple[Float[np.ndarray, "frames points 2"], Float[np.ndarray, "frames points"]]:
        """Return pixel coordinates and depth [m] of world points; depth <= 0 lies behind the camera."""
        points_c = np.einsum("fij,fpj->fpi", self.R_w2c, points_w - self.pos_w[:, None])
        depth = points_c[..., 2]
        safe = np.where(np.abs(depth) < 1e-9, 1e-9, depth)
        homogeneous = points_c @ self.K.T
        return homogeneous[..., :2] / safe[..., None], depth


def default_intrinsics(width: int, height: int) -> Float[np.ndarray, "3 3"]:
    """Intrinsics for an unknown lens: focal length = image diagonal (53 deg across it), centred.

    The same guess as WHAM and GVHMR make; a phone's main camera is within about 20 % of it.
    """
    focal = float(np.hypot(width, height))
    return np.array([[focal, 0.0, width / 2], [0.0, focal, height / 2], [0.0, 0.0, 1.0]])
