"""What Excel keeps beside the values: formulas, merged cells and hidden sheets."""

from pathlib import Path
from typing import Any
from zipfile import ZipFile

import openpyxl
import pytest

from runner.errors import InputError
from runner.files import check, read_rows
from runner.files.readers import sheet_xml


def sheet(folder: Path, *cells: str) -> Path:
    """A workbook whose second row has the given cells, as XML."""
    path, book = folder / "plain.xlsx", openpyxl.Workbook()
    columns = "ABC"[: len(cells)]
    book.active.append(list(columns))  # type: ignore[union-attr]
    book.active.append(["here"])  # type: ignore[union-attr]
    book.save(path)
    row = "".join(cell.format(at=f"{name}2") for name, cell in zip(columns, cells, strict=True))
    with ZipFile(path) as old, ZipFile(folder / "rows.xlsx", "w") as new:
        for name in old.namelist():
            data = old.read(name).decode()
            if name.endswith("sheet1.xml"):
                start = data.index('<row r="2"')
                row_end = data.index("</row>", start)
                data = f'{data[:start]}<row r="2">{row}{data[row_end:]}'
            new.writestr(name, data)
    return folder / "rows.xlsx"


@pytest.mark.parametrize(
    "cell",
    [
        '<c r="{at}"><f>1+1</f><v></v></c>',
        '<c r="{at}" s="1"><f>1&lt;2</f><v/></c>',
        '<c r="{at}"><f>1</f></c>',
        '<c r="{at}"><f t="shared" si="0"/></c>',
        '<c t="b" r="{at}">\n<f>TRUE()</f>\n</c>',
    ],
)
def test_a_formula_that_was_never_calculated_is_named(tmp_path: Path, cell: str) -> None:
    with pytest.raises(InputError, match="the formula in the cell B2 was never calc") as caught:
        check(sheet(tmp_path, '<c r="{at}"><v>1</v></c>', cell))
    assert caught.value.remedy == "open the file in Excel or LibreOffice, and save it"


def test_a_formula_counts_as_what_it_came_to(tmp_path: Path) -> None:
    path = sheet(
        tmp_path,
        '<c r="{at}" t="str"><f>""</f><v></v></c>',
        '<c r="{at}"><f>1+1</f><v>2</v></c>',
        '<c r="{at}" t="e"><f>1/0</f><v>#DIV/0!</v></c>',
    )
    assert list(read_rows(check(path))) == ['{"A":null,"B":2,"C":"#DIV/0!"}']


def test_a_formula_is_found_wherever_the_xml_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    xml = b'<row><c r="A1"><v>1</v></c>' * 9 + b'<c r="B7"><f>1+1</f></c></row>' + b" " * 99
    for size in range(40, 300, 7):
        monkeypatch.setattr(sheet_xml, "_CHUNK", size)
        assert sheet_xml.inspect(_Stream(xml)) == ("B7", ())


class _Stream:
    def __init__(self, data: bytes) -> None:
        self._data = data

    def read(self, size: int) -> bytes:
        data, self._data = self._data[:size], self._data[size:]
        return data


def workbook(*rows: list[Any]) -> openpyxl.Workbook:
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)  # type: ignore[union-attr]
    return book


def test_merged_cells_are_told(tmp_path: Path) -> None:
    book = workbook(["group", "text"], ["G", "a"], [None, "b"])
    book.active.merge_cells("A2:A3")  # type: ignore[union-attr]
    book.save(tmp_path / "rows.xlsx")
    found = check(tmp_path / "rows.xlsx")
    assert list(read_rows(found)) == ['{"group":"G","text":"a"}', '{"group":null,"text":"b"}']
    assert "cells are merged (A2:A3)" in found.remarks[0]


def test_the_first_sheet_that_is_not_hidden_is_read_and_the_others_are_told(tmp_path: Path) -> None:
    book = workbook(["old"], [1])
    book.active.sheet_state = "hidden"  # type: ignore[union-attr]
    book.create_sheet("Data").append(["text"])
    book["Data"].append(["a"])
    book.save(tmp_path / "rows.xlsx")
    found = check(tmp_path / "rows.xlsx")
    assert list(read_rows(found)) == ['{"text":"a"}']
    assert 'the sheet "Data" is read, and not "Sheet"' in found.remarks[0]
