"""How far answers agree, as it is shown."""

from __future__ import annotations

import io

from rich.console import Console

from runner.cli.json import report_json
from runner.cli.render.agreement_tables import agreement
from runner.core.agreement import Agreement, AnswerTally

RATERS = ("Qwen/Qwen3-8B", "Qwen/Qwen3-235B-A22B-Instruct-2507", "deepseek-ai/DeepSeek-V3.2")


def shown(found: Agreement) -> str:
    stream = io.StringIO()
    Console(file=stream, width=80).print(agreement(found))
    said = stream.getvalue()
    assert max(map(len, said.splitlines())) <= 80
    return said


def labelled(labels: str, *, raters: int = 3) -> Agreement:
    """Two rows of each label, the last rater of each second one astray."""
    tally = AnswerTally(RATERS[:raters])
    for place, label in enumerate(labels * 2):
        astray = labels[(place + 1) % len(labels)] if place % 2 else label
        tally.add((label, label, astray)[-raters:], label)
    return tally.agreement()


def test_pairs_kappas_and_confusions_fit_eighty_columns() -> None:
    said = shown(labelled("abc"))
    for part in ("Cohen's kappa", "1.000", "Fleiss' kappa", "over 6 rows",
                 "100.0 % (6 of 6 right)", "Right \\ given"):  # fmt: skip
        assert part in said, part


def test_of_many_labels_the_commonest_confusions_are_listed() -> None:
    said = shown(labelled("abcdefghijklm", raters=1))
    assert "Given instead" in said
    assert "Fleiss" not in said


def test_what_is_not_defined_is_said_to_be() -> None:
    tally = AnswerTally(RATERS[:2])
    tally.add(("a", "a"))
    said = shown(tally.agreement())
    assert said.count("not defined") == 2
    assert "accuracy" not in said


def test_right_answers_without_votes_are_told() -> None:
    tally = AnswerTally(RATERS[:1])
    tally.add((None,), "a")
    assert "no row has an answer; 1 without an answer" in shown(tally.agreement())


def test_a_machine_is_told_the_same() -> None:
    found = report_json.agreement(labelled("ab"))
    assert found["pairs"][0]["cohen_kappa"] == 1.0
    assert found["accuracy"]["confusion"][0] == {"gold": "a", "answer": "a", "rows": 2}
    assert report_json.agreement(AnswerTally(RATERS).agreement())["accuracy"] is None
