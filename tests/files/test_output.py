"""What result files look like, and that they appear whole or not at all."""

import csv
import errno
import gzip
import json
import os
import resource
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.errors import OutputError
from runner.files import check, open_output, read_rows

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
CELLS = TEXT | st.sampled_from(['"', "\n", "\r", "\r\n", "a\rb", ",", "\t", " "])


def written(path: Path, columns: list[str], *rows: str) -> str:
    with open_output(path, columns) as out:
        for row in rows:
            out.write(row, ("good", "m", "succeeded", None))
    return path.read_bytes().decode()


def names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def interrupted(path: Path) -> None:
    with open_output(path, ["a"]) as out:
        out.write('{"a":"1"}', (None, None, "queued", None))
        raise KeyboardInterrupt


def test_a_table_has_the_input_columns_and_then_the_result(tmp_path: Path) -> None:
    text = written(tmp_path / "out.csv", ["b", "a"], '{"a":"x, y","b":"1"}', '{"b":"é\\n"}')
    assert text == (
        "b,a,answer,model,state,error\n"
        '1,"x, y",good,m,succeeded,\n'
        '"é\n",,good,m,succeeded,\n'
    )  # fmt: skip


MARK = b"\xef\xbb\xbf"


@pytest.mark.parametrize(
    ("head", "wanted", "marked"),
    [
        (MARK, None, True),
        ("id,text".encode("utf-16"), None, True),
        (b"id,text", None, False),
        (b"id,text", True, True),
        (MARK, False, False),
    ],
)
@pytest.mark.parametrize("suffix", ["csv", "tsv"])
def test_a_table_begins_with_a_mark_where_the_input_does_or_it_is_wanted(
    tmp_path: Path, suffix: str, head: bytes, *, wanted: bool | None, marked: bool
) -> None:
    source, path = tmp_path / "in.csv", tmp_path / f"out.{suffix}"
    source.write_bytes(head)
    with open_output(path, ["text"], source=source, mark=wanted) as out:
        out.write('{"text":"好"}', ("good", "m", "succeeded", None))
    assert path.read_bytes().startswith(MARK) == marked
    assert check(path).columns == ("text", "answer", "model", "state", "error")


def test_json_lines_have_no_mark(tmp_path: Path) -> None:
    source, path = tmp_path / "in.csv", tmp_path / "out.jsonl"
    source.write_bytes(MARK + b"text")
    with open_output(path, ["text"], source=source) as out:
        out.write('{"text":"1"}', ("good", "m", "succeeded", None))
    assert path.read_bytes().startswith(b"{")


@pytest.mark.parametrize("rows", [0, 1, 2, 2_500])
@pytest.mark.parametrize("suffix", [".json", ".JSON.gz"])
def test_a_json_file_is_one_list_whatever_the_rows_hold(
    tmp_path: Path, rows: int, suffix: str
) -> None:
    path = tmp_path / f"out{suffix}"
    given = [{"id": number, "text": f"a\nb,{number}]\u2028"} for number in range(rows)]
    with open_output(path, ["id", "text"]) as out:
        for row in given:
            out.write(json.dumps(row, indent=1), ("good", "m", "succeeded", None))
    data = path.read_bytes()
    found = json.loads(gzip.decompress(data) if suffix.endswith(".gz") else data)
    ours = {"answer": "good", "model": "m", "state": "succeeded", "error": None}
    assert found == [row | ours for row in given]


def test_a_json_file_is_the_input_of_another_job_with_every_digit(tmp_path: Path) -> None:
    path = tmp_path / "out.json"
    with open_output(path, ["id"]) as out:
        out.write('{"id":80241446968629135069.10}', ("good", None, "succeeded", None))
    assert written(tmp_path / "a.json.csv", ["a"], '{"a":"1"}').startswith("a,answer")
    dataset = check(path)
    (row,) = read_rows(dataset)
    assert '"id":80241446968629135069.10' in row
    assert dataset.columns == ("id", "answer", "model", "state", "error")


def test_cells_are_separated_by_tabs_in_a_tsv(tmp_path: Path) -> None:
    assert written(tmp_path / "out.tsv", ["a"], '{"a":"1"}').splitlines()[1] == (
        "1\tgood\tm\tsucceeded\t"
    )


def test_values_that_are_not_text_are_written_as_json_with_their_own_digits(tmp_path: Path) -> None:
    row = ' { "a" : 12345678901234567890123 , "b":1.50,"c":[1.0, "x"] ,"d":null,"e":true}'
    text = written(tmp_path / "out.csv", list("abcde"), row, "{}", '{"a":{}}')
    records = list(csv.reader(text.splitlines()))
    assert records[1][:5] == ["12345678901234567890123", "1.50", '[1.0, "x"]', "", "true"]
    assert records[2][:5] == [""] * 5
    assert records[3][0] == "{}"


def test_whole_numbers_and_truth_values_are_spelled_as_json_does(tmp_path: Path) -> None:
    rows = ('{"a":7,"b":true}', '{"a":-0,"b":false}', '{"a":"-0","b":12}', '{"a":2.0,"b":true}')
    lines = written(tmp_path / "out.csv", ["a", "b"], *rows).splitlines()[1:]
    assert [line.split(",")[:2] for line in lines] == [
        ["7", "true"],
        ["-0", "false"],
        ["-0", "12"],
        ["2.0", "true"],
    ]


def test_a_carriage_return_in_one_row_changes_no_other(tmp_path: Path) -> None:
    rows = [json.dumps({"a": text}) for text in ("x", "a\rb", "c\nd", "\r\n", "", "y")]
    together = written(tmp_path / "all.csv", ["a"], *rows).split("\n", 1)[1]
    alone = [written(tmp_path / "one.csv", ["a"], row).split("\n", 1)[1] for row in rows]
    assert together == "".join(alone)
    assert '"a\rb",good' in together


def test_more_rows_than_are_held_at_a_time_keep_their_order(tmp_path: Path) -> None:
    rows = [json.dumps({"a": number, "b": "x" * (number % 900)}) for number in range(3_000)]
    text = written(tmp_path / "out.csv", ["a", "b"], *rows)
    assert [line.split(",")[0] for line in text.splitlines()[1:]] == list(map(str, range(3_000)))


def test_a_line_of_json_keeps_its_text_and_gains_the_result(tmp_path: Path) -> None:
    row = '{"n": 12345678901234567890123, "f": 1.50}'
    added = '"answer":"good","model":"m","state":"succeeded","error":null}\n'
    text = written(tmp_path / "out.jsonl", [], row, " { } ", '{"a":\n1}')
    assert text == f"{row[:-1]},{added}{{{added}" + f'{{"a": 1,{added}'


def test_what_is_added_may_be_more_or_less_and_numbers_too(tmp_path: Path) -> None:
    for name in ("out.csv", "out.jsonl"):
        with open_output(tmp_path / name, ["a"], ("answer", "agreement", "review")) as out:
            out.write('{"a":1}', ("x", 0.5, True))
            out.write('{"a":2}', (None, 1, None))
    assert (tmp_path / "out.csv").read_text() == (
        "a,answer,agreement,review\n1,x,0.5,true\n2,,1,\n"
    )
    assert (tmp_path / "out.jsonl").read_text() == (
        '{"a":1,"answer":"x","agreement":0.5,"review":true}\n'
        '{"a":2,"answer":null,"agreement":1,"review":null}\n'
    )


def test_nothing_may_be_added(tmp_path: Path) -> None:
    with open_output(tmp_path / "out.jsonl", ["a"], ()) as out:
        out.write('{"a":1}', ())
    assert (tmp_path / "out.jsonl").read_text() == '{"a":1}\n'


@pytest.mark.parametrize("name", ["out.csv", "out.jsonl"])
def test_half_a_surrogate_in_an_answer_does_not_spoil_the_file(tmp_path: Path, name: str) -> None:
    with open_output(tmp_path / name, ["a"]) as out:
        out.write('{"a":"1"}', ("ok \ud83d", "m", "succeeded", None))
    assert "ok ?" in (tmp_path / name).read_text("utf-8")


def test_nothing_appears_when_the_block_fails_and_what_was_there_stays(tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    path.write_text("old")
    with pytest.raises(KeyboardInterrupt):
        interrupted(path)
    assert path.read_text() == "old"
    assert names(tmp_path) == ["out.csv"]


def test_the_file_appears_only_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    with open_output(path, ["a"]):
        (part,) = tmp_path.iterdir()
        assert part.name.startswith(".out.csv.")
        assert part.suffix == ".part"
    assert names(tmp_path) == ["out.csv"]


def test_an_error_of_the_block_itself_is_not_taken_for_ours(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), open_output(tmp_path / "out.csv", []):
        raise FileNotFoundError


def test_a_new_file_honours_the_umask_and_an_old_one_keeps_its_mode(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        written(tmp_path / "new.csv", [])
        (tmp_path / "old.csv").write_text("")
        (tmp_path / "old.csv").chmod(0o606)
        written(tmp_path / "old.csv", [])
    finally:
        os.umask(before)
    modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()}
    assert modes == {"new.csv": 0o640, "old.csv": 0o606}


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    link = tmp_path / "link.csv"
    link.symlink_to(tmp_path / "real.csv")
    written(link, ["a"])
    assert link.is_symlink()
    assert (tmp_path / "real.csv").exists()


def test_a_very_long_name_is_no_obstacle(tmp_path: Path) -> None:
    assert written(tmp_path / ("é" * 120 + ".csv"), ["a"])


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("count", [1, 100_000], ids=["at the end", "on the way"])
def test_a_full_disk_is_an_error_with_a_remedy_and_leaves_nothing(
    tmp_path: Path, count: int
) -> None:
    rows = ['{"a":"a long cell"}'] * count
    with largest_file(20), pytest.raises(OutputError, match="no room left"):
        written(tmp_path / "out.csv", ["a"], *rows)
    assert names(tmp_path) == []


def test_a_disk_that_fails_the_sync_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OutputError, match="Input/output error"):
        written(tmp_path / "out.csv", ["a"])
    assert names(tmp_path) == []


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(CELLS, CELLS), min_size=1, max_size=5),
    CELLS,
    st.sampled_from(["out.csv", "out.tsv", "out.jsonl"]),
)
def test_what_is_written_can_be_read_again(
    cells: list[tuple[str, str]], answer: str, name: str
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        with open_output(path, ["x", "y"]) as out:
            for x, y in cells:
                out.write(json.dumps({"x": x, "y": y}), (answer, "m", "succeeded", ""))
        again = [json.loads(row) for row in read_rows(check(path))]
        assert [(row["x"], row["y"], row["answer"]) for row in again] == [
            (x, y, answer) for x, y in cells
        ]
