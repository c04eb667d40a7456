"""Which dataset formats there are, by the suffix of a file's name.

It refuses to know how any of them is read or written.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

Format = Literal["csv", "tsv", "jsonl"]

_BY_SUFFIX: dict[str, Format] = {".csv": "csv", ".tsv": "tsv", ".jsonl": "jsonl"}

SUPPORTED = ", ".join(_BY_SUFFIX)
"""The suffixes, for messages."""


def format_of(path: Path) -> Format | None:
    """Return the format that the suffix of `path` names in any case, or None."""
    return _BY_SUFFIX.get(path.suffix.lower())


def delimiter_of(form: Format) -> str:
    """Return what stands between the cells of a table."""
    return "\t" if form == "tsv" else ","
