"""Short cuts find exactly what the long way finds."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.jobfile import AnswerSpec
from runner.jobfile.answers import pack_reply
from runner.jobfile.answers.candidates import find_unique
from runner.jobfile.answers.labels import exact_label, exact_labels, find_label, find_labels
from runner.jobfile.answers.numbers import find_number, plain_number
from runner.jobfile.normalise import normalise
from runner.jobfile.template import _ENVIRONMENT, ROW, _Resolver, compile_template

LABELS = ("good", "Very Good", "a,b", "a", "b", "ab", "1.5", "so-so")
NAMES = st.sampled_from([*LABELS, "GOOD", " good", "verygood", "a b", "x", "", "15", "so so", "[]"])
COLUMNS = ("text", "note", "review text", "range", "row", "items")
VALUES = st.sampled_from(["", "a", "<b>", "{{ x }}", 0, -3, 1.5, 1e30, True, False, None, ["é", 1]])
PIECES = st.sampled_from(
    [
        "Review: ",
        "{{ text }}",
        "{{text}}",
        "{{ note -}} \n x",
        '{{ row["review text"] }}',
        "{{ row['items'] }}",
        "{{ row.text }}",
        "{{ row.items }}",
        "{{ range }}",
        "{{ row }}",
        "{# nothing #}",
        "{% raw %}{{ text }}{% endraw %}",
        "\n",
        "{{ self }}",
        "{{ 'é' }}",
        "{{ text | upper }}",
    ]
)


def jinja(source: str, row: dict[str, Any]) -> str:
    """What Jinja2 makes of a template, or the error that it raises."""
    try:
        tree = _Resolver().visit(_ENVIRONMENT.parse(source)).set_environment(_ENVIRONMENT)
        return _ENVIRONMENT.from_string(tree).render({**row, ROW: dict(row)})
    except Exception as error:  # noqa: BLE001 - templates raise whatever they like
        return f"{type(error).__name__}: {error}"


def rendered(source: str, row: dict[str, Any]) -> str:
    try:
        return compile_template(source).render(row)
    except Exception as error:  # noqa: BLE001 - as above
        return f"{type(error).__name__}: {error}"


def without_addresses(text: str) -> str:
    return text.partition(" at 0x")[0].partition("TemplateReference")[0]


@given(st.lists(PIECES, max_size=6).map("".join), st.dictionaries(st.sampled_from(COLUMNS), VALUES))
def test_a_template_is_rendered_as_jinja_does(source: str, row: dict[str, Any]) -> None:
    one, other = rendered(source, row), jinja(source, row)
    assert without_addresses(one) == without_addresses(other)


@pytest.mark.parametrize("source", ["{{ text }}", 'A {{ row["review text"] }} b\n{{ row.note }}'])
def test_a_template_of_text_and_columns_needs_no_jinja(source: str) -> None:
    assert compile_template(source)._plain is not None


@given(NAMES | st.text(max_size=9))
def test_a_label_spelled_out(text: str) -> None:
    spec = AnswerSpec(kind="label", labels=LABELS, synonyms={"good": ("nice",)})
    found = exact_label(spec, text.strip())
    if found is not None:
        assert find_unique(text.strip(), lambda layers: find_label(spec, layers)) == found


@given(st.lists(NAMES, max_size=4), st.sampled_from([None, 1]))
def test_an_array_of_labels(names: list[str], indent: int | None) -> None:
    spec = AnswerSpec(kind="labels", labels=LABELS)
    text = json.dumps(names, indent=indent)
    found = exact_labels(spec, text)
    if found is not None:
        assert find_unique(text, lambda layers: find_labels(spec, layers)) == found


def test_a_label_with_quotes_in_it_is_not_taken_for_an_array() -> None:
    spec = AnswerSpec(kind="labels", labels=("a", "b", 'a","b'))
    assert exact_labels(spec, '["a","b"]') is None


BOUNDS = st.none() | st.integers(-5, 30) | st.floats(-5, 30, allow_nan=False)


@given(text=st.text("0123456789", max_size=18), least=BOUNDS, most=BOUNDS, whole=st.booleans())
def test_a_number_of_digits(
    text: str, least: float | None, most: float | None, *, whole: bool
) -> None:
    try:
        spec = AnswerSpec(kind="number", min=least, max=most, integer=whole)
    except ValueError:
        return
    found = plain_number(spec, text)
    if found is not None:
        assert find_number(spec, [text]) == found


ANSWERS = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from(["good", "a", "é\ud83d", '"', "\n"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("ab1"), inner),
    max_leaves=4,
)


@given(answers=st.lists(ANSWERS, min_size=1, max_size=4), fenced=st.booleans(), plain=st.booleans())
def test_the_object_that_a_pack_is_asked_for(
    answers: list[Any], *, fenced: bool, plain: bool
) -> None:
    text = json.dumps(
        {str(number): one for number, one in enumerate(answers, 1)}, ensure_ascii=plain
    )
    core = f"```json\n{text}\n```" if fenced else text
    spec, count = AnswerSpec(kind="json"), len(answers)
    assert pack_reply._complete(core, count) == answers
    found = pack_reply._read(spec, core, count)
    assert [found.answers[number] for number in range(1, count + 1)] == [[one] for one in answers]


@pytest.mark.parametrize(
    "core",
    ['{"1": 1}', '{"1": 1, "3": 1}', '{"1": 1, "2": 1, "3": 1}', "[1, 2]", '{"1": 1, "1": 2}', "x"],
)
def test_any_other_reply_to_a_pack_takes_the_long_way(core: str) -> None:
    assert pack_reply._complete(core, 2) is None


@given(st.text("aBÄ \t\n_-éß\x1f\x0b"))
def test_ascii_is_normalised_as_any_text(text: str) -> None:
    assert normalise(text) == normalise(f"{text} é").removesuffix("é").rstrip()
