"""Opens the queue for Python users: the user's, or a temporary one with a simulated provider."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import anyio

from runner.api.midnight import Midnight, StrPath
from runner.api.simulator import Simulator
from runner.app.application import Application, open_application
from runner.settings import load_settings


@asynccontextmanager
async def open_midnight(
    *,
    db: StrPath | None = None,
    config: StrPath | None = None,
    account: str | None = None,
    simulator: Simulator | None = None,
) -> AsyncIterator[Midnight]:
    """Opens the queue for an ``async with`` block.

    At its end, runs in the background are stopped; calls in flight may finish.

    Args:
        db: The database; by default the configured one, which the command ``midnight`` uses, too.
        config: The configuration file; by default ``midnight.toml``.
        account: The account to use; by default the configured one.
        simulator: Replaces the provider. The configuration is not read then, and the database is
            temporary unless `db` is given.

    Raises:
        ConfigError: The configuration is wrong.
        StoreError: The database cannot be used.
    """
    failure: Exception | None = None
    async with (
        _program(db, config, account, simulator) as program,
        anyio.create_task_group() as tasks,
    ):
        midnight = Midnight(program, tasks)
        try:
            yield midnight
        except Exception as error:  # noqa: BLE001 - raised below, not as an ExceptionGroup
            failure = error
        midnight.stop()
    if failure is not None:
        raise failure


def _program(
    db: StrPath | None, config: StrPath | None, account: str | None, simulator: Simulator | None
) -> AbstractAsyncContextManager[Application]:
    if simulator is not None:
        return simulator.open(None if db is None else Path(db).absolute())
    settings = load_settings(
        db=None if db is None else Path(db),
        config=None if config is None else Path(config),
        account=account,
        environ=os.environ,
        cwd=Path.cwd(),
    )
    return open_application(settings)
