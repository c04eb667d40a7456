"""What a dataset says is what is asked, whatever its file, its numbers and its columns are called.

Through the real command, against a provider on a port.
"""

import gzip
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from pyarrow import parquet

from runner.simulator import SimulatedProvider
from tests.cli.conftest import Midnight

Provider = Callable[..., SimulatedProvider]
ECHO = (
    '[job]\nname = "echo"\nmodel = "Qwen/Qwen3-8B"\n[prompt]\nuser = "Order {{ id }}: {{ text }}"\n'
)
LONG = "80241446968629135069"


def ask(midnight: Midnight, jobfile: str, rows: str, output: str) -> None:
    Path("job.toml").write_text(jobfile)
    Path("in.jsonl").write_text(rows)
    said = midnight("run", "job.toml", "in.jsonl", "-o", output)
    assert said.code == 0, said.err


def asked(midnight: Midnight) -> set[str]:
    """The messages that were sent, as a trial shows them."""
    said = midnight("--json", "try", "job.toml", "in.jsonl", "-n", "9")
    return {call["prompt"][-1]["content"] for call in json.loads(said.out)["calls"]}


def test_numbers_keep_every_digit_to_the_prompt_and_the_output(
    midnight: Midnight, provider: Provider
) -> None:
    provider()
    numbers = [LONG, "80241446968629135068", "0.1000", "1e400", "-0", "1.5"]
    rows = "".join(f'{{"id": {number}, "text": "a"}}\n' for number in numbers)
    ask(midnight, ECHO, rows, "out.csv")
    assert [line.split(",")[0] for line in Path("out.csv").read_text().splitlines()[1:]] == numbers
    assert midnight("export", "1", "-o", "out.jsonl").code == 0
    assert all(f'"id": {n},' in Path("out.jsonl").read_text() for n in numbers)
    assert midnight("export", "1", "-o", "out.parquet").code == 0
    assert parquet.read_table("out.parquet")["id"].to_pylist() == numbers
    assert asked(midnight) == {f"Order {number}: a" for number in numbers}


def test_a_condition_compares_every_digit(midnight: Midnight) -> None:
    Path("job.toml").write_text(ECHO)
    Path("in.jsonl").write_text(
        f'{{"id": {LONG}, "text": "a"}}\n{{"id": 80241446968629135068, "text": "b"}}\n'
        '{"id": 12345678901234567.89, "text": "c"}\n{"id": 1e400, "text": "d"}\n'
    )
    for condition in (f"id == {LONG}", "id == 12345678901234567.89", "id >= 1e400"):
        said = midnight("--json", "plan", "job.toml", "in.jsonl", "--where", condition)
        assert said.json["rows"] == 1, condition


@pytest.mark.skipif(sys.platform != "linux", reason="file names are bytes on Linux")
def test_a_folder_whose_name_is_no_utf_8_may_hold_everything(
    midnight: Midnight, provider: Provider, work: tuple[str, str], tmp_path: Path
) -> None:
    provider()
    folder = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xc6\xc0\xc2\xdb"))
    folder.mkdir()
    names = [folder / os.fsdecode(b"\xd6" + name.encode()) for name in work]
    for name, moved in zip(work, names, strict=True):
        Path(name).rename(moved)
    db, out = folder / "queue.db", folder / "out.csv"
    for words in (["plan"], ["try"], ["rehearse"], ["run", "-o", str(out)]):
        command, *options = words
        assert midnight("--db", str(db), command, *map(str, names), *options).code == 0, command
    assert len(out.read_text().splitlines()) == 7
    for words in (["status"], ["export", "2", "-o", str(folder / "again.jsonl")], ["report"]):
        assert midnight("--db", str(db), *words).code == 0, words
    [first, *_] = midnight("--json", "--db", str(db), "status").json["batches"]
    assert first["input"].startswith("file:///")


@pytest.mark.skipif(sys.platform != "linux", reason="file names are bytes on Linux")
@pytest.mark.parametrize(
    ("stored", "named"),
    [
        (b"caf\xe9.csv", b"caf\xe9.csv"),
        (b"a\xff\xfe.csv.gz", b"a\xff\xfe.csv.gz"),
        (b"\xed\xa0\x80.csv", b"\xed\xa0\x80.csv"),  # half a surrogate pair, as UTF-8 has none
        (b"\xc6\xc0/1.csv", b"\xc6\xc0/*.csv"),
        (b"part\xe9.csv", b"part*.csv"),
    ],
)
def test_a_dataset_of_any_name_is_queued_and_shown(
    midnight: Midnight, work: tuple[str, str], stored: bytes, named: bytes
) -> None:
    path = Path(os.fsdecode(stored))
    path.parent.mkdir(exist_ok=True)
    data = Path(work[1]).read_bytes()
    path.write_bytes(gzip.compress(data) if stored.endswith(b"gz") else data)
    for command in ("plan", "submit"):
        said = midnight(command, work[0], os.fsdecode(named))
        assert said.code == 0, said.err
    assert midnight("show", "1").code == 0
    assert midnight("--json", "status").json["batches"][0]["rows"] == 6


def test_what_stands_in_single_braces_is_told(midnight: Midnight, work: tuple[str, str]) -> None:
    Path("job.toml").write_text(ECHO.replace("{{ text }}", "{text}"))
    said = midnight("plan", *work)
    assert said.code == 0
    assert "note: the prompt has {text}" in said.err
    Path("job.toml").write_text(ECHO.replace("{{ id }}", "").replace("{{ text }}", "{text}"))
    said = midnight("plan", *work)
    assert said.code == 2
    assert "did you mean {{ text }}" in said.err
    said = midnight("--json", "plan", *work, "--constant-prompt")
    assert said.json["distinct_requests"] == 1


def test_requests_with_a_temperature_are_asked_each(midnight: Midnight, tmp_path: Path) -> None:
    def distinct(body: dict[str, object], *options: str) -> int:
        path = tmp_path / "requests.jsonl"
        message = [{"role": "user", "content": "hi"}]
        lines = [
            {
                "custom_id": f"r{number}",
                "method": "POST",
                "url": "/v1/chat/completions",
                "body": {"model": "m", "messages": message, **body},
            }
            for number in range(5)
        ]
        path.write_text("\n".join(map(json.dumps, lines)))
        found: int = midnight("--json", "plan", str(path), *options).json["distinct_requests"]
        return found

    assert distinct({"temperature": 0.7}) == 5
    assert distinct({"n": 2}) == 5
    assert distinct({"temperature": 0.7}, "--dedupe") == 1
    assert distinct({"temperature": 0}) == 1
    assert distinct({}) == 1


def test_our_own_output_is_the_input_of_another_job(
    midnight: Midnight, provider: Provider, work: tuple[str, str]
) -> None:
    provider()
    assert midnight("run", *work, "-o", "first.csv").code == 0
    said = midnight("run", work[0], "first.csv", "-o", "second.csv")
    assert said.code == 0
    assert '"state" is called "midnight_state"' in said.err
    first, second = (Path(f"{name}.csv").read_text().splitlines() for name in ("first", "second"))
    ours = "midnight_answer,midnight_model,midnight_state,midnight_error"
    assert second[0] == f"{first[0]},{ours}"
    assert all(after.startswith(before) for before, after in zip(first, second, strict=True))
    text = Path(work[0]).read_text()
    Path(work[0]).write_text(f'{text}[output]\nanswer = "sentiment"\n')
    assert midnight("run", work[0], "first.csv", "-o", "third.csv").code == 0
    assert Path("third.csv").read_text().startswith(f"{first[0]},sentiment,midnight_model,")


def test_json_lines_alone_are_requests_and_told_as_such(midnight: Midnight) -> None:
    Path("in.jsonl").write_text('{"text": "a"}\n')
    said = midnight("plan", "in.jsonl")
    assert said.code == 2
    assert "in.jsonl:1" in said.err
    assert "custom_id" in said.err
