"""The fields of a form that select rows of an uploaded dataset, and say how its file is read."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path

import orjson

from runner import files
from runner.errors import ConfigError, InputError
from runner.files import ReadOptions, Selection
from runner.files.target import as_output_errors

_NAME = ".rows.json"  # never the name of an upload, because its stem is empty


@dataclass(frozen=True, slots=True)
class DraftRows:
    """The fields as the user entered them; empty fields have no effect.

    Attributes:
        where: Conditions that selected rows meet, one on each line.
        sheet: The sheet of a workbook, by name or number.
        encoding: The encoding of a text file.
    """

    where: str = ""
    sheet: str = ""
    encoding: str = ""

    def options(self) -> ReadOptions:
        """Returns the options for reading the file.

        Raises:
            InputError: The encoding is unknown.
        """
        encoding, sheet = self.encoding.strip() or None, self.sheet.strip() or None
        try:
            if encoding is not None:
                files.check_encoding(encoding)
        except ConfigError as error:
            raise InputError(error.what, remedy=error.remedy) from None
        return ReadOptions(encoding=encoding, sheet=sheet)

    def selection(self, limit: int | None = None) -> Selection:
        """Returns the selection of rows, of at most `limit` if given.

        Raises:
            InputError: A condition is invalid.
        """
        conditions = [line.strip() for line in self.where.splitlines() if line.strip()]
        try:
            return replace(files.parse_selection(conditions, None, None), limit=limit)
        except ConfigError as error:
            raise InputError(error.what, remedy=error.remedy) from None

    def write(self, folder: Path) -> None:
        """Stores the fields beside the dataset, so that a restarted server has them.

        Raises:
            OutputError: The file cannot be written.
        """
        path = folder / _NAME
        with as_output_errors(path):
            if self == DraftRows():
                path.unlink(missing_ok=True)
            else:
                path.write_bytes(orjson.dumps(asdict(self)))

    @classmethod
    def read(cls, folder: Path) -> DraftRows:
        """Returns the fields stored in a folder; empty ones if there are none."""
        try:
            return cls(**orjson.loads((folder / _NAME).read_bytes()))
        except (OSError, ValueError, TypeError):
            return cls()
