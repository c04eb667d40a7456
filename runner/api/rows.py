"""Converts Python's rows (dictionaries, a table, or files) to a dataset.

Rows are not kept in memory: they are written to a temporary file, one a line, and read from there.
The same rows give the same batch again.
"""

from __future__ import annotations

import os
import tempfile
import warnings
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager
from itertools import chain
from pathlib import Path
from typing import Any, Protocol, TypeAlias

import anyio
import anyio.lowlevel

from runner import files
from runner.app.submitting.acceptance import accepted
from runner.app.submitting.submission import Submission, check_submission
from runner.errors import InputError, RunnerWarning
from runner.files.readers.typed_json import to_json_text
from runner.jobfile import JobFile
from runner.language import _
from runner.settings import Settings
from runner.threads import in_thread


class TableLike(Protocol):
    """A table of pandas, Polars or PyArrow, or a dataset of Hugging Face Datasets."""

    @property
    def columns(self) -> Any:
        """The columns of the table."""


Rows: TypeAlias = Iterable[Mapping[str, Any]] | TableLike | str | os.PathLike[str]
"""Mappings; a table of pandas, Polars or PyArrow; a dataset of Hugging Face Datasets; or the path
of a dataset, or a pattern of paths.

Values are JSON's. Dates and times become ISO 8601, decimals texts, an image's bytes a ``data:``
URL, other bytes base64, NumPy's numbers numbers, and NaN null.
"""

_AT_ONCE = 1_000  # rows converted together, and written between two checkpoints of the event loop


@asynccontextmanager
async def submission_of(
    settings: Settings, jobfile: JobFile, rows: Rows
) -> AsyncIterator[Submission]:
    """Checks the job and all of its rows; their temporary file exists during the block.

    The remarks on them are issued as warnings in the name of the caller's caller.

    Raises:
        ConfigError: An account's settings are wrong.
        InputError: Rows are invalid; the error lists them.
        JobFileError: The job reads a key that the rows lack.
    """
    async with _checked(jobfile, rows) as checked:
        submission = accepted(settings, checked)
        for remark in submission.remarks:  # above this frame: contextlib, `Midnight`, the user
            warnings.warn(remark, RunnerWarning, stacklevel=4)
        yield submission


@asynccontextmanager
async def _checked(jobfile: JobFile, rows: Rows) -> AsyncIterator[Submission]:
    if isinstance(rows, str | os.PathLike):
        paths = files.find_inputs([Path(rows)])
        yield await in_thread(check_submission, jobfile, paths)
        return
    with tempfile.TemporaryDirectory(prefix="midnight-rows-") as folder:
        path = Path(folder) / "rows.jsonl"
        await _spool(_mappings(rows), path)
        yield await in_thread(_check, jobfile, path)


async def _spool(rows: Iterable[Any], path: Path) -> None:
    number = 0
    with path.open("w", encoding="utf-8") as file:
        for number, row in enumerate(rows, 1):
            file.write(_line(number, row))
            if number % _AT_ONCE == 0:
                await anyio.lowlevel.checkpoint()
    if not number:
        raise InputError(_("there are no rows"), where="rows", remedy=_("give at least one"))


def _line(number: int, row: Any) -> str:
    if not isinstance(row, Mapping):
        what = _("this is a {name}, not a mapping").format(name=type(row).__name__)
        raise InputError(what, where=f"rows:{number}", remedy=_('give a dict: {"text": …}'))
    try:
        return to_json_text(dict(row)) + "\n"
    except ValueError as error:
        what, remedy = (
            _("this cannot be said in JSON ({error})").format(error=error),
            _("give values that JSON has"),
        )
        raise InputError(what, where=f"rows:{number}", remedy=remedy) from error


def _check(jobfile: JobFile, path: Path) -> Submission:
    alias = Path.cwd() / "rows"  # no such file exists; relative paths in rows start in its folder
    try:
        return check_submission(jobfile, path, alias=alias)
    except InputError as error:  # name rows instead of lines of the temporary file
        where = (error.where or "").replace(str(path), "rows").replace(str(alias), "rows")
        what = error.what.replace("\n  line ", "\n  row ")
        remedy = (
            _("give every row each key that the prompt reads") if ":" in where else error.remedy
        )
        raise InputError(what, where=where, remedy=remedy) from error


def _mappings(rows: Any) -> Iterator[Any]:
    """Returns the rows of a list, a generator or a table, which is recognised by its methods."""
    if isinstance(rows, Mapping) and rows and all(map(_is_hugging_face, rows.values())):
        remedy = _("give one of its splits: {splits}").format(splits=", ".join(map(str, rows)))
        raise InputError(_("this is a dataset with splits"), where="rows", remedy=remedy)
    if _is_hugging_face(rows):
        return iter(rows)
    if callable(each := getattr(rows, "iter_rows", None)):  # Polars
        return iter(each(named=True))
    if callable(batches := getattr(rows, "to_batches", None)):  # PyArrow
        parts = (
            batch.slice(at, _AT_ONCE)  # a table that was made at once is a single batch
            for batch in batches()
            for at in range(0, batch.num_rows, _AT_ONCE)
        )
        return chain.from_iterable(part.to_pylist() for part in parts)
    if hasattr(rows, "iloc") and hasattr(rows, "to_dict"):  # pandas
        slices = (rows.iloc[at : at + _AT_ONCE] for at in range(0, len(rows), _AT_ONCE))
        return chain.from_iterable(part.to_dict("records") for part in slices)
    if isinstance(rows, Mapping) or not isinstance(rows, Iterable):
        what = _("rows are given as a {name}").format(name=type(rows).__name__)
        raise InputError(what, where="rows", remedy=_("give a list of dicts, one for each row"))
    return iter(rows)


def _is_hugging_face(rows: Any) -> bool:
    """Whether `rows` is a dataset of Hugging Face Datasets, in memory or streamed."""
    return hasattr(rows, "features") and hasattr(rows, "column_names")
