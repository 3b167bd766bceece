"""Turns two alignment points of a person into the rotated square that BlazePose's landmark network looks at.

The square is centred between the hips, its half side is 1.25 times the distance to the second point (the radius of
the circle round the whole person) and it is turned so that this point lies straight above the hips
(Bazarevsky et al., "BlazePose: On-device Real-time Body Pose tracking", 2020).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

_MARGIN = 1.25


@dataclass(frozen=True, slots=True, kw_only=True)
class Roi:
    """A square on the picture, turned about its centre."""

    center_x: float
    """[px]"""
    center_y: float
    """[px]"""
    size: float
    """Length of a side [px]."""
    angle: float
    """Clockwise on the screen, from an upright person to this one, in [-pi, pi) [rad]."""

    @classmethod
    def from_alignment_points(cls, hip_center: Float[np.ndarray, " 2"], radius_point: Float[np.ndarray, " 2"]) -> Roi:
        """Return the square given the middle of the hips and the point that marks size and uprightness [px]."""
        dx, dy = (np.asarray(radius_point, dtype=np.float64) - hip_center).tolist()
        angle = np.pi / 2 - np.arctan2(-dy, dx)
        return cls(
            center_x=float(hip_center[0]),
            center_y=float(hip_center[1]),
            size=2.0 * _MARGIN * float(np.hypot(dx, dy)),
            angle=float((angle + np.pi) % (2 * np.pi) - np.pi),
        )

    def rotation(self) -> Float[np.ndarray, "2 2"]:
        """Rotation from crop axes to picture axes."""
        c, s = np.cos(self.angle), np.sin(self.angle)
        return np.array([[c, -s], [s, c]])

    def crop_to_image(self, crop_size: int) -> Float[np.ndarray, "2 3"]:
        """Affine map from pixels of a ``crop_size`` square crop to pixels of the picture."""
        linear = self.rotation() * (self.size / crop_size)
        offset = np.array([self.center_x, self.center_y]) - linear @ np.full(2, crop_size / 2)
        return np.column_stack([linear, offset])
