"""Text files as other programs write them: encodings, quotes, lists, headers, compressions."""

import bz2
import gzip
import io
import json
import lzma
import zipfile
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runner import exact_json
from runner.errors import InputError
from runner.files import ReadOptions, check, read_rows
from runner.files.readers.json_layout import ValueLines

CHINESE = "编号,评论\n1,酒店很好\n2,“不错”、下次还来。\n"


def write(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def rows(path: Path, **options: str) -> list[dict[str, object]]:
    found = check(path, options=ReadOptions(**options))  # type: ignore[arg-type]
    return [exact_json.loads(row) for row in read_rows(found)]


def quoted(text: str) -> str:
    doubled = text.replace('"', '""')
    return f'"{doubled}"'


def dumped(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


@pytest.mark.parametrize("suffix", ["csv", "tsv", "jsonl"])
@pytest.mark.parametrize("encoding", ["gbk", "gb18030", "utf-16"])
def test_any_text_format_may_be_in_another_encoding(
    tmp_path: Path, suffix: str, encoding: str
) -> None:
    """Also one whose quotes have to be looked at first."""
    told = ["酒店很好", '“不错”、下次 "还" 来。', "服务员很好"]
    lines = {
        "csv": ["编号,评论", *(f"{n},{quoted(x)}" for n, x in enumerate(told))],
        "tsv": ["编号\t评论", *(f"{n}\t{x}" for n, x in enumerate(told))],
        "jsonl": [f'{{"编号": "{n}", "评论": {dumped(x)}}}' for n, x in enumerate(told)],
    }
    text = "".join(f"{line}\n" for line in lines[suffix])
    path = write(tmp_path, f"rows.{suffix}", text.encode(encoding))
    assert rows(path) == [{"编号": str(n), "评论": one} for n, one in enumerate(told)]


@pytest.mark.parametrize("suffix", ["csv", "tsv", "jsonl"])
def test_what_is_in_no_known_encoding_is_told_in_every_format(tmp_path: Path, suffix: str) -> None:
    text = '{"name": "Zoë Müller", "town": "Köln"}\n' if suffix == "jsonl" else "name\nZoë Müller\n"
    error = refused(write(tmp_path, f"rows.{suffix}", text.encode("latin-1")))
    assert "not UTF-8" in error.what


def refused(path: Path) -> InputError:
    with pytest.raises(InputError) as caught:
        check(path)
    return caught.value


@pytest.mark.parametrize(
    ("encoding", "told"),
    [("gbk", "gb18030"), ("gb18030", "gb18030"), ("utf-16", "utf-16"), ("utf-16-le", "utf-16-le")],
)
@pytest.mark.parametrize("name", ["rows.csv", "rows.csv.gz"])
def test_an_encoding_is_recognised_and_told(
    tmp_path: Path, encoding: str, told: str, name: str
) -> None:
    text = CHINESE if encoding != "utf-16-le" else "id,text\n1,lovely\n" * 9
    data = text.encode(encoding)
    path = write(tmp_path, name, gzip.compress(data) if name.endswith("gz") else data)
    found = check(path)
    assert found.remarks[0] == f"{name}: read as {told}; --encoding names another"
    header, first, *_ = text.splitlines()
    assert json.loads(next(read_rows(found))) == dict(
        zip(header.split(","), first.split(","), strict=True)
    )


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("word", ["這家餐廳很好吃", "一", "ā\U0001f600", "plain", "上下一丁"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_utf_16_needs_no_mark_whatever_its_letters(
    tmp_path: Path, encoding: str, word: str, end: str
) -> None:
    text = end.join(["編號,一", *[f"{word},{word * 9}"] * 400])
    found = check(write(tmp_path, "rows.csv", text.encode(encoding)))
    assert found.remarks[0] == f"rows.csv: read as {encoding}; --encoding names another"
    read = [exact_json.loads(row) for row in read_rows(found)]
    assert read == [{"編號": word, "一": word * 9}] * 400


@pytest.mark.parametrize("text", ["id,text\n1,a\0b\n", "id,te\0xt\n1,b\n", "文,\0\n文,文\n" * 9])
def test_stray_nul_bytes_make_no_utf_16(tmp_path: Path, text: str) -> None:
    assert "NUL byte" in refused(write(tmp_path, "rows.csv", text.encode())).what


def test_chinese_far_behind_the_start_is_recognised(tmp_path: Path) -> None:
    text = "id,text\n" + "1,plain\n" * 200_000 + "2,酒店很好\n"
    *_, last = rows(write(tmp_path, "rows.csv", text.encode("gbk")))
    assert last == {"id": "2", "text": "酒店很好"}


@pytest.mark.parametrize("word", ["北京", "苹果", "脏乱差", "卫生间太小", "清华大学", "张三"])
def test_a_word_of_chinese_is_enough(tmp_path: Path, word: str) -> None:
    path = write(tmp_path, "rows.csv", f"id,text\n1,{word}\n".encode("gbk"))
    assert rows(path) == [{"id": "1", "text": word}]


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("id,text\n1,이 제품은 정말 마음에 듭니다\n", "cp949"),
        ("id,text\n1,Café très bon\n2,naïve\n", "cp1252"),
        ("id,text\n1,とても良いホテルです\n", "shift_jis"),
        ("id,text\n1,とても良いホテルです\n", "euc_jp"),
        ("id,text\n1,호텔이 아주 좋아요\n", "euc_kr"),
        ("id,text\n1,飯店很好、下次還來。\n", "big5"),
        ("id,text\n1,отель хороший\n", "koi8-r"),
    ],
)
def test_any_other_encoding_has_to_be_named(tmp_path: Path, text: str, encoding: str) -> None:
    path = write(tmp_path, "rows.csv", text.encode(encoding))
    error = refused(path)
    assert "which is not UTF-8" in error.what
    assert "--encoding" in (error.remedy or "")
    expected = text.splitlines()[1].partition(",")[2]
    assert rows(path, encoding=encoding)[0]["text"] == expected


def test_utf_16_that_is_named_and_has_no_mark_is_told(tmp_path: Path) -> None:
    path = write(tmp_path, "rows.csv", "a,b\n1,2\n")
    with pytest.raises(InputError, match="the file is not utf-16"):
        check(path, options=ReadOptions(encoding="utf-16"))


def test_bytes_that_are_not_the_named_encoding_are_told(tmp_path: Path) -> None:
    path = write(tmp_path, "rows.csv", b"id,text\n1,\xff\xff\n")
    with pytest.raises(InputError, match="the byte 0xff, which is not gb18030"):
        check(path, options=ReadOptions(encoding="gb18030"))


@pytest.mark.parametrize(
    ("lines", "cells"),
    [
        ('a\tb\n"Great" movie\t5" pipe\n', ['"Great" movie', '5" pipe']),
        ('a\tb\n"Great"\tC:\\new\\table\n', ['"Great"', "C:\\new\\table"]),
        ('a\tb\n"open\tx\n2\t3\n', ['"open', "x"]),
        ("a\tb\nline\\nend\t\\N\n", ["line\\nend", "\\N"]),
        ('a\tb\n"tab\there"\tx\n', ["tab\there", "x"]),
        ('a\tb\n"two\nlines"\t"say ""hi"""\n', ["two\nlines", 'say "hi"']),
        ('a\tb\n"one, two"\tx\n', ["one, two", "x"]),
        ('"a"\t"b"\n"one"\t"2"\n', ["one", "2"]),
    ],
)
def test_quotes_in_a_tsv_file_are_plain_unless_they_are_needed(
    tmp_path: Path, lines: str, cells: list[str]
) -> None:
    assert rows(write(tmp_path, "rows.tsv", lines))[0] == dict(zip("ab", cells, strict=True))


@pytest.mark.parametrize("name", ["rows.json", "rows.jsonl", "rows.ndjson", "rows.json.gz"])
@pytest.mark.parametrize(
    "text",
    [
        '[{"a": 0.10, "b": "x,]\\"}\\\\"}, {"a": [1, {"c": []}], "b": null}]',
        '\ufeff[\n {\n "a": 0.10,\n "b": "x,]\\"}\\\\"\n },\n {"a":[1,{"c":[]}],"b":null}\n]\n',
        '{"a": 0.10, "b": "x,]\\"}\\\\"}\n{"a": [1, {"c": []}], "b": null}\n',
    ],
)
def test_json_is_a_list_or_lines(tmp_path: Path, name: str, text: str) -> None:
    data = text.encode()
    path = write(tmp_path, name, gzip.compress(data) if name.endswith("gz") else data)
    found = rows(path)
    assert found == [{"a": 0.1, "b": 'x,]"}\\'}, {"a": [1, {"c": []}], "b": None}]
    assert str(found[0]["a"]) == "0.10"


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ('[{"a": 1}, {"a": 2}', "the list of rows has no end"),
        ('[{"a": 1}, {"a": "', "the list of rows has no end"),
        ('[{"a": 1}, 2]', "this is a number, not a JSON object"),
        ("[]", "the file has no rows"),
        ('[{"a": 1}] x', "this is not JSON"),
    ],
)
def test_a_list_that_is_no_list_of_rows_is_refused(tmp_path: Path, text: str, what: str) -> None:
    assert what in refused(write(tmp_path, "rows.json", text)).what


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.sampled_from(['"', "\\"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=8,
)


class Dribble(io.BytesIO):
    """A source that gives a few bytes at a time."""

    size = 1

    def read(self, _size: int | None = -1, /) -> bytes:
        return super().read(self.size)


@settings(deadline=None)
@given(st.lists(st.dictionaries(st.text(max_size=3), JSON), max_size=4), st.integers(1, 9))
def test_a_list_is_read_the_same_in_pieces_of_any_size(items: list[object], size: int) -> None:
    for indent in (None, 1):
        source = Dribble(json.dumps(items, indent=indent, ensure_ascii=False).encode())
        source.size = size
        lines = ValueLines(source, Path("rows.json"), outer=1)
        found = b"".join(iter(lines.read, b""))
        assert [json.loads(line) for line in found.splitlines() if line.strip()] == items


def test_columns_without_a_name_are_called_as_pandas_calls_them(tmp_path: Path) -> None:
    found = check(write(tmp_path, "rows.csv", ",species,\n0,Adelie,\n1,Gentoo,x\n"))
    assert found.columns == ("Unnamed: 0", "species", "Unnamed: 2")
    [remark] = found.remarks
    assert remark == 'rows.csv: columns without a name are called "Unnamed: 0", "Unnamed: 2"'


@pytest.mark.parametrize("name", ["rows.csv", "rows.tsv", "rows.csv.gz"])
@pytest.mark.parametrize(
    "header",
    [
        ",x",
        " ,x",
        "\ufeff,x",
        ",Unnamed: 0,x",
        "Unnamed: 0,,x",
        ",,Unnamed: 0,Unnamed: 1,Unnamed: 0.1",
        ",x,Unnamed: 0.1,Unnamed: 0",
    ],
)
def test_a_table_that_was_written_twice_with_its_index_has_the_columns_of_pandas(
    tmp_path: Path, name: str, header: str
) -> None:
    """`to_csv` without `index=False` adds a nameless column each time; so does R."""
    text = "".join(f"{line}\n" for line in (header, ",".join("12345"[: header.count(",") + 1])))
    expected = pd.read_csv(io.StringIO(text.strip("\ufeff").replace(" ,", ",")))
    text = text.replace(",", "\t") if "tsv" in name else text
    data = text.encode()
    path = write(tmp_path, name, gzip.compress(data) if name.endswith("gz") else data)
    assert check(path).columns == tuple(expected.columns)
    assert [list(row.values()) for row in rows(path)] == [list("12345"[: len(expected.columns)])]


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("17,39.1,x", "39.1"),
        ("5,2024-01-02 10:00,x", "2024-01-02 10:00"),
        ("1,https://example.com/a,x", "https://example.com/a"),
        ("1,somebody@example.com,x", "somebody@example.com"),
        ("1,The room was clean and the staff were lovely.,x", None),
        ("80241446,b,x", "80241446"),
    ],
)
def test_a_file_that_seems_to_have_no_header_is_told(
    tmp_path: Path, header: str, value: str | None
) -> None:
    [remark] = check(write(tmp_path, "rows.csv", f"{header}\n1,2,3\n")).remarks
    assert "the first line seems to be a row and not a header" in remark
    assert value is None or f'it holds "{value}"' in remark


@pytest.mark.parametrize("header", ["id,text", "2019,2020", "0,1", "bill length (mm),n."])
def test_a_header_is_not_suspected(tmp_path: Path, header: str) -> None:
    assert check(write(tmp_path, "rows.csv", f"{header}\n1,2\n")).remarks == ()


@pytest.mark.parametrize(
    ("name", "data", "what", "remedy"),
    [
        ("sep.csv", b"sep=,\nid,text\n1,a\n", "this is Excel's sep= line", "leave it out"),
        ("sep.csv", b"SEP=;\nid;text\n1;a\n", "this is Excel's sep= line", "leave it out"),
        ("a.csv", gzip.compress(b"a\n1\n", mtime=0), "the file is compressed with gzip", ".gz"),
        ("a.jsonl", bz2.compress(b"a\n1\n"), "the file is compressed with bzip2", ".bz2"),
        ("a.csv", b"PAR1xxxx", "the file is a Parquet file", ".parquet"),
        ("a.csv", b"PK\3\4xxxx", "the file is a workbook or a zip archive", ".xlsx"),
        ("a.csv", b"\n <!DOCTYPE html>\n<html>", "the file is a web page", "download the file"),
        ("a.jsonl", b"\xef\xbb\xbf<html lang='de'>", "the file is a web page", "log in"),
        ("a.csv", b"version https://git-lfs.github.com/spec/v1\n", "Git LFS", "git lfs pull"),
        ("a.tsv", b"%PDF-1.7\n", "the file is a PDF document", ".xlsx"),
        ("a.csv", b"SQLite format 3\0\x10", "the file is an SQLite database", "export"),
        ("a.csv", b'{"id": 1, "text": "a"}\n', "the file is JSON", ".jsonl"),
        ("a.tsv", b'[\n {\n "text": "a"}]\n', "the file is JSON", ".jsonl"),
        ("a.csv", b"id,text\n1,a\r2,b\n", "a carriage return stands alone", "put quotes"),
    ],
)
def test_what_the_file_is_instead_is_told(
    tmp_path: Path, name: str, data: bytes, what: str, remedy: str
) -> None:
    error = refused(write(tmp_path, name, data))
    assert what in error.what
    assert remedy in (error.remedy or "")


@pytest.mark.parametrize("separator", [";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_cells_of_a_csv_file_may_be_separated_by_other_signs(
    tmp_path: Path, separator: str, encoding: str
) -> None:
    """As R's ``write.csv2``, Excel's Unicode text and ``fwrite(sep = "|")`` write them."""
    lines = [['"id"', '"text"'], ["1,5", '"a; ""b""\t|"'], ["2", "c, d"]]
    text = "".join(separator.join(line) + "\r\n" for line in lines)
    path = write(tmp_path, "rows.csv", text.encode(encoding))
    assert rows(path) == [{"id": "1,5", "text": 'a; "b"\t|'}, {"id": "2", "text": "c, d"}]
    assert check(path).remarks[-1].startswith("rows.csv: read with ")


@pytest.mark.parametrize("name", ["a; b", "a|b"])
def test_a_single_column_that_the_prompt_reads_is_one(tmp_path: Path, name: str) -> None:
    path = write(tmp_path, "rows.csv", f"{name}\n1\n")
    assert check(path, required=frozenset({name})).columns == (name,)
    assert rows(write(tmp_path, "rows.csv", f'"{name}"\n1\n')) == [{name: "1"}]


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("a.csv", 'id,text\r1,"a\rb\nc"\r2,d\r', [("1", "a\rb\nc"), ("2", "d")]),
        ("a.csv", '"i""d";text\r1;a\r\r2;b', [("1", "a"), ("2", "b")]),
        ("a.tsv", 'id\ttext\r1\t"a\r2\tb\r', [("1", '"a'), ("2", "b")]),
        ("a.jsonl", '{"id":1}\r{"id":2}\r', [(1,), (2,)]),
        ("a.json", '[\r{"id":1},\r{"id":2}]', [(1,), (2,)]),
        ("a.csv", "id,text\r\r\n1,a\r\r\n", [("1", "a")]),
    ],
)
def test_carriage_returns_alone_may_end_lines(
    tmp_path: Path, name: str, text: str, expected: list[tuple[object, ...]]
) -> None:
    path = write(tmp_path, name, text)
    assert [tuple(row.values()) for row in rows(path)] == expected
    is_told = any("carriage returns as line ends" in remark for remark in check(path).remarks)
    assert is_told == ("\r\r\n" not in text and not name.endswith(".json"))


@pytest.mark.parametrize(
    ("name", "text", "remark"),
    [
        ("a.csv", "id,text\n1,\\N\n", r"cells hold \N, which databases write for null"),
        ("a.tsv", "id\ttext\n\\N\ta\n", r"cells hold \N, which databases write for null"),
        ("a.csv", "id,text\n1,a\n\ufeffid,text\n2,b\n", "the header stands again on line 3"),
        ("a.csv", "id,text\n1,a\nid,text\nid,text\n", "the header stands again on line 3"),
    ],
)
def test_cells_that_are_probably_not_what_they_say_are_told(
    tmp_path: Path, name: str, text: str, remark: str
) -> None:
    path = write(tmp_path, name, text)
    [told] = check(path).remarks
    assert remark in told
    assert len(rows(path)) == text.count("\n") - 1


def test_row_names_without_a_name_have_a_remedy(tmp_path: Path) -> None:
    """As R's ``write.table`` writes them, while a single row with more cells is a broken one."""
    error = refused(write(tmp_path, "a.csv", '"text","n"\n"1","a",1.5\n"2","b",2\n'))
    assert "col.names = NA" in str(error.remedy)
    error = refused(write(tmp_path, "a.csv", "text,n\na,1\na,1,2\n"))
    assert "put quotes around cells" in str(error.remedy)


def test_a_broken_line_is_counted_by_carriage_returns(tmp_path: Path) -> None:
    error = refused(write(tmp_path, "a.csv", "id,text\r1,a\r2\r"))
    assert str(error.where).endswith("a.csv:3")


@pytest.mark.parametrize("name", ["<id>", "{x}", "[id]", "%PDF", "version", "<html-id>"])
def test_a_header_that_begins_oddly_is_one(tmp_path: Path, name: str) -> None:
    assert rows(write(tmp_path, "a.csv", f"{name},text\n1,a\n")) == [{name: "1", "text": "a"}]


def test_marks_and_halves_in_json_lines_are_read(tmp_path: Path) -> None:
    lines = '{"id":1,"text":"cut \\ud83d"}\n\ufeff{"id":2,"text":"\\ud83d\\ude00"}\n'
    found = rows(write(tmp_path, "rows.jsonl", lines))
    assert [row["text"] for row in found] == ["cut \ufffd", "😀"]


def zipped(*names: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in names:
            archive.writestr(name, "a\n1\n")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("rows.csv.bz2", bz2.compress(b"a\n1\n")),
        ("rows.csv.xz", lzma.compress(b"a\n1\n")),
        ("rows.csv.zip", zipped("other.txt")),
        ("rows.zip", zipped("inner.csv")),
        ("rows.zip", zipped("folder/inner.csv", "__MACOSX/folder/._inner.csv")),
    ],
)
def test_one_file_in_any_compression_is_read(tmp_path: Path, name: str, data: bytes) -> None:
    assert rows(write(tmp_path, name, data)) == [{"a": "1"}]


@pytest.mark.parametrize(
    ("name", "data", "what"),
    [
        ("rows.zip", zipped("a.csv", "b.csv"), "the archive does not hold one file of text"),
        ("rows.csv.zip", zipped("a.csv", "b.csv"), "the archive holds 2 files"),
        ("rows.csv.zip", b"x", "this is not a zip archive"),
        ("rows.csv.bz2", bz2.compress(b"a\n1\n")[:-5], "damaged or truncated"),
        ("rows.csv.xz", lzma.compress(b"a\n1\n")[:-9], "damaged or truncated"),
    ],
)
def test_an_archive_that_cannot_be_read_is_told(
    tmp_path: Path, name: str, data: bytes, what: str
) -> None:
    assert what in refused(write(tmp_path, name, data)).what


def test_a_row_that_is_nested_too_deeply_is_refused(tmp_path: Path) -> None:
    deep = '{"a":' + "[" * 300 + "]" * 300 + "}\n"
    assert "nested more than 200 deep" in refused(write(tmp_path, "rows.jsonl", deep)).what
    long = json.dumps({"a": [[number] for number in range(300)]})
    assert rows(write(tmp_path, "rows.jsonl", long)) == [json.loads(long)]
