"""Reports of the calls spent, from totals that are computed once."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import TYPE_CHECKING

from runner.app.catalogue import Catalogue
from runner.clock import moment
from runner.errors import StoreError
from runner.store.batches import Batch

if TYPE_CHECKING:
    from runner.app.reporting import Report, ReportQuery
    from runner.store.reports import DayReport

log = logging.getLogger(__name__)


class LedgerReports(Catalogue):
    """The reports of one database."""

    async def ledger_report(self, wanted: ReportQuery) -> Report:
        """Returns a report of the ledger, grouped as `wanted` says."""
        from runner.app.reporting import make_report  # only a report

        await self.add_up_calls()
        return await make_report(self.reading, wanted)

    async def latest_days(self, number: int) -> Report:
        """Returns a report of the last `number` days with calls, without credit balances."""
        from runner.app.reporting import ReportQuery  # only a report
        from runner.store import ledger

        async with self._database.read() as connection:
            made_at = await ledger.last_made(connection)
        first = moment(self._clock.now() if made_at is None else made_at) - timedelta(days=number)
        return await self.ledger_report(ReportQuery(since=f"{first:%Y-%m-%d}", balances=False))

    async def report(
        self, *, batch: Batch | None = None, by_model: bool = False
    ) -> list[DayReport]:
        """Returns the ledger's totals by quota day and account."""
        from runner.store import reports  # only a report

        await self.add_up_calls()
        family = [part.id for part in await self.family(batch)] if batch else None
        async with self._database.read() as connection:
            return await reports.daily(connection, batch_ids=family, by_model=by_model)

    async def add_up_calls(self) -> None:
        """Stores the totals of ended calls, so that reports need not read these again.

        Reports are correct without the totals, so a database that cannot be written is not an
        error.
        """
        from runner.store import call_totals  # only a report

        try:
            await call_totals.add_up(self._database)
        except StoreError as error:
            log.info("calls are not added up: %s", error.what)
