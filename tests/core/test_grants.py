"""When credits expire: what samples at a balance tell of its grants, and what they cannot."""

import pytest

from runner.core.calendar import NEVER
from runner.core.grants import BalanceSample, Expiry, GrantTerms, expiring, infer, spent
from runner.core.window import CREDIT

MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
NINE = 1_795_500_000_000
EVERY = 15 * MINUTE
# As ModelScope publishes them: for a login, for a bound account; all else lasts.
TERMS = (GrantTerms(200 * CREDIT, DAY), GrantTerms(50 * CREDIT, DAY))


def look(at: int, total: int, charged: int = 0, *, until: int | None = None) -> BalanceSample:
    return BalanceSample(
        NINE + at, NINE + (at if until is None else until), total * CREDIT, charged * CREDIT
    )


def left(
    *samples: BalanceSample, terms: tuple[GrantTerms, ...] = TERMS
) -> list[tuple[int, int | None]]:
    """What is left of each grant, in credits, and by when it expires, in ms from nine."""
    return [
        (lot.left // CREDIT, None if lot.expires_by == NEVER else lot.expires_by - NINE)
        for lot in infer(samples, terms)
    ]


def test_nothing_is_known_of_a_balance_that_nobody_has_seen() -> None:
    assert infer([], TERMS) == ()
    assert expiring((), NINE) is None


def test_what_was_there_at_the_first_look_may_be_todays_grant_and_ends_within_a_day() -> None:
    assert left(look(0, 180)) == [(180, DAY)]
    assert expiring(infer([look(0, 180)], TERMS), NINE) == Expiry(180 * CREDIT, NINE + DAY, None)


def test_more_than_a_day_gives_lasts() -> None:
    assert left(look(0, 1_000)) == [(200, DAY), (50, DAY), (750, None)]


def test_any_other_amount_may_have_an_end_too() -> None:
    others = GrantTerms(None, 90 * DAY)
    assert left(look(0, 1_000), terms=(others, *TERMS)) == [(200, DAY), (50, DAY), (750, 90 * DAY)]


def test_a_rise_is_a_grant_between_two_looks() -> None:
    samples = look(0, 0, until=5 * MINUTE), look(EVERY, 250)
    found = expiring(infer(samples, TERMS), NINE + EVERY)
    assert found == Expiry(250 * CREDIT, NINE + EVERY + DAY, (NINE + 5 * MINUTE, NINE + EVERY))


def test_what_our_calls_cost_is_no_part_of_a_rise() -> None:
    """Ten were left and six were spent: a balance of 204 was given 200."""
    assert left(look(0, 10), look(EVERY, 204, charged=6)) == [(4, DAY), (200, DAY + EVERY)]


def test_the_earliest_to_expire_is_spent_first() -> None:
    samples = look(0, 40), look(EVERY, 240)
    assert left(*samples, look(2 * EVERY, 190, charged=50)) == [(190, DAY + EVERY)]
    assert sum(lot.left for lot in spent(infer(samples, TERMS), 300 * CREDIT)) == 0


def test_a_fall_that_is_not_ours_takes_the_earliest() -> None:
    assert left(look(0, 40), look(EVERY, 240), look(2 * EVERY, 200)) == [(200, DAY + EVERY)]


def test_a_small_rise_is_a_refund_and_goes_where_it_came_from() -> None:
    assert left(look(0, 40), look(EVERY, 43)) == [(43, DAY)]
    assert left(look(0, 0), look(EVERY, 2)) == [(2, DAY + EVERY)]


def test_what_outlives_its_latest_moment_beside_close_looks_lasts() -> None:
    """A purchase of 100 samples like a day's grant, until the day is over and it is still there."""
    bought = look(0, 0), look(EVERY, 100, until=DAY)
    assert left(*bought, look(DAY + EVERY, 99, charged=1)) == [(99, None)]


def test_what_is_there_again_after_a_long_while_was_granted_anew() -> None:
    found = infer([look(0, 250), look(2 * DAY, 200)], TERMS)
    assert expiring(found, NINE + 2 * DAY) == Expiry(
        200 * CREDIT, NINE + 3 * DAY, (NINE, NINE + 2 * DAY)
    )


def test_an_expiry_and_a_grant_at_once_are_told_apart_by_the_hour() -> None:
    """Of 70 that ended and 250 that were given, a balance shows no more than a rise of 180."""
    samples = look(0, 0), look(EVERY, 250), look(2 * EVERY, 70, 180, until=DAY)
    assert left(*samples, look(DAY + EVERY, 250)) == [(200, 2 * DAY + EVERY), (50, 2 * DAY + EVERY)]


def test_an_expiry_is_seen_as_it_comes() -> None:
    samples = look(0, 300), look(EVERY, 300, until=DAY - MINUTE)
    assert left(*samples, look(DAY + MINUTE, 50)) == [(50, None)]


def test_a_provider_that_publishes_no_grants_gives_what_lasts() -> None:
    assert left(look(0, 10), look(EVERY, 20), terms=()) == [(10, None), (10, None)]
    assert expiring(infer([look(0, 10)], ()), NINE) is None


@pytest.mark.parametrize("ahead", [DAY, DAY + 1])
def test_what_should_have_expired_by_now_is_not_foretold(ahead: int) -> None:
    assert expiring(infer([look(0, 10)], TERMS), NINE + ahead) is None
