"""`midnight setup`: shows the set-up of another program, or writes it to the program's file."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from runner.app.setup import client_files, client_setups
from runner.cli import exit_codes
from runner.cli.session import Session, print_json, run_async
from runner.errors import ConfigError, RunnerError
from runner.language import _

if TYPE_CHECKING:
    from runner.app.setup.client_files import WrittenSettings
    from runner.app.setup.client_setups import Connection, Setup

# The maximum number of models entered by default; more would clutter another program's menus.
MOST_UNNAMED = 8


def set_up(
    session: Session,
    program: str,
    url: str,
    key: str,
    models: Sequence[str],
    *,
    write: bool,
    file: Path | None,
) -> int:
    """Shows or writes the set-up; returns the exit code.

    Raises:
        ConfigError: The program is unknown, the URL is invalid, or the file cannot be parsed.
        OutputError: The file cannot be written.
    """
    _check(program, url)
    if write:
        client_files.check_has_file(program)
    connection = client_setups.connection(url, key, _models(session, models, write=write))
    instructions = client_setups.setup(program, connection)
    needs_key = not key and _needs_key(session)
    written = client_files.write(program, connection, file) if write else None
    if session.json:
        print_json(_as_object(instructions, connection, written))
    elif written is None:
        _show(session, instructions)
    else:
        _show_written(session, written)
    if needs_key:
        made = session.command("serve", "key", "add", program)
        session.err.print(
            _("this server serves only clients with a key; make one: {command}").format(
                command=made
            )
        )
    return exit_codes.DONE


def _check(program: str, url: str) -> None:
    if program not in client_setups.PROGRAMS:
        remedy = _("one of: {known}").format(known=", ".join(client_setups.PROGRAMS))
        what = _('"{program}" is not known').format(program=program)
        raise ConfigError(what, where="midnight setup", remedy=remedy)
    if not _is_server(url):
        remedy = _("use an address such as {url}").format(url="http://127.0.0.1:8765")
        what = _("this is not the address of a server")
        raise ConfigError(what, where=f"--url {url}", remedy=remedy)


def _is_server(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and not parts.query
    except ValueError:  # as in http://[
        return False


def _models(session: Session, named: Sequence[str], *, write: bool) -> list[str]:
    """Returns the models to enter: those given, those in the settings, or those of the accounts.

    Raises:
        ConfigError: They are to be written, and there are none or too many.
    """
    names = list(named) or list(session.settings.serve.models) or _listed(session)
    if names and (named or not write or len(names) <= MOST_UNNAMED):
        return names[:MOST_UNNAMED] if not named else names
    if not write:
        return [client_setups.EXAMPLE]
    if not names:
        what = _("no account lists its models")
        raise ConfigError(what, where="--write", remedy=_("name one with --model"))
    what = _("there are {count} models").format(count=len(names))
    remedy = _("name those that you want, as --model {model}").format(model=names[0])
    raise ConfigError(what, where="--write", remedy=remedy)


def _listed(session: Session) -> list[str]:
    """Returns the models that the accounts list; empty if they cannot be asked. It is free."""
    from runner.app.accounts.models import list_models  # only if none is named

    try:
        accounts = run_async(lambda: list_models(session.settings, os.environ))
    except RunnerError:
        return []
    return list(dict.fromkeys(name for account in accounts for name in account.names))


def _needs_key(session: Session) -> bool:
    if not session.settings.db.exists():
        return False
    return bool(session.query(lambda midnight: midnight.gateway().clients.keys()))


def _as_object(
    setup: Setup, connection: Connection, written: WrittenSettings | None
) -> dict[str, Any]:
    file = None
    if written is not None:
        backup = None if written.backup is None else str(written.backup)
        file = {"path": str(written.path), "diff": written.diff, "backup": backup}
    return {**asdict(setup), **asdict(connection), "written": file}


def _show(session: Session, setup: Setup) -> None:
    session.print(f"{setup.title}:", *(f"  {step}" for step in setup.steps))
    if setup.snippet:
        session.print(f"\n{setup.snippet_name}:")
        print(setup.snippet, end="")  # noqa: T201 - to be copied as it is


def _show_written(session: Session, written: WrittenSettings) -> None:
    if not written.diff:
        session.print(_("{path} has it already").format(path=written.path))
        return
    print(written.diff)  # noqa: T201 - as it is
    session.print("\n" + _("written: {path}").format(path=written.path))
    if written.backup is not None:
        session.print(_("what was there is kept as {path}").format(path=written.backup))
