"""The human over the robot: joints in the robot's world and size, and where the camera of its film sees them."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from jaxtyping import Float

from pipeline.exceptions import CorruptArtefact
from pipeline.manifest import ManifestRow, read_row
from pipeline.record_codec import from_plain
from pipeline.render.robot_scene import robot_camera
from pipeline.render.stage import ViewConfig
from pipeline.review.playback import PlaybackConfig
from pipeline.review_desk.clip_item import PLAYBACK_FILE, require_row
from pipeline.review_desk.exceptions import UnknownPart
from pipeline.review_desk.video_facts import VideoFacts, video_facts
from pipeline.store import Dataset
from pipeline.variants import shown_variant, stage_of
from retarget.correspondence import Correspondence
from retarget.exceptions import InvalidCorrespondence
from retarget.human_reading import read_human
from retarget.rest_pose import robot_rest, standing_ankle_height
from retarget.result import RetargetResult
from retarget.retargeter import RetargetConfig
from retarget.smpl_motion import SmplMotion
from robots.g1 import load_g1
from robots.model import RobotModel
from robots.motion import RobotMotion

Record = TypeVar("Record")


def human_in_robot_world(dataset: Dataset, clip_id: str) -> Float[np.ndarray, "frames 24 3"]:
    """Read the human's joints as retargeting put them under the robot, as little-endian float32 [m].

    Raises:
        UnknownClip: There is no such clip.
        CorruptArtefact: What it needs is not there, or damaged.
    """
    require_row(dataset, clip_id)
    row = read_row(dataset, clip_id)
    return _placed(dataset, row, _solved(dataset, row)).astype("<f4")


def human_in_film(dataset: Dataset, clip_id: str) -> Float[np.ndarray, "frames 24 2"]:
    """Read where the film's camera sees these joints over the robot, as little-endian float32 [px].

    Raises:
        UnknownClip: There is no such clip.
        UnknownPart: It has no film that could be drawn on.
        CorruptArtefact: What it needs is not there, or damaged.
    """
    require_row(dataset, clip_id)
    row = read_row(dataset, clip_id)
    solved = _solved(dataset, row)
    film = dataset.clip_dir(clip_id) / PLAYBACK_FILE
    facts = video_facts(film, n_frames=len(solved.motion), fps=solved.motion.fps)
    if isinstance(facts, str):
        raise UnknownPart(clip_id, part=PLAYBACK_FILE)
    robot = load_g1(shown_variant(row.fingerprints))
    return seen_in_film(_placed(dataset, row, solved), solved.motion, robot, facts)


def place_human(
    motion: SmplMotion, solved: RetargetResult, robot: RobotModel, config: RetargetConfig, table: Correspondence
) -> Float[np.ndarray, "frames 24 3"]:
    """Put a human's joints where retargeting put its targets: the pelvis is the target of the robot's root [m].

    Args:
        motion: The human.
        solved: What was made of it.
        robot: Of which robot.
        config: How.
        table: By which table, as that robot takes it.
    """
    rest = robot_rest(robot.pin_model(), table)
    feet = [table.index(human) for human in table.feet.values()]
    trajectory = motion.body_trajectory()
    human = read_human(trajectory, table, rest, flat_soles=config.flat_soles, contact=config.contact)
    ankle = standing_ankle_height(rest, feet[0], robot.sole_points_b)
    return human.in_robot_world(trajectory.pos_w, scale=solved.scale, robot_ankle_height=ankle)


def seen_in_film(
    points_w: Float[np.ndarray, "frames points 3"], motion: RobotMotion, robot: RobotModel, film: VideoFacts
) -> Float[np.ndarray, "frames points 2"]:
    """Project points of the robot's world into the film's picture, as little-endian float32 [px].

    Args:
        points_w: One row for each frame of the motion [m].
        motion: That the film shows.
        robot: Whose it is.
        film: With a panel ``robot``.

    Returns:
        x from the left of the whole picture, y from its top; NaN behind the camera, or where the film has no such
        panel.
    """
    panel = next((panel for panel in film.panels if panel.name == "robot"), None)
    if panel is None:
        return np.full((*points_w.shape[:2], 2), np.nan, dtype="<f4")
    width, height = PlaybackConfig(height_px=film.height).view_size  # the panel may have lost a column
    camera = robot_camera(robot, motion, ViewConfig(width=width, height=height))
    pixels, depth = camera.project(np.asarray(points_w, dtype=float))
    pixels[..., 0] += panel.x
    pixels[depth <= 0] = np.nan
    return pixels.astype("<f4")


def _solved(dataset: Dataset, row: ManifestRow) -> RetargetResult:
    return _load(dataset, row, stage_of("retarget", shown_variant(row.fingerprints)), RetargetResult)


def _placed(dataset: Dataset, row: ManifestRow, solved: RetargetResult) -> Float[np.ndarray, "frames 24 3"]:
    variant = shown_variant(row.fingerprints)
    config, table = _recipe(dataset, row, stage_of("retarget", variant))
    return place_human(_load(dataset, row, "motion", SmplMotion), solved, load_g1(variant), config, table)


def _load(dataset: Dataset, row: ManifestRow, stage: str, cls: type[Record]) -> Record:
    clip_id = row.clip.id
    if stage not in row.fingerprints:
        raise CorruptArtefact(dataset.clip_dir(clip_id), problem=f"holds no result of stage '{stage}'")
    return dataset.load(clip_id, stage, row.fingerprints[stage], cls)


def _recipe(dataset: Dataset, row: ManifestRow, stage: str) -> tuple[RetargetConfig, Correspondence]:
    """Read by what settings and which table the motion was solved: the user's files may be others by now."""
    origin = dataset.origin(row.clip.id, stage, row.fingerprints[stage])
    if origin is None:
        raise CorruptArtefact(dataset.clip_dir(row.clip.id), problem=f"does not say how stage '{stage}' was run")
    try:
        config, table, _ = dataset.recipe(origin.recipe).config
        return from_plain(RetargetConfig, config), from_plain(Correspondence, table)
    except (ValueError, TypeError, KeyError, ExceptionGroup, InvalidCorrespondence) as error:
        path = dataset.root / "recipes" / f"{origin.recipe}.json"
        raise CorruptArtefact(path, problem="does not hold how a motion was solved") from error
