"""Reports of the calls spent, from totals that are stored once."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import TYPE_CHECKING

from runner.clock import Clock, moment
from runner.errors import StoreError
from runner.store import batches
from runner.store.batches import Batch
from runner.store.database import Database

if TYPE_CHECKING:
    from runner.app.reports.reporting import Report, ReportQuery
    from runner.store.reports import DayReport

log = logging.getLogger(__name__)


class LedgerReports:
    """The reports of one database."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def report(self, wanted: ReportQuery) -> Report:
        """Returns a report of the ledger, grouped as `wanted` says."""
        from runner.app.reports.reporting import make_report  # only a report

        await self.add_up()
        return await make_report(self._database.read, wanted)

    async def latest_days(self, number: int) -> Report:
        """Returns a report of the last `number` days with calls, without credit balances."""
        from runner.app.reports.reporting import ReportQuery  # only a report
        from runner.store import ledger

        async with self._database.read() as connection:
            made_at = await ledger.last_made(connection)
        first = moment(self._clock.now() if made_at is None else made_at) - timedelta(days=number)
        return await self.report(ReportQuery(since=f"{first:%Y-%m-%d}", balances=False))

    async def days(self, *, batch: Batch | None = None, by_model: bool = False) -> list[DayReport]:
        """Returns the ledger's totals by quota day and account; of all batches without `batch`."""
        from runner.store import reports  # only a report

        await self.add_up()
        async with self._database.read() as connection:
            part_ids = None
            if batch is not None:
                part_ids = [part.id for part in await batches.parts_of(connection, batch.id)]
            return await reports.daily(connection, batch_ids=part_ids, by_model=by_model)

    async def add_up(self) -> None:
        """Stores the totals of ended calls, so that reports need not read these again.

        Reports are correct without the totals, so a database that cannot be written is not an
        error.
        """
        from runner.store import call_totals  # only a report

        try:
            await call_totals.add_up(self._database)
        except StoreError as error:
            log.info("calls are not added up: %s", error.what)
