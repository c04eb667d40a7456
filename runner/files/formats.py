"""Lists the formats of datasets and results, their suffixes, and the extras that they need."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from runner.errors import ConfigError, RunnerError
from runner.language import _, gettext_noop

Format = Literal["csv", "tsv", "jsonl", "json", "parquet", "arrow", "xlsx", "xls", "ods", "npy"]
"""``json`` (a list of objects) is for results only; a ``.json`` dataset is read as ``jsonl``."""
Compression = Literal["gz", "zst", "bz2", "xz", "zip"]
Extra = Literal["parquet", "excel", "zstd", "calamine"]

WORKBOOKS: frozenset[Format] = frozenset({"xlsx", "xls", "ods"})
"""The formats of files that may have several sheets."""

FORMATS: dict[str, Format] = {
    "csv": "csv",
    "tsv": "tsv",
    "jsonl": "jsonl",
    "ndjson": "jsonl",
    "json": "jsonl",
    "parquet": "parquet",
    "arrow": "arrow",
    "feather": "arrow",
    "xlsx": "xlsx",
    "xls": "xls",
    "ods": "ods",
}
"""The formats of datasets, by suffix and by the value of ``--format``."""

_OUTPUTS: frozenset[str] = frozenset({"csv", "tsv", "jsonl", "ndjson", "json", "parquet", "xlsx"})
"""The suffixes of results, besides .npy for a matrix of embeddings."""

TEXTS: frozenset[Format] = frozenset({"csv", "tsv", "jsonl"})
"""The text formats, which may be compressed."""

_COMPRESSIONS: dict[str, Compression] = {
    "gz": "gz",
    "zst": "zst",
    "bz2": "bz2",
    "xz": "xz",
    "zip": "zip",
}

_PACKED = gettext_noop("text also with .gz, .zst, .bz2, .xz")


@dataclass(frozen=True, slots=True)
class FileType:
    """A file's format, and how it is read.

    Attributes:
        format: The format.
        compression: The compression; None if there is none.
        encoding: The encoding of a text file; None means UTF-8.
        sheet: The sheet of a workbook, by name or number from 1; None means the first.
        plain: Whether quotes in a TSV file are ordinary characters.
        separator: The character between the cells of a CSV file; None for a comma.
        line_end: The byte that ends a line.
        constants: Whether JSON Lines hold NaN or infinities.
    """

    format: Format
    compression: Compression | None = None
    encoding: str | None = None
    sheet: str | None = None
    plain: bool = False
    separator: str | None = None
    line_end: bytes = b"\n"
    constants: bool = False

    @property
    def delimiter(self) -> str:
        """The character between the cells."""
        return self.separator or delimiter_of(self.format)


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """The format options that the user gave for the files of a dataset.

    Attributes:
        form: The format; None means the format that the suffix names.
        encoding: The encoding of text files; None means UTF-8 or a detected encoding.
        sheet: The sheet of a workbook, by name or number from 1; None means the first.
    """

    form: Format | None = None
    encoding: str | None = None
    sheet: str | None = None


AS_NAMED = ReadOptions()


def readable_suffixes() -> str:
    """Returns the suffixes of datasets, for messages."""
    known = ", ".join(f".{name}" for name in FORMATS)
    return _("{known}; {packed} or .zip behind it").format(known=known, packed=_(_PACKED))


def writable_suffixes() -> str:
    """Returns the suffixes of results, for messages."""
    return _(".csv, .tsv, .jsonl, .json, .parquet, .xlsx; {packed} behind it").format(
        packed=_(_PACKED)
    )


def file_type_of(path: Path, form: Format | None = None) -> FileType | None:
    """Returns the type that the suffixes of `path` name, in upper or lower case.

    Args:
        path: The file, which need not exist.
        form: The format, if it is not to follow from the suffix; the compression still does.

    Returns:
        None when the suffixes name no known type.
    """
    suffixes = [suffix[1:].lower() for suffix in path.suffixes]
    compression = _COMPRESSIONS.get(suffixes[-1]) if suffixes else None
    if compression:
        suffixes.pop()
    name = form or (FORMATS.get(suffixes[-1]) if suffixes else None)
    known = name in FORMATS and (not compression or name in TEXTS)
    return FileType(name, compression) if name and known else None


def is_writable(path: Path) -> bool:
    """Whether results can be written in the type that the suffixes of a file name."""
    suffixes = [suffix[1:].lower() for suffix in path.suffixes]
    if suffixes and suffixes[-1] in _COMPRESSIONS:
        return suffixes.pop() != "zip" and bool(suffixes) and suffixes[-1] in _OUTPUTS
    return bool(suffixes) and suffixes[-1] in _OUTPUTS


def unknown_suffix(path: Path) -> str:
    """Returns the message about a path that `file_type_of` does not know."""
    return (
        _('the suffix "{suffix}" is unknown').format(suffix=path.suffix)
        if path.suffix
        else _("the name has no suffix")
    )


def delimiter_of(form: Format) -> str:
    """Returns the character between the cells of a CSV or TSV file."""
    return "\t" if form == "tsv" else ","


@contextmanager
def require_extra(extra: Extra, path: Path, error: type[RunnerError]) -> Iterator[None]:
    """Converts an `ImportError` in the block to an error that names the extra to install.

    Raises:
        RunnerError: A package of `extra` is not installed; the error's class is `error`.
    """
    try:
        yield
    except ImportError as missing:
        raise missing_extra(extra, path, error) from missing


def missing_extra(extra: Extra, path: Path, error: type[RunnerError]) -> RunnerError:
    """Returns the error for a file that needs `extra`, which is not installed."""
    what = _('this kind of file needs the extra "{extra}", which is not installed').format(
        extra=extra
    )
    return error(what, where=str(path), remedy=f"pip install 'midnight-runner[{extra}]'")


def check_encoding(name: str) -> None:
    """Checks that Python knows a text encoding.

    Raises:
        ConfigError: The encoding is unknown.
    """
    try:
        "".encode(name)
    except LookupError as error:
        remedy = _("for example: gb18030, big5, shift_jis, euc-kr, cp1252, utf-16")
        raise ConfigError(
            _("{name!r} is not an encoding").format(name=name), where="--encoding", remedy=remedy
        ) from error
