"""Runs a whole batch with one blocking function, from a script or a notebook.

In a running event loop, as in a notebook, it uses its own loop in a thread.
"""

from __future__ import annotations

import os
from asyncio import get_running_loop
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import anyio
from anyio.from_thread import start_blocking_portal

from runner.api.batch_progress import OnProgress
from runner.api.job import Job
from runner.api.opening import open_midnight
from runner.api.progress_bar import progress_bar
from runner.api.results import Results
from runner.api.rows import Rows
from runner.api.simulator import Simulator
from runner.virtual import VirtualTimeLoop

T = TypeVar("T")


def run(  # noqa: PLR0913 - each is worth its name
    job: Job[T],
    rows: Rows,
    *,
    wait: bool = True,
    db: str | os.PathLike[str] | None = None,
    config: str | os.PathLike[str] | None = None,
    account: str | None = None,
    simulator: Simulator | None = None,
    progress: bool | None = None,
    on_progress: OnProgress | None = None,
) -> Results[T]:
    """Applies `job` to every row, and returns the results in the order of the rows.

    It also works in a notebook, where an event loop is running: it then uses its own loop in a
    thread, which reads the rows as well. If it is interrupted, nothing is lost, and the same call
    resumes the batch.

    Args:
        job: The job.
        rows: Mappings, a table, or the path of a dataset.
        wait: Whether to sleep until the reset when the allowance is spent. Otherwise it returns
            then, and the remaining rows are ``queued``.
        db: The database, as for `open_midnight`.
        config: The configuration file, as for `open_midnight`.
        account: The account, as for `open_midnight`.
        simulator: Replaces the provider; days then pass in virtual time.
        progress: Whether to draw a progress bar; by default in a terminal and in a notebook.
        on_progress: The callback, as for `Midnight.results`.

    Raises:
        RunnerError: The errors of `Midnight.submit` and `Midnight.run`.
    """
    with progress_bar(on_progress, wanted=progress) as tell:

        async def main() -> Results[T]:
            async with open_midnight(
                db=db, config=config, account=account, simulator=simulator
            ) as midnight:
                batch = await midnight.submit(job, rows)
                await midnight.run(batch, wait=wait, on_progress=tell)
                return await midnight.collect(batch)

        return _complete(main, {"loop_factory": VirtualTimeLoop} if simulator else {})


def _complete(main: Callable[[], Awaitable[T]], options: dict[str, Any]) -> T:
    try:
        get_running_loop()
    except RuntimeError:
        return anyio.run(main, backend="asyncio", backend_options=options)
    with start_blocking_portal("asyncio", options) as portal:
        return portal.call(main)
