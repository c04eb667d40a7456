"""What a job file may say of answers, and what is kept of it."""

import json
from pathlib import Path
from typing import Any

import pytest

from runner.errors import JobFileError
from runner.jobfile import AnswerSpec, JobFile, Valid, load, parse, read_answer

SMALL = '[job]\nmodel = "m"\n[prompt]\nuser = "{{ text }}"\n'
DIGESTS = (
    "d3e33a513cf6d7e4109742e25afbc00ccba0b345fe56a899787355d6bf581e8a",
    "f58a4fd36be84ceeab4e263868383809d52ef5402cd56da668f2d3fe2f6a621c",
)
SCHEMA = {"type": "object", "properties": {"z": {"type": "string"}, "a": {"type": "integer"}}}


def answer(lines: str, folder: Path | None = None) -> AnswerSpec:
    return parse(f"{SMALL}[answer]\n{lines}\n", "reviews.toml", folder).answer


def refused(lines: str, folder: Path | None = None) -> str:
    with pytest.raises(JobFileError) as caught:
        answer(lines, folder)
    return str(caught.value)


def test_the_digest_of_a_job_file_of_before_has_not_changed() -> None:
    assert parse(SMALL, "x.toml").digest == DIGESTS[0]
    labels = f'{SMALL}[answer]\nkind = "label"\nlabels = ["a", "b"]\n'
    assert parse(labels, "x.toml").digest == DIGESTS[1]


@pytest.mark.parametrize(
    "more", ["synonyms = { a = ['x'] }", "synonyms = { a = ['y'] }", "labels = ['a', 'b', 'c']"]
)
def test_whatever_counts_as_an_answer_is_in_the_digest(more: str) -> None:
    base = "kind = 'labels'\n" + ("" if more.startswith("labels") else "labels = ['a', 'b']\n")
    plain = parse(f"{SMALL}[answer]\nkind = 'labels'\nlabels = ['a', 'b']", "x.toml").digest
    assert parse(f"{SMALL}[answer]\n{base}{more}", "x.toml").digest != plain


def test_a_bound_of_0_is_in_the_digest_and_how_often_to_ask_is_not() -> None:
    number = f"{SMALL}[answer]\nkind = 'number'\n"
    assert parse(f"{number}min = 0", "x.toml").digest != parse(number, "x.toml").digest
    assert parse(f"{number}max_asks = 9", "x.toml").digest == parse(number, "x.toml").digest


def test_a_schema_is_read_from_a_file_beside_the_job_file_and_kept_in_it(tmp_path: Path) -> None:
    (tmp_path / "schema.json").write_text(json.dumps(SCHEMA, indent=2))
    path = tmp_path / "job.toml"
    path.write_text(f'{SMALL}[answer]\nkind = "json"\nschema = "schema.json"\n')
    job = load(path)
    again = JobFile.from_json(job.to_json())
    assert again == job
    assert again.digest == job.digest
    assert list(json.loads(again.answer.schema_ or "")["properties"]) == ["z", "a"]
    (tmp_path / "schema.json").write_text(json.dumps({"type": "array"}))
    assert load(path).digest != job.digest


def test_a_table_and_a_file_of_the_same_schema_are_the_same(tmp_path: Path) -> None:
    (tmp_path / "s.json").write_text('{"type":\n  "object"}')
    inline = answer('kind = "json"\nschema = { type = "object" }')
    assert answer('kind = "json"\nschema = "s.json"', tmp_path) == inline


def test_a_schema_file_that_is_not_there_is_told_with_its_place(tmp_path: Path) -> None:
    told = refused('kind = "json"\nschema = "none.json"', tmp_path)
    assert told.startswith('reviews.toml: [answer] schema: "none.json" cannot be read')


@pytest.mark.parametrize(
    ("schema", "told"),
    [
        ({"type": "strnig"}, "not a JSON Schema"),
        ({"properties": {"a": {"type": 1}}}, "not a JSON Schema (properties.a.type: "),
        ({"$ref": "https://example.com/a.json"}, "which is not in it"),
        ({"properties": {"a": {"$ref": "#/$defs/none"}}}, "which is not in it"),
        ({"$ref": "#"}, "without end"),
        ({"pattern": "(?=a)"}, "not a regular expression"),
        ({"patternProperties": {"a": {}}}, "patternProperties"),
    ],
)
def test_a_schema_that_cannot_be_used_is_refused(schema: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match="validation error") as caught:
        AnswerSpec(kind="json", schema=schema)
    assert told in str(caught.value)


def test_what_is_data_or_a_name_in_a_schema_is_no_keyword() -> None:
    names = {"patternProperties": {"type": "string"}, "$ref": {"type": "string"}}
    schema = {"properties": names, "default": {"$ref": "x"}, "enum": [{"pattern": "("}, {}]}
    assert AnswerSpec(kind="json", schema=schema).schema_


def test_a_schema_may_refer_to_itself() -> None:
    tree = {"type": "object", "properties": {"next": {"$ref": "#"}}, "additionalProperties": False}
    spec = AnswerSpec(kind="json", schema=tree)
    assert read_answer(spec, '{"next": {"next": {}}}') == Valid('{"next":{"next":{}}}')
    assert not isinstance(read_answer(spec, '{"next": {"a": {}}}'), Valid)


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ("integer = true", '[answer]: integer is only for kind = "number"'),
        ("kind = 'label'\nlabels = ['a', 'b']\nmin = 1", 'min is only for kind = "labels" or '),
        ("schema = { type = 'object' }", 'schema is only for kind = "json"'),
        ("kind = 'regex'", "needs a pattern"),
        ("kind = 'regex'\npattern = '(a'", "not a regular expression"),
        ("kind = 'regex'\npattern = 'a)|(b'", "not a regular expression"),
        ("kind = 'regex'\npattern = '(?=a)'", "look-arounds"),
        ("kind = 'regex'\npattern = ''", "one line of printable text"),
        ('kind = "regex"\npattern = "a\\nb"', "one line of printable text"),
        ("kind = 'labels'\nlabels = ['a', 'b']\nmin = 3", "a whole number from 0 to 2"),
        ("kind = 'labels'\nlabels = ['a', 'b']\nmax = 0", "at least 1"),
        ("kind = 'labels'\nlabels = ['a', 'b']\nmin = 2\nmax = 1", "greater than max"),
        ("kind = 'number'\nmin = 2\nmax = 1", "greater than max"),
        ("kind = 'number'\ninteger = true\nmin = 1.2\nmax = 1.8", "no whole number"),
        ("kind = 'number'\nmin = nan", "[answer] min"),
        ("kind = 'label'\nlabels = ['a', 'b']\nsynonyms = { c = ['d'] }", 'given for "c"'),
        ("kind = 'label'\nlabels = ['a', 'b']\nsynonyms = { a = ['B'] }", '"B" could mean "b"'),
        ("kind = 'label'\nlabels = ['a', 'b']\nsynonyms = { a = 'c' }", "must be a list"),
        ("kind = 'label'\nlabels = ['a', 'b']\nsynonyms = { a = [' '] }", "must not be blank"),
        ("kind = 'json'\nschema = 'schema.json'", "this is not JSON"),
        ("kind = 'json'\nschema = [1]", "[answer] schema"),
        ("kind = 'json'\nscheme = {}", 'did you mean "schema"?'),
        ("kind = 'xml'", "[answer] kind"),
    ],
)
def test_what_makes_no_sense_is_told_with_its_place(lines: str, told: str) -> None:
    assert told in refused(lines)


@pytest.mark.parametrize(
    ("pattern", "reply"),
    [
        ("علاقه\u200cمند|می\u200cروم", "علاقه\u200cمند"),
        ("क्\u200dष|अन्य", "क्\u200dष"),
        ("(👩\u200d🔬|👤)+", "👩\u200d🔬👤"),
        ("très\xa0bon|mauvais", "très\xa0bon"),
    ],
)
def test_a_pattern_is_whatever_a_language_writes(pattern: str, reply: str) -> None:
    text = f"{SMALL}[answer]\nkind = 'regex'\npattern = '{pattern}'\n"
    assert read_answer(parse(text, "job.toml").answer, reply) == Valid(reply)


@pytest.mark.parametrize("kind", ["chat", "embedding", "image", "request"])
def test_a_job_file_of_any_kind_is_read_back_from_where_it_was_stored(kind: str) -> None:
    text = f'[job]\nkind = "{kind}"\nmodel = "m"\n[prompt]\nuser = "{{{{ text }}}}"\n'
    stored = parse(text, "job.toml")
    assert JobFile.from_json(stored.to_json()) == stored
