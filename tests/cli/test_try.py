"""`midnight try`: a few rows asked now, with all that was said."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from runner.simulator import make_image

LABELS = '\n[answer]\nkind = "label"\nlabels = ["good", "bad"]\n'


def change(old: str, new: str) -> None:
    text = Path("job.toml").read_text()
    assert old in text
    Path("job.toml").write_text(text.replace(old, new))


def test_three_rows_are_asked_and_shown(midnight: Any, work: Any, provider: Any) -> None:
    simulator = provider()
    said = midnight("try", *work)
    assert said.code == 0, said
    assert simulator.stats().calls == 3
    assert "row 1, Qwen/Qwen3-8B on modelscope" in said.out
    assert "user: Review: review number 0" in said.out
    assert "3 calls, 3 of 3 answered" in said.out
    assert max(map(len, said.out.splitlines())) <= 160


def test_on_a_narrow_terminal_the_panels_are_stacked(
    midnight: Any, work: Any, provider: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider()
    monkeypatch.setenv("COLUMNS", "80")
    said = midnight("try", *work, "-n", "1")
    lines = said.out.splitlines()
    assert max(map(len, lines)) <= 80
    titles = ["─ prompt", "─ reply", "─ answer"]
    assert [sum(title in line for line in lines) for title in titles] == [1, 1, 1]
    assert not any(line.count("╭") > 1 for line in lines)


@pytest.mark.parametrize("width", [104, 178, 191])
def test_no_wide_character_is_lost_at_the_end_of_a_line(
    midnight: Any, work: Any, provider: Any, monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    provider()
    labels = '\n[answer]\nkind = "label"\nlabels = ["好", "壞", "普通"]\n'
    Path("job.toml").write_text(Path("job.toml").read_text() + labels)
    monkeypatch.setenv("COLUMNS", str(width))
    said = midnight("try", *work, "-n", "1")
    left = "".join(line.partition("╮")[0].partition("││")[0] for line in said.out.splitlines())
    assert all(label in left for label in ("好", "壞", "普通")), said.out


def test_a_pack_is_one_call_whose_whole_reply_is_shown(
    midnight: Any, work: Any, provider: Any
) -> None:
    simulator = provider()
    change("[prompt]", "pack = 5\n[prompt]")
    Path("job.toml").write_text(Path("job.toml").read_text() + LABELS)
    found = midnight("try", *work, "--json").json
    (call,) = found["calls"]
    assert simulator.stats().calls == 1
    assert '{"n": 2, "item": "Review: review number 1"}' in call["prompt"][-1]["content"]
    assert len(json.loads(call["reply"])) == 3
    assert [row["row"] for row in call["rows"]] == [1, 2, 3]
    assert [row["answer"] for row in call["rows"]] == [row["answer"] for row in found["results"]]
    assert {row["answer"] for row in call["rows"]} <= {"good", "bad"}


def test_each_trial_asks_anew_unless_answers_are_reused(
    midnight: Any, work: Any, provider: Any
) -> None:
    simulator = provider()
    for _ in range(2):
        assert midnight("try", *work, "-n", "2").code == 0
    assert simulator.stats().calls == 4
    change("[prompt]", "reuse = true\n[prompt]")
    said = midnight("try", *work)
    assert simulator.stats().calls == 5
    assert "row 1: reused, without a call: " in said.out
    assert "1 call, 3 of 3 answered" in said.out
    assert midnight("try", *work, "--json").json["results"][0]["reused"] is True


def test_the_ledger_has_its_calls_and_the_batch_itself_is_still_to_do(
    midnight: Any, work: Any, provider: Any
) -> None:
    provider()
    midnight("try", *work)
    assert midnight("report", "--json").json["days"][0]["calls"] == 3
    assert "try: label reviews" in midnight("status", "--trials").out
    assert midnight("run", *work, "--json").json["succeeded"] == 6


def test_what_today_does_not_allow_is_told_and_never_asked_later(
    midnight: Any, work: Any, provider: Any
) -> None:
    simulator = provider(calls_per_day=2)
    said = midnight("try", *work)
    assert said.code == 3, said
    assert "today's allowance is spent until" in said.out
    assert "row 3: not asked" in said.out
    assert midnight("try", *work).code == 3
    assert midnight("run", "--no-wait", "--json").json["batches"] == []
    assert simulator.stats().answered == 2


def test_an_invalid_answer_is_shown_with_why_and_with_what_the_model_was_told(
    midnight: Any, work: Any, provider: Any
) -> None:
    provider(faults={"bad_answer": 1})
    Path("job.toml").write_text(Path("job.toml").read_text() + LABELS + "max_asks = 2\n")
    said = midnight("try", *work, "-n", "1")
    assert (said.code, "1: none: " in said.out, "assistant: " in said.out) == (1, True, True)
    found = midnight("try", *work, "-n", "1", "--json").json
    assert [len(call["prompt"]) for call in found["calls"]] == [2, 4]
    assert found["results"][0]["state"] == "failed"


def test_some_rows_may_be_chosen_first(midnight: Any, work: Any, provider: Any) -> None:
    provider()
    found = midnight("try", *work, "-n", "2", "--where", "id >= 3", "--json").json
    assert [row["input"]["id"] for row in found["results"]] == ["3", "4"]


def test_a_refused_call_is_shown_in_the_providers_words(
    midnight: Any, work: Any, provider: Any
) -> None:
    provider(models=("another",))
    said = midnight("try", *work, "-n", "1")
    assert (said.code, "has no provider supported" in said.out) == (3, True)


def test_embeddings_requests_and_images_are_shown_as_well(midnight: Any, provider: Any) -> None:
    provider(models=(), image_ms=(0, 0))
    Path("data.csv").write_text("text\na\nb\n")
    prompt = 'model = "m"\n[prompt]\nuser = "{{ text }}"\n'
    Path("job.toml").write_text(f'[job]\nkind = "embedding"\n{prompt}')
    said = midnight("try", "job.toml", "data.csv")
    assert ("2 vectors" in said.out, said.code) == (True, 0), said
    Path("job.toml").write_text(f'[job]\nkind = "image"\n{prompt}')
    found = midnight("try", "job.toml", "data.csv", "-n", "1", "--json").json
    assert Path(found["results"][0]["answer"]).read_bytes() == make_image("a")
    body = {"model": "m", "messages": [{"role": "user", "content": "a"}]}
    line = {"custom_id": "r", "method": "POST", "url": "/v1/chat/completions", "body": body}
    Path("asked.jsonl").write_text(json.dumps(line))
    assert "user: a" in midnight("try", "asked.jsonl").out
    (call,) = midnight("try", "asked.jsonl", "--json").json["calls"]
    assert (call["prompt"], json.loads(call["reply"])["object"]) == (body, "chat.completion")
