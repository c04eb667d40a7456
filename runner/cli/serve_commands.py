"""The command `midnight serve`, and the keys of its clients."""

from __future__ import annotations

from typing import Annotated

import typer

from runner.cli import exit_codes
from runner.cli.options import examples
from runner.cli.session import print_json, session_of

app = typer.Typer(rich_markup_mode=None)
server = typer.Typer(rich_markup_mode=None)
key = typer.Typer(rich_markup_mode=None)

ClientName = Annotated[str, typer.Argument(help="What the client is called.", metavar="NAME")]


@server.callback(
    invoke_without_command=True,
    epilog=examples(
        "midnight serve",
        "midnight serve key add laptop && midnight serve --host 0.0.0.0",
    ),
)
def serve(
    context: typer.Context,
    host: Annotated[
        str, typer.Option(help="Address to listen on.", metavar="ADDRESS")
    ] = "127.0.0.1",
    port: Annotated[
        int,
        typer.Option(help="Port to listen on, 0 for a free one.", min=0, max=65535, metavar="N"),
    ] = 8765,
) -> int:
    """Serve OpenAI's API to other programs, and run what is queued."""
    if context.invoked_subcommand is not None:
        return exit_codes.DONE
    from runner.cli.serve_action import serve_clients

    return serve_clients(session_of(context), host, port)


@key.callback()
def keys() -> None:
    """Look after the keys of clients: with one in the database, only those are served."""


@key.command("add", epilog=examples("midnight serve key add laptop"))
def key_add(context: typer.Context, name: ClientName) -> int:
    """Make a key for a client, and print it this once; an older one of it is void."""
    from runner.cli.serve_action import add_key

    session = session_of(context)
    made = session.query(lambda midnight: add_key(midnight, name), must_exist=False)
    if session.json:
        print_json({"client": name, "key": made})
    else:
        typer.echo(made)
        session.err.print(f"the key of {name}: it is shown this once", style="dim")
    return exit_codes.DONE


@key.command("list", epilog=examples("midnight serve key list"))
def key_list(context: typer.Context) -> int:
    """List the clients that have a key."""
    from runner.cli.render import fmt
    from runner.clock import SystemClock

    session = session_of(context)
    found = session.query(lambda midnight: midnight.gateway().clients.keys())
    if session.json:
        print_json(
            {"keys": [{"client": k.client, "created_at": fmt.iso(k.created_at)} for k in found]}
        )
    elif not found:
        add = session.command("serve", "key", "add")
        session.print(f"no client has a key; make one with: {add} NAME")
    else:
        now = SystemClock().now()
        session.print(*(f"{k.client}  since {fmt.when(k.created_at, now)}" for k in found))
    return exit_codes.DONE


@key.command("remove", epilog=examples("midnight serve key remove laptop"))
def key_remove(context: typer.Context, name: ClientName) -> int:
    """Accept a client's key no more."""
    session = session_of(context)
    session.query(lambda midnight: midnight.gateway().clients.remove_key(name))
    if session.json:
        print_json({"client": name, "removed": True})
    else:
        session.print(f"the key of {name} is void")
    return exit_codes.DONE


server.add_typer(key, name="key")
app.add_typer(server, name="serve")
