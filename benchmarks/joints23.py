"""The arms of 23 joints: wrists cut off a motion of 29 joints, against a motion solved with the wrists welded.

    python -m benchmarks.joints23 [--data DIR] [--clips N] [--json FILE]

The human's motions are those of the demo's two pieces and N recorded clips of CMU's, drawn by a seed. Each is
followed by the G1 with 29 joints (``full``), which is the best that any hand can do; ``cut`` is the same motion with
its wrists at zero, ``solved`` the motion of the G1 that has none. All are held against the targets of ``full``:

    elbow_mm, wrist_mm   distance of the origin of the elbow's and the last wrist link from its target
    palm_mm              distance of the palm, 8 cm before that last origin, from its place in the target's frame
    elbow_deg, hand_deg  angle between these links and the human's

Every number is the mean over both arms and all frames of a clip, then over clips; ``p95`` is that of frames and arms.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import Rotation

from benchmarks.report import Figure, parser, report
from benchmarks.retargeting.exceptions import NoRealMotion
from benchmarks.retargeting.real import DATA_DIR, find_files
from pipeline.body import SkinnedBody, load_body
from pipeline.kfbench import PIECES, stage_piece
from pipeline.readers import read_motion
from retarget.body_trajectory import BodyTrajectory
from retarget.contacts import standing_height
from retarget.result import RetargetResult
from retarget.retargeter import Retargeter
from retarget.targets import BodyTargets, build_targets, human_points
from robots.g1 import load_g1
from robots.g1.table import WRIST_JOINTS
from robots.kinematics import link_poses, qpos_in_order
from robots.motion import RobotMotion

PALM_B = np.array([0.08, 0.0, 0.0])
"""In the frame of the last wrist link [m]."""

ARMS = tuple((f"{side}_elbow", f"{side}_wrist") for side in ("left", "right"))
"""Human bodies that the elbow's link and the last wrist link follow."""

MEASURES = {"elbow_mm": "mm", "wrist_mm": "mm", "palm_mm": "mm", "elbow_deg": "deg", "hand_deg": "deg"}

Errors = dict[str, Float[np.ndarray, " frames_and_arms"]]
"""Measure -> values."""


def main() -> None:
    """Measure and report."""
    options = parser(__doc__)
    options.add_argument("--data", type=Path, default=DATA_DIR, help="where recorded motion lies")
    options.add_argument("--clips", type=int, default=5, metavar="N", help="recorded clips to draw")
    chosen = options.parse_args()
    full, welded = Retargeter(load_g1("29dof")), Retargeter(load_g1("23dof"))
    clips = {}
    for name, trajectory in human_motions(load_body(), chosen.data, chosen.clips):
        clips[name] = compare(trajectory, full, welded)
        print(name, *(f"{key} {_row(errors)}" for key, errors in clips[name].items()), sep="\n    ")
    report(list(figures(list(clips.values()))), chosen.json)


def human_motions(body: SkinnedBody, data: Path, n_clips: int) -> Iterator[tuple[str, BodyTrajectory]]:
    """Yield what a human does in the demo's pieces, and in recorded clips where there are some."""
    for name, piece in PIECES.items():
        yield name, stage_piece(piece, body).motion.body_trajectory()
    try:
        recorded = find_files(data, per_source=n_clips).get("cmu", [])
    except NoRealMotion as error:
        print(error)
        return
    for path in recorded:
        yield path.name.split(".")[0], read_motion(path, body).motion.body_trajectory()


def compare(trajectory: BodyTrajectory, full: Retargeter, welded: Retargeter) -> dict[str, Errors]:
    """Follow one motion with and without wrists, and score both, and the one with its wrists cut off."""
    result = full.retarget(trajectory)
    targets = targets_of(trajectory, full, result)
    motions = {"full": result.motion, "cut": cut_off(result.motion), "solved": welded.retarget(trajectory).motion}
    return {name: arm_errors(with_wrists(motion), targets, full) for name, motion in motions.items()}


def targets_of(trajectory: BodyTrajectory, retargeter: Retargeter, result: RetargetResult) -> BodyTargets:
    """Return what the human asked for, as the retargeter reads it from a motion without doubtful frames."""
    pos, rot = human_points(trajectory, retargeter.correspondence)
    tasks = retargeter.tasks
    return build_targets(
        pos,
        rot,
        retargeter.correspondence,
        tasks.rest,
        human_ankle_height=standing_height(pos[:, tasks.feet], result.motion.foot_contact),
        robot_ankle_height=tasks.ankle_height,
    )


def cut_off(motion: RobotMotion) -> RobotMotion:
    """Leave the wrists out, as converters to 23 joints do."""
    kept = [i for i, name in enumerate(motion.joint_names) if name not in WRIST_JOINTS]
    names = tuple(motion.joint_names[i] for i in kept)
    return replace(motion, joint_names=names, joint_pos=motion.joint_pos[:, kept])


def with_wrists(motion: RobotMotion) -> RobotMotion:
    """Put missing wrists in at zero, where they are welded: one model shows where all three motions' hands are."""
    names = load_g1("29dof").joint_names
    angles = dict(zip(motion.joint_names, motion.joint_pos.T, strict=True))
    columns = [angles.get(name, np.zeros(len(motion))) for name in names]
    return replace(motion, joint_names=names, joint_pos=np.stack(columns, axis=1))


def arm_errors(motion: RobotMotion, targets: BodyTargets, retargeter: Retargeter) -> Errors:
    """Hold both arms of a motion of 29 joints against their targets."""
    robot, table = retargeter.robot, retargeter.correspondence
    pos_w, quat_w = link_poses(robot, qpos_in_order(robot, motion))
    found: dict[str, list[np.ndarray]] = {key: [] for key in MEASURES}
    for bodies in ARMS:
        elbow, wrist = (table.index(body) for body in bodies)
        links = [robot.body_names.index(table.bodies[i].robot) for i in (elbow, wrist)]
        off = pos_w[:, links] - targets.pos_w[:, [elbow, wrist]]
        turns = [Rotation.from_quat(quat_w[:, link], scalar_first=True) for link in links]
        wanted = [Rotation.from_matrix(targets.rot_w[:, i]) for i in (elbow, wrist)]
        palm = off[:, 1] + turns[1].apply(PALM_B) - wanted[1].apply(PALM_B)
        for key, vector in (("elbow_mm", off[:, 0]), ("wrist_mm", off[:, 1]), ("palm_mm", palm)):
            found[key].append(1e3 * np.linalg.norm(vector, axis=-1))
        for key, has, wants in zip(("elbow_deg", "hand_deg"), turns, wanted, strict=True):
            found[key].append(np.rad2deg((has * wants.inv()).magnitude()))
    return {key: np.concatenate(values) for key, values in found.items()}


def figures(clips: list[dict[str, Errors]]) -> Iterator[Figure]:
    """Average over clips."""
    for way in ("full", "cut", "solved"):
        for key, unit in MEASURES.items():
            errors = [clip[way][key] for clip in clips]
            mean, p95 = np.mean([e.mean() for e in errors]), np.mean([np.percentile(e, 95) for e in errors])
            yield Figure(key=f"{way}_{key}", value=float(mean), unit=unit, meaning=f"mean; p95 {p95:.1f}")


def _row(errors: Errors) -> str:
    return ", ".join(f"{key} {values.mean():.1f}" for key, values in errors.items())


if __name__ == "__main__":
    main()
