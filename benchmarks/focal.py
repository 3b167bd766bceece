"""What a wrong focal length costs: the demo's two clips, seen through lenses 20 % too short and too long.

    python -m benchmarks.focal [--videos FOLDER] [--factors 0.8 1.0 1.2] [--json FILE]

``exact`` evidence is the truth's own projection, ``video`` that of the rendered clips through the whole front end
(rendered first unless ``--videos`` holds what ``wushu demo`` left). The kung fu is filmed from a tripod, the dance by a
camera that walks and pans. The true focal length is that of the stated default, the diagonal of the picture.

Columns: PA- and WA-MPJPE as in ``pipeline.kfbench.metrics``; ``path``, mean distance of the pelvis from its true path,
world turned and shifted onto the truth as a whole [mm]; ``tilt`` of the floor [deg]; ``towards`` and ``across``, the
size of the path along and across the first camera's view, and so of speeds, relative to the truth [%]; ``robot``, mean
difference of the robot's joints from those with the right focal length [deg].
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import Rotation

from benchmarks.perfect import perfect_evidence
from benchmarks.report import Figure, parser, report
from pipeline.body import SkinnedBody, load_body
from pipeline.clip import Clip, Source
from pipeline.estimators import LandmarkEstimator
from pipeline.evidence import Evidence
from pipeline.home import Home
from pipeline.kfbench import PIECES, Truth, load_truth, render_demo, score_motion
from pipeline.video import ClipConfig, VideoConfig, cut_clips, evidence_of, find_models
from pipeline.video.watch import watch_video
from retarget.retargeter import Retargeter
from retarget.smpl_motion import SmplMotion
from robots.g1 import load_g1

_COLUMNS = ("PA", "WA", "path", "tilt", "towards", "across", "robot")


@dataclass(frozen=True, slots=True, kw_only=True)
class FocalCost:
    """How far the results with one focal length are from the truth."""

    pa_mpjpe_mm: float
    wa_mpjpe_mm: float
    path_mm: float
    tilt_deg: float
    towards: float
    """Size of the path along the first camera's view relative to the true one."""
    across: float
    """The same across the view, along the floor."""
    robot_deg: float
    """Mean difference of the robot's joints from those with the right focal length [deg]."""


def main() -> None:
    """Measure, print the table, report the figures."""
    options = parser(__doc__)
    options.add_argument("--videos", type=Path, help="folder with the demo's videos and truths")
    options.add_argument(
        "--factors", type=float, nargs="+", default=[0.8, 1.0, 1.2], help="assumed / true focal length"
    )
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        figures = measure_all(chosen.videos or Path(scratch), chosen.factors)
    report(figures, chosen.json)


def measure_all(folder: Path, factors: list[float]) -> list[Figure]:
    """Measure both clips with exact evidence and with that of their videos; print a table on the way."""
    body = load_body()
    if not all((folder / f"{piece}.mp4").is_file() for piece in PIECES):
        render_demo(folder, body)
    figures = []
    print(f"{'clip':<12} {'evidence':<8} {'focal':>6}", *(f"{name:>7}" for name in _COLUMNS))
    for piece in PIECES:
        truth = load_truth(folder / f"{piece}.truth.npz")
        for source in ("exact", "video"):
            evidences = {f: seen_with(f, truth, body, folder / f"{piece}.mp4", source) for f in {1.0, *factors}}
            for factor, cost in costs(evidences, truth, body).items():
                print(f"{piece:<12} {source:<8} {factor:>6.0%} {_row(cost)}", flush=True)
                key = f"focal_{piece}_{source}_{round(100 * factor)}"
                figures += [
                    Figure(key=f"{key}_pa_mpjpe_mm", value=cost.pa_mpjpe_mm, unit="mm", meaning="pose"),
                    Figure(key=f"{key}_wa_mpjpe_mm", value=cost.wa_mpjpe_mm, unit="mm", meaning="in the world"),
                    Figure(key=f"{key}_robot_deg", value=cost.robot_deg, unit="deg", meaning="robot's joints"),
                ]
    return figures


def _row(cost: FocalCost) -> str:
    return (
        f"{cost.pa_mpjpe_mm:>7.1f} {cost.wa_mpjpe_mm:>7.1f} {cost.path_mm:>7.0f} {cost.tilt_deg:>7.2f} "
        f"{cost.towards:>7.0%} {cost.across:>7.0%} {cost.robot_deg:>7.2f}"
    )


def seen_with(factor: float, truth: Truth, body: SkinnedBody, video: Path, source: str) -> Evidence:
    """Return the evidence of someone who believes the focal length to be ``factor`` times the true one."""
    focal_px = factor * float(truth.camera.K[0, 0])
    if source == "video":
        return video_evidence(video, focal_px)
    evidence = perfect_evidence(truth, body)
    K = evidence.K.copy()
    K[[0, 1], [0, 1]] *= factor
    # A rotation is read off a shift in pixels: the longer the lens is believed to be, the smaller it seems.
    turned = Rotation.from_rotvec(Rotation.from_matrix(evidence.R_w2c.copy()).as_rotvec() / factor)
    return replace(evidence, K=K, R_w2c=turned.as_matrix())


def video_evidence(video: Path, focal_px: float) -> Evidence:
    """Run the front end on a video with one person in one shot."""
    recording = watch_video(video, VideoConfig(focal_px=focal_px), find_models(Home.of_user().models_dir))
    clip = cut_clips(recording, Clip.of(Source.from_file(video)), ClipConfig())[0]
    return evidence_of(recording, clip, ClipConfig())


def costs(evidences: dict[float, Evidence], truth: Truth, body: SkinnedBody) -> dict[float, FocalCost]:
    """Estimate and retarget with each focal length, and compare with the truth and with the right one's robot."""
    estimator, retargeter = LandmarkEstimator(), Retargeter(load_g1())
    motions = {f: estimator.estimate(evidence, body) for f, evidence in sorted(evidences.items())}
    robots = {f: retargeter.retarget(m.body_trajectory()).motion.joint_pos for f, m in motions.items()}
    out = {}
    for factor, motion in motions.items():
        start_s = float(evidences[factor].timestamps[0])
        score = score_motion(motion, truth, start_s=start_s)
        path_mm, tilt_deg, towards, across = path_error(motion, truth, start_s)
        n = min(len(robots[1.0]), len(robots[factor]))
        robot = np.abs(robots[factor][:n] - robots[1.0][:n]).mean()
        out[factor] = FocalCost(
            pa_mpjpe_mm=score.pa_mpjpe_mm,
            wa_mpjpe_mm=score.wa_mpjpe_mm,
            path_mm=path_mm,
            tilt_deg=tilt_deg,
            towards=towards,
            across=across,
            robot_deg=float(np.rad2deg(robot)),
        )
    return out


def path_error(motion: SmplMotion, truth: Truth, start_s: float) -> tuple[float, float, float, float]:
    """Distance of the pelvis' path [mm], tilt of the world [deg], relative size towards and across the view.

    The estimate is turned and shifted onto the truth by all joints of all frames at once, never scaled.
    """
    frames = np.round((start_s + np.arange(len(motion)) / motion.fps) * truth.motion.fps).astype(int)
    keep = frames < len(truth.motion)
    true = truth.motion.joints()[0][frames[keep]]
    mine = motion.joints()[0][keep]
    centre, true_centre = mine.mean(axis=(0, 1)), true.mean(axis=(0, 1))
    onto = Rotation.align_vectors((true - true_centre).reshape(-1, 3), (mine - centre).reshape(-1, 3))[0]
    path = onto.apply(mine[:, 0] - centre) + true_centre
    tilt = np.arccos(np.clip(onto.as_matrix()[2, 2], -1.0, 1.0))
    ahead = truth.camera.R_w2c[0, 2] * [1.0, 1.0, 0.0]
    ahead /= np.linalg.norm(ahead)
    sizes = [_size(path, axis) / _size(true[:, 0], axis) for axis in (ahead, np.cross([0.0, 0.0, 1.0], ahead))]
    error_mm = 1e3 * float(np.linalg.norm(path - true[:, 0], axis=-1).mean())
    return error_mm, float(np.rad2deg(tilt)), sizes[0], sizes[1]


def _size(path: Float[np.ndarray, "frames 3"], axis: Float[np.ndarray, " 3"]) -> float:
    """Spread of a path along an axis [m]."""
    return float(np.std(path @ axis))


if __name__ == "__main__":
    main()
