"""The pages of accounts and of calls: every allowance, and what was spent of it each day."""

from __future__ import annotations

from itertools import groupby

import anyio
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response

from runner.app.application import Application
from runner.app.live import LiveOverview
from runner.app.report_page import days_chart, hours_chart
from runner.app.report_words import OUTCOMES
from runner.app.reporting import Report, Wanted
from runner.core.gate import ParkReason
from runner.server.dashboard.pages import page
from runner.server.dashboard.visits import Visit
from runner.wording import messages, shown_windows

_MOST_DAYS = 60


class AccountPages:
    """Answers requests about accounts, their windows and their calls."""

    def __init__(self, midnight: Application, live: LiveOverview) -> None:
        self._midnight = midnight
        self._live = live
        self._reporting = anyio.Lock()
        self._kept: Report | None = None
        self._kept_until = 0.0

    async def accounts(self, _request: Request, visit: Visit, *, keyed: bool) -> Response:
        """Every window, and where each of its figures is known from."""
        now = (await self._live.latest()).status.at
        lines = await self._midnight.quota()
        shown = shown_windows.in_quota([line.window for line in lines])
        lines = [line for line in lines if line.window in shown]
        refused = [one.window for one in lines if one.window.gate.reason is ParkReason.REFUSED]
        accounts = [
            (name, list(own)) for name, own in groupby(lines, lambda one: one.window.account)
        ]
        return page(
            "accounts.html",
            visit=visit,
            keyed=keyed,
            at="accounts",
            accounts=accounts,
            refusals=dict.fromkeys(map(messages.refused, refused)),
            now=now,
        )

    async def calls(self, _request: Request, visit: Visit, *, keyed: bool) -> Response:
        """The calls of each day, as the reports have them."""
        report = await self._report()
        return page(
            "calls.html",
            visit=visit,
            keyed=keyed,
            at="calls",
            report=report,
            lines=report.days[::-1][:_MOST_DAYS],
            outcomes=tuple(OUTCOMES),
            # They escape what they are given.
            days=Markup(days_chart(report)) if report.days else "",  # noqa: S704
            hours=Markup(hours_chart(report)) if report.days else "",  # noqa: S704
        )

    async def _report(self) -> Report:
        """The ledger by day, kept for ten times as long as it took: a long one takes seconds."""
        async with self._reporting:
            if self._kept is not None and anyio.current_time() < self._kept_until:
                return self._kept
            began = anyio.current_time()
            self._kept = await self._midnight.ledger_report(Wanted())
            ended = anyio.current_time()
            self._kept_until = ended + 10 * (ended - began)
            return self._kept
