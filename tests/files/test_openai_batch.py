"""Files made for the OpenAI Batch API go in, and files that its client reads come out."""

import gzip
import json
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from openai.types.chat import ChatCompletion

from runner.errors import InputError, OutputError
from runner.files import check_output, parse_selection, read_rows
from runner.files.openai_batch import check_requests, holds_requests
from runner.files.openai_results import (
    RequestFailure,
    check_results,
    error_body,
    errors_path,
    open_results,
    result_line,
)
from runner.jobfile import Prompt, RequestKeys, parse

CHAT = "/v1/chat/completions"
MESSAGE = {"role": "assistant", "content": "good", "refusal": None}
CHOICE = {"index": 0, "message": MESSAGE, "logprobs": None, "finish_reason": "stop"}
COMPLETION = json.dumps(
    {"id": "1", "object": "chat.completion", "created": 1, "model": "m", "choices": [CHOICE]}
)


def asked(number: int, **changes: Any) -> dict[str, Any]:
    body = {"model": "Qwen/Qwen3-8B", "messages": [{"role": "user", "content": f"row {number}"}]}
    return {"custom_id": f"r-{number}", "method": "POST", "url": CHAT, "body": body, **changes}


def write(path: Path, *lines: Any) -> Path:
    text = "".join((one if isinstance(one, str) else json.dumps(one)) + "\n" for one in lines)
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return path


def refused(path: Path) -> InputError:
    with pytest.raises(InputError) as caught:
        check_requests(path)
    return caught.value


def test_a_file_in_gb18030_may_begin_with_a_long_stretch_of_ascii(tmp_path: Path) -> None:
    """It is read a second time then: its lines are not taken for others with their names."""
    lines = [json.dumps(asked(number)) for number in range(3_000)]
    chinese = json.dumps(asked(3_000, body=asked(0)["body"] | {"user": "房间很安静"}))
    last = json.dumps(json.loads(chinese), ensure_ascii=False)
    path = tmp_path / "in.jsonl"
    path.write_bytes(
        "\n".join([*lines, *[last.replace("3000", f"3{n:03}") for n in range(300)]]).encode(
            "gb18030"
        )
    )
    assert check_requests(path).dataset.rows == 3_300


def test_a_name_that_stands_in_two_files_is_refused(tmp_path: Path) -> None:
    one, two = (write(tmp_path / f"{name}.jsonl", asked(1)) for name in ("one", "two"))
    with pytest.raises(InputError, match='another line has the same custom_id "r-1"'):
        check_requests([one, two])


def test_a_row_is_the_line_itself_and_says_what_to_send(tmp_path: Path) -> None:
    path = write(tmp_path / "in.jsonl", asked(1), asked(2))
    found = check_requests(path)
    assert (found.model, found.url, found.dataset.rows) == ("Qwen/Qwen3-8B", CHAT, 2)
    rows = list(read_rows(found.dataset))
    assert rows == path.read_text().splitlines()
    assert json.loads(rows[1]) == asked(2)


def test_embeddings_are_asked_for_in_the_same_way(tmp_path: Path) -> None:
    body = {"model": "bge-m3", "input": "a text"}
    path = write(tmp_path / "in.jsonl.gz", asked(1, url="/v1/embeddings", body=body))
    assert check_requests(path).url == "/v1/embeddings"
    assert holds_requests(path)


@pytest.mark.parametrize(
    "url",
    [
        "/chat/completions",
        "/v4/chat/completions",
        "/v1/chat/completions/",
        "v1/chat/completions",
        "https://api.example.com/v1/chat/completions",
        "https://example.openai.azure.com/openai/deployments/m/chat/completions?api-version=1",
        "/api/paas/v4/chat/completions",
        "/compatible-mode/v1/chat/completions",
    ],
)
def test_the_address_may_be_spelled_as_any_house_spells_it(tmp_path: Path, url: str) -> None:
    path = write(tmp_path / "in.jsonl", asked(1, url=url), asked(2))
    assert check_requests(path).url == CHAT
    jobfile = parse('[job]\nname = "x"\nkind = "request"\nmodel = "m"', "x.toml")
    keys = RequestKeys(jobfile, Prompt(jobfile))
    assert keys.of(json.dumps(asked(1, url=url))) == keys.of(json.dumps(asked(1)))


@pytest.mark.parametrize(
    ("url", "key"), [("/v1/completions", "prompt"), ("/v1/responses", "input")]
)
def test_the_older_and_the_newer_address_are_read(tmp_path: Path, url: str, key: str) -> None:
    body = {"model": "Qwen/Qwen3-8B", key: "hello"}
    path = write(tmp_path / "in.jsonl", asked(1, url=url, body=body))
    assert check_requests(path).url == url
    for changed, told in (
        ({"model": "Qwen/Qwen3-8B"}, f'the body has no "{key}"'),
        (body | {"background": True}, "in the background"),
    ):
        path = write(tmp_path / "in.jsonl", asked(1, url=url, body=changed))
        with pytest.raises(InputError, match=told):
            check_requests(path)


@pytest.mark.parametrize("key", ["custom_id", "method", "url", "body"])
def test_a_first_line_that_lacks_a_key_is_named_with_its_line(tmp_path: Path, key: str) -> None:
    first = {name: value for name, value in asked(1).items() if name != key}
    path = write(tmp_path / "in.jsonl", first, asked(2))
    assert holds_requests(path)
    error = refused(path)
    assert error.where == f"{path}:1"
    assert f'the row lacks "{key}"' in error.what


BODY = asked(0)["body"]


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"custom_id": 7}, "custom_id is not a text"),
        ({"custom_id": ""}, "custom_id is not a text"),
        ({"custom_id": "r-1"}, 'another line has the same custom_id "r-1"'),
        ({"method": "GET"}, 'the method is "GET", not POST'),
        ({"url": "/v1/moderations"}, 'the url "/v1/moderations" is not served'),
        ({"url": ["x"]}, 'the url ["x"] is not served'),
        (
            {"url": "/v1/embeddings"},
            "the url is /v1/embeddings, and that of the lines before /v1/chat/completions",
        ),
        ({"body": []}, "the body is not an object"),
        ({"body": {**BODY, "model": None}}, "the body names no model"),
        (
            {"body": {**BODY, "model": "b"}},
            'the model is "b", and that of the lines before "Qwen/Qwen3-8B"',
        ),
        ({"body": {**BODY, "stream": True}}, "the body asks for a stream"),
        ({"body": {**BODY, "messages": []}}, 'the body has no "messages"'),
    ],
)
def test_a_line_that_cannot_be_sent_is_told(
    tmp_path: Path, changes: dict[str, Any], what: str
) -> None:
    error = refused(write(tmp_path / "in.jsonl", asked(1), asked(2, **changes)))
    assert error.what.startswith(what)
    assert error.where == f"{tmp_path / 'in.jsonl'}:2"
    assert str(error.remedy).startswith("write each line as the OpenAI Batch API requires")


@pytest.mark.parametrize(
    ("line", "house"),
    [
        ('{"custom_id":"a","params":{"model":"m","max_tokens":9,"messages":[]}}', "Anthropic"),
        ('{"custom_id":"a","body":{"messages":[]}}', "Mistral"),
        ('{"key":"a","request":{"contents":[]}}', "Gemini"),
        ('{"recordId":"a","modelInput":{}}', "Bedrock"),
        ('{"id":"b","custom_id":"a","response":{"status_code":200}}', "results of a batch"),
        ('{"messages":[{"role":"user","content":"x"}]}', "fine-tuning"),
    ],
)
def test_the_format_of_another_house_is_named(tmp_path: Path, line: str, house: str) -> None:
    path = tmp_path / "in.jsonl"
    path.write_text(f"{line}\n")
    with pytest.raises(InputError, match=house) as caught:
        check_requests(path)
    assert caught.value.where == f"{path}:1"
    assert "as the OpenAI Batch API requires" in str(caught.value.remedy)


def test_lines_without_a_key_are_told_with_all_others(tmp_path: Path) -> None:
    lacking = {key: value for key, value in asked(3).items() if key != "body"}
    error = refused(write(tmp_path / "in.jsonl", asked(1), "{", asked(1), lacking))
    assert error.what.startswith("3 rows cannot be used:")
    assert 'line 4: the row lacks "body"' in error.what


def test_such_a_file_is_told_from_others_by_its_first_line(tmp_path: Path) -> None:
    assert holds_requests(write(tmp_path / "in.jsonl", "", asked(1)))
    long = asked(1, body={**BODY, "messages": [{"role": "user", "content": "x" * 200_000}]})
    late = {"body": long.pop("body"), **long}
    assert holds_requests(write(tmp_path / "long.jsonl", long | {"body": BODY}))
    assert not holds_requests(write(tmp_path / "late.jsonl", late))
    assert not holds_requests(write(tmp_path / "rows.jsonl", {"custom_id": 1, "text": "x"}))
    assert not holds_requests(write(tmp_path / "rows.csv", "custom_id,method,url,body"))
    assert not holds_requests(write(tmp_path / "text.jsonl", "no JSON"))
    assert not holds_requests(tmp_path / "none.jsonl")
    (tmp_path / "broken.jsonl.gz").write_text("x")
    assert not holds_requests(tmp_path / "broken.jsonl.gz")


def test_a_few_requests_may_be_tried_first(tmp_path: Path) -> None:
    path = write(tmp_path / "in.jsonl", *map(asked, range(10)))
    some = check_requests(path, selection=parse_selection(("custom_id != r-0",), None, 2))
    assert [json.loads(row)["custom_id"] for row in read_rows(some.dataset)] == ["r-1", "r-2"]


def test_fifty_thousand_requests_take_next_to_no_memory(tmp_path: Path) -> None:
    path = tmp_path / "in.jsonl"
    with path.open("w") as file:
        file.writelines(json.dumps(asked(number)) + "\n" for number in range(50_000))
    tracemalloc.start()
    found = check_requests(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 12_000_000
    with open_results(tmp_path / "out.jsonl") as out:
        for number, row in enumerate(read_rows(found.dataset)):
            custom_id = json.loads(row)["custom_id"]
            if number % 10:
                out.write(custom_id, 200, COMPLETION)
            else:
                out.write(custom_id, None, None, RequestFailure("server_error", "gave up"))
    results, errors = lines(tmp_path / "out.jsonl"), lines(tmp_path / "out.errors.jsonl")
    assert (len(results), len(errors)) == (45_000, 5_000)
    for each in results:
        ChatCompletion.model_validate(each["response"]["body"], strict=True)
    assert len({each["id"] for each in results + errors}) == 50_000


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(one) for one in path.read_text("utf-8").splitlines()]


def test_a_reply_is_handed_on_as_it_is_spelled_in_one_line() -> None:
    body = '{"id": "x",\r\n "n": 1.50, "t": "\\n"}'
    text = result_line("r-1", 200, body)
    assert text.count("\n") == 1
    assert '"body":{"id": "x",   "n": 1.50, "t": "\\n"}' in text
    found = json.loads(text)
    assert list(found) == ["id", "custom_id", "response", "error"]
    assert found["id"].startswith("batch_req_")
    assert found["response"]["status_code"] == 200
    assert found["response"]["request_id"].startswith("req_")
    assert (found["custom_id"], found["error"]) == ("r-1", None)


def test_the_same_request_has_the_same_names_each_time() -> None:
    assert result_line("r-1", 200, "{}") == result_line("r-1", 200, "{}")
    assert (
        json.loads(result_line("r-1", 200, "{}"))["id"]
        != json.loads(result_line("r-2", 200, "{}"))["id"]
    )


def test_a_refusal_has_a_response_and_what_never_was_sent_has_none() -> None:
    refusal = json.loads(result_line("r-1", 400, error_body("no such model")))
    assert refusal["response"]["body"]["error"]["message"] == "no such model"
    assert refusal["error"] is None
    unsent = json.loads(
        result_line("r-1", None, None, RequestFailure("batch_cancelled", "odd \ud83d"))
    )
    assert unsent["response"] is None
    assert unsent["error"] == {"code": "batch_cancelled", "message": "odd ?"}


def test_good_replies_and_bad_ones_go_to_two_files(tmp_path: Path) -> None:
    with open_results(tmp_path / "out.jsonl.gz", tmp_path / "bad.jsonl") as out:
        out.write("a", 200, "{}")
        out.write("b", 400, "{}")
        out.write("c", None, None, RequestFailure("batch_expired", "too late"))
    good = gzip.decompress((tmp_path / "out.jsonl.gz").read_bytes()).decode()
    assert [json.loads(one)["custom_id"] for one in good.splitlines()] == ["a"]
    assert [one["custom_id"] for one in lines(tmp_path / "bad.jsonl")] == ["b", "c"]


def test_neither_file_appears_when_the_block_fails(tmp_path: Path) -> None:
    for name in ("out.jsonl", "out.errors.jsonl"):
        (tmp_path / name).write_text("old")
    with pytest.raises(KeyboardInterrupt):
        interrupted(tmp_path / "out.jsonl")
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {
        "out.jsonl": "old",
        "out.errors.jsonl": "old",
    }


def interrupted(path: Path) -> None:
    with open_results(path) as out:
        out.write("a", 200, "{}")
        raise KeyboardInterrupt


def test_the_error_file_stands_beside_the_result_file(tmp_path: Path) -> None:
    assert errors_path(Path("x/out.jsonl")) == Path("x/out.errors.jsonl")
    assert errors_path(Path("out.v1.jsonl.gz")) == Path("out.v1.errors.jsonl.gz")
    assert errors_path(Path("out.ndjson")) == Path("out.errors.ndjson")
    for name in ("r.ndjson.gz", "r.jsonl.gz", "r.JSONL"):
        check_results(tmp_path / name)


@pytest.mark.parametrize(
    ("path", "errors", "what"),
    [
        ("out.csv", None, "are JSON Lines"),
        ("out.jsonl", "errors.csv", "are JSON Lines"),
        ("out.jsonl", "out.jsonl", "would be the same file"),
        ("nowhere/out.jsonl", None, "there is no folder"),
    ],
)
def test_what_cannot_be_written_is_known_before_anything_is_spent(
    tmp_path: Path, path: str, errors: str | None, what: str
) -> None:
    with pytest.raises(OutputError, match=what):
        check_results(tmp_path / path, tmp_path / errors if errors else None)
    check_output(tmp_path / "out.jsonl")
