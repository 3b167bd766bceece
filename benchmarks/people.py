"""Measures how well people are found, followed and told apart on rendered trial videos, against their truth.

A person is found in a picture when the median error of their visible keypoints is below a tenth of their height.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Float, UInt8
from scipy.optimize import linear_sum_assignment

from benchmarks.trials import PersonTruth, Trial, load_trial
from pipeline.home import Home
from pipeline.video.blazepose import BlazePose
from pipeline.video.config import VideoConfig
from pipeline.video.decode import decode_frames
from pipeline.video.keypoints import coco17, foot_points
from pipeline.video.models import BlazePoseModels, find_models
from pipeline.video.people import Person, ShotPeople

FOUND_ERROR = 0.1
"""Median keypoint error from which on a person does not count as found [heights]."""

HEIGHTS = (120, 150, 180, 240)
"""Trials of small people [px]."""

_FEWEST_KEYPOINTS = 4
_SAME_PERSON_ERROR = 0.15  # wider than that of being found: a body mixed of two is bad, but no change of identity
_COLOURS = {"with tiles": (60, 140, 20), "whole picture only": (40, 40, 200)}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Watched:
    """What was seen of a trial."""

    keypoints: list[dict[int, Float[np.ndarray, "21 2"]]]
    """Keypoints of everybody in each picture, by the number of their piece of track [px]."""
    persons: list[Person]
    """Who they are; the main person first."""
    fps: float
    """Pictures a second of the networks and all else but decoding."""


def watch_people(
    video: Path,
    models: BlazePoseModels,
    config: VideoConfig | None = None,
    *,
    tiling: bool = True,
    cut_times_s: Sequence[float] = (),
    quarter_turns: int = 0,
) -> Watched:
    """Follow everybody through a video whose cuts are known.

    Args:
        video: The file.
        models: BlazePose's networks.
        config: Thresholds; the default if left out.
        tiling: Whether parts of the picture are searched too.
        cut_times_s: Time of the first picture of each later shot [s].
        quarter_turns: Turn every picture counter-clockwise so often before anything looks at it.
    """
    network, config = BlazePose(models), VideoConfig() if config is None else config
    keypoints: list[dict[int, np.ndarray]] = []
    persons: list[Person] = []
    times: list[float] = []
    shot, first, busy_s, cuts = ShotPeople(network, config, search_tiles=tiling), 0, 0.0, sorted(cut_times_s)

    def finish() -> None:
        for person in shot.finish(np.array(times[first:])):
            shifted = first + person.pictures
            persons.append(Person(pictures=shifted, tracklets=person.tracklets, crowded=person.crowded))

    for frame in decode_frames(video):
        start = time.perf_counter()
        if cuts and frame.time_s >= cuts[0] - 1e-3:
            finish()
            cuts, first = cuts[1:], len(times)
            shot = ShotPeople(network, config, search_tiles=tiling)
        rgb = np.ascontiguousarray(np.rot90(frame.rgb, quarter_turns))
        poses = shot.update(frame.time_s, rgb)
        busy_s += time.perf_counter() - start
        times.append(frame.time_s)
        keypoints.append({k: np.concatenate([coco17(p), foot_points(p)])[:, :2] for k, p in poses.items()})
    finish()
    return Watched(keypoints=keypoints, persons=persons, fps=len(times) / busy_s)


def keypoint_error(keypoints: Float[np.ndarray, "21 2"], truth: PersonTruth, picture: int) -> float:
    """Return the median error of the visible keypoints [heights], or infinity where hardly any are visible."""
    visible = truth.visible[picture]
    if not truth.present[picture] or visible.sum() < _FEWEST_KEYPOINTS:
        return np.inf
    apart = np.linalg.norm(keypoints[visible] - truth.kp2d[picture, visible], axis=1)
    return float(np.median(apart) / truth.height_px[picture])


def matches(trial: Trial, watched: Watched) -> list[dict[int, int]]:
    """Return who is who in each picture: number of the true person to number of the person found.

    As in Bernardin & Stiefelhagen (2008), who was matched in an earlier picture stays so while it holds: where two
    people are at one place either would do.
    """
    seen: list[dict[int, np.ndarray]] = [{} for _ in watched.keypoints]
    for number, person in enumerate(watched.persons):
        for picture, tracklet in zip(person.pictures.tolist(), person.tracklets.tolist(), strict=True):
            seen[picture][number] = watched.keypoints[picture][tracklet]
    matched, last = [], {}
    for picture, found in enumerate(seen):
        matched.append(_match(trial, found, picture, last))
        last |= matched[-1]
    return matched


def _match(trial: Trial, found: dict[int, np.ndarray], picture: int, last: dict[int, int]) -> dict[int, int]:
    numbers = list(found)
    errors = np.array([[keypoint_error(found[n], truth, picture) for n in numbers] for truth in trial.people])
    errors = np.where(errors < _SAME_PERSON_ERROR, errors, 1e3).reshape(len(trial.people), len(numbers))
    for who, number in last.items():
        if number in found and errors[who, numbers.index(number)] < _SAME_PERSON_ERROR:
            errors[who, numbers.index(number)] -= 1.0
    pairs = zip(*linear_sum_assignment(errors), strict=True)
    return {int(who): numbers[column] for who, column in pairs if errors[who, column] < _SAME_PERSON_ERROR}


def id_switches(trial: Trial, watched: Watched) -> int:
    """Return how often somebody goes on as another person than before, each shot by itself.

    Of the measures of Bernardin & Stiefelhagen, "Evaluating multiple object tracking performance: the CLEAR MOT
    metrics", 2008, it is the mismatches: also somebody who is lost and goes on as somebody new counts.
    """
    switches, last = 0, {}
    cuts = {round(time_s * trial.fps) for time_s in trial.cut_times_s}
    for picture, match in enumerate(matches(trial, watched)):
        last = {} if picture in cuts else last
        switches += sum(last.get(who, number) != number for who, number in match.items())
        last |= match
    return switches


def detection_rate(trial: Trial, watched: Watched) -> float:
    """Return the share of pictures with the main person in which they are found."""
    truth, found = trial.people[0], []
    for picture, match in enumerate(matches(trial, watched)):
        if not truth.present[picture]:
            continue
        points = [watched.keypoints[picture][k] for k in _tracklet_at(watched, match.get(0), picture)]
        found.append(any(keypoint_error(p, truth, picture) < FOUND_ERROR for p in points))
    return float(np.mean(found))


def _tracklet_at(watched: Watched, number: int | None, picture: int) -> list[int]:
    if number is None:
        return []
    person = watched.persons[number]
    return person.tracklets[person.pictures == picture].tolist()


def turned_rate(trial: Trial, watched: Watched, quarter_turns: int) -> float:
    """Return the share of pictures in which the main person of a video watched turned is found, not mirrored.

    The truth is turned instead of the keypoints, so left and right must be those of the person.
    """
    width, height = trial.image_size
    found = 0
    for picture, seen in enumerate(watched.keypoints):
        upright = [_turned_back(points, width, height, quarter_turns) for points in seen.values()]
        found += any(keypoint_error(points, trial.people[0], picture) < FOUND_ERROR for points in upright)
    return found / len(watched.keypoints)


def _turned_back(
    points: Float[np.ndarray, "points 2"], width: int, height: int, quarter_turns: int
) -> Float[np.ndarray, "points 2"]:
    u, v = points.T
    back = ((u, v), (width - v, u), (width - u, height - v), (v, height - u))
    return np.column_stack(back[quarter_turns % 4])


def found_at_first_sight(trial: Trial, models: BlazePoseModels, *, tiling: bool, every: int = 4) -> float:
    """Return the share of pictures in which the main person is found without any picture before.

    Whoever was found once is followed for free, so this is what tells how small a person may be.

    Args:
        trial: A trial without cuts.
        models: BlazePose's networks.
        tiling: Whether parts of the picture, and it turned, are searched too.
        every: Look at every so manieth picture only.
    """
    network, found = BlazePose(models), []
    for picture, frame in enumerate(decode_frames(trial.video)):
        if picture % every == 0:
            shot = ShotPeople(network, VideoConfig(), search_tiles=tiling, search_turned=tiling)
            poses = shot.update(frame.time_s, frame.rgb).values()
            seen = [np.concatenate([coco17(pose), foot_points(pose)])[:, :2] for pose in poses]
            found.append(any(keypoint_error(points, trial.people[0], picture) < FOUND_ERROR for points in seen))
    return float(np.mean(found))


def small_person_rates(trials: Path, models: BlazePoseModels) -> dict[str, dict[int, float]]:
    """Return how often a person is found at first sight, by height [px], with tiles and without."""
    return {
        name: {
            height: found_at_first_sight(load_trial(f"small_{height}", trials), models, tiling=name == "with tiles")
            for height in HEIGHTS
        }
        for name in _COLOURS
    }


def draw_small_persons(rates: dict[str, dict[int, float]]) -> UInt8[np.ndarray, "height width 3"]:
    """Draw the rates over height, as BGR for :func:`cv2.imwrite`."""
    canvas = np.full((420, 720, 3), 255, dtype=np.uint8)
    left, top, right, bottom = 80, 50, 690, 350

    def at(height: float, rate: float) -> tuple[int, int]:
        share = (height - 110) / (250 - 110)
        return round(left + share * (right - left)), round(bottom - rate * (bottom - top))

    def write(text: str, place: tuple[int, int], colour: tuple[int, int, int] = (60, 60, 60)) -> None:
        cv2.putText(canvas, text, place, cv2.FONT_HERSHEY_SIMPLEX, 0.5, colour, 1, cv2.LINE_AA)

    for rate in (0.0, 0.25, 0.5, 0.75, 1.0):
        y = at(110, rate)[1]
        cv2.line(canvas, (left, y), (right, y), (225, 225, 225), 1)
        write(f"{rate:.0%}", (30, y + 5))
    for height in HEIGHTS:
        write(str(height), (at(height, 0)[0] - 14, bottom + 25))
    write("height of the person in a 1280 x 720 picture [px]", (190, bottom + 52))
    write("pictures in which the person is found at first sight", (left, 28))
    for row, (name, by_height) in enumerate(rates.items()):
        line = np.array([at(height, rate) for height, rate in by_height.items()], dtype=np.int32)
        cv2.polylines(canvas, [line], False, _COLOURS[name], 2, cv2.LINE_AA)
        for x, y in line.tolist():
            cv2.circle(canvas, (x, y), 5, _COLOURS[name], -1, cv2.LINE_AA)
        write(name, (480, bottom - 60 + 24 * row), _COLOURS[name])
    return canvas


def main() -> None:
    """Print every figure for the trials in a folder, and draw the curve of small people."""
    import sys

    folder, models = Path(sys.argv[1]), find_models(Home.of_user().models_dir)
    for name in ("crossing", "crossing_alike", "faults", "lying", "upside_down"):
        trial = load_trial(name, folder)
        watched = watch_people(trial.video, models, cut_times_s=trial.cut_times_s)
        sizes = [len(person.pictures) for person in watched.persons]
        print(
            f"{name}: {id_switches(trial, watched)} switches, main person found in {detection_rate(trial, watched):.3f}"
            f", persons of {sizes} pictures, {watched.fps:.0f} pictures/s",
            flush=True,
        )
    trial = load_trial("small_240", folder)
    for turns in (1, 2, 3):
        watched = watch_people(trial.video, models, quarter_turns=turns)
        print(f"small_240 turned by {90 * turns} deg: {turned_rate(trial, watched, turns):.3f}", flush=True)
    for height in HEIGHTS:
        trial = load_trial(f"small_{height}", folder)
        print(f"small_{height}: found in {detection_rate(trial, watch_people(trial.video, models)):.3f}", flush=True)
    rates = small_person_rates(folder, models)
    print(f"at first sight: {rates}")
    if len(sys.argv) > 2:
        cv2.imwrite(sys.argv[2], draw_small_persons(rates))


if __name__ == "__main__":
    main()
