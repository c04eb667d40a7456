"""`[notify]`: a command, a signed webhook, Apprise; each event once, however often a run begins."""

from __future__ import annotations

import hashlib
import hmac
import json
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import pytest

from runner.providers import webhook
from runner.providers.webhook import TRIES_AFTER_S, post, signature

WRITE = "import sys; open('told.jsonl', 'ab').write(sys.stdin.buffer.read() + b'\\n')"


def configure(*lines: str) -> None:
    account = '[accounts.mine]\ntoken = "env:MODELSCOPE_API_KEY"\n'
    Path("midnight.toml").write_text("\n".join([account, *lines]) + "\n")


def told() -> list[Any]:
    path = Path("told.jsonl")
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


@pytest.fixture
def by_command(midnight: Any) -> Any:
    """The program with a command that keeps what it is told."""
    configure("[notify]", f"command = {json.dumps([sys.executable, '-c', WRITE])}")
    return midnight


def test_the_end_of_a_batch_is_told_once(by_command: Any, work: Any, provider: Any) -> None:
    provider()
    for _ in range(2):
        by_command("run", *work, "-o", "out.csv")
    (event,) = told()
    assert (event["event"], event["batch"], event["succeeded"]) == ("done", 1, 6)
    assert "label reviews (batch 1) is done: 6 rows; results in " in event["text"]


def test_a_spent_allowance_is_told_once_a_day_however_often_a_run_begins(
    by_command: Any, work: Any, provider: Any
) -> None:
    provider(calls_per_day=2)
    for _ in range(3):
        by_command("run", *work, "--no-wait")
    kinds = [event["event"] for event in told()]
    assert kinds.count("spent") == 1
    assert "; the run ends, since it was asked not to wait" in told()[0]["text"]


def test_an_account_that_is_refused_is_told(by_command: Any, work: Any, provider: Any) -> None:
    provider(tokens=("ms-another",))
    assert by_command("run", *work).code == 2
    assert [event["event"] for event in told()] == ["refused"]


def test_a_batch_of_which_most_rows_fail_is_paused_and_told(
    by_command: Any, work: Any, provider: Any
) -> None:
    rows = [f"{n},review number {n}" for n in range(400)]
    Path("data.csv").write_text("\n".join(["id,text", *rows]) + "\n")
    Path("job.toml").write_text(
        Path("job.toml").read_text()
        + "\n[answer]\nkind = 'label'\nlabels = ['a', 'b']\nmax_asks = 1\n"
    )
    simulator = provider(faults={"bad_answer": 0.9})
    said = by_command("run", *work, "--pace", "asap")
    assert said.code == 3
    assert simulator.stats().calls < 200
    assert "of the last" in said.out, said
    assert told(), said
    (event,) = told()
    assert event["event"] == "failing"
    assert f"midnight --db {Path.cwd()}/midnight.db resume 1" in event["text"]


def test_trials_are_not_told(by_command: Any, work: Any, provider: Any) -> None:
    provider()
    by_command("try", *work, "-n", 1)
    assert told() == []


def test_only_the_kinds_that_are_wanted_are_told(midnight: Any, work: Any, provider: Any) -> None:
    command = json.dumps([sys.executable, "-c", WRITE])
    configure("[notify]", f"command = {command}", 'events = ["spent"]')
    provider()
    midnight("run", *work)
    assert told() == []


class Receiver(BaseHTTPRequestHandler):
    """Keeps what is posted to it."""

    posts: list[tuple[dict[str, str], bytes]]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.posts.append((dict(self.headers), body))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_args: object) -> None:
        """Say nothing."""


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, type[Receiver]]]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    handler = type("Own", (Receiver,), {"posts": []})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/hook", handler
        server.shutdown()


def test_a_webhook_is_signed(midnight: Any, receiver: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    url, handler = receiver
    monkeypatch.setenv("HOOK_SECRET", "correct-horse")
    configure("[notify]", f'webhook = "{url}"', 'secret = "env:HOOK_SECRET"')
    said = midnight("notify", "test")
    assert (said.code, said.out) == (0, "webhook: sent\n")
    ((headers, body),) = handler.posts
    digest = hmac.new(b"correct-horse", body, hashlib.sha256).hexdigest()
    assert headers["X-Midnight-Signature"] == f"sha256={digest}" == signature(body, "correct-horse")
    assert headers["X-Midnight-Event"] == json.loads(body)["event"] == "test"
    assert b"correct-horse" not in body


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of Apprise's own imports
def test_apprise_takes_an_event(
    midnight: Any, receiver: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("apprise")
    url, handler = receiver
    monkeypatch.setenv("WHERE", url.replace("http://", "json://"))
    configure("[notify]", 'apprise = ["env:WHERE"]')
    said = midnight("notify", "test")
    assert said.out == "apprise: sent\n", said
    assert "a test of midnight" in json.loads(handler.posts[0][1])["message"]


def test_what_cannot_be_sent_is_told_and_ends_no_run(
    midnight: Any, work: Any, provider: Any
) -> None:
    configure("[notify]", 'command = ["no-such-program"]')
    said = midnight("notify", "test", "--json")
    assert (said.code, said.json[0]["sent"]) == (1, False)
    provider()
    assert midnight("run", *work).code == 0


def test_wrong_tables_are_refused_without_their_secrets(midnight: Any) -> None:
    assert "no notification channel is configured" in midnight("notify", "test").err
    for line in (
        'secret = "hunter2"',
        'apprise = ["slack://hunter2"]',
        'webhook = "https://me:hunter2@example.org"',
        'events = ["everything"]',
    ):
        configure("[notify]", line)
        said = midnight("notify", "test")
        assert said.code == 2, line
        assert "hunter2" not in said.err


@pytest.mark.parametrize(
    ("answers", "tries", "why"),
    [
        ([500, 503, 200], 3, None),
        ([404], 1, "HTTP 404"),
        ([500] * 9, len(TRIES_AFTER_S), "HTTP 500"),
        ([None, 200], 2, None),
    ],
)
def test_a_post_is_tried_again_where_that_may_help(
    monkeypatch: pytest.MonkeyPatch, answers: list[int | None], tries: int, why: str | None
) -> None:
    from runner import virtual  # days in no time

    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        status = answers[len(seen) - 1]
        if status is None:
            raise httpx.ConnectError("no")
        return httpx.Response(status)

    del monkeypatch
    transport = httpx.MockTransport(answer)
    told = virtual.run(lambda: post("http://x/", b"{}", kind="test", transport=transport))
    assert (len(seen), told) == (tries, why)
    assert webhook.SIGNATURE not in seen[0].headers
