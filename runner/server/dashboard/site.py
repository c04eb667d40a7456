"""The addresses of the dashboard, and what is checked before any of them."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from urllib.parse import parse_qs

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import (
    FileResponse,
    HTMLResponse,
    RedirectResponse,
    Response,
    StreamingResponse,
)
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from runner.app.application import Application
from runner.app.gateway import Gateway
from runner.app.live import LiveOverview
from runner.errors import InputError, NotFoundError, RunnerError
from runner.server.dashboard import now
from runner.server.dashboard.accounts import AccountPages
from runner.server.dashboard.batches import BatchPages, Page
from runner.server.dashboard.pages import HEADERS, HERE, page
from runner.server.dashboard.review import ReviewPages
from runner.server.dashboard.visits import (
    CSRF_FIELD,
    Visit,
    Visits,
    comes_from_here,
    keep_cookie,
)

log = logging.getLogger(__name__)

ROOT = "/dashboard"
_MOST_FORM_BYTES = 64 << 10
_MOST_FIELDS = 50
_MOST_WATCHERS = 64
_STATIC = {
    "dashboard.css": "text/css",
    "htmx.min.js": "text/javascript",
    "htmx-sse.min.js": "text/javascript",
    "review.js": "text/javascript",
    "icon.svg": "image/svg+xml",
}

Fields = dict[str, str]
Change = Callable[[Request, Fields], Awaitable[Response]]


def is_of_dashboard(path: str) -> bool:
    """Whether an address is the dashboard's."""
    return path in ("/", ROOT) or path.startswith(f"{ROOT}/")


class Dashboard:
    """The dashboard as an ASGI application."""

    def __init__(self, midnight: Application, gateway: Gateway, live: LiveOverview) -> None:
        self._midnight = midnight
        self._gateway = gateway
        self._live = live
        self._visits = Visits(gateway.clients)
        self._watchers = 0
        self._review = ReviewPages(midnight, self._visits.name_of)
        pages, accounts = BatchPages(midnight, live), AccountPages(midnight, live)
        self._app = Starlette(
            routes=[
                Route("/", self._look(self._now)),
                Route(ROOT, self._look(self._now)),
                Route(f"{ROOT}/live", self._look(self._events)),
                Route(f"{ROOT}/accounts", self._look(accounts.accounts)),
                Route(f"{ROOT}/calls", self._look(accounts.calls)),
                Route(f"{ROOT}/batches", self._look(pages.listed)),
                Route(f"{ROOT}/batches/{{batch}}", self._look(pages.one)),
                Route(f"{ROOT}/batches/{{batch}}/failures", self._look(pages.failures)),
                Route(f"{ROOT}/batches/{{batch}}/rows/{{row}}", self._look(pages.row)),
                Route(f"{ROOT}/batches/{{batch}}/review", self._look(self._review.show)),
                Route(
                    f"{ROOT}/batches/{{batch}}/review",
                    self._change(self._review.change),
                    methods=["POST"],
                ),
                Route(
                    f"{ROOT}/batches/{{batch}}/{{action}}",
                    self._change(pages.change),
                    methods=["POST"],
                ),
                Route(f"{ROOT}/enter", self._enter, methods=["POST"]),
                Route(f"{ROOT}/leave", self._change(self._leave), methods=["POST"]),
                Route(f"{ROOT}/static/{{name}}", self._static),
            ],
            exception_handlers={
                HTTPException: _failed,
                NotFoundError: _missing,
                InputError: _wrong,
                RunnerError: _broken,
                Exception: _defect,
            },
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        await self._app(scope, receive, send)

    async def work(self) -> None:
        """Do what is left to do after requests, until it is cancelled."""
        await self._review.work()

    def _look(self, show: Page) -> Callable[[Request], Awaitable[Response]]:
        """A page for those who may look; others are asked for a key."""

        async def answer(request: Request) -> Response:
            visit = await self._visits.find(request)
            if visit is None:
                return page("enter.html", 401, refused=False, to=_target(request.url.path))
            response = await show(request, visit, keyed=self._gateway.clients.need_keys)
            keep_cookie(request, response, visit)
            return response

        return answer

    def _change(self, change: Change) -> Callable[[Request], Awaitable[Response]]:
        """Something that is changed by a form of a page of this server."""

        async def answer(request: Request) -> Response:
            visit = await self._visits.find(request)
            if visit is None:
                return page("enter.html", 401, refused=False, to="/")
            fields = await read_fields(request)
            if not self._visits.accepts(request, visit, fields.pop(CSRF_FIELD, "")):
                what = "this form is not from a page of this server, or the server was restarted"
                return _error(403, what, "load the page again, then repeat it")
            request.state.visit = visit
            return await change(request, fields)

        return answer

    async def _now(self, _request: Request, visit: Visit, *, keyed: bool) -> Response:
        found = await self._live.latest()
        return page(
            "now.html",
            visit=visit,
            at="now",
            pieces=now.pieces(found),
            structure=now.structure(found),
            keyed=keyed,
        )

    async def _events(self, request: Request, _visit: Visit, *, keyed: bool) -> Response:
        del keyed
        if self._watchers >= _MOST_WATCHERS:
            return _error(503, "too many pages are open", "close some")

        async def watched() -> AsyncIterator[bytes]:
            self._watchers += 1
            try:
                async for piece in now.events(self._live, request.query_params.get("seen", "")):
                    yield piece
            finally:
                self._watchers -= 1

        headers = HEADERS | {"x-accel-buffering": "no"}
        return StreamingResponse(watched(), media_type="text/event-stream", headers=headers)

    async def _enter(self, request: Request) -> Response:
        if not comes_from_here(request):
            return _error(403, "this form is not from a page of this server", "open the dashboard")
        fields = await read_fields(request)
        visit = await self._visits.enter(fields.get("key", "").strip())
        to = _target(fields.get("to", "/"))
        if visit is None:
            return page("enter.html", 401, refused=True, to=to)
        response = RedirectResponse(to, 303, HEADERS)
        keep_cookie(request, response, visit)
        return response

    async def _leave(self, request: Request, _fields: Fields) -> Response:
        visit = await self._visits.find(request)
        if visit is not None:
            self._visits.leave(visit)
        return RedirectResponse("/", 303, HEADERS)

    async def _static(self, request: Request) -> Response:
        name = request.path_params["name"]
        if name not in _STATIC:
            raise HTTPException(404)
        headers = HEADERS | {"cache-control": "public, max-age=3600"}
        return FileResponse(HERE / "static" / name, media_type=_STATIC[name], headers=headers)


async def read_fields(request: Request) -> Fields:
    """The fields of a form.

    Raises:
        HTTPException: It is too large, or no form.
    """
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > _MOST_FORM_BYTES:
            raise HTTPException(413, "the form is too large")
    try:
        found = parse_qs(body.decode(), keep_blank_values=True, max_num_fields=_MOST_FIELDS)
    except ValueError:
        raise HTTPException(400, "this is no form") from None
    return {name: values[-1] for name, values in found.items()}


def _target(path: str) -> str:
    """Where to go after a key was shown: a page of the dashboard, never another site."""
    return path if is_of_dashboard(path) and not path.startswith("//") else "/"


def _error(status: int, what: str, remedy: str = "") -> HTMLResponse:
    return page("error.html", status, what=what, remedy=remedy)


async def _failed(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - as it is registered
    what = {404: "there is no such page", 405: "that cannot be done here"}
    return _error(error.status_code, what.get(error.status_code, error.detail))


async def _missing(_request: Request, error: Exception) -> Response:
    return _of(error, 404)


async def _wrong(_request: Request, error: Exception) -> Response:
    return _of(error, 400)


async def _broken(_request: Request, error: Exception) -> Response:
    return _of(error, 503)


async def _defect(_request: Request, error: Exception) -> Response:
    log.error("a page could not be made", exc_info=error)
    return _error(500, "this page has a defect", "the log of midnight serve tells more")


def _of(error: Exception, status: int) -> Response:
    assert isinstance(error, RunnerError)  # noqa: S101 - as it is registered
    return _error(status, error.what, error.remedy or "")
