"""Tells what mjlab makes of motion files: its loader, its tracking task, its resets and steps, one round of its PPO.

    python scripts/mjlab_check.py MOTION.npz ... [--json FILE] [--ppo-iterations 1] [--num-envs 4] [--steps 50]

Run it with a Python that has mjlab (pip install "wushu[mjlab]", or mjlab alone): nothing of wushu is imported here,
so that what is told is what the trainer sees. It runs on the CPU, logs nothing anywhere and leaves no file but FILE.
It ends with 1 where mjlab reads other numbers than the file holds, resets a robot elsewhere than the file says, or
meets a number that is not finite.
"""

# pyright: reportMissingImports=false
# mjlab lives in an environment of its own: it pins MuJoCo and brings a simulator for graphics cards.

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
import tempfile
import time
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

TASK = "Mjlab-Tracking-Flat-Unitree-G1"
ARRAYS = ("joint_pos", "joint_vel", "body_pos_w", "body_quat_w", "body_lin_vel_w", "body_ang_vel_w")
VERSIONS = ("mjlab", "mujoco", "mujoco-warp", "rsl-rl-lib", "torch", "numpy")
LARGEST_RESET_ERR_M = 0.01
"""A robot farther from its file than this after a reset without noise stands in another pose [m]."""
N_RESETS = 10
"""How many times all environments are reset as training does it."""


def main() -> int:
    """Check the files, print what was found and write it."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("motions", type=Path, nargs="+", metavar="MOTION.npz")
    options.add_argument("--json", type=Path, metavar="FILE", help="write what was found")
    options.add_argument("--ppo-iterations", type=int, default=1)
    options.add_argument("--num-envs", type=int, default=4)
    options.add_argument("--steps", type=int, default=50)
    options.add_argument("--seed", type=int, default=0)
    chosen = options.parse_args()
    # Before mjlab is imported: no card, no account, no chatter.
    os.environ.update(CUDA_VISIBLE_DEVICES="", WANDB_MODE="disabled", MJLAB_WARP_QUIET="1")
    with contextlib.redirect_stdout(sys.stderr):  # mjlab tells its configuration; what goes on is what was found
        found = {str(path): checked(path, chosen) for path in chosen.motions}
        several = takes_several_files(chosen.motions)
    whole = {
        "reset_err_m": max(motion["reset_err_m"] for motion in found.values()),
        "ppo_iterations": min(motion["ppo_iterations"] for motion in found.values()),
        "takes_several_files": several,
        "versions": {
            name: version(name) for name in ("mjlab", "mujoco", "mujoco-warp", "rsl-rl-lib", "torch", "numpy")
        },
        "motions": found,
    }
    text = json.dumps(whole, indent=1)
    print(text)
    if chosen.json:
        chosen.json.write_text(text + "\n", encoding="utf-8")
    wrong = [f"{name}: {complaint}" for name, motion in found.items() for complaint in motion["complaints"]]
    print("\n".join(wrong or ["mjlab takes every file"]), file=sys.stderr)
    return 1 if wrong else 0


def checked(path: Path, chosen: argparse.Namespace) -> dict[str, Any]:
    """Take one file through mjlab."""
    from mjlab.envs import ManagerBasedRlEnv

    started = time.perf_counter()
    env = ManagerBasedRlEnv(cfg=task_config(path, chosen), device="cpu")
    built = time.perf_counter()
    file = {name: np.asarray(array) for name, array in np.load(path, allow_pickle=False).items()}
    found = {
        "frames": len(file["joint_pos"]),
        "loader_max_diff": loader_max_diff(path, file),
        **reset_errors(env, file),
        **stepped(env, chosen),
        **trained(env, chosen),
        "build_s": round(built - started, 2),
        "check_s": round(time.perf_counter() - built, 2),
    }
    env.close()
    return {**found, "complaints": complaints(found)}


def task_config(path: Path, chosen: argparse.Namespace) -> Any:
    """Return mjlab's tracking task, playing this file."""
    import mjlab.tasks  # noqa: F401 - registers the tasks
    from mjlab.tasks.registry import load_env_cfg

    config = load_env_cfg(TASK)
    config.commands["motion"].motion_file = str(path)
    config.scene.num_envs = chosen.num_envs
    config.seed = chosen.seed
    return config


def loader_max_diff(path: Path, file: dict[str, np.ndarray]) -> float:
    """Return the largest difference between what mjlab's loader holds and what the file says, in any array."""
    import torch
    from mjlab.tasks.tracking.mdp.commands import MotionLoader

    bodies = torch.arange(file["body_pos_w"].shape[1])
    loaded = MotionLoader(str(path), bodies)
    return max(float(np.abs(getattr(loaded, name).numpy() - file[name]).max()) for name in ARRAYS)


def reset_errors(env: Any, file: dict[str, np.ndarray]) -> dict[str, Any]:
    """Tell how far the simulated robot is from the file right after a reset.

    mjlab pulls joints into its soft limits (0.9 of the range) before it writes them. Where it does so, the robot does
    not stand as the file says, whatever the file says.

    Returns:
        ``reset_err_m``: farthest of all links in all frames, without noise [m]; ``reset_err_unclipped_m``: the same in
        the frames that mjlab leaves as they are, with ``turn_err_rad`` and ``speed_err_m_s`` for the links' orientation
        and linear velocity there; ``clipped_frames``, ``clipped_by_rad``: how many it changes, and by how much;
        ``reset_err_random_m``: as training resets, without noise; ``reset_err_noise_m``: with the task's own noise.
    """
    command = env.command_manager.get_term("motion")
    noise = {name: getattr(command.cfg, name) for name in ("pose_range", "velocity_range", "joint_position_range")}
    noisy = random_reset_err(env, command, file)
    command.cfg.pose_range, command.cfg.velocity_range, command.cfg.joint_position_range = {}, {}, (0.0, 0.0)
    states = every_frame(env, command, len(file["joint_pos"]))
    clip = np.abs(states["joint_pos"] - file["joint_pos"]).max(axis=1)
    off = np.linalg.norm(states["body_pos_w"] - file["body_pos_w"], axis=-1).max(axis=1)
    speed = np.linalg.norm(states["body_lin_vel_w"] - file["body_lin_vel_w"], axis=-1).max(axis=1)
    turn = turn_between(states["body_quat_w"], file["body_quat_w"]).max(axis=1)
    kept = clip < 1e-6
    found = {
        "reset_err_m": largest(off),
        "reset_err_unclipped_m": largest(off[kept]),
        "turn_err_rad": largest(turn[kept]),
        "speed_err_m_s": largest(speed[kept]),
        "clipped_frames": int((~kept).sum()),
        "clipped_by_rad": largest(clip),
        "reset_err_random_m": random_reset_err(env, command, file),
        "reset_err_noise_m": noisy,
    }
    for name, value in noise.items():
        setattr(command.cfg, name, value)
    return found


def turn_between(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return the angles between unit quaternions [rad]; their chord keeps small ones in single precision."""
    chord = np.minimum(np.linalg.norm(first - second, axis=-1), np.linalg.norm(first + second, axis=-1))
    return 4 * np.arcsin(np.clip(chord / 2, 0, 1))


def every_frame(env: Any, command: Any, n_frames: int) -> dict[str, np.ndarray]:
    """Reset to each frame once, by mjlab's own function, and return where the simulated links and joints are."""
    import torch

    robot = env.scene["robot"].data
    everyone = torch.arange(env.num_envs)
    states: dict[str, list[np.ndarray]] = {"joint_pos": [], "body_pos_w": [], "body_quat_w": [], "body_lin_vel_w": []}
    for first in range(0, n_frames, env.num_envs):
        command.reset_to_frame(everyone, (everyone + first).clamp(max=n_frames - 1))
        env.sim.forward()
        states["joint_pos"].append(robot.joint_pos.numpy().copy())
        states["body_pos_w"].append((robot.body_link_pos_w - env.scene.env_origins[:, None]).numpy())
        states["body_quat_w"].append(robot.body_link_quat_w.numpy().copy())
        states["body_lin_vel_w"].append(robot.body_link_lin_vel_w.numpy().copy())
    return {name: np.concatenate(rows)[:n_frames] for name, rows in states.items()}


def random_reset_err(env: Any, command: Any, file: dict[str, np.ndarray]) -> float:
    """Reset as training does, to frames that mjlab draws, and return the largest distance of a link [m]."""
    farthest = 0.0
    for _ in range(N_RESETS):
        env.reset()
        # A reset shows a frame and then moves the clock to the next, which is the first that the policy has to meet.
        frames = command.time_steps.numpy() - 1
        placed = env.scene["robot"].data.body_link_pos_w - env.scene.env_origins[:, None]
        off = np.linalg.norm(placed.numpy() - file["body_pos_w"][frames], axis=-1)
        farthest = max(farthest, float(off.max()))
    return farthest


def stepped(env: Any, chosen: argparse.Namespace) -> dict[str, Any]:
    """Step with small random actions."""
    import torch

    env.reset()
    draw = torch.Generator().manual_seed(chosen.seed)
    rewards, ended = [], 0
    for _ in range(chosen.steps):
        actions = 0.1 * torch.randn(env.num_envs, env.action_manager.total_action_dim, generator=draw)
        _, reward, terminated, _, _ = env.step(actions)
        rewards.append(reward.numpy().copy())
        ended += int(terminated.sum())
    finite = np.isfinite(rewards).all() if rewards else True
    return {
        "steps": chosen.steps,
        "rewards_finite": bool(finite),
        "reward_mean": float(np.mean(rewards)) if rewards else 0.0,
        "ended_early": ended,
    }


def trained(env: Any, chosen: argparse.Namespace) -> dict[str, Any]:
    """Run the task's own PPO for some iterations."""
    import torch
    from mjlab.rl import RslRlVecEnvWrapper
    from mjlab.tasks.registry import load_rl_cfg, load_runner_cls

    if chosen.ppo_iterations < 1:
        return {"ppo_iterations": 0, "policy_finite": True, "ppo_s": 0.0}
    config = load_rl_cfg(TASK)
    config.logger, config.upload_model = "tensorboard", False
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as log_dir:
        runner = load_runner_cls(TASK)(RslRlVecEnvWrapper(env), asdict(config), log_dir, "cpu")
        runner.learn(num_learning_iterations=chosen.ppo_iterations, init_at_random_ep_len=True)
    weights = runner.alg.get_policy().parameters()
    return {
        "ppo_iterations": chosen.ppo_iterations,
        "policy_finite": all(bool(torch.isfinite(weight).all()) for weight in weights),
        "ppo_s": round(time.perf_counter() - started, 2),
    }


def takes_several_files(paths: list[Path]) -> bool:
    """Say whether one run of this mjlab can be given several motions, as a list or as a folder."""
    import torch
    from mjlab.tasks.tracking.mdp.commands import MotionLoader

    several: list[Any] = [[str(path) for path in paths], str(paths[0].resolve().parent)]
    for motion_file in several:
        try:
            MotionLoader(motion_file, torch.arange(1))
        except (OSError, TypeError, ValueError, AttributeError):
            continue
        return True
    return False


def complaints(found: dict[str, Any]) -> list[str]:
    """Say what is wrong with a file, as far as mjlab shows it."""
    wrong = []
    if found["loader_max_diff"] != 0:
        wrong.append(f"mjlab reads other numbers than the file holds, by up to {found['loader_max_diff']:g}")
    if found["reset_err_unclipped_m"] > LARGEST_RESET_ERR_M:
        off = found["reset_err_unclipped_m"]
        wrong.append(f"a link is {off:.3f} m from where the file has it after a reset without noise")
    if not found["rewards_finite"]:
        wrong.append("a reward is not finite")
    if not found["policy_finite"]:
        wrong.append("PPO made a policy that is not finite")
    return wrong


def largest(values: np.ndarray) -> float:
    """Return the largest value, 0 of none."""
    return float(values.max(initial=0.0))


if __name__ == "__main__":
    sys.exit(main())
