"""Limits of the proxy in front of the provider, and latency that grows with the load."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta, timezone
from typing import Any

import anyio
import httpx
import pytest

DAY = "2026-11-20"
NOON = datetime(2026, 11, 20, 12, tzinfo=timezone(timedelta(hours=8)))
NGINX_503 = (
    "<html>\r\n<head><title>503 Service Temporarily Unavailable</title></head>\r\n<body>\r\n"
    "<center><h1>503 Service Temporarily Unavailable</h1></center>\r\n"
    "<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
)


def timed(here: Any, count: int) -> list[tuple[int, int]]:
    """Make calls all at once; return status and duration of each in ms."""

    async def one(number: int) -> tuple[int, int]:
        began = here.now()
        reply = await here.send(f"question {number}")
        return reply.status_code, here.now() - began

    async def main() -> list[tuple[int, int]]:
        return list(await asyncio.gather(*map(one, range(count))))

    return here.run(main)


def workers(here: Any, count: int, seconds: float) -> int:
    """Let workers call one after another for a while; return how many answers they got."""

    async def work(number: int) -> None:
        while True:
            await here.send(f"question of {number}")

    async def main() -> None:
        with anyio.move_on_after(seconds):
            async with anyio.create_task_group() as group:
                for number in range(count):
                    group.start_soon(work, number)

    here.run(main)
    return here.simulator.stats().answered


# max_in_flight


def test_one_call_more_than_may_be_in_flight_is_refused_at_once(world: Any) -> None:
    here = world(max_in_flight=4, latency_ms=(100, 100))
    assert timed(here, 6) == [(200, 100)] * 4 + [(429, 0)] * 2
    assert timed(here, 4) == [(200, 100)] * 4, "the places are free again"


def test_a_call_too_many_is_told_nothing_and_spends_nothing(
    world: Any, error_of: Any, quotas: Any
) -> None:
    here = world(max_in_flight=1, latency_ms=(100, 100), retry_after=True, calls_per_minute=9)
    _, refused = here.together(2)
    assert error_of(refused)["message"] == "Too Many Requests"
    assert "retry-after" not in refused.headers
    assert not [name for name in refused.headers if "ratelimit" in name]
    day = here.simulator.stats().by_day[DAY]
    assert (day.calls, day.answered, day.refused, day.spent) == (2, 1, 1, 1)
    assert quotas(here.chat())[:2] == ["2000", "1998"]


def test_a_call_too_many_is_refused_before_anybody_looks_at_its_token(world: Any) -> None:
    here = world(max_in_flight=1, latency_ms=(100, 100), tokens=("right",))

    async def main() -> list[int]:
        sent = [here.send(token=token) for token in ("right", "wrong")]
        return [reply.status_code for reply in await asyncio.gather(*sent)]

    assert here.run(main) == [200, 429]


def test_a_call_given_up_leaves_its_place(world: Any) -> None:
    here = world(max_in_flight=1, faults={"hang": 1.0})
    for _ in range(2):
        with pytest.raises(httpx.ReadTimeout):
            here.chat()
    assert here.simulator.stats().refused == 0


def test_what_the_proxy_refuses_still_makes_its_draws(world: Any) -> None:
    """The n-th call has the draws of the n-th call, whether or not it was let through."""
    faults = {"error_500": 0.5}
    plain, limited = world(faults=faults, seed=3), world(faults=faults, seed=3, limit_req=1)
    statuses = [reply.status_code for reply in plain.chats(40)]
    limited.chats(39)
    limited.go_to(NOON + timedelta(minutes=2))
    assert limited.chats(1)[0].status_code == statuses[39]


# limit_req


def test_what_exceeds_rate_and_burst_gets_the_page_of_nginx(world: Any, quotas: Any) -> None:
    here = world(limit_req=60, limit_req_burst=2, retry_after=True)
    replies = here.chats(5)
    assert [reply.status_code for reply in replies] == [200] * 3 + [503] * 2
    refused = replies[-1]
    assert (refused.text, refused.headers["content-type"]) == (NGINX_503, "text/html")
    assert "retry-after" not in refused.headers
    assert quotas(refused) == [None] * 4
    day = here.simulator.stats().by_day[DAY]
    assert (day.calls, day.answered, day.refused, day.spent) == (5, 3, 2, 3)


@pytest.mark.parametrize(
    ("status", "title"),
    [(429, "429 Too Many Requests"), (444, "444"), (502, "502 Bad Gateway")],
)
def test_the_status_of_limit_req_can_be_chosen(world: Any, status: int, title: str) -> None:
    reply = world(limit_req=1, limit_req_status=status).chats(2)[-1]
    assert reply.status_code == status
    assert f"<h1>{title}</h1>" in reply.text


def test_all_callers_share_the_rate(world: Any) -> None:
    here = world(limit_req=60)
    assert [here.chat(token=token).status_code for token in "ab"] == [200, 503]


def test_at_the_rate_every_call_passes(world: Any) -> None:
    here = world(limit_req=60)

    async def main() -> set[int]:
        seen = set()
        for number in range(120):
            seen.add((await here.send(f"question {number}")).status_code)
            await anyio.sleep(1.0)
        return seen

    assert here.run(main) == {200}


def test_requests_within_the_burst_can_be_delayed_to_the_rate(world: Any) -> None:
    here = world(limit_req=60, limit_req_burst=2, limit_req_delay=True, latency_ms=(100, 100))
    assert timed(here, 4) == [(200, 100), (200, 1100), (200, 2100), (503, 0)]


# latency under load


def test_latency_grows_in_proportion_to_the_calls_beyond_those_processed_at_once(
    world: Any,
) -> None:
    here = world(latency_ms=(100, 100), parallel=2)
    assert [took for _, took in timed(here, 6)] == [100, 100, 150, 200, 250, 300]
    assert timed(here, 1) == [(200, 100)], "the load is gone"


@pytest.mark.parametrize("count", [1, 4, 16, 64])
def test_a_server_answers_no_more_than_it_can_however_many_ask(world: Any, count: int) -> None:
    here = world(latency_ms=(100, 100), parallel=4, calls_per_day_per_model=None)
    answered = workers(here, count, 20.0)
    assert 0.93 * min(count, 4) * 200 <= answered <= min(count, 4) * 200


def test_without_parallel_load_does_not_change_the_latency(world: Any) -> None:
    assert timed(world(latency_ms=(100, 100)), 50) == [(200, 100)] * 50


def test_a_refusal_is_as_fast_as_ever_under_load(world: Any) -> None:
    here = world(latency_ms=(100, 100), parallel=1, calls_per_day=3)
    assert timed(here, 4) == [(200, 100), (200, 200), (200, 300), (429, 100)]


def test_a_fault_takes_as_long_as_an_answer_under_load(world: Any) -> None:
    here = world(latency_ms=(100, 100), parallel=1, faults={"error_500": 1.0})
    assert timed(here, 3) == [(500, 100), (500, 200), (500, 300)]
