"""JSON that is not one object a line: tables of pandas, indented objects, NaN and infinities."""

import json
from pathlib import Path
from typing import Any, Literal

import pandas as pd
import pytest

from runner.errors import InputError
from runner.files import check, parse_selection, read_rows
from runner.files.readers import json_layout

FRAME = pd.DataFrame({"text": ["a", "b", "ü"], "n": [1.5, None, 0.25]})
ROWS = [
    {"text": "a", "n": 1.5},
    {"text": "b", "n": None},
    {"text": "ü", "n": 0.25},
]
Orient = Literal["columns", "index", "split", "table"]


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(row) for row in read_rows(check(path))]


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("orient", ["columns", "index", "split", "table"])
def test_a_table_that_pandas_wrote_as_one_object_is_read_and_told(
    tmp_path: Path, orient: Orient, indent: int | None
) -> None:
    path = tmp_path / "rows.json"
    FRAME.to_json(path, orient=orient, indent=indent)
    [remark] = check(path).remarks
    assert f'the table that pandas writes with orient="{orient}"' in remark
    found = rows(path)
    if orient == "table":
        assert [row.pop("index") for row in found] == [0, 1, 2]
    assert found == ROWS
    assert next(json.loads(row) for row in read_rows(check(path), 2))["text"] == "ü"


@pytest.mark.parametrize("orient", ["columns", "index", "split"])
def test_an_index_that_is_not_the_number_of_the_row_is_a_column(
    tmp_path: Path, orient: Orient
) -> None:
    path = tmp_path / "rows.json"
    FRAME.iloc[[2, 0]].rename(columns={"n": "index"}).to_json(path, orient=orient)
    found = rows(path)
    assert [str(row.pop("level_0")) for row in found] == ["2", "0"]
    assert [row["text"] for row in found] == ["ü", "a"]


def test_the_numbers_of_a_table_keep_their_digits(tmp_path: Path) -> None:
    text = '{"text":{"0":"a"},"n":{"0":0.1000},"i":{"0":80241446968629135069}}'
    [row] = read_rows(check(write(tmp_path / "rows.json", text)))
    assert row == '{"text": "a", "n": 0.1000, "i": 80241446968629135069}'


@pytest.mark.parametrize(
    "text",
    [
        '{"text":{"r1":"a","r2":"b"},"n":{"r1":1,"r2":2}}',
        '{"1":{"1":"a","2":"b"},"2":{"1":1,"2":2}}',
        '{"text":["a","b"],"n":[1,2]}',
        '{\n "text": ["a", "b"],\n "n": [1, 2]\n}\n',
    ],
)
def test_what_may_be_a_table_or_a_row_is_refused_with_a_remedy(tmp_path: Path, text: str) -> None:
    with pytest.raises(InputError, match="a row of objects, or a table") as caught:
        check(write(tmp_path / "rows.json", text))
    assert 'orient="records", lines=True' in str(caught.value.remedy)
    assert len(rows(write(tmp_path / "rows.jsonl", text))) == 1


@pytest.mark.parametrize(
    "text",
    [
        '{"votes":{"1":"a","2":"b"}}\n{"votes":{"1":"a","2":"c"}}\n',
        '{"user":{"name":"a"},"more":{"x":1}}\n',
        '{"columns":["a"],"index":[0],"data":[[1,2]]}\n',
        '{"schema":{"a":1},"data":[1]}\n',
        '{"a":{"0":1},"b":{"1":2}}\n\n',
        '{"texts":["a","b"],"n":3}\n',
        '{"texts":["a","b"]}\n',
        '{"texts":["a"],"labels":["b"]}\n',
        '{"texts":["a","b"],"n":[1,2]}\n{"texts":["a","b"],"n":[1,2]}\n',
    ],
)
def test_rows_that_look_like_a_table_of_pandas_are_rows(tmp_path: Path, text: str) -> None:
    assert rows(write(tmp_path / "rows.json", text)) == [
        json.loads(line) for line in text.splitlines() if line
    ]


def test_a_table_that_is_too_large_to_be_parsed_at_once_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(json_layout, "_MOST_FRAME", 1 << 10)
    path = tmp_path / "rows.json"
    pd.DataFrame({"text": ["a" * 9_000] * 9}).to_json(path)
    with pytest.raises(InputError, match="one object, and longer than"):
        check(path)


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_objects_may_be_indented_as_jq_writes_them(tmp_path: Path, end: str) -> None:
    values = [{"a": '}\n{"', "b": {"c": [1, {}]}}, {"a": "\\", "b": None}]
    text = "".join(json.dumps(value, indent=2) + "\n" for value in values)
    assert rows(write(tmp_path / "rows.jsonl", text.replace("\n", end))) == values
    with pytest.raises(InputError, match="the last row has no end"):
        check(write(tmp_path / "rows.jsonl", text.rstrip()[:-1]))


def test_nan_is_null_and_an_infinity_a_text_and_both_are_told(tmp_path: Path) -> None:
    values = [
        {"n": float("nan"), "text": "NaN, Infinity"},
        {"n": [float("inf"), {"x": float("-inf")}], "text": 'a "NaN" \\'},
    ]
    expected = [
        {"n": None, "text": "NaN, Infinity"},
        {"n": ["Infinity", {"x": "-Infinity"}], "text": 'a "NaN" \\'},
    ]
    lines = write(tmp_path / "rows.jsonl", "".join(json.dumps(v) + "\n" for v in values))
    whole = write(tmp_path / "rows.json", json.dumps(values, indent=1))
    for path in (lines, whole):
        assert rows(path) == expected
        assert "NaN is read as null" in check(path).remarks[0]
    chosen = check(lines, selection=parse_selection(["n == ''"], None, None))
    assert chosen.rows == 1


def test_rows_in_a_list_under_a_key_have_a_remedy(tmp_path: Path) -> None:
    path = write(tmp_path / "rows.json", '{"version": 1, "my data": [{"text": "a"}]}')
    with pytest.raises(InputError, match='there is no column "text"') as caught:
        check(path, required=frozenset({"text"}))
    assert str(caught.value.remedy).endswith("""jq -c '.["my data"][]' rows.json""")
    assert check(path, required=frozenset({"my data"})).rows == 1


@pytest.mark.parametrize("text", ['{"n": -NaN}', '{"n": NaN5}', '{"n": nan}', '{"NaN": Inf}'])
def test_other_words_for_no_number_are_named_with_their_line(tmp_path: Path, text: str) -> None:
    with pytest.raises(InputError, match="this is not JSON") as caught:
        check(write(tmp_path / "rows.jsonl", f'{{"n": 1}}\n{text}\n'))
    assert str(caught.value.where).endswith("rows.jsonl:2")
