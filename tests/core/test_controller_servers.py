"""What the controller gets out of servers of many kinds, in simulated time.

Each is called through the controller alone: it is told nothing about the server.
"""

import math
from collections.abc import Callable
from itertools import count
from random import Random

import pytest

from runner.core import controller
from tests.core.controller_world import (
    SEEDS,
    UNLIMITED,
    Bears,
    Bucket,
    Engine,
    FixedWindow,
    HAProxy,
    Nginx,
    Outage,
    Queues,
    Run,
    Server,
    SlidingWindow,
    jittered,
    lognormal,
)

TURN_MS = 5.0
NETWORK_MS = 4.5  # there and back, on average
MINUTE = 60_000


def run(
    server: Callable[[Random], Server],
    seconds: float,
    seed: int,
    *,
    start: int = 1,
    ceiling: int = 256,
    turn_ms: float = TURN_MS,
    demand: Callable[[float], int] = lambda _: UNLIMITED,
) -> Run:
    random = Random(seed)
    engine = Engine(server(random), random, turn_ms, demand=demand)
    return engine.run(controller.new(start, ceiling), seconds)


def bears(number: int, ms: float) -> Callable[[Random], Server]:
    return lambda random: Bears(lambda _: number, jittered(random, ms))


# ---- so many at a time


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("turn_ms", [0.0, TURN_MS])
@pytest.mark.parametrize("start", [1, 2])
def test_a_server_that_bears_four_is_kept_at_four(seed: int, turn_ms: float, start: int) -> None:
    """Ideal is 40 a second; the network and a turn belong to what a call takes."""
    done = run(bears(4, 100), 120, seed, start=start, turn_ms=turn_ms)
    assert done.answered() >= 0.9 * 40 * 120
    assert done.refused_part < 0.005


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("ceiling", [256, 1_024])
def test_a_server_that_bears_256_is_at_256_within_seconds(seed: int, ceiling: int) -> None:
    done = run(bears(256, 200), 60, seed, start=2, ceiling=ceiling)
    assert done.first(256) < 5
    assert done.answered(5) >= 0.97 * 256 * 55 / 0.2045
    assert done.refused_part < 0.01


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(("number", "ms"), [(1, 100), (2, 300), (16, 500), (64, 500)])
def test_other_numbers_are_found_too(seed: int, number: int, ms: float) -> None:
    done = run(bears(number, ms), 120, seed)
    assert done.answered() >= 0.93 * number * 120_000 / (ms + NETWORK_MS + TURN_MS / 2)
    assert done.refused_part < 0.02


@pytest.mark.parametrize("seed", SEEDS)
def test_a_capacity_that_changes_is_found_again_within_a_minute(seed: int) -> None:
    """4, then 16, then 4 again: what was let in before it fell is answered, the rest refused."""

    def server(random: Random) -> Server:
        return Bears(lambda now: 16 if 120_000 <= now < 300_000 else 4, jittered(random, 100))

    done = run(server, 420, seed)
    assert done.answered(60, 120) >= 0.9 * 40 * 60
    assert done.answered(180, 300) >= 0.9 * 160 * 120
    assert done.answered(360, 420) >= 0.9 * 40 * 60
    assert done.refused_part < 0.005


@pytest.mark.parametrize("seed", SEEDS)
def test_a_named_wait_costs_a_server_that_counts_calls_little(seed: int) -> None:
    """It says Retry-After: 1, whatever its load: each try of a fifth call costs that second."""
    done = run(lambda r: Bears(lambda _: 4, jittered(r, 100), wait_ms=1_000), 120, seed)
    assert done.answered() >= 0.7 * 40 * 120
    assert done.refused_part < 0.02


# ---- so many a minute

SIXTY_A_MINUTE: dict[str, Callable[[Random, bool], Server]] = {
    "bucket of 1": lambda r, tells: Bucket(1, 1, jittered(r, 100), tells),
    "bucket of 2": lambda r, tells: Bucket(1, 2, jittered(r, 300), tells),
    "bucket of 10": lambda r, tells: Bucket(1, 10, jittered(r, 100), tells),
    "bucket of 60": lambda r, tells: Bucket(1, 60, jittered(r, 500), tells),
    "bucket, slow replies": lambda r, tells: Bucket(1, 5, jittered(r, 3_000), tells),
    "minute": lambda r, tells: FixedWindow(60, MINUTE, jittered(r, 200), tells),
    "minute begun before": lambda r, tells: FixedWindow(
        60, MINUTE, jittered(r, 200), tells, begun_ms=20_000
    ),
    "any minute": lambda r, tells: SlidingWindow(60, MINUTE, jittered(r, 200), tells),
}


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("tells", [True, False], ids=["told", "silent"])
@pytest.mark.parametrize("kind", SIXTY_A_MINUTE)
def test_sixty_a_minute_are_used_and_hardly_more_are_asked_for(
    kind: str, seed: int, *, tells: bool
) -> None:
    """Told by Retry-After or not; over 20 minutes, with what it costs to find out."""
    done = run(lambda random: SIXTY_A_MINUTE[kind](random, tells), 1_200, seed)
    assert done.answered() >= 0.95 * 1_200
    assert done.refused_part < 0.03


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("kind", SIXTY_A_MINUTE)
def test_no_call_starts_within_a_named_wait(kind: str, seed: int) -> None:
    done = run(lambda random: SIXTY_A_MINUTE[kind](random, True), 300, seed)
    assert done.holds
    for at, wait_ms in done.holds:
        assert not any(at < start < at + wait_ms - 1 for start in done.starts)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("delays", [True, False])
def test_nginx_is_called_at_the_rate_that_it_lets_through(seed: int, *, delays: bool) -> None:
    """limit_req 60r/m burst=2, refused with nothing named."""
    done = run(lambda random: Nginx(1, 2, jittered(random, 100), delays), 280, seed)
    assert done.answered() >= 0.95 * 280
    assert done.refused_part < 0.06


@pytest.mark.parametrize("seed", SEEDS)
def test_nginx_without_burst_is_called_at_its_rate(seed: int) -> None:
    """limit_req 10r/s: two calls less than 100 ms apart are one too many."""
    done = run(lambda random: Nginx(10, 0, jittered(random, 300)), 120, seed)
    assert done.answered() >= 0.85 * 1_200
    assert done.refused_part < 0.03


@pytest.mark.parametrize("seed", SEEDS)
def test_haproxy_is_called_at_the_rate_that_it_lets_through(seed: int) -> None:
    """http_req_rate(10s) gt 10, denied: what is denied counts, too."""
    done = run(lambda random: HAProxy(10, 10_000, jittered(random, 100)), 300, seed)
    assert done.answered() >= 0.8 * 300
    assert done.refused_part < 0.1


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("limit", [5, 10, 60])
def test_a_minute_that_counts_refused_calls_does_not_stay_exceeded(limit: int, seed: int) -> None:
    """http_req_rate(60s) gt 5: one trial in ten seconds would keep it exceeded for ever."""
    done = run(lambda random: HAProxy(limit, MINUTE, jittered(random, 100)), 1_800, seed)
    assert done.answered() >= 0.8 * limit * 30
    assert done.refused_part < 0.15


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(("rate", "burst"), [(10, 10), (50, 5), (50, 50)])
def test_faster_limits_are_found_too(rate: float, burst: float, seed: int) -> None:
    done = run(lambda random: Bucket(rate, burst, jittered(random, 300)), 120, seed)
    assert done.answered() >= 0.93 * rate * 120
    assert done.refused_part < 0.03


@pytest.mark.parametrize("seed", SEEDS)
def test_replies_of_twenty_seconds_do_not_hide_a_limit(seed: int) -> None:
    done = run(lambda random: Bucket(1, 10, jittered(random, 20_000)), 900, seed)
    assert done.answered() >= 0.8 * 880
    assert done.refused_part < 0.05


# ---- a queue


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("number", [1, 2, 4, 8])
def test_no_queue_is_built_up_for_nothing(number: int, seed: int) -> None:
    """A model server of one's own works on so many at a time: once or twice as many in flight."""
    done = run(lambda random: Queues(number, jittered(random, 200, 0.2)), 240, seed)
    assert done.answered() >= 0.95 * number * 240 / 0.2
    assert number <= done.mean_in_flight(60) <= 2.2 * number


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("ms", [300, 1_000])
@pytest.mark.parametrize("number", [64, 1_000])
def test_replies_of_different_lengths_are_not_a_queue(number: int, ms: float, seed: int) -> None:
    """Prompts of mixed size, sigma 0.8: the longest takes a hundred times the shortest."""
    done = run(
        lambda random: Bears(lambda _: number, lognormal(random, ms)), 120, seed, ceiling=128
    )
    ideal = min(number, 128) * 100 * 1_000 / (ms * math.exp(0.32) + NETWORK_MS)
    assert done.answered(20) >= 0.9 * ideal
    assert done.refused_part < 0.01


@pytest.mark.parametrize("seed", SEEDS)
def test_a_queue_of_replies_of_different_lengths_is_found(seed: int) -> None:
    """Here a single round proves little; it costs something to find out, but no runaway."""
    done = run(lambda random: Queues(6, lognormal(random, 400)), 300, seed)
    assert done.answered() >= 0.8 * 6 * 300 / 0.4 / math.exp(0.32)
    assert done.mean_in_flight(100) <= 4 * 6


@pytest.mark.parametrize("seed", SEEDS)
def test_prompts_that_grow_longer_are_not_a_queue(seed: int) -> None:
    """From one batch to the next, replies take four times as long."""

    def server(random: Random) -> Server:
        return Bears(lambda _: 1_000, lambda: random.uniform(180, 220) * (4 if slow[0] else 1))

    slow = [False]

    def demand(now: float) -> int:
        slow[0] = now > 60_000
        return UNLIMITED

    done = run(server, 180, seed, ceiling=32, demand=demand)
    assert done.answered(70) >= 0.95 * 32 * 110 / 0.8045


# ---- outages


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(("number", "ms"), [(4, 100), (64, 500)])
def test_an_outage_costs_ten_calls_a_minute(number: int, ms: float, seed: int) -> None:
    """Refused for a minute, nothing named; ten seconds later all is as before."""
    done = run(lambda random: Outage(bears(number, ms)(random), 60_000, 120_000), 180, seed)
    unaware = 0.03 * number * 1_000 / ms  # before the first refusal is back
    assert sum(60_000 <= at < 120_000 for at in done.starts) <= 11 + unaware
    assert done.answered(120, 130) > 0
    assert done.answered(150, 180) >= 0.8 * number * 30_000 / (ms + NETWORK_MS + TURN_MS / 2)


def test_an_outage_from_the_beginning_is_got_over() -> None:
    done = run(lambda random: Outage(bears(4, 100)(random), 0, 60_000), 120, 1)
    assert sum(at < 60_000 for at in done.starts) <= 11
    assert done.answered(90) >= 0.9 * 40 * 30


def test_an_outage_of_a_limited_server_leaves_the_rate() -> None:
    done = run(lambda r: Outage(Bucket(1, 5, jittered(r, 100)), 300_000, 360_000), 600, 1)
    assert done.answered(420) >= 0.9 * 180


def test_a_night_of_refusals_is_an_outage_and_no_rate() -> None:
    """The caller may have parked the route meanwhile: the pause is no evidence."""

    def demand(now: float) -> int:
        return 0 if 200_000 <= now < 20_000_000 else UNLIMITED

    done = run(
        lambda random: Outage(bears(16, 100)(random), 60_000, 20_000_000), 20_060, 1, demand=demand
    )
    assert done.answered(20_020, 20_060) >= 0.8 * 16 * 40 / 0.107


def test_refusals_without_an_end_are_more_than_throttling() -> None:
    done = run(lambda random: Outage(bears(4, 100)(random), 0, math.inf), 90, 1)
    assert not controller.exhausted(done.state)
    done = run(lambda random: Outage(bears(4, 100)(random), 0, math.inf), 150, 1)
    assert controller.exhausted(done.state)
    assert len(done.refusals) <= 20


# ---- want of calls


@pytest.mark.parametrize("seed", SEEDS)
def test_an_interval_without_demand_is_no_evidence(seed: int) -> None:
    """Calls for three minutes of ten: the rate is learned from those alone."""

    def demand(now: float) -> int:
        return UNLIMITED if now % (10 * MINUTE) < 3 * MINUTE else 0

    done = run(lambda random: Bucket(1, 2, jittered(random, 200)), 2_580, seed, demand=demand)
    for begin in (600, 1_200, 1_800, 2_400):
        assert done.answered(begin, begin + 180) >= 0.95 * 180
    assert done.refused_part < 0.04


def test_little_demand_does_not_raise_what_is_allowed() -> None:
    """One call a second, of three seconds each, says nothing about more than eight at once."""
    due = count(0, 1_000)
    following = [next(due)]

    def demand(now: float) -> int:
        if now < following[0]:
            return 0
        following[0] = next(due)
        return 1

    done = run(bears(64, 3_000), 300, 1, start=8, demand=demand)
    assert done.state.allowed == 8
