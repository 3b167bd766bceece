"""Draws the pictures of docs/how-to-film.md: one moment filmed well and badly, with what the detector makes of it.

python -m scripts.film_guide docs/images/how-to-film.jpg
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path

import cv2
import numpy as np

from pipeline.body import SkinnedBody, load_body
from pipeline.camera import CameraPath, default_intrinsics
from pipeline.evidence import Evidence
from pipeline.home import Home
from pipeline.kfbench import PIECES, perform
from pipeline.render import FilmConfig, Performer, film_people
from pipeline.render.hall import Hall
from pipeline.render.overlay import draw_evidence
from pipeline.render.skin import DEFAULT_COLOURS
from pipeline.render.stage import look_at
from pipeline.render.textures import Colour
from pipeline.video import find_models
from pipeline.video.blazepose import BlazePose, Pose
from pipeline.video.keypoints import coco17, foot_points
from pipeline.video.roi import Roi
from retarget.smpl_motion import SmplMotion

SIZE = (1280, 720)
PANEL = (640, 360)
MOMENT_S = 2.3
KUNGFU_CLOTHES: Mapping[str, Colour] = {"shirt": (228, 226, 218), "pants": (34, 34, 40), "shoes": (40, 38, 40)}
WALL_CLOTHES: Mapping[str, Colour] = dict.fromkeys(("shirt", "pants", "shoes", "hair"), (202, 194, 178))


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One way to film the moment."""

    caption: str
    good: bool = False
    pos_w: tuple[float, float, float] = (4.6, 0.6, 1.0)
    aim_w: tuple[float, float, float] = (0.1, 0.1, 0.85)
    config: FilmConfig = field(default_factory=FilmConfig)
    speed: int = 1
    """Frames of the motion between two pictures, to smear it more."""
    clothes: Mapping[str, Colour] | None = None
    passer_by: bool = False


PANELS = (
    Panel(caption="Good: whole body, over half of the picture, level camera", good=True),
    Panel(
        caption="Too far: under a quarter of the picture, hands are a few pixels",
        pos_w=(11.5, 1.5, 1.2),
        config=FilmConfig(hall=Hall(size=2.2)),
    ),
    Panel(caption="Too near: feet are cut off", pos_w=(2.2, 0.3, 1.35), aim_w=(0.1, 0.1, 1.25)),
    Panel(caption="From above: depth and floor become guesswork", pos_w=(2.6, 0.4, 3.3)),
    Panel(caption="Too dark", config=FilmConfig(light=0.10)),
    Panel(caption="Slow shutter: fast limbs smear", config=FilmConfig(shutter=1.0), speed=9),
    Panel(caption="Clothes like the wall", clothes=WALL_CLOTHES, config=FilmConfig(light=0.55)),
    Panel(caption="Somebody walks in between", passer_by=True),
    Panel(caption="Camera tilted and tight: no floor in sight", pos_w=(2.4, 0.4, 0.3), aim_w=(0.1, 0.1, 1.3)),
)


def main() -> None:
    """Draw the panels and write them as one picture."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("out", type=Path)
    path = options.parse_args().out
    body = load_body()
    motion = perform(PIECES["kungfu_form"], body)
    network = BlazePose(find_models(Home.of_user().models_dir), threads=2)
    cells = [_drawn(panel, _filmed(panel, body, motion), network) for panel in PANELS]
    rows = [np.hstack(cells[i : i + 3]) for i in range(0, len(cells), 3)]
    sheet = cv2.cvtColor(np.vstack(rows), cv2.COLOR_RGB2BGR)
    cv2.imwrite(str(path), sheet, [cv2.IMWRITE_JPEG_QUALITY, 82])


def _filmed(panel: Panel, body: SkinnedBody, motion: SmplMotion) -> np.ndarray:
    """Film three pictures, so that a smear has a before and an after, and return the one in the middle."""
    middle = round(MOMENT_S * motion.fps)
    actor = _frames(motion, [middle - panel.speed, middle, middle + panel.speed])
    colours = {**DEFAULT_COLOURS, **KUNGFU_CLOTHES, **(panel.clothes or {})}
    performers = [Performer(body=body, motion=actor, colours=colours)]
    if panel.passer_by:
        other = replace(actor, transl=actor.transl + np.array([1.1, 0.15, 0.0]))
        performers.append(Performer(body=body, motion=other))
    pos = np.array(panel.pos_w)
    camera = CameraPath(
        K=default_intrinsics(*SIZE),
        R_w2c=np.tile(look_at(np.array(panel.aim_w) - pos), (3, 1, 1)),
        pos_w=np.tile(pos, (3, 1)),
    )
    with closing(film_people(performers, camera, replace(panel.config, width=SIZE[0], height=SIZE[1]))) as film:
        return list(film)[1]


def _frames(motion: SmplMotion, frames: list[int]) -> SmplMotion:
    return replace(
        motion,
        global_orient=motion.global_orient[frames],
        body_pose=motion.body_pose[frames],
        transl=motion.transl[frames],
        foot_contact=None,
        joint_trust=None,
    )


def _drawn(panel: Panel, picture: np.ndarray, network: BlazePose) -> np.ndarray:
    found = network.detect(picture)
    pose = network.landmarks(picture, Roi.from_alignment_points(*found[0].points[:2])) if found else None
    seen = pose is not None and pose.score > 0.5
    canvas = draw_evidence(picture, _evidence(pose), 0) if seen and pose is not None else picture.copy()
    cell = cv2.resize(canvas, PANEL, interpolation=cv2.INTER_AREA)
    colour = (60, 160, 70) if panel.good else (190, 60, 50)
    cv2.rectangle(cell, (0, 0), (PANEL[0], 30), colour, -1)
    text = panel.caption if seen else f"{panel.caption} (not found)"
    cv2.putText(cell, text, (10, 21), cv2.FONT_HERSHEY_SIMPLEX, 0.55, (255, 255, 255), 1, cv2.LINE_AA)
    cv2.rectangle(cell, (0, 0), (PANEL[0] - 1, PANEL[1] - 1), colour, 2)
    return cell


def _evidence(pose: Pose) -> Evidence:
    return Evidence(
        fps=30.0,
        timestamps=np.zeros(1),
        native_fps=30.0,
        image_size=SIZE,
        K=default_intrinsics(*SIZE),
        K_source="default",
        boxes=pose.box[None],
        kp2d=coco17(pose)[None],
        foot_kp2d=foot_points(pose)[None],
        landmarks_w=pose.landmarks_w[None],
        R_w2c=np.eye(3)[None],
        flags=np.zeros(1, dtype=np.uint16),
    )


if __name__ == "__main__":
    main()
