"""Writes results as a Parquet file with typed columns.

Column types are taken from the input file or inferred from the rows. When a later row does not fit,
the type is widened (whole numbers to floats, objects by their new keys, other types to JSON text),
and the rows written so far are rewritten with the new types.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
from pyarrow import parquet

from runner import exact_json
from runner.exact_json import Number
from runner.files.readers.arrow_values import to_values
from runner.files.readers.typed_json import to_json_text
from runner.files.writers.arrow_types import restored, types_of
from runner.files.writers.encode import CellValue, encodable
from runner.files.writers.sink import Layout

_MAX_BUFFERED_ROWS = 20_000
_MAX_BUFFERED_CHARACTERS = 1 << 24  # so that long rows do not fill the memory
_MAX_FIELDS = 200  # of an object; one with more keys is probably a map, and is kept as text

_EXACT = 1 << 53  # a 64-bit float represents every integer up to here exactly

_ARROW_ERRORS = (pa.ArrowException, ValueError, TypeError, OverflowError)


class ParquetSink:
    """Buffers rows, and writes a row group when the buffer is full."""

    def __init__(self, file: BinaryIO, layout: Layout) -> None:
        self._file = file
        self._layout = layout
        self._types: dict[str, Any] = dict.fromkeys(layout.names)  # None: only nulls so far
        if layout.vector:
            self._types[layout.vector] = pa.list_(pa.float32())
        # The types of the input, as long as all values of a column have them.
        known = types_of(layout.source) if layout.source else {}
        self._known = {name: known[name] for name in layout.columns if name in known}
        self._types |= self._known
        self._long: set[str] = set()  # columns with integers that a float cannot represent
        self._writer: parquet.ParquetWriter | None = None
        self._buffer: list[list[Any]] = []
        self._size = 0
        self._rows = 0

    def write(self, row: str, values: Sequence[CellValue]) -> None:
        """Buffers one row; when the buffer is full, write it."""
        self._rows += 1
        read = exact_json.loads(row)
        added = [self._added(*pair) for pair in zip(self._layout.added, values, strict=True)]
        values_read = map(_unrounded, map(read.get, self._layout.columns))
        self._buffer.append([*values_read, *added])
        self._size += len(row) + sum(len(value) for value in values if isinstance(value, str))
        if len(self._buffer) >= _MAX_BUFFERED_ROWS or self._size >= _MAX_BUFFERED_CHARACTERS:
            self._flush()

    def finish(self) -> None:
        """Writes the last rows and the footer."""
        self._flush()
        self._open().close()

    def abandon(self) -> None:
        """Closes the writer, and ignores any error."""
        if self._writer is not None:
            with suppress(OSError, ValueError):
                self._writer.close()

    def _added(self, name: str, value: CellValue) -> Any:
        if name != self._layout.vector:
            return encodable(value)
        return self._layout.vector_of(self._rows, value)

    def _flush(self) -> None:
        columns = list(zip(*self._buffer, strict=True)) or [()] * len(self._types)
        self._buffer, self._size = [], 0
        values = dict(zip(self._types, map(list, columns), strict=True))
        wider = {name: self._wider(name, column) for name, column in values.items()}
        if self._writer is not None and wider != self._types:
            self._copy(wider)
        self._types = wider
        table = _table(values, _schema(wider))
        if table.num_rows:
            self._open().write_table(table)

    def _wider(self, name: str, column: list[Any]) -> Any:
        """Returns the type of a column, widened to include its new values."""
        known = self._known.get(name)
        if known is not None and restored(column, known) is not None:
            return known
        if known is not None:
            del self._known[name]
            if self._writer is not None or pa.types.is_nested(known):
                return pa.string()
            self._types[name] = None
        if any(type(value) is int and abs(value) > _EXACT for value in column):
            self._long.add(name)
        widened = _widened(self._types[name], column)
        floating = widened is not None and pa.types.is_floating(widened)
        return pa.string() if floating and name in self._long else widened

    def _open(self) -> parquet.ParquetWriter:
        if self._writer is None:
            self._writer = parquet.ParquetWriter(self._file, _schema(self._types))
        return self._writer

    def _copy(self, types: Mapping[str, Any]) -> None:
        """Rewrites the file from its start with new types."""
        self._open().close()
        self._writer = None
        self._file.flush()
        with tempfile.TemporaryFile(dir=Path(self._file.name).parent) as old:
            self._file.seek(0)
            shutil.copyfileobj(self._file, old)
            self._file.seek(0)
            self._file.truncate()
            written, schema = parquet.ParquetFile(old), _schema(types)
            self._writer = parquet.ParquetWriter(self._file, schema)
            for batch in written.iter_batches(_MAX_BUFFERED_ROWS):
                columns = [
                    _converted(column, field.type)
                    for column, field in zip(batch.columns, schema, strict=True)
                ]
                self._writer.write_table(pa.table(columns, schema=schema))


def _schema(types: Mapping[str, Any]) -> pa.Schema:
    return pa.schema([(name, type_ or pa.string()) for name, type_ in types.items()])


def _table(columns: Mapping[str, list[Any]], schema: pa.Schema) -> pa.Table:
    return pa.table([_array(columns[field.name], field.type) for field in schema], schema=schema)


def _converted(column: Any, type_: Any) -> Any:
    """Returns a column that was written before with another type.

    As text, a value has the form that rows of the input have it in.
    """
    if column.type == type_:
        return column
    if type_ != pa.string():
        return _array(column.to_pylist(), type_)
    texts = (to_json_text({"": value}) for value in to_values(column))
    return _array([exact_json.loads(text)[""] for text in texts], type_)


def _array(values: Sequence[Any], type_: Any) -> Any:
    if type_ == pa.string():
        return pa.array(map(_text, values), type_)
    array = restored(values, type_)
    return pa.array(values, type_) if array is None else array


def _unrounded(value: Any) -> Any:
    """Returns the value, or its JSON text if it contains a number that a float would round."""
    if isinstance(value, Number):
        return value.text if value.is_rounded else value
    if isinstance(value, dict | list) and _is_rounded(value):
        return exact_json.dumps(value).decode()
    return value


def _is_rounded(value: Any) -> bool:
    if isinstance(value, dict | list):
        return any(map(_is_rounded, value.values() if isinstance(value, dict) else value))
    return isinstance(value, Number) and value.is_rounded


def _text(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else exact_json.dumps(value).decode()


def _widened(known: Any, values: list[Any]) -> Any:
    """Returns the narrowest type that holds `values` and all values of the type `known`.

    None is the type of a column in which every value is null.
    """
    if known == pa.string():
        return known
    try:
        inferred: Any = pa.array(values).type
        if pa.types.is_null(inferred):
            return known
        if known is not None:
            inferred = _common_type(known, inferred)
        pa.array(values, inferred)
    except _ARROW_ERRORS:
        return pa.string()
    return inferred if _storable(inferred) else pa.string()


def _common_type(known: Any, inferred: Any) -> Any:
    if pa.types.is_list(known) and known.value_type == pa.float32():  # the type of embeddings
        return known
    schemas = [pa.schema([("", known)]), pa.schema([("", inferred)])]
    return pa.unify_schemas(schemas, promote_options="permissive").field(0).type


def _storable(type_: Any) -> bool:
    """Whether Parquet can store the type: a struct needs 1 to `_MAX_FIELDS` fields."""
    if pa.types.is_struct(type_):
        fields = [type_.field(place) for place in range(type_.num_fields)]
        return 0 < len(fields) <= _MAX_FIELDS and all(_storable(field.type) for field in fields)
    return _storable(type_.value_type) if pa.types.is_list(type_) else True
