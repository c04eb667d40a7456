"""The exceptions a user can meet, and what each asks of them.

It knows no room of the house: every room raises these, the command line prints them.

    RunnerError               anything a user can mend; exit code 2
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
        └── UnavailableError      not for the moment; what was committed is safe; may pass
            ├── BusyError         another program holds it
            ├── DiskError         the disk fails to read or write
            └── DiskFullError     no room is left
"""

from __future__ import annotations

from runner.language import _


class RunnerError(Exception):
    """A failure with a remedy.

    Attributes:
        what: What happened, as a clause without a full stop.
        where: The thing it happened to: a file, ``file:line``, a field, a provider.
        remedy: What to try next, as an imperative clause.
    """

    def __init__(self, what: str, *, where: str | None = None, remedy: str | None = None) -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.remedy = remedy

    def __str__(self) -> str:
        return self._spelt(_("try: {remedy}"))

    def for_storage(self) -> str:
        """The failure as the database keeps it: in English, if it was raised in English."""
        return self._spelt("try: {remedy}")

    def _spelt(self, advice: str) -> str:
        place = f"{self.where}: " if self.where else ""
        advice = "\n  " + advice.format(remedy=self.remedy) if self.remedy else ""
        return f"{place}{self.what}{advice}"


class ConfigError(RunnerError):
    """The configuration, the environment or a flag is wrong."""


class JobFileError(RunnerError):
    """The job file is wrong; `where` names the file and the field or line."""


class InputError(RunnerError):
    """The dataset cannot be read or does not fit; `where` names the file and line."""


class OutputError(RunnerError):
    """The result file cannot be written."""


class NotFoundError(RunnerError):
    """What was named does not exist; `remedy` names what does."""


class UnauthorisedError(RunnerError):
    """The provider refuses the token or the account; no job was failed for it."""


class EngineError(RunnerError):
    """A defect of the program has ended a run; what was committed is safe."""


class StoreError(RunnerError):
    """The database cannot be opened, read or written."""


class NewerDatabaseError(StoreError):
    """The database was written by a newer version of the program."""


class MovedDatabaseError(StoreError):
    """The database's file was moved, deleted or replaced while it was in use."""


class UnavailableError(StoreError):
    """The database cannot be used for the moment; what was committed is safe."""


class BusyError(UnavailableError):
    """Another program has held the database for too long."""


class DiskError(UnavailableError):
    """The disk has failed to read or write the database."""


class DiskFullError(UnavailableError):
    """There is no room left on the disk."""
