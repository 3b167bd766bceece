"""Draws people and robots without a screen."""

from pipeline.render.body_view import body_frames
from pipeline.render.exceptions import RENDERER_PACKAGES, MissingRenderer
from pipeline.render.gl import Renderer, available_renderer, why_no_pictures
from pipeline.render.h264 import add_picture, h264_stream
from pipeline.render.hall import Hall, Occluder
from pipeline.render.overlay import draw_evidence
from pipeline.render.person_scene import FilmConfig, Performer, film_people, film_person
from pipeline.render.robot_scene import robot_camera, robot_frames, staged_robot
from pipeline.render.sight import hidden_by
from pipeline.render.stage import ViewConfig, follow_camera

__all__ = [
    "RENDERER_PACKAGES",
    "FilmConfig",
    "Hall",
    "MissingRenderer",
    "Occluder",
    "Performer",
    "Renderer",
    "ViewConfig",
    "add_picture",
    "available_renderer",
    "body_frames",
    "draw_evidence",
    "film_people",
    "film_person",
    "follow_camera",
    "h264_stream",
    "hidden_by",
    "robot_camera",
    "robot_frames",
    "staged_robot",
    "why_no_pictures",
]
