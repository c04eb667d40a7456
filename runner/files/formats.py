"""Which dataset formats there are, by the suffixes of a file's name.

It refuses to know how any of them is read or written.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Format = Literal["csv", "tsv", "jsonl", "parquet", "xlsx", "npy"]
Packing = Literal["gz", "zst"]

FORMATS: dict[str, Format] = {
    "csv": "csv",
    "tsv": "tsv",
    "jsonl": "jsonl",
    "parquet": "parquet",
    "xlsx": "xlsx",
}
"""Those that a dataset may have; results may also be a matrix, .npy."""

TEXTS: frozenset[Format] = frozenset({"csv", "tsv", "jsonl"})
"""Those that are text, and may be packed."""

_PACKINGS: dict[str, Packing] = {"gz": "gz", "zst": "zst"}

SUPPORTED = f"{', '.join(f'.{name}' for name in FORMATS)}; text also with .gz or .zst behind it"
"""The suffixes, for messages."""


@dataclass(frozen=True, slots=True)
class Kind:
    """What a file is: its format, and what it is packed with, if anything."""

    format: Format
    packing: Packing | None = None


def kind_of(path: Path, form: Format | None = None) -> Kind | None:
    """Return what the suffixes of `path` name in any case, or None; `form` overrides the format."""
    suffixes = [suffix[1:].lower() for suffix in path.suffixes]
    packing = _PACKINGS.get(suffixes.pop()) if suffixes and suffixes[-1] in _PACKINGS else None
    found = form or (FORMATS.get(suffixes[-1]) if suffixes else None)
    return Kind(found, packing) if found and (not packing or found in TEXTS) else None


def unknown_suffix(path: Path) -> str:
    """Say what is wrong with a name that `kind_of` does not know."""
    return f'the suffix "{path.suffix}" is unknown' if path.suffix else "the name has no suffix"


def delimiter_of(form: Format) -> str:
    """Return what stands between the cells of a table of text."""
    return "\t" if form == "tsv" else ","
