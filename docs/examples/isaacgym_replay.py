"""Shows a hand-off of the format `mjlab` in IsaacGym, state by state, as an episode of your own trainer begins.

    python isaacgym_replay.py MOTION.npz G1_29DOF.urdf

For Python 3.8 with IsaacGym Preview 4 (`gymapi`, which pip does not have) and NumPy; nothing of wushu is needed. The
`.npz` is read rather than the `.pkl`: it holds velocities, and NumPy reads it without running anything in it. PBHC
itself reads the `.pkl` by its own loader and needs none of this.

Two orders differ between the worlds and are set right here: IsaacGym's quaternions are (x, y, z, w), the file's
(w, x, y, z); and the joints are put where the asset has them, by name.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

FPS = 50
_SIDES = ("left", "right")
_LEG = ("hip_pitch", "hip_roll", "hip_yaw", "knee", "ankle_pitch", "ankle_roll")
_ARM = ("shoulder_pitch", "shoulder_roll", "shoulder_yaw", "elbow", "wrist_roll", "wrist_pitch", "wrist_yaw")
JOINTS = (
    *(f"{side}_{joint}_joint" for side in _SIDES for joint in _LEG),
    *(f"waist_{joint}_joint" for joint in ("yaw", "roll", "pitch")),
    *(f"{side}_{joint}_joint" for side in _SIDES for joint in _ARM),
)
"""Columns of the file's joint arrays: the order of MuJoCo's model of the G1."""


class Reference(NamedTuple):
    """A motion as IsaacGym's state tensors have it."""

    root: np.ndarray
    """Position, quaternion (x, y, z, w), linear and angular velocity of the pelvis in the world, (frames, 13)."""
    dof: np.ndarray
    """Angle and speed of each joint of the asset, (frames, joints, 2)."""


def load_reference(path: Path, asset_joints: Sequence[str]) -> Reference:
    """Read a motion for an asset with these joints.

    Raises:
        ValueError: The file is not at 50 frames a second, or the asset is another robot than the file's.
    """
    with np.load(path, allow_pickle=False) as file:
        if float(file["fps"][0]) != FPS:
            raise ValueError(f"{path}: made at {file['fps'][0]} frames a second, not at {FPS}")
        if set(asset_joints) != set(JOINTS):
            differing = ", ".join(sorted(set(asset_joints) ^ set(JOINTS)))
            raise ValueError(f"{path}: a motion of the G1 with 29 joints; the asset differs in {differing}")
        pelvis = [file["body_pos_w"], file["body_quat_w"][..., [1, 2, 3, 0]]]
        pelvis += [file["body_lin_vel_w"], file["body_ang_vel_w"]]
        joints = np.stack([file["joint_pos"], file["joint_vel"]], axis=-1)
    columns = [JOINTS.index(name) for name in asset_joints]
    return Reference(root=np.concatenate([states[:, 0] for states in pelvis], axis=-1), dof=joints[:, columns])


def main(motion: Path, urdf: Path) -> None:
    """Show the motion once, in IsaacGym's viewer."""
    from isaacgym import gymapi
    from isaacgym import gymtorch  # pyright: ignore[reportAttributeAccessIssue] # isort: skip - stubs: gymapi alone
    import torch  # isort: skip - after isaacgym, which refuses to come second

    gym = gymapi.acquire_gym()
    params = gymapi.SimParams()
    params.dt = 1 / FPS
    params.up_axis = gymapi.UP_AXIS_Z
    params.gravity = gymapi.Vec3(0.0, 0.0, 0.0)  # each frame is set; between two of them nothing should fall
    params.use_gpu_pipeline = False
    sim = gym.create_sim(0, 0, gymapi.SIM_PHYSX, params)
    asset = gym.load_asset(sim, str(urdf.parent), urdf.name, gymapi.AssetOptions())
    reference = load_reference(motion, gym.get_asset_dof_names(asset))
    env = gym.create_env(sim, gymapi.Vec3(-1.0, -1.0, 0.0), gymapi.Vec3(1.0, 1.0, 2.0), 1)
    gym.create_actor(env, asset, gymapi.Transform(), "g1", 0, 0)
    viewer = gym.create_viewer(sim, gymapi.CameraProperties())
    gym.prepare_sim(sim)
    root = gymtorch.wrap_tensor(gym.acquire_actor_root_state_tensor(sim))
    dof = gymtorch.wrap_tensor(gym.acquire_dof_state_tensor(sim))
    for frame in range(len(reference.root)):
        root[:] = torch.from_numpy(reference.root[frame])
        dof[:] = torch.from_numpy(reference.dof[frame])
        gym.set_actor_root_state_tensor(sim, gymtorch.unwrap_tensor(root))
        gym.set_dof_state_tensor(sim, gymtorch.unwrap_tensor(dof))
        gym.simulate(sim)
        gym.fetch_results(sim, True)
        gym.step_graphics(sim)
        gym.draw_viewer(viewer, sim, False)
        gym.sync_frame_time(sim)
    gym.destroy_viewer(viewer)
    gym.destroy_sim(sim)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
