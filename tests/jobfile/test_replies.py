"""What is read of replies, as models really send them; and that nothing makes the reading fail."""

# ruff: noqa: RUF001 - punctuation of many scripts is the point

import json
import time
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.replies import (
    ANY_JSON,
    CODE,
    COUNT,
    JSON,
    LABEL,
    LABELS,
    PACKS,
    REPLIES,
    SCORE,
    TEXT,
)

from runner.jobfile import AnswerSpec, Invalid, Valid, read_answer, read_pack, read_value

SPECS = (TEXT, LABEL, LABELS, SCORE, COUNT, CODE, JSON, ANY_JSON)
WIDE = AnswerSpec(kind="regex", pattern="(a+)+b|(x|.)*y")


def value(found: Valid | Invalid) -> str | None:
    return found.value if isinstance(found, Valid) else None


TAGGED = '{"html":"<p>x</analysis> y</p>"}'


@pytest.mark.parametrize(
    "reply",
    [
        TAGGED,
        f"\n{TAGGED}\n",
        f"```json\n{TAGGED}\n```",
        f"<think>a {{}} or <think>two</think>?</think>\n{TAGGED}",
        f"the template opened it</think>{TAGGED}",
        f'<think>draft: {{"html":""}}</think>\n```json\n{TAGGED}\n```',
    ],
)
def test_a_tag_in_a_string_of_json_is_content(reply: str) -> None:
    assert value(read_answer(ANY_JSON, reply)) == TAGGED


def test_a_text_answer_that_is_json_keeps_the_tags_in_it() -> None:
    assert value(read_answer(TEXT, TAGGED)) == TAGGED


@pytest.mark.parametrize("tag", ["</analysis>", "(end of analysis)", "</think>"])
def test_a_tag_in_a_packed_answer_is_content(tag: str) -> None:
    pack = json.dumps({"1": {"html": f"x{tag}y"}, "2": {"html": "z"}})
    assert list(map(value, read_pack(ANY_JSON, pack, 2))) == [
        json.dumps({"html": f"x{tag}y"}, separators=(",", ":")),
        '{"html":"z"}',
    ]


@pytest.mark.parametrize(
    "reply",
    [
        '{"draft":1}</think>{"a":2}',
        '<think>{"draft":1}</think>{"a":2}',
        '<think>x</think>{"draft":"</think>"} </think>{"a":2}',
        '<think>{"draft":"</think>"}</think>{"a":2}',
    ],
)
def test_a_draft_in_the_thinking_is_no_answer(reply: str) -> None:
    assert value(read_answer(ANY_JSON, reply)) in {'{"a":2}', None}


@pytest.mark.parametrize(("spec", "text", "expected"), REPLIES)
def test_a_reply_is_read_as_a_person_would(
    spec: AnswerSpec, text: str, expected: str | None
) -> None:
    assert value(read_answer(spec, text)) == expected


@pytest.mark.parametrize(("spec", "text", "expected"), PACKS)
def test_each_item_of_a_pack_is_read_by_itself(
    spec: AnswerSpec, text: str, expected: tuple[str | None, ...]
) -> None:
    found = read_pack(spec, text, len(expected))
    assert tuple(map(value, found)) == expected


@pytest.mark.parametrize(
    ("spec", "text", "reason"),
    [
        (LABEL, "<think>x", "the reply ended before its thinking did"),
        (LABEL, "x", 'the reply is not one of the labels: "x"'),
        (LABELS, "food, staff, price, noise", "the reply has 4 of the labels, not 0 to 3"),
        (SCORE, "x", 'the reply is not a number of at least 0 and at most 10: "x"'),
        (CODE, "x", 'the reply is not text that matches the pattern: "x"'),
        (JSON, "x", 'the reply contains no JSON: "x"'),
        (JSON, '{"stars": ', "the reply's JSON cannot be read: it is cut off"),
        (JSON, '{"stars": 1} {"stars": 2}', "the reply contains two different answers"),
        (
            JSON,
            '{"stars": 9}',
            "the JSON does not fit the schema: at ['stars']: 9 is greater than the maximum of 5",
        ),
    ],
)
def test_the_model_can_be_told_what_was_wrong(spec: AnswerSpec, text: str, reason: str) -> None:
    assert read_answer(spec, text) == Invalid(reason)


@pytest.mark.parametrize(
    ("text", "reasons"),
    [
        ('{"1": "good"}', ("", "item 2 is missing in the reply")),
        (
            '{"1": "good", ',
            ("", "item 2 is missing in the reply, whose JSON cannot be read: it is cut off"),
        ),
        ('{"2": "good", "2": "bad"}', (None, "item 2 is answered twice, with different answers")),
        ('{"0": "good"}', ("the reply numbers the items from 0",) * 2),
        ("no", ("the reply contains no numbered answers",) * 2),
    ],
)
def test_what_is_wrong_with_an_item_is_told(text: str, reasons: tuple[str | None, ...]) -> None:
    for found, reason in zip(read_pack(LABEL, text, 2), reasons, strict=True):
        assert reason is None or isinstance(found, Valid) or found.reason == reason


def test_numbers_are_recorded_in_one_form() -> None:
    texts = ("3", "3.0", "+3", "3.", "03", "3e0", "0.3e1")
    assert {value(read_answer(COUNT, text)) for text in texts} == {"3"}
    assert value(read_answer(SCORE, ".50")) == "0.5"
    assert value(read_answer(SCORE, "-0.0")) == "0"


def test_a_value_in_a_pack_is_judged_as_a_reply_is() -> None:
    assert read_value(SCORE, 1e-07) == Valid("0.0000001")
    assert read_value(SCORE, float("inf")) == Invalid("the answer cannot be written as JSON")
    assert read_value(LABEL, None) == Invalid("the answer is null")
    assert read_value(TEXT, ["x"]) == Invalid("the answer is not text")


# Nothing makes it fail


PIECES = st.sampled_from(
    (
        *"{}[]\",:：“”12-.｛²'\\\n ",
        *(
            '{"1": ',
            "positive",
            "food",
            "true",
            "None",
            "\\u",
            "\ud800",
            "<think>",
            "</think>",
            "```",
        ),
        *("e9", "Answer:", "\\boxed{", '{"n": 1, "answer": ', '{"stars": 4}', "AB-1"),
    )
)
TEXTS = (
    st.text()
    | st.text(st.characters(exclude_categories=()), max_size=40)  # halves of characters, too
    | st.lists(PIECES, max_size=25).map("".join)
)


@settings(max_examples=300)
@given(TEXTS, st.integers(0, 5))
def test_reading_never_raises_and_every_answer_can_be_stored(text: str, count: int) -> None:
    for spec in SPECS:
        found = (read_answer(spec, text), *read_pack(spec, text, count))
        assert len(found) == count + 1
        for one in found:
            (one.value if isinstance(one, Valid) else one.reason).encode()


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=200)
@given(VALUES)
def test_a_value_of_a_pack_never_raises(given_value: object) -> None:
    for spec in SPECS:
        assert isinstance(read_value(spec, given_value), Valid | Invalid)


@settings(max_examples=100)
@given(st.dictionaries(st.text(), VALUES, max_size=4))
def test_json_that_is_json_is_kept(found: dict[str, object]) -> None:
    try:
        text = json.dumps(found, allow_nan=False)
        text.encode()
        json.dumps(found, ensure_ascii=False).encode()
    except ValueError:
        return
    assert json.loads(value(read_answer(ANY_JSON, f"Here:\n{text}\n.")) or "") == found


@settings(max_examples=200)
@given(st.dictionaries(st.text(), VALUES, min_size=1, max_size=4), st.data())
def test_json_that_is_cut_off_is_never_an_answer(
    found: dict[str, object], data: st.DataObject
) -> None:
    text = json.dumps(found)
    cut = data.draw(st.integers(0, len(text) - 1))
    assert isinstance(read_answer(ANY_JSON, text[:cut]), Invalid)


HUGE: tuple[Callable[[int], str], ...] = (
    lambda n: "[" * n,
    lambda n: "{" * n,
    lambda n: '{"a":' * n,
    lambda n: "[" * n + "]" * n,
    lambda n: "{}" * n,
    lambda n: "".join(f"[{i}]" for i in range(n // 8)),
    lambda n: "[a" * n,
    lambda n: "<think>" * n,
    lambda n: "</think>" * n,
    lambda n: "```\n" * n,
    lambda n: "```\n" + " " * n,
    lambda n: '"' * n,
    lambda n: "*" * n,
    lambda n: "-" * n,
    lambda n: "a" * n,
    lambda n: "9" * n,
    lambda n: "\\" * n,
    lambda n: '{"' + "\\" * n,
    lambda n: "the " * n,
    lambda n: "Answer:" * n,
    lambda n: "Answer: x\n" * n,
    lambda n: "\\boxed{" * n,
    lambda n: "food," * n,
    lambda n: " " * n,
    lambda n: '{"1": "' + "x" * n,
    lambda n: '{"1": "good"' + ', "1": "good"' * n,
    lambda n: "[1," * n,
    lambda n: '{"stars": 1}' * n,
)


@pytest.mark.parametrize("number", range(len(HUGE)))
@pytest.mark.parametrize("length", [200_000, pytest.param(1_000_000, marks=pytest.mark.nightly)])
def test_a_reply_of_a_million_characters_is_read_at_once(number: int, length: int) -> None:
    """In quadratic time, a fifth of them would take minutes too."""
    text = HUGE[number](length)[:length]
    began = time.process_time()
    for spec in (*SPECS, WIDE):
        read_answer(spec, text)
        read_pack(spec, text, 3)
        read_pack(spec, text[:300_000], 3)
    assert time.process_time() - began < 20
