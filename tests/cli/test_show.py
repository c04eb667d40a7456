"""A batch in full, the story of a row, and what has changed between two batches."""

from __future__ import annotations

from pathlib import Path
from typing import Any

LABELS = """
[job]
name = "label reviews"
model = "Qwen/Qwen3-8B"
pack = 3

[prompt]
system = "Label it."
user = "Review: {{ text }}"

[answer]
kind = "label"
labels = ["good", "bad"]
"""


def test_a_batch_is_shown_with_what_it_asks_and_what_came_of_it(
    midnight: Any, work: Any, provider: Any
) -> None:
    provider()
    Path("job.toml").write_text(LABELS)
    midnight("run", *work, "-o", "out.csv")
    said = midnight("show", 1).out
    for part in ("job.toml", "data.csv", "out.csv", "Label it.", "label: good, bad", "6: 6 succ"):
        assert part in said, part
    found = midnight("show", 1, "--json").json
    assert sum(one["rows"] for one in found["answers"]) == 6
    assert {one["answer"] for one in found["answers"]} <= {"good", "bad"}
    assert found["calls"] == 2
    assert found["job"]["prompt"]["system"] == "Label it."


def test_the_story_of_a_row_has_every_call_that_it_was_part_of(
    midnight: Any, work: Any, provider: Any
) -> None:
    provider(faults={"item_wrong": 1}, seed=1)
    Path("job.toml").write_text(LABELS)
    midnight("run", *work)
    found = midnight("show", 1, 2, "--json").json
    assert found["input"] == {"id": "1", "text": "review number 1"}
    (job,) = found["jobs"]
    assert job["calls"][0]["rows"] == 3
    assert len(job["calls"]) >= 2
    assert job["calls"][-1]["reply"] is not None
    assert all(call["model"] == "Qwen/Qwen3-8B" for call in job["calls"])
    said = midnight("show", 1, 2).out
    assert "Review: review number 1" in said
    assert "with 2 other rows" in said
    assert said.rstrip().splitlines()[-1].startswith(("answer: ", "failed: "))


def test_a_row_that_is_not_there_is_told(midnight: Any, work: Any) -> None:
    midnight("submit", *work)
    said = midnight("show", 1, 7)
    assert (said.code, "its rows are 1 to 6" in said.err) == (2, True)
    assert "queued" in midnight("show", 1, 6).out


def test_two_batches_are_compared_row_by_row_wherever_a_row_stands(
    midnight: Any, work: Any, provider: Any
) -> None:
    provider()
    Path("job.toml").write_text(LABELS)
    midnight("run", *work)
    lines = Path("data.csv").read_text().splitlines()
    Path("moved.csv").write_text("\n".join([lines[0], "9,a new one", *lines[2:]]) + "\n")
    Path("job.toml").write_text(LABELS.replace('"good", "bad"', '"fine", "poor"'))
    midnight("run", "job.toml", "moved.csv")
    found = midnight("diff", 1, 2, "--json").json
    assert (found["same"], found["changed"]) == (0, 5)
    assert (found["only_first"], found["only_second"]) == (1, 1)
    assert sum(one["rows"] for one in found["changes"]) == 5
    assert [one["row"] for one in found["examples"]] == [2, 3, 4, 5, 6]
    said = midnight("diff", 1, 2).out
    assert "5 rows in both: 0 the same, 5 changed (100 %)" in said
    assert "1 row only in batch 1" in said
    same = midnight("diff", 1, 1).out
    assert "6 rows in both: 6 the same, 0 changed (0 %)" in same


def test_an_answer_that_was_kept_has_the_prompt_and_the_reply_of_the_batch_that_asked(
    midnight: Any, work: Any, provider: Any
) -> None:
    job = Path("job.toml").read_text() + "\n[limits]\nmax_attempts = 1\n"
    Path("job.toml").write_text(job)
    provider(faults={"error_500": 0.4}, seed=3)
    midnight("run", *work)
    Path("job.toml").write_text(job.replace("Review:", "Please judge:"))
    simulator = provider()
    midnight("run", *work, "--retry-failed")
    stories = [midnight("show", 2, row, "--json").json for row in range(1, 7)]
    kept = [one for one in stories if one["jobs"][0]["kept_from"]]
    assert len(kept) == 6 - simulator.stats().calls
    (story,) = kept[0]["jobs"]
    old = f"Review: {kept[0]['input']['text']}"
    prompt = [{"role": "user", "content": old}]
    assert story["kept_from"] == {"batch": 1, "asked_the_same": False, "prompt": prompt}
    assert [call["reply"] for call in story["calls"]] == [story["answer"]]
    said = midnight("show", 2, kept[0]["row"]).out
    assert "kept from label reviews (batch 1), which asked:" in said
    assert old in said
    assert "Please judge" not in said
    assert f"reply: {story['answer']}" in said
    asked = next(one["row"] for one in stories if not one["jobs"][0]["kept_from"])
    new = midnight("show", 2, asked).out
    assert "Please judge" in new
    assert "kept from" not in new
    midnight("delete", 1)
    assert "kept from batch 1, which was deleted" in midnight("show", 2, kept[0]["row"]).out


def test_an_answer_that_was_kept_because_the_same_was_asked_says_so(
    midnight: Any, work: Any, provider: Any
) -> None:
    provider()
    midnight("run", *work)
    Path("data.csv").write_text(Path("data.csv").read_text() + "6,one more\n")
    midnight("run", *work)
    said = midnight("show", 2, 2).out
    assert "kept from label reviews (batch 1), which asked the same" in said
    assert said.count("Review: review number 1") == 1
    assert "  reply: " in said
    assert "kept from" not in midnight("show", 2, 7).out
