"""The routes of the dashboard, and the checks before them."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import suppress
from urllib.parse import parse_qs

import anyio
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
from runner.app.batches.output_refresher import OutputRefresher
from runner.app.dashboard.drafts import Drafts
from runner.app.dashboard.live import LiveOverview
from runner.app.serving.gateway import Gateway
from runner.drawing import charts
from runner.errors import InputError, NotFoundError, RunnerError
from runner.language import _
from runner.server.dashboard import live, now
from runner.server.dashboard.accounts import AccountPages
from runner.server.dashboard.batches import BatchPages, Page
from runner.server.dashboard.cached import Computations
from runner.server.dashboard.clients import ClientPages
from runner.server.dashboard.live import Fragment
from runner.server.dashboard.pages import HEADERS, HERE, ROOT, compile_templates, page, show
from runner.server.dashboard.review import ReviewPages
from runner.server.dashboard.submission import SubmissionPages
from runner.server.dashboard.visits import (
    CSRF_FIELD,
    Visit,
    Visits,
    comes_from_here,
    keep_cookie,
)
from runner.server.replies import invalid
from runner.server.upload import Form
from runner.threads import in_thread

log = logging.getLogger(__name__)

_MOST_FORM_BYTES = 64 << 10
_MOST_FIELDS = 50
_MOST_WATCHERS = 64
_STATIC = {
    "dashboard.css": "text/css",
    "htmx.min.js": "text/javascript",
    "htmx-sse.min.js": "text/javascript",
    "live.js": "text/javascript",
    "review.js": "text/javascript",
    "icon.svg": "image/svg+xml",
}

Fields = dict[str, str]
Change = Callable[[Request, Fields], Awaitable[Response]]
Take = Callable[..., Awaitable[Response]]
MakePieces = Callable[[Request, Visit], Awaitable[Sequence[Fragment]]]
_FOREIGN = _("this form is not from a page of this server, or the server was restarted")


def is_of_dashboard(path: str) -> bool:
    """Whether a path belongs to the dashboard."""
    return path in ("/", ROOT) or path.startswith(f"{ROOT}/")


class Dashboard:
    """The dashboard as an ASGI application."""

    def __init__(
        self, midnight: Application, gateway: Gateway, overview: LiveOverview, drafts: Drafts
    ) -> None:
        self._midnight = midnight
        self._gateway = gateway
        self._live = overview
        self._visits = Visits(gateway.clients)
        self._watchers = 0
        self._computations = Computations()
        self._accounts = AccountPages(midnight, overview, self._computations)
        self._outputs = OutputRefresher(midnight)
        self._review = ReviewPages(midnight, self._visits.name_of, self._outputs)
        self._app = Starlette(
            routes=[
                *self._routes_of_pages(midnight, overview),
                *self._routes_of_submissions(SubmissionPages(drafts, overview)),
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

    def _routes_of_pages(self, midnight: Application, overview: LiveOverview) -> list[Route]:
        """Returns the routes of pages, their live fragments and their forms."""
        pages = BatchPages(midnight, overview, self._outputs, self._computations)
        accounts = self._accounts
        batch = "/batches/{batch}"
        shown: Sequence[tuple[str, Page, MakePieces]] = (
            ("", self._now, self._now_pieces),
            ("/accounts", accounts.accounts, accounts.account_pieces),
            ("/calls", accounts.calls, accounts.call_pieces),
            ("/batches", pages.listed, pages.list_pieces),
            (batch, pages.one, pages.one_pieces),
            (f"{batch}/failures", pages.failures, pages.failure_pieces),
            (f"{batch}/rows/{{row}}", pages.row, pages.row_pieces),
        )
        review, change = f"{ROOT}{batch}/review", f"{ROOT}{batch}/{{action}}"
        return [
            Route("/", self._page_route(self._now)),
            *(Route(f"{ROOT}{path}", self._page_route(show)) for path, show, _ in shown),
            *(Route(f"{ROOT}/live{path}", self._follow(make)) for path, _, make in shown),
            Route(review, self._page_route(self._review.show)),
            Route(review, self._change(self._review.change), methods=["POST"]),
            Route(change, self._change(pages.change), methods=["POST"]),
            Route(f"{ROOT}/clients", self._page_route(ClientPages(self._gateway, overview).setups)),
        ]

    def _routes_of_submissions(self, pages: SubmissionPages) -> list[Route]:
        """Returns the routes for submitting a dataset with a job file."""
        place = f"{ROOT}/submit"
        draft, action = f"{place}/{{draft}}", f"{place}/{{draft}}/{{action}}"
        return [
            Route(place, self._page_route(pages.empty)),
            Route(place, self._take(pages.take), methods=["POST"]),
            Route(draft, self._page_route(pages.show)),
            Route(draft, self._take(pages.retake), methods=["POST"]),
            Route(action, self._change(pages.change), methods=["POST"]),
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles one request."""
        await self._app(scope, receive, send)

    async def work(self) -> None:
        """Runs the background work of the pages, until cancelled.

        First it prepares the pages, so that the first visitor does not wait for that.
        """
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._prepare)
            tasks.start_soon(self._outputs.work)
            tasks.start_soon(self._accounts.work)
            tasks.start_soon(self._computations.work)

    async def _prepare(self) -> None:
        """Compiles the templates, and loads what the first page needs."""
        await in_thread(compile_templates)
        with suppress(RunnerError):  # a visitor will be told
            await self._midnight.status()

    def _page_route(self, show: Page) -> Callable[[Request], Awaitable[Response]]:
        """Returns a handler that shows a page to permitted visitors, and asks others for a key."""

        async def answer(request: Request) -> Response:
            visit = await self._visits.find(request)
            if visit is None:
                return page("enter.html", 401, refused=False, to=_target(request.url.path))
            response = await show(request, visit)
            keep_cookie(request, response, visit)
            return response

        return answer

    def _change(self, change: Change) -> Callable[[Request], Awaitable[Response]]:
        """Returns a handler for a form, protected against cross-site requests."""

        async def answer(request: Request) -> Response:
            visit = await self._visits.find(request)
            if visit is None:
                return page("enter.html", 401, refused=False, to="/")
            fields = await read_fields(request)
            if not self._visits.accepts(request, visit, fields.pop(CSRF_FIELD, "")):
                return _error(403, _FOREIGN, _("load the page again, then repeat it"))
            request.state.visit = visit
            return await change(request, fields)

        return answer

    def _take(self, take: Take) -> Callable[[Request], Awaitable[Response]]:
        """Returns a handler for a form with files, protected against cross-site requests."""

        async def answer(request: Request) -> Response:
            visit = await self._visits.find(request)
            if visit is None:
                return page("enter.html", 401, refused=False, to="/")

            def allow(form: Form) -> None:
                if not self._visits.accepts(request, visit, form.fields.get(CSRF_FIELD, "")):
                    raise invalid(
                        _("{foreign}; load the page again").format(foreign=_FOREIGN), status=403
                    )

            if not comes_from_here(request):
                return _error(403, _FOREIGN, _("load the page again, then repeat it"))
            return await take(request, visit, allow)

        return answer

    def _follow(self, make: MakePieces) -> Callable[[Request], Awaitable[Response]]:
        """Returns a handler that streams the changing fragments of a page."""

        async def watched(request: Request, visit: Visit) -> AsyncIterator[bytes]:
            self._watchers += 1
            try:
                shown = request.query_params.get("seen", "")
                async for piece in live.events(lambda: make(request, visit), shown):
                    yield piece
            finally:
                self._watchers -= 1

        async def answer(request: Request) -> Response:
            visit = await self._visits.find(request)
            if visit is None:
                return _error(401, _("this page needs a key"), _("load it again"))
            if self._watchers >= _MOST_WATCHERS:
                return _error(503, _("too many pages are open"), _("close some"))
            headers = HEADERS | {"x-accel-buffering": "no"}
            kind = "text/event-stream"
            return StreamingResponse(watched(request, visit), media_type=kind, headers=headers)

        return answer

    async def _now(self, request: Request, visit: Visit) -> Response:
        pieces = await self._now_pieces(request, visit)
        return show("now.html", request, pieces, visit=visit, at="now")

    async def _now_pieces(self, _request: Request, _visit: Visit) -> list[Fragment]:
        return now.pieces(await self._live.latest())

    async def _enter(self, request: Request) -> Response:
        if not comes_from_here(request):
            return _error(
                403, _("this form is not from a page of this server"), _("open the dashboard")
            )
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
        headers = HEADERS | {"cache-control": "public, max-age=3600"}
        if name == "charts.css":  # the charts are those of a report
            return Response(charts.MARKS, media_type="text/css", headers=headers)
        if name not in _STATIC:
            raise HTTPException(404)
        return FileResponse(HERE / "static" / name, media_type=_STATIC[name], headers=headers)


async def read_fields(request: Request) -> Fields:
    """Returns the fields of a form.

    Raises:
        HTTPException: It is too large, or not a form.
    """
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > _MOST_FORM_BYTES:
            raise HTTPException(413, _("the form is too large"))
    try:
        fields = parse_qs(body.decode(), keep_blank_values=True, max_num_fields=_MOST_FIELDS)
    except ValueError:
        raise HTTPException(400, _("the request is not a valid form")) from None
    return {name: values[-1] for name, values in fields.items()}


def _target(path: str) -> str:
    """Returns the path to go to after a key was entered: a page of the dashboard only."""
    return path if is_of_dashboard(path) and not path.startswith("//") else "/"


def _error(status: int, what: str, remedy: str = "") -> HTMLResponse:
    return page("error.html", status, what=what, remedy=remedy)


async def _failed(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for this type
    what = {404: _("there is no such page"), 405: _("that cannot be done here")}
    return _error(error.status_code, what.get(error.status_code, error.detail))


async def _missing(_request: Request, error: Exception) -> Response:
    return _error_of(error, 404)


async def _wrong(_request: Request, error: Exception) -> Response:
    return _error_of(error, 400)


async def _broken(_request: Request, error: Exception) -> Response:
    return _error_of(error, 503)


async def _defect(_request: Request, error: Exception) -> Response:
    log.error("a page could not be made", exc_info=error)
    return _error(500, _("this page has a defect"), _("see the server's log"))


def _error_of(error: Exception, status: int) -> Response:
    assert isinstance(error, RunnerError)  # noqa: S101 - registered for this type
    return _error(status, error.what, error.remedy or "")
