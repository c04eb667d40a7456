"""`midnight db set-aside`: shows, exports and deletes settlements that could not be stored."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runner.cli import exit_codes
from runner.cli.session import Session
from runner.errors import OutputError
from runner.language import _

if TYPE_CHECKING:
    from runner.app.application import Application
    from runner.store.set_aside import SetAside


def show_set_aside(session: Session, output: Path | None, *, forget: bool) -> int:
    """Shows or exports the settlements that could not be stored; returns the exit code.

    With `forget` they are deleted after the export is on disk, or what is shown has been written.

    Raises:
        OutputError: The file exists, or cannot be written; nothing is deleted.
        BrokenPipeError: Nobody reads what is shown; nothing is deleted.
    """
    if output is not None and output.exists():
        raise OutputError(
            _("this file exists"), where=str(output), remedy=_("name another with -o")
        )

    async def main(midnight: Application) -> list[SetAside]:
        settlements = await midnight.maintenance.set_aside()
        if output is not None and settlements:
            _export(output, settlements)
        return settlements

    settlements = session.query(main)
    _show(session, settlements, output, forget=forget)
    sys.stdout.flush()
    if forget and settlements:
        session.query(lambda midnight: midnight.maintenance.forget_set_aside(settlements))
        if not session.json:
            session.print(_("they were deleted from the database"))
    return exit_codes.DONE


def _show(
    session: Session, settlements: Sequence[SetAside], output: Path | None, *, forget: bool
) -> None:
    if session.json:
        # What could not be stored may hold numbers and characters that orjson refuses.
        sys.stdout.write(
            json.dumps(_as_object(settlements, output, forgotten=forget), indent=2) + "\n"
        )
        return
    from runner.cli.render import set_aside_tables  # not for --json

    command = session.command("db", "set-aside")
    session.print(set_aside_tables.set_aside(settlements, command, output, forgets=forget))


def _export(output: Path, settlements: Sequence[SetAside]) -> None:
    from runner.files.target import as_output_errors, atomic_write
    from runner.store.set_aside import write_lines

    with as_output_errors(output), atomic_write(output) as file:
        write_lines(file, settlements)


def _as_object(
    settlements: Sequence[SetAside], output: Path | None, *, forgotten: bool
) -> dict[str, Any]:
    value: dict[str, Any] = {"set_aside": len(settlements), "forgotten": forgotten}
    if output is not None:
        return value | {"path": str(output)}
    return value | {"settlements": [settlement.as_json() for settlement in settlements]}
