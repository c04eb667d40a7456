"""Work that would hold up the event loop, done in a thread; under virtual time, at once.

It knows the loop that runs, and nothing of the work.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextvars import copy_context
from typing import Any, TypeVar

import anyio
import anyio.lowlevel

T = TypeVar("T")
U = TypeVar("U")


async def in_thread(work: Callable[..., T], *args: object) -> T:
    """What `work(*args)` returns; it has the context variables of the caller.

    Once begun it is done, even if the caller is cancelled.
    """
    run = copy_context().run
    return await asyncio.get_running_loop().run_in_executor(None, run, work, *args)


async def both(main: Callable[[], Awaitable[T]], beside: Callable[[], Awaitable[U]]) -> tuple[T, U]:
    """What both return, done at once. Of their errors, that of `main` is raised first."""
    errors: dict[int, Exception] = {}
    results: dict[int, Any] = {}

    async def do(number: int, work: Callable[[], Awaitable[Any]]) -> None:
        try:
            results[number] = await work()
        except Exception as error:  # noqa: BLE001 - raised below, in no group
            errors[number] = error

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(do, 1, beside)
        await do(0, main)
    for _, error in sorted(errors.items()):
        raise error
    # A shielded `main` ends although its caller is cancelled; then `beside` has no result.
    await anyio.lowlevel.checkpoint_if_cancelled()
    return results[0], results[1]
