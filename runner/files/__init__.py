"""Datasets in and result files out: CSV, TSV, JSON Lines, Parquet, Excel.

It knows nothing of job files, queues or providers: a row is the text of a JSON object.
"""

from runner.files.check import check
from runner.files.dataset import Dataset, Part
from runner.files.find import find
from runner.files.formats import FORMATS, SUPPORTED, Format
from runner.files.output import OutputWriter, open_output
from runner.files.rows import read_rows
from runner.files.selection import ALL, Selection, read_selection
from runner.files.spell import RESULT_COLUMNS, Value
from runner.files.target import check_output

__all__ = [
    "ALL",
    "FORMATS",
    "RESULT_COLUMNS",
    "SUPPORTED",
    "Dataset",
    "Format",
    "OutputWriter",
    "Part",
    "Selection",
    "Value",
    "check",
    "check_output",
    "find",
    "open_output",
    "read_rows",
    "read_selection",
]
