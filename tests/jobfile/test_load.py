"""What is said about job files, right and wrong."""

import contextlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.errors import JobFileError
from runner.jobfile import JobFile, load, parse
from runner.jobfile.kinds import KINDS

JOBS = Path(__file__).parents[2] / "jobs"
SMALL = '[job]\nmodel = "m"\n[prompt]\nuser = "{{ text }}"\n'
LABEL = SMALL + '[answer]\nkind = "label"\nlabels = ["good", "bad"]\n'


def refused(text: str) -> JobFileError:
    with pytest.raises(JobFileError) as caught:
        parse(text, "reviews.toml")
    return caught.value


@pytest.mark.parametrize("path", sorted(JOBS.glob("*.toml")), ids=lambda path: path.stem)
def test_every_ready_job_file_loads(path: Path) -> None:
    assert load(path).job.name


def test_a_small_job_file_gets_its_defaults_and_the_stem_as_its_name() -> None:
    job = parse(SMALL, "some/reviews.toml")
    assert job.job.name == "reviews"
    assert (job.answer.kind, job.answer.max_asks) == ("text", 3)
    assert (job.limits.max_attempts, job.limits.timeout_s) == (6, 300)
    assert job.parameters == {}


def test_comments_white_space_order_and_spelled_out_defaults_do_not_change_the_digest() -> None:
    moved = (
        '# hello\n[prompt]\nuser="{{ text }}"\n\n[limits]\ntimeout_s=300\n[job]\nmodel  =  "m"\n'
    )
    assert parse(SMALL, "reviews.toml").digest == parse(moved, "reviews.toml").digest


@pytest.mark.parametrize("old_new", [('"m"', '"n"'), ("text", "review")], ids=str)
def test_what_is_asked_changes_the_digest(old_new: tuple[str, str]) -> None:
    changed = parse(SMALL.replace(*old_new), "reviews.toml")
    assert parse(SMALL, "reviews.toml").digest != changed.digest


@pytest.mark.parametrize("path", sorted(JOBS.glob("*.toml")), ids=lambda path: path.stem)
def test_a_job_file_survives_being_stored(path: Path) -> None:
    job = load(path)
    again = JobFile.from_json(job.to_json())
    assert again == job
    assert again.digest == job.digest


def test_a_stored_job_file_that_is_broken_is_an_error_with_a_remedy() -> None:
    with pytest.raises(JobFileError, match="stored"):
        JobFile.from_json("{")
    with pytest.raises(JobFileError, match="stored"):
        JobFile.from_json('{"job": {}}')


def test_parameters_pass_through_untouched() -> None:
    text = SMALL + '[parameters]\ntemperature = 0\nstop = ["a"]\nextra_body = { deep = [1.5] }\n'
    expected = {"temperature": 0, "stop": ["a"], "extra_body": {"deep": [1.5]}}
    assert parse(text, "x.toml").parameters == expected


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        *((kind, name) for kind in KINDS for name in ("model", "messages", "stream", "n")),
        ("embedding", "input"),
        ("image", "prompt"),
    ],
)
def test_a_parameter_that_the_program_sets_is_refused_with_the_reason(kind: str, name: str) -> None:
    text = SMALL.replace("[job]", f'[job]\nkind = "{kind}"')
    error = refused(f"{text}[parameters]\n{name} = 1\n")
    assert f'"{name}" cannot be set here: ' in error.what
    assert error.where == "reviews.toml: [parameters]"


def test_a_stored_job_file_of_before_a_parameter_was_refused_is_still_read() -> None:
    stored = JobFile.from_json(parse(SMALL, "x.toml").to_json().replace('"chat"', '"embedding"'))
    text = stored.to_json().replace('"parameters":{}', '"parameters":{"input":"x"}')
    assert JobFile.from_json(text).parameters == {"input": "x"}


@pytest.mark.parametrize("value", ["2020-01-01", "nan", "inf"])
def test_a_parameter_that_json_cannot_carry_is_refused(value: str) -> None:
    assert '"a.b[0]"' in refused(f"{SMALL}[parameters]\na = {{ b = [{value}] }}\n").what


def test_an_unknown_key_is_named_and_the_near_one_suggested() -> None:
    error = refused(SMALL.replace("user", "usr") + 'user = "x"\n')
    assert error.where == "reviews.toml: [prompt] usr"
    assert error.what == 'unknown key "usr"'
    assert error.remedy == 'did you mean "user"?'


def test_an_unknown_table_is_named_and_the_near_one_suggested() -> None:
    error = refused(f"{SMALL}[answers]\n")
    assert error.where == "reviews.toml: [answers]"
    assert error.remedy == 'did you mean "answer"?'


def test_an_unknown_key_near_to_nothing_is_answered_with_those_that_exist() -> None:
    remedy = refused(f"{SMALL}zzz = 1\n").remedy or ""
    assert remedy.startswith('use one of "system", "user", "turns"')


def test_several_problems_are_told_at_once() -> None:
    error = refused("[job]\n[prompt]\nuser = 1\n[limits]\nmax_attempts = 99\n")
    assert error.what.startswith("3 things are wrong:")
    assert all(
        place in error.what for place in ("[job]: needs", "[prompt] user", "[limits] max_at")
    )


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("", "[job]"),
        ("prompt = 1\n[job]\nmodel='m'", "[prompt]: must be a table"),
        (SMALL.replace('"m"', '" "'), "[job] model: must not be blank"),
        (f"{SMALL}[limits]\nmax_attempts = true", "[limits] max_attempts: must be a whole number"),
        (f"{SMALL}[limits]\ntimeout_s = nan", "[limits] timeout_s"),
        (f"{SMALL}[answer]\nmax_asks = 0", "[answer] max_asks"),
        (f"{SMALL}[answer]\nlabels = ['a', 'b']", '[answer]: labels are only for kind = "label"'),
        (f"{SMALL}[answer]\nkind = 'label'", "at least two labels"),
        (f"{SMALL}[answer]\nkind = 'label'\nlabels = ['a']", "at least two labels"),
        (f"{SMALL}[answer]\nkind = 'label'\nlabels = 'ab'", "[answer] labels: must be a list"),
        (f"{SMALL}[answer]\nkind = 'label'\nlabels = ['a', 1]", "[answer] labels item 2"),
        (f"{SMALL}[answer]\nkind = 'label'\nlabels = ['a', ' ']", "must not be blank"),
        (f"{SMALL}[answer]\nkind = 'label'\nlabels = ['a', 'A ']", "cannot be distinguished"),
        (f"{SMALL}[answer]\nkind = 'label'\nlabels = ['a', \"b\\nc\"]", "must be one line"),
    ],
)
def test_a_wrong_value_is_told_with_its_place(text: str, where: str) -> None:
    assert where in str(refused(text))


@pytest.mark.parametrize(
    "template", ["{{ text", "{% if %}", "{{ a | nosuch }}", "{% include 'a' %}"]
)
def test_a_template_error_is_told_with_its_line(template: str) -> None:
    error = refused(f'[job]\nmodel = "m"\n[prompt]\nuser = """\n{template}"""\n')
    assert error.where == "reviews.toml: [prompt] user"
    assert "template error on line 1" in error.what


def test_a_template_nested_too_deeply_is_an_error_of_the_job_file() -> None:
    assert "template" in refused(SMALL.replace("text", "(" * 5000)).what


@pytest.mark.parametrize("text", ["[job\n", 'a = "x', "a = 1\na = 2", "a = " + "9" * 5000])
def test_text_that_is_not_toml_is_an_error(text: str) -> None:
    assert "not TOML" in refused(text).what


def test_a_toml_error_is_told_with_its_line() -> None:
    assert refused("[job]\nmodel = \n").where == "reviews.toml:2"


def test_values_nested_too_deeply_are_an_error_of_the_job_file() -> None:
    assert "nested" in refused("a = " + "[" * 5000).what


def test_a_missing_file_and_a_folder_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(JobFileError, match="no such job file"):
        load(tmp_path / "none.toml")
    with pytest.raises(JobFileError, match="folder"):
        load(tmp_path)


@pytest.mark.parametrize(("data", "what"), [(b"a\n\xff", "UTF-8"), (b"a\0b", "binary")])
def test_a_file_that_is_no_text_is_refused(tmp_path: Path, data: bytes, what: str) -> None:
    path = tmp_path / "job.toml"
    path.write_bytes(data)
    with pytest.raises(JobFileError, match=what):
        load(path)


def test_a_byte_order_mark_is_tolerated(tmp_path: Path) -> None:
    path = tmp_path / "job.toml"
    path.write_text(SMALL, encoding="utf-8-sig")
    assert load(path).job.name == "job"


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_a_mutated_job_file_loads_or_is_refused_and_nothing_else(data: st.DataObject) -> None:
    source = LABEL + "[parameters]\ntemperature = 0\n[limits]\ntimeout_s = 9\n"
    start = data.draw(st.integers(0, len(source)))
    end = data.draw(st.integers(start, min(len(source), start + 12)))
    patch = data.draw(st.text(max_size=6) | st.sampled_from(["[", '"', "}}", "{%", "= 1", "\n"]))
    with contextlib.suppress(JobFileError):
        assert isinstance(parse(source[:start] + patch + source[end:], "x.toml"), JobFile)
