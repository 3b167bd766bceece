"""The service: its routes behind its door, and what each error of ours is called there."""

from __future__ import annotations

from fastapi import FastAPI, Request
from starlette.exceptions import HTTPException
from starlette.responses import Response

from flows.review_service import clip_files, clips, deciding, motions, page
from flows.review_service.answers import Refused, error_answer
from flows.review_service.desk import ReviewDesk
from flows.review_service.door import Door, Guard
from flows.review_service.kinds import kind_of
from robots.exceptions import WushuError


def create_app(desk: ReviewDesk, door: Door) -> FastAPI:
    """Build the service for one dataset; nothing of it answers who may not come in."""
    app = FastAPI(title="wushu review", docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False)
    app.state.desk = desk
    for module in (page, clips, clip_files, motions, deciding):
        app.include_router(module.router)
    app.add_exception_handler(Refused, _refused)
    app.add_exception_handler(WushuError, _told)
    app.add_exception_handler(HTTPException, _unknown)
    app.add_middleware(Guard, door=door)
    return app


def _told(_: Request, error: Exception) -> Response:
    if not isinstance(error, WushuError):
        raise error
    status, kind = kind_of(error)
    return error_answer(status, kind, str(error))


def _refused(_: Request, error: Exception) -> Response:
    if not isinstance(error, Refused):
        raise error
    return error_answer(error.status, error.kind, error.sentence, **error.more)


def _unknown(_: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 404
    return error_answer(status, "refused", "this service has no such page, or it takes no such request")
