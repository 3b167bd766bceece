"""Turns a human motion into a motion of a robot that keeps its limits and stands on its feet.

The story: read the human's bodies through the correspondence, level feet that rest askew, bridge moments in which some
bodies cannot be trusted, tell what bears weight and when the body flies, build target poses, anchor what stands, solve
all frames at once inside the robot's limits, and let go of the stances that the robot cannot hold.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from retarget.body_trajectory import BodyTrajectory
from retarget.centre_of_mass import CentreOfMass
from retarget.compilation import compile_solver, solver_is_compiled
from retarget.contacts import ContactConfig
from retarget.correspondence import load_correspondence
from retarget.engine.frame_problem import IkConfig
from retarget.engine.numba_engine import NumbaEngine
from retarget.engine.pinocchio_engine import PinocchioEngine
from retarget.engine.poses import clip_poses
from retarget.exceptions import CannotFollow
from retarget.feasibility import doubtful_stances, unheld_stances
from retarget.flat_soles import FlatSolesConfig
from retarget.flight import FlightConfig, flight_spans
from retarget.human_checks import check_size, check_speed, check_up_axis
from retarget.human_reading import read_human
from retarget.progress import Progress, silent
from retarget.result import InfeasibleStance, RetargetResult
from retarget.robot_tasks import RobotTasks
from retarget.rotations import rotation_log
from retarget.spans import Span
from retarget.stance_targets import BodyWeights, PlantingConfig, plant
from retarget.targets import BodyTargets, build_targets, human_points
from retarget.trust import RelativeTrust
from retarget.whole_clip import ClipSolution, WholeClipConfig, WholeClipSolver
from robots.exceptions import InvalidArray
from robots.motion import RobotMotion

if TYPE_CHECKING:
    from robots.model import RobotModel


@dataclass(frozen=True, slots=True, kw_only=True)
class RetargetConfig:
    """How a human motion becomes a robot motion."""

    correspondence: str = "smpl_to_g1"
    """Name of a table that ships with the product, or path of a TOML file."""
    engine: Literal["compiled", "pinocchio"] = "compiled"
    """``compiled`` code, or Pinocchio's kinematics: the same cost, many times slower, and only the linear algebra of a
    clip to compile. It begins from the neutral pose only, from where raised arms may go a worse way: see
    :mod:`retarget.clip_starts`."""
    speed_tier: Literal["soft", "hard"] = "soft"
    """Which of the robot's two joint speed limits to keep."""
    speed_share: float = 0.94
    """Share of that limit which a joint may use: who follows the motion needs some to catch up with."""
    check_up_axis: bool = True
    """Refuse a human whose trunk lies along a horizontal axis of the world nearly all the time."""
    flat_soles: FlatSolesConfig = field(default_factory=FlatSolesConfig)
    """Which feet of the human are turned to lie flat where they rest."""
    contact: ContactConfig = field(default_factory=ContactConfig)
    """When a region of the body counts as bearing weight."""
    flight: FlightConfig = field(default_factory=FlightConfig)
    """When a body counts as flying."""
    planting: PlantingConfig = field(default_factory=PlantingConfig)
    """How feet come to stand."""
    ik: IkConfig = field(default_factory=IkConfig)
    """Prices of a frame."""
    clip: WholeClipConfig = field(default_factory=WholeClipConfig)
    """What moving costs, and how hard the solver tries."""

    def __post_init__(self) -> None:
        """Check ranges.

        Raises:
            InvalidArray: A number is outside its range.
        """
        if not 0.0 < self.speed_share <= 1.0:
            raise InvalidArray("speed_share", problem=f"must lie above 0 and not above 1, got {self.speed_share}")


_LIKENESS_M = 0.3
"""Mean distance from the targets beyond which a motion is no likeness; recorded ones stay below 0.05 m [m]."""


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
        self.correspondence = load_correspondence(self.config.correspondence).on_robot(robot.body_names)
        self.tasks = RobotTasks(robot, self.correspondence, self.config.ik)
        problem, model = self.tasks.problem, robot.pin_model()
        compiled = self.config.engine == "compiled"
        self._engine = NumbaEngine(problem) if compiled else PinocchioEngine(model, problem)
        speed = robot.velocity_limit_soft if self.config.speed_tier == "soft" else robot.velocity_limit
        self.solver = WholeClipSolver(
            self._engine,
            robot.joint_lower,
            robot.joint_upper,
            self.config.speed_share * speed,
            self.config.clip,
            centre_of_mass=CentreOfMass(model),
        )

    def compile(self) -> float:
        """Compile the solver if that has not been done since the installation, and return the time it took [s]."""
        if self.config.engine != "compiled" or solver_is_compiled():
            return 0.0
        return compile_solver(self.solver, self._engine)

    def retarget(self, trajectory: BodyTrajectory, progress: Progress = silent) -> RetargetResult:
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
            ImplausibleSpeed: The human outruns everybody.
            NotZUp: The human stands along another axis than z.
            CollapsedBone: Two joined bodies lie in one place.
        """
        self.compile()
        table = self.correspondence
        human_pos, human_rot = human_points(trajectory, table)
        check_size(human_pos, human_rot, table)
        check_speed(human_pos, trajectory.fps)
        if self.config.check_up_axis:
            check_up_axis(human_rot, table)
        human = read_human(
            trajectory, table, self.tasks.rest, flat_soles=self.config.flat_soles, contact=self.config.contact
        )
        contacts = human.contacts
        spans = tuple(
            contacts.spans[contacts.names.index(region)] if region in contacts.names else ()
            for region in self.tasks.regions
        )
        targets = build_targets(
            human.pos,
            human.rot,
            table,
            self.tasks.rest,
            human_ankle_height=human.ankle_height,
            robot_ankle_height=self.tasks.ankle_height,
        )
        flight = flight_spans(human.trajectory, contacts, self.config.flight, human.regions)
        solution, let_go = self._solve_with_stances(targets, human.trust, spans, flight, trajectory.fps, progress)
        result = self._result(solution, targets, spans, let_go, flight, trajectory.fps)
        result = replace(result, sole_turns_rad=human.turn_rad)
        mean = float(result.pos_residual_m.mean())
        if mean > _LIKENESS_M:
            raise CannotFollow(mean, most_m=_LIKENESS_M)
        return result

    def _solve_with_stances(
        self,
        targets: BodyTargets,
        trust: RelativeTrust,
        spans: Sequence[Sequence[Span]],
        flight: Sequence[Span],
        fps: float,
        progress: Progress,
    ) -> tuple[ClipSolution, tuple[InfeasibleStance, ...]]:
        """Solve with all stances planted, then, if some cannot be held, without those."""
        tasks, config = self.tasks, self.config.planting
        position, rotation = trust.weight_factors()
        bodies = self.correspondence.bodies
        weights = BodyWeights(
            position=np.array([b.position_weight for b in bodies]) * position,
            rotation=np.array([b.rotation_weight for b in bodies]) * rotation,
        )
        let_go = doubtful_stances(targets, position[:, tasks.feet], spans, tasks, config)
        start = None
        while True:
            gone = {(s.region, s.start) for s in let_go}
            held = [
                [s for s in stances if (region, s[0]) not in gone]
                for region, stances in zip(tasks.regions, spans, strict=True)
            ]
            planted = plant(targets, weights, held, tasks, fps=fps, config=config)
            solution = self.solver.solve(planted.clip, fps, start=start, flight=flight, progress=progress)
            poses = clip_poses(solution.q, self._engine)
            broken = unheld_stances(poses, planted, held, tasks, config)
            if not broken:
                return solution, tuple(sorted(let_go, key=lambda s: (s.start, s.region)))
            let_go += broken
            start = solution.q

    def _result(
        self,
        solution: ClipSolution,
        targets: BodyTargets,
        spans: tuple[tuple[Span, ...], ...],
        let_go: tuple[InfeasibleStance, ...],
        flight: tuple[Span, ...],
        fps: float,
    ) -> RetargetResult:
        """Collect motion and residuals."""
        q, bodies = solution.q, self.tasks.n_bodies
        poses = clip_poses(q, self._engine)
        off = poses.pos_w[:, :bodies] - targets.pos_w
        turn = rotation_log((poses.rot_w[:, :bodies] @ targets.rot_w.transpose(0, 1, 3, 2)).reshape(-1, 3, 3))
        contact = np.zeros((len(q), self.tasks.n_feet))
        gone = {(s.region, s.start) for s in let_go}
        for foot in range(self.tasks.n_feet):
            for start, stop in spans[foot]:
                contact[start:stop, foot] = (self.tasks.regions[foot], start) not in gone
        return RetargetResult(
            motion=RobotMotion(
                fps=fps,
                joint_names=self.robot.joint_names,
                root_pos_w=q[:, :3],
                root_quat_wxyz=q[:, [6, 3, 4, 5]],
                joint_pos=q[:, 7:],
                foot_contact=contact,
            ),
            body_names=tuple(body.human for body in self.correspondence.bodies),
            pos_residual_m=np.linalg.norm(off, axis=-1),
            rot_residual_rad=np.linalg.norm(turn.reshape(off.shape), axis=-1),
            scale=targets.scale,
            contact_regions=self.tasks.regions,
            stance_spans=spans,
            infeasible_stances=let_go,
            flight_spans=flight,
            at_position_limit=solution.on_position_limit,
            at_speed_limit=solution.on_speed_limit,
        )
