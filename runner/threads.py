"""Runs blocking work in a thread, and coroutines concurrently, with plain errors."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import AbstractContextManager, AsyncExitStack, ExitStack, asynccontextmanager
from contextvars import copy_context
from types import TracebackType
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


async def in_thread_to_its_end(work: Callable[..., T], *args: object) -> T:
    """Does the same as `in_thread`, but a cancelled caller first waits until the work is completed.

    So the caller may then close or delete what the work uses.
    """
    run = copy_context().run
    future = asyncio.get_running_loop().run_in_executor(None, run, work, *args)
    cancelled: asyncio.CancelledError | None = None
    with anyio.CancelScope(shield=True):
        while not future.done():
            try:
                await asyncio.wait([future])
            except asyncio.CancelledError as error:  # a shield does not stop asyncio's own
                cancelled = error
    future.exception()  # asyncio logs one that is not retrieved
    if cancelled is not None:
        raise cancelled
    await anyio.lowlevel.checkpoint_if_cancelled()
    return future.result()


@asynccontextmanager
async def opened_in_thread(manager: AbstractContextManager[T]) -> AsyncIterator[T]:
    """Enters and leaves a context manager, such as an open file, in threads.

    What it has opened is closed, whenever the caller is cancelled.
    """
    opened = ExitStack()

    async def close(
        kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> bool | None:
        return await in_thread_to_its_end(opened.__exit__, kind, error, where)

    async with AsyncExitStack() as closing:
        closing.push_async_exit(close)
        yield await in_thread_to_its_end(opened.enter_context, manager)


async def both(main: Callable[[], Awaitable[T]], other: Callable[[], Awaitable[U]]) -> tuple[T, U]:
    """Runs both concurrently, and returns their results; an error of `main` takes precedence."""
    errors: dict[int, Exception] = {}
    results: dict[int, Any] = {}

    async def do(number: int, work: Callable[[], Awaitable[Any]]) -> None:
        try:
            results[number] = await work()
        except Exception as error:  # noqa: BLE001 - raised below, not as an ExceptionGroup
            errors[number] = error

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(do, 1, other)
        await do(0, main)
    for _, error in sorted(errors.items()):
        raise error
    # A shielded `main` completes even if the caller is cancelled; `other` then has no result.
    await anyio.lowlevel.checkpoint_if_cancelled()
    return results[0], results[1]


@asynccontextmanager
async def beside(*works: Callable[[], Coroutine[Any, Any, None]]) -> AsyncIterator[None]:
    """Runs `works` while the block runs; they are cancelled at its end.

    An error of the block is raised as it is, not as an ExceptionGroup.
    """
    failure: Exception | None = None
    async with anyio.create_task_group() as tasks:
        for work in works:
            tasks.start_soon(work)
        try:
            yield
        except Exception as error:  # noqa: BLE001 - raised below, not as an ExceptionGroup
            failure = error
        tasks.cancel_scope.cancel()
    if failure is not None:
        raise failure
