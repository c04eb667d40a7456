"""The pages of batches: the list, one batch with its rows, its failures, and one row's story."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from runner.app.application import Application
from runner.app.live import LiveOverview
from runner.core.states import BatchState
from runner.errors import InputError, NotFoundError
from runner.server.dashboard.now import batch_view, state_of
from runner.server.dashboard.pages import HEADERS, page
from runner.server.dashboard.visits import Visit
from runner.store.batches import Batch
from runner.store.browsing import FILTERS, Wanted

PAGE = 50
STATES = ("loading", "active", "paused", "done", "cancelled")
CHANGES = {
    "pause": BatchState.PAUSED,
    "resume": BatchState.ACTIVE,
    "cancel": BatchState.CANCELLED,
}
_MOST_DIGITS = 15
_LONGEST_SEARCH = 200
_LOWEST, _HIGHEST = -100, 100
_MOST_CAUSES = 50
_MOST_FAILURES = 50


class BatchPages:
    """Answers requests about batches."""

    def __init__(self, midnight: Application, live: LiveOverview) -> None:
        self._midnight = midnight
        self._live = live

    async def listed(self, request: Request, visit: Visit, *, keyed: bool) -> Response:
        """The batches, the newest first."""
        query = request.query_params
        text, state = query.get("text", "")[:_LONGEST_SEARCH], query.get("state", "")
        before = number_of(query.get("before", ""))
        found = [
            batch
            for batch in reversed(await self._midnight.batches())
            if batch.part_of is None
            and (before is None or batch.id < before)
            and (state not in STATES or state_of(batch) == state)
            and text.casefold() in f"{batch.id} {batch.name} {batch.input}".casefold()
        ]
        more = ""
        if len(found) > PAGE:
            more = urlencode({"text": text, "state": state, "before": found[PAGE - 1].id})
        return page(
            "batches.html",
            visit=visit,
            keyed=keyed,
            at="batches",
            found=[(batch, state_of(batch)) for batch in found[:PAGE]],
            text=text,
            state=state,
            states=STATES,
            more=more,
        )

    async def one(self, request: Request, visit: Visit, *, keyed: bool) -> Response:
        """A batch and its rows."""
        batch = await self._batch(request)
        query = request.query_params
        state = query.get("state", "")
        wanted = Wanted(
            state if state in FILTERS else "",
            query.get("text", "")[:_LONGEST_SEARCH],
            min(number_of(query.get("after", "")) or 0, batch.rows_loaded),
        )
        found = await self._midnight.browse(batch, wanted)
        kept = {"text": wanted.text, "state": wanted.state}
        return page(
            "batch.html",
            visit=visit,
            keyed=keyed,
            at="batches",
            view=await self._view(batch),
            batch=batch,
            word=state_of(batch),
            rows=found,
            wanted=wanted,
            states=tuple(FILTERS),
            more=urlencode(kept | {"after": found.searched_to}) if found.more else "",
        )

    async def row(self, request: Request, visit: Visit, *, keyed: bool) -> Response:
        """The whole story of a row."""
        batch = await self._batch(request)
        number = number_of(request.path_params["row"])
        story = await self._midnight.story(batch, 0 if number is None else number)
        now = (await self._live.latest()).status.at
        return page(
            "row.html", visit=visit, keyed=keyed, at="batches", batch=batch, story=story, now=now
        )

    async def failures(self, request: Request, visit: Visit, *, keyed: bool) -> Response:
        """The causes of a batch's failures, and its first failed rows."""
        batch = await self._batch(request)
        return page(
            "failures.html",
            visit=visit,
            keyed=keyed,
            at="batches",
            batch=batch,
            causes=(await self._midnight.causes(batch))[:_MOST_CAUSES],
            found=await self._midnight.failures(batch, _MOST_FAILURES),
        )

    async def change(self, request: Request, fields: dict[str, str]) -> Response:
        """Pause, resume or cancel a batch, or change its priority."""
        batch = await self._batch(request)
        action = request.path_params["action"]
        if action == "priority":
            await self._prioritise(batch, fields.get("priority", ""))
        elif action == "retry":
            await self._retry(batch, fields.get("example", ""))
        elif action in CHANGES:
            await self._midnight.set_state(batch, CHANGES[action])
        else:
            raise NotFoundError(f"nothing is called {action!r}")
        self._live.changed()
        return RedirectResponse(f"/dashboard/batches/{batch.id}", 303, HEADERS)

    async def _prioritise(self, batch: Batch, text: str) -> None:
        value = number_of(text.removeprefix("-"))
        if value is None or not _LOWEST <= value <= _HIGHEST:
            what = f"a priority is a whole number from {_LOWEST} to {_HIGHEST}"
            raise InputError(what, remedy="lower goes first; 0 is usual")
        await self._midnight.set_priority(batch, -value if text.startswith("-") else value)

    async def _retry(self, batch: Batch, example: str) -> None:
        """Queue failed rows again: all, or those that failed as the row `example` did."""
        if not example:
            await self._midnight.retry(batch)
            return
        causes = await self._midnight.causes(batch)
        cause = next((one for one in causes if str(one.example) == example), None)
        if cause is None:
            raise NotFoundError(f"row {example[:_MOST_DIGITS]} has not failed, or no longer")
        await self._midnight.retry(batch, cause)

    async def _batch(self, request: Request) -> Batch:
        number = number_of(request.path_params["batch"])
        found = [] if number is None else await self._midnight.batches()
        for batch in found:
            if batch.id == number:
                return batch
        raise NotFoundError("there is no such batch", remedy="it may have been deleted")

    async def _view(self, batch: Batch) -> object:
        found = await self._live.latest()
        line = next((one for one in found.status.batches if one.batch.id == batch.id), None)
        return None if line is None else batch_view(line, found)


Page = Callable[..., Awaitable[Response]]


def number_of(text: str) -> int | None:
    """A whole number that is not negative; None: it is none."""
    fits = text.isascii() and text.isdecimal() and len(text) <= _MOST_DIGITS
    return int(text) if fits else None
