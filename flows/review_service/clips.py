"""What can be read: the list, what changed in it, and one clip with its motion."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, Request
from starlette.responses import Response

from flows.review_service.answers import Refused, dumped, json_answer
from flows.review_service.desk import ReviewDesk
from pipeline.decisions import REASON_CODES
from pipeline.review_desk.as_json import as_json
from pipeline.review_desk.clip_view import clip_view
from pipeline.review_desk.shelf import Listing

router = APIRouter()

_MOST_DAMAGE_TOLD = 20


@router.get("/api/session")
def _session(request: Request) -> Response:
    desk: ReviewDesk = request.app.state.desk
    damaged = [item.reason for item in desk.shelf.clips().clips if item.outcome == "damaged"]
    told = {
        "dataset": str(desk.dataset.root.absolute()),
        "reviewer": desk.reviewer,
        "read_only": desk.read_only,
        "reason_codes": [{"code": code, "text": text} for code, text in REASON_CODES.items()],
        "damaged": damaged[:_MOST_DAMAGE_TOLD],
    }
    return json_answer(request, dumped(told))


@router.get("/api/clips")
def _clips(request: Request) -> Response:
    desk: ReviewDesk = request.app.state.desk
    desk.look()
    return json_answer(request, _listed(desk.shelf.clips()))


@router.get("/api/changes")
def _changes(request: Request, since: str = "") -> Response:
    desk: ReviewDesk = request.app.state.desk
    if not (since.isascii() and since.isdecimal() and len(since) < 18):
        raise Refused(422, "invalid", "say since which revision, e.g. /api/changes?since=17")
    desk.look()
    return json_answer(request, _listed(desk.shelf.changed_since(int(since))))


@router.get("/api/clips/{clip_id}")
async def _clip(request: Request, clip_id: str) -> Response:
    desk: ReviewDesk = request.app.state.desk

    def made() -> tuple[bytes, bool]:
        with desk.held():
            view = clip_view(desk.dataset, clip_id)
        return dumped(as_json(view)), not view.damaged

    def found() -> Response:
        desk.item(clip_id)
        return json_answer(request, desk.view(clip_id, made))

    return await asyncio.get_running_loop().run_in_executor(desk.reading, found)


def _listed(listing: Listing) -> bytes:
    told = {"revision": listing.revision, "clips": as_json(listing.clips)}
    return dumped({**told, "gone": listing.gone, "whole": listing.whole})
