"""How a run is told to stop: once to wind up, twice to stop at once."""

from __future__ import annotations

import signal

import anyio

from runner.core.ending import Ending
from runner.engine.engine import Engine
from runner.engine.run import Run
from runner.errors import RunnerError


async def run_until_told(engine: Engine, run: Run) -> Ending:
    """Make a run; the first SIGINT, SIGTERM or SIGHUP winds it up, a second one ends it at once.

    Even then nothing is lost: calls in flight count as spent, and their jobs are queued again.

    Raises:
        RunnerError: What the engine raises, not in a group.
    """
    ending, failure = Ending.STOPPED, None
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_listen, engine, run)
        try:
            ending = await engine.run(run)
        except RunnerError as error:
            failure = error
        tasks.cancel_scope.cancel()
    if failure is not None:
        raise failure
    return ending


async def _listen(engine: Engine, run: Run) -> None:
    told = [signal.SIGINT, signal.SIGTERM]
    if hasattr(signal, "SIGHUP"):
        told.append(signal.SIGHUP)
    with anyio.open_signal_receiver(*told) as signals:
        async for _signal in signals:
            engine.stop(run)
            break
        async for _signal in signals:
            engine.abort()
            break
