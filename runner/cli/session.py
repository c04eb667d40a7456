"""One invocation of the program: its global options, settings, application and consoles."""

from __future__ import annotations

import gc
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

from runner import invocation
from runner.language import _

if TYPE_CHECKING:
    import typer
    from rich.console import Console, RenderableType

    from runner.app.application import Application
    from runner.settings import Settings

T = TypeVar("T")


@dataclass(frozen=True)
class Session:
    """One invocation. With `json`, stdout contains only JSON."""

    db: Path | None = None
    config: Path | None = None
    account: str | None = None
    verbosity: int = 0
    json: bool = False

    @cached_property
    def settings(self) -> Settings:
        """The settings: flags over environment over file.

        Raises:
            ConfigError: The settings are invalid.
        """
        from runner.settings import load_settings  # not for --help

        settings = load_settings(
            db=self.db,
            config=self.config,
            account=self.account,
            environ=os.environ,
            cwd=Path.cwd(),
        )
        if self.verbosity:
            _log_origins(settings)
        return settings

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Application]:
        """Opens the application on the configured database."""
        from runner.app.application import open_application  # not for --help

        async with open_application(self.settings, on_upgrade=self._announce_upgrade) as midnight:
            yield midnight

    def _announce_upgrade(self, copy: Path) -> None:
        notice = _(
            "Bringing the database up to date; a copy of it as it was is kept: {copy}"
        ).format(copy=copy)
        self.err.print(notice, style="dim", highlight=False, soft_wrap=True)

    def query(
        self, question: Callable[[Application], Awaitable[T]], *, must_exist: bool = True
    ) -> T:
        """Opens the application, and returns what `question` returns.

        Args:
            question: Called with the application.
            must_exist: Whether an explicitly named database must exist; otherwise it is created.

        Raises:
            StoreError: The named database does not exist.
        """
        if must_exist:
            self._require_database()

        async def main() -> T:
            async with self.open() as midnight:
                return await question(midnight)

        return self.run(main)

    def run(self, main: Callable[[], Awaitable[T]]) -> T:
        """Runs `main`, which opens the application, on a new event loop."""
        import runner.app.application  # noqa: F401 - before garbage is collected again

        return run_async(main)

    def _require_database(self) -> None:
        """Refuses a named database that does not exist; the default one may be new.

        A mistyped name must not be answered from an empty database.
        """
        from runner.errors import StoreError  # not for --help
        from runner.settings import DEFAULT

        origin, path = self.settings.origins["db"], self.settings.db
        if origin != DEFAULT and not os.path.exists(path):  # noqa: PTH110 - never raises
            remedy = _("correct the path, or queue something there first: {command}").format(
                command=self.command("submit", "JOBFILE", "INPUT")
            )
            raise StoreError(
                _("{origin} names a database that is not there").format(origin=origin),
                where=str(path),
                remedy=remedy,
            )

    @cached_property
    def out(self) -> Console:
        """The console for answers: stdout, or stderr when stdout is for a machine."""
        from runner.cli.render.consoles import console  # not for --json

        return console(stderr=self.json)

    @cached_property
    def err(self) -> Console:
        """The console for progress and remarks: stderr."""
        from runner.cli.render.consoles import console  # not for --help

        return console(stderr=True)

    def print(self, *parts: RenderableType) -> None:
        """Prints `parts` for people."""
        for part in parts:
            self.out.print(part, soft_wrap=isinstance(part, str), crop=False)

    def answer(self, value: Callable[[], Any], shown: Callable[[], RenderableType]) -> None:
        """Prints `value` as JSON or `shown` for people, as the options ask."""
        if self.json:
            print_json(value())
        else:
            self.print(shown())

    def command(self, *words: str | Path) -> str:
        """Returns the command line for `words`, quoted, with the given global options."""
        return invocation.command(*words)


def _log_origins(settings: Settings) -> None:
    import logging  # only for -v

    from runner.app.accounts.doctor import idle_providers

    log = logging.getLogger(__name__)
    for key, origin in settings.origins.items():
        log.info("%s is set by %s", key, origin)
    for idle in idle_providers(settings):
        log.warning("%s: %s; %s", idle.name, idle.detail, idle.remedy)


def session_of(context: typer.Context) -> Session:
    """Returns the session that the top-level callback created."""
    return cast("Session", context.obj)


def run_async(main: Callable[[], Awaitable[T]]) -> T:
    """Runs `main` on a new event loop."""
    import anyio  # not for --help

    gc.freeze()  # objects made at start-up live on, so collections can skip them
    gc.enable()
    return anyio.run(partial(main))


def print_json(value: Any) -> None:
    """Prints `value` on stdout as indented JSON."""
    import sys

    from runner import exact_json  # not for --help

    sys.stdout.write(exact_json.indented(value) + "\n")


def print_json_line(value: Any) -> None:
    """Prints `value` as one line of JSON, and flushes, for a command that prints several."""
    import sys

    import orjson  # not for --help

    sys.stdout.write(orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS).decode() + "\n")
    sys.stdout.flush()
