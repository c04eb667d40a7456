"""Hosts the application's engine: started by the first run or call, stopped when it is closed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from random import Random
from types import TracebackType
from typing import TYPE_CHECKING, Self

import anyio
from anyio.abc import TaskGroup, TaskStatus

from runner.app.accounts import accounts
from runner.clock import Clock
from runner.core.demand import WaitReason
from runner.core.stop_reason import StopReason
from runner.errors import RunnerError, StoreError
from runner.settings import Settings
from runner.store.database import Database

if TYPE_CHECKING:
    import httpx

    from runner.engine.client_call import ClientQuestion, ClientRequest
    from runner.engine.engine import Engine
    from runner.engine.run import RunOptions
    from runner.providers.endpoint import Endpoint

# Called with a function that stops the run.
OnStart = Callable[[Callable[[], None]], None]


class EngineHost:
    """Holds the engine while the application is open; all tasks share it."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        environ: Mapping[str, str],
        clock: Clock,
        transport: httpx.AsyncBaseTransport | None,
        random: Random | None,
    ) -> None:
        self._settings = settings
        self._database = database
        self._environ = environ
        self._clock = clock
        self._transport = transport
        self._random = random
        self._tasks: TaskGroup
        self._starting = anyio.Lock()
        self._closing = anyio.Event()
        self._engine: Engine | None = None
        self._endpoints: Mapping[str, Endpoint] = {}
        self._failure: RunnerError | None = None

    async def __aenter__(self) -> Self:
        self._tasks = anyio.create_task_group()
        await self._tasks.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._closing.set()
        await self._tasks.__aexit__(None, None, None)
        # It says where unstored replies are kept, which a later failure to read does not.
        if self._failure is not None and (error is None or isinstance(error, StoreError)):
            raise self._failure

    async def run(
        self, options: RunOptions, on_start: OnStart | None = None, *, signals: bool = False
    ) -> tuple[StopReason, tuple[WaitReason, ...]]:
        """Runs the engine; returns the reason of its end, and what its batches wait for.

        Args:
            options: The options of the run.
            on_start: Called before anything is sent, with a function that stops the run.
            signals: Whether SIGINT, SIGTERM and SIGHUP stop it; a second signal stops it at once.

        Raises:
            ConfigError: A token or a base URL is missing.
            RunnerError: As `Engine.run` raises it.
        """
        from runner.engine.run import Run  # only a run needs these
        from runner.engine.signals import run_until_told

        engine, run = await self._get_engine(), Run(options)
        if on_start is not None:
            on_start(lambda: engine.stop(run))
        stop_reason = await (run_until_told(engine, run) if signals else engine.run(run))
        return stop_reason, run.waiting

    async def ask(self, question: ClientQuestion) -> ClientRequest:
        """Starts a client's call.

        Raises:
            ConfigError: A token or a base URL is missing.
            StoreError: The database cannot be used.
        """
        engine = self._engine or await self._get_engine()
        return engine.ask(question)

    def reread(self) -> None:
        """Tells the engine, if it is running, that the queue has changed."""
        if self._engine is not None:
            self._engine.reread()

    def open_endpoints(self) -> AbstractAsyncContextManager[list[Endpoint]]:
        """Opens endpoints for requests that are not charged, without starting the engine.

        Raises:
            ConfigError: A token or a base URL is missing.
        """
        return accounts.open_endpoints(self._settings, self._environ, self._transport)

    async def endpoints(self) -> Mapping[str, Endpoint]:
        """Returns the endpoints by account name, for requests that are not charged.

        Raises:
            ConfigError: A token or a base URL is missing.
        """
        await self._get_engine()
        return self._endpoints

    async def _get_engine(self) -> Engine:
        async with self._starting:
            if self._engine is None:
                engine_or_error = await self._tasks.start(self._run_engine)
                if isinstance(engine_or_error, RunnerError):
                    raise engine_or_error
                self._engine = engine_or_error
            return self._engine

    async def _run_engine(self, *, task_status: TaskStatus[Engine | RunnerError]) -> None:
        from runner.app.accounts.clients import client_caps  # only a run
        from runner.engine.engine import Engine
        from runner.engine.options import EngineOptions

        started = False
        try:
            async with self.open_endpoints() as endpoints:
                self._endpoints = {endpoint.account.name: endpoint for endpoint in endpoints}
                options = EngineOptions(
                    self._settings.run.max_concurrency,
                    client_caps=client_caps(self._settings),
                    most_failed=self._settings.run.most_failed,
                )
                engine = Engine(self._database, endpoints, self._clock, options, self._random)
                async with engine.running():
                    started = True
                    task_status.started(engine)
                    await self._closing.wait()
        except RunnerError as error:
            if started:
                self._failure = error
            else:
                task_status.started(error)
        self._engine = None
