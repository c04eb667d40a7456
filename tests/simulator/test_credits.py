"""Calls that are paid for, as their callers see them."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import anyio
import httpx
import pytest

from runner.errors import ConfigError

MODEL, OTHER = "Qwen/Qwen3-8B", "Qwen/Qwen3-32B"
TOKEN = "ms-somebody"  # noqa: S105
NEXT_DAY = datetime(2026, 11, 21, tzinfo=timezone(timedelta(hours=8)))
HOUR_MS = 3_600_000


def balance(here: Any, token: str = TOKEN) -> list[float]:
    """Return the total, the available and the frozen credits."""
    data = here.get("/openapi/v1/magicubes/balance", token).json()["data"]
    return [data[f"{name}"] for name in ("total_balance", "available_balance", "frozen_amount")]


def test_calls_cost_their_models_price_until_the_balance_does_not_cover_it(
    world: Any, error_of: Any
) -> None:
    here = world(credits=2, prices={OTHER: 0.5})
    assert here.chat().status_code == 200
    assert here.chat(model=OTHER).status_code == 200
    assert balance(here) == [0.5, 0.5, 0]
    refused = here.chat()
    assert (refused.status_code, error_of(refused)["message"]) == (429, "insufficient balance")
    assert here.chat(model=OTHER).status_code == 200
    assert balance(here) == [0, 0, 0]


def test_credits_come_back_with_the_next_day(world: Any) -> None:
    here = world(credits=1)
    statuses = [reply.status_code for reply in here.chats(2)]
    here.go_to(NEXT_DAY - timedelta(milliseconds=1))
    statuses.append(here.chat().status_code)
    here.go_to(NEXT_DAY)
    statuses += [reply.status_code for reply in here.chats(2)]
    assert statuses == [200, 429, 429, 200, 429]


def test_credits_that_need_a_login_come_by_grant_alone(world: Any) -> None:
    here = world(credits=250, credits_need_login=True)
    assert here.chat().status_code == 429
    here.simulator.grant(TOKEN, 1.5, HOUR_MS)
    assert balance(here) == [1.5, 1.5, 0]
    assert here.chat().status_code == 200
    here.go_to(NEXT_DAY)
    assert balance(here) == [0, 0, 0]
    assert here.chat().status_code == 429


def test_quota_headers_are_gone_where_calls_are_paid_for(world: Any, quotas: Any) -> None:
    here = world(credits=1, calls_per_minute=9)
    for reply in here.chats(2):
        assert quotas(reply) == [None] * 4
        assert reply.headers["x-ratelimit-limit-requests"] == "9"


def test_accounts_have_credits_of_their_own(world: Any) -> None:
    here = world(credits=1)
    assert [here.chat(token=token).status_code for token in "aab"] == [200, 429, 200]
    assert [balance(here, token)[0] for token in "abc"] == [0, 0, 1]


@pytest.mark.parametrize(
    ("kind", "left"),
    [
        ("error_500", 1),
        ("bad_gateway", 1),
        ("drop", 1),
        ("hang", 1),
        ("truncated", 1),
        ("error_in_200", 1),
        ("empty_shell", 1),
        ("throttle", 1),
        ("bad_answer", 0),
    ],
)
@pytest.mark.parametrize("counts_failed", [True, False])
def test_what_fails_on_the_servers_side_is_refunded(
    world: Any, kind: str, left: int, *, counts_failed: bool
) -> None:
    """A bad answer is no failure to the provider; a refusal is never paid for."""
    here = world(credits=1, faults={kind: 1.0}, counts_failed=counts_failed)
    try:
        here.chat()
    except httpx.TransportError:
        assert kind in {"drop", "hang"}
    assert balance(here) == [left, left, 0]


def test_the_price_is_frozen_while_the_call_is_under_way(world: Any) -> None:
    here = world(credits=3, latency_ms=(1000, 1000))
    seen: list[Any] = []

    async def ask() -> None:
        await anyio.sleep(0.5)
        async with here.client() as client:
            headers = {"Authorization": f"Bearer {TOKEN}"}
            seen.append(await client.get("/openapi/v1/magicubes/balance", headers=headers))

    async def main() -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(here.send, "one")
            group.start_soon(here.send, "two")
            group.start_soon(ask)

    here.run(main)
    during = seen[0].json()["data"]
    assert during == {"total_balance": 3, "available_balance": 1, "frozen_amount": 2}
    assert balance(here) == [1, 1, 0]


def test_a_price_in_flight_cannot_be_spent_twice(world: Any) -> None:
    replies = world(credits=2, latency_ms=(1000, 1000)).together(5)
    assert sorted(reply.status_code for reply in replies) == [200, 200, 429, 429, 429]


def test_a_caller_who_gives_up_has_paid(world: Any) -> None:
    here = world(credits=2, latency_ms=(10_000, 10_000))
    with pytest.raises(httpx.ReadTimeout):
        here.chat()
    assert balance(here) == [1, 1, 0]


def test_whole_balances_are_written_without_a_fraction(world: Any) -> None:
    here = world(credits=250, prices={MODEL: 0.5})
    assert '"total_balance":250,' in here.get("/openapi/v1/magicubes/balance", TOKEN).text
    here.chat()
    assert '"total_balance":249.5,' in here.get("/openapi/v1/magicubes/balance", TOKEN).text


def test_without_credits_there_is_no_balance_and_no_price(world: Any) -> None:
    here = world(tokens=(TOKEN,))
    price = "/api/v1/inference/list_model_providers?ModelId=" + MODEL
    for path in ("/openapi/v1/magicubes/balance", price):
        assert here.get(path, TOKEN).status_code == 404
    assert here.get("/openapi/v1/magicubes/balance", "ms-wrong").status_code == 401
    with pytest.raises(ConfigError):
        here.simulator.grant(TOKEN, 1, HOUR_MS)
    assert here.simulator.balance(TOKEN) is None


@pytest.mark.parametrize(("amount", "ttl_ms"), [(0, 1), (-1, 1), (float("nan"), 1), (1, 0)])
def test_a_grant_of_nothing_is_refused(world: Any, amount: float, ttl_ms: int) -> None:
    with pytest.raises(ConfigError):
        world(credits=0).simulator.grant(TOKEN, amount, ttl_ms)


@pytest.mark.parametrize(
    ("settings", "model", "prices"),
    [
        ({}, MODEL, [1]),
        ({}, OTHER, [0.5]),
        ({}, "no/such", []),
        ({}, "", []),
        ({"models": ()}, "made/up", [1]),
    ],
)
def test_prices_are_told_to_anyone_and_cost_nothing(
    world: Any, settings: Any, model: str, prices: list[float]
) -> None:
    here = world(credits=1, prices={OTHER: 0.5}, tokens=(TOKEN,), **settings)
    content = here.get(f"/api/v1/inference/list_model_providers?ModelId={model}").json()
    providers = [{"EstimatedMagicGrainCost": price} for price in prices]
    assert content == {"Data": {"Providers": providers}}
    assert here.simulator.stats().calls == 0
    assert balance(here) == [1, 1, 0]
