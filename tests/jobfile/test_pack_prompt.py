"""How several rows become one request."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.errors import JobFileError
from runner.jobfile import Prompt, parse

JOB = '[job]\nmodel = "m"\n[prompt]\n'
LABEL = '[answer]\nkind = "label"\nlabels = ["good", "bad"]\n'


def prompt(lines: str, more: str = "") -> Prompt:
    return Prompt(parse(f"{JOB}{lines}\n{more}", "reviews.toml"))


def pack(asked: Prompt, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return asked.pack_messages([asked.messages(row) for row in rows])


def items(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in messages[-1]["content"].split("\n") if line[:1] == "{"]


def test_a_pack_is_asked_in_one_message_a_row_a_line() -> None:
    asked = prompt('system = "Be kind."\nuser = "Review: {{ text }}"', LABEL)
    system, user = pack(asked, [{"text": "nice"}, {"text": "dirty"}])
    assert system == asked.messages({"text": "x"})[0]
    told, blank, *lines = user["content"].rsplit("\n", 3)
    assert told.startswith("Here are 2 items, one JSON object a line.")
    assert 'its keys are the items\' numbers, "1" to "2"' in told
    assert told.endswith("each value is one of the labels as a JSON string.")
    assert blank == ""
    assert lines == [
        '{"n": 1, "item": "Review: nice"}',
        '{"n": 2, "item": "Review: dirty"}',
    ]


@given(st.lists(st.text(min_size=1).filter(str.strip), min_size=1, max_size=5))
def test_no_text_of_a_row_breaks_out_of_its_line(texts: list[str]) -> None:
    messages = pack(prompt('user = "{{ text }}"'), [{"text": text} for text in texts])
    rendered = [prompt('user = "{{ text }}"').messages({"text": text})[-1] for text in texts]
    assert [item["item"] for item in items(messages)] == [row["content"] for row in rendered]
    assert [item["n"] for item in items(messages)] == list(range(1, len(texts) + 1))


def test_examples_come_before_the_pack() -> None:
    examples = 'examples = [{ text = "fine", answer = "good" }]\nuser = "{{ text }}"'
    roles = [one["role"] for one in pack(prompt(examples, LABEL), [{"text": "x"}])]
    assert roles == ["system", "user", "assistant", "user"]


@pytest.mark.parametrize(
    ("lines", "shared"),
    [
        ('user = "x"', True),
        ('user = "x"\nsystem = "Be kind. {% set a = 1 %}{{ a }}"', True),
        ('user = "x"\nsystem = "{{ hotel }}"', False),
        ("""user = "x"\nsystem = '{{ row.get("hotel", "") }}'""", False),
    ],
)
def test_a_system_message_that_reads_the_row_is_not_shared(lines: str, *, shared: bool) -> None:
    assert prompt(lines).shared_system is shared
    assert (prompt(lines).unpackable is None) is shared


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        ('user = "x"\nimage = "{{ photo }}"', "[prompt] has images"),
        ('conversation = "chat"', "[prompt] has a conversation"),
        ('turns = [{ role = "user", content = "x" }]', "[prompt] has turns"),
    ],
)
def test_what_cannot_be_packed_is_told(lines: str, why: str) -> None:
    assert prompt(lines).unpackable == why


def test_a_row_that_leaves_nothing_to_ask_is_refused() -> None:
    with pytest.raises(JobFileError, match="empty for this row"):
        pack(prompt('user = "{{ text }}"'), [{"text": "x"}, {"text": " "}])
