"""The server as a process that is killed again and again, with a batch in it."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread
from typing import Any

import openai
import pytest
from openai.types import Batch
from support.clocks import OthersClock
from support.processes import MIDNIGHT, ROOT, popen, simulating
from support.waiting import PATIENCE_S

from runner.simulator import answer
from tests.store.promises import broken_promises
from tests.store.releases import rows

MODEL = "Qwen/Qwen3-8B"
CHAT = "/v1/chat/completions"
CONFIG = """
[accounts.mine]
token = "env:MODELSCOPE_API_KEY"
limits = { calls_per_second = 1000 }
[run]
pace = "asap"
"""


def serve(
    folder: Path, address: str, language: str | None = None
) -> tuple[subprocess.Popen[Any], str]:
    """The server in `folder`, for people of a language or for programs; and where it listens."""
    (folder / "midnight.toml").write_text(CONFIG)
    environ = os.environ | {
        "MIDNIGHT_BASE_URL": f"{address}/v1",
        "MODELSCOPE_API_KEY": "sim-token",
        "NO_PROXY": "127.0.0.1",
        "PYTHONPATH": os.pathsep.join([os.environ.get("PYTHONPATH", ""), str(ROOT)]),
        "MIDNIGHT_LANG": language or "en",
    }
    command = [*MIDNIGHT, "--db", "queue.db", "serve", "--port", "0"]
    if language is not None:
        process = popen(command, env=environ, cwd=folder, stderr=subprocess.PIPE)
        assert process.stderr is not None
        found = re.search(r"http://[\d.:]+", process.stderr.readline().decode())
        assert found is not None
        return process, found[0]
    process = popen([*command, "--json"], env=environ, cwd=folder, stdout=subprocess.PIPE)
    assert process.stdout is not None
    return process, json.loads(process.stdout.readline())["listening"]


def client_of(url: str) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{url}/v1", api_key="any", max_retries=0, timeout=PATIENCE_S)


def completed(batch: Batch) -> int:
    assert batch.request_counts is not None
    return batch.request_counts.completed


def messages(number: int) -> Any:
    return [{"role": "user", "content": f"question {number}"}]


@dataclass
class Days:
    """The days of the server and of its provider; the next one comes as soon as one is spent."""

    clock: OthersClock
    midnights: int = 0
    completed: int = 0
    waits_since: float = field(default_factory=time.monotonic)

    def go_on(self, client: openai.OpenAI, completed: int) -> None:
        """Let the next day come if this one is spent, and minutes pass while nothing completes."""
        if completed != self.completed or time.monotonic() - self.waits_since > 3:
            if completed == self.completed:  # it waits for a probe
                self.clock.jump(minutes=2)
            self.completed, self.waits_since = completed, time.monotonic()
        if not self._is_spent(client):
            return
        self.clock.jump(hours=24)
        self.midnights += 1
        until = time.monotonic() + PATIENCE_S
        while self._is_spent(client):
            assert time.monotonic() < until
            time.sleep(0.05)

    def _is_spent(self, client: openai.OpenAI) -> bool:
        return "(0 left today)" in repr(client.models.list().data)


@pytest.mark.parametrize(
    ("requests", "kills", "a_day", "midnights"),
    [
        (200, 2, 1_000_000, 0),
        pytest.param(1_600, 4, 480, 3, marks=pytest.mark.slow),
        pytest.param(50_000, 10, 15_000, 3, marks=pytest.mark.nightly),
    ],
)
def test_a_batch_survives_kills_and_midnights_and_nothing_is_paid_twice(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    requests: int,
    kills: int,
    a_day: int,
    midnights: int,
) -> None:
    """What was in flight at a kill counts as spent, and is asked again; nothing else is."""
    days = Days(OthersClock(tmp_path))
    for name, value in days.clock.environ.items():
        monkeypatch.setenv(name, value)
    lines = [
        {
            "custom_id": f"r-{n}",
            "method": "POST",
            "url": CHAT,
            "body": {"model": MODEL, "messages": messages(n)},
        }
        for n in range(requests)
    ]
    data = b"".join(json.dumps(line).encode() + b"\n" for line in lines)
    with simulating(now=days.clock.now, latency_ms=(5, 20), calls_per_day=a_day) as simulator:
        process, url = serve(tmp_path, simulator.address)
        with client_of(url) as client:
            file = client.files.create(file=("in.jsonl", data), purpose="batch")
            made = client.batches.create(
                input_file_id=file.id, endpoint=CHAT, completion_window="24h"
            )
        for number in range(1, kills + 1):
            wanted, until = requests * number // (kills + 1), time.monotonic() + 300
            with client_of(url) as client:
                while (done := completed(client.batches.retrieve(made.id))) < wanted:
                    assert time.monotonic() < until
                    days.go_on(client, done)
                    time.sleep(0.02)
            process.kill()
            process.communicate()
            process, url = serve(tmp_path, simulator.address)
        with client_of(url) as client:
            until = time.monotonic() + 600
            while (found := client.batches.retrieve(made.id)).status != "completed":
                assert time.monotonic() < until
                days.go_on(client, completed(found))
                time.sleep(0.1)
            assert found.error_file_id is None
            assert found.output_file_id is not None
            text = client.files.content(found.output_file_id).text
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=PATIENCE_S)
        assert process.returncode == 0
        calls = simulator.seen.calls
    said = {row["custom_id"]: row for row in map(json.loads, text.splitlines())}
    assert len(said) == requests
    for number in range(requests):
        body = said[f"r-{number}"]["response"]["body"]
        assert body["choices"][0]["message"]["content"] == answer(messages(number))
    states = dict(rows(tmp_path / "queue.db", "SELECT state, count(*) FROM calls GROUP BY state"))
    assert days.midnights >= midnights
    assert states["done"] == requests, "each request was answered once"
    assert calls <= sum(states.values()), "the ledger never under-counts"
    assert states.keys() <= {"done", "unseen", "spent"}
    assert states.get("spent", 0) <= 4 * (days.midnights + 1), "four refusals a day at the most"
    assert broken_promises(tmp_path / "queue.db") == []


def test_a_call_of_a_client_counts_as_spent_when_its_server_is_killed(tmp_path: Path) -> None:
    with simulating(latency_ms=(8000, 8000)) as simulator:
        process, url = serve(tmp_path, simulator.address)

        def kill_while_the_provider_works() -> None:
            until = time.monotonic() + PATIENCE_S
            while simulator.seen.calls == 0 and time.monotonic() < until:
                time.sleep(0.05)
            process.kill()

        killer = Thread(target=kill_while_the_provider_works)
        killer.start()
        with client_of(url) as client, pytest.raises(openai.APIConnectionError):
            client.chat.completions.create(model=MODEL, messages=messages(1))
        killer.join()
        process.communicate()
        query = "SELECT client, state FROM calls"
        assert rows(tmp_path / "queue.db", query) == [("local", "reserved")]
        process, url = serve(tmp_path, simulator.address)
        until = time.monotonic() + PATIENCE_S
        while rows(tmp_path / "queue.db", query) != [("local", "unseen")]:
            assert time.monotonic() < until
            time.sleep(0.05)
        spent = rows(tmp_path / "queue.db", "SELECT spent FROM windows WHERE quota LIKE 'calls%'")
        assert {one for (one,) in spent} == {1}
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=PATIENCE_S)


def test_programs_are_told_in_english_whatever_the_dashboard_speaks(tmp_path: Path) -> None:
    """Of a file that is no dataset, one that cannot be written, and a day that is spent."""
    body = {"model": MODEL, "messages": messages(1)}
    odd = {"custom_id": "r", "method": "POST", "url": CHAT, "body": body}
    line = json.dumps(odd | {f"key {n}": n for n in range(10_001)})
    told = []
    with simulating(calls_per_day=1) as simulator:
        process, url = serve(tmp_path, simulator.address, "zh_TW")
        with client_of(url) as client:
            file = client.files.create(file=("in.jsonl", line.encode()), purpose="batch")
            made = client.batches.create(
                input_file_id=file.id, endpoint=CHAT, completion_window="24h"
            )
            until = time.monotonic() + PATIENCE_S
            while (found := client.batches.retrieve(made.id)).status != "failed":
                assert time.monotonic() < until
                time.sleep(0.05)
            assert found.errors is not None
            assert found.errors.data is not None
            told += [one.message or "" for one in found.errors.data]
            folder = tmp_path / "queue.db-files"
            folder.rename(tmp_path / "elsewhere")
            folder.write_text("in the way")
            with pytest.raises(openai.APIStatusError) as unwritten:
                client.files.create(file=("in.jsonl", line.encode()), purpose="batch")
            client.chat.completions.create(model=MODEL, messages=messages(1))
            with pytest.raises(openai.RateLimitError) as spent:
                client.chat.completions.create(model=MODEL, messages=messages(2))
            told += [unwritten.value.message, spent.value.message]
            told += [repr(one) for one in client.models.list().data]
        page = urllib.request.urlopen(url).read().decode()  # noqa: S310 - our own server
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=PATIENCE_S)
    assert [text for text in told if not text.isascii()] == []
    assert "different keys" in told[0]
    assert "今天" in page
