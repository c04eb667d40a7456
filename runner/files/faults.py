"""What is said of a dataset's columns and of a file that is no use.

It reads nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path

from runner.errors import InputError

_MOST_LISTED = 30


def header_fault(columns: Iterable[str]) -> str | None:
    """Return what is wrong with the names of a table's columns, or None."""
    seen: set[str] = set()
    for position, name in enumerate(columns, 1):
        if not name.strip():
            return f"column {position} has no name"
        if name in seen:
            return f'two columns are named "{name}"'
        seen.add(name)
    return None


def require(path: Path, required: Iterable[str], columns: tuple[str, ...]) -> None:
    """Refuse a dataset that has no such columns at all.

    Raises:
        InputError: at least one of `required` is not among `columns`.
    """
    if not (absent := sorted(set(required).difference(columns))):
        return
    if len(columns) == 1 and ";" in columns[0]:
        what = f"the header is one column, {_quoted(columns[0])}: the cells look to be separated"
        remedy = "save it with commas, as .tsv with tabs, or as .xlsx"
        raise InputError(f"{what} by semicolons", where=str(path), remedy=remedy)
    near = [match for name in absent for match in get_close_matches(name, columns, n=1)]
    shown = ", ".join(map(_quoted, columns[:_MOST_LISTED]))
    rest = f" and {len(columns) - _MOST_LISTED} more" if len(columns) > _MOST_LISTED else ""
    raise InputError(
        f"there is no column {', '.join(map(_quoted, absent))}; the columns are {shown}{rest}",
        where=str(path),
        remedy=f"did you mean {', '.join(map(_quoted, near))}?" if near else "add the column",
    )


def useless(path: Path, what: str) -> InputError:
    """Return the error for a file that is whole and yet no dataset."""
    return InputError(what, where=str(path), remedy="check that it is the file you mean")


def _quoted(name: str) -> str:
    return f'"{name}"'
