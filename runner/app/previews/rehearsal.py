"""Rehearses a batch in virtual time: the real program against the simulator, days in seconds."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

from runner import virtual
from runner.app.accounts import accounts
from runner.app.application import Application, open_application
from runner.app.reports.full_report import FullReport
from runner.app.reports.reporting import ReportQuery
from runner.app.running.run_result import RunResult
from runner.app.submitting.images import put_into
from runner.app.submitting.submission import Submission
from runner.core.verdict import Scope
from runner.core.window import Unit
from runner.engine.progress import Watcher
from runner.settings import Settings
from runner.simulator import (
    SimulatedProvider,
    SimulatorConfig,
    SimulatorTransport,
    Stats,
    build_app,
)
from runner.store.reports import DayReport

TOKEN = {"REHEARSAL": "rehearsal"}
# Reply times are rounded to this step in ms, so that replies share a transaction: with many calls
# in flight, a rehearsal takes a third of the CPU time.
REPLY_STEP_MS = 100
# Polling interval of the database in virtual time, long because there is no other writer.
TICK_S = 24 * 3_600.0
# After two weeks without a finished row, the batch will never be finished.
PATIENCE_MS = 14 * 24 * 3_600_000


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """The result of a rehearsal: the run, the ledger, and the provider's statistics.

    `started_at` and `ended_at` are virtual times, in ms since the epoch.
    """

    ran: RunResult
    days: tuple[DayReport, ...]
    provider: Stats
    report: FullReport
    started_at: int
    ended_at: int
    rows_written: int = 0


def configured_simulator(settings: Settings, **changes: object) -> SimulatorConfig:
    """Returns a simulator with the limits of the account's preset and settings."""
    account = accounts.account_of(settings, settings.account)
    calls = [rule for rule in account.quotas if rule.primary and rule.unit is Unit.CALLS]
    limits = {rule.scope: rule.limit for rule in calls}
    config = SimulatorConfig(
        calls_per_day=limits.get(Scope.ACCOUNT),
        calls_per_day_per_model=limits.get(Scope.MODEL),
        models=(),
        zone=account.preset.zone,
    )
    return replace(config, **changes)  # type: ignore[arg-type]  # checked by the config itself


def rehearse(
    settings: Settings,
    submission: Submission,
    simulator: SimulatorConfig,
    start: int,
    *,
    output: Path | None = None,
    errors: Path | None = None,
    watcher: Watcher | None = None,
    on_provider: Callable[[SimulatedProvider], None] | None = None,
) -> Rehearsal:
    """Runs the batch from its first row to its last, starting at `start` (ms since the epoch).

    It needs no token and no network, uses its own database, and spends nothing. The same seed gives
    the same run. `on_provider` is called with the provider before its first call, so that a watcher
    can show what the provider sees.
    """
    simulator = replace(simulator, reply_step_ms=REPLY_STEP_MS)
    with tempfile.TemporaryDirectory(prefix="midnight-rehearsal-") as folder:
        stage = _rehearsal_settings(settings, Path(folder))
        # Images of a rehearsal must not be mistaken for real ones.
        images = (output.parent if output else Path(folder)) / "rehearsed-images"
        staged = replace(submission, jobfile=put_into(submission.jobfile, images))
        clock = virtual.VirtualClock(start, TICK_S)

        async def main() -> Rehearsal:
            provider = SimulatedProvider(simulator, clock.now)
            if on_provider:
                on_provider(provider)
            async with open_application(
                stage,
                environ=TOKEN,
                clock=clock,
                transport=SimulatorTransport(build_app(provider)),
                random=Random(simulator.seed),  # noqa: S311 - repeatable by intent
                virtual=True,
            ) as midnight:
                ran = await _submit_and_run(midnight, staged, watcher)
                days = tuple(await midnight.ledger.days())
                report = await midnight.full_report(ReportQuery())
                written = 0
                if output:
                    written = await midnight.export(ran.batches[0], output, errors=errors)
            return Rehearsal(ran, days, provider.stats(), report, start, clock.now(), written)

        return virtual.run(main)


async def _submit_and_run(
    midnight: Application, submission: Submission, watcher: Watcher | None
) -> RunResult:
    submitted = await midnight.submit(submission)
    return await midnight.run(
        only=submitted.batch, watcher=watcher, patience_ms=PATIENCE_MS, forecasts=False
    )


def _rehearsal_settings(settings: Settings, folder: Path) -> Settings:
    """Returns the user's settings with a database and accounts for the rehearsal."""
    stand_in = {"token": "env:REHEARSAL", "base_url": "http://simulator/v1"}
    return replace(
        settings,
        db=folder / "rehearsal.db",
        accounts={
            name: account.model_copy(update=stand_in) for name, account in settings.accounts.items()
        },
    )
