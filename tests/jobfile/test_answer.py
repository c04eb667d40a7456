"""Which replies are answers."""

# ruff: noqa: RUF001 - quotes and full stops of many scripts are the point

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.jobfile import AnswerSpec, Invalid, Valid, read_answer

REVIEWS = ("Positive", "negative", "mixed feelings", "N/A", "好评")
LANGUAGES = ("C", "C++", "C#", "F#", "Objective-C")
NUMBERS = ("-1", "0", "1", "1.5", "15")
LOUD = ("yes", "yes!", "no")


def label(*labels: str) -> AnswerSpec:
    return AnswerSpec(kind="label", labels=labels)


def read(text: str, labels: tuple[str, ...] = REVIEWS) -> str | None:
    answer = read_answer(label(*labels), text)
    return answer.value if isinstance(answer, Valid) else None


def test_a_text_answer_is_the_reply_stripped() -> None:
    assert read_answer(AnswerSpec(), "\n Hello, *you*. ") == Valid("Hello, *you*.")


@pytest.mark.parametrize("spec", [AnswerSpec(), label("a", "b")], ids=["text", "label"])
def test_an_empty_reply_is_invalid(spec: AnswerSpec) -> None:
    assert read_answer(spec, " \n") == Invalid("the reply is empty")


@pytest.mark.parametrize(
    "text",
    [
        "positive",
        " POSITIVE\n",
        "Positive.",
        "positive。",
        "**Positive**",
        "**positive**.",
        "`positive`",
        '"Positive."',
        "“positive”",
        "「positive」",
        "```\npositive\n```",
        "```text\nPositive\n```",
        "Label: positive",
        "**Label:** positive",
        "**Answer**: positive.",
        "The answer is: positive",
        "答案：positive。",
        "- positive",
        "# positive",
        "(positive)",
        "ｐｏｓｉｔｉｖｅ",
        "<think>negative?\nno.</think>\n\npositive",
        "hm, negative … </think> Positive!",
        "\ufeffpositive\u200b",
    ],
)
def test_noise_around_a_label_does_not_matter(text: str) -> None:
    assert read(text) == "Positive"


@pytest.mark.parametrize(
    "text", ["mixed-feelings", "Mixed_Feelings", "MIXED  feelings.", "mixedfeelings"]
)
def test_separators_inside_a_label_do_not_matter(text: str) -> None:
    assert read(text) == "mixed feelings"


@pytest.mark.parametrize(
    "text",
    [
        "positive, negative",
        "positive or negative",
        "positive/negative",
        "positive\nnegative",
        "not positive",
        "I would say that this one is positive",
        "positive because the guest liked it",
        "posit",
        "<think>positive",
        "…",
        "\u200b",
        "```\n```",
        "x" * 100_000,
        "!" * 100_000,
    ],
)
def test_two_labels_prose_and_nothing_at_all_are_invalid(text: str) -> None:
    assert read(text) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [("c", "C"), ("C.", "C"), ("C++.", "C++"), ('"c#"', "C#"), ("**C++**", "C++"), ("C+", None)],
)
def test_labels_that_differ_only_in_punctuation_stay_apart(text: str, expected: str | None) -> None:
    assert read(text, LANGUAGES) == expected


@pytest.mark.parametrize("number", NUMBERS)
def test_numbers_stay_apart(number: str) -> None:
    assert read(f"**{number}**.", NUMBERS) == number


def test_a_label_with_a_mark_of_its_own_wins_over_the_one_without() -> None:
    assert [read(text, LOUD) for text in ("yes", '"yes!"', "**yes!**.", "Yes.")] == [
        "yes",
        "yes!",
        "yes!",
        "yes",
    ]


def test_a_word_that_begins_like_a_lead_in_is_left_whole() -> None:
    assert read("label issue", ("sue", "label issue")) == "label issue"
    assert read("label issue", ("sue", "bob")) is None


def test_an_invalid_reply_is_shown_shortened() -> None:
    answer = read_answer(label("a", "b"), "long " * 100)
    assert isinstance(answer, Invalid)
    assert len(answer.reason) < 150


@settings(max_examples=200, deadline=None)
@given(st.text() | st.text(alphabet="*`\"'.<>/think #-_\nC+Label:"))
def test_reading_never_raises_and_never_invents_a_label(text: str) -> None:
    for labels in (REVIEWS, LANGUAGES, NUMBERS):
        assert read(text, labels) in (*labels, None)


NOISE = st.sampled_from(
    ["{}", "**{}**", "`{}`", '"{}"', "“{}”", "{}。", "{}.", "Label: {}", "Answer: {}", " {}\n"]
)
OUTER = st.sampled_from(["{}", "```\n{}\n```", "```text\n{}\n```", "<think>no: C</think>\n{}"])


@settings(max_examples=200, deadline=None)
@given(st.sampled_from([REVIEWS, LANGUAGES, NUMBERS, LOUD]), st.data(), NOISE, NOISE, OUTER)
def test_every_label_is_found_in_any_noise(
    labels: tuple[str, ...], data: st.DataObject, inner: str, middle: str, outer: str
) -> None:
    wanted = data.draw(st.sampled_from(labels))
    spelled = data.draw(st.sampled_from([wanted, wanted.upper(), wanted.lower()]))
    assert read(outer.format(middle.format(inner.format(spelled))), labels) == wanted


@pytest.mark.parametrize(
    ("label", "reply"),
    [
        ("علاقه\u200cمند", "علاقهمند"),
        ("क्\u200dष", "क्ष।"),
        ("👨\u200d👩\u200d👧", "👨\u200d👩\u200d👧"),
        ("très\xa0bon", "Très bon"),
        ("❤\ufe0f", "❤"),
        ("שלום", "\u200fשלום\u200f"),
        ("ราคา\u200bถูก", "ราคาถูก"),
        ("O\u2019Neill", "O\u2019Neill"),
    ],
)
def test_a_label_is_whatever_a_language_writes(label: str, reply: str) -> None:
    spec = AnswerSpec(kind="label", labels=(label, "other"))
    assert read_answer(spec, reply) == Valid(label)


@pytest.mark.parametrize("label", ["one\ntwo", "a\tb", "a\u2028b", "bell\x07"])
def test_a_label_is_one_line(label: str) -> None:
    with pytest.raises(ValueError, match="one line"):
        AnswerSpec(kind="label", labels=(label, "other"))
