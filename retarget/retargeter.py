"""Turns a human motion into a motion of a robot that keeps its limits and stands on its feet.

The story: read the human's bodies through the correspondence, bridge moments in which some cannot be trusted, tell
when feet stand, build target poses, anchor the standing feet, solve inverse kinematics frame by frame inside a box of
position and speed limits, and let go of the stances that the robot cannot hold.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
from jaxtyping import Float

from retarget.body_trajectory import BodyTrajectory
from retarget.clip_solver import ClipSolver, RescueConfig
from retarget.contacts import ContactConfig, Span, stance_probability, stance_spans, standing_height
from retarget.correspondence import load_correspondence
from retarget.exceptions import ImplausibleLegLength, NotZUp
from retarget.ik import FrameTarget, FrameTask, IkConfig, InverseKinematics, Sole
from retarget.planting import FootTargets, PlantingConfig, plant_feet
from retarget.result import InfeasibleStance, RetargetResult
from retarget.rotations import rotation_log
from retarget.targets import BodyTargets, build_targets, human_points, human_rest, leg_lengths, robot_rest
from retarget.trust import RelativeTrust, bridge_doubtful
from robots.motion import RobotMotion

if TYPE_CHECKING:
    from robots.model import RobotModel

_WITNESS = 0.5
"""Trust factor below which a foot's place says nothing against its stance."""

PLAUSIBLE_LEG_M = (0.35, 1.3)
"""Hip to ankle, from a small child to taller than anybody [m]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RetargetConfig:
    """How a human motion becomes a robot motion."""

    correspondence: str = "smpl_to_g1"
    """Name of a table that ships with the product, or path of a TOML file."""
    speed_tier: Literal["soft", "hard"] = "soft"
    """Which of the robot's two joint speed limits to keep."""
    check_up_axis: bool = True
    """Refuse a human whose trunk lies along a horizontal axis of the world nearly all the time."""
    contact: ContactConfig = field(default_factory=ContactConfig)
    """When a foot counts as standing."""
    planting: PlantingConfig = field(default_factory=PlantingConfig)
    """How feet come to stand."""
    ik: IkConfig = field(default_factory=IkConfig)
    """Solver settings."""
    rescue: RescueConfig = field(default_factory=RescueConfig)
    """When a contorted motion is led over to a better way."""


def _silent(done: int, total: int | None) -> None:
    """Report to nobody."""


class _Weights(NamedTuple):
    """Prices before any foot is planted, and how far the feet are trusted."""

    position: Float[np.ndarray, "frames bodies"]
    rotation: Float[np.ndarray, "frames bodies"]
    foot_factor: Float[np.ndarray, "frames feet"]


class Retargeter:
    """Retargets human motions to one robot."""

    def __init__(self, robot: RobotModel, config: RetargetConfig | None = None) -> None:
        """Prepare the robot once for many motions.

        Args:
            robot: Robot description.
            config: Settings; defaults when left out.

        Raises:
            InvalidCorrespondence: The table cannot be read.
            UnknownName: The table names a joint or link that the robot lacks.
        """
        self.robot, self.config = robot, config or RetargetConfig()
        self.correspondence = load_correspondence(self.config.correspondence)
        model = robot.pin_model()
        self.rest = robot_rest(model, self.correspondence)
        self._feet = [self.correspondence.index(human) for human in self.correspondence.feet.values()]
        self._ankle_height = -float(np.asarray(robot.sole_points_b)[:, 2].min())
        tasks = [
            FrameTask(body.robot, point)
            for body, point in zip(self.correspondence.bodies, self.rest.point_b, strict=True)
        ]
        soles = [Sole(self.correspondence.bodies[i].robot, np.asarray(robot.sole_points_b)) for i in self._feet]
        posture = np.concatenate([np.zeros(6), [1.0], robot.default_joint_pos])
        ik = InverseKinematics(model, tasks, soles, posture, self.config.ik)
        speed = robot.velocity_limit_soft if self.config.speed_tier == "soft" else robot.velocity_limit
        self.solver = ClipSolver(ik, robot.joint_lower, robot.joint_upper, speed, self.config.rescue)

    def retarget(
        self, trajectory: BodyTrajectory, progress: Callable[[int, int | None], None] = _silent
    ) -> RetargetResult:
        """Retarget one motion.

        Args:
            trajectory: The human's bodies in a z-up world.
            progress: Told the number of frames done and expected; starts anew when stances are let go.

        Returns:
            A motion whose joints are inside their limits and move no faster than the robot's speed limit between
            any two frames; with residuals and stances.

        Raises:
            UnknownName: The trajectory lacks a body that the correspondence reads.
            ImplausibleLegLength: The human is far from a person's size.
            NotZUp: The human stands along another axis than z.
            CollapsedBone: Two joined bodies lie in one place.
        """
        human_pos, human_rot = human_points(trajectory, self.correspondence)
        self._check_human(human_pos, human_rot)
        trust = RelativeTrust.of(trajectory, self.correspondence)
        human_pos, human_rot = bridge_doubtful(human_pos, human_rot, trust, self.correspondence, trajectory.fps)
        prob = self._contact_probability(trajectory, human_pos[:, self._feet])
        spans = tuple(stance_spans(prob[:, foot], trajectory.fps, self.config.contact) for foot in range(prob.shape[1]))
        targets = build_targets(
            human_pos,
            human_rot,
            self.correspondence,
            self.rest,
            human_ankle_height=standing_height(human_pos[:, self._feet], prob),
            robot_ankle_height=self._ankle_height,
        )
        q, let_go = self._solve_with_stances(targets, self._weights(trust), spans, trajectory.fps, progress)
        return self._result(q, targets, spans, let_go, trajectory.fps)

    def _check_human(self, pos: np.ndarray, rot: np.ndarray) -> None:
        """Refuse a human of the wrong unit or the wrong up axis."""
        leg = float(leg_lengths(human_rest(pos, rot, self.correspondence), self.correspondence).mean())
        if not PLAUSIBLE_LEG_M[0] <= leg <= PLAUSIBLE_LEG_M[1]:
            raise ImplausibleLegLength(leg, plausible_m=PLAUSIBLE_LEG_M)
        if not self.config.check_up_axis:
            return
        trunk_up = rot[:, 0] @ np.array(self.correspondence.human_up)
        for sign, prefix in ((1, "+"), (-1, "-")):
            for axis, name in enumerate("xy"):
                share = float((sign * trunk_up[:, axis] > 0.8).mean())
                if share > 0.8:
                    raise NotZUp(prefix + name, share=share)

    def _contact_probability(self, trajectory: BodyTrajectory, foot_pos: np.ndarray) -> np.ndarray:
        """The estimator's word where it knows of all feet, else speed and height."""
        regions = list(self.correspondence.feet)
        if trajectory.contact_prob is not None and set(regions) <= set(trajectory.contact_regions):
            return trajectory.contact_prob[:, [trajectory.contact_regions.index(r) for r in regions]]
        return stance_probability(foot_pos, trajectory.fps, self.config.contact)

    def _weights(self, trust: RelativeTrust) -> _Weights:
        """The table's weights, less where the human's bodies are doubtful."""
        bodies = self.correspondence.bodies
        position, rotation = trust.weight_factors()
        return _Weights(
            position=np.array([b.position_weight for b in bodies]) * position,
            rotation=np.array([b.rotation_weight for b in bodies]) * rotation,
            foot_factor=position[:, self._feet],
        )

    def _solve_with_stances(
        self,
        targets: BodyTargets,
        weights: _Weights,
        spans: Sequence[Sequence[Span]],
        fps: float,
        progress: Callable[[int, int | None], None],
    ) -> tuple[np.ndarray, tuple[InfeasibleStance, ...]]:
        """Solve with all stances planted, then, if some cannot be held, without those."""
        let_go = self._doubtful_stances(targets, weights, spans)
        while True:
            gone = {(s.foot, s.start) for s in let_go}
            held = [[s for s in stances if (foot, s[0]) not in gone] for foot, stances in enumerate(spans)]
            feet = plant_feet(
                targets.pos_w[:, self._feet],
                targets.rot_w[:, self._feet],
                held,
                ankle_height=self._ankle_height,
                fps=fps,
                config=self.config.planting,
            )
            q = self.solver.solve(self._frame_targets(targets, weights, feet), fps, progress)
            broken = self._unheld_stances(q, feet, held)
            if not broken:
                return q, tuple(sorted(let_go, key=lambda s: (s.start, s.foot)))
            let_go += broken

    def _frame_targets(self, targets: BodyTargets, weights: _Weights, feet: FootTargets) -> list[FrameTarget]:
        """One target a frame, with the weights that its stances ask for."""
        n_frames = len(targets.pos_w)
        pos, rot = targets.pos_w.copy(), targets.rot_w.copy()
        pos[:, self._feet], rot[:, self._feet] = feet.pos_w, feet.rot_w
        weight_pos = np.repeat(weights.position[:, :, None], 3, axis=-1)
        weight_rot = weights.rotation.copy()
        planting = self.config.planting
        for foot, body in enumerate(self._feet):
            # In between, weights rise geometrically: they span an order of magnitude. A foot that stands is where its
            # stance is, however little is seen of it.
            grip = feet.grip[:, foot]
            weight_pos[:, body, :2] = _geometric(weights.position[:, body], planting.anchor_weight, grip)[:, None]
            weight_pos[:, body, 2] *= weights.foot_factor[:, foot] ** -grip
            weight_rot[:, body] = _geometric(weights.rotation[:, body], planting.flat_weight, grip)
        return [FrameTarget(pos[i], rot[i], weight_pos[i], weight_rot[i], feet.planted[i]) for i in range(n_frames)]

    def _doubtful_stances(
        self, targets: BodyTargets, weights: _Weights, spans: Sequence[Sequence[Span]]
    ) -> tuple[InfeasibleStance, ...]:
        """Stances that the human's own foot belies: an anchor would hold the whole robot back.

        Only a foot that was seen can belie its stance, unless it was not seen in all of it.
        """
        planting = self.config.planting
        found = []
        for foot, stances in enumerate(spans):
            for start, stop in stances:
                place = targets.pos_w[start:stop, self._feet[foot]]
                seen = weights.foot_factor[start:stop, foot] >= _WITNESS
                place = place[seen] if seen.any() else place
                slid = float(np.linalg.norm((place - np.median(place, axis=0))[:, :2], axis=1).max())
                lifted = float((place[:, 2] - self._ankle_height).max())
                span = {"foot": foot, "start": start, "stop": stop}
                if slid > planting.slide_m:
                    found.append(InfeasibleStance(**span, reason="slid", error_m=slid))
                elif lifted > planting.lift_m:
                    found.append(InfeasibleStance(**span, reason="in the air", error_m=lifted))
        return tuple(found)

    def _unheld_stances(
        self, q: np.ndarray, feet: FootTargets, spans: Sequence[Sequence[Span]]
    ) -> tuple[InfeasibleStance, ...]:
        """Stances whose foot left its anchor or the floor by more than is allowed; the worst at each time."""
        pos, _ = self.solver.task_poses(q)
        off_anchor = np.linalg.norm((pos[:, self._feet] - feet.pos_w)[..., :2], axis=-1)
        off_floor = np.abs(self.solver.corner_heights(q).min(axis=-1))
        error = np.maximum(off_anchor, off_floor)
        limit = self.config.planting.reach_m
        unheld = [
            InfeasibleStance(foot=foot, start=start, stop=stop, reason="out of reach", error_m=float(far))
            for foot, stances in enumerate(spans)
            for start, stop in stances
            if (far := error[start:stop, foot].max()) > limit
        ]
        # One foot that cannot stay may drag others along: only the worst of those at the same time is to blame.
        return tuple(
            s
            for s in unheld
            if not any(o.error_m > s.error_m and o.start < s.stop and s.start < o.stop for o in unheld)
        )

    def _result(
        self,
        q: Float[np.ndarray, "frames nq"],
        targets: BodyTargets,
        spans: tuple[tuple[Span, ...], ...],
        let_go: tuple[InfeasibleStance, ...],
        fps: float,
    ) -> RetargetResult:
        """Collect motion and residuals."""
        pos, rot = self.solver.task_poses(q)
        turn = rotation_log((rot @ targets.rot_w.transpose(0, 1, 3, 2)).reshape(-1, 3, 3)).reshape(pos.shape)
        contact = np.zeros((len(q), len(spans)))
        for foot, stances in enumerate(spans):
            for start, stop in stances:
                contact[start:stop, foot] = 1.0
        motion = RobotMotion(
            fps=fps,
            joint_names=self.robot.joint_names,
            root_pos_w=q[:, :3],
            root_quat_wxyz=q[:, [6, 3, 4, 5]],
            joint_pos=q[:, 7:],
            foot_contact=contact,
        )
        return RetargetResult(
            motion=motion,
            body_names=tuple(body.human for body in self.correspondence.bodies),
            pos_residual_m=np.linalg.norm(pos - targets.pos_w, axis=-1),
            rot_residual_rad=np.linalg.norm(turn, axis=-1),
            scale=targets.scale,
            stance_spans=spans,
            infeasible_stances=let_go,
        )


def _geometric(
    low: Float[np.ndarray, " frames"], high: float, share: Float[np.ndarray, " frames"]
) -> Float[np.ndarray, " frames"]:
    """Go from ``low`` to ``high`` by equal ratios."""
    low = np.maximum(low, 1e-3)
    return low * (high / low) ** share
