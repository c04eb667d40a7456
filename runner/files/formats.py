"""The formats of datasets and results, the suffixes that name them, and the extras they need."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from runner.errors import RunnerError
from runner.language import _

Format = Literal["csv", "tsv", "jsonl", "json", "parquet", "arrow", "xlsx", "xls", "ods", "npy"]
"""``json``, a list of objects, is a format of results; a ``.json`` dataset is read as ``jsonl``."""
Compression = Literal["gz", "zst", "bz2", "xz", "zip"]
Extra = Literal["parquet", "excel", "zstd", "calamine"]

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
"""The formats of datasets, by the suffixes and names that mean them."""

_OUTPUTS: frozenset[str] = frozenset({"csv", "tsv", "jsonl", "ndjson", "json", "parquet", "xlsx"})
"""The suffixes of results, which may also be a matrix, .npy."""

TEXTS: frozenset[Format] = frozenset({"csv", "tsv", "jsonl"})
"""The formats that are text, and may be compressed."""

_COMPRESSIONS: dict[str, Compression] = {
    "gz": "gz",
    "zst": "zst",
    "bz2": "bz2",
    "xz": "xz",
    "zip": "zip",
}

_PACKED = _("text also with .gz, .zst, .bz2, .xz")
SUPPORTED = _("{known}; {packed} or .zip behind it").format(
    known=", ".join(f".{name}" for name in FORMATS), packed=_PACKED
)
"""The suffixes of datasets, for messages."""

WRITABLE = _(".csv, .tsv, .jsonl, .json, .parquet, .xlsx; {packed} behind it").format(
    packed=_PACKED
)
"""The suffixes of results, for messages."""

_MAGIC: tuple[tuple[bytes, str, str], ...] = (
    (b"\x1f\x8b", _("compressed with gzip"), ".gz"),
    (b"\x28\xb5\x2f\xfd", _("compressed with zstd"), ".zst"),
    (b"BZh", _("compressed with bzip2"), ".bz2"),
    (b"\xfd7zXZ\0", _("compressed with xz"), ".xz"),
    (b"PK\3\4", _("a workbook or a zip archive"), _(".zip or .xlsx")),
    (b"PAR1", _("a Parquet file"), ".parquet"),
    (b"ARROW1", _("an Arrow file"), ".arrow"),
    (b"\xd0\xcf\x11\xe0", _("an old workbook"), ".xls"),
)


@dataclass(frozen=True, slots=True)
class FileType:
    """A file's format, and how it is read.

    Attributes:
        format: The format.
        compression: The compression, if it has one.
        encoding: The encoding of a text that is not UTF-8.
        sheet: The sheet of a workbook that is read instead of the first, by name or number.
        plain: Whether quotes in a TSV file are characters like any other.
        semicolons: Whether these stand between the cells of a CSV file.
    """

    format: Format
    compression: Compression | None = None
    encoding: str | None = None
    sheet: str | None = None
    plain: bool = False
    semicolons: bool = False

    @property
    def delimiter(self) -> str:
        """What stands between the cells that are read."""
        return ";" if self.semicolons else delimiter_of(self.format)


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


def is_writable(path: Path) -> bool:
    """Whether the suffixes of a file name a type that results can have."""
    suffixes = [suffix[1:].lower() for suffix in path.suffixes]
    if suffixes and suffixes[-1] in _COMPRESSIONS:
        return suffixes.pop() != "zip" and bool(suffixes) and suffixes[-1] in _OUTPUTS
    return bool(suffixes) and suffixes[-1] in _OUTPUTS


def not_text(head: bytes) -> tuple[str, str] | None:
    """Return what a file is whose first bytes are not those of a text, and its proper suffix."""
    return next(((what, suffix) for magic, what, suffix in _MAGIC if head.startswith(magic)), None)


def unknown_suffix(path: Path) -> str:
    """Return the message about a name that `file_type_of` does not know."""
    return (
        _('the suffix "{suffix}" is unknown').format(suffix=path.suffix)
        if path.suffix
        else _("the name has no suffix")
    )


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
    what = _('this kind of file needs the extra "{extra}", which is not installed').format(
        extra=extra
    )
    return error(what, where=str(path), remedy=f"pip install 'midnight-runner[{extra}]'")
