"""Votes, kappas, accuracy: the examples of the literature, and the edges where they say nothing."""

from collections import Counter
from itertools import product
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.core.agreement import AnswerTally, Fleiss, Pair, Vote, cohen, vote

# Fleiss (1971), table 1: 30 patients, each diagnosed by 6 of 43 psychiatrists as depression,
# personality disorder, schizophrenia, neurosis or other.
PATIENTS = (
    "00060 03003 01401 00006 03030 20400 00402 20310 20040 00006 "
    "10050 11040 03300 10050 02031 00501 30012 51000 02040 10203 "
    "00006 01050 02013 20040 10041 05010 40002 02040 10500 00006"
)
# The worked example that is best known: 10 subjects, 14 raters, 5 categories.
SUBJECTS = (
    (0, 0, 0, 0, 14), (0, 2, 6, 4, 2), (0, 0, 3, 5, 6), (0, 3, 9, 2, 0), (2, 2, 8, 1, 1),
    (7, 7, 0, 0, 0), (3, 2, 6, 3, 0), (2, 5, 3, 2, 2), (6, 5, 2, 1, 0), (0, 2, 2, 3, 7),
)  # fmt: skip
# Cohen (1960): 200 patients, diagnosed twice.
COHEN = {
    ("personality", "personality"): 88, ("personality", "neurosis"): 14,
    ("personality", "psychosis"): 18, ("neurosis", "personality"): 10,
    ("neurosis", "neurosis"): 40, ("neurosis", "psychosis"): 10,
    ("psychosis", "personality"): 2, ("psychosis", "neurosis"): 6, ("psychosis", "psychosis"): 12,
}  # fmt: skip


def fleiss(*rows: tuple[str | None, ...]) -> Fleiss:
    made = Fleiss()
    for row in rows:
        made.add(row)
    return made


def ratings(counts: tuple[int, ...]) -> tuple[str, ...]:
    """So many ratings of each label."""
    return tuple(str(label) for label, count in enumerate(counts) for _ in range(count))


# votes


@pytest.mark.parametrize(
    ("answers", "found"),
    [
        (("a", "b", "a"), Vote("a", 2 / 3, review=False)),
        (("a", "a", "a"), Vote("a", 1.0, review=False)),
        (("b", "a"), Vote("b", 0.5, review=True)),
        (("a", "b", "b", "a", "c"), Vote("a", 0.4, review=True)),
        (("a", None, None), Vote("a", 1.0, review=False)),
        ((None, None), Vote(None, 0.0, review=True)),
        ((), Vote(None, 0.0, review=True)),
    ],
)
def test_the_majority_is_the_answer_and_a_tie_is_for_a_person(
    answers: tuple[str | None, ...], found: Vote
) -> None:
    assert vote(answers) == found


def test_too_small_a_share_is_for_a_person_too() -> None:
    assert vote(("a", "a", "b"), least=0.7).review
    assert not vote(("a", "a", "b"), least=2 / 3).review


# Cohen


def test_cohens_own_example() -> None:
    assert cohen(COHEN) == pytest.approx((0.70 - 0.41) / (1 - 0.41))
    assert cohen(COHEN) == pytest.approx(0.492, abs=5e-4)


@pytest.mark.parametrize(
    ("table", "kappa"),
    [
        ({}, None),
        ({("a", "a"): 9}, None),  # by chance they would agree always, too
        ({("a", "a"): 9, ("b", "b"): 0}, None),
        ({("a", "a"): 5, ("b", "b"): 4}, 1.0),
        ({("a", "b"): 5, ("b", "a"): 5}, -1.0),
        ({("a", "b"): 9}, 0.0),
        ({("a", "a"): 1, ("a", "b"): 1, ("b", "a"): 1, ("b", "b"): 1}, 0.0),
    ],
)
def test_two_raters_at_the_edges(table: dict[tuple[str, str], int], kappa: float | None) -> None:
    assert cohen(table) == kappa


# Fleiss


def test_fleiss_own_example() -> None:
    counts = [tuple(map(int, row)) for row in PATIENTS.split()]
    assert [sum(column) for column in zip(*counts, strict=True)] == [26, 26, 30, 55, 43]
    found = fleiss(*map(ratings, counts))
    assert found.rows == 30
    assert found.kappa == pytest.approx(0.430, abs=5e-4)


def test_the_best_known_worked_example() -> None:
    assert fleiss(*map(ratings, SUBJECTS)).kappa == pytest.approx(0.210, abs=5e-4)


def test_many_raters_at_the_edges() -> None:
    assert fleiss().kappa is None
    assert fleiss(("a", "a"), ("a", "a")).kappa is None
    assert fleiss(("a", "a", "a"), ("b", "b", "b")).kappa == 1.0
    assert fleiss(("a", "b"), ("b", "a")).kappa == -1.0


def test_a_row_counts_with_the_ratings_it_has_and_not_at_all_with_fewer_than_two() -> None:
    """Half of the rows agree, 2 of 6 ordered pairs in the other: shares are 3/5 and 2/5."""
    found = fleiss(("a", "a", None), ("a", "b", "b"), ("c", None, None), (None, None, None))
    assert found.rows == 2
    expected = 0.6**2 + 0.4**2
    assert found.kappa == pytest.approx(((1 + 1 / 3) / 2 - expected) / (1 - expected))


@given(st.lists(st.lists(st.sampled_from("abc"), min_size=4, max_size=4), min_size=1, max_size=30))
def test_fleiss_knows_no_order_of_raters_and_never_exceeds_one(rows: list[list[str]]) -> None:
    found = fleiss(*map(tuple, rows)).kappa
    turned = fleiss(*(tuple(reversed(row)) for row in rows)).kappa
    assert found == turned
    assert found is None or found <= 1 + 1e-12


# all of it


def test_a_tally_tells_all_of_it_in_one_pass() -> None:
    tally = AnswerTally(("one", "two", "three"))
    assert tally.add(("a", "a", "b"), "a").value == "a"
    tally.add(("b", "b", "b"), "a")
    tally.add(("a", "b", None), "b")
    tally.add((None, None, None), "b")
    tally.add(("a", "a", "a"))
    found = tally.agreement()
    assert (found.rows, found.fleiss_rows) == (5, 4)
    first = found.pairs[0]
    assert (first.first, first.second, first.rows, first.agreed) == ("one", "two", 4, 3)
    assert first.kappa == pytest.approx(0.5)
    assert [pair.rows for pair in found.pairs] == [4, 3, 3]
    accuracy = found.accuracy
    assert accuracy is not None
    assert (accuracy.rows, accuracy.correct, accuracy.missing) == (3, 1, 1)
    assert accuracy.share == pytest.approx(1 / 3)
    assert accuracy.confusion == {("a", "a"): 1, ("a", "b"): 1, ("b", "a"): 1}
    assert accuracy.labels == ("a", "b")


def test_without_right_answers_nothing_is_said_of_accuracy() -> None:
    tally = AnswerTally(("one", "two"))
    assert tally.agreement().pairs == (Pair("one", "two", 0, 0, None),)
    tally.add(("a", "a"))
    assert tally.agreement().accuracy is None


def test_right_answers_without_any_vote_leave_the_accuracy_open() -> None:
    tally = AnswerTally(("one",))
    tally.add((None,), "a")
    accuracy = tally.agreement().accuracy
    assert accuracy is not None
    assert (accuracy.rows, accuracy.missing, accuracy.share) == (0, 1, None)


def test_a_row_of_another_number_of_ratings_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="zip"):
        AnswerTally(("one", "two")).add(("a",))


def test_what_is_remembered_does_not_grow_with_the_rows() -> None:
    """One count for each pair of labels, of as many as there are."""
    chance, tally = Random(1), AnswerTally(("one", "two", "three"))
    for _ in range(5_000):
        tally.add(chance.choices("abcd", k=3), "a")
    assert all(len(table) <= 16 for table in tally._tables)
    kappas = [pair.kappa for pair in tally.agreement().pairs]
    assert all(kappa is not None and abs(kappa) < 0.05 for kappa in kappas)


def test_two_raters_of_equal_habits_have_one_kappa_by_either_formula() -> None:
    """With the same shares of each label Cohen's chance is Fleiss's."""
    table = Counter({("a", "a"): 6, ("a", "b"): 2, ("b", "a"): 2, ("b", "b"): 5})
    rows = [pair for pair in product("ab", repeat=2) for _ in range(table[pair])]
    assert cohen(table) == pytest.approx(fleiss(*rows).kappa)
