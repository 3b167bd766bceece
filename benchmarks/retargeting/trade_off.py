"""Turns sweeps over prices into a picture: what planted feet cost the orientations, and the other way round.

    python -m benchmarks.retarget --trade-off docs/images/retarget-trade-off.png

Each point is the clip mode at one price, scored over all bench clips; GMR's stored output and the bars are beside.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np

from benchmarks.retargeting.clips import BenchClip
from benchmarks.retargeting.metrics import mean_score
from benchmarks.retargeting.scoring import Qpos, score_motions
from benchmarks.retargeting.solvers import clip_config, solve_with
from retarget.correspondence import CORRESPONDENCE_DIR
from retarget.retargeter import RetargetConfig
from robots.model import RobotModel

ANCHOR_WEIGHTS = (3.0, 10.0, 30.0, 100.0, 300.0, 1000.0, 3000.0)
"""Prices of a standing foot's distance from its anchor [1/m]."""

TURN_FACTORS = (0.4, 0.6, 0.8, 1.0, 1.25, 1.6, 2.0)
"""Times the table's prices of angles."""

BAR_SKATE_CMS = 0.35
BAR_ORI_DEG = 7.0

_SIZE = (900, 560)
_LEFT, _RIGHT, _TOP, _BOTTOM = 90, 40, 40, 80
_INK, _GRID, _MARK, _GMR = (40, 40, 40), (225, 225, 225), (60, 140, 60), (40, 40, 200)
_CURVES = ((180, 90, 20), (130, 60, 150))


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeOffPoint:
    """One way to choose, and what came of it."""

    label: str
    skate_cms: float
    """Mean speed of the toes in stance [cm/s]."""
    ori_deg: float
    """Mean angle to GMR's targets [deg]."""
    chosen: bool = False
    """Whether this is the product's default."""


def sweep_feet(
    robot: RobotModel, clips: Sequence[BenchClip], weights: Sequence[float] = ANCHOR_WEIGHTS
) -> list[TradeOffPoint]:
    """Score the clip mode at several prices of a standing foot; the default is among them."""
    default = clip_config()
    points = []
    for weight in sorted({*weights, default.planting.anchor_weight}):
        config = replace(default, planting=replace(default.planting, anchor_weight=weight))
        chosen = weight == default.planting.anchor_weight
        points.append(_point(robot, clips, _solved(robot, clips, config), f"feet {weight:g} /m", chosen=chosen))
    return points


def sweep_turns(
    robot: RobotModel, clips: Sequence[BenchClip], factors: Sequence[float] = TURN_FACTORS
) -> list[TradeOffPoint]:
    """Score the clip mode at several prices of angles, as a user would set them: with a table of their own."""
    default = clip_config()
    points = []
    with TemporaryDirectory() as folder:
        for factor in factors:
            table = _table_with(default.correspondence, factor, Path(folder) / f"{factor:g}.toml")
            motions = _solved(robot, clips, replace(default, correspondence=str(table)))
            points.append(_point(robot, clips, motions, f"angles x {factor:g}", chosen=factor == 1.0))
    return points


def _table_with(name: str, factor: float, path: Path) -> Path:
    """Copy a table that ships with the product, with other rotation weights."""
    text = (CORRESPONDENCE_DIR / f"{name}.toml").read_text(encoding="utf-8")
    scaled = re.sub(
        r"^rotation_weight = ([0-9.]+)$",
        lambda found: f"rotation_weight = {factor * float(found[1])}",
        text,
        flags=re.MULTILINE,
    )
    path.write_text(scaled, encoding="utf-8")
    return path


def _solved(robot: RobotModel, clips: Sequence[BenchClip], config: RetargetConfig) -> list[Qpos]:
    solve = solve_with(robot, config)
    return [solve(clip) for clip in clips]


def draw_trade_off(robot: RobotModel, clips: Sequence[BenchClip], path: Path) -> None:
    """Sweep, and write the picture."""
    gmr = _point(robot, clips, [clip.gmr_qpos for clip in clips], "GMR")
    picture = drawn([sweep_feet(robot, clips), sweep_turns(robot, clips)], gmr)
    cv2.imwrite(str(path), cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))


def _point(
    robot: RobotModel, clips: Sequence[BenchClip], motions: Sequence[Qpos], label: str, *, chosen: bool = False
) -> TradeOffPoint:
    row = mean_score(score_motions(robot, clips, motions))
    return TradeOffPoint(label=label, skate_cms=row["skate_mean_cms"], ori_deg=row["ori_deg"], chosen=chosen)


def drawn(curves: Sequence[Sequence[TradeOffPoint]], gmr: TradeOffPoint) -> np.ndarray:
    """Draw orientation over the logarithm of skate, a line through each sweep; returns an RGB picture."""
    width, height = _SIZE
    picture = np.full((height, width, 3), 255, dtype=np.uint8)
    everything = [point for curve in curves for point in curve] + [gmr]
    place = _axes(picture, everything)
    colours = {id(gmr): _GMR}
    for curve, colour in zip(curves, _CURVES, strict=False):
        along = np.array([place(point) for point in curve], dtype=np.int32)
        cv2.polylines(picture, [along], isClosed=False, color=colour, thickness=2, lineType=cv2.LINE_AA)
        colours |= {id(point): _MARK if point.chosen else colour for point in curve}
    taken: list[tuple[int, int]] = []
    for point in sorted(everything, key=lambda point: (not point.chosen, point is not gmr)):
        x, y = place(point)
        cv2.circle(picture, (x, y), 8 if point.chosen else 5, colours[id(point)], -1, cv2.LINE_AA)
        if all(abs(x - other) > 70 or abs(y - level) > 15 for other, level in taken):  # a crowd needs one label
            label = point.label + (" (default)" if point.chosen else "")
            _write(picture, label, (x + 10, y - 8), colours[id(point)])
            taken.append((x, y))
    return picture


def _axes(picture: np.ndarray, points: Sequence[TradeOffPoint]) -> Callable[[TradeOffPoint], tuple[int, int]]:
    """Draw grid, bars and names of the axes; return where a point lies."""
    height, width = picture.shape[:2]
    skates = [max(point.skate_cms, 1e-3) for point in points] + [BAR_SKATE_CMS]
    angles = [point.ori_deg for point in points] + [BAR_ORI_DEG]
    low_x, high_x = np.floor(np.log10(min(skates))), np.ceil(np.log10(max(skates)))
    low_y, high_y = np.floor(2.0 * min(angles) - 0.5) / 2.0, np.ceil(2.0 * max(angles) + 0.5) / 2.0

    def pixel(skate: float, angle: float) -> tuple[int, int]:
        x = (np.log10(max(skate, 1e-3)) - low_x) / (high_x - low_x)
        y = (angle - low_y) / (high_y - low_y)
        return (
            round(_LEFT + x * (width - _LEFT - _RIGHT)),
            round(height - _BOTTOM - y * (height - _TOP - _BOTTOM)),
        )

    for decade in np.arange(low_x, high_x + 0.5):
        bottom, top = pixel(10.0**decade, low_y), pixel(10.0**decade, high_y)
        cv2.line(picture, bottom, top, _GRID, 1)
        _write(picture, f"{10.0**decade:g}", (bottom[0] - 12, bottom[1] + 22))
    for angle in np.arange(low_y, high_y + 0.25, 0.5):
        left, right = pixel(10.0**low_x, angle), pixel(10.0**high_x, angle)
        cv2.line(picture, left, right, _GRID, 1)
        _write(picture, f"{angle:g}", (left[0] - 40, left[1] + 5))
    for start, end in (
        (pixel(BAR_SKATE_CMS, low_y), pixel(BAR_SKATE_CMS, high_y)),
        (pixel(10.0**low_x, BAR_ORI_DEG), pixel(10.0**high_x, BAR_ORI_DEG)),
    ):
        cv2.line(picture, start, end, _MARK, 1, cv2.LINE_AA)
    bar_x, bar_y = pixel(BAR_SKATE_CMS, BAR_ORI_DEG)
    _write(picture, f"asked for: <= {BAR_SKATE_CMS:g} cm/s", (bar_x + 6, _TOP + 18), _MARK)
    _write(picture, f"<= {BAR_ORI_DEG:g} deg", (width - _RIGHT - 90, bar_y - 8), _MARK)
    _write(
        picture,
        "skate in stance [cm/s]; prices of standing feet and of angles, one changed at a time",
        (_LEFT, height - 25),
    )
    _write(picture, "orientation [deg]", (10, 24))
    return lambda point: pixel(point.skate_cms, point.ori_deg)


def _write(picture: np.ndarray, text: str, place: tuple[int, int], colour: tuple[int, int, int] = _INK) -> None:
    cv2.putText(picture, text, place, cv2.FONT_HERSHEY_SIMPLEX, 0.5, colour, 1, cv2.LINE_AA)
