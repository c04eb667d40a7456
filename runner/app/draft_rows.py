"""Which rows of an uploaded dataset are used, and how its file is read, as a form says it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path

import orjson

from runner import files
from runner.errors import ConfigError, InputError
from runner.files import ReadOptions, Selection
from runner.files.target import as_output_errors

_NAME = ".rows.json"  # no upload is called so: it would have no name


@dataclass(frozen=True, slots=True)
class DraftRows:
    """The fields of a form about a dataset, as they were written; empty where they were left so.

    Attributes:
        where: Conditions that rows have to meet, one a line.
        sheet: The sheet of a workbook, by name or number.
        encoding: The encoding of a text file.
    """

    where: str = ""
    sheet: str = ""
    encoding: str = ""

    def options(self) -> ReadOptions:
        """How the file is read.

        Raises:
            InputError: There is no such encoding.
        """
        encoding, sheet = self.encoding.strip() or None, self.sheet.strip() or None
        try:
            if encoding is not None:
                files.check_encoding(encoding)
        except ConfigError as error:
            raise InputError(error.what, remedy=error.remedy) from None
        return ReadOptions(encoding=encoding, sheet=sheet)

    def selection(self, limit: int | None = None) -> Selection:
        """The rows that are used; `limit`: only so many of them.

        Raises:
            InputError: A condition cannot be read.
        """
        conditions = [line.strip() for line in self.where.splitlines() if line.strip()]
        try:
            return replace(files.parse_selection(conditions, None, None), limit=limit)
        except ConfigError as error:
            raise InputError(error.what, remedy=error.remedy) from None

    def write(self, folder: Path) -> None:
        """Keep it beside the dataset, for a server that is started again.

        Raises:
            OutputError: It cannot be written.
        """
        path = folder / _NAME
        with as_output_errors(path):
            if self == DraftRows():
                path.unlink(missing_ok=True)
            else:
                path.write_bytes(orjson.dumps(asdict(self)))

    @classmethod
    def read(cls, folder: Path) -> DraftRows:
        """What was kept in a folder, if anything."""
        try:
            return cls(**orjson.loads((folder / _NAME).read_bytes()))
        except (OSError, ValueError, TypeError):
            return cls()
