"""How a run is told to stop: once to wind up, twice to stop at once."""

from __future__ import annotations

import signal

import anyio

from runner.core.ending import Ending
from runner.engine.engine import Engine
from runner.engine.run import Run
from runner.errors import RunnerError


async def run_until_told(engine: Engine, run: Run) -> Ending:
    """Make a run; the first SIGINT, SIGTERM or SIGHUP stops it, a second one ends it at once.

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
    with anyio.open_signal_receiver(*_heeded()) as signals:
        async for _signal in signals:
            engine.stop(run)
            break
        async for _signal in signals:
            engine.abort()
            break


def _heeded() -> list[signal.Signals]:
    """The signals that stop a run.

    One that was ignored when the program was started stays ignored: a shell starts background jobs
    so that Ctrl-C does not end them, and nohup so that a terminal which is closed does not.
    """
    found = [signal.SIGINT, signal.SIGHUP] if hasattr(signal, "SIGHUP") else [signal.SIGINT]
    return [signal.SIGTERM, *(one for one in found if signal.getsignal(one) != signal.SIG_IGN)]
