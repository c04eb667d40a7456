"""The exceptions that a user may see.

All packages raise them, and the command line prints them.

    RunnerError               anything that a user can correct; exit code 2
    ├── ConfigError           midnight.toml, an environment variable or a flag is wrong
    ├── JobFileError          the job file is wrong
    ├── InputError            the dataset cannot be read, or does not fit the job file
    ├── OutputError           the result file cannot be written
    ├── NotFoundError         no such batch, account or model
    ├── UnauthorisedError     the provider refuses the token or the account
    ├── EngineError           a defect of the program; nothing is lost; exit code 70
    └── StoreError            the database cannot be used
        ├── NewerDatabaseError    written by a newer version of the program
        ├── MovedDatabaseError    its file was moved, deleted or replaced while it was in use
        └── UnavailableError      temporarily; committed data are safe
            ├── BusyError         another program has locked it
            ├── DiskError         the disk fails to read or write
            └── DiskFullError     no room is left
"""

from __future__ import annotations

from runner.language import _


class RunnerError(Exception):
    """A failure with a remedy.

    Attributes:
        what: The failure, as a clause without a full stop.
        where: The place of the failure: a file, ``file:line``, a field, a provider.
        remedy: The advice, as an imperative clause.
    """

    def __init__(self, what: str, *, where: str | None = None, remedy: str | None = None) -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.remedy = remedy

    def __str__(self) -> str:
        return self._text(_("try: {remedy}"))

    def for_storage(self) -> str:
        """Returns the text for the database, which adds no translated words to the failure."""
        return self._text("try: {remedy}")

    def _text(self, advice: str) -> str:
        place = f"{self.where}: " if self.where else ""
        advice = "\n  " + advice.format(remedy=self.remedy) if self.remedy else ""
        return f"{place}{self.what}{advice}"


class RunnerWarning(UserWarning):
    """What a user of the library should know before a dataset is queued."""


class ConfigError(RunnerError):
    """The configuration, the environment or a flag is wrong."""


class JobFileError(RunnerError):
    """The job file is wrong; `where` names the file and the field or line."""


class InputError(RunnerError):
    """The dataset cannot be read or does not fit; `where` names the file and line."""


class OutputError(RunnerError):
    """The result file cannot be written."""


class NotFoundError(RunnerError):
    """The named thing does not exist; `remedy` names those that do."""


class UnauthorisedError(RunnerError):
    """The provider refuses the token or the account; no job has failed because of it."""


class EngineError(RunnerError):
    """A defect of the program has ended a run; committed data are safe."""


class StoreError(RunnerError):
    """The database cannot be opened, read or written."""


class NewerDatabaseError(StoreError):
    """The database was written by a newer version of the program."""


class MovedDatabaseError(StoreError):
    """The database's file was moved, deleted or replaced while it was in use."""


class UnavailableError(StoreError):
    """The database is temporarily unavailable; committed data are safe."""


class BusyError(UnavailableError):
    """Another program has locked the database for too long."""


class DiskError(UnavailableError):
    """The disk has failed to read or write the database."""


class DiskFullError(UnavailableError):
    """There is no room left on the disk."""
