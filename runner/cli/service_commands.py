"""`midnight service`: installs a runner that the system starts and restarts."""

from __future__ import annotations

from pathlib import Path

import typer

from runner.cli import exit_codes
from runner.cli.options import examples
from runner.cli.session import Session, print_json, session_of

app = typer.Typer(rich_markup_mode=None)
service = typer.Typer(rich_markup_mode=None)


@service.callback(invoke_without_command=True)
def services(context: typer.Context) -> None:
    """Have the system run what is queued, also after a restart of the machine."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


@service.command("install", epilog=examples("midnight service install"))
def install(context: typer.Context) -> int:
    """Install and start it: a user unit of systemd, an agent of launchd, or a line for cron."""
    from runner.cli import service as system

    session = session_of(context)
    lines = system.install(system.service_here(Path.home()), _options(session))
    return _tell(session, lines)


@service.command("status", epilog=examples("midnight service status"))
def status(context: typer.Context) -> int:
    """Say whether it is installed, and at work."""
    from runner.cli import service as system

    session = session_of(context)
    return _tell(session, [system.status(system.service_here(Path.home()))])


@service.command("remove", epilog=examples("midnight service remove"))
def remove(context: typer.Context) -> int:
    """Stop it, and remove it; what is queued stays queued."""
    from runner.cli import service as system

    session = session_of(context)
    return _tell(session, [system.remove(system.service_here(Path.home()))])


def _options(session: Session) -> list[str]:
    """Returns the given global options with absolute paths: the service runs in another folder."""
    settings = session.settings
    options = ["--db", str(settings.db)]
    options += ["--config", str(settings.config)] if settings.config else []
    return [*options, *(["--account", session.account] if session.account else [])]


def _tell(session: Session, lines: list[str]) -> int:
    if session.json:
        print_json({"told": lines})
    else:
        session.print(*lines)
    return exit_codes.DONE


app.add_typer(service, name="service")
