"""Translation of SQLite's errors into the program's own, with remedies for the user."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.exc import DBAPIError

from runner.errors import (
    BusyError,
    DiskError,
    DiskFullError,
    MovedDatabaseError,
    StoreError,
    UnavailableError,
)
from runner.language import _
from runner.store.damage import DamageError


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Translates SQLite's errors and DamageError; errors about a value pass unchanged.

    Errors are distinguished by code, as messages differ between versions and builds.
    """
    try:
        yield
    except (DBAPIError, sqlite3.Error, UnicodeDecodeError, DamageError) as error:
        translation = _translation(_cause(error), path)
        if translation is None:
            raise
        raise translation from error


def is_failure(error: BaseException) -> bool:
    """Whether `translated` translates this error."""
    return _complaint_of(_cause(error)) is not None


def _cause(error: BaseException) -> BaseException | None:
    return error.orig if isinstance(error, DBAPIError) else error


def cannot_open(path: Path, error: OSError) -> StoreError:
    """Returns the error for a file that the operating system refuses to open."""
    what = f"{_NOT_OPENED.what} ({error.strerror})"
    return StoreError(what, where=str(path), remedy=_NOT_OPENED.remedy)


@dataclass(frozen=True, slots=True)
class _Complaint:
    """The type and the texts of a translated error."""

    kind: type[StoreError]
    what: str
    remedy: str


def _translation(error: BaseException | None, path: Path) -> StoreError | None:
    complaint = _complaint_of(error)
    if complaint is None:
        return None
    detail = getattr(error, "sqlite_errorname", None) or type(error).__name__
    what = f"{complaint.what} ({detail}: {error})"
    return complaint.kind(what, where=str(path), remedy=complaint.remedy)


def _complaint_of(error: BaseException | None) -> _Complaint | None:
    code = getattr(error, "sqlite_errorcode", None)
    if code is None:  # raised by Python: text that it cannot decode, or an error about a value
        is_damage = isinstance(error, DamageError | UnicodeDecodeError | sqlite3.OperationalError)
        return _DAMAGED if is_damage else None
    return _BY_CODE.get(code) or _BY_CODE.get(code & 0xFF)  # the low byte is the primary code


_GOES_ON = _("run the same command again; it goes on where it stopped")
_RESTORE = _("restore a backup, or move the file away and submit again")
_ELSEWHERE = _("choose another with --db or MIDNIGHT_DB")
_FULL = _Complaint(
    DiskFullError,
    _("the disk is full"),
    _("free some space and {goes_on}").format(goes_on=_GOES_ON),
)
_IO_ERROR = _Complaint(
    DiskError,
    _("the database could not be read or written"),
    _("check the disk and {goes_on}").format(goes_on=_GOES_ON),
)
_NO_MEMORY = _Complaint(
    UnavailableError,
    _("there is not enough memory"),
    _("close other programs and {goes_on}").format(goes_on=_GOES_ON),
)
_LOCKED = _Complaint(
    BusyError,
    _("the database is locked by another program"),
    _("close the program that holds the database, or wait for it"),
)
_READ_ONLY = _Complaint(
    StoreError,
    _("the database is read-only"),
    _("check its permissions, or {elsewhere}").format(elsewhere=_ELSEWHERE),
)
_MOVED = _Complaint(
    MovedDatabaseError,
    _("the database was moved, deleted or replaced while it was in use"),
    _("put it back and {goes_on}").format(goes_on=_GOES_ON),
)
_NOT_OPENED = _Complaint(
    StoreError,
    _("the database cannot be opened"),
    _("check the path and its permissions, or {elsewhere}").format(elsewhere=_ELSEWHERE),
)
_DAMAGED = _Complaint(StoreError, _("the database is damaged"), _RESTORE)
_NO_DATABASE = _Complaint(StoreError, _("the file is no database"), _ELSEWHERE)
# "no such column", and columns of other types: the file has another program's tables of the same
# names.
_NOT_OURS = _Complaint(StoreError, _("this is not a database of this program"), _RESTORE)

_BY_CODE = {
    sqlite3.SQLITE_FULL: _FULL,
    sqlite3.SQLITE_IOERR: _IO_ERROR,
    sqlite3.SQLITE_NOMEM: _NO_MEMORY,
    sqlite3.SQLITE_IOERR_NOMEM: _NO_MEMORY,
    sqlite3.SQLITE_BUSY: _LOCKED,
    sqlite3.SQLITE_LOCKED: _LOCKED,
    sqlite3.SQLITE_PROTOCOL: _LOCKED,
    sqlite3.SQLITE_READONLY: _READ_ONLY,
    sqlite3.SQLITE_PERM: _READ_ONLY,
    sqlite3.SQLITE_AUTH: _READ_ONLY,
    sqlite3.SQLITE_READONLY_DBMOVED: _MOVED,
    sqlite3.SQLITE_CANTOPEN: _NOT_OPENED,
    sqlite3.SQLITE_CORRUPT: _DAMAGED,
    sqlite3.SQLITE_FORMAT: _NO_DATABASE,
    sqlite3.SQLITE_NOTADB: _NO_DATABASE,
    sqlite3.SQLITE_ERROR: _NOT_OURS,
    sqlite3.SQLITE_MISMATCH: _NOT_OURS,
}
