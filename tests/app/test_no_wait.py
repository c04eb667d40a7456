"""A run that was asked not to wait ends soon, says why, and leaves the work for later."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

import httpx
import pytest
from support.files import settings, write_job, write_rows

from runner import virtual
from runner.app.application import open_application
from runner.app.running.run_result import RunResult
from runner.app.submitting.submission import check_submission
from runner.cli.exit_codes import WORK_LEFT, code_of
from runner.core.pacing import Pace
from runner.core.stop_reason import StopReason, WaitsFor
from runner.settings import ProviderTable, RunSettings
from runner.wording import wait_messages

START = 1_767_571_200_000  # 2026-01-05 08:00 in UTC+8
SECOND, MINUTE = 1_000, 60_000
ANSWER = {"choices": [{"message": {"role": "assistant", "content": "a"}}]}


class Server(httpx.AsyncBaseTransport):
    """A provider that answers each call as it is told to, and has no balance."""

    def __init__(self, answer: Callable[[int], httpx.Response]) -> None:
        self.calls = 0
        self._answer = answer

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if request.method == "GET":
            return httpx.Response(404)
        self.calls += 1
        return self._answer(self.calls)


@dataclass(frozen=True)
class Seen:
    """How a run ended, how long it took, and why it did not wait."""

    ran: RunResult
    took_ms: int
    why: str


def run(
    folder: Path,
    server: Server,
    *,
    rows: int = 40,
    start: int = START,
    run_settings: RunSettings | None = None,
    provider: ProviderTable | None = None,
) -> Seen:
    """A run without waiting, in virtual time."""
    chosen = settings(folder, **({"provider": "own"} if provider else {}))
    chosen = replace(
        chosen,
        run=run_settings or chosen.run,
        providers={"own": provider} if provider else {},
    )
    clock = virtual.VirtualClock(start)
    checked = check_submission(write_job(folder), write_rows(folder, rows))

    async def main() -> Seen:
        async with open_application(
            chosen,
            environ={"TOKEN": "ms-somebody"},
            clock=clock,
            transport=server,
            random=Random(1),
            virtual=True,
        ) as midnight:
            batch = (await midnight.submit(checked)).batch
            began = clock.now()
            ran = await midnight.run(only=batch, waits_for=WaitsFor.CALLS, pace=Pace.ASAP)
            why = "; ".join(wait_messages.end_reasons(ran.waiting, clock.now()))
            return Seen(ran, clock.now() - began, why)

    return virtual.run(main)


def refuse(_number: int) -> httpx.Response:
    raise httpx.ConnectError("Connection refused")


def tomorrow(_number: int) -> httpx.Response:
    return httpx.Response(429, headers={"Retry-After": "36000"}, json={"error": "slow down"})


def fail(_number: int) -> httpx.Response:
    return httpx.Response(500, json={"error": {"message": "oops"}})


def spent_after_five(number: int) -> httpx.Response:
    if number <= 5:
        return httpx.Response(200, json=ANSWER)
    body = {"error": {"message": "You have exceeded today's quota for this API"}}
    return httpx.Response(429, json=body)


@pytest.mark.parametrize(
    ("answer", "within_ms", "why"),
    [
        (refuse, MINUTE, "the provider cannot be reached"),
        (tomorrow, 10 * SECOND, "the provider asks for a slower pace"),
        (fail, 20 * MINUTE, "call after call fails by a fault of the provider's"),
        (spent_after_five, 20 * MINUTE, "today's allowance"),
    ],
)
def test_it_ends_with_the_reason_where_waiting_would_be_long(
    tmp_path: Path, answer: Callable[[int], httpx.Response], within_ms: int, why: str
) -> None:
    server = Server(answer)
    seen = run(tmp_path, server)
    assert seen.ran.stop_reason is StopReason.SPENT
    assert code_of(seen.ran) == WORK_LEFT
    assert why in seen.why
    assert seen.took_ms <= within_ms
    assert seen.ran.left > 0
    assert server.calls <= 30


def test_it_ends_outside_the_hours_that_are_configured(tmp_path: Path) -> None:
    night = RunSettings(hours="22:00-07:00", zone="Asia/Shanghai")
    server = Server(lambda _number: httpx.Response(200, json=ANSWER))
    seen = run(tmp_path, server, run_settings=night)
    assert (server.calls, code_of(seen.ran)) == (0, WORK_LEFT)
    assert "outside the hours that you configured" in seen.why
    assert seen.took_ms <= 10 * SECOND


def test_it_ends_where_a_bucket_is_empty_that_a_day_refills(tmp_path: Path) -> None:
    quotas = {
        "calls": {"scope": "account", "unit": "calls", "period": "refill 24h", "limit": 5},
        "calls_of_a_model": {"scope": "model", "unit": "calls", "period": "day"},
    }
    own = ProviderTable.model_validate(
        {"title": "Own", "base_url": "http://own/v1", "zone": "UTC", "quotas": quotas}
    )
    server = Server(lambda _number: httpx.Response(200, json=ANSWER))
    seen = run(tmp_path, server, provider=own)
    assert (server.calls, code_of(seen.ran)) == (5, WORK_LEFT)
    assert seen.why.startswith("as fast as the provider allows: 5 of 5 calls spent in any 24 h;")
    assert seen.took_ms <= 10 * SECOND
