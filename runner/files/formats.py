"""The formats of datasets and results, the suffixes that name them, and the extras they need."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from runner.errors import RunnerError

Format = Literal["csv", "tsv", "jsonl", "parquet", "xlsx", "npy"]
Compression = Literal["gz", "zst"]
Extra = Literal["parquet", "excel", "zstd"]

FORMATS: dict[str, Format] = {
    "csv": "csv",
    "tsv": "tsv",
    "jsonl": "jsonl",
    "parquet": "parquet",
    "xlsx": "xlsx",
}
"""The formats of datasets; results may also be a matrix, .npy."""

TEXTS: frozenset[Format] = frozenset({"csv", "tsv", "jsonl"})
"""The formats that are text, and may be compressed."""

_COMPRESSIONS: dict[str, Compression] = {"gz": "gz", "zst": "zst"}

SUPPORTED = f"{', '.join(f'.{name}' for name in FORMATS)}; text also with .gz or .zst behind it"
"""The suffixes, for messages."""


@dataclass(frozen=True, slots=True)
class FileType:
    """A file's format, and how it is read.

    Attributes:
        format: The format.
        compression: The compression, if it has one.
        encoding: The encoding of a text that is not UTF-8.
        sheet: The sheet of a workbook that is read instead of the first, by name or number.
    """

    format: Format
    compression: Compression | None = None
    encoding: str | None = None
    sheet: str | None = None


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """What the user says about the files of a dataset.

    Attributes:
        form: Their format; None: as their suffixes say.
        encoding: The encoding of text files; None: UTF-8, or what the bytes show.
        sheet: The sheet of a workbook, by name or number from 1; None: the first.
    """

    form: Format | None = None
    encoding: str | None = None
    sheet: str | None = None


AS_NAMED = ReadOptions()


def file_type_of(path: Path, form: Format | None = None) -> FileType | None:
    """Return the type that the suffixes of `path` name, in upper or lower case.

    Args:
        path: The file, which need not exist.
        form: Overrides the format; the compression still follows from the suffix.

    Returns:
        None when the suffixes name no known type.
    """
    suffixes = [suffix[1:].lower() for suffix in path.suffixes]
    compression = _COMPRESSIONS.get(suffixes[-1]) if suffixes else None
    if compression:
        suffixes.pop()
    found = form or (FORMATS.get(suffixes[-1]) if suffixes else None)
    known = found in FORMATS and (not compression or found in TEXTS)
    return FileType(found, compression) if found and known else None


def unknown_suffix(path: Path) -> str:
    """Return the message about a name that `file_type_of` does not know."""
    return f'the suffix "{path.suffix}" is unknown' if path.suffix else "the name has no suffix"


def delimiter_of(form: Format) -> str:
    """Return the character between the cells of a CSV or TSV file."""
    return "\t" if form == "tsv" else ","


@contextmanager
def require_extra(extra: Extra, path: Path, error: type[RunnerError]) -> Iterator[None]:
    """Turn an `ImportError` in the block into an error that names the extra to install.

    Raises:
        RunnerError: A package of `extra` is not installed; of the class `error`.
    """
    try:
        yield
    except ImportError as absent:
        raise missing_extra(extra, path, error) from absent


def missing_extra(extra: Extra, path: Path, error: type[RunnerError]) -> RunnerError:
    """Return the error for a file that cannot be handled without `extra`."""
    what = f'this kind of file needs the extra "{extra}", which is not installed'
    return error(what, where=str(path), remedy=f"pip install 'midnight-runner[{extra}]'")
