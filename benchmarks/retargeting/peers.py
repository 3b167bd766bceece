"""Turns a clip's human into robot motion the way GMR does: mink + daqp loops to measure ourselves against.

The rules are those of General Motion Retargeting (Araujo et al. 2025, arXiv:2510.02252; commit 4f9e8b7), restated;
none of its code is here. Scales and turns between human and robot are solved from the clip's own targets.
:class:`GmrPeer` keeps GMR's habits, slow ones included; :class:`TwoQpPeer` does without the QPs that refine and the
limits built anew; :class:`FastPeer` also builds the targets of a frame at once, the best a user of mink could make of
it. All work on our G1, whose hips have wider limits than in GMR's model.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import mink
import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import Rotation

from benchmarks.retargeting.clips import BenchClip
from benchmarks.retargeting.exceptions import NotGmrTargets
from benchmarks.retargeting.geometry import task_points, with_target_sites
from robots.model import RobotModel

STAGE_1_POSITION = 100.0
"""Stage 1's price of the pelvis's and the feet's distance [1/m]; other distances cost nothing there."""

STAGE_1_ROTATION = 10.0
"""Stage 1's price of every body's angle [1/rad]."""

MAX_QPS = 10
"""Steps a stage."""

STOP = 1e-3
"""A stage ends when the unweighted norm of all residuals, metres and radians mixed, falls by less."""

DAMPING = 0.5
"""On every coordinate's square."""

LM_DAMPING = 1.0
"""Levenberg-Marquardt damping of each task."""

_SOLVER = "daqp"
_TOLERANCE = 1e-5


class TargetRule(NamedTuple):
    """How GMR's targets follow from the human: ``p* = s_0 root + s_b (p_b - root) + R*_b o_b``, ``R*_b = R_b D_b``."""

    columns: list[int]
    """Human body of each target."""
    root_scale: float
    scale: Float[np.ndarray, " targets"]
    turn: tuple[Rotation, ...]
    """``D_b``."""
    offset_b: Float[np.ndarray, "targets 3"]
    """``o_b`` [m]."""


def target_rule(clip: BenchClip) -> TargetRule:
    """Solve the constants of GMR's rule from a clip's human and targets.

    Raises:
        NotGmrTargets: The targets are off the rule by more than 1e-5 m or rad.
    """
    columns = [clip.human_names.index(name) for name in clip.target_human]
    human, target = clip.human_pos_w[:, columns], clip.target_pos_w
    turns = [
        (Rotation.from_quat(clip.human_quat_wxyz_w[:, c], scalar_first=True).inv() * _rotations(clip, b)).mean()
        for b, c in enumerate(columns)
    ]
    root, root_target = human[:, 0], target[:, 0]
    root_scale = float((root * root_target).sum() / (root * root).sum())
    unknowns = np.zeros((len(columns), 4))
    unknowns[0, 0] = root_scale
    for body in range(1, len(columns)):
        arm, target_arm = human[:, body] - root, target[:, body] - root_target
        unknowns[body] = _scale_and_offset(arm, target_arm, clip.target_rot_w[:, body])
    rule = TargetRule(columns, root_scale, unknowns[:, 0], tuple(turns), unknowns[:, 1:])
    pos, rot = all_targets(rule, clip)
    error = np.abs(pos - target).max(axis=(0, 2)) + np.abs(rot - clip.target_rot_w).max(axis=(0, 2, 3))
    if error.max() > _TOLERANCE:
        raise NotGmrTargets(clip.name, body=clip.target_human[int(error.argmax())], error=float(error.max()))
    return rule


def _scale_and_offset(
    arm: Float[np.ndarray, "frames 3"],
    target_arm: Float[np.ndarray, "frames 3"],
    rot_w: Float[np.ndarray, "frames 3 3"],
) -> Float[np.ndarray, " 4"]:
    """Scale and offset of one body; no offset if a scale will do: a limb that is held still cannot tell them apart."""
    scale = float((arm * target_arm).sum() / (arm * arm).sum())
    if np.abs(target_arm - scale * arm).max() < 0.1 * _TOLERANCE:
        return np.array([scale, 0.0, 0.0, 0.0])
    rows = np.hstack([arm.reshape(-1, 1), rot_w.reshape(-1, 3)])
    return np.linalg.lstsq(rows, target_arm.ravel(), rcond=None)[0]


def all_targets(
    rule: TargetRule, clip: BenchClip
) -> tuple[Float[np.ndarray, "frames targets 3"], Float[np.ndarray, "frames targets 3 3"]]:
    """Return GMR's targets of all frames at once: positions [m] and rotations."""
    human = clip.human_pos_w[:, rule.columns]
    root = human[:, :1]
    quat = clip.human_quat_wxyz_w[:, rule.columns]
    turned = Rotation.from_quat(quat.reshape(-1, 4), scalar_first=True).as_matrix().reshape(*quat.shape[:2], 3, 3)
    rot = turned @ np.array([turn.as_matrix() for turn in rule.turn])
    pos = rule.root_scale * root + rule.scale[:, None] * (human - root)
    return pos + np.einsum("tbij,bj->tbi", rot, rule.offset_b), rot


def frame_targets(
    rule: TargetRule, pos: Float[np.ndarray, "humans 3"], quat: Float[np.ndarray, "humans 4"]
) -> list[mink.SE3]:
    """Return GMR's targets of one frame, one body after the other with rotation objects, as GMR builds them."""
    root = pos[rule.columns[0]]
    scaled = [rule.root_scale * root + rule.scale[b] * (pos[c] - root) for b, c in enumerate(rule.columns)]
    targets = []
    for body, column in enumerate(rule.columns):
        turned = Rotation.from_quat(quat[column], scalar_first=True) * rule.turn[body]
        wxyz = turned.as_quat(scalar_first=True)
        offset = Rotation.from_quat(wxyz, scalar_first=True).apply(rule.offset_b[body])
        targets.append(mink.SE3.from_rotation_and_translation(mink.SO3(wxyz), scaled[body] + offset))
    return targets


class GmrPeer:
    """GMR's loop: per frame two stages of up to ten QPs, the joint limits built anew for each."""

    def __init__(self, clip: BenchClip, robot: RobotModel) -> None:
        """Prepare the robot and the tasks of a clip."""
        self.rule = target_rule(clip)
        points = task_points(clip, robot)
        self.model = with_target_sites(robot, points)
        self.configuration = mink.Configuration(self.model)
        pulled = [human in _stage_1_bodies(clip) for human in clip.target_human]
        first = [(STAGE_1_POSITION if pull else 0.0, STAGE_1_ROTATION) for pull in pulled]
        second = list(zip(clip.weight_pos.tolist(), clip.weight_rot.tolist(), strict=True))
        self.stages = [self._tasks(first), self._tasks(second)]
        self._dt = float(self.model.opt.timestep)
        self.qps = 0

    @staticmethod
    def _tasks(weights: Sequence[tuple[float, float]]) -> list[mink.FrameTask]:
        return [
            mink.FrameTask(f"target_{number}", "site", position, rotation, lm_damping=LM_DAMPING)
            for number, (position, rotation) in enumerate(weights)
        ]

    def solve(self, clip: BenchClip) -> Float[np.ndarray, "frames 7+joints"]:
        """Retarget a clip from the model's zero pose, each frame from the one before."""
        self.configuration.update(self.model.qpos0.copy())
        return np.array(
            [self.step(pos, quat) for pos, quat in zip(clip.human_pos_w, clip.human_quat_wxyz_w, strict=True)]
        )

    def step(self, pos: Float[np.ndarray, "humans 3"], quat: Float[np.ndarray, "humans 4"]) -> np.ndarray:
        """Retarget one frame from where the robot is."""
        targets = frame_targets(self.rule, pos, quat)
        for tasks in self.stages:
            for task, target in zip(tasks, targets, strict=True):
                task.set_target(target)
        for tasks in self.stages:
            self._stage(tasks)
        return self.configuration.q.copy()

    def _stage(self, tasks: Sequence[mink.FrameTask]) -> None:
        before = self._error(tasks)
        for _ in range(MAX_QPS):
            self.qps += 1
            velocity = mink.solve_ik(self.configuration, tasks, self._dt, _SOLVER, DAMPING)
            self.configuration.integrate_inplace(velocity, self._dt)
            after = self._error(tasks)
            if before - after < STOP:
                break
            before = after

    def _error(self, tasks: Sequence[mink.FrameTask]) -> float:
        return float(np.linalg.norm(np.concatenate([task.compute_error(self.configuration) for task in tasks])))


class TwoQpPeer(GmrPeer):
    """One QP a stage and limits built once; targets as GMR builds them."""

    def __init__(self, clip: BenchClip, robot: RobotModel) -> None:
        """Prepare the robot, the tasks and the limits of a clip."""
        super().__init__(clip, robot)
        self._limits = [mink.ConfigurationLimit(self.model)]

    def step(self, pos: Float[np.ndarray, "humans 3"], quat: Float[np.ndarray, "humans 4"]) -> np.ndarray:
        """Retarget one frame from where the robot is."""
        return self._follow(frame_targets(self.rule, pos, quat))

    def _follow(self, targets: Sequence[mink.SE3]) -> np.ndarray:
        for tasks in self.stages:
            for task, target in zip(tasks, targets, strict=True):
                # set_target would copy each pose, and nobody else holds these.
                task.transform_target_to_world = target
            self.qps += 1
            velocity = mink.solve_ik(self.configuration, tasks, self._dt, _SOLVER, DAMPING, limits=self._limits)
            self.configuration.integrate_inplace(velocity, self._dt)
        return self.configuration.q.copy()


class FastPeer(TwoQpPeer):
    """The same with the targets of a frame's bodies built at once: as causal, and the same poses."""

    def __init__(self, clip: BenchClip, robot: RobotModel) -> None:
        """Prepare the robot, the tasks, the limits and the constants of a clip."""
        super().__init__(clip, robot)
        self._columns, self._turns = np.array(self.rule.columns), Rotation.concatenate(self.rule.turn)

    def step(self, pos: Float[np.ndarray, "humans 3"], quat: Float[np.ndarray, "humans 4"]) -> np.ndarray:
        """Retarget one frame from where the robot is."""
        rule, human = self.rule, pos[self._columns]
        turned = Rotation.from_quat(quat[self._columns], scalar_first=True) * self._turns
        place = rule.root_scale * human[0] + rule.scale[:, None] * (human - human[0]) + turned.apply(rule.offset_b)
        return self._follow([mink.SE3(row) for row in np.hstack([turned.as_quat(scalar_first=True), place])])


def _stage_1_bodies(clip: BenchClip) -> set[str]:
    """The pelvis and the feet: whose positions weigh most in stage 2."""
    heaviest = clip.weight_pos.max()
    return {human for human, weight in zip(clip.target_human, clip.weight_pos, strict=True) if weight == heaviest}


def _rotations(clip: BenchClip, target: int) -> Rotation:
    return Rotation.from_matrix(clip.target_rot_w[:, target])
