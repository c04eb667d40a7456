"""Work in threads, and two things done at once."""

from __future__ import annotations

import anyio
import anyio.lowlevel
import pytest

from runner.threads import both


@pytest.mark.anyio
async def test_both_are_cancelled_with_their_caller_though_one_of_them_has_ended() -> None:
    begun, errors = anyio.Event(), list[BaseException]()

    async def shielded() -> None:
        with anyio.CancelScope(shield=True):
            begun.set()
            for _ in range(5):  # until the other one has been cancelled
                await anyio.lowlevel.checkpoint()

    async def call() -> None:
        try:
            await both(shielded, anyio.sleep_forever)
        except BaseException as error:
            errors.append(error)
            raise

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(call)
        await begun.wait()
        tasks.cancel_scope.cancel()
    assert [type(one) for one in errors] == [anyio.get_cancelled_exc_class()]
