"""How many calls of an account may start a second."""

from hypothesis import given
from hypothesis import strategies as st

from runner.core.start_bucket import StartBucket, full

NOW = 1_795_500_000_000


def test_a_full_bucket_lets_one_seconds_worth_start_at_once() -> None:
    bucket = full(10)
    assert bucket.left(NOW) == 10
    spent = bucket.after(10, NOW)
    assert (spent.left(NOW), spent.next_at(NOW)) == (0, NOW + 100)
    assert spent.left(NOW + 100) == 1
    assert spent.left(NOW + 60_000) == 10


@given(
    st.integers(1, 5_000), st.lists(st.tuples(st.integers(0, 400), st.integers(0, 9)), max_size=30)
)
def test_the_next_start_is_never_sooner_or_later_than_one_is_left(
    per_second: int, events: list[tuple[int, int]]
) -> None:
    bucket, now = full(per_second), NOW
    for waited, wanted in events:
        now += waited
        bucket = bucket.after(min(wanted, bucket.left(now)), now)
        opens = bucket.next_at(now)
        assert bucket.left(opens) >= 1
        assert opens == now or bucket.left(opens - 1) == 0
    assert isinstance(bucket, StartBucket)
