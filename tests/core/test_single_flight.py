"""Of jobs of several batches with the same request, one is in a call at a time."""

from runner.core.single_flight import SingleFlight

A, B = b"a", b"b"


def test_a_request_is_held_back_while_a_job_that_asks_it_is_in_flight() -> None:
    flight = SingleFlight().started([(A, 1)])
    assert flight.holds([B, A])
    assert not flight.holds([B, None])
    assert not flight.ended([1]).holds([A])


def test_a_request_that_nobody_shares_holds_nothing_back() -> None:
    assert SingleFlight().started([(None, 1)]) == SingleFlight()
    assert not SingleFlight().started([(None, 1), (A, 2)]).holds([None])


def test_of_two_jobs_in_flight_with_one_request_both_must_end() -> None:
    """A batch that wants its own answers asks at the same time as another."""
    flight = SingleFlight().started([(A, 1)]).started([(A, 2), (B, 3)])
    assert flight.ended([1]).holds([A])
    assert flight.ended([1, 2, 9]) == SingleFlight().started([(B, 3)])


def test_where_nothing_is_shared_the_end_of_jobs_changes_nothing() -> None:
    assert SingleFlight().ended([1, 2]) == SingleFlight()
