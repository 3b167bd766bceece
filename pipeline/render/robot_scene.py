"""Shows a robot motion: one RGB frame for each frame of the motion, on the checker floor."""

from __future__ import annotations

from collections.abc import Generator

import mujoco
import numpy as np
from jaxtyping import UInt8
from scipy.spatial.transform import Rotation

from pipeline.camera import CameraPath
from pipeline.render.gl import Renderer
from pipeline.render.stage import ViewConfig, follow_camera, set_stage
from robots.kinematics import qpos_in_order
from robots.model import RobotModel
from robots.motion import RobotMotion


def robot_frames(
    robot: RobotModel, motion: RobotMotion, config: ViewConfig | None = None
) -> Generator[UInt8[np.ndarray, "height width 3"], None, None]:
    """Yield one RGB frame for each frame of the motion; close the generator if it is left half-way.

    Args:
        robot: What to show, with its meshes where it has them.
        motion: What it does.
        config: Size and viewing angle.

    Raises:
        MissingRenderer: No OpenGL on this machine.
        JointsDoNotMatch: The motion is another robot's.
    """
    config = ViewConfig() if config is None else config
    qpos = qpos_in_order(robot, motion)
    model = staged_robot(robot, config)
    data = mujoco.MjData(model)
    camera = _camera(robot, model, data, motion, config)
    with Renderer(model, width=config.width, height=config.height, shadows=config.shadows) as renderer:
        for frame in range(len(qpos)):
            data.qpos[:] = qpos[frame]
            mujoco.mj_forward(model, data)
            yield renderer.render(data, K=camera.K, R_w2c=camera.R_w2c[frame], pos_w=camera.pos_w[frame])


def robot_camera(robot: RobotModel, motion: RobotMotion, config: ViewConfig | None = None) -> CameraPath:
    """Return the camera through which :func:`robot_frames` shows a motion, for what is drawn over its pictures.

    Args:
        robot: What is shown.
        motion: What it does.
        config: Size and viewing angle.
    """
    model = robot.mj_model()
    return _camera(robot, model, mujoco.MjData(model), motion, ViewConfig() if config is None else config)


def staged_robot(robot: RobotModel, config: ViewConfig) -> mujoco.MjModel:
    """Put the robot, with its meshes where it has them, on the checker floor under the stage's light."""
    meshes = sorted(robot.mesh_dir.glob("*.STL")) if robot.mesh_dir else []
    spec = mujoco.MjSpec.from_string(robot.mjcf, assets={file.name: file.read_bytes() for file in meshes})
    set_stage(spec, config)
    return spec.compile()


def _camera(
    robot: RobotModel, model: mujoco.MjModel, data: mujoco.MjData, motion: RobotMotion, config: ViewConfig
) -> CameraPath:
    """Aim at the motion, from as far as the standing robot is tall; ``data`` is left in the standing pose."""
    data.qpos[:] = robot.default_qpos
    mujoco.mj_forward(model, data)
    return follow_camera(
        motion.root_pos_w,
        heading=_heading(motion),
        stature=_stature(model, data),
        fps=motion.fps,
        config=config,
    )


def _heading(motion: RobotMotion) -> float:
    ahead = Rotation.from_quat(motion.root_quat_wxyz[0].copy(), scalar_first=True).apply([1.0, 0.0, 0.0])
    return float(np.arctan2(ahead[1], ahead[0]))


def _stature(model: mujoco.MjModel, data: mujoco.MjData) -> float:
    """Height of the topmost part's middle in the standing pose, and a little more for its upper half [m]."""
    return 1.06 * float(data.geom_xpos[model.geom_bodyid > 0, 2].max())
