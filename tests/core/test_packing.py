"""How jobs share calls."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from runner.core.packing import ALONE, Candidate, Packing, fill, is_full

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
    assert fill([], Packing(4)) == []


@given(candidates, packings)
def test_every_call_keeps_every_bound_and_the_order_stays(
    found: list[Candidate], packing: Packing
) -> None:
    packs = fill(found, packing)
    assert [one for pack in packs for one in pack] == found
    for pack in packs:
        assert 1 <= len(pack) <= min(packing.pack_size(one.splits) for one in pack)
        alone = len(pack) == 1
        assert alone or packing.budget is None or sum(c.size for c in pack) <= packing.budget


@given(candidates, packings)
def test_no_call_closes_before_it_must(found: list[Candidate], packing: Packing) -> None:
    packs = fill(found, packing)
    for pack, after in pairwise(packs):
        assert len(fill([*pack, after[0]], packing)) == 2


@given(candidates, packings)
def test_no_job_may_join_a_full_pack(found: list[Candidate], packing: Packing) -> None:
    for pack in fill(found, packing):
        if is_full(pack, packing):
            assert len(fill([*pack, Candidate(1)], packing)) == 2
