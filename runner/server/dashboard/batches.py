"""The pages for batches: the list, a batch with its rows, its failures, a row's history."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from runner.app.application import Application
from runner.app.batches.output_refresher import OutputRefresher
from runner.app.dashboard.live import LiveOverview
from runner.core.states import ROW_STATES, BatchState
from runner.errors import InputError, NotFoundError
from runner.language import _
from runner.server.dashboard.cached import Cached, Computations
from runner.server.dashboard.live import Fragment
from runner.server.dashboard.now import batch_view, state_of
from runner.server.dashboard.pages import HEADERS, render, show
from runner.server.dashboard.visits import Visit
from runner.server.numbers import MOST_DIGITS, number_of
from runner.store.batches import Batch
from runner.store.browsing import RowFilter
from runner.store.failures import Failure, FailureGroup
from runner.wording.failure_remedies import remedy_for

PAGE = 50
STATES = ("loading", "active", "paused", "done", "cancelled")
CHANGES = {
    "pause": BatchState.PAUSED,
    "resume": BatchState.ACTIVE,
    "cancel": BatchState.CANCELLED,
}
_LONGEST_SEARCH = 200
_LOWEST, _HIGHEST = -100, 100
_MOST_CAUSES = 50
_MOST_KEPT = 16


@dataclass(frozen=True, slots=True)
class CauseView:
    """A cause of failed rows, with its first row, and a remedy if one is known."""

    cause: FailureGroup
    example: Failure | None
    remedy: str | None


class BatchPages:
    """Handles requests for batches; the outputs of changed ones are written in the background."""

    def __init__(
        self,
        midnight: Application,
        live: LiveOverview,
        outputs: OutputRefresher,
        computations: Computations,
    ) -> None:
        self._midnight = midnight
        self._live = live
        self._outputs = outputs
        self._computations = computations
        self._causes: dict[int, Cached[list[CauseView]]] = {}

    async def listed(self, request: Request, visit: Visit) -> Response:
        """Shows the batches, newest first."""
        query = request.query_params
        return show(
            "batches.html",
            request,
            await self.list_pieces(request, visit),
            visit=visit,
            at="batches",
            text=query.get("text", "")[:_LONGEST_SEARCH],
            state=query.get("state", ""),
            states=STATES,
        )

    async def list_pieces(self, request: Request, visit: Visit) -> list[Fragment]:
        """Returns the list of batches as one fragment."""
        query = request.query_params
        text, state = query.get("text", "")[:_LONGEST_SEARCH], query.get("state", "")
        before = number_of(query.get("before", ""))
        known = [line.batch for line in (await self._live.latest()).status.batches]
        matching = [
            batch
            for batch in reversed(known)
            if batch.part_of is None
            and (before is None or batch.id < before)
            and (state not in STATES or state_of(batch) == state)
            and text.casefold() in f"{batch.id} {batch.name} {batch.input}".casefold()
        ]
        more = ""
        if len(matching) > PAGE:
            more = urlencode({"text": text, "state": state, "before": matching[PAGE - 1].id})
        words = [(batch, state_of(batch)) for batch in matching[:PAGE]]
        return [Fragment("list", render("_batches.html", visit=visit, found=words, more=more))]

    async def one(self, request: Request, visit: Visit) -> Response:
        """Shows a batch and its rows."""
        batch = await self._batch(request)
        wanted = _wanted(request, batch)
        return show(
            "batch.html",
            request,
            [*await self._pieces(batch, visit), await self._rows(batch, wanted)],
            visit=visit,
            at="batches",
            batch=batch,
            wanted=wanted,
            states=tuple(ROW_STATES),
        )

    async def one_pieces(self, request: Request, visit: Visit) -> list[Fragment]:
        """Returns the changing fragments of a batch; results of a search are not refreshed."""
        batch = await self._batch(request)
        wanted = _wanted(request, batch)
        rows = [] if wanted.text else [await self._rows(batch, wanted)]
        return [*await self._pieces(batch, visit), *rows]

    async def _pieces(self, batch: Batch, visit: Visit) -> list[Fragment]:
        status = await self._live.latest()
        line = next((each for each in status.status.batches if each.batch.id == batch.id), None)
        values = {"batch": batch, "word": state_of(batch), "visit": visit}
        view = None if line is None else batch_view(line, status)
        return [
            Fragment("state", render("_state.html", word=values["word"])),
            Fragment("progress", render("_batch_now.html", view=view) if view else ""),
            Fragment("actions", render("_actions.html", **values)),
            Fragment("facts", render("_facts.html", **values)),
        ]

    async def _rows(self, batch: Batch, wanted: RowFilter) -> Fragment:
        page = await self._midnight.browse(batch, wanted)
        kept = {"text": wanted.text, "state": wanted.state}
        more = urlencode(kept | {"after": page.searched_to}) if page.more else ""
        return Fragment(
            "rows", render("_rows.html", batch=batch, rows=page, wanted=wanted, more=more)
        )

    async def row(self, request: Request, visit: Visit) -> Response:
        """Shows the complete history of a row."""
        batch = await self._batch(request)
        pieces = await self.row_pieces(request, visit)
        number = number_of(request.path_params["row"])
        return show(
            "row.html",
            request,
            pieces,
            visit=visit,
            at="batches",
            batch=batch,
            number=number,
        )

    async def row_pieces(self, request: Request, _visit: Visit) -> list[Fragment]:
        """Returns the history of a row as one fragment."""
        batch = await self._batch(request)
        number = number_of(request.path_params["row"])
        story = await self._midnight.story(batch, 0 if number is None else number)
        now = (await self._live.latest()).status.at
        key = repr(story.parts)
        return [
            Fragment("story", render("_story.html", batch=batch, story=story, now=now), key=key)
        ]

    async def failures(self, request: Request, visit: Visit) -> Response:
        """Shows the causes of a batch's failures, and its first failed rows."""
        batch = await self._batch(request)
        causes = await self._causes_of(batch).soon()
        text = _("The failures are being counted; they come as soon as they are.")
        adding = Fragment("causes", render("_adding.html", told=text, here=request.url.path))
        return show(
            "failures.html",
            request,
            [adding if causes is None else _causes(batch, causes, visit)],
            visit=visit,
            at="batches",
            batch=batch,
        )

    async def failure_pieces(self, request: Request, visit: Visit) -> list[Fragment]:
        """Returns the causes of a batch's failures as one fragment."""
        batch = await self._batch(request)
        return [_causes(batch, await self._causes_of(batch).get(), visit)]

    def _causes_of(self, batch: Batch) -> Cached[list[CauseView]]:
        while len(self._causes) > _MOST_KEPT:
            del self._causes[next(iter(self._causes))]
        cached = Cached(partial(self._find_causes, batch), self._computations)
        return self._causes.setdefault(batch.id, cached)

    async def _find_causes(self, batch: Batch) -> list[CauseView]:
        causes = (await self._midnight.causes(batch))[:_MOST_CAUSES]
        return [
            CauseView(cause, await self._midnight.example(batch, cause), remedy_for(cause.error))
            for cause in causes
        ]

    async def change(self, request: Request, fields: dict[str, str]) -> Response:
        """Pauses, resumes or cancels a batch, retries its failures, or changes its priority."""
        batch = await self._batch(request)
        action = request.path_params["action"]
        if action == "priority":
            await self._prioritise(batch, fields.get("priority", ""))
        elif action == "retry":
            await self._retry(batch, fields.get("example", ""))
            self._outputs.changed(batch.part_of or batch.id)
        elif action in CHANGES:
            await self._midnight.set_state(batch, CHANGES[action], writes_output=False)
            self._outputs.changed(batch.part_of or batch.id)
        else:
            raise NotFoundError(_("nothing is called {action!r}").format(action=action))
        self._causes.pop(batch.id, None)
        self._live.changed()
        back = "" if fields.get("back") == "batches" else f"/{batch.id}"
        return RedirectResponse(f"/dashboard/batches{back}", 303, HEADERS)

    async def _prioritise(self, batch: Batch, text: str) -> None:
        value = number_of(text.removeprefix("-"))
        if value is None or not _LOWEST <= value <= _HIGHEST:
            what = _("a priority is a whole number from {lowest} to {highest}").format(
                lowest=_LOWEST, highest=_HIGHEST
            )
            raise InputError(what, remedy=_("lower goes first; 0 is usual"))
        await self._midnight.set_priority(batch, -value if text.startswith("-") else value)

    async def _retry(self, batch: Batch, example: str) -> None:
        """Queues failed rows again: all, or those with the same cause as the row `example`."""
        if not example:
            await self._midnight.retry(batch, writes_output=False)
            return
        causes = await self._midnight.causes(batch)
        cause = next((each for each in causes if str(each.example) == example), None)
        if cause is None:
            raise NotFoundError(
                _("row {example} has not failed, or no longer").format(
                    example=example[:MOST_DIGITS]
                )
            )
        await self._midnight.retry(batch, cause, writes_output=False)

    async def _batch(self, request: Request) -> Batch:
        number = number_of(request.path_params["batch"])
        batches = [] if number is None else await self._midnight.batches()
        for batch in batches:
            if batch.id == number:
                return batch
        raise NotFoundError(_("there is no such batch"), remedy=_("it may have been deleted"))


def _causes(batch: Batch, causes: list[CauseView], visit: Visit) -> Fragment:
    html = render("_causes.html", batch=batch, causes=causes, visit=visit)
    return Fragment("causes", html)


def _wanted(request: Request, batch: Batch) -> RowFilter:
    """Returns the query for rows in a request."""
    query = request.query_params
    state = query.get("state", "")
    return RowFilter(
        state if state in ROW_STATES else "",
        query.get("text", "")[:_LONGEST_SEARCH],
        min(number_of(query.get("after", "")) or 0, batch.rows_loaded),
    )


Page = Callable[..., Awaitable[Response]]
