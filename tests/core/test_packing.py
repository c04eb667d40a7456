"""How jobs share calls."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from runner.core.packing import ALONE, Candidate, Packing, fill

candidates = st.lists(
    st.builds(Candidate, st.integers(1, 10**6), st.integers(0, 6), st.integers(0, 50)),
    max_size=60,
)
packings = st.builds(Packing, st.integers(1, 33), st.none() | st.integers(1, 200))


def test_a_job_is_alone_when_it_was_halved_often_enough() -> None:
    packing = Packing(20)
    assert [packing.pack_size(n) for n in range(6)] == [20, 10, 5, 2, 1, 1]
    assert ALONE.pack_size(0) == 1


def test_calls_are_reckoned_as_full_ones() -> None:
    assert [Packing(20).calls(n) for n in (0, 1, 20, 21, 30_000)] == [0, 1, 1, 2, 1_500]


def test_no_call_is_filled_where_there_is_nothing() -> None:
    assert fill([], Packing(4), 3) == []


@given(candidates, packings, st.integers(1, 8))
def test_every_call_keeps_every_bound_and_the_order_stays(
    found: list[Candidate], packing: Packing, calls: int
) -> None:
    packs = fill(found, packing, calls)
    assert len(packs) <= calls
    flat = [one for pack in packs for one in pack]
    assert flat == found[: len(flat)]
    assert len(packs) == calls or flat == found
    for pack in packs:
        assert 1 <= len(pack) <= min(packing.pack_size(one.splits) for one in pack)
        alone = len(pack) == 1
        assert alone or packing.budget is None or sum(c.size for c in pack) <= packing.budget


@given(candidates, packings)
def test_no_call_closes_before_it_must(found: list[Candidate], packing: Packing) -> None:
    packs = fill(found, packing, 10**6)
    for pack, after in pairwise(packs):
        assert len(fill([*pack, after[0]], packing, 2)) == 2
