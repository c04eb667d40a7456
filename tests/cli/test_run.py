"""`midnight run` against a provider on a port: endings, exit codes, outputs, ways to go on."""

from __future__ import annotations

import csv
import io
import os
import re
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from support.waiting import PATIENCE_S

from runner.core.states import BatchState


def test_a_run_queues_works_and_exports(midnight: Any, work: Any, provider: Any) -> None:
    simulator = provider()
    said = midnight("run", *work, "-o", "out.csv")
    assert said.code == 0, said
    assert "done" in said.out
    assert "6 rows, 6 succeeded, 0 failed, 0 left" in said.out
    assert "out.csv (6 rows: 6 succeeded)" in said.out
    assert "started: label reviews (batch 1); 0 of 6 rows done" in said.err
    rows = list(csv.DictReader(io.StringIO(Path("out.csv").read_text())))
    assert [row["state"] for row in rows] == ["succeeded"] * 6
    assert simulator.stats().calls == 6


def test_a_finished_run_spends_nothing_when_repeated(
    midnight: Any, work: Any, provider: Any
) -> None:
    simulator = provider()
    assert [midnight("run", *work).code for _ in range(2)] == [0, 0]
    assert simulator.stats().calls == 6
    assert "nothing is left to do" in midnight("status").out


def test_the_json_form_is_one_object(midnight: Any, work: Any, provider: Any) -> None:
    provider()
    said = midnight("run", *work, "-o", "out.jsonl", "--json")
    found = said.json
    assert (found["ending"], found["succeeded"], found["left"]) == ("done", 6, 0)
    assert found["output"] == {"path": "out.jsonl", "rows": 6}
    assert found["windows"][0]["spent"] == 6
    assert "started" in said.err


def test_no_wait_stops_when_the_day_is_spent(midnight: Any, work: Any, provider: Any) -> None:
    provider(calls_per_day=4)
    said = midnight("run", *work, "-o", "out.csv", "--no-wait")
    assert said.code == 3
    assert "today's allowance is spent until" in said.out
    assert "2 rows left" in said.out
    assert "go on with: midnight run job.toml data.csv -o out.csv --no-wait" in said.out
    assert "4 succeeded, 2 without a result yet" in said.out
    waits = midnight("status").out
    assert "waiting for the reset: 4 of 4 calls spent today; sleeping until" in waits
    again = midnight("run", "--no-wait", "--json")
    assert (again.code, again.json["ending"]) == (3, "spent")


def test_failed_rows_are_exit_code_one_and_can_be_queued_again(
    midnight: Any, work: Any, provider: Any
) -> None:
    Path("job.toml").write_text(
        Path("job.toml").read_text() + "\n[limits]\nmax_attempts = 1\n", encoding="utf-8"
    )
    provider(faults={"error_500": 1})
    said = midnight("run", *work)
    assert said.code == 1, said
    assert "6 rows failed" in said.out
    assert "midnight failures 1" in said.out
    shown = midnight("failures", 1, "--limit", 2).out
    assert "and 4 more" in shown
    assert "midnight retry 1" in shown
    assert {"row", "error", "replies", "input"} == set(midnight("failures", 1, "--json").json[0])
    provider()
    assert midnight("retry", 1, "--json").json["retried"] == 6
    assert midnight("run").code == 0


def test_a_paused_or_cancelled_batch_says_how_it_goes_on(
    midnight: Any, work: Any, provider: Any
) -> None:
    simulator = provider()
    midnight("submit", *work)
    for verb, state in (("pause", BatchState.PAUSED), ("cancel", BatchState.CANCELLED)):
        midnight(verb, 1)
        said = midnight("run", *work, "--no-wait")
        assert said.code == 3
        assert state.value in said.out
        assert "midnight resume 1" in said.out
    assert simulator.stats().calls == 0


def test_nothing_queued_is_nothing_to_do(midnight: Any, provider: Any) -> None:
    provider()
    said = midnight("run")
    assert (said.code, "nothing is queued" in said.out) == (0, True)


def test_a_provider_that_nobody_has_heard_of_runs_by_the_docs_dozen_lines(
    midnight: Any, work: Any, provider: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its day is spent in words that only its own rule knows, and learned."""
    simulator = provider(calls_per_day=4, headers=False)
    docs = (Path(__file__).parents[2] / "docs" / "providers.md").read_text(encoding="utf-8")
    (text,) = [t for t in re.findall(r"```toml\n(.*?)```", docs, re.DOTALL) if "nightowl]" in t]
    text = text.replace('"daily limit"', '"today\'s quota"').replace(
        "https://api.nightowl.example/v1", os.environ["MIDNIGHT_BASE_URL"]
    )
    assert len(text.splitlines()) == 12
    text = text.replace("limit = 500 }", "limit = 5 }")  # far from it, a refusal is doubted first
    (tmp_path / "midnight.toml").write_text(text)
    monkeypatch.delenv("MIDNIGHT_BASE_URL")
    monkeypatch.setenv("NIGHTOWL_API_KEY", "anything")
    said = midnight("run", *work, "--no-wait")
    assert said.code == 3, said
    assert "2 rows left" in said.out
    assert simulator.stats().answered == 4
    found = {line["quota"]: line for line in midnight("quota", "--json").json}
    assert (found["calls_per_day"]["limit"], found["calls_per_day"]["source"]) == (4, "refusal")
    assert found["tokens_per_minute"]["unit"] == "tokens"


class Refusing(BaseHTTPRequestHandler):
    """A server that wants to be called again in ten hours."""

    def do_POST(self) -> None:
        body = b'{"error": {"message": "slow down"}}'
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(429)
        self.send_header("Retry-After", "36000")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_args: object) -> None:
        """Say nothing."""


def test_no_wait_does_not_wait_ten_hours_because_a_server_says_so(
    midnight: Any, work: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), Refusing) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        Path("midnight.toml").write_text(
            '[accounts.mine]\nprovider = "openai-compatible"\n'
            f'base_url = "http://127.0.0.1:{server.server_address[1]}/v1"\n'
        )
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        began = time.monotonic()
        said = midnight("run", *work, "--no-wait")
        took_s = time.monotonic() - began
        server.shutdown()
    assert (said.code, took_s < PATIENCE_S) == (3, True)
    assert "the provider asks for a slower pace (" in said.out
    assert "6 rows left" in said.out
