"""`midnight init FILE`: a job file for one's own data, that runs as it is."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest

from runner.cli import init_action


def test_a_job_file_is_made_from_the_columns_and_runs(
    midnight: Any, work: Any, provider: Any
) -> None:
    del work
    provider()
    said = midnight("init", "data.csv", "--task", 'Label "hotel" reviews.', "--labels", "good, bad")
    assert said.code == 0, said
    assert "midnight plan data.toml data.csv" in said.out
    text = Path("data.toml").read_text()
    assert 'user   = "{{ text }}"' in text
    assert "# also here: {{ id }}" in text
    assert 'labels = ["good", "bad"]' in text
    assert midnight("run", "data.toml", "data.csv").code == 0
    again = midnight("init", "data.csv", "--task", "x", "--labels", "")
    assert (again.code, "here already" in again.err) == (2, True)


def test_odd_columns_and_chinese_answers_are_spelled_as_they_must_be(midnight: Any) -> None:
    Path("d.csv").write_text("评论 内容,true\n很好的酒店,1\n不会再来,2\n", encoding="utf-8")
    said = midnight("init", "d.csv", "--task", "给评论分类\n只用标签", "--labels", "好，坏、中")  # noqa: RUF001
    assert said.code == 0, said
    text = Path("d.toml").read_text(encoding="utf-8")
    assert r'user   = "{{ row[\"评论 内容\"] }}"' in text
    assert '# also here: {{ row["true"] }}' in text
    assert 'labels = ["好", "坏", "中"]' in text
    assert midnight("plan", "d.toml", "d.csv").code == 0


def test_mistakes_are_told_and_nothing_is_written(midnight: Any, work: Any) -> None:
    del work
    assert "two at least" in midnight("init", "data.csv", "--task", "x", "--labels", "good").err
    assert "nothing to do" in midnight("init", "data.csv", "--task", " ").err
    Path("empty.csv").write_text("")
    assert midnight("init", "empty.csv", "--task", "x").code == 2
    assert [path.name for path in Path().glob("*.toml")] == ["job.toml"]


@pytest.mark.parametrize("typed", ["data.csv", ""])
def test_three_questions_are_asked_and_enter_takes_the_only_file_that_is_here(
    midnight: Any, monkeypatch: pytest.MonkeyPatch, work: Any, typed: str
) -> None:
    del midnight, work
    asked = typing(monkeypatch, typed, "Label it.", "good,bad")
    found = init_action.ask(None, None, None)
    assert found == init_action.Answers(Path("data.csv"), "Label it.", ("good", "bad"))
    assert len(asked) == 3
    assert asked[0] == "Which file? Enter: data.csv"


@pytest.mark.parametrize("others", [(), ("a.csv", "b.jsonl")])
def test_enter_takes_the_sample_where_no_file_or_several_are_here(
    midnight: Any, monkeypatch: pytest.MonkeyPatch, others: tuple[str, ...]
) -> None:
    del midnight
    for name in others:
        Path(name).touch()
    asked = typing(monkeypatch, "")
    assert init_action.ask(None, None, None) is None
    assert ("(a.csv, b.jsonl)" in asked[0]) == bool(others)


def typing(monkeypatch: pytest.MonkeyPatch, *words: str) -> list[str]:
    """Type these words, each at a question; Enter alone takes what is offered. The questions."""
    said, asked = iter(words), list[str]()

    def prompt(text: str, *, default: str = "", **_more: Any) -> str:
        asked.append(text)
        return next(said) or default

    monkeypatch.setattr(init_action.typer, "prompt", prompt)
    return asked


def test_where_nobody_can_be_asked_what_is_missing_is_told(
    midnight: Any, work: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO())
    said = midnight("init", work[1], "--labels", "good,bad")
    assert said.code == 2
    assert "nobody can be asked here" in said.err
    assert "--task" in said.err
