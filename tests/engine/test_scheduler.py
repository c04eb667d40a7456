"""What the engine remembers between turns of how batches share."""

from runner.engine.memory import shares_of


def test_a_newcomer_has_had_as_little_as_the_least_of_those_that_are_there() -> None:
    assert shares_of({1: 500, 2: 40}, [1, 2, 3]) == {1: 500, 2: 40, 3: 40}


def test_a_batch_that_is_done_is_forgotten() -> None:
    """Else a newcomer would make thousands of calls before an older batch makes one."""
    after = shares_of({1: 3, 2: 9_000}, [2])
    assert after == {2: 9_000}
    assert shares_of(after, [2, 3]) == {2: 9_000, 3: 9_000}


def test_the_first_batches_begin_alike() -> None:
    assert shares_of({}, [1, 2]) == {1: 0, 2: 0}
