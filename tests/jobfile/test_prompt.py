"""How a row becomes messages."""

import json

import pytest

from runner.errors import JobFileError
from runner.jobfile import InvalidReply, Prompt, parse
from runner.jobfile.render import Templates

LABELS = '[answer]\nkind = "label"\nlabels = ["good", "bad"]\n'


def prompt(user: str, system: str | None = None, more: str = "") -> Prompt:
    # A JSON string is a TOML string too.
    lines = f"system = {json.dumps(system)}\n" if system is not None else ""
    text = f'[job]\nmodel = "m"\n[prompt]\nuser = {json.dumps(user)}\n{lines}{more}'
    return Prompt(parse(text, "reviews.toml"))


def rendered(user: str, **row: object) -> str:
    return prompt(user).messages(row)[-1]["content"]


def test_a_text_job_sends_the_system_and_the_user_message() -> None:
    assert prompt("Say {{ word }}", "Be kind.").messages({"word": "hi"}) == [
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": "Say hi"},
    ]


def test_without_a_system_text_there_is_no_system_message() -> None:
    assert [message["role"] for message in prompt("hi").messages({})] == ["user"]
    assert [message["role"] for message in prompt("hi", "{{ a }} ").messages({"a": ""})] == ["user"]


def test_a_label_job_ends_its_system_message_with_the_labels() -> None:
    line = "Answer with exactly one of these labels and nothing else: good | bad"
    assert prompt("hi", more=LABELS).messages({})[0] == {"role": "system", "content": line}
    content = prompt("hi", "Be kind.\n", LABELS).messages({})[0]["content"]
    assert content.splitlines() == ["Be kind.", "", line]


def test_a_row_asked_again_is_reminded_of_the_labels() -> None:
    (question, reminder) = prompt("hi", more=LABELS).messages({}, [InvalidReply()])[-2:]
    assert question == {"role": "user", "content": "hi"}
    assert reminder["role"] == "user"
    assert reminder["content"] == (
        "That was no valid answer.\n"
        "Answer with exactly one of these labels and nothing else: good | bad"
    )


def test_a_row_asked_again_is_shown_its_reply_and_why_it_was_no_answer() -> None:
    asked = [
        InvalidReply("great", "the reply is not one of the labels"),
        InvalidReply("x" * 9_999, "nor this"),
    ]
    first, why, second, again = prompt("hi", more=LABELS).messages({}, asked)[-4:]
    assert first == {"role": "assistant", "content": "great"}
    assert why["content"].startswith("That was no valid answer: the reply is not one of the labels")
    assert (second["role"], len(second["content"])) == ("assistant", 2_001)
    assert "nor this" in again["content"]


def test_a_text_row_asked_again_is_asked_to_answer() -> None:
    last = prompt("hi").messages({}, [InvalidReply("", "the reply is empty")])[-1]["content"]
    assert last == "That was no valid answer: the reply is empty.\nAnswer the message above."


def test_the_columns_of_both_templates_are_known_without_rendering() -> None:
    both = prompt(
        '{{ text }}{{ row["review text"] }}{{ row.stars }}{{ row.items() }}', "{{ hotel }}"
    )
    assert both.required_columns == {"text", "review text", "stars", "hotel"}


def test_loop_variables_and_helpers_are_no_columns() -> None:
    source = "{% for i in range(2) %}{{ i }}{{ tags }}{% endfor %}{% set x = 1 %}{{ x }}"
    assert prompt(source).required_columns == {"tags"}


def test_a_column_with_any_name_is_reached_through_the_row() -> None:
    template = prompt('{{ row["review text"] }}, {{ row["row"] }}')
    assert template.messages({"review text": "fine", "row": 7})[0]["content"] == "fine, 7"


def test_values_that_are_not_text_are_written_as_json() -> None:
    assert rendered("{{ a }} {{ b }} {{ c }} {{ d }}.", a=None, b=True, c=["é"], d=1.5) == (
        ' true ["é"] 1.5.'
    )


def test_html_is_not_escaped_and_the_last_line_end_is_dropped() -> None:
    assert rendered("{{ a }}\n", a="<b> & 'c'") == "<b> & 'c'"


@pytest.mark.parametrize("user", ["{{ text }}", '{{ row["text"] }}', "{{ row.text }}"])
def test_a_column_that_a_row_lacks_is_named(user: str) -> None:
    with pytest.raises(JobFileError) as caught:
        rendered(user, other=1)
    assert caught.value.what == 'the row has no column "text"'
    assert caught.value.where == "reviews: [prompt] user"


def test_a_column_that_rows_may_lack_can_be_read_with_a_default() -> None:
    template = prompt('{{ row.get("note", "none") }}')
    assert template.required_columns == frozenset()
    assert template.messages({})[0]["content"] == "none"


@pytest.mark.parametrize(
    "user",
    [
        "{{ text.nothing }}",
        "{{ text.__class__.__mro__ }}",
        "{{ row.update(a=1) }}",
        "{{ text | round }}",
        "{{ 1 / 0 }}",
        "{{ range(10 ** 9) | list }}",
        "{{ text + 1 }}",
    ],
)
def test_whatever_fails_while_rendering_is_an_error_of_the_job_file(user: str) -> None:
    with pytest.raises(JobFileError):
        rendered(user, text="x")


def test_rendering_leaves_the_row_as_it_was() -> None:
    row = {"text": "x"}
    prompt("{% set text = 1 %}{{ text }}").messages(row)
    assert row == {"text": "x"}


def test_a_row_that_leaves_nothing_to_ask_is_refused_before_a_call_is_spent() -> None:
    with pytest.raises(JobFileError, match="empty for this row"):
        rendered("{{ text }}", text=" ")


@pytest.mark.parametrize(
    ("source", "text"), [(r"{{ '\ud83d' }}!", "\ufffd!"), (r"{{ '\ud83d\ude00' }}ü", "😀ü")]
)
def test_half_of_a_character_in_a_template_is_replaced(source: str, text: str) -> None:
    assert Templates("job", {"user": source}).render("user", {}) == text
