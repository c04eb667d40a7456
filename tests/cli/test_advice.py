"""Advice where it pays: packing that was not asked for, causes of failures, one cause retried."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from runner.wording.failure_remedies import remedy_for

LIMITS = (
    "\n[limits]\nmax_attempts = 1\n[answer]\nkind = 'label'\nlabels = ['a', 'b']\nmax_asks = 1\n"
)


def many(number: int) -> None:
    rows = [f"{n},review number {n}" for n in range(number)]
    Path("data.csv").write_text("\n".join(["id,text", *rows]) + "\n")


def test_plan_shows_what_packing_would_save(midnight: Any, work: Any, provider: Any) -> None:
    provider(calls_per_day=50)
    Path("midnight.toml").write_text(
        '[accounts.mine]\nprovider = "modelscope"\ntoken = "env:MODELSCOPE_API_KEY"\n'
        "limits = { calls_per_day = 50 }\n"
    )
    many(300)
    said = midnight("plan", *work).out
    assert "pack = 20 in [job]: 15 calls, 1 day of allowance instead of 6" in said
    assert midnight("plan", *work, "--json").json["packed"]["calls"] == 15
    many(10)
    assert "pack = 20" not in midnight("plan", *work).out


def test_tokens_are_those_that_will_be_sent(midnight: Any, work: Any, provider: Any) -> None:
    provider()
    many(60)
    text = Path("job.toml").read_text().replace("[prompt]", f'[prompt]\nsystem = "{"long " * 400}"')
    Path("job.toml").write_text(text)
    alone = midnight("plan", *work, "--json").json["prompt_tokens"]
    Path("job.toml").write_text(text.replace("[prompt]", "pack = 20\n[prompt]", 1))
    packed = midnight("plan", *work, "--json").json["prompt_tokens"]
    assert packed < alone / 8
    midnight("run", *work)
    again = midnight("plan", *work, "--json").json
    assert (again["prompt_tokens"], again["calls"]) == (0, 0)


def test_failures_are_grouped_by_cause_and_one_cause_is_retried(
    midnight: Any, work: Any, provider: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    many(40)
    Path("job.toml").write_text(Path("job.toml").read_text() + LIMITS)
    provider(faults={"error_500": 0.2, "bad_answer": 0.2}, seed=1)
    midnight("run", *work)
    failed = len(midnight("failures", 1, "--limit", 100, "--json").json)
    monkeypatch.setenv("COLUMNS", "80")
    said = midnight("failures", 1).out
    assert max(map(len, said.splitlines())) <= 80
    heads = [line for line in said.splitlines() if line[:1].isdigit() and " row" in line]
    assert [head[0] for head in heads] == ["1", "2"]
    assert sum(int(head.split()[1]) for head in heads) == failed
    assert "try: " in said
    retried = midnight("retry", 1, "--cause", 2, "--json").json["retried"]
    assert retried == int(heads[1].split()[1])
    assert "has no cause 9" in midnight("retry", 1, "--cause", 9).err
    provider()
    midnight("run")
    left = midnight("failures", 1, "--json").json
    assert len(left) == failed - retried
    assert midnight("db", "check").code == 0


@pytest.mark.parametrize(
    ("error", "word"),
    [
        ('no valid answer in 3 replies: the reply is not one of the labels: "x"', "[answer]"),
        ("the answer broke off at max_tokens", "max_tokens"),
        ("HTTP 500: oops (tried 6 times)", "try these again"),
        ("the content filter stopped it", "filter"),
    ],
)
def test_a_failure_has_a_remedy(error: str, word: str) -> None:
    assert word in (remedy_for(error) or "")


def test_quota_fits_eighty_columns_with_real_names(
    midnight: Any, work: Any, provider: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider()
    name = "deepseek-ai/DeepSeek-V3.1-Terminus"
    Path("job.toml").write_text(Path("job.toml").read_text().replace("Qwen/Qwen3-8B", name))
    midnight("run", *work)
    monkeypatch.setenv("COLUMNS", "80")
    said = midnight("quota").out
    assert name in said
    assert max(len(line.rstrip()) for line in said.splitlines()) <= 80
