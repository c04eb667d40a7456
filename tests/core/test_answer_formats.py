"""When a type of ``response_format`` that was refused is tried again."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from runner.core.answer_formats import RETRY_MS, retried_at

REFUSED = int(datetime(2026, 11, 20, tzinfo=UTC).timestamp() * 1000)
DECEMBER = int(datetime(2026, 12, 1, tzinfo=UTC).timestamp() * 1000)


@pytest.mark.parametrize("as_of", ["", "2026-10", "2026-11", "2027-01"])
def test_a_refused_type_is_tried_again_after_two_weeks(as_of: str) -> None:
    """A preset of the month of the refusal may have been written before it."""
    assert retried_at(REFUSED, as_of) == REFUSED + RETRY_MS


def test_a_preset_that_is_newer_than_the_refusal_has_it_tried() -> None:
    assert retried_at(REFUSED, "2026-12") == DECEMBER
