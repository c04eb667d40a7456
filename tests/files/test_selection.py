"""Which rows are meant by conditions, samples and limits."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from runner.errors import ConfigError, InputError
from runner.files import Dataset, Selection, check, parse_selection, read_rows
from runner.files.condition import Condition


def hundred(folder: Path) -> Path:
    path = folder / "rows.csv"
    if path.exists():
        return path
    lines = "".join(f"{number},{'en' if number % 2 else 'fr'}\n" for number in range(100))
    path.write_text(f"id,language\n{lines}")
    return path


def chosen(
    folder: Path, *where: str, sample: str | None = None, limit: int | None = None
) -> Dataset:
    return check(hundred(folder), selection=parse_selection(where, sample, limit))


def ids(dataset: Dataset, start: int = 0) -> list[int]:
    return [int(json.loads(row)["id"]) for row in read_rows(dataset, start)]


def test_a_limit_takes_the_first_rows(tmp_path: Path) -> None:
    found = chosen(tmp_path, limit=3)
    assert (found.rows, ids(found), ids(found, 2)) == (3, [0, 1, 2], [2])
    assert chosen(tmp_path, limit=1000).rows == 100


def test_a_sample_is_the_same_each_time_and_keeps_the_order(tmp_path: Path) -> None:
    found = chosen(tmp_path, sample="10")
    first = ids(found)
    assert (found.rows, len(first)) == (10, 10)
    assert first == sorted(set(first))
    assert first == ids(chosen(tmp_path, sample="10"))
    assert first != list(range(10))
    assert ids(found, 4) == first[4:]


@pytest.mark.parametrize(
    ("sample", "rows"), [("25%", 25), ("0.1%", 1), ("100%", 100), ("900", 100)]
)
def test_a_sample_may_be_a_share(tmp_path: Path, sample: str, rows: int) -> None:
    found = chosen(tmp_path, sample=sample)
    assert (found.rows, len(ids(found))) == (rows, rows)


def test_conditions_come_first_then_the_sample_then_the_limit(tmp_path: Path) -> None:
    found = chosen(tmp_path, "language == en", "id >= 50", sample="10", limit=4)
    assert (found.matched, found.rows) == (25, 4)
    assert all(number % 2 and number >= 50 for number in ids(found))
    assert ids(found) == ids(chosen(tmp_path, "language == en", "id >= 50", sample="10"))[:4]


def test_another_selection_is_another_dataset(tmp_path: Path) -> None:
    selections = [{}, {"limit": 5}, {"sample": "5"}, {"sample": "5%"}]
    digests = {chosen(tmp_path, **each).digest for each in selections}  # type: ignore[arg-type]
    digests |= {chosen(tmp_path, where).digest for where in ("id < 5", "id <= 5", "id < '5'")}
    assert len(digests) == 7
    assert chosen(tmp_path, limit=5).digest == chosen(tmp_path, limit=5).digest


def test_a_selection_without_rows_and_one_of_an_unknown_column_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no row meets the conditions"):
        chosen(tmp_path, "language == de")
    with pytest.raises(InputError, match='there is no column "langage"') as caught:
        chosen(tmp_path, "langage == de")
    assert caught.value.remedy == 'did you mean "language"?'


ROW = {"stars": "4", "score": 4.5, "day": "2026-01-31", "text": "a == b", "none": None, "ok": True}
ROW |= {"zip": "02134"}
ROW_WITH_SPACES = {"born in": "1990", "a'b": 1}


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("stars == 4", True),
        ("stars==4.0", True),
        ("stars == '4.0'", False),
        ("stars != 5", True),
        ("stars < 10", True),
        ("stars < '10'", False),
        ("score > 4", True),
        ("score <= 4.5", True),
        ("day >= 2026-01-01", True),
        ("day < 5", False),
        ("day != 5", True),
        ("none == ", True),
        ("none == ''", True),
        ("absent != x", True),
        ("ok == true", True),
        ("text == a == b", True),
        ('"text" contains "a == b"', True),
        ("text contains c", False),
        ("stars in 3,4", True),
        ("stars in [3, 5]", False),
        ("text in 'a,b', 'a == b'", True),
        ("zip in 2134", True),
        ("zip in '2134','007'", False),
        ("zip in 7,'02134'", True),
    ],
)
def test_numbers_compare_as_numbers_and_the_rest_as_text(text: str, holds: bool) -> None:  # noqa: FBT001
    row: dict[str, Any] = ROW
    assert Condition.parse(text).matches(row) is holds


def test_names_of_columns_may_have_spaces_and_quotes() -> None:
    assert Condition.parse("born in < 2000").matches(ROW_WITH_SPACES)
    assert Condition.parse(""""a'b" == 1""").matches(ROW_WITH_SPACES)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "stars",
        "stars = 4",
        "== 4",
        " == 4",
        "stars in",
        "stars in []",
        "stars in  ",
        "stars contains  ",
        "stars like 4",
    ],
)
def test_what_is_no_condition_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ConfigError, match="is not a condition") as caught:
        Condition.parse(text)
    assert "--where 'stars >= 4'" in str(caught.value.remedy)


@pytest.mark.parametrize("text", ["0", "-1", "1.5", "0%", "101%", "nan%", "few"])
def test_what_is_no_sample_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="is not a sample size"):
        parse_selection((), text, None)


def test_nothing_asked_is_every_row() -> None:
    assert not parse_selection((), None, None)
    assert Selection(limit=1)


@pytest.mark.parametrize(
    "text",
    [
        """say == \"a "quoted" word\" """,
        """say == it's "so\"""",
        '"made in" == china',
        '"made in china" contains a',
        '"a=b" < 5',
        """'a"b' == 1""",
        '" a " == 1',
        '"text" contains a == b',
        """text in '"',"it's",'a,b',"" """,
        """text in "[a","b]" """,
        """zip in "007",7,"x" """,
        "text ==",
        "text == ''",
        "text < = 5",
    ],
)
def test_a_condition_is_written_as_it_is_read(text: str) -> None:
    condition = Condition.parse(text)
    assert Condition.parse(str(condition)) == condition


_PIECES = st.sampled_from([*"abi\"\"''=<>!,()[] \n7", " in ", " contains ", "in", "==", "02", "é"])
_TEXTS = st.lists(_PIECES, max_size=9).map("".join)


@given(st.tuples(_TEXTS, st.sampled_from(["==", "<", "!=", " in ", " contains "]), _TEXTS))
def test_any_condition_is_written_as_it_is_read(pieces: tuple[str, str, str]) -> None:
    try:
        condition = Condition.parse("".join(pieces))
    except ConfigError:
        assume(False)
    assert Condition.parse(str(condition)) == condition


@given(
    st.integers(1, 2**53).map(str)
    | st.floats(0, 100, exclude_min=True).map(lambda share: f"{share}%")
)
def test_any_sample_is_written_as_it_is_read(text: str) -> None:
    sample = parse_selection((), text, None).sample
    assert parse_selection((), str(sample), None).sample == sample


def test_the_hashes_of_selections_do_not_change() -> None:
    """A batch of an earlier release is found by them."""
    where = ("stars >= '4'", "language in en, fr", "zip in 'a,b'")
    canonical = parse_selection(where, "1000000", 7).canonical
    assert canonical == (
        b'[[["stars",">=",["4"],true],["language","in",["en","fr"],false],'
        b'["zip","in",["a,b"],false]],[1000000,false],7]'
    )
    assert str(parse_selection((), "1000000", None)) == "--sample 1000000"
    assert str(parse_selection((), "2%", None)) == "--sample 2%"


def test_numbers_and_quoted_numbers_in_a_list_are_other_datasets(tmp_path: Path) -> None:
    assert chosen(tmp_path, "id in '7'").digest != chosen(tmp_path, "id in 7").digest


@pytest.mark.parametrize(("sample", "limit"), [("9" * 20, None), (None, int("9" * 20))])
def test_more_rows_than_any_dataset_has_are_refused(sample: str | None, limit: int | None) -> None:
    with pytest.raises(ConfigError, match="at most 9,007,199,254,740,992 rows"):
        parse_selection((), sample, limit)
