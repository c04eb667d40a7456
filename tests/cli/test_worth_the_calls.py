"""Packing, reuse, votes and checks through the commands: what they cost, and what is told."""

import csv
import io
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

JOB = """
[job]
name = "words"
model = "m"
pack = 20
reuse = true
{more}
[prompt]
user = "Which kind of word is {{{{ word }}}}?"
[answer]
kind = "label"
labels = ["noun", "verb"]
"""


def write(words: Iterable[object], more: str = "") -> tuple[str, str]:
    """A job file and a dataset of `words`."""
    Path("job.toml").write_text(JOB.format(more=more))
    Path("words.csv").write_text("\n".join(["word", *map(str, words)]) + "\n")
    return "job.toml", "words.csv"


def exported(path: str = "out.csv") -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(Path(path).read_text())))


def test_a_second_submit_costs_nothing_and_a_hundred_new_rows_five_calls(
    midnight: Any, provider: Any
) -> None:
    simulator = provider(models=())
    work = write(range(1_000))
    assert midnight("run", *work).code == 0
    assert simulator.stats().calls == 50
    assert midnight("run", *work).code == 0
    assert simulator.stats().calls == 50, "the same batch"
    more = write(range(1_100))
    planned = midnight("plan", *more, "--json").json
    assert (planned["calls"], planned["answered_before"]) == (5, 1_000)
    assert "1,000: they cost nothing" in midnight("plan", *more).out
    assert midnight("run", *more, "-o", "out.csv").code == 0
    assert simulator.stats().calls == 55
    assert {row["state"] for row in exported()} == {"succeeded"}


def test_details_tell_which_call_brought_an_answer_and_whether_it_was_reused(
    midnight: Any, provider: Any
) -> None:
    provider(models=())
    midnight("run", *write(["walk", "tree", "walk"]))
    midnight("export", 1, "-o", "out.csv", "--details")
    told = [(row["call"], row["reused"], row["account"]) for row in exported()]
    assert told == [
        ("1", "false", "modelscope"),
        ("1", "false", "modelscope"),
        ("1", "true", "modelscope"),
    ]


def test_a_plan_tells_what_packing_saves(midnight: Any) -> None:
    work = write(range(100), "votes = 3\ncheck = 0.1")
    found = midnight("plan", *work, "--json").json
    assert (found["calls"], found["calls_if_alone"], found["rows_in_a_call"]) == (25, 300, 20)
    assert "25 (300 if each row were asked alone)" in midnight("plan", *work).out


def test_a_plan_counts_a_check_of_the_same_row_once_as_a_run_does(
    midnight: Any, provider: Any
) -> None:
    simulator = provider(models=())
    work = write(["walk"] * 100, "check = 0.1")
    assert midnight("plan", *work, "--json").json["calls"] == 2
    assert midnight("run", *work).code == 0
    assert simulator.stats().calls == 2


def test_votes_are_put_together_and_the_report_tells_how_far_they_agree(
    midnight: Any, provider: Any
) -> None:
    simulator = provider(models=(), faults={"item_swapped": 0.3})
    write(range(40), 'votes = 3\ncheck = 0.5\ngold = "kind"')
    gold = ["noun" if number % 2 else "verb" for number in range(40)]
    lines = [f"{number},{kind}" for number, kind in enumerate(gold)]
    Path("words.csv").write_text("\n".join(["word,kind", *lines]) + "\n")
    assert midnight("run", "job.toml", "words.csv", "-o", "out.csv").code == 0
    assert simulator.stats().calls == 3 * 2 + 20
    rows = exported()
    assert {row["agreement"] for row in rows} == {"1.0", "0.6667"}
    found = midnight("report", "words", "--json").json
    wrong = {row["word"] for row in rows if row["answer"] != row["kind"]}
    marked = {row["word"] for row in rows if row["review"] == "true"}
    assert 0 < len(wrong) < len(marked) <= len(wrong) + 20 - found["check"]["agreed"]
    assert wrong < marked
    assert found["review"]["to_review"] == len(marked)
    answers = [row["answer"] for row in rows]
    assert {one["answer"]: one["rows"] for one in found["labels"]} == {
        name: answers.count(name) for name in ("noun", "verb")
    }
    assert found["agreement"]["accuracy"]["rows"] == 40
    right = sum(row["answer"] == row["kind"] for row in rows)
    assert found["agreement"]["accuracy"]["correct"] == right
    assert [pair["rows"] for pair in found["agreement"]["pairs"]] == [40, 40, 40]
    assert found["check"]["rows"] == 20
    assert 0 < found["check"]["agreed"] < 20
    assert "rows a call" in midnight("report", "words").out


def test_a_gold_column_that_is_not_there_or_that_the_prompt_reads_is_refused(
    midnight: Any,
) -> None:
    said = midnight("plan", *write(["walk"], 'gold = "kind"'))
    assert (said.code, "kind" in said.err) == (2, True)
    said = midnight("plan", *write(["walk"], 'gold = "word"'))
    assert (said.code, "holds the right answers" in said.err) == (2, True)


def test_a_batch_and_its_votes_are_paused_and_retried_together(
    midnight: Any, provider: Any
) -> None:
    provider(models=(), faults={"bad_answer": 1.0})
    work = write(["walk"], "votes = 2")
    assert midnight("run", *work).code == 1
    found = json.loads(midnight("failures", "words", "--json").out)
    assert [len(each["replies"]) for each in found] == [3, 3]
    assert "2" in midnight("retry", "words").out
    midnight("pause", "words")
    states = [each["state"] for each in midnight("status", "--json").json["batches"]]
    assert states == ["paused", "paused"]
