"""What changes something: decisions, one or many, and tables of them. Answered only when they are on the disk."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from flows.review_service.answers import Refused, dumped, json_answer, read_body, read_json
from flows.review_service.desk import ReviewDesk, now_utc
from flows.review_service.kinds import kind_of
from flows.review_service.requests import decision_request
from pipeline.decisions import Decisions, read_decisions
from pipeline.exceptions import PipelineError
from pipeline.review_desk.as_json import as_json
from pipeline.review_desk.clip_item import DecisionItem
from pipeline.review_desk.decisions_csv import LARGEST_BYTES, export_csv, import_csv
from pipeline.review_desk.journal import DecisionRequest, decide
from robots.exceptions import WushuError

router = APIRouter()

_MOST_AT_ONCE = 10_000
_SAID_ONCE = ("by", "ruling", "reason", "note", "overrule")


@router.post("/api/clips/{clip_id}/decisions")
async def _decide(request: Request, clip_id: str) -> Response:
    desk, said = _open_desk(request), await read_json(request)
    asked = decision_request(clip_id, said)

    def kept() -> Response:
        try:
            desk.item(clip_id)
            with desk.held():
                decisions = decide(desk.dataset, asked, now_utc()).decisions
        except WushuError as error:
            status, kind = kind_of(error)
            raise Refused(status, kind, str(error), clip=_item(desk, clip_id)) from error
        return json_answer(request, _told(desk, clip_id, decisions))

    return await run_in_threadpool(kept)


@router.get("/api/clips/{clip_id}/decisions")
def _decisions(request: Request, clip_id: str) -> Response:
    """Answer by what stands, and no motion: for whoever did not hear what became of a decision."""
    desk: ReviewDesk = request.app.state.desk
    desk.item(clip_id)
    return json_answer(request, _told(desk, clip_id, read_decisions(desk.dataset, clip_id)))


@router.post("/api/decisions")
async def _decide_many(request: Request) -> Response:
    desk, said = _open_desk(request), await read_json(request)
    clips = said.get("clips")
    if not isinstance(clips, list) or len(clips) > _MOST_AT_ONCE or not all(isinstance(clip, dict) for clip in clips):
        raise Refused(
            422, "invalid", f'clips: must be a list of {{"id", "fingerprint", "seen"}}, {_MOST_AT_ONCE} at most'
        )
    common = {name: said.get(name) for name in _SAID_ONCE if name in said}

    def kept() -> Response:
        with desk.held():  # or none of them could be kept
            results = [_one_of_many(desk, common, clip) for clip in clips]
        return json_answer(request, dumped({"results": results}))

    return await run_in_threadpool(kept)


@router.get("/api/decisions.csv")
def _export(request: Request) -> Response:
    desk: ReviewDesk = request.app.state.desk
    with desk.held():
        content = export_csv(desk.dataset)
    headers = {"Content-Disposition": 'attachment; filename="decisions.csv"'}
    return Response(content, headers=headers, media_type="text/csv; charset=utf-8")


@router.post("/api/decisions.csv")
async def _import(request: Request) -> Response:
    desk = _open_desk(request)
    if request.headers.get("content-type", "").split(";")[0].strip().lower() != "text/csv":
        raise Refused(415, "invalid", "the content must be text/csv")
    content = await read_body(request, largest=LARGEST_BYTES)
    overrule = request.query_params.get("overrule") == "true"

    def taken_over() -> Response:
        with desk.held():
            told = import_csv(desk.dataset, content, overrule=overrule)
        desk.shelf.refresh()
        return json_answer(request, dumped(as_json(told)))

    return await run_in_threadpool(taken_over)


def _open_desk(request: Request) -> ReviewDesk:
    """Return the desk, if decisions are taken there."""
    desk: ReviewDesk = request.app.state.desk
    if desk.read_only is not None:
        raise Refused(403, "read_only", desk.read_only)
    return desk


def _one_of_many(desk: ReviewDesk, common: dict[str, Any], said: dict[str, Any]) -> dict[str, Any]:
    """Keep one decision; whatever is wrong with it is told, and stops no other."""
    clip_id = said.get("id")
    told = {"id": clip_id if isinstance(clip_id, str) else None, "error": None, "kind": None, "item": None}
    try:
        if not isinstance(clip_id, str):
            raise Refused(422, "invalid", "id: must be a text")
        desk.item(clip_id)
        asked: DecisionRequest = decision_request(clip_id, {**said, **common})
        decide(desk.dataset, asked, now_utc())
    except WushuError as error:
        told |= {"error": str(error), "kind": kind_of(error)[1]}
    except Refused as error:
        told |= {"error": error.sentence, "kind": error.kind}
    return told | {"item": _item(desk, clip_id) if isinstance(clip_id, str) else None}


def _told(desk: ReviewDesk, clip_id: str, decisions: Decisions) -> bytes:
    history = [as_json(DecisionItem.of(decision)) for decision in decisions.items]
    return dumped({"item": _item(desk, clip_id), "decisions": history})


def _item(desk: ReviewDesk, clip_id: str) -> Any:
    """Return a clip as it is now, as JSON types; None if there is none."""
    try:
        return as_json(desk.item(clip_id))
    except PipelineError:
        return None
