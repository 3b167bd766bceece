"""Draws people and robots without a screen."""

from pipeline.render.body_view import body_frames
from pipeline.render.exceptions import RENDERER_PACKAGES, MissingRenderer
from pipeline.render.gl import Renderer, available_renderer, why_no_pictures
from pipeline.render.overlay import draw_evidence
from pipeline.render.person_scene import FilmConfig, film_person
from pipeline.render.robot_scene import robot_frames, staged_robot
from pipeline.render.stage import ViewConfig, follow_camera

__all__ = [
    "RENDERER_PACKAGES",
    "FilmConfig",
    "MissingRenderer",
    "Renderer",
    "ViewConfig",
    "available_renderer",
    "body_frames",
    "draw_evidence",
    "film_person",
    "follow_camera",
    "robot_frames",
    "staged_robot",
    "why_no_pictures",
]
