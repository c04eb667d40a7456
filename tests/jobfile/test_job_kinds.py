"""The kinds of jobs and what differs between them."""

from typing import get_args

from runner.jobfile.kinds import DEFAULT_KIND, KINDS, JobKind


def test_every_kind_that_a_job_file_may_name_has_its_traits() -> None:
    assert tuple(KINDS) == get_args(JobKind)


def test_only_a_kind_that_packs_has_several_rows_in_a_call_by_default() -> None:
    assert all(traits.packs for traits in KINDS.values() if traits.rows_per_call > 1)


def test_a_row_of_the_usual_kind_is_asked_alone() -> None:
    assert KINDS[DEFAULT_KIND].rows_per_call == 1
