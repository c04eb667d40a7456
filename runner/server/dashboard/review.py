"""The page to review rows: a form that works without scripts.

`static/review.js` maps keys to its buttons. The server keeps no state of a review between requests.
"""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlencode

import orjson
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from runner import exact_json
from runner.app.application import Application
from runner.app.batches.output_refresher import OutputRefresher
from runner.app.reviews import review_rows
from runner.app.reviews.reviewing import Choice, Question, Reviewing, reviewer_named
from runner.errors import ConfigError, InputError, NotFoundError
from runner.language import _
from runner.server.dashboard.pages import HEADERS, page
from runner.server.dashboard.visits import Visit
from runner.server.numbers import number_of
from runner.store import disputed, reviews
from runner.store.batches import Batch
from runner.wording import review_messages

_MOST_PAGES = 3
"""The number of pages searched for the next row until the user has to continue."""
_MOST_COUNTED = 2 * disputed.SEARCHED
"""The largest number of rows for which the remaining ones are counted, which is slow."""
_LABEL = "label "


class ReviewPages:
    """Handles reviews of batches; `name_of` returns the name of a visitor with a key."""

    def __init__(
        self,
        midnight: Application,
        name_of: Callable[[Visit], str | None],
        outputs: OutputRefresher,
    ) -> None:
        self._midnight = midnight
        self._name_of = name_of
        self._outputs = outputs

    async def show(self, request: Request, visit: Visit) -> Response:
        """Shows the next row to review, or the requested row."""
        query = request.query_params
        reviewing = await self._reviewing(request, visit, query.get("as"))
        after = number_of(query.get("after", "")) or 0
        number = number_of(query.get("row", ""))
        searched = after
        if number is None:
            parts = await self._midnight.parts_of(reviewing.batch)
            number, searched = await review_rows.next_marked(
                self._midnight.reading, parts, after, _MOST_PAGES
            )
        question = None if number is None else await reviewing.question(number)
        return await self._page(reviewing, visit, question, after=after, searched=searched)

    async def change(self, request: Request, fields: dict[str, str]) -> Response:
        """Stores an answer, or undoes the last one."""
        visit: Visit = request.state.visit
        reviewing = await self._reviewing(request, visit, fields.get("as"))
        number = number_of(fields.get("row", ""))
        if "undo" in fields:
            taken = await reviewing.take_back()
            after = {"row": taken[0]} if taken else {"after": max(0, (number or 1) - 1)}
        elif number is None:
            raise NotFoundError(_("there is no such row"))
        else:
            text = _answer_in(fields, reviewing)
            try:
                await reviewing.record(number, text)
            except InputError as error:
                return await self._show_again(request, reviewing, number, text, error)
            after = {"after": number}
        self._outputs.changed(reviewing.batch.id)
        named = {"as": reviewing.reviewer} if self._name_of(visit) is None else {}
        query = urlencode(after | named)
        return RedirectResponse(f"{_path(reviewing.batch)}?{query}", 303, HEADERS)

    async def _show_again(
        self, request: Request, reviewing: Reviewing, number: int, text: str, error: InputError
    ) -> Response:
        """Shows the row again, with the text entered and the error."""
        question = await reviewing.question(number)
        return await self._page(
            reviewing,
            request.state.visit,
            question,
            written=text,
            wrong=error,
        )

    async def _page(
        self,
        reviewing: Reviewing,
        visit: Visit,
        question: Question | None,
        *,
        after: int = 0,
        searched: int = 0,
        written: str | None = None,
        wrong: InputError | None = None,
    ) -> Response:
        batch, spec = reviewing.batch, reviewing.spec
        suggested = question.suggested if question else None
        chosen = orjson.loads(suggested) if suggested and spec.kind == "labels" else []
        reviewed, left = await self._progress(batch)
        return page(
            "review.html",
            400 if wrong else 200,
            visit=visit,
            at="batches",
            batch=batch,
            path=_path(batch),
            reviewer=reviewing.reviewer,
            is_named=self._name_of(visit) is not None,
            question=question,
            cells=_cells(question.row) if question else [],
            reasons=review_messages.reasons(question) if question else [],
            models_of=review_messages.models,
            votes=sum(opinion.votes for opinion in question.opinions) if question else 0,
            choices=_choices(reviewing),
            several=spec.kind == "labels",
            chosen=chosen,
            written=suggested or "" if written is None else written,
            wrong=wrong,
            reviewed=reviewed,
            left=left,
            after=after,
            searched=searched,
            more=question is None and searched < batch.rows_loaded,
        )

    async def _progress(self, batch: Batch) -> tuple[int, int | None]:
        """Returns the numbers of reviewed and of remaining rows; None if too many to count."""
        async with self._midnight.reading() as connection:
            reviewed = sum(rows for _name, rows in await reviews.by_reviewer(connection, batch))
        if batch.rows_loaded > _MOST_COUNTED:
            return reviewed, None
        parts = await self._midnight.parts_of(batch)
        return reviewed, len((await review_rows.find(self._midnight.reading, parts)).left)

    async def _reviewing(self, request: Request, visit: Visit, name: str | None) -> Reviewing:
        number = number_of(request.path_params["batch"])
        if number is None:
            raise NotFoundError(_("there is no such batch"))
        try:
            reviewer = self._name_of(visit) or reviewer_named(name or None)
            return await self._midnight.reviewing(await self._midnight.get(number), reviewer)
        except ConfigError as error:
            raise InputError(error.what, remedy=error.remedy) from error


def _path(batch: Batch) -> str:
    return f"/dashboard/batches/{batch.id}/review"


def _answer_in(fields: dict[str, str], reviewing: Reviewing) -> str:
    """Returns the answer in a form: a button, the ticked boxes, or a text."""
    if "text" in fields and "answer" not in fields:
        return fields["text"].replace("\r\n", "\n")
    if reviewing.spec.kind == "labels" and fields.get("answer") == "":
        ticked = {value for name, value in fields.items() if name.startswith(_LABEL)}
        return orjson.dumps([label for label in reviewing.spec.labels if label in ticked]).decode()
    return fields.get("answer", "")


def _choices(reviewing: Reviewing) -> list[Choice]:
    """Returns the answers with a button: all labels, including those without a key."""
    keyed = {choice.answer for choice in reviewing.choices}
    rest = [Choice("", label) for label in reviewing.spec.labels if label not in keyed]
    return [*reviewing.choices, *rest]


def _cells(row: str) -> list[tuple[str, str]]:
    """Returns the columns of a row as texts."""
    return [
        (name, value if isinstance(value, str) else exact_json.dumps(value).decode())
        for name, value in exact_json.loads(row).items()
        if value is not None
    ]
