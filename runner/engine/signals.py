"""How a running service is told to stop: once to wind up, twice to stop at once."""

from __future__ import annotations

import signal

import anyio

from runner.engine.progress import Ending
from runner.engine.service import Service
from runner.errors import RunnerError


async def run_until_told(service: Service) -> Ending:
    """Run the service; the first SIGINT or SIGTERM drains it, a second SIGINT or SIGTERM ends it.

    Even then nothing is lost: calls in flight count as spent, and their jobs go back in the queue.

    Raises:
        RunnerError: What the service raises, not in a group.
    """
    ending, failure = Ending.STOPPED, None
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_listen, service, tasks.cancel_scope)
        try:
            ending = await service.run()
        except RunnerError as error:
            failure = error
        tasks.cancel_scope.cancel()
    if failure is not None:
        raise failure
    return ending


async def _listen(service: Service, scope: anyio.CancelScope) -> None:
    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async for _signal in signals:
            service.stop()
            break
        async for _signal in signals:
            scope.cancel()
            break
