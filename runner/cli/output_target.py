"""The options that name the output file of a batch."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runner.cli.options import refuse_overwriting
from runner.errors import OutputError
from runner.language import _

if TYPE_CHECKING:
    from runner.jobfile.kinds import JobKind


@dataclass(frozen=True, slots=True)
class OutputTarget:
    """The output file, if there is one.

    Attributes:
        path: The file for results; None: there is no export.
        errors: The file for failed requests, with results in the format of the OpenAI Batch API.
        details: Whether to add each row's account, call and reply.
    """

    path: Path | None = None
    errors: Path | None = None
    details: bool = False

    def to_argv(self) -> list[str | Path]:
        """Returns the options that name the same target again."""
        named = (("-o", self.path), ("--errors", self.errors))
        return [word for name, path in named if path for word in (name, path)]

    def as_json(self, rows: int | None) -> dict[str, Any] | None:
        """Returns the file and its number of rows; None if there is no export."""
        return {"path": str(self.path), "rows": rows} if self.path else None

    def check(self, kind: JobKind, rows: int, sources: Iterable[Path]) -> None:
        """Checks that results of `kind` can be written and do not replace any of `sources`.

        Raises:
            OutputError: They cannot be written there, or not in this format.
        """
        from runner.app.results.targets import check_target  # a plain run writes nothing

        if self.path is None:
            if self.errors:
                raise OutputError(_("--errors goes with -o"), where=str(self.errors))
            return
        for file in check_target(self.path, kind, rows=rows, errors=self.errors):
            refuse_overwriting(file, sources)


def write_text(path: Path, text: str) -> None:
    """Writes a text file atomically.

    Raises:
        OutputError: It cannot be written.
    """
    from runner.files.target import as_output_errors, atomic_write

    with as_output_errors(path), atomic_write(path) as file:
        file.write(text.encode())
