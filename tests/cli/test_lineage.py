"""A batch that resembles an earlier one: what is kept, what is set aside, and what is told."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any


def write_rows(number: int, path: str = "data.csv", first: int = 0) -> None:
    rows = [f"{n},review number {n}" for n in range(first, number)]
    Path(path).write_text("\n".join(["id,text", *rows]) + "\n")


def edit(old: str, new: str, path: str = "job.toml") -> None:
    Path(path).write_text(Path(path).read_text().replace(old, new))


def rows_of(path: str) -> list[dict[str, str]]:
    with Path(path).open(newline="") as file:
        return list(csv.DictReader(file))


def batches(midnight: Any) -> dict[int, Any]:
    return {one["id"]: one for one in midnight("status", "--json").json["batches"]}


def test_a_grown_input_costs_only_what_is_new(midnight: Any, work: Any, provider: Any) -> None:
    simulator = provider()
    midnight("run", *work, "-o", "out.csv")
    write_rows(10)
    said = midnight("run", *work, "-o", "out.csv")
    assert "resembles batch 1: 4 rows more; 6 answers are kept, 4 calls to make" in said.err
    assert simulator.stats().calls == 10
    assert [row["state"] for row in rows_of("out.csv")] == ["succeeded"] * 10
    assert batches(midnight)[1]["replaced_by"] == 2
    assert "replaced by 2" in midnight("status").out
    assert sorted(path.name for path in Path().glob("out*")) == ["out.csv"]


def test_what_a_replaced_batch_had_left_is_not_paid_for(
    midnight: Any, work: Any, provider: Any
) -> None:
    simulator = provider(calls_per_day=4)
    midnight("run", *work, "--no-wait")
    edit("Review:", "This review:")
    said = midnight("submit", *work)
    assert "the prompt has changed; no answer is kept, 6 calls to make" in said.err
    assert "what was left of batch 1 (2 rows) is set aside" in said.err
    known = batches(midnight)
    assert (known[1]["state"], known[2]["state"]) == ("cancelled", "active")
    assert simulator.stats().answered == 4


def test_who_takes_the_change_back_gets_the_old_batch_again(
    midnight: Any, work: Any, provider: Any
) -> None:
    simulator = provider()
    midnight("run", *work)
    edit("Review:", "This review:")
    midnight("run", *work)
    edit("This review:", "Review:")
    said = midnight("run", *work)
    assert "resembles batch 2: the prompt has changed; 6 answers are kept, 0 calls" in said.err
    assert simulator.stats().calls == 12
    known = batches(midnight)
    assert (known[1]["replaced_by"], known[2]["replaced_by"]) == (None, 1)


def test_fresh_asks_every_row_again_and_goes_on_where_it_stopped(
    midnight: Any, work: Any, provider: Any
) -> None:
    simulator = provider(calls_per_day=10)
    midnight("run", *work)
    said = midnight("run", *work, "--fresh", "--no-wait")
    assert said.code == 3
    assert "go on with: midnight run job.toml data.csv --no-wait" in said.out
    assert (simulator.stats().answered, batches(midnight)[2]["succeeded"]) == (10, 4)
    for words in ([], ["--fresh"]):
        assert midnight("submit", *work, *words, "--json").json["batch"]["id"] == 2


def test_answers_are_not_reused_where_the_job_file_says_so(
    midnight: Any, work: Any, provider: Any
) -> None:
    simulator = provider()
    midnight("run", *work)
    edit("[prompt]", "reuse = false\n[prompt]")
    write_rows(8)
    assert "no answer is kept, 8 calls to make" in midnight("run", *work).err
    assert simulator.stats().calls == 14


def test_only_failed_rows_are_asked_again_also_with_another_prompt(
    midnight: Any, work: Any, provider: Any
) -> None:
    edit("[prompt]", "[limits]\nmax_attempts = 1\n[prompt]")
    provider(faults={"error_500": 0.4}, seed=3)
    midnight("run", *work)
    failed = batches(midnight)[1]["failed"]
    assert 0 < failed < 6
    simulator = provider()
    edit("Review:", "Please: review:")
    said = midnight("run", *work, "--retry-failed", "-o", "out.csv")
    assert said.code == 0, said
    assert f"{6 - failed} answers are kept, {failed} call" in said.err
    assert simulator.stats().calls == failed
    assert [row["state"] for row in rows_of("out.csv")] == ["succeeded"] * 6


def test_the_output_of_a_batch_goes_on_with_the_batch_that_replaces_it(
    midnight: Any, work: Any, provider: Any
) -> None:
    """Also where no output is named: the command that `failures` gives names none."""
    edit("[prompt]", "[limits]\nmax_attempts = 1\n[prompt]")
    provider(faults={"error_500": 0.4}, seed=3)
    midnight("run", *work, "-o", "out.csv")
    provider()
    edit("Review:", "Please: review:")
    assert midnight("run", *work, "--retry-failed").code == 0
    assert [row["state"] for row in rows_of("out.csv")] == ["succeeded"] * 6
    write_rows(8)
    assert midnight("run", *work).code == 0
    assert [row["state"] for row in rows_of("out.csv")] == ["succeeded"] * 8


def test_failed_rows_of_the_same_batch_are_asked_again(
    midnight: Any, work: Any, provider: Any
) -> None:
    edit("[prompt]", "[limits]\nmax_attempts = 1\n[prompt]")
    provider(faults={"error_500": 1})
    midnight("run", *work)
    simulator = provider()
    said = midnight("run", *work, "--retry-failed")
    assert (said.code, simulator.stats().calls) == (0, 6)
    assert "6 failed rows of batch 1 queued again" in said.err


def test_retrying_what_was_never_run_is_refused(midnight: Any, work: Any, provider: Any) -> None:
    provider()
    said = midnight("run", *work, "--retry-failed")
    assert said.code == 2
    assert "no earlier batch" in said.err
    assert "leave out --retry-failed" in said.err
    assert batches(midnight) == {}
    both = midnight("run", *work, "--retry-failed", "--fresh")
    assert (both.code, "name one of them" in both.err) == (2, True)
    alone = midnight("run", "--fresh")
    assert (alone.code, "need a dataset" in alone.err) == (2, True)


def test_an_output_is_an_input_whose_results_are_replaced(
    midnight: Any, work: Any, provider: Any
) -> None:
    edit("[prompt]", "[limits]\nmax_attempts = 1\n[prompt]")
    provider(faults={"error_500": 0.4}, seed=3)
    midnight("run", *work, "-o", "out.csv")
    failed = [row["id"] for row in rows_of("out.csv") if row["state"] == "failed"]
    simulator = provider()
    said = midnight("run", "job.toml", "out.csv", "--where", "state == failed", "-o", "two.csv")
    assert "its columns answer, error, model, state are replaced" in said.err
    found = rows_of("two.csv")
    assert [row["id"] for row in found] == failed
    assert list(found[0]) == ["id", "text", "answer", "model", "state", "error"]
    assert simulator.stats().calls == len(failed)
    assert "out.csv --where 'state == failed'" in " ".join(midnight("status").out.split())


def test_a_new_name_stays_until_the_job_file_has_another(
    midnight: Any, work: Any, provider: Any
) -> None:
    provider()
    midnight("submit", *work)
    assert "batch 1 is called May now" in midnight("rename", 1, "May").out
    midnight("submit", *work)
    assert batches(midnight)[1]["name"] == "May"
    edit('name = "label reviews"', 'name = "June"')
    midnight("submit", *work)
    assert batches(midnight)[1]["name"] == "June"
    assert midnight("rename", 1, "  ").code == 2


def test_trials_do_not_clutter_the_status(midnight: Any, work: Any, provider: Any) -> None:
    provider()
    midnight("try", *work, "-n", 2)
    assert "try: label reviews" not in midnight("status").out
    assert "try: label reviews" in midnight("status", "--trials").out
    assert "try: label reviews" in midnight("show", 1).out
