"""A provider started from the command line is the one that was asked for."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
from rich.console import Console
from support.processes import popen
from support.waiting import PATIENCE_S

from runner.cli.render import setup_views
from runner.cli.simulate_action import config_changes
from runner.simulator import SimulatorConfig

BALANCE = "/openapi/v1/magicubes/balance"
QUESTION = {"model": "any/model", "messages": [{"role": "user", "content": "hello"}]}


@contextmanager
def simulated(folder: Path, *options: str) -> Iterator[httpx.Client]:
    """A client of ``midnight simulate`` in a process of its own."""
    command = [sys.executable, "-m", "runner", "--json", "simulate", "--port", "0", *options]
    environ = os.environ | {"HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
    with popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environ) as process:
        assert process.stdout is not None
        address = orjson.loads(process.stdout.readline())["base_url"].removesuffix("/v1")
        headers = {"Authorization": "Bearer ms-somebody"}
        with httpx.Client(base_url=address, headers=headers, trust_env=False) as client:
            yield client
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=PATIENCE_S)


def test_every_limit_that_is_asked_for_holds(tmp_path: Path) -> None:
    options = ("--calls-per-minute", "2", "--tokens-per-minute", "5000", "--credits", "1.5")
    with simulated(tmp_path, *options, "--zone", "America/Los_Angeles", "--latency", "0") as client:
        answered = client.post("/v1/chat/completions", json=QUESTION)
        refused = client.post("/v1/chat/completions", json=QUESTION)
        balance = client.get(BALANCE).json()["data"]
    assert (answered.status_code, refused.status_code) == (200, 429)
    assert "insufficient balance" in refused.text
    assert balance["available_balance"] == 0.5
    assert answered.headers["x-ratelimit-limit-requests"] == "2"
    assert answered.headers["x-ratelimit-limit-tokens"] == "5000"
    assert not [name for name in answered.headers if name.startswith("modelscope-")]


def test_the_limits_of_a_proxy_are_those_that_are_asked_for(tmp_path: Path) -> None:
    options = ("--limit-req", "1", "--limit-req-burst", "1", "--limit-req-status", "429")
    with simulated(tmp_path, *options, "--max-in-flight", "3", "--latency", "0") as client:
        replies = [client.post("/v1/chat/completions", json=QUESTION) for _ in range(3)]
    assert [reply.status_code for reply in replies] == [200, 200, 429]
    assert "<center>nginx</center>" in replies[-1].text


@pytest.mark.parametrize(
    ("changes", "asked"),
    [
        ({}, {}),
        ({"calls_per_day": 5}, {"calls_per_day": 5}),
        (
            {"credits": 0.0},
            {"credits": 0.0, "calls_per_day": None, "calls_per_day_per_model": None},
        ),
        (
            {"credits": 9.0, "calls_per_day": 5},
            {"credits": 9.0, "calls_per_day": 5, "calls_per_day_per_model": None},
        ),
    ],
)
def test_credits_replace_the_limits_of_a_day_that_were_not_asked_for(
    changes: dict[str, Any], asked: dict[str, Any]
) -> None:
    options = dict.fromkeys(["credits", "calls_per_day", "zone"]) | changes
    assert config_changes(**options) == asked


def changes_of(midnight: Any, monkeypatch: pytest.MonkeyPatch, *options: str) -> dict[str, Any]:
    """The changes that these options of ``midnight simulate`` make, which serves nothing here."""
    seen: list[dict[str, Any]] = []

    def serve(_session: object, _host: str, _port: int, changes: dict[str, Any]) -> int:
        seen.append(changes)
        return 0

    monkeypatch.setattr("runner.cli.simulate_action.serve_simulator", serve)
    assert midnight("simulate", *options).code == 0
    return seen.pop()


def test_every_option_becomes_a_field_of_the_configuration(
    midnight: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = (
        "--calls-per-model 7 --calls-per-month 100 --tokens-per-month 0 --refill 1000/86400 "
        "--credits 5 --price Qwen/Qwen3-8B=0.5 --price a=b=2 --retired old --no-headers "
        "--retry-after --fault drop=0.1 --latency 100 --parallel 4 --max-concurrency 8 "
        "--max-in-flight 9 --limit-req 60 --limit-req-burst 2 --limit-req-status 429 "
        "--limit-req-delay --seed 0 --foreign 3 --token ms-a"
    )
    expected = SimulatorConfig(
        calls_per_day=None,
        calls_per_day_per_model=7,
        calls_per_month=100,
        tokens_per_month=0,
        refill_calls=(1000, 86_400_000),
        credits=5.0,
        prices={"Qwen/Qwen3-8B": 0.5, "a=b": 2.0},
        retired=frozenset({"old"}),
        headers=False,
        retry_after=True,
        faults={"drop": 0.1},
        latency_ms=(100, 100),
        parallel=4,
        max_concurrency=8,
        max_in_flight=9,
        limit_req=60,
        limit_req_burst=2,
        limit_req_status=429,
        limit_req_delay=True,
        seed=0,
        foreign_calls_per_day=3,
        tokens=("ms-a",),
    )
    assert SimulatorConfig(**changes_of(midnight, monkeypatch, *line.split())) == expected


def test_an_option_that_is_not_given_changes_nothing(
    midnight: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert changes_of(midnight, monkeypatch) == {}


@pytest.mark.parametrize(
    ("settings", "lines"),
    [
        ({}, ["the reset is at 00:00 UTC+8"]),
        ({"zone": "Europe/Paris"}, ["the reset is at 00:00 Europe/Paris"]),
        ({"calls_per_minute": 30}, ["in any 60 s: 30 calls"]),
        (
            {"calls_per_minute": 1, "tokens_per_minute": 5000},
            ["in any 60 s: 1 call, 5,000 tokens"],
        ),
        ({"credits": 250.0}, ["credits: 250 a day"]),
        ({"credits": 9, "prices": {"m": 0.5}}, ["each call costs 1; one of m 0.5"]),
        ({"calls_per_month": 900}, ["a month: 900 calls"]),
        ({"refill_calls": (1000, 60_000)}, ["a bucket of 1,000 calls, refilled in 1 min"]),
        ({"retired": frozenset({"b", "a"})}, ["retired: a, b"]),
        ({"parallel": 4}, ["processes 4 calls at once; more wait longer"]),
        ({"max_concurrency": 8, "max_in_flight": 4}, ["refuses more than 4 calls at once"]),
        ({"limit_req": 60, "limit_req_burst": 2}, ["60 requests a minute pass, burst 2"]),
    ],
)
def test_what_is_allowed_is_shown(settings: dict[str, Any], lines: list[str]) -> None:
    console = Console(file=io.StringIO(), width=200)
    console.print(setup_views.simulating(SimulatorConfig(**settings), "http://x/v1", token=False))
    shown = console.file.getvalue()
    assert all(line in shown for line in lines)
    assert ("any 60 s" in shown, "credits" in shown) == (
        "calls_per_minute" in settings,
        "credits" in settings,
    )
