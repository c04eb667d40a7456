"""The commands `midnight serve`, for the keys of its clients, and to set up client programs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from runner.cli import exit_codes
from runner.cli.options import examples
from runner.cli.session import print_json, session_of
from runner.language import _

app = typer.Typer(rich_markup_mode=None)
server = typer.Typer(rich_markup_mode=None)
key = typer.Typer(rich_markup_mode=None)

ClientName = Annotated[str, typer.Argument(help=_("What the client is called."), metavar="NAME")]


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
        str, typer.Option(help=_("Address to listen on."), metavar="ADDRESS")
    ] = "127.0.0.1",
    port: Annotated[
        int,
        typer.Option(help=_("Port to listen on, 0 for a free one."), min=0, max=65535, metavar="N"),
    ] = 8765,
) -> int:
    """Serve OpenAI's API to other programs, and run what is queued."""
    if context.invoked_subcommand is not None:
        return exit_codes.DONE
    from runner.cli.serve_action import serve_clients

    return serve_clients(session_of(context), host, port)


@key.callback()
def keys() -> None:
    """Manage the keys of clients; once there is a key, only clients with a key are served."""


@key.command("add", epilog=examples("midnight serve key add laptop"))
def key_add(context: typer.Context, name: ClientName) -> int:
    """Make a key for a client, and print it this once; it replaces its old key."""
    from runner.cli.serve_action import add_key

    session = session_of(context)
    made = session.query(lambda midnight: add_key(midnight, name), must_exist=False)
    if session.json:
        print_json({"client": name, "key": made})
    else:
        typer.echo(made)
        session.err.print(
            _("the key of {name}: it is shown this once").format(name=name), style="dim"
        )
    return exit_codes.DONE


@key.command("list", epilog=examples("midnight serve key list"))
def key_list(context: typer.Context) -> int:
    """List the clients that have a key."""
    from runner.clock import SystemClock
    from runner.wording import fmt

    session = session_of(context)
    listed = session.query(lambda midnight: midnight.gateway().clients.keys())
    if session.json:
        print_json(
            {
                "keys": [
                    {"client": client_key.client, "created_at": fmt.iso(client_key.created_at)}
                    for client_key in listed
                ]
            }
        )
    elif not listed:
        add = session.command("serve", "key", "add")
        session.print(_("no client has a key; make one with: {add} NAME").format(add=add))
    else:
        now = SystemClock().now()
        session.print(
            *(
                _("{client}  since {when}").format(
                    client=client_key.client, when=fmt.when(client_key.created_at, now)
                )
                for client_key in listed
            )
        )
    return exit_codes.DONE


@key.command("remove", epilog=examples("midnight serve key remove laptop"))
def key_remove(context: typer.Context, name: ClientName) -> int:
    """Revoke a client's key."""
    session = session_of(context)
    left = session.query(lambda midnight: midnight.gateway().clients.remove_key(name))
    if session.json:
        print_json({"client": name, "removed": True, "keys_left": left})
        return exit_codes.DONE
    session.print(_("the key of {name} is revoked").format(name=name))
    if not left:
        add = session.command("serve", "key", "add")
        session.print(
            _(
                "no key is left: a server that is running refuses every request until there is "
                "one again ({add} NAME); one started from now on needs none, and serves this "
                "machine alone"
            ).format(add=add)
        )
    return exit_codes.DONE


Program = Annotated[
    str,
    typer.Argument(
        help=_("cherry-studio, open-webui, openai-python, litellm or continue."), metavar="PROGRAM"
    ),
]
Url = Annotated[str, typer.Option(help=_("Where the server listens."), metavar="URL")]
Key = Annotated[
    str,
    typer.Option(
        "--key", help=_("The client's key; default: any, for a server without."), metavar="KEY"
    ),
]
Models = Annotated[
    list[str] | None,
    typer.Option(
        "--model",
        help=_(
            "A model; may be repeated. Default: the names of [serve] models, or what the "
            "accounts list."
        ),
        metavar="MODEL",
    ),
]
Write = Annotated[
    bool,
    typer.Option(
        "--write",
        help=_(
            "Add it to the program's file, of which a copy is kept: .env (open-webui), "
            "config.yaml (litellm), ~/.continue/config.yaml."
        ),
    ),
]
Target = Annotated[
    Path | None,
    typer.Option("--file", help=_("The file for --write, if elsewhere."), metavar="FILE"),
]


@app.command(
    epilog=examples(
        "midnight setup cherry-studio", "midnight setup continue --write --model Qwen/Qwen3-8B"
    )
)
def setup(
    context: typer.Context,
    program: Program,
    url: Url = "http://127.0.0.1:8765",
    key_: Key = "",
    model: Models = None,
    write: Write = False,
    file: Target = None,
) -> int:
    """Show what to enter in another program so that it asks `midnight serve`, or write it."""
    from runner.cli.client_setup_action import set_up

    write = write or file is not None
    return set_up(session_of(context), program, url, key_, model or [], write=write, file=file)


server.add_typer(key, name="key")
app.add_typer(server, name="serve")
