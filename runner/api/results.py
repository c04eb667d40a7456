"""A list of results that converts to pandas, Polars, PyArrow and Hugging Face Datasets."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel, TypeAdapter

from runner.api.result import Result
from runner.errors import ConfigError
from runner.jobfile.output_spec import OutputSpec
from runner.language import _

if TYPE_CHECKING:
    import datasets
    import pandas as pd
    import polars as pl
    import pyarrow as pa

T = TypeVar("T")

_COLUMNS = ("answer", "model", "state", "error")
_VOTES = ("agreement", "review")
_DETAILS = ("account", "call", "reused", "replies")


class Results(list[Result[T]]):
    """The results of a batch, in the order of its rows.

    A table has the columns of the rows, then ``answer``, ``model``, ``state`` and ``error``, and
    with votes ``agreement`` and ``review``. If the rows have a column of that name, the added one
    is called ``midnight_answer``, and so on. Models and dataclasses become dictionaries.
    """

    def to_dicts(self, *, details: bool = False) -> list[dict[str, Any]]:
        """Returns a dictionary for each row; `details` adds account, call, reused and replies."""
        voted = any(result.votes for result in self)
        added = (*_COLUMNS, *(_VOTES if voted else ()), *(_DETAILS if details else ()))
        columns = list(dict.fromkeys(name for result in self for name in result.row))
        names = dict(zip(added, OutputSpec().names(added, columns), strict=True))
        empty = dict.fromkeys(columns)
        return [
            {**empty, **result.row, **{names[key]: _plain(getattr(result, key)) for key in added}}
            for result in self
        ]

    def to_pandas(self, *, details: bool = False) -> pd.DataFrame:
        """Returns a DataFrame of pandas.

        Raises:
            ConfigError: pandas is not installed.
        """
        with _needing("pandas"):
            import pandas as pd  # optional
        return pd.DataFrame(self.to_dicts(details=details))

    def to_polars(self, *, details: bool = False) -> pl.DataFrame:
        """Returns a DataFrame of Polars.

        Raises:
            ConfigError: Polars is not installed.
        """
        with _needing("polars"):
            import polars as pl
        return pl.DataFrame(_columns(self.to_dicts(details=details)), strict=False)

    def to_arrow(self, *, details: bool = False) -> pa.Table:
        """Returns a table of PyArrow.

        Raises:
            ConfigError: PyArrow is not installed.
        """
        with _needing("pyarrow"):
            import pyarrow as pa
        columns = _columns(self.to_dicts(details=details))
        return pa.table({name: _array(pa, values) for name, values in columns.items()})

    def to_dataset(self, *, details: bool = False) -> datasets.Dataset:
        """Returns a dataset of Hugging Face Datasets.

        Raises:
            ConfigError: datasets is not installed.
        """
        with _needing("datasets"):
            import datasets
        return datasets.Dataset(self.to_arrow(details=details))


@contextmanager
def _needing(library: str) -> Iterator[None]:
    try:
        yield
    except ImportError as missing:
        what = _("this needs {library}, which is not installed").format(library=library)
        raise ConfigError(what, remedy=f"pip install {library}") from missing


def _columns(rows: Iterable[dict[str, Any]]) -> dict[str, list[Any]]:
    columns: dict[str, list[Any]] = {}
    for row in rows:
        for name, value in row.items():
            columns.setdefault(name, []).append(value)
    return columns


def _array(pa: Any, values: list[Any]) -> Any:
    """Returns a column; values of different types become JSON texts, as in a Parquet file."""
    try:
        return pa.array(values)
    except (pa.ArrowException, OverflowError):
        return pa.array([v if v is None or isinstance(v, str) else json.dumps(v) for v in values])


def _plain(value: Any) -> Any:
    """Converts a value to one that a table can contain."""
    if value is None or isinstance(value, str | int | float | bool):
        return value
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    return TypeAdapter(Any).dump_python(value, mode="json")
