"""Whether a prompt and a dataset fit together."""

import pytest

from runner.errors import JobFileError
from runner.jobfile import check_columns
from runner.jobfile.output_spec import OutputSpec


def test_a_prompt_may_read_some_of_the_columns() -> None:
    check_columns({"text"}, ["id", "text"], "job.toml", OutputSpec())


def test_an_unknown_column_is_named_with_those_that_exist_and_the_near_one() -> None:
    with pytest.raises(JobFileError) as caught:
        check_columns({"txet", "id"}, ["id", "text"], "job.toml", OutputSpec())
    assert str(caught.value) == (
        'job.toml: [prompt]: the prompt reads the column "txet"; the dataset has "id", "text"\n'
        '  try: did you mean "text"?'
    )


def test_a_near_column_that_is_no_identifier_is_spelled_as_a_template_reads_it() -> None:
    with pytest.raises(JobFileError) as caught:
        check_columns({"review_text"}, ["Review Text"], "job.toml", OutputSpec())
    assert caught.value.remedy == 'did you mean row["Review Text"]?'


def test_a_long_list_of_columns_is_cut() -> None:
    names = [f"column {number}" for number in range(1000)]
    with pytest.raises(JobFileError, match="and 970 more") as caught:
        check_columns({"zzz"}, names, "job.toml", OutputSpec())
    assert caught.value.remedy == "use a column that the dataset has"


ADDED = ("answer", "model", "state", "error")


@pytest.mark.parametrize(
    ("spec", "columns", "names"),
    [
        ({}, ["id"], ADDED),
        ({}, ["state", "answer"], ("midnight_answer", "model", "midnight_state", "error")),
        ({}, ["model", "midnight_model"], ("answer", "midnight_model_2", "state", "error")),
        ({"answer": "sentiment"}, ["answer", "id"], ("sentiment", "model", "state", "error")),
        ({"answer": "state"}, ["id"], ("state", "model", "midnight_state", "error")),
    ],
)
def test_a_column_of_ours_gives_way_to_one_of_the_dataset(
    spec: dict[str, str], columns: list[str], names: tuple[str, ...]
) -> None:
    assert OutputSpec(**spec).names(ADDED, columns) == names


def test_a_name_that_the_job_file_gives_must_be_free() -> None:
    with pytest.raises(JobFileError) as caught:
        check_columns({"text"}, ["text", "label"], "job.toml", OutputSpec(answer="label"))
    assert caught.value.where == "job.toml: [output] answer"
    with pytest.raises(ValueError, match="two columns have the same name"):
        OutputSpec(answer="x", model="x")
