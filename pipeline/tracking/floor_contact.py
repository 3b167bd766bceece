"""Turns states of a robot into whether hands, knees or trunk are at the floor, which only soles feel."""

from __future__ import annotations

import mujoco
import numpy as np
from jaxtyping import Bool, Float

from robots.capsules import robot_capsules
from robots.model import RobotModel


def others_on_floor(
    robot: RobotModel, qpos: Float[np.ndarray, "frames nq"], height: float
) -> Bool[np.ndarray, " frames"]:
    """Say where a part of the robot other than the feet is at the floor.

    Args:
        robot: The robot; its capsules stand for its links.
        qpos: Generalised positions over a floor at z = 0.
        height: Parts lower than this touch it [m].
    """
    capsules = [c for c in robot_capsules(robot) if c.body not in robot.foot_body_names]
    model = robot.mj_model()
    data = mujoco.MjData(model)
    body = np.array([model.body(c.body).id for c in capsules])
    ends_b = np.array([(c.start_b, c.end_b) for c in capsules])
    radius = np.array([c.radius for c in capsules])
    low = np.zeros(len(qpos), dtype=bool)
    for frame, state in enumerate(qpos):
        data.qpos[:] = state
        mujoco.mj_kinematics(model, data)
        up = data.xmat[body][:, 6:9]
        z = data.xpos[body, 2] - radius + np.einsum("cej,cj->ce", ends_b, up).min(axis=1)
        low[frame] = z.min() < height
    return low
