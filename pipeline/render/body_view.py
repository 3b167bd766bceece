"""Shows a human motion: one RGB frame for each frame of the motion, on the same stage as the robot."""

from __future__ import annotations

from collections.abc import Generator

import mujoco
import numpy as np
from jaxtyping import UInt8
from scipy.spatial.transform import Rotation

from pipeline.body import SkinnedBody
from pipeline.render.gl import Renderer
from pipeline.render.skin import DEFAULT_COLOURS, PersonMesh, add_person
from pipeline.render.stage import ViewConfig, follow_camera, set_stage
from retarget.smpl_motion import SmplMotion


def body_frames(
    body: SkinnedBody, motion: SmplMotion, config: ViewConfig | None = None
) -> Generator[UInt8[np.ndarray, "height width 3"], None, None]:
    """Yield one RGB frame for each frame of the motion; close the generator if it is left half-way.

    Args:
        body: Whose skin to show; the motion must be its own.
        motion: What it does.
        config: Size and viewing angle.

    Raises:
        MissingRenderer: No OpenGL on this machine.
        WrongBody: The motion belongs to another body.
    """
    config = ViewConfig() if config is None else config
    spec = mujoco.MjSpec()
    add_person(spec, body, DEFAULT_COLOURS)
    set_stage(spec, config)
    model = spec.compile()
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    camera = follow_camera(
        motion.rest_joint_pos[0] + motion.transl,
        heading=_heading(motion),
        stature=body.height(motion.betas),
        fps=motion.fps,
        config=config,
    )
    with Renderer(model, width=config.width, height=config.height, shadows=config.shadows) as renderer:
        person = PersonMesh(model, body)
        frame = 0
        for chunk in body.iter_verts(motion):
            for verts_w in chunk:
                person.show(renderer, verts_w)
                yield renderer.render(data, K=camera.K, R_w2c=camera.R_w2c[frame], pos_w=camera.pos_w[frame])
                frame += 1


def _heading(motion: SmplMotion) -> float:
    ahead = Rotation.from_rotvec(motion.global_orient[0].copy()).apply([0.0, 0.0, 1.0])
    return float(np.arctan2(ahead[1], ahead[0]))
