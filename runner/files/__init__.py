"""Reads datasets and writes result files: CSV, TSV, JSON Lines, Parquet, Excel.

Inside the program a row is the JSON text of an object, whatever the format of its file.
"""

from runner.files.check import check
from runner.files.dataset import Dataset, SourceFile
from runner.files.find import find_inputs
from runner.files.formats import (
    AS_NAMED,
    FORMATS,
    Format,
    ReadOptions,
    check_encoding,
)
from runner.files.output import OutputWriter, open_output
from runner.files.rows import read_rows
from runner.files.selection import ALL, Selection, parse_selection
from runner.files.target import check_output
from runner.files.writers.encode import RESULT_COLUMNS, CellValue

__all__ = [
    "ALL",
    "AS_NAMED",
    "FORMATS",
    "RESULT_COLUMNS",
    "CellValue",
    "Dataset",
    "Format",
    "OutputWriter",
    "ReadOptions",
    "Selection",
    "SourceFile",
    "check",
    "check_encoding",
    "check_output",
    "find_inputs",
    "open_output",
    "parse_selection",
    "read_rows",
]
