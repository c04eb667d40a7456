"""Datasets in and result files out: CSV, TSV and JSON Lines.

It knows nothing of job files, queues or providers: a row is the text of a JSON object.
"""

from runner.files.check import check
from runner.files.dataset import Dataset
from runner.files.formats import Format
from runner.files.output import OutputWriter, open_output
from runner.files.rows import read_rows
from runner.files.spell import RESULT_COLUMNS
from runner.files.target import check_output

__all__ = [
    "RESULT_COLUMNS",
    "Dataset",
    "Format",
    "OutputWriter",
    "check",
    "check_output",
    "open_output",
    "read_rows",
]
