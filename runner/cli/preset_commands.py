"""Commands for provider presets: presets show, presets update."""

from __future__ import annotations

from typing import Annotated

import typer

from runner.cli import exit_codes
from runner.cli.options import examples
from runner.cli.session import print_json, run_async, session_of
from runner.language import _

app = typer.Typer(rich_markup_mode=None)
presets = typer.Typer(rich_markup_mode=None, no_args_is_help=False)


@presets.callback(invoke_without_command=True, epilog=examples("midnight presets show"))
def group(context: typer.Context) -> None:
    """Show what is known of providers, and install newer facts without a release."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


@presets.command(epilog=examples("midnight presets show", "midnight presets show groq"))
def show(
    context: typer.Context,
    name: Annotated[
        str | None, typer.Argument(help=_("One provider, in full; default: all."), metavar="NAME")
    ] = None,
) -> int:
    """Show every preset with its age and data use, or one in full."""
    from runner.app.accounts.presets import known_preset, known_presets
    from runner.cli.json import preset_json
    from runner.clock import SystemClock

    session = session_of(context)
    if name is not None:
        known = known_preset(name, session.settings)
        if session.json:
            print_json(preset_json.preset(known))
            return exit_codes.DONE
        from runner.cli.render import preset_views

        session.print(preset_views.preset(known, SystemClock().now()))
        return exit_codes.DONE
    every = known_presets(session.settings)
    if session.json:
        print_json([preset_json.preset(each) for each in every])
        return exit_codes.DONE
    from runner.cli.render import preset_views

    session.print(preset_views.presets(every, SystemClock().now()))
    return exit_codes.DONE


@presets.command(
    epilog=examples(
        "midnight presets update presets.toml",
        "midnight presets update https://example.org/presets.toml",
    )
)
def update(
    context: typer.Context,
    source: Annotated[
        str, typer.Argument(help=_("A file of presets, or an https URL."), metavar="FILE|URL")
    ],
    allow_moved: Annotated[
        bool,
        typer.Option(
            "--allow-moved",
            help=_("Also where the tokens of a known provider would go to another URL."),
        ),
    ] = False,
) -> int:
    """Install the presets of a file; it is checked as a whole first, and no token is sent."""
    import os

    from runner.app.accounts.preset_update import update_presets
    from runner.cli.json import preset_json

    session = session_of(context)
    result = run_async(lambda: update_presets(source, os.environ, allow_moved=allow_moved))
    if session.json:
        print_json(preset_json.update(result))
        return exit_codes.DONE
    from runner.cli.render import preset_views

    session.print(preset_views.update(result))
    return exit_codes.DONE


app.add_typer(presets, name="presets")
