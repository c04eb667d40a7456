"""Builds the errors about a dataset's files, columns and rows."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from itertools import chain, count
from pathlib import Path

from runner.column_names import canonical
from runner.errors import InputError
from runner.language import _, ngettext

_MAX_COLUMNS_SHOWN = 30
_MAX_ROWS_SHOWN = 20
# Headers that are probably values: a decimal, a long number, a date, an address or a sentence.
_LIKE_A_VALUE = re.compile(
    r"[+-]?\d+[.,]\d+|\d{5,}|\d{4}-\d\d-\d\d.*|https?://.*|\S+@\S+\.\S+|.{80,}|(?:\S+\s+){6,}.*[.!?]",
    re.DOTALL,
)


def header_error(columns: Iterable[str]) -> str | None:
    """Returns the error in the names of a table's columns, or None."""
    seen: set[str] = set()
    for position, name in enumerate(columns, 1):
        if not name.strip():
            return _("column {position} has no name").format(position=position)
        if canonical(name) in seen:
            return _('two columns are named "{name}"').format(name=name)
        seen.add(canonical(name))
    return None


def named_columns(header: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Returns the column names, with pandas' names for nameless columns, and remarks for the user.

    pandas and R write the row number as a first column that has no name.
    """
    if not any(map(str.strip, header)):
        return tuple(header), ()
    names = [name if name.strip() else _unnamed(at, header) for at, name in enumerate(header)]
    nameless = [_quoted(name) for name, given in zip(names, header, strict=True) if name != given]
    remarks = []
    if nameless:
        remark = ngettext(
            "a column without a name is called {names}",
            "columns without a name are called {names}",
            len(nameless),
        )
        remarks.append(remark.format(names=", ".join(nameless)))
    if value := next(filter(_LIKE_A_VALUE.fullmatch, map(str.strip, header)), None):
        remark = _(
            "the first line seems to be a row and not a header, for it holds {value}; "
            "a dataset begins with the names of its columns"
        )
        remarks.append(remark.format(value=_quoted(value)))
    return tuple(names), tuple(remarks)


def _unnamed(at: int, header: Sequence[str]) -> str:
    """Returns the name that pandas gives a nameless column; ``Unnamed: 0.1`` if 0 is taken."""
    name = f"Unnamed: {at}"
    spellings = chain([name], (f"{name}.{number}" for number in count(1)))
    return next(spelling for spelling in spellings if spelling not in header)


def require_columns(
    path: Path, required: Iterable[str], columns: tuple[str, ...], advice: str | None = None
) -> None:
    """Checks that a dataset has the required columns.

    Args:
        path: The file, for the error.
        required: The names that must be among `columns`.
        columns: The names of the dataset's columns.
        advice: The remedy where no column has a similar name; None to add the column.

    Raises:
        InputError: A required column is not among `columns`.
    """
    known = set(columns) | set(map(canonical, columns))
    if not (missing := sorted(set(map(canonical, required)) - known)):
        return
    if len(columns) == 1 and ";" in columns[0]:
        what = _(
            "the header is one column, {column}; its cells seem to be separated by semicolons"
        ).format(column=_quoted(columns[0]))
        remedy = _("save it with commas, as .tsv with tabs, or as .xlsx")
        raise InputError(what, where=str(path), remedy=remedy)
    near = [match for name in missing for match in _near(name, columns)]
    shown = ", ".join(map(_quoted, columns[:_MAX_COLUMNS_SHOWN]))
    hidden = len(columns) - _MAX_COLUMNS_SHOWN
    rest = _(" and {hidden} more").format(hidden=hidden) if hidden > 0 else ""
    raise InputError(
        _("there is no column {absent}; the columns are {shown}{rest}").format(
            absent=", ".join(map(_quoted, missing)), shown=shown, rest=rest
        ),
        where=str(path),
        remedy=_("did you mean {near}?").format(near=", ".join(map(_quoted, near)))
        if near
        else advice or _("add the column"),
    )


class NoRowsError(InputError):
    """A readable file has no rows."""


def _near(name: str, columns: Sequence[str]) -> list[str]:
    """Returns a column of a similar name, in a list; upper case is similar to lower case."""
    folded = {column.casefold(): column for column in columns}
    return [folded[match] for match in get_close_matches(name.casefold(), folded, n=1)]


def unusable(path: Path, what: str) -> NoRowsError:
    """Returns the error for a readable file that has no rows."""
    return NoRowsError(what, where=str(path), remedy=_("check that it is the file you mean"))


def unreadable_error(path: Path, error: OSError | ValueError) -> InputError:
    """Returns the error for a file that the operating system refuses to read."""
    reason = getattr(error, "strerror", None) or str(error)
    what = _("the file cannot be read ({reason})").format(reason=reason)
    return InputError(what, where=str(path), remedy=_("check the path and its permissions"))


def changed_error(path: Path, since: str) -> InputError:
    """Returns the error for a file that was modified between two readings."""
    what = _("the file changed {since}").format(since=since)
    return InputError(what, where=str(path), remedy=_("restore it, or submit it as a new batch"))


class RowErrors:
    """Collects row errors while a file is read: keeps the first few and counts the rest.

    Attributes:
        remedy: The advice about them.
    """

    def __init__(self, path: Path, remedy: str) -> None:
        self._path = path
        self.remedy = remedy
        self._first: list[tuple[int, str]] = []
        self._count = 0

    def add(self, line: int, what: str) -> None:
        """Records that the row which begins at `line` is invalid."""
        self._count += 1
        if len(self._first) < _MAX_ROWS_SHOWN:
            self._first.append((line, what))

    def raise_if_any(self) -> None:
        """Raises one error for all invalid rows.

        Raises:
            InputError: A row is invalid.
        """
        if self._first:
            where = f"{self._path}:{self._first[0][0]}"
            raise InputError(self._what(), where=where, remedy=self.remedy)

    def _what(self) -> str:
        if self._count == 1:
            return self._first[0][1]
        shown = "".join(f"\n  line {line}: {what}" for line, what in self._first)
        more = self._count - len(self._first)
        rest = _("\n  and {more} more").format(more=more) if more else ""
        return _("{count} rows cannot be used:{shown}{rest}").format(
            count=self._count, shown=shown, rest=rest
        )


def _quoted(name: str) -> str:
    """Quotes a name, with escapes for unprintable characters."""
    shown = [sign if sign.isprintable() else ascii(sign)[1:-1] for sign in name]
    return f'"{"".join(shown)}"'
