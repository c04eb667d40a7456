"""Whether a prompt and a dataset fit together."""

import pytest

from runner.errors import InputError, JobFileError
from runner.jobfile import check_columns


def test_a_prompt_may_read_some_of_the_columns() -> None:
    check_columns({"text"}, ["id", "text"], "job.toml")


def test_an_unknown_column_is_named_with_those_that_exist_and_the_near_one() -> None:
    with pytest.raises(JobFileError) as caught:
        check_columns({"txet", "id"}, ["id", "text"], "job.toml")
    assert str(caught.value) == (
        'job.toml: [prompt]: the prompt reads the column "txet"; the dataset has "id", "text"\n'
        '  try: did you mean "text"?'
    )


def test_a_near_column_that_is_no_identifier_is_spelled_as_a_template_reads_it() -> None:
    with pytest.raises(JobFileError) as caught:
        check_columns({"review_text"}, ["Review Text"], "job.toml")
    assert caught.value.remedy == 'did you mean row["Review Text"]?'


def test_a_long_list_of_columns_is_cut() -> None:
    with pytest.raises(JobFileError, match="and 970 more") as caught:
        check_columns({"zzz"}, [f"column {number}" for number in range(1000)], "job.toml")
    assert caught.value.remedy == "use a column that the dataset has"


def test_a_column_that_the_output_adds_is_refused() -> None:
    with pytest.raises(InputError) as caught:
        check_columns(
            {"text"}, ["text", "answer"], "job.toml", dataset="rows.csv", added=("answer",)
        )
    assert '"answer"' in caught.value.what
    assert caught.value.where == "rows.csv"
    assert caught.value.remedy == "rename it in the dataset"


def test_a_dataset_may_have_what_this_output_does_not_add() -> None:
    check_columns({"text"}, ["text", "model"], "job.toml", added=("answer",))
    with pytest.raises(InputError, match='the column "agreement", which the output adds'):
        check_columns({"text"}, ["text", "agreement"], "job.toml", added=("answer", "agreement"))
