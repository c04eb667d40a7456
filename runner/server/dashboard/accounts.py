"""The pages for accounts and calls: all quotas, and the calls spent each day."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby

import anyio
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response

from runner.app.application import Application
from runner.app.dashboard.live import LiveOverview
from runner.app.reports.reporting import Report
from runner.core.gate import ParkReason
from runner.core.window import Unit, Window
from runner.drawing.report_page import days_chart, hours_chart
from runner.language import _
from runner.server.dashboard.cached import Cached, Computations
from runner.server.dashboard.live import Fragment
from runner.server.dashboard.pages import render, show
from runner.server.dashboard.visits import Visit
from runner.wording import messages, shown_windows
from runner.wording.report_words import OUTCOMES

_MOST_DAYS = 60
_ADD_UP_EVERY_S = 600.0


class AccountPages:
    """Handles requests for accounts, their windows and their calls."""

    def __init__(
        self, midnight: Application, live: LiveOverview, computations: Computations
    ) -> None:
        self._midnight = midnight
        self._live = live
        self._report = Cached(lambda: midnight.ledger.latest_days(_MOST_DAYS), computations)

    async def accounts(self, request: Request, visit: Visit) -> Response:
        """Shows every window, with the source of each limit."""
        pieces = [await self._accounts(await self._report.soon())]
        return show("accounts.html", request, pieces, visit=visit, at="accounts")

    async def account_pieces(self, _request: Request, _visit: Visit) -> list[Fragment]:
        """Returns the accounts as one fragment."""
        return [await self._accounts(await self._report.get())]

    async def work(self) -> None:
        """Updates the totals of ended calls in the background, until cancelled."""
        while True:
            await self._midnight.ledger.add_up()
            await anyio.sleep(_ADD_UP_EVERY_S)

    async def _accounts(self, report: Report | None) -> Fragment:
        latest = await self._live.latest()
        now, lines = latest.status.at, await self._midnight.quota()
        shown = shown_windows.in_quota([line.window for line in lines])
        lines = [line for line in lines if line.window in shown]
        refused = [line.window for line in lines if line.window.gate.reason is ParkReason.REFUSED]
        accounts = [
            (name, list(own)) for name, own in groupby(lines, lambda line: line.window.account)
        ]
        html = render(
            "_accounts.html",
            accounts=accounts,
            spenders={name: _spenders(report, name, own[0].window) for name, own in accounts},
            clients=latest.clients,
            refusals=dict.fromkeys(map(messages.refused, refused)),
            now=now,
        )
        return Fragment("accounts", html)

    async def calls(self, request: Request, visit: Visit) -> Response:
        """Shows the calls of each day, as in the reports."""
        report = await self._report.soon()
        pieces = [_adding(request) if report is None else _calls(report)]
        return show("calls.html", request, pieces, visit=visit, at="calls")

    async def call_pieces(self, _request: Request, _visit: Visit) -> list[Fragment]:
        """Returns the charts and the figures as one fragment."""
        return [_calls(await self._report.get())]


def _adding(request: Request) -> Fragment:
    text = _("The ledger is being added up; the charts come as soon as it is.")
    return Fragment("calls", render("_adding.html", told=text, here=request.url.path))


def _calls(report: Report) -> Fragment:
    html = render(
        "_calls.html",
        lines=report.days[::-1][:_MOST_DAYS],
        outcomes=tuple(OUTCOMES),
        # The charts escape their labels.
        days=Markup(days_chart(report)) if report.days else "",  # noqa: S704
        hours=Markup(hours_chart(report)) if report.days else "",  # noqa: S704
    )
    return Fragment("calls", html)


@dataclass(frozen=True, slots=True)
class Spenders:
    """The consumers of an account's calls in a day: batches, clients, and other programs.

    `elsewhere` is the provider's count less the ledger's.
    """

    batches: int
    clients: int
    elsewhere: int


def _spenders(report: Report | None, account: str, window: Window) -> Spenders | None:
    """Returns the consumers of a window; None if they are not known, or not yet computed."""
    if report is None or window.unit is not Unit.CALLS or window.model:
        return None
    own = {"account": account, "day": window.period_key}
    line = next((each for each in report.days if own.items() <= each.labels.items()), None)
    if line is None:
        return None
    figures = line.figures
    charged = figures.calls - figures.throttled - figures.refused
    clients = min(window.by_clients, charged)
    spent = window.spent + window.reserved
    return Spenders(charged - clients, clients, max(0, spent - charged))
