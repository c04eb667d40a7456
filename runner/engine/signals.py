"""Signals that stop a run: the first one gracefully, the second one at once."""

from __future__ import annotations

import signal

import anyio

from runner.core.stop_reason import StopReason
from runner.engine.engine import Engine
from runner.engine.run import Run
from runner.errors import RunnerError


async def run_until_told(engine: Engine, run: Run) -> StopReason:
    """Makes a run; the first SIGINT, SIGTERM or SIGHUP stops it, a second one ends it at once.

    Even then nothing is lost: calls in flight count as spent, and their jobs are queued again.

    Raises:
        RunnerError: The engine's error, outside of an exception group.
    """
    stop_reason, failure = StopReason.STOPPED, None
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_listen, engine, run)
        try:
            stop_reason = await engine.run(run)
        except RunnerError as error:
            failure = error
        tasks.cancel_scope.cancel()
    if failure is not None:
        raise failure
    return stop_reason


async def _listen(engine: Engine, run: Run) -> None:
    with anyio.open_signal_receiver(*_stop_signals()) as signals:
        async for _signal in signals:
            engine.stop(run)
            break
        async for _signal in signals:
            engine.abort()
            break


def _stop_signals() -> list[signal.Signals]:
    """Returns the signals that stop a run.

    A signal that was ignored when the program started stays ignored: a shell starts background
    jobs with SIGINT ignored, and nohup ignores SIGHUP.
    """
    optional = [signal.SIGINT, signal.SIGHUP] if hasattr(signal, "SIGHUP") else [signal.SIGINT]
    return [signal.SIGTERM, *(s for s in optional if signal.getsignal(s) != signal.SIG_IGN)]
