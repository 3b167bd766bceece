"""What is seen moving: the robot's shapes, where its links are, the human under it, and previews of a decision."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from typing import TypeVar, get_args

import numpy as np
from fastapi import APIRouter, Request
from starlette.responses import Response

from flows.review_service.answers import Refused, dumped, json_answer, read_json
from flows.review_service.desk import ReviewDesk
from flows.review_service.requests import hand_edits, span_or_none
from pipeline.review_desk.as_json import as_json
from pipeline.review_desk.ghost import human_in_film, human_in_robot_world
from pipeline.review_desk.journal import readable_row
from pipeline.review_desk.pieces import piece_view, shown_motion
from pipeline.review_desk.preview import Preview, preview
from pipeline.review_desk.scene import poses, robot_item
from pipeline.store import Dataset
from pipeline.variants import shown_variant
from robots.exceptions import UnknownName
from robots.g1 import Variant, load_g1
from robots.motion import RobotMotion

router = APIRouter()

Made = TypeVar("Made")


@router.get("/api/robots/{variant}")
async def _robot(request: Request, variant: str) -> Response:
    desk: ReviewDesk = request.app.state.desk
    known = next((name for name in get_args(Variant) if name == variant), None)
    if known is None:
        raise UnknownName("robot", variant[:40], get_args(Variant))

    def made() -> Response:
        content = desk.robots.get(known) or desk.robots.put(known, dumped(as_json(robot_item(known, desk.mesh_dir))))
        return json_answer(request, content)

    return await _run(desk.reading, made)


@router.get("/api/clips/{clip_id}/pieces/{number}")
async def _piece(request: Request, clip_id: str, number: str) -> Response:
    desk: ReviewDesk = request.app.state.desk
    if not (number.isascii() and number.isdecimal() and len(number) < 6):
        raise Refused(404, "missing_file", "pieces have numbers, from 1")

    def made() -> tuple[bytes, bool]:
        with desk.held():
            view = piece_view(desk.dataset, clip_id, int(number), bodies_dir=desk.bodies_dir)
        return dumped(as_json(view)), not view.damaged

    def found() -> Response:
        desk.item(clip_id)
        return json_answer(request, desk.view(clip_id, made, part=number))

    return await _run(desk.reading, found)


@router.get("/api/clips/{clip_id}/poses")
async def _poses(request: Request, clip_id: str, of: str = "") -> Response:
    desk: ReviewDesk = request.app.state.desk
    return await _run(desk.reading, lambda: _floats(poses(*_motion(desk, clip_id, of))))


@router.get("/api/clips/{clip_id}/tracks")
async def _tracks(request: Request, clip_id: str, of: str = "") -> Response:
    desk: ReviewDesk = request.app.state.desk

    def made() -> Response:
        motion, variant = _motion(desk, clip_id, of)
        told = {
            "variant": variant,
            "fps": motion.fps,
            "n_frames": len(motion),
            "n_bodies": len(load_g1(variant).body_names),
        }
        return json_answer(request, dumped(as_json(told)))

    return await _run(desk.reading, made)


@router.get("/api/clips/{clip_id}/human")
async def _human(request: Request, clip_id: str) -> Response:
    return await _read(request, clip_id, human_in_robot_world)


@router.get("/api/clips/{clip_id}/ghost")
async def _ghost(request: Request, clip_id: str) -> Response:
    return await _read(request, clip_id, human_in_film)


@router.post("/api/clips/{clip_id}/preview")
async def _preview(request: Request, clip_id: str) -> Response:
    desk: ReviewDesk = request.app.state.desk
    said = await read_json(request)
    frames, edits = span_or_none(said.get("frames"), "frames"), hand_edits(said)

    def made() -> Response:
        desk.item(clip_id)
        asked = (clip_id, desk.shelf.stamp(clip_id), frames, edits)
        shown = desk.previews.get(asked)
        if shown is None:
            with desk.held():
                new = preview(desk.dataset, clip_id, frames, edits, bodies_dir=desk.bodies_dir)
            shown = desk.previews.put(asked, new)
        return json_answer(request, dumped(shown.as_json))

    return await _run(desk.computing, made)


def _motion(desk: ReviewDesk, clip_id: str, of: str) -> tuple[RobotMotion, Variant]:
    """Return the motion that is asked for: the clip's own, a piece's, or a preview's."""
    desk.item(clip_id)
    kind, _, name = of.partition("-")
    if kind == "preview":
        shown: Preview | None = desk.previews.find(lambda one: (one.clip_id, one.key) == (clip_id, name))
        if shown is None:
            raise Refused(404, "missing_file", "this preview is no longer kept; ask for it again")
        return shown.motion, shown.variant
    with desk.held():
        variant = shown_variant(readable_row(desk.dataset, clip_id).fingerprints)
        return shown_motion(desk.dataset, clip_id, of), variant


async def _read(request: Request, clip_id: str, read: Callable[[Dataset, str], np.ndarray]) -> Response:
    desk: ReviewDesk = request.app.state.desk

    def made() -> Response:
        desk.item(clip_id)
        with desk.held():
            return _floats(read(desk.dataset, clip_id))

    return await _run(desk.reading, made)


def _floats(values: np.ndarray) -> Response:
    return Response(np.ascontiguousarray(values, dtype="<f4").tobytes(), media_type="application/octet-stream")


async def _run(pool: Executor, make: Callable[[], Made]) -> Made:
    return await asyncio.get_running_loop().run_in_executor(pool, make)
