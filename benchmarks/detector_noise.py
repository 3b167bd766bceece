"""Measures what BlazePose's errors are like on rendered people, and how alike those of ``pipeline.synthetic`` are.

Takes of motion capture (without a folder of them, the built-in choreographies) are performed by the open body in all
directions, at 120 to 450 px, in six clothes and as many halls as clips, some smeared by the shutter, some behind a
board, some cut off by the border; the front end watches the encoded video. What is compared with the measurement is
fitted to other takes: the takes are dealt into four folds, and each is said by tables fitted to the other three.

    python -m benchmarks.detector_noise --mocap DIR [--samples DIR] [--clips N] [--write] [--picture FILE]
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory
from zlib import crc32

import av
import cv2
import numpy as np
from jaxtyping import UInt8
from scipy.ndimage import gaussian_filter1d
from scipy.spatial.transform import Rotation

from benchmarks.report import Figure, parser, report
from benchmarks.trials.moves import moved
from benchmarks.trials.wardrobe import CLOTHES, dressed
from pipeline.body import SkinnedBody, load_body
from pipeline.camera import CameraPath, default_intrinsics
from pipeline.evidence import KEYPOINT_NAMES
from pipeline.home import Home
from pipeline.kfbench import PIECES, perform
from pipeline.readers import ReaderError, read_motion
from pipeline.render import FilmConfig, film_people, hidden_by
from pipeline.render.hall import Hall, Occluder
from pipeline.render.stage import look_at
from pipeline.synthetic import DetectorModel, landmark_regressor
from pipeline.synthetic.fitting import fit_tables
from pipeline.synthetic.point_sets import LANDMARK_KEYPOINT
from pipeline.synthetic.samples import Sample, keypoint_residuals, landmark_residuals, outside
from pipeline.synthetic.tables import BLAZEPOSE_TABLES, DetectorTables, document_of
from pipeline.video import BlazePoseModels, VideoConfig, find_models
from pipeline.video.watch import watch_video
from retarget.smpl_motion import SmplMotion

HELD_OUT = frozenset(
    (
        "060_11", "061_11", "094_08", "135_05", "005_07", "006_10", "007_05", "131_01", "131_02", "131_03", "008_02",
    )
)  # fmt: skip
"""Takes that estimators are judged on: nothing is fitted to them."""
SIZE = (640, 360)
FPS = 30.0
CLIP_S = 4.0
_SEED = 7
_FOLDS = 4
_GROUPS = {
    "face": [0, 1, 2, 3, 4],
    "shoulders_hips": [5, 6, 11, 12],
    "elbows": [7, 8],
    "wrists": [9, 10],
    "knees": [13, 14],
    "ankles": [15, 16],
    "heels_toes": [17, 18, 19, 20],
}
_DEEP_GROUPS = {"head": list(range(11)), "arms": [13, 14, 15, 16], "legs": [25, 26, 27, 28], "feet": [29, 30, 31, 32]}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Take:
    """A piece of a motion, and what it is a piece of."""

    name: str
    """Of the file or the choreography."""
    motion: SmplMotion
    """As long as a clip."""


def takes(folder: Path | None, body: SkinnedBody, count: int, rng: np.random.Generator) -> list[Take]:
    """Return motions of ``CLIP_S``, each of another take as far as there are enough."""
    if folder is None:
        whole = [(name, perform(piece, body)) for name, piece in PIECES.items()]
        chosen = [whole[k % len(whole)] for k in range(count)]
        # So few pieces: every window counts as a take.
        return [Take(name=f"{name}{k}", motion=_window(motion, rng)) for k, (name, motion) in enumerate(chosen)]
    paths = sorted(path for path in folder.rglob("*.bvh.gz") if path.name.split(".")[0] not in HELD_OUT)
    by_subject: dict[str, list[Path]] = {}
    for path in rng.permutation(np.array(paths, dtype=object)):
        by_subject.setdefault(path.name.split("_")[0], []).append(path)
    found: list[Take] = []
    subjects = sorted(by_subject)
    for k in range(20 * count):  # round robin over people: one of them danced a third of all takes
        if len(found) == count:
            break
        queue = by_subject[subjects[k % len(subjects)]]
        path = queue.pop(0)
        queue.append(path)
        try:
            motion = read_motion(path, body, fps=FPS).motion
        except ReaderError:
            continue
        if len(motion) >= CLIP_S * FPS:
            found.append(Take(name=path.name, motion=_window(motion, rng)))
    return found


def _window(motion: SmplMotion, rng: np.random.Generator) -> SmplMotion:
    n = round(CLIP_S * FPS)
    start = int(rng.integers(0, len(motion) - n + 1))
    return motion.frames(start, start + n)


def film_and_watch(
    motion: SmplMotion, body: SkinnedBody, models: BlazePoseModels, folder: Path, number: int, rng: np.random.Generator
) -> dict[str, np.ndarray]:
    """Film one clip, let the front end watch it, and return truth and report."""
    heading = Rotation.from_euler("z", rng.uniform(0.0, 2.0 * np.pi))
    betas = rng.normal(0.0, 0.8, 10)
    motion = body.motion(motion.fps, betas, motion.global_orient, motion.body_pose, motion.transl)
    middle = (motion.rest_joint_pos[0] + motion.transl).mean(axis=0) * [1.0, 1.0, 0.0]
    motion = moved(moved(motion, shift=-middle), turn=heading)
    camera = _camera(motion, rng)
    distance = float(np.linalg.norm(camera.pos_w[0]))
    film = FilmConfig(
        width=SIZE[0],
        height=SIZE[1],
        samples=4 if rng.random() < 0.3 else 0,
        seed=number,
        hall=Hall.varied(number, size=max(1.0, distance / 5.0)),
        light=float(rng.uniform(0.55, 1.2)),
        shutter=float(rng.choice([0.0, 0.0, 0.25, 0.5])),
        occluders=_boards(camera, rng),
    )
    performer = dressed(motion, str(rng.choice(list(CLOTHES))))
    keypoints_w = body.motion_keypoints(motion)
    hidden = hidden_by([performer], [keypoints_w], camera, film)[0] > 0
    video = folder / f"{number}.mp4"
    _encode(video, film_people([performer], camera, film), crf=int(rng.integers(18, 29)))
    found = _watched(video, models, len(motion))
    video.unlink()
    landmarks_w = body.points(motion, landmark_regressor(body))
    return {
        "keypoints_c": _in_camera(keypoints_w, camera),
        "landmarks_c": _in_camera(landmarks_w, camera),
        "K": camera.K,
        "hidden": hidden,
        "shutter": np.array(film.shutter),
        **found,
    }


def _camera(motion: SmplMotion, rng: np.random.Generator) -> CameraPath:
    """Static or following, at a distance that makes the person 120 to 330 px tall, or in every sixth clip larger."""
    K = default_intrinsics(*SIZE)
    height_px = 450.0 if rng.random() < 1 / 6 else float(np.exp(rng.uniform(np.log(120.0), np.log(330.0))))
    distance = K[0, 0] * 1.72 / height_px
    pos = np.array([distance, 0.0, rng.uniform(0.4, 2.2)])
    pelvis = motion.rest_joint_pos[0] + motion.transl
    follows = rng.random() < 0.5 or np.ptp(pelvis[:, 1]) > 0.5 * distance
    aim = (
        gaussian_filter1d(pelvis, 10.0, axis=0, mode="nearest")
        if follows
        else np.tile(pelvis.mean(axis=0), (len(pelvis), 1))
    )
    aim = aim * [1.0, 1.0, 0.0] + [0.0, 0.0, 0.9]
    return CameraPath(K=K, R_w2c=np.stack([look_at(a - pos) for a in aim]), pos_w=np.tile(pos, (len(aim), 1)))


def _boards(camera: CameraPath, rng: np.random.Generator) -> tuple[Occluder, ...]:
    """In every fifth clip, a board before the person: as high as a table, or a post."""
    if rng.random() > 0.2:
        return ()
    x = float(min(1.2, 0.4 * camera.pos_w[0, 0]))
    if rng.random() < 0.5:
        return (Occluder(pos=(x, float(rng.uniform(-0.6, 0.6)), 0.4), size=(0.05, 1.2, 0.8)),)
    return (Occluder(pos=(x, float(rng.uniform(-0.5, 0.5)), 1.0), size=(0.05, 0.25, 2.0)),)


def _in_camera(points_w: np.ndarray, camera: CameraPath) -> np.ndarray:
    return np.einsum("fij,fpj->fpi", camera.R_w2c, points_w - camera.pos_w[:, None])


def _encode(path: Path, pictures: Iterable[UInt8[np.ndarray, "height width 3"]], crf: int) -> None:
    with av.open(str(path), "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=Fraction(FPS).limit_denominator(1001))
        stream.width, stream.height, stream.pix_fmt = *SIZE, "yuv420p"
        stream.options = {"crf": str(crf), "preset": "veryfast"}
        for picture in pictures:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())


def _watched(video: Path, models: BlazePoseModels, n_frames: int) -> dict[str, np.ndarray]:
    """What the front end says of the main person, on the video's frames; not seen is False and 0."""
    recording = watch_video(video, VideoConfig(static_camera=True), models)
    tracks = [shot.people[0] for shot in recording.shots if shot.people]
    out = {
        "seen": np.zeros(n_frames, dtype=bool),
        "kp": np.zeros((n_frames, 21, 3)),
        "trust": np.zeros((n_frames, 21)),
        "landmarks": np.zeros((n_frames, 33, 3)),
        "boxes": np.zeros((n_frames, 4)),
        "flags": np.zeros(n_frames, dtype=np.uint16),
    }
    for track in tracks:
        frames = np.round(recording.times[track.pictures] * FPS).astype(int)
        out["seen"][frames] = True
        out["kp"][frames] = np.concatenate([track.kp2d, track.foot_kp2d], axis=1)
        out["trust"][frames], out["landmarks"][frames] = track.kp_trust, track.landmarks_w
        out["boxes"][frames], out["flags"][frames] = track.boxes, track.flags
    return out


def samples(folder: Path, mocap: Path | None, count: int) -> list[tuple[int, Sample]]:
    """Return clips, each with the number of its fold; what lies in the folder is not filmed again."""
    body, models = load_body(), find_models(Home.of_user().models_dir)
    folder.mkdir(parents=True, exist_ok=True)
    found: list[tuple[int, Sample]] = []
    for number, take in enumerate(takes(mocap, body, count, np.random.default_rng(_SEED))):
        path = folder / f"{number:03d}.npz"
        if not path.exists():
            with TemporaryDirectory() as videos:
                rng = np.random.default_rng([_SEED, number])
                arrays = film_and_watch(take.motion, body, models, Path(videos), number, rng)
            np.savez(path, **arrays)  # pyright: ignore[reportArgumentType]  # its stub takes names for options
        with np.load(path, allow_pickle=False) as npz:
            found.append((crc32(take.name.encode()) % _FOLDS, _sample(npz)))
    return found


def predicted(clips: Sequence[tuple[int, Sample]]) -> list[Sample]:
    """Return each clip as tables say it that were fitted to the other folds' takes."""
    out: dict[int, Sample] = {}
    for fold in sorted({fold for fold, _ in clips}):
        detector = DetectorModel(tables=fit_tables([clip for other, clip in clips if other != fold]))
        for number, (own, clip) in enumerate(clips):
            if own == fold:
                out[number] = simulated(clip, detector, number)
    return [out[number] for number in range(len(clips))]


def _sample(arrays: Mapping[str, np.ndarray]) -> Sample:
    return Sample(
        fps=FPS,
        K=arrays["K"],
        image_size=SIZE,
        keypoints_c=arrays["keypoints_c"],
        landmarks_c=arrays["landmarks_c"],
        hidden=arrays["hidden"],
        seen=arrays["seen"],
        keypoints=arrays["kp"],
        trust=arrays["trust"],
        landmarks=arrays["landmarks"],
    )


def simulated(sample: Sample, detector: DetectorModel, seed: int) -> Sample:
    """Return the same clip with what the model says of it."""
    said = detector.detect(
        sample.keypoints_c,
        sample.landmarks_c,
        focal_px=float(sample.K[0, 0]),
        principal_px=sample.K[:2, 2],
        image_size=sample.image_size,
        fps=sample.fps,
        rng=np.random.default_rng(seed),
        hidden=sample.hidden,
    )
    return replace(sample, keypoints=said.keypoints, trust=said.trust, landmarks=said.landmarks)


def statistics(clips: Sequence[Sample], tables: DetectorTables) -> dict[str, dict[str, float]]:
    """Return what errors are like, by group of points: sizes and steps [% of the stature; cm], memory, sureness."""
    out: dict[str, dict[str, float]] = {}
    errors = [keypoint_residuals(clip, whole=True).error for clip in clips]
    sight = [(clip.hidden | outside(clip)) for clip in clips]
    for name, members in _GROUPS.items():
        parts = [np.where(s[:, members, None], np.nan, e[:, members]) for e, s in zip(errors, sight, strict=True)]
        row = _courses(parts, scale=100.0, cut=0.1)
        size = np.linalg.norm(np.concatenate(parts), axis=2)
        known, bad = np.isfinite(size), size > 0.1
        for what, values in (("confidence", [c.keypoints[..., 2] for c in clips]), ("trust", [c.trust for c in clips])):
            of_group = np.concatenate(values)[:, members]
            row |= {f"{what}_q05": float(np.quantile(of_group[known], 0.05)),
                    f"{what}_q25": float(np.quantile(of_group[known], 0.25)),
                    f"{what}_if_wrong": float(of_group[known & bad].mean()) if (known & bad).any() else np.nan,
                    f"{what}_if_right": float(of_group[known & ~bad].mean())}  # fmt: skip
        out[name] = row
    deep = [
        landmark_residuals(c, average_stature=tables.average_stature, bone_gain=tables.bone_gain, whole=True)[0].error
        for c in clips
    ]
    for name, members in _DEEP_GROUPS.items():
        keypoints = np.array(LANDMARK_KEYPOINT)[members]
        parts = [np.where(s[:, keypoints, None], np.nan, e[:, members]) for e, s in zip(deep, sight, strict=True)]
        flat, depth = (
            _courses([p[..., :2] for p in parts], scale=100.0, cut=0.3),
            _courses([p[..., 2:] for p in parts], scale=100.0, cut=0.3),
        )
        out[f"{name}_lateral"], out[f"{name}_depth"] = flat, depth
    return out


def _courses(parts: Sequence[np.ndarray], *, scale: float, cut: float) -> dict[str, float]:
    """Quantiles of errors and of their steps from frame to frame, and autocorrelation of what is not gross."""
    size = np.linalg.norm(np.concatenate(parts), axis=2)
    step = np.linalg.norm(np.concatenate([np.diff(part, axis=0) for part in parts]), axis=2)
    row = {f"error_q{round(100 * q)}": scale * float(np.nanquantile(size, q)) for q in (0.5, 0.75, 0.9, 0.99)}
    row |= {f"step_q{round(100 * q)}": scale * float(np.nanquantile(step, q)) for q in (0.5, 0.9, 0.99)}
    clipped = [np.clip(part, -cut, cut) for part in parts]
    variance = float(np.nanmean(np.concatenate(clipped) ** 2))
    for lag in (1, 3, 10, 30):
        products = np.concatenate([part[:-lag] * part[lag:] for part in clipped])
        row[f"memory_{lag}"] = float(np.nanmean(products)) / variance
    return row


def figures(real: dict[str, dict[str, float]], made: dict[str, dict[str, float]]) -> list[Figure]:
    """Lay measured and simulated numbers side by side."""
    out = []
    for group, row in real.items():
        for key, value in row.items():
            unit = "%" if key.startswith(("error", "step")) else "1"
            unit = "cm" if unit == "%" and group.endswith(("lateral", "depth")) else unit
            out.append(Figure(key=f"{group}_{key}", value=value, unit=unit, meaning=f"model {made[group][key]:.3g}"))
    ratios = [
        made[group][key] / value
        for group, row in real.items()
        for key, value in row.items()
        if key in ("error_q50", "error_q75", "error_q90", "step_q50", "step_q90") and value > 0
    ]
    out.append(
        Figure(
            key="model_over_measured_worst",
            value=float(np.exp(np.abs(np.log(ratios)).max())),
            unit="x",
            meaning="largest disagreement among medians, quartiles and 90th percentiles",
        )
    )
    out.append(
        Figure(
            key="model_over_measured_typical",
            value=float(np.exp(np.median(np.abs(np.log(ratios))))),
            unit="x",
            meaning="typical disagreement of the same",
        )
    )
    return out


def picture(path: Path, clips: Sequence[Sample], made: Sequence[Sample]) -> None:
    """Draw wrists' and ankles' error across the picture, measured (left) and simulated (right), a clip a row."""
    names, colours = ("left_wrist", "right_ankle"), ((200, 90, 30), (40, 60, 200))
    width, height, margin = 620, 130, 24
    page = np.full((len(clips) * height + margin, 2 * width, 3), 255, dtype=np.uint8)
    for row, pair in enumerate(zip(clips, made, strict=True)):
        for column, clip in enumerate(pair):
            error = np.clip(keypoint_residuals(clip, whole=True).error[..., 1], -0.15, 0.15)
            middle = margin + row * height + height // 2
            cv2.line(page, (column * width, middle), ((column + 1) * width - 20, middle), (190, 190, 190), 1)
            for name, colour in zip(names, colours, strict=True):
                course = error[:, KEYPOINT_NAMES.index(name)]
                at = column * width + np.arange(len(course)) * (width - 20) / len(course)
                line = np.stack([at, middle - np.nan_to_num(course) * height / 0.3], axis=1)
                cv2.polylines(page, [np.round(line).astype(np.int32)], False, colour, 1, cv2.LINE_AA)
    for column, text in enumerate(("measured", "simulated")):
        title = f"{text}: vertical error of left wrist (blue), right ankle (red), +-15 % of the stature, 4 s"
        cv2.putText(page, title, (column * width + 4, 16), cv2.FONT_HERSHEY_SIMPLEX, 0.4, (0, 0, 0), 1, cv2.LINE_AA)
    cv2.imwrite(str(path), page)


def main() -> None:
    """Film, watch, fit, compare, print."""
    options = parser(__doc__)
    options.add_argument("--mocap", type=Path, metavar="DIR", help="folder of .bvh.gz files")
    options.add_argument("--samples", type=Path, metavar="DIR", help="where filmed clips lie or go")
    options.add_argument("--clips", type=int, default=48, help="how many clips")
    options.add_argument("--write", action="store_true", help="make the fit the program's own tables")
    options.add_argument("--picture", type=Path, metavar="FILE", help="draw measured and simulated courses")
    arguments = options.parse_args()
    with TemporaryDirectory() as scratch:
        clips = samples(arguments.samples or Path(scratch), arguments.mocap, arguments.clips)
    real, made = [clip for _, clip in clips], predicted(clips)
    tables = fit_tables(real)
    if arguments.write:
        BLAZEPOSE_TABLES.write_text(json.dumps(document_of(tables), separators=(",", ":")) + "\n")
    if arguments.picture is not None:
        picture(arguments.picture, real[:6], made[:6])
    report(figures(statistics(real, tables), statistics(made, tables)), arguments.json)


if __name__ == "__main__":
    main()
