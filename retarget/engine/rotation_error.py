"""Turns the orientation of a link and its target into the rotation vector between them, compiled."""

from __future__ import annotations

import numpy as np

from retarget.engine.jit import inlined


@inlined
def half_turn_log(
    xx: float, yy: float, zz: float, xy: float, xz: float, yz: float, vx: float, vy: float, vz: float, cosine: float
) -> tuple[float, float, float]:
    """Return the logarithm near half a turn: the axis from the symmetric part, its sense from the other."""
    xx, yy, zz = xx - cosine, yy - cosine, zz - cosine
    if xx >= yy and xx >= zz:
        ax, ay, az = xx, xy, xz
    elif yy >= zz:
        ax, ay, az = xy, yy, yz
    else:
        ax, ay, az = xz, yz, zz
    size = np.arctan2(np.sqrt(vx * vx + vy * vy + vz * vz), cosine) / np.sqrt(ax * ax + ay * ay + az * az)
    if ax * vx + ay * vy + az * vz < 0.0:
        size = -size
    return ax * size, ay * size, az * size


@inlined
def turn_per_sine(cosine: float) -> float:
    """Return ``angle / sin(angle)`` for angles up to 60 degrees to the last bits, without a branch at zero.

    With u = sin^2(angle / 2) it is ``asin(sqrt(u)) / sqrt(u) / sqrt(1 - u)``; the first factor by the rational
    approximation of fdlibm's ``asin`` (Sun Microsystems, 1993), which holds for u <= 1/4.
    """
    u = 0.5 * (1.0 - cosine)
    p = u * (
        1.66666666666666657415e-01
        + u
        * (
            -3.25565818622400915405e-01
            + u
            * (
                2.01212532134862925881e-01
                + u * (-4.00555345006794114027e-02 + u * (7.91534994289814532176e-04 + u * 3.47933107596021167570e-05))
            )
        )
    )
    q = 1.0 + u * (
        -2.40339491173441421878e00
        + u * (2.02094576023350569471e00 + u * (-6.88283971605453293030e-01 + u * 7.70381505559019352791e-02))
    )
    return (1.0 + p / q) / np.sqrt(1.0 - u)


@inlined
def rotation_error(rot: np.ndarray, b: int, link: np.ndarray, target: np.ndarray) -> tuple[float, float, float]:
    """Return ``log(R_body R_link R_target^T)``: the rotation vector from target to link, in world axes."""
    m00 = m01 = m02 = m10 = m11 = m12 = m20 = m21 = m22 = 0.0
    for k in range(3):
        x, y, z = link[0, k], link[1, k], link[2, k]
        a0 = rot[b, 0, 0] * x + rot[b, 0, 1] * y + rot[b, 0, 2] * z
        a1 = rot[b, 1, 0] * x + rot[b, 1, 1] * y + rot[b, 1, 2] * z
        a2 = rot[b, 2, 0] * x + rot[b, 2, 1] * y + rot[b, 2, 2] * z
        t0, t1, t2 = target[0, k], target[1, k], target[2, k]
        m00, m01, m02 = m00 + a0 * t0, m01 + a0 * t1, m02 + a0 * t2
        m10, m11, m12 = m10 + a1 * t0, m11 + a1 * t1, m12 + a1 * t2
        m20, m21, m22 = m20 + a2 * t0, m21 + a2 * t1, m22 + a2 * t2
    vx, vy, vz = 0.5 * (m21 - m12), 0.5 * (m02 - m20), 0.5 * (m10 - m01)
    cosine = 0.5 * (m00 + m11 + m22 - 1.0)
    if cosine >= 0.5:
        scale = turn_per_sine(cosine)
    elif cosine > -0.99:
        sine = np.sqrt(vx * vx + vy * vy + vz * vz)
        scale = np.arctan2(sine, cosine) / sine
    else:
        xy, xz, yz = 0.5 * (m01 + m10), 0.5 * (m02 + m20), 0.5 * (m12 + m21)
        return half_turn_log(m00, m11, m22, xy, xz, yz, vx, vy, vz, cosine)
    return vx * scale, vy * scale, vz * scale
