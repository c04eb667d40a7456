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
from runner.language import _, gettext_noop
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
    return _NOT_OPENED.error(str(error.strerror), path)


@dataclass(frozen=True, slots=True)
class _Complaint:
    """The type and the texts of an error; the texts are translated when the error is made."""

    kind: type[StoreError]
    what: str
    remedy: str

    def error(self, detail: str, path: Path) -> StoreError:
        """Returns the error about the database at `path`."""
        remedy = _(self.remedy).format(goes_on=_(_GOES_ON), elsewhere=_(_ELSEWHERE))
        return self.kind(f"{_(self.what)} ({detail})", where=str(path), remedy=remedy)


def _translation(error: BaseException | None, path: Path) -> StoreError | None:
    complaint = _complaint_of(error)
    if complaint is None:
        return None
    name = getattr(error, "sqlite_errorname", None) or type(error).__name__
    return complaint.error(f"{name}: {error}", path)


def _complaint_of(error: BaseException | None) -> _Complaint | None:
    code = getattr(error, "sqlite_errorcode", None)
    if code is None:  # raised by Python: text that it cannot decode, or an error about a value
        is_damage = isinstance(error, DamageError | UnicodeDecodeError | sqlite3.OperationalError)
        return _DAMAGED if is_damage else None
    return _BY_CODE.get(code) or _BY_CODE.get(code & 0xFF)  # the low byte is the primary code


_GOES_ON = gettext_noop("run the same command again; it goes on where it stopped")
_RESTORE = gettext_noop("restore a backup, or move the file away and submit again")
_ELSEWHERE = gettext_noop("choose another with --db or MIDNIGHT_DB")
_FULL = _Complaint(
    DiskFullError,
    gettext_noop("the disk is full"),
    gettext_noop("free some space and {goes_on}"),
)
_IO_ERROR = _Complaint(
    DiskError,
    gettext_noop("the database could not be read or written"),
    gettext_noop("check the disk and {goes_on}"),
)
_NO_MEMORY = _Complaint(
    UnavailableError,
    gettext_noop("there is not enough memory"),
    gettext_noop("close other programs and {goes_on}"),
)
_LOCKED = _Complaint(
    BusyError,
    gettext_noop("the database is locked by another program"),
    gettext_noop("close the program that holds the database, or wait for it"),
)
_READ_ONLY = _Complaint(
    StoreError,
    gettext_noop("the database is read-only"),
    gettext_noop("check its permissions, or {elsewhere}"),
)
_MOVED = _Complaint(
    MovedDatabaseError,
    gettext_noop("the database was moved, deleted or replaced while it was in use"),
    gettext_noop("put it back and {goes_on}"),
)
_NOT_OPENED = _Complaint(
    StoreError,
    gettext_noop("the database cannot be opened"),
    gettext_noop("check the path and its permissions, or {elsewhere}"),
)
_DAMAGED = _Complaint(StoreError, gettext_noop("the database is damaged"), _RESTORE)
_NO_DATABASE = _Complaint(StoreError, gettext_noop("the file is not a database"), _ELSEWHERE)
# "no such column", and columns of other types: the file has another program's tables of the same
# names.
_NOT_OURS = _Complaint(StoreError, gettext_noop("this is not a database of this program"), _RESTORE)

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
