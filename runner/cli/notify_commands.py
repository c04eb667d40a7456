"""`midnight notify`: tests the notifications."""

from __future__ import annotations

import typer

from runner.cli import exit_codes
from runner.cli.options import examples
from runner.cli.session import print_json, session_of
from runner.errors import ConfigError
from runner.language import _

app = typer.Typer(rich_markup_mode=None)
notify = typer.Typer(rich_markup_mode=None)


@notify.callback(invoke_without_command=True)
def notifications(context: typer.Context) -> None:
    """Tell somebody what happens: a command, a webhook, Apprise; [notify] in midnight.toml."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


@notify.command("test", epilog=examples("midnight notify test"))
def notify_test(context: typer.Context) -> int:
    """Send an event every way that is configured; exit code 1 if one fails."""
    session = session_of(context)
    if not session.settings.notify:
        remedy = _("add [notify] to midnight.toml: command, webhook or apprise (docs/notify.md)")
        raise ConfigError(_("no notification channel is configured"), where="notify", remedy=remedy)
    outcomes = session.query(lambda midnight: midnight.notify_test(), must_exist=False)
    if session.json:
        print_json(
            [
                {"way": outcome.way, "sent": outcome.why is None, "why": outcome.why}
                for outcome in outcomes
            ]
        )
    else:
        session.print(*(f"{outcome.way}: {outcome.why or _('sent')}" for outcome in outcomes))
    return exit_codes.FAILED if any(outcome.why for outcome in outcomes) else exit_codes.DONE


app.add_typer(notify, name="notify")
