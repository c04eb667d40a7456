"""Settlements that were set aside: kept whole, whatever is in them."""

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from runner.store import set_aside
from runner.store.set_aside import SetAside
from tests.store.kit import NOON, Store, failed, settle, start_one, submit

UNSTORABLE = {
    "a lone surrogate": {"reply": "half of a pair: \ud800"},
    "a number of 65 bits": {"prompt_tokens": 2**64},
    "a zero byte": {"reply": "a\0b"},
    "an endless number": {"prompt_tokens": float("inf")},
}


@pytest.mark.parametrize("kept", UNSTORABLE.values(), ids=UNSTORABLE)
def test_what_cannot_be_stored_is_kept_whole(store: Store, kept: object) -> None:
    async def scene(connection: AsyncConnection) -> None:
        batch = await submit(connection)
        call = await start_one(connection, batch)
        await settle(connection, failed(call))
        error = "'utf-8' cannot encode '\ud800'"
        for now in (NOON, NOON + 1):
            await set_aside.keep(connection, SetAside(call.id, batch.id, error, kept, now))
        assert await set_aside.count(connection) == 1
        text = "'utf-8' cannot encode '\\ud800'"
        assert await set_aside.read(connection) == [SetAside(1, batch.id, text, kept, NOON)]

    store.play(scene)


def test_what_somebody_has_looked_at_is_forgotten(store: Store) -> None:
    async def scene(connection: AsyncConnection) -> None:
        batch = await submit(connection)
        for _ in range(3):
            call = await start_one(connection, batch)
            await settle(connection, failed(call))
            await set_aside.keep(connection, SetAside(call.id, batch.id, "why", {}, NOON))
        await set_aside.forget(connection, [1, 3])
        assert [one.call_id for one in await set_aside.read(connection)] == [2]

    store.play(scene)
