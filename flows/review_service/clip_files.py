"""Films and pictures of a clip: by fixed names, in parts where a browser asks for parts, never from elsewhere."""

from __future__ import annotations

import asyncio
from pathlib import Path

from fastapi import APIRouter, Request
from starlette.responses import FileResponse, Response

from flows.review_service.answers import Refused
from flows.review_service.desk import ReviewDesk
from pipeline.review_desk.static_page import clip_page, file_stem
from pipeline.store import Dataset

router = APIRouter()

CLIP_FILES = {
    "playback.mp4": "video/mp4",
    "poster.jpg": "image/jpeg",
    "report.png": "image/png",
    "retarget.png": "image/png",
}
"""What of a clip's folder can be asked for."""


@router.get("/api/clips/{clip_id}/files/{name}")
def _file(request: Request, clip_id: str, name: str) -> Response:
    desk: ReviewDesk = request.app.state.desk
    desk.item(clip_id)
    if name not in CLIP_FILES:
        raise Refused(404, "missing_file", "a clip has no such file")
    path = own_file(desk.dataset, clip_id, name)
    found = path.stat()
    answer = FileResponse(path, media_type=CLIP_FILES[name], stat_result=found)
    answer.headers["Cache-Control"] = "no-cache"
    if "range" not in request.headers and answer.headers["etag"] in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers={"ETag": answer.headers["etag"], "Cache-Control": "no-cache"})
    return answer


@router.get("/api/clips/{clip_id}/page.html")
async def _alone(request: Request, clip_id: str) -> Response:
    """Answer by a page that stands alone: it is kept, and opened from a disk."""
    desk: ReviewDesk = request.app.state.desk

    def made() -> Response:
        item = desk.item(clip_id)
        with desk.held():
            content = clip_page(desk.dataset, clip_id, bodies_dir=desk.bodies_dir)
        headers = {"Content-Disposition": f'attachment; filename="{file_stem(item.name, clip_id)}.html"'}
        return Response(content, headers=headers, media_type="text/html; charset=utf-8")

    return await asyncio.get_running_loop().run_in_executor(desk.reading, made)


def own_file(dataset: Dataset, clip_id: str, name: str) -> Path:
    """Return where a clip's file lies, if it is a plain file of the dataset.

    Raises:
        Refused: It is not there, or a link leads out of the dataset.
    """
    path = dataset.clip_dir(clip_id) / name
    if not dataset.holds(path):
        raise Refused(403, "refused", "this clip's folder is a link; what lies behind it is no part of the dataset")
    try:
        real = path.resolve(strict=True)
    except (OSError, RuntimeError) as error:
        raise Refused(404, "missing_file", f"{name} of this clip is not there") from error
    if not real.is_relative_to(dataset.root.resolve()):
        raise Refused(403, "refused", f"{name} of this clip is a link that leads out of the dataset")
    if not real.is_file():
        raise Refused(404, "missing_file", f"{name} of this clip is no file")
    return real
