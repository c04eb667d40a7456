"""Which jobs a call was about, as text."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from runner.store import job_spans


def test_jobs_that_follow_each_other_are_one_span() -> None:
    assert job_spans.encode([17]) == "17"
    assert job_spans.encode([18, 17, 40, 19]) == "17-19,40"


@given(st.sets(st.integers(1, 60), min_size=1), st.integers(1, 60))
def test_a_text_includes_its_jobs_and_no_others(job_ids: set[int], asked: int) -> None:
    text = job_spans.encode(list(job_ids))
    assert job_spans.include(text, asked) is (asked in job_ids)
    assert not job_spans.include("", asked)
