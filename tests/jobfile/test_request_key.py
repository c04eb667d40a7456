"""Which rows ask the same, told without rendering their prompts."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.errors import JobFileError
from runner.jobfile import Prompt, RequestKeys, parse
from runner.jobfile.request_key import KEY_BYTES

JOB = '[job]\nmodel = "m"\n{job}[prompt]\n{prompt}\n'


def keys(prompt: str, job: str = "") -> RequestKeys:
    jobfile = parse(JOB.format(prompt=prompt, job=job), "job.toml")
    return RequestKeys(jobfile, Prompt(jobfile))


def columns(template: str) -> frozenset[str] | None:
    jobfile = parse(JOB.format(prompt=f"user = {json.dumps(template)}", job=""), "job.toml")
    return Prompt(jobfile).columns_read


def same(asked: RequestKeys, one: object, other: object) -> bool:
    return asked.of(json.dumps(one)) == asked.of(json.dumps(other))


@pytest.mark.parametrize(
    ("template", "read"),
    [
        ("hi", set()),
        ("{{ text }}", {"text"}),
        ("{{ text | trim }} {% if stars > 3 %}{{ hotel }}{% endif %}", {"text", "stars", "hotel"}),
        ("{% for tag in tags %}{{ tag }}{{ loop.index }}{% endfor %}", {"tags"}),
        ("{% set x = text %}{{ x }}", {"text"}),
        ("{% if a %}{% set b = 1 %}{% endif %}{{ b }}", {"a", "b"}),
        ("{% macro m(x) %}{{ x }}{{ note }}{% endmacro %}{{ m(text) }}", {"text", "note"}),
        ("{% block b %}{{ text }}{% endblock %}{{ self.b() }}", {"text"}),
        ('{{ row["review text"] }}{{ row.text }}', {"review text", "text"}),
        ('{{ row.get("note", "") }}', {"note"}),
        ('{{ row.get("note", row.get("text", title)) }}', {"note", "text", "title"}),
        ("{{ row.text.upper() }}", {"text"}),
        ("{{ range(3) | list }}", set()),
        ("{{ range }}{{ self }}{{ loop }}", {"range", "self", "loop"}),
    ],
)
def test_the_columns_that_a_template_reads_are_known(template: str, read: set[str]) -> None:
    assert columns(template) == read


@pytest.mark.parametrize(
    "template",
    [
        "{{ row }}",
        "{{ row | tojson }}",
        "{{ row.items() | list }}",
        "{{ row.keys() | list }}",
        "{{ row[text] }}",
        "{{ row.get(text) }}",
        '{{ row.get("a", row) }}',
        '{{ row.get(*["a"]) }}',
        "{% for name in row %}{{ name }}{% endfor %}",
        '{{ "text" in row }}',
        "{% set r = row %}{{ r.text }}",
        "{% set row = {} %}{{ row.text }}",
        "{% macro m(r) %}{{ r.text }}{% endmacro %}{{ m(row) }}",
        "{{ namespace(row).text }}",
    ],
)
def test_a_template_that_takes_the_row_as_a_whole_may_read_every_column(template: str) -> None:
    assert columns(template) is None


def test_rows_that_differ_in_a_column_that_is_not_read_ask_the_same() -> None:
    asked = keys('user = "{{ text }}"\nsystem = "{{ hotel }}"')
    row = {"id": 1, "text": "a", "hotel": "h"}
    assert len(asked.of(json.dumps(row))) == KEY_BYTES
    assert same(asked, row, row | {"id": 2})
    assert not same(asked, row, row | {"text": "b"})
    assert not same(asked, row, row | {"hotel": "i"})


def test_a_missing_value_is_not_null_and_a_number_not_its_text() -> None:
    asked = keys("""user = "{{ row.get('note', 'none') }} {{ text }}\"""")
    assert not same(asked, {"text": "a"}, {"text": "a", "note": None})
    assert not same(asked, {"text": 1}, {"text": "1"})
    assert not same(asked, {"text": 1}, {"text": True})


def test_the_values_of_two_columns_are_not_taken_for_each_other() -> None:
    asked = keys('user = "{{ a }}{{ b }}"')
    assert not same(asked, {"a": "x", "b": "y"}, {"a": "y", "b": "x"})
    assert not same(asked, {"a": "xy", "b": ""}, {"a": "x", "b": "y"})


def test_a_prompt_of_the_whole_row_tells_all_rows_apart() -> None:
    asked = keys('user = "{{ row }}"')
    assert not same(asked, {"a": 1, "b": 2}, {"a": 1, "b": 3})
    assert same(asked, {"a": 1, "b": 2}, {"a": 1, "b": 2})


def test_a_conversation_is_read() -> None:
    asked = keys('conversation = "chat"')
    one, other = ([{"role": "user", "content": text}] for text in "ab")
    assert same(asked, {"id": 1, "chat": one}, {"id": 2, "chat": one})
    assert not same(asked, {"chat": one}, {"chat": other})


def test_a_whole_request_is_its_url_and_its_body_whatever_the_order_of_keys() -> None:
    asked = keys('user = "x"', 'kind = "request"\n')
    row = {"custom_id": "1", "url": "/v1/embeddings", "body": {"model": "m", "input": "a"}}
    turned = row | {"custom_id": "2", "body": {"input": "a", "model": "m"}}
    assert same(asked, row, turned)
    assert not same(asked, row, row | {"body": {"model": "m", "input": "b"}})
    assert not same(asked, row, row | {"url": "/v1/chat/completions"})


def test_an_image_is_told_from_another_of_the_same_name() -> None:
    jobfile = parse(JOB.format(prompt='user = "x"\nimage = "{{ photo }}"', job=""), "job.toml")
    versions = {"a.png": "1", "b.png": "1"}
    asked = RequestKeys(jobfile, Prompt(jobfile), lambda url: url + versions[url])
    row = json.dumps({"photo": "a.png"})
    before = asked.of(row)
    assert asked.of(row) == before
    versions["b.png"] = "2"
    assert asked.of(row) == before
    versions["a.png"] = "2"
    assert asked.of(row) != before


def test_a_row_whose_image_cannot_be_told_still_has_a_key() -> None:
    jobfile = parse(JOB.format(prompt='user = "x"\nimage = "{{ 1 / n }}"', job=""), "job.toml")
    asked = RequestKeys(jobfile, Prompt(jobfile), str)
    assert asked.of('{"n": 0}') != asked.of('{"n": 2}')


VALUES = st.sampled_from(["", "a", " a", "b", 0, 1, 1.5, True, None, ["a"], {"a": "b"}])
ROWS = st.fixed_dictionaries(
    {"text": VALUES}, optional={"note": VALUES, "tags": VALUES, "id": VALUES}
)
TEMPLATES = st.lists(
    st.sampled_from(
        [
            "x",
            "{{ text }}",
            "{{ note }}",
            "{{ row.note }}",
            '{{ row["tags"] }}',
            '{{ row.get("note", text) }}',
            "{{ text | string | trim }}",
            "{% if note is defined %}{{ note }}{% endif %}",
            "{% for tag in tags %}{{ tag }}{% endfor %}",
            "{% set text = note %}{{ text }}",
            "{{ row | length }}",
            "{{ self }}",
            "{{ id if tags else text }}",
        ]
    ),
    min_size=1,
    max_size=4,
).map("".join)


@given(TEMPLATES, ROWS, ROWS)
def test_rows_with_the_same_key_have_the_same_messages(
    template: str, one: dict[str, object], other: dict[str, object]
) -> None:
    jobfile = parse(JOB.format(prompt=f"user = {json.dumps(template)}", job=""), "job.toml")
    prompt = Prompt(jobfile)

    def messages(row: dict[str, object]) -> object:
        try:
            return prompt.messages(row)
        except JobFileError as error:
            return error.what

    read = prompt.columns_read
    if read is not None:  # make them equal in what is read, and different elsewhere
        other = {k: v for k, v in other.items() if k not in read}
        other |= {k: v for k, v in one.items() if k in read}
    asked = RequestKeys(jobfile, prompt)
    if same(asked, one, other):
        assert messages(one) == messages(other)
    else:
        assert read is None


def test_the_terms_cover_what_the_rows_do_not() -> None:
    def terms(prompt: str, more: str = "", models: tuple[str, ...] = ("m",)) -> str:
        return parse(JOB.format(prompt=prompt, job="") + more, "job.toml").terms(models)

    plain = terms('user = "{{ text }}"')
    assert terms('user = "{{ text }}"', "[limits]\nmax_calls = 3\n") == plain
    assert terms('user = "{{ text }}"', "[answer]\nmax_asks = 5\n") == plain
    others = [
        terms('user = "{{ text }}!"'),
        terms('user = "{{ text }}"\nsystem = "Be kind."'),
        terms('user = "{{ text }}"\nexamples = [{ text = "a", answer = "b" }]'),
        terms('user = "{{ text }}"', "[parameters]\ntemperature = 0\n"),
        terms('user = "{{ text }}"', '[answer]\nkind = "number"\n'),
        terms('user = "{{ text }}"', models=("n",)),
        terms('turns = [{ role = "user", content = "{{ text }}" }]'),
    ]
    assert len({plain, *others}) == 8


def test_ready_job_files_read_no_more_than_they_must() -> None:
    """The whole row is taken by none, or rows that differ in an id alone would be asked twice."""
    jobs = Path(__file__).parents[2] / "jobs"
    for path in jobs.glob("*.toml"):
        assert Prompt(parse(path.read_text(), str(path), jobs)).columns_read is not None
