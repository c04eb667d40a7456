"""A user's mistake: one clear message with a remedy, exit code 2, and never a traceback."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

JOB_ERRORS = {
    "run nosuch.toml data.csv": "nosuch.toml",
    "run job.toml nosuch.csv": "nosuch.csv",
    "run job.toml": "needs a dataset",
    "run data.csv job.toml": "comes first",
    "run -o out.csv": "needs a batch",
    "run job.toml folder.csv": "folder.csv",
    "run job.toml binary.csv": "binary.csv",
    "run job.toml empty.csv": "empty.csv",
    "run job.toml loop.csv": "links",
    "run job.toml other.csv": '"text"',
    "run wrong.toml data.csv": "modle",
    "run job.toml data.csv -o nowhere/out.csv": "nowhere",
    "run job.toml data.csv -o out.xls": ".xls",
    "run job.toml data.csv -o out.npy": "embeddings",
    "run job.toml *.nosuch": "no file matches",
    "run job.toml data.csv --format pdf": "not a format",
    "run job.toml data.csv --limit 0": "--limit",
    "run job.toml data.csv --limit 99999999999999999999": "at most",
    "run job.toml data.csv --sample 99999999999999999999": "at most",
    "run --limit 3": "--limit needs a dataset",
    "run --model m": "--model needs a dataset",
    "run --dedupe": "--dedupe needs a dataset",
    "run --constant-prompt": "--constant-prompt needs a dataset",
    "run --errors errors.jsonl": "--errors needs a dataset",
    "report --since 999999d": "is not a day",
    "report --since 99999999999999999999d": "is not a day",
    "db prune --older-than 999999d": "is not an age",
    "setup litellm --url http://[::1": "not the address of a server",
    "submit job.toml data.csv --sample few": "not a sample size",
    "plan job.toml data.csv --where text": "not a condition",
    "plan job.toml data.csv --where nosuch==1": '"nosuch"',
    "run job.toml data.csv -o data.csv": "replace the dataset",
    "run job.toml data.csv --pace quick": "quick",
    "run job.toml data.csv": "token",
    "run job.toml data.csv --oops": "--oops",
    "plan job.toml": "input",
    "rehearse job.toml data.csv --fault drop": "not a fault",
    "rehearse job.toml data.csv --fault drip=0.1": "drip",
    "rehearse job.toml data.csv --fault drop=7": "probability",
    "rehearse job.toml data.csv --start yesterday": "yesterday",
    "rehearse job.toml data.csv --calls-per-day many": "--calls-per-day",
    "status 7": "no batch '7'",
    "report nosuch": "no batch 'nosuch'",
    "export 7 -o out.csv": "no batch '7'",
    "export 7": "output",
    "failures 7": "no batch '7'",
    "failures 7 --limit 0": "--limit",
    "retry 7": "no batch '7'",
    "pause 7": "no batch '7'",
    "resume 7": "no batch '7'",
    "cancel 7": "no batch '7'",
    "init nosuch": "no ready job file",
    "simulate --latency fast": "not a latency",
    "simulate --latency 9-1": "latency",
    "simulate --zone Atlantis/Capital": "zone",
    "simulate --credits -1": "credits",
    "simulate --calls-per-minute -1": "calls_per_minute",
    "simulate --tokens-per-minute -1": "tokens_per_minute",
    "simulate --host nowhere.invalid": "cannot listen",
    "simulate --refill 1000": "not a refill",
    "simulate --refill 0/60": "refill_calls",
    "simulate --credits 5 --price free": "not a price",
    "simulate --credits 5 --price =2": "not a price",
    "simulate --price m=2": "credits",
    "simulate --max-in-flight 0": "max_in_flight",
    "simulate --parallel 0": "parallel",
    "simulate --limit-req-burst 2": "limit_req",
    "simulate --limit-req 60 --limit-req-status 200": "limit_req_status",
    "db backup midnight.db": "midnight.db",
    "db backup nowhere/copy.db": "nowhere",
    "status --db": "--db",
    "status --account nosuch": "nosuch",
    "status --config nosuch.toml": "nosuch.toml",
    "status --db binary.csv": "binary.csv",
    "statsu": "statsu",
}


@pytest.fixture
def mistakes(tmp_path: Path, work: tuple[str, str]) -> None:
    """Every kind of file one may hand over by mistake."""
    job = Path(tmp_path / work[0]).read_text()
    (tmp_path / "wrong.toml").write_text(job.replace("model =", "modle ="))
    (tmp_path / "folder.csv").mkdir()
    (tmp_path / "binary.csv").write_bytes(bytes(range(256)) * 64)
    (tmp_path / "empty.csv").write_text("")
    (tmp_path / "loop.csv").symlink_to("loop.csv")
    (tmp_path / "other.csv").write_text("id,words\n1,hello\n")


@pytest.mark.usefixtures("mistakes")
@pytest.mark.parametrize("line", JOB_ERRORS)
def test_a_mistake_is_told_in_a_line_with_a_remedy(midnight: Any, line: str) -> None:
    said = midnight(*line.split())
    assert said.code == 2, said
    told = [line for line in said.err.splitlines() if not line.startswith("note: ")]
    assert told[0].startswith("midnight: ")
    assert JOB_ERRORS[line].lower() in said.err.lower()
    assert "\n  try: " in said.err
    assert "Traceback" not in said.err
    assert said.out == ""


@pytest.mark.usefixtures("mistakes")
@pytest.mark.parametrize("line", ["run job.toml nosuch.csv", "export 7 -o out.csv", "statsu"])
def test_with_json_a_mistake_is_an_object_too(midnight: Any, line: str) -> None:
    said = midnight("--json", *line.split())
    assert said.code == 2
    assert set(said.json["error"]) == {"kind", "what", "where", "remedy"}
    assert said.err.startswith("midnight: ")


def test_a_refused_token_fails_no_row(midnight: Any, work: Any, provider: Any) -> None:
    provider(tokens=("ms-somebody-else",))
    said = midnight("run", *work)
    assert said.code == 2
    assert "midnight: account modelscope" in said.err
    assert "Traceback" not in said.err
    assert midnight("status", "--json").json["batches"][0]["left"] == 6
