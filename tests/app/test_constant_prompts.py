"""A prompt that reads no column is a mistake, unless the user says that it is meant."""

from pathlib import Path

import pytest

from runner.app.submitting.submission import Submission, check_submission, with_constant_prompt
from runner.errors import JobFileError
from runner.jobfile import load

ROWS = "id,text,review text\n1,lovely,x\n2,dreadful,y\n"


def checked(
    folder: Path, user: str, more: str = "", *, constant_prompt: bool = False
) -> Submission:
    job, rows = folder / "job.toml", folder / "in.csv"
    job.write_text(f"[job]\nmodel = 'm'\n[prompt]\nuser = '''{user}'''\n{more}")
    rows.write_text(ROWS)
    loaded = with_constant_prompt(load(job)) if constant_prompt else load(job)
    return check_submission(loaded, rows, job_path=job)


@pytest.mark.parametrize(
    ("user", "advice"),
    [
        ("Review: {text}", "did you mean {{ text }} for {text}?"),
        ("Review: { text }", "did you mean {{ text }} for { text }?"),
        ("Review: ${text}", "did you mean {{ text }} for ${text}?"),
        ("Review: $text.", "did you mean {{ text }} for $text?"),
        ("Review: %(text)s", "did you mean {{ text }} for %(text)s?"),
        ("Review: <text>", "did you mean {{ text }} for <text>?"),
        ("Review: {review text}", 'did you mean {{ row["review text"] }} for {review text}?'),
        ("Tell me a joke.", "write {{ id }}, for example"),
        ("{% if true %}Hello{% endif %}{{ none }}", "write {{ id }}, for example"),
    ],
)
def test_it_is_refused_with_what_was_meant(tmp_path: Path, user: str, advice: str) -> None:
    with pytest.raises(JobFileError) as caught:
        checked(tmp_path, user)
    assert "the prompt reads no column" in caught.value.what
    assert advice in (caught.value.remedy or "")
    assert "--constant-prompt" in (caught.value.remedy or "")


def test_it_is_allowed_where_the_user_says_so(tmp_path: Path) -> None:
    assert checked(tmp_path, "Tell me a joke.", constant_prompt=True).dataset.rows == 2
    in_job = checked(tmp_path, "Tell me a joke.", "constant = true")
    assert in_job.dataset.rows == 2
    # Saying so makes no other batch.
    assert checked(tmp_path, "Tell me a joke.", constant_prompt=True).digest == in_job.digest


@pytest.mark.parametrize(
    "user", ["{{ row }}", "{{ row.text }}", "{% for w in text.split() %}x{% endfor %}"]
)
def test_a_prompt_that_reads_the_row_is_none(tmp_path: Path, user: str) -> None:
    assert checked(tmp_path, user).remarks == ()


def test_single_braces_beside_a_column_that_is_read_are_told(tmp_path: Path) -> None:
    [remark] = checked(tmp_path, 'Is {text} in {{ id }}? Say {"a": "b"} or {id}.').remarks
    assert remark == ("the prompt has {text}, which is sent as it stands; did you mean {{ text }}?")


def test_a_column_that_is_not_one_word_is_told_how_to_be_read(tmp_path: Path) -> None:
    with pytest.raises(Exception, match="no column") as caught:
        checked(tmp_path, "{{ review }}: {{ text }}")
    assert "review text" in str(caught.value)
