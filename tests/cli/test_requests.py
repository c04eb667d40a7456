"""Files made for the OpenAI Batch API run unchanged; what comes out, its client reads."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from openai.types import Completion, CreateEmbeddingResponse
from openai.types.chat import ChatCompletion
from openai.types.responses import Response

from runner.simulator import answer

CHAT, EMBEDDINGS = "/v1/chat/completions", "/v1/embeddings"
MODEL = "Qwen/Qwen3-8B"
ONCE = f"""
[job]
kind = "request"
model = "{MODEL}"
[limits]
max_attempts = 1
"""


NOTHING_ASKED = {"model": MODEL, "messages": [{"role": "user", "content": None}]}


def body(number: int) -> dict[str, Any]:
    return {"model": MODEL, "messages": [{"role": "user", "content": f"row {number}"}]}


def write(rows: int, make: Callable[..., dict[str, Any]] = body, url: str = CHAT) -> Path:
    path = Path("asked.jsonl")
    with path.open("w", encoding="utf-8") as file:
        for number in range(rows):
            line = {"custom_id": f"r-{number}", "method": "POST", "url": url, "body": make(number)}
            file.write(json.dumps(line) + "\n")
    return path


def lines(path: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in Path(path).read_text("utf-8").splitlines()]


def ids(path: str) -> list[str]:
    return [line["custom_id"] for line in lines(path)]


def test_a_file_of_requests_needs_no_job_file(midnight: Any, provider: Any) -> None:
    simulator = provider()
    said = midnight("run", write(5), "-o", "out.jsonl")
    assert said.code == 0, said
    assert "out.jsonl (5 rows: 5 succeeded)" in said.out
    for number, line in enumerate(lines("out.jsonl")):
        assert (line["custom_id"], line["error"]) == (f"r-{number}", None)
        assert line["response"]["status_code"] == 200
        found = ChatCompletion.model_validate(line["response"]["body"], strict=True)
        assert found.choices[0].message.content == answer(body(number)["messages"])
    assert Path("out.errors.jsonl").read_text() == ""
    assert midnight("run", "asked.jsonl", "--json").json["batches"][0]["name"] == "asked"
    assert simulator.stats().calls == 5, "the same file is the same batch"


def test_a_file_may_have_any_name_that_a_file_can_have(midnight: Any, provider: Any) -> None:
    provider()
    path = write(2).rename("\U0001f319 “night”.jsonl")
    said = midnight("run", path, "-o", "out.jsonl")
    assert said.code == 0, said
    assert len(lines("out.jsonl")) == 2


def test_embeddings_are_handed_on_too(midnight: Any, provider: Any) -> None:
    provider(models=())
    texts = write(3, lambda number: {"model": "m", "input": [f"row {number}", "x"]}, EMBEDDINGS)
    assert midnight("run", texts, "-o", "out.jsonl").code == 0
    for line in lines("out.jsonl"):
        found = CreateEmbeddingResponse.model_validate(line["response"]["body"])
        assert [each.index for each in found.data] == [0, 1]


OWN = """
[accounts.mine]
provider = "openai-compatible"
token = "env:MODELSCOPE_API_KEY"
"""


@pytest.mark.parametrize(
    ("url", "key", "shape"),
    [("/v1/completions", "prompt", Completion), ("/v1/responses", "input", Response)],
)
def test_completions_and_responses_pass_through_where_the_provider_has_them(
    midnight: Any, provider: Any, url: str, key: str, shape: Any
) -> None:
    provider()
    Path("midnight.toml").write_text(OWN)
    path = write(3, lambda number: {"model": MODEL, key: f"row {number}"}, url)
    said = midnight("run", path, "-o", "out.jsonl")
    assert said.code == 0, said
    for number, line in enumerate(lines("out.jsonl")):
        assert (line["custom_id"], line["response"]["status_code"]) == (f"r-{number}", 200)
        found = shape.model_validate(line["response"]["body"])
        text = found.output_text if url == "/v1/responses" else found.choices[0].text
        assert text == answer(body(number)["messages"])
    (day,) = midnight("report", "--json").json["days"]
    assert (day["calls"], day["tokens"] > 0) == (3, True)


def test_they_are_refused_before_a_call_where_it_has_not(midnight: Any, provider: Any) -> None:
    simulator = provider()
    path = write(2, lambda number: {"model": MODEL, "input": f"row {number}"}, "/v1/responses")
    for command in ("plan", "run", "submit"):
        said = midnight(command, path)
        assert said.code == 2
        assert "ModelScope API-Inference is not known to have /v1/responses" in said.err
        assert '[providers.modelscope] endpoints = ["/v1/responses"]' in said.err
    assert simulator.stats().calls == 0
    Path("midnight.toml").write_text('[providers.modelscope]\nendpoints = ["/v1/responses"]\n')
    assert midnight("run", path).code == 0


def test_another_model_may_be_asked(midnight: Any, provider: Any) -> None:
    provider(models=("another",))
    assert midnight("run", write(2), "--model", "another", "-o", "out.jsonl").code == 0
    assert [line["response"]["body"]["model"] for line in lines("out.jsonl")] == ["another"] * 2


def test_a_rejected_request_has_the_providers_own_words(midnight: Any, provider: Any) -> None:
    provider()
    path = write(3, lambda number: NOTHING_ASKED if number == 1 else body(number))
    said = midnight("run", path, "-o", "out.jsonl", "--errors", "bad.jsonl")
    assert said.code == 1, said
    assert ids("out.jsonl") == ["r-0", "r-2"]
    (bad,) = lines("bad.jsonl")
    assert (bad["custom_id"], bad["response"]["status_code"], bad["error"]) == ("r-1", 400, None)
    assert "required parameter: 'messages'" in json.dumps(bad["response"]["body"])


def test_a_failed_request_tells_its_last_status(midnight: Any, provider: Any) -> None:
    provider(faults={"error_500": 1})
    Path("job.toml").write_text(ONCE)
    assert midnight("run", "job.toml", write(1), "-o", "out.jsonl").code == 1
    (bad,) = lines("out.errors.jsonl")
    assert bad["response"]["status_code"] == 500
    assert isinstance(bad["response"]["body"], dict)


def test_what_held_no_answer_is_an_error_of_ours(midnight: Any, provider: Any) -> None:
    provider(faults={"error_in_200": 1})
    Path("job.toml").write_text(ONCE)
    assert midnight("run", "job.toml", write(1), "-o", "out.jsonl").code == 1
    (bad,) = lines("out.errors.jsonl")
    assert (bad["response"], bad["error"]["code"]) == (None, "request_failed")
    assert "(tried 1 times)" in bad["error"]["message"]


def test_what_is_not_done_is_not_there_until_it_is_cancelled(midnight: Any, provider: Any) -> None:
    provider(calls_per_day=2)
    assert midnight("run", write(4), "-o", "out.jsonl", "--no-wait").code == 3
    assert (len(ids("out.jsonl")), ids("out.errors.jsonl")) == (2, [])
    midnight("cancel", 1)
    assert midnight("export", 1, "-o", "late.jsonl").code == 0
    codes = [line["error"]["code"] for line in lines("late.errors.jsonl")]
    assert codes == ["batch_cancelled"] * 2
    assert sorted(ids("late.jsonl") + ids("late.errors.jsonl")) == [f"r-{n}" for n in range(4)]


def test_an_export_may_be_a_table_as_well(midnight: Any, provider: Any) -> None:
    provider()
    midnight("run", write(2))
    assert midnight("export", 1, "-o", "out.jsonl.gz", "--errors", "bad.jsonl").code == 0
    assert midnight("export", 1, "-o", "out.csv").code == 0
    head = Path("out.csv").read_text().splitlines()[0]
    assert head == "custom_id,method,url,body,answer,model,state,error"


def test_standard_input_may_hold_requests(
    midnight: Any, provider: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider()
    content = write(2).read_bytes()
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content)))
    assert midnight("run", "-", "-o", "out.jsonl").code == 0
    assert ids("out.jsonl") == ["r-0", "r-1"]


def test_every_command_takes_them(midnight: Any) -> None:
    path = write(4)
    assert midnight("plan", path, "--json").json["rows"] == 4
    assert midnight("submit", path, "--limit", "2", "--json").json["batch"]["rows"] == 2
    said = midnight("rehearse", path, "-o", "out.jsonl", "--json")
    assert said.json["output"] == {"path": "out.jsonl", "rows": 4}
    assert ids("out.jsonl") == [f"r-{n}" for n in range(4)]


def test_several_files_are_one_batch(midnight: Any) -> None:
    write(2).rename("a.jsonl")
    text = Path("a.jsonl").read_text().replace('"r-', '"s-')
    Path("b.jsonl").write_text(text)
    assert midnight("submit", "a.jsonl", "b.jsonl", "--json").json["batch"]["rows"] == 4
    assert midnight("submit", "[ab].jsonl", "--json").json["created"] is False


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (("job.toml", "data.csv", "--model", "m"), "--model is for requests"),
        (("job.toml", "data.csv", "-o", "x.csv", "--errors", "y.jsonl"), "leave out --errors"),
        (("job.toml", "data.csv", "--errors", "y.jsonl"), "--errors goes with -o"),
        (("data.csv",), "this is not a job file"),
        (("asked.jsonl", "-o", "asked.jsonl"), "would replace the dataset"),
        (("asked.jsonl", "-o", "x.jsonl", "--errors", "asked.jsonl"), "would replace the dataset"),
        (("asked.jsonl", "data.csv"), "data.csv"),
    ],
)
def test_what_does_not_go_together_is_told(
    midnight: Any, work: Any, words: tuple[str, ...], what: str
) -> None:
    del work
    write(1)
    said = midnight("run", *words)
    assert (said.code, what in said.err) == (2, True), said
    assert midnight("status", "--json").json["batches"] == []


# The command, which writes down the most memory that it had. What the kernel tells its parent may
# be the parent's own, of the moment before the command was begun.
WITH_ITS_PEAK = """
import atexit, pathlib, re
def note():
    status = pathlib.Path("/proc/self/status").read_text()
    pathlib.Path("peak").write_text(re.search("VmHWM:\\s+([0-9]+)", status)[1])
atexit.register(note)
from runner.__main__ import main
main()
"""


@pytest.mark.parametrize(
    "requests",
    [
        pytest.param(3_000, marks=pytest.mark.slow),
        pytest.param(50_000, marks=pytest.mark.nightly),  # as many as OpenAI takes: two minutes
    ],
)
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="it reads /proc")
@pytest.mark.usefixtures("midnight")
def test_a_large_file_of_requests_goes_in_and_comes_out(requests: int) -> None:
    """Through the real command, in virtual time, with one in fifty rejected."""
    nothing = NOTHING_ASKED
    path = write(requests, lambda n: body(n) if n % 50 else nothing | {"seed": n})
    limits = ["--calls-per-day", "90000", "--calls-per-model", "90000"]
    words = ["rehearse", str(path), "-o", "out.jsonl", "--json", *limits]
    environ = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(
        [sys.executable, "-c", WITH_ITS_PEAK, *words],
        env=environ,
        stdout=subprocess.PIPE,
        check=False,
    )
    assert done.returncode == 1
    # With the provider's memory in it, which grows; in KiB.
    assert int(Path("peak").read_text()) < 150_000
    with Path("out.jsonl").open() as good, Path("out.errors.jsonl").open() as bad:
        refused = [json.loads(line)["response"]["status_code"] for line in bad]
        found = 0
        for line in good:
            ChatCompletion.model_validate(json.loads(line)["response"]["body"])
            found += 1
    assert (found, len(refused)) == (requests * 49 // 50, requests // 50)
    assert set(refused) == {400}
