"""Runs blocking work in a thread, or inline under virtual time, and two coroutines concurrently."""

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
    """Returns the result of `work(*args)`, run in a thread with the caller's context variables.

    Work that has begun is completed, even if the caller is cancelled.
    """
    run = copy_context().run
    return await asyncio.get_running_loop().run_in_executor(None, run, work, *args)


async def both(main: Callable[[], Awaitable[T]], beside: Callable[[], Awaitable[U]]) -> tuple[T, U]:
    """Runs both concurrently, and returns their results; an error of `main` takes precedence."""
    errors: dict[int, Exception] = {}
    results: dict[int, Any] = {}

    async def do(number: int, work: Callable[[], Awaitable[Any]]) -> None:
        try:
            results[number] = await work()
        except Exception as error:  # noqa: BLE001 - raised below, not as an ExceptionGroup
            errors[number] = error

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(do, 1, beside)
        await do(0, main)
    for _, error in sorted(errors.items()):
        raise error
    # A shielded `main` completes even if the caller is cancelled; `beside` then has no result.
    await anyio.lowlevel.checkpoint_if_cancelled()
    return results[0], results[1]
