"""What is learnt from a dataset, and which datasets are refused."""

import hashlib
import os
from pathlib import Path

import pytest

from runner.errors import InputError
from runner.files import ALL, Dataset, SourceFile, check, read_rows
from runner.files.formats import FileType
from runner.files.readers.lines import MAX_LINE

JOBS = Path(__file__).parents[2] / "jobs"


def dataset(folder: Path, name: str, content: bytes | str) -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def refused(path: Path, *required: str) -> InputError:
    with pytest.raises(InputError) as caught:
        check(path, required=frozenset(required))
    return caught.value


def test_the_sample_data_are_whole() -> None:
    reviews = check(JOBS / "label_reviews.csv", required=frozenset({"text"}))
    assert (reviews.rows, reviews.columns) == (300, ("id", "hotel", "stars", "text"))
    texts = check(JOBS / "summarise_text.jsonl", required=frozenset({"title", "text"}))
    assert (texts.rows, texts.columns) == (12, ("id", "title", "text"))


def test_a_table_is_counted_hashed_and_dated(tmp_path: Path) -> None:
    content = b'\xef\xbb\xbfid,text\r\n1,"a\nb"\r\n\r\n2,c\r\n'
    path = dataset(tmp_path, "rows.CSV", content)
    assert check(path) == Dataset(
        files=(SourceFile(path, FileType("csv"), 2, len(content), path.stat().st_mtime_ns),),
        columns=("id", "text"),
        rows=2,
        matched=2,
        digest=hashlib.sha256(content).hexdigest(),
        selection=ALL,
    )


def test_the_columns_of_json_lines_are_the_union_of_keys_in_order(tmp_path: Path) -> None:
    path = dataset(tmp_path, "rows.jsonl", '\ufeff{"b":1}\n\n{"a":2,"b":3}\r\n{"c":null}')
    found = check(path)
    assert (found.columns, found.rows) == (("b", "a", "c"), 3)


@pytest.mark.parametrize(
    ("name", "content", "what"),
    [
        ("rows.csv", "", "the file is empty"),
        ("rows.csv", "\ufeff\n\n", "the file is empty"),
        ("rows.jsonl", "\n \n", "the file has no rows"),
        ("rows.csv", "id,text\n", "the file has no rows"),
        ("rows.csv", "id,id\n1,2\n", 'two columns are named "id"'),
        ("rows.csv", ",,\n1,2,3\n", "column 1 has no name"),
        ("rows.csv", 'id,"te"xt\n1,2\n', "text follows a closing quote"),
        ("rows.doc", "x", 'the suffix ".doc" is unknown'),
        ("rows.parquet.gz", "x", 'the suffix ".gz" is unknown'),
        ("rows.parquet", "x", "this is not a Parquet file"),
        ("rows.xlsx", "x", "this is not an Excel workbook"),
        ("rows", "x", "the name has no suffix"),
        ("rows.jsonl", '{"":1}\n', "a key is empty"),
    ],
)
def test_a_file_without_usable_rows_is_refused(
    tmp_path: Path, name: str, content: str, what: str
) -> None:
    error = refused(dataset(tmp_path, name, content))
    assert what in error.what
    assert error.remedy


def test_the_supported_suffixes_are_named(tmp_path: Path) -> None:
    assert refused(tmp_path / "rows.doc").remedy == (
        "use one of .csv, .tsv, .jsonl, .ndjson, .json, .parquet, .arrow, .feather, .xlsx, .xls, "
        ".ods; text also with .gz, .zst, .bz2, .xz or .zip behind it; or name the format with "
        "--format"
    )


def test_a_missing_file_a_folder_and_a_pipe_are_told_apart(tmp_path: Path) -> None:
    (tmp_path / "folder.csv").mkdir()
    os.mkfifo(tmp_path / "pipe.csv")
    assert refused(tmp_path / "none.csv").what == "no such file"
    assert refused(tmp_path / "folder.csv").what == "this is a folder"
    assert refused(tmp_path / "pipe.csv").what == "this is not a regular file"


@pytest.mark.parametrize(
    ("content", "line", "what"),
    [
        (b"a,b\n1,2\n3,\xe9\n", 3, "0xe9, which is not UTF-8 (at offset 10)"),
        (b"a,b\n1,\0\n", 2, "a NUL byte (at offset 6)"),
        (b"a,b\n" + b"1,2\n" * 200_000 + b"\xff", 200_002, "0xff"),
    ],
)
def test_binary_content_is_told_with_its_line_and_offset(
    tmp_path: Path, content: bytes, line: int, what: str
) -> None:
    path = dataset(tmp_path, "rows.csv", content)
    error = refused(path)
    assert what in error.what
    assert error.where == f"{path}:{line}"


def test_a_line_that_never_ends_is_refused_before_it_fills_the_memory(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    with path.open("wb") as file:
        file.truncate(MAX_LINE + (1 << 20))
    assert "longer than 64 MB" in refused(path).what


def test_broken_rows_are_told_together_with_the_lines_where_they_begin(tmp_path: Path) -> None:
    path = dataset(tmp_path, "rows.csv", 'a,b\n1\n"x\ny",2\n1,2,3\n"p"q,2\n7,8\n')
    error = refused(path)
    assert error.where == f"{path}:2"
    assert error.what == (
        "3 rows cannot be used:"
        "\n  line 2: 1 cell, where the header has 2"
        "\n  line 5: 3 cells, where the header has 2"
        "\n  line 6: text follows a closing quote; a quote inside a cell is written twice"
    )


def test_a_quote_that_is_never_closed_is_told_where_it_opens(tmp_path: Path) -> None:
    path = dataset(tmp_path, "rows.csv", 'a,b\n1,2\n3,"4\n5,6\n')
    error = refused(path)
    assert (error.where, error.what) == (
        f"{path}:3",
        "a quote opened in this row is never closed",
    )


def test_many_broken_rows_are_counted_and_the_first_twenty_told(tmp_path: Path) -> None:
    error = refused(dataset(tmp_path, "rows.csv", "a,b\n" + "1\n" * 1000))
    assert error.what.startswith("1000 rows cannot be used:")
    assert error.what.count("\n  line ") == 20
    assert error.what.endswith("and 980 more")


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("[1]", "this is a list, not a JSON object"),
        ("null", "this is null, not a JSON object"),
        ('{"a":1', "this is not JSON"),
        ('{"b":1}', 'the row lacks "a"'),
        ('{"a":1,"a":2}', 'the key "a" appears twice'),
        ('{"a" :1, "b":": ","a":2}', 'the key "a" appears twice'),
        ('{"a":{"é":1,"b":[{"\\u00e9":2}],"\\u00e9":3}}', 'the key "é" appears twice'),
    ],
)
def test_a_line_that_is_no_usable_object_is_told(tmp_path: Path, line: str, what: str) -> None:
    path = dataset(tmp_path, "rows.jsonl", f'{{"a":1}}\n{line}\n')
    error = refused(path, "a")
    assert error.what.startswith(what)
    assert error.where == f"{path}:2"


@pytest.mark.parametrize(("name", "content"), [("r.csv", "text\nx"), ("r.jsonl", '{"text":1}')])
def test_a_column_that_no_row_has_is_told_once(tmp_path: Path, name: str, content: str) -> None:
    error = refused(dataset(tmp_path, name, content), "texts")
    assert error.what == 'there is no column "texts"; the columns are "text"'
    assert error.remedy == 'did you mean "text"?'


def test_colons_in_texts_are_no_keys(tmp_path: Path) -> None:
    lines = ['{"a":"said \\"yes\\": ok"}', '{"a":":", "b" : {"a":[{"a":1}]}}', '{"a":" : \\\\"}']
    assert check(dataset(tmp_path, "rows.jsonl", "\n".join(lines))).rows == 3


def test_a_table_with_semicolons_is_read_and_that_is_told(tmp_path: Path) -> None:
    found = check(dataset(tmp_path, "rows.csv", 'id;text\n1;a,b\n2;"c;d"\n'))
    assert found.columns == ("id", "text")
    assert list(read_rows(found)) == ['{"id":"1","text":"a,b"}', '{"id":"2","text":"c;d"}']
    assert found.remarks == ("rows.csv: read with semicolons between the cells",)


def test_a_column_whose_name_has_a_semicolon_is_one_where_the_prompt_reads_it(
    tmp_path: Path,
) -> None:
    found = check(dataset(tmp_path, "rows.csv", "id;text\n1;a\n"), required=frozenset({"id;text"}))
    assert found.columns == ("id;text",)


def test_a_tsv_file_with_semicolons_is_told(tmp_path: Path) -> None:
    error = refused(dataset(tmp_path, "rows.tsv", "id;text\n1;a\n"), "text")
    assert "separated by semicolons" in error.what


def test_rows_with_endlessly_many_keys_are_no_table(tmp_path: Path) -> None:
    lines = "".join(f'{{"key {number}":1}}\n' for number in range(10_002))
    path = dataset(tmp_path, "rows.jsonl", lines)
    assert refused(path).where == f"{path}:10001"


def test_progress_is_reported_now_and_then_and_ends_at_the_size(tmp_path: Path) -> None:
    path = dataset(tmp_path, "rows.csv", "a,b\n" + "x" * 50 + ",1\n" + "x,2\n" * 34_999)
    seen: list[tuple[int, int]] = []
    found = check(path, on_progress=lambda read, size: seen.append((read, size)))
    assert len(seen) == 4
    assert seen == sorted(seen)
    assert seen[-1] == (found.size, found.size)


def test_a_column_in_other_case_is_proposed(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("TEXT,x\n1,2\n")
    with pytest.raises(InputError, match='there is no column "text"') as caught:
        check(path, required=frozenset({"text"}))
    assert caught.value.remedy == 'did you mean "TEXT"?'
